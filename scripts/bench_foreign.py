"""The guest for another architecture beside the host's own: the processor time of the same builds."""

import json
import os
import resource
import subprocess

from bench_peers import Missing

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOREIGN = ("arm64", "riscv64")
LIMIT = 1.3  # without KVM; with it, only the host's own guest is fast

# What runs on busybox, which is the same program in both guests. Each takes longer than a VM.
SCRIPTS = {
    "500 processes": "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done",
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


def command_of(bench, architecture, base, script, *words):
    spec = bench.path(f"{architecture}.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"name": "foreign", "fromImage": base, "memory": 512, "runAsRoot": script}, file)
    return bench.vmbuild("--spec", spec, "-o", bench.path("o.tar"), "--compression=none", "--accel=tcg",
                         *words)


def beside(bench, architecture, what, script, bases, *words):
    """The row WHAT: SCRIPT in the guest of ARCHITECTURE, beside that for amd64."""
    commands = [command_of(bench, name, bases[name], script, *words) for name in (architecture, "amd64")]
    for command in commands:
        bench.warm(command)
    own, other = bench.medians(*(lambda command=command: processor_time(command) for command in commands),
                               before=bench.forget_outputs)
    bench.row("19", f"CPU time for {architecture}: {what}", own, "the same for amd64", other, LIMIT)


def foreign(bench):
    """19. Builds for other architectures, whose guests are there."""
    found = [name for name in FOREIGN if os.path.isdir(bench.path(f"bin/build/appliance/{name}"))]
    if not found:
        raise Missing('there is no guest for another architecture: make ARCHS="amd64 arm64"')
    for architecture in found:
        bases = {name: busybox_of(name) for name in (architecture, "amd64")}
        beside(bench, architecture, "a VM that boots", ":", bases, "--no-cache")
        beside(bench, architecture, "a VM that resumes", ":", bases)
        for what, script in SCRIPTS.items():
            beside(bench, architecture, what, script, bases)
