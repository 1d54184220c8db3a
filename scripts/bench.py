#!/usr/bin/env python3
"""Measures vmbuild against its goals, and next to its peers in the same run.

usage: bench.py [-n RUNS] [--record FILE] [ROW...]     run by `make bench`; as root if the peers
                                                       need it

Each row is a goal: medians of RUNS (at least 5), vmbuild and peer in turn, and the ratio of the
medians. vmbuild runs as an unprivileged user, peers as the user who runs this. A missing peer
is reported, and so is a missed goal; neither fails the run. --record keeps the rows in FILE, in
place of those of the same names (speed.py makes README's table of them).
"""

import argparse
import glob
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import bench_again
import bench_foreign
import bench_work
from bench_peers import Missing, Peers, need

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOBODY = 65534
MIB = 1 << 20


def processor():
    """The processor as a sentence names it: "an Intel Xeon"."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1] for line in file if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    name = " ".join(re.sub(r"\((R|TM)\)|\b(CPU|Processor)\b|@.*", "", name).split())
    return ("an " if name[0] in "AEIOU" else "a ") + name


class Bench:
    def __init__(self, runs):
        self.runs = runs
        self.work = tempfile.mkdtemp(prefix="vmbuild-bench.", dir="/var/tmp")
        os.chmod(self.work, 0o755)
        self.home = os.path.join(self.work, "home")
        os.mkdir(self.home)
        self.program = os.path.join(self.home, "bin", "vmbuild")
        os.makedirs(os.path.join(self.home, "bin", "build"))
        shutil.copy(os.path.join(TREE, "vmbuild"), self.program)
        shutil.copytree(os.path.join(TREE, "build", "appliance"),
                        os.path.join(self.home, "bin", "build", "appliance"))
        self.base = subprocess.check_output([os.path.join(TREE, "scripts/base-image.sh"), "debian"],
                                            text=True).strip()
        self.peers = Peers(TREE, self.work, self.base)
        self.rows = []
        self.own_everything()

    def own_everything(self):
        if os.getuid() == 0:
            subprocess.check_call(["chown", "-R", f"{NOBODY}:{NOBODY}", self.home])

    def close(self):
        self.peers.close()
        shutil.rmtree(self.work, ignore_errors=True)

    # --- Running ---------------------------------------------------------------------------------

    def path(self, name):
        return os.path.join(self.home, name)

    def spec(self, name, **keys):
        with open(self.path(name + ".json"), "w", encoding="utf-8") as file:
            json.dump({"name": name, "fromImage": self.base, **keys}, file)
        return self.path(name + ".json")

    def user_command(self, *words):
        command = ["env", "-i", "PATH=" + os.environ["PATH"], "HOME=" + self.home, *words]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                       "--no-new-privs", "--bounding-set=-all"] + command
        return command

    def accelerator(self):
        """The accelerator that vmbuild uses here, as it reports it."""
        report = subprocess.run(self.user_command(self.program, "doctor"), stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, cwd="/", check=False).stdout
        lines = [line.split(None, 2) for line in report.splitlines()]
        return next((words[2] for words in lines if words[1:2] == ["accelerator"]), "none")

    def vmbuild(self, *words):
        """A build that does what the spec says, whatever the cache has of it."""
        return self.user_command(self.program, "--progress=json", "--rebuild", *words)

    @staticmethod
    def seconds(command, **keys):
        start = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              cwd="/", check=False, **keys)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.returncode}\n{done.stderr.decode()[-2000:]}")
        return time.monotonic() - start

    def medians(self, *actions, before=lambda: None):
        """The median seconds of each action, run in turn after one run that does not count."""
        os.sync()  # nothing of earlier rows is written back meanwhile
        times = [[] for _ in actions]
        for run in range(self.runs + 1):
            for index, action in enumerate(actions):
                before()
                value = action()
                if run > 0:
                    times[index].append(value)
        return [statistics.median(values) for values in times]

    def warm(self, command):
        """Runs a build until the cache has everything for it: the base disk, and a saved VM."""
        for _ in range(2):
            self.seconds(command)

    def row(self, goal, what, own, peer, other, limit):
        """Prints and keeps a row: OWN and OTHER in seconds, LIMIT on their ratio."""
        ratio = own / other
        self.rows.append({"what": what, "peer": peer, "seconds": round(own, 3),
                          "peer_seconds": round(other, 3)})
        verdict = "" if limit is None else (f"goal {limit:g}: " + ("met" if ratio <= limit else "MISSED"))
        print(f"{goal:4} {what:46} {own:8.3f}   {peer:42} {other:8.3f}   {ratio:6.2f}   {verdict}",
              flush=True)

    def beside(self, goal, what, own, peer, make, limit=None):
        """A row of OWN beside the PEER that MAKE returns: commands, or functions that return the
        command of each run. Reports a peer that is missing."""
        def run(command):
            return self.seconds(command() if callable(command) else command)

        try:
            other = make()
        except Missing as missing:
            print(f"{goal:4} {what}: {peer}: {missing}")
            return
        ours, theirs = self.medians(lambda: run(own), lambda: run(other), before=self.forget_outputs)
        self.row(goal, what, ours, peer, theirs, limit)

    def machine(self):
        return (f"{processor()} ({os.cpu_count()} processors, Linux "
                f"{platform.release().split('-')[0]}, accelerator: {self.accelerator().split(':')[0]})")

    def record(self, path):
        """Puts the rows into the record PATH, where others may be, also of another machine or of more
        runs."""
        here = self.machine()
        record = {"machine": here, "runs": self.runs, "rows": []}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                record = json.load(file)
        elsewhere = {} if record["machine"] == here else {"machine": here}
        if record["runs"] != self.runs:
            elsewhere["runs"] = self.runs
        rows = {(row["what"], row["peer"]): row for row in record["rows"]}
        rows.update({(row["what"], row["peer"]): row | elsewhere for row in self.rows})
        record["rows"] = list(rows.values())
        with open(path, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1, ensure_ascii=False)
            file.write("\n")

    def value(self, goal, what, value, unit, met):
        print(f"{goal:4} {what:46} {value:8.3f} {unit:10} goal " + ("met" if met else "MISSED"),
              flush=True)

    def forget_outputs(self):
        """Every run creates a new file: freeing an old one of this size costs a tenth of a second."""
        for path in glob.glob(self.path("o*.tar*")):
            os.unlink(path)

    # --- Rows ------------------------------------------------------------------------------------

    def no_op(self):
        """1. A no-op root step on a cached base."""
        context = self.peers.context("noop", "RUN true\n")
        spec = self.spec("noop", runAsRoot="true")
        plain = self.vmbuild("--spec", spec, "-o", self.path("o.tar"), "--compression=none")
        packed = self.vmbuild("--spec", spec, "-o", self.path("o.tar.gz"))
        what = "a step that does nothing"
        self.warm(plain)
        self.beside("1", what, plain, "`docker build` and `docker save`",
                    lambda: self.peers.docker_build(context, "save bench > /dev/null", "--no-cache"), 0.4)
        self.beside("1", what, plain, "`buildah bud --isolation chroot` and `push`",
                    lambda: self.peers.buildah_build(context, "--no-cache", "--layers=false"), 0.8)
        self.beside("1", what + ", gzip", packed, "`docker build` and `docker save \\| gzip`",
                    lambda: self.peers.docker_build(context, "save bench | gzip > /dev/null",
                                                    "--no-cache"), 0.3)

    def cold(self):
        """2. The same on a base never seen."""
        spec = self.spec("cold", runAsRoot="true")
        cache = self.path("cold-cache")
        command = self.vmbuild("--spec", spec, "-o", self.path("o.tar"), "--compression=none",
                               "--cache-dir", cache)
        def forget():
            shutil.rmtree(cache, ignore_errors=True)
            self.forget_outputs()
        own, = self.medians(lambda: self.seconds(command), before=forget)
        self.value("2", "a step that does nothing, base never seen", own, "s", own <= 5)
        try:
            other = self.peers.stock_appliance()
            theirs, = self.medians(lambda: self.seconds(other))
            self.row("2", "a step that does nothing, base never seen", own, "libguestfs' stock appliance", theirs, 0.2)
        except (Missing, RuntimeError) as missing:
            print(f"2    libguestfs' stock appliance: {str(missing)[:200]}")

    def bare_boot(self):
        appliance = os.path.join(self.home, "bin/build/appliance")
        firmware = "/usr/share/qemu/qboot.rom"
        khz = tsc_khz()
        words = f"console=ttyS0 quiet panic=1 noreplace-smp nolapic_timer tsc=reliable " \
                f"tsc_early_khz={khz} lpj={khz * 10} no_timer_check scsi_mod.scan=manual " \
                "rdinit=/bin/busybox -- reboot -n -f"
        command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-m", "512",
                   "-machine", "accel=tcg", "-cpu", "max,la57=off,-erms",
                   "-kernel", os.path.join(appliance, "vmlinuz.x86_64"),
                   "-initrd", os.path.join(appliance, "initramfs.x86_64.img"), "-append", words]
        if os.path.exists(firmware):
            command += ["-bios", firmware]
        return self.user_command(*command)

    def first_instruction(self, command):
        """Seconds until the script's first line of output."""
        start = time.monotonic()
        with subprocess.Popen(command, stderr=subprocess.PIPE, cwd="/") as process:
            found = None
            for line in process.stderr:
                if found is None and b'"output"' in line and b"started" in line:
                    found = time.monotonic() - start
        if found is None:
            raise RuntimeError("the script did not start")
        return found

    def launch(self):
        """3. From vmbuild to the script's first instruction."""
        spec = self.spec("launch", runAsRoot="#!/bin/sh\necho started\n")
        command = self.vmbuild("--spec", spec, "-o", self.path("o.tar"), "--compression=none")
        self.warm(command)
        own, bare = self.medians(lambda: self.first_instruction(command),
                                 lambda: self.seconds(self.bare_boot()))
        self.row("3", "to the script's first instruction", own, "QEMU alone, same kernel, to init", bare,
                 1.15)
        self.value("3", "QEMU alone", bare, "s", bare <= 0.4)

    def stages(self, command):
        """Seconds and bytes of each stage of a run."""
        self.forget_outputs()
        os.sync()  # nothing of earlier runs is written back meanwhile
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/",
                              check=True)
        events = [json.loads(line) for line in done.stderr.splitlines()]
        return {event["stage"]: (event["seconds"], event["bytes"]) for event in events
                if event["event"] == "stage" and event["state"] == "done"}

    def layers(self):
        """4. Layers of many files, many bytes, many whiteouts: each stage."""
        scripts = {
            "20,000 small files": "mkdir /n; cd /n; seq 20000 | split -l 1 -a 4 -",
            "20,000 where 20,000 were": "for i in 1 2; do rm -rf /n; mkdir /n; cd /n; "
                                        "seq 20000 | split -l 1 -a 4 -; done",
            "500 MB": "head -c 500000000 /dev/urandom > /blob",
            "half of the base deleted": "rm -rf /usr/share /usr/lib/x86_64-linux-gnu/perl*",
        }
        for what, script in scripts.items():
            spec = self.spec("layer", runAsRoot=script, memory=1024)
            command = self.vmbuild("--spec", spec, "-o", self.path("o.tar.gz"))
            self.warm(command)
            runs = [self.stages(command) for _ in range(self.runs)]
            for stage in runs[0]:
                seconds = statistics.median(run[stage][0] for run in runs)
                size = runs[0][stage][1]
                rate = f"{size / seconds / 1e6:8.0f} MB/s" if size > MIB and seconds > 0 else ""
                print(f"4    {what:30} {stage:12} {seconds:8.3f} s {size / 1e6:10.1f} MB {rate}",
                      flush=True)
            if what == "500 MB":
                pack = statistics.median(run["pack"][1] / run["pack"][0] for run in runs) / 1e6
                self.value("4", "guest to sha256 + gzip", pack, "MB/s", pack >= 300)

    def grown_base(self, name, script, times):
        """A base of TIMES further layers, each made by SCRIPT."""
        base = self.base
        for index in range(times):
            with open(self.path("grow.json"), "w", encoding="utf-8") as file:
                json.dump({"name": name, "fromImage": base,
                           "contents": script(index)}, file)
            out = self.path(f"{name}{index % 2}.tar")
            self.seconds(self.vmbuild("--spec", self.path("grow.json"), "-o", out,
                                      "--compression=none"))
            base = out
        return base

    def folder(self, name, size):
        os.makedirs(self.path(name), exist_ok=True)
        with open(os.path.join(self.path(name), name), "wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        self.own_everything()
        return self.path(name)

    def growth(self):
        """5. Cost follows the change, not the base."""
        spec = self.spec("noop", runAsRoot="true")
        plain = self.vmbuild("--spec", spec, "-o", self.path("layer"), "--format=layer")
        large = self.grown_base("large", lambda index: self.folder(f"big{index}", 170 * MIB), 9)
        many = self.grown_base("many", lambda index: self.folder(f"small{index}", MIB), 99)
        for what, base in (("ten times the size", large), ("100 layers", many)):
            with open(self.path("grown.json"), "w", encoding="utf-8") as file:
                json.dump({"name": "grown", "fromImage": base, "runAsRoot": "true"}, file)
            grown = self.vmbuild("--spec", self.path("grown.json"), "-o", self.path("layer"),
                                 "--format=layer")
            self.warm(grown)
            self.warm(plain)
            own, other = self.medians(lambda: self.seconds(grown), lambda: self.seconds(plain))
            self.row("5", f"a step on a base of {what}", own, "the same on the base itself", other, 1.1)

    def pure(self):
        """6. A pure layer with gzip."""
        need("igzip")
        tree = self.folder("pure", 170 * MIB)
        with open(self.path("pure.json"), "w", encoding="utf-8") as file:
            json.dump({"name": "pure", "contents": tree}, file)
        command = self.vmbuild("--spec", self.path("pure.json"), "-o", self.path("o.tar.gz"))
        other = ["sh", "-c", f"tee < {tree}/pure {self.work}/copy | sha256sum > /dev/null; "
                             f"igzip -1 -c {self.work}/copy > {self.work}/copy.gz"]
        own, theirs = self.medians(lambda: self.seconds(command), lambda: self.seconds(other))
        self.row("6", "`contents` of 170 MB, gzip, no VM", own, "reading, `sha256sum`, `igzip -1`", theirs,
                 1.3)

    def registry(self):
        """7. pull and export, compared with skopeo and umoci."""
        need("docker-registry", "skopeo", "umoci")
        with self.peers.registry() as host:
            reference = f"docker://{host}/base:1"
            self.seconds(["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false",
                          "docker-archive:" + self.base, reference])
            out = os.path.join(self.work, "pulled")
            own, theirs = self.medians(
                lambda: self.seconds(self.vmbuild_command("pull", reference, "--no-cache", "-o",
                                                          self.path("p"), "--format=oci")),
                lambda: self.seconds(["sh", "-c", f"rm -rf {out} && skopeo copy --insecure-policy "
                                      f"--src-tls-verify=false {reference} oci:{out}:1"]))
            self.row("7", "`pull`", own, "`skopeo copy`", theirs, 1.0)
            unpacked = os.path.join(self.work, "unpacked")
            own, theirs = self.medians(
                lambda: self.seconds(self.vmbuild_command("export", f"oci:{out}:1", "-o",
                                                          self.path("e.tar"))),
                lambda: self.seconds(["sh", "-c", f"rm -rf {unpacked} && umoci unpack --image {out}:1 "
                                      f"{unpacked} && tar -C {unpacked}/rootfs -cf {unpacked}.tar ."]))
            self.row("7", "`export`", own, "`umoci unpack` and `tar`", theirs, 1.0)

    def vmbuild_command(self, command, *words):
        return self.user_command(self.program, command, "--progress=json", *words)

    def memory(self):
        """8. Host memory in addition to QEMU's, for a 5 GB layer."""
        spec = self.spec("memory", runAsRoot="truncate -s 5G /zeros; head -c 5G /dev/zero > /zeros")
        command = self.vmbuild("--spec", spec, "-o", self.path("o.tar"))
        peak = {"vmbuild": 0, "qemu": 0}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              cwd="/") as process:
            while process.poll() is None:
                for kind, size in resident(process.pid):
                    peak[kind] = max(peak[kind], size)
                time.sleep(0.1)
        if process.returncode != 0:
            raise RuntimeError("the build of 5 GB failed")
        self.value("8", "vmbuild's own memory, 5 GB layer", peak["vmbuild"] / MIB, "MiB",
                   peak["vmbuild"] <= 64 * MIB)
        self.value("8", "QEMU's memory, guest of 512 MiB", peak["qemu"] / MIB, "MiB",
                   peak["qemu"] <= 768 * MIB)

    def together(self):
        """9. Concurrent builds."""
        spec = self.spec("noop", runAsRoot="true")
        commands = [self.vmbuild("--spec", spec, "-o", self.path(f"o{index}.tar"), "--compression=none")
                    for index in range(8)]

        def cpu(count):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            running = [subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/")
                       for command in commands[:count]]
            for process in running:
                if process.wait() != 0:
                    raise RuntimeError("a build failed")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

        one, two = self.medians(lambda: cpu(1), lambda: cpu(2), before=self.forget_outputs)
        self.row("9", "CPU time of two builds at once", two, "of two alone", 2 * one, 1.15)
        shutil.rmtree(self.path(".cache"), ignore_errors=True)
        unpacks = 0
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, cwd="/") for command in commands]
        for process in running:
            unpacks += b'"unpack","state":"done"' in process.communicate()[1]
        self.value("9", "unpackings by eight builds, one new base", unpacks, "", unpacks == 1)

    def release(self):
        """11. The static programs of the release."""
        archives = sorted(glob.glob(os.path.join(TREE, "build/release/vmbuild-*-x86_64.tar.gz")))
        if not archives:
            raise Missing("there is none: make release")
        folder = self.path("release")
        os.makedirs(folder, exist_ok=True)
        subprocess.check_call(["tar", "-xf", archives[-1], "-C", folder, "--strip-components=1"])
        self.own_everything()
        program = os.path.join(folder, "bin/vmbuild")
        spec = self.spec("noop", runAsRoot="true")
        words = ["--progress=json", "--rebuild", "--spec", spec, "-o", self.path("o.tar"), "--compression=none"]
        static, own = self.user_command(program, *words), self.user_command(self.program, *words)
        self.warm(static)
        self.warm(own)
        ours, other = self.medians(lambda: self.seconds(static), lambda: self.seconds(own),
                                   before=self.forget_outputs)
        self.row("11", "a step that does nothing, the release", ours,
                 "the same, this machine's libraries and QEMU", other, None)


def resident(pid):
    """Kind and resident bytes of each process at and below PID."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file)
        kind = "qemu" if fields["Name"].strip().startswith("qemu") else "vmbuild"
        yield kind, int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            children = file.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield from resident(int(child))


def tsc_khz():
    """The frequency of the processor's time stamp counter, as the kernel found it."""
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("cpu MHz"):
            return int(float(line.split(":")[1]) * 1000)
    return 2000000


# What the command line can choose by name.
ROWS = (Bench.no_op, Bench.cold, Bench.launch, Bench.layers, Bench.growth, Bench.pure, Bench.registry,
        Bench.memory, Bench.together, bench_work.real_work, bench_work.under_uml, Bench.release,
        bench_again.unchanged, bench_again.pushed, bench_again.last_step, bench_again.chain,
        bench_again.jobs, bench_again.dockerfile, bench_again.steps, bench_foreign.foreign)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=5, help="runs of each command")
    parser.add_argument("--record", metavar="FILE", help="keep the rows in FILE")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    arguments = parser.parse_args()
    rows = {row.__name__: row for row in ROWS}
    unknown = [name for name in arguments.rows if name not in rows]
    if unknown:
        parser.error(f"'{unknown[0]}' must be one of {', '.join(rows)}")
    bench = Bench(arguments.n)

    print(f"{processor()}, {os.cpu_count()} processors, Linux {platform.release()}, "
          f"accelerator: {bench.accelerator()}; medians of {arguments.n} runs, seconds")
    print(f"{'goal':4} {'what':46} {'vmbuild':>8}   {'peer':42} {'peer':>8}   {'ratio':>6}")
    try:
        for name in arguments.rows or rows:
            try:
                rows[name](bench)
            except (Missing, RuntimeError, subprocess.CalledProcessError) as error:
                print(f"     {name}: {str(error)[:300]}", flush=True)
        if arguments.record:
            bench.record(arguments.record)
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
