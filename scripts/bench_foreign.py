"""The guest for another architecture beside the host's own: the processor time of the same builds."""

import json
import os
import resource
import shutil
import subprocess
import tarfile

import bench_work
from bench_peers import Missing

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOREIGN = ("arm64", "riscv64")
WORKING = ("arm64",)  # those for which this machine's Debian has a C compiler and Python
RESUMING = ("arm64",)  # those whose VMs are saved
LIMIT = 1.3  # without KVM; with it, only the host's own guest is fast

# What runs on busybox, which is the same program in both guests. Each takes longer than a VM.
SCRIPTS = {
    "500 processes of busybox": "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done",
    "sha256sum of 50 MB": "head -c 50000000 /dev/zero | sha256sum > /sum",
    "gzip of 10 MB": "head -c 10000000 /dev/urandom | gzip > /packed",
    "200,000 turns in a shell": "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done",
}


def processor_time(command):
    """The processor time of COMMAND with all that it starts, QEMU as well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stderr.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def busybox_of(architecture):
    """The base image with the busybox that the guest itself has."""
    words = [] if architecture == "amd64" else [
        architecture, os.path.join(TREE, "build", architecture, "sysroot/bin/busybox")]
    return subprocess.check_output([os.path.join(TREE, "scripts/base-image.sh"), "busybox", *words],
                                   text=True).strip()


def installed_tools(bench, architecture):
    """A Debian for ARCHITECTURE with a C compiler and Python, an archive: debootstrap has unpacked it, and
    its guest installs it. It is made once per machine, and lies beside the other base images."""
    base = subprocess.check_output([os.path.join(TREE, "scripts/base-image.sh"), "debian"],
                                   text=True).strip()
    first = subprocess.check_output([os.path.join(TREE, "tests/first-stage.sh"), base, architecture,
                                     "gcc,libc6-dev,python3"], text=True).strip()
    out = first.removesuffix(".tar") + "-installed.tar"
    if os.path.exists(out):
        return out
    spec, made = bench.path("debian.json"), bench.path("debian.tar")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"name": "debian", "architecture": architecture, "memory": 1024, "diskSize": 4096,
                   "contents": [{"source": os.path.dirname(first), "path": "/" + os.path.basename(first),
                                 "unpack": True}],
                   "env": {"DEBIAN_FRONTEND": "noninteractive"}, "stillClock": True,
                   "runAsRoot": "/debootstrap/debootstrap --second-stage\napt-get clean\n"}, file)
    bench.seconds(bench.vmbuild("--spec", spec, "-o", made, "--compression=none", "--timeout=7200"))
    shutil.move(made, out + ".tmp")
    os.rename(out + ".tmp", out)
    return out


def tools_of(bench, architecture):
    """As bench_work.own_tools, for another architecture."""
    base = installed_tools(bench, architecture)
    tree, status = bench.path("tree.tar"), bench.path("status")
    bench.seconds(bench.vmbuild_command("export", base, "-o", tree))
    with tarfile.open(tree) as tar, open(status, "wb") as file:
        file.write(tar.extractfile("var/lib/dpkg/status").read())
    os.unlink(tree)
    packages = bench.path(f"packages-{architecture}")
    subprocess.check_call([os.path.join(TREE, "initramfs/sysroot.sh"), "--missing", architecture, packages,
                           status, "nginx-light"])
    return base, packages


def command_of(bench, architecture, base, script, *words):
    spec = bench.path(f"{architecture}.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"name": "foreign", "fromImage": base, "memory": 1024, "runAsRoot": script}, file)
    return bench.vmbuild("--spec", spec, "-o", bench.path("o.tar"), "--compression=none", "--accel=tcg",
                         *words)


def warm(bench, bases):
    """Has the cache hold a disk and a saved VM of each base."""
    for architecture, base in bases.items():
        bench.warm(command_of(bench, architecture, base, ":"))


def beside(bench, architecture, what, script, bases, *words):
    """The row WHAT: SCRIPT in the guest of ARCHITECTURE, beside that for amd64."""
    commands = [command_of(bench, name, bases[name], script, *words) for name in (architecture, "amd64")]
    own, other = bench.medians(*(lambda command=command: processor_time(command) for command in commands),
                               before=bench.forget_outputs)
    bench.row("19", f"CPU time for {architecture}: {what}", own, "the same for amd64", other, LIMIT)


def work(bench, architecture):
    """What people wait for, on a Debian with the same packages."""
    bases = {name: bench_work.make_base(bench, name, bench_work.own_tools if name == "amd64" else tools_of)
             for name in (architecture, "amd64")}
    warm(bench, bases)
    beside(bench, architecture, "a step that does nothing on Debian", "true", bases)
    for what, script in bench_work.runnable_scripts(bench, architecture):
        beside(bench, architecture, what, script, bases)


def foreign(bench):
    """19. Builds for other architectures, whose guests are there."""
    found = [name for name in FOREIGN if os.path.isdir(bench.path(f"bin/build/appliance/{name}"))]
    if not found:
        raise Missing('there is no guest for another architecture: make ARCHS="amd64 arm64"')
    for architecture in found:
        bases = {name: busybox_of(name) for name in (architecture, "amd64")}
        beside(bench, architecture, "a VM that boots", ":", bases, "--no-cache")
        warm(bench, bases)
        if architecture in RESUMING:
            beside(bench, architecture, "a VM that resumes", ":", bases)
        for what, script in SCRIPTS.items():
            beside(bench, architecture, what, script, bases)
        if architecture in WORKING:
            work(bench, architecture)
