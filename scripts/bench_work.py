"""What people wait for: scripts that work, in a VM and in `docker build`, on the same base."""

import io
import json
import os
import random
import shutil
import statistics
import subprocess
import tarfile
import time

MATERIALS = "/work"  # in the base
SOURCE_LINES = 5000
TREE_SIZE = 100 << 20
TREE_FILES = 2000

# What runs as root, in vmbuild and Docker alike. It finds its materials below MATERIALS.
SCRIPTS = {
    "nginx's Debian packages, offline": f"DEBIAN_FRONTEND=noninteractive dpkg -i {MATERIALS}/nginx/*.deb",
    f"gcc -O2, {SOURCE_LINES:,} lines of C": f"gcc -O2 -c {MATERIALS}/program.c -o /program.o",
    "compileall of Python's library": "python3 -m compileall -q -f /usr/lib/python3.11/",
    "unpacking 100 MB": f"tar -xf {MATERIALS}/tree.tar -C /opt",
    "sha256sum of 100 MB": f"sha256sum {MATERIALS}/tree.tar > /sum",
    "500 processes": "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done",
}


def write_program(path):
    """A C program of SOURCE_LINES lines: functions with loops and branches, as compilers meet them."""
    functions = SOURCE_LINES // 10
    with open(path, "w", encoding="ascii") as file:
        for index in range(functions):
            other = f"f{index - 1}(a[i % n], n)" if index > 0 else "n"
            file.write(f"unsigned f{index}(unsigned seed, unsigned n)\n{{\n"
                       f"    unsigned a[64], sum = seed + {index};\n\n"
                       f"    for (unsigned i = 0; i < 64; i++)\n"
                       f"        a[i] = sum = sum * 1103515245u + {index * 7 + 1}u;\n"
                       f"    for (unsigned i = 0; n > 0 && i < n; i++)\n"
                       f"        sum ^= a[i % 64] > seed ? a[(i * {index % 13 + 1}) % 64] : {other};\n"
                       f"    return sum;\n}}\n")


def write_tree(path):
    """A tar of TREE_FILES files, whose bytes are the same in each run."""
    source = random.Random(1)
    with tarfile.open(path, "w") as tar:
        for index in range(TREE_FILES):
            entry = tarfile.TarInfo(f"tree/{index % 50}/{index}")
            entry.size = TREE_SIZE // TREE_FILES
            tar.addfile(entry, io.BytesIO(source.randbytes(entry.size)))


def make_base(bench, tree):
    """The base, an archive: a C compiler, Python and the materials of SCRIPTS."""
    base = subprocess.check_output([os.path.join(tree, "scripts/base-image.sh"), "tools"],
                                   text=True).strip()
    packages = subprocess.check_output([os.path.join(tree, "tests/packages.sh"), base, "nginx-light"],
                                       text=True).strip()
    materials = bench.path("materials")
    shutil.copytree(packages, os.path.join(materials, "nginx"))
    write_program(os.path.join(materials, "program.c"))
    write_tree(os.path.join(materials, "tree.tar"))
    bench.own_everything()
    spec = bench.path("materials.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"name": "bench-work", "tag": "latest", "fromImage": base,
                   "contents": [{"source": materials, "target": MATERIALS}]}, file)
    out = bench.path("work-base.tar")
    bench.seconds(bench.vmbuild("--spec", spec, "-o", out, "--compression=none"))
    return out


def busy_seconds():
    """What all processors of this machine have worked, for whom ever."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq = [int(word) for word in file.readline().split()[1:8]]
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measure(action):
    """Seconds on the clock, and of all processors: the work is done by Docker's daemon, too."""
    busy, start = busy_seconds(), time.monotonic()
    action()
    return time.monotonic() - start, busy_seconds() - busy


def medians(bench, *actions):
    results = [[] for _ in actions]
    for run in range(bench.runs + 1):
        for index, action in enumerate(actions):
            value = measure(action)
            if run > 0:
                results[index].append(value)
    return [[statistics.median(values) for values in zip(*result)] for result in results]


def rows(bench, tree):
    """Prints a row for each of SCRIPTS."""
    docker = bench.docker()
    base = make_base(bench, tree)
    bench.seconds([*docker, "load", "-i", base])
    for what, script in SCRIPTS.items():
        spec = bench.path("work.json")
        with open(spec, "w", encoding="utf-8") as file:
            json.dump({"name": "work", "fromImage": base, "runAsRoot": script, "memory": 1024}, file)
        own = bench.vmbuild("--spec", spec, "-o", bench.path("work-layer"), "--format=layer",
                            "--compression=none")
        recipe = f"FROM bench-work:latest\nRUN {script}\n".encode()
        peer = [*docker, "build", "--no-cache", "--network=none", "-q", "-"]
        bench.warm(own)
        (seconds, busy), (peer_seconds, peer_busy) = medians(
            bench, lambda command=own: bench.seconds(command),
            lambda text=recipe: bench.seconds(peer, input=text))
        print(f"10   {what:42} {seconds:8.3f}   {'docker build, natively':38} {peer_seconds:8.3f}   "
              f"{seconds / peer_seconds:6.2f}   processors: {busy:.2f} / {peer_busy:.2f} = "
              f"{busy / peer_busy:.2f}", flush=True)
