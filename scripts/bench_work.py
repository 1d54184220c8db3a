"""What people wait for: scripts that work, in a VM and in `docker build`, on the same base."""

import base64
import glob
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import tarfile
import time

from bench_peers import Missing, need

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MATERIALS = "/work"  # in the base
SOURCE_LINES = 5000
TREE_SIZE = 100 << 20
TREE_FILES = 2000
NPM_PACKAGES = 60
NPM_FILES = 30  # of each package
NPM_PORT = 4873

# What runs as root, in vmbuild and Docker alike. It finds its materials below MATERIALS.
SCRIPTS = {
    "nginx's Debian packages, offline": f"DEBIAN_FRONTEND=noninteractive dpkg -i {MATERIALS}/nginx/*.deb",
    f"gcc -O2, {SOURCE_LINES:,} lines of C": f"gcc -O2 -c {MATERIALS}/program.c -o /program.o",
    "compileall of Python's library": "python3 -m compileall -q -f /usr/lib/python3.11/",
    "unpacking 100 MB": f"tar -xf {MATERIALS}/tree.tar -C /opt",
    "sha256sum of 100 MB": f"sha256sum {MATERIALS}/tree.tar > /sum",
    "500 processes": "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done",
    "npm install of 60 packages": f"cd {MATERIALS}/npm && export PATH={MATERIALS}/node/bin:$PATH && "
                                  f"{{ node registry.js & }} && mkdir /app && cp package.json /app && "
                                  f"cd /app && npm install --no-audit --no-fund --loglevel=error "
                                  f"--registry=http://127.0.0.1:{NPM_PORT}/ && "
                                  f"test -e node_modules/p{NPM_PACKAGES - 1}/package.json && kill $!",
}

# Serves the files of its directory.
REGISTRY = f"""const http = require('http'), fs = require('fs');
http.createServer((request, response) => fs.readFile('.' + request.url, (error, data) => {{
    response.writeHead(error ? 404 : 200);
    response.end(data);
}})).listen({NPM_PORT}, '127.0.0.1');
"""


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


def pack_package(folder, name, about):
    """Writes the .tgz of a package, the same bytes in each run, and returns its name."""
    path = f"{name}.tgz"
    source = random.Random(name)
    with open(os.path.join(folder, path), "wb") as file, \
            gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed, \
            tarfile.open(fileobj=packed, mode="w") as tar:
        for index in range(NPM_FILES):
            text = json.dumps(about) if index == 0 else f'module.exports = "{source.randbytes(2000).hex()}";\n'
            entry = tarfile.TarInfo(f"package/{'package.json' if index == 0 else f'{index}.js'}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path


def write_npm(folder):
    """A registry's files, server and NPM_PACKAGES packages, each of which needs the next two."""
    os.makedirs(folder)
    for index in range(NPM_PACKAGES):
        needs = range(index + 1, min(index + 3, NPM_PACKAGES))
        about = {"name": f"p{index}", "version": "1.0.0",
                 "dependencies": {f"p{need}": "1.0.0" for need in needs}}
        tarball = pack_package(folder, about["name"], about)
        with open(os.path.join(folder, tarball), "rb") as file:
            digest = base64.b64encode(hashlib.sha512(file.read()).digest()).decode()
        version = {**about, "dist": {"tarball": f"http://127.0.0.1:{NPM_PORT}/{tarball}",
                                     "integrity": "sha512-" + digest}}
        with open(os.path.join(folder, about["name"]), "w", encoding="utf-8") as file:
            json.dump({"name": about["name"], "dist-tags": {"latest": "1.0.0"},
                       "versions": {"1.0.0": version}}, file)
    with open(os.path.join(folder, "registry.js"), "w", encoding="utf-8") as file:
        file.write(REGISTRY)
    with open(os.path.join(folder, "package.json"), "w", encoding="utf-8") as file:
        json.dump({"name": "app", "version": "1.0.0", "dependencies": {"p0": "1.0.0"}}, file)


def copy_node(folder):
    """This host's own node and npm, if they are a directory's bin and lib."""
    program = os.path.realpath(shutil.which("npm") or "")
    end = "/lib/node_modules/npm/bin/npm-cli.js"
    if not program.endswith(end):
        return
    prefix = program.removesuffix(end)
    os.makedirs(os.path.join(folder, "bin"))
    shutil.copy(os.path.join(prefix, "bin/node"), os.path.join(folder, "bin"))
    shutil.copytree(os.path.join(prefix, "lib/node_modules/npm"), os.path.join(folder, "lib/node_modules/npm"))
    os.symlink("../lib/node_modules/npm/bin/npm-cli.js", os.path.join(folder, "bin/npm"))


def materials_of(bench, architecture):
    """The directory of the materials that the base for ARCHITECTURE has."""
    return bench.path(f"materials-{architecture}")


def own_tools(_bench, _architecture):
    """A base for this machine with a C compiler and Python, and the directory of nginx's packages."""
    base = subprocess.check_output([os.path.join(TREE, "scripts/base-image.sh"), "tools"],
                                   text=True).strip()
    packages = subprocess.check_output([os.path.join(TREE, "tests/packages.sh"), base, "nginx-light"],
                                       text=True).strip()
    return base, packages


def make_base(bench, architecture="amd64", find_tools=own_tools):
    """The base, an archive: what FIND_TOOLS returns, and the materials of SCRIPTS. It is made once."""
    out = bench.path(f"work-base-{architecture}.tar")
    if os.path.exists(out):
        return out
    base, packages = find_tools(bench, architecture)
    materials = materials_of(bench, architecture)
    shutil.copytree(packages, os.path.join(materials, "nginx"))
    write_program(os.path.join(materials, "program.c"))
    write_tree(os.path.join(materials, "tree.tar"))
    if architecture == "amd64":
        write_npm(os.path.join(materials, "npm"))
        copy_node(os.path.join(materials, "node"))
    bench.own_everything()
    spec = bench.path("materials.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"name": "bench-work", "tag": "latest", "fromImage": base,
                   "contents": [{"source": materials, "target": MATERIALS}]}, file)
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


def runnable_scripts(bench, architecture="amd64"):
    """Those of SCRIPTS for which the base has what they need."""
    for what, script in SCRIPTS.items():
        if "npm" in script and not os.path.exists(os.path.join(materials_of(bench, architecture), "node")):
            print(f"     {what}: this host has no npm for {architecture} of the kind that can be copied")
        else:
            yield what, script


def own_command(bench, base, script, *words):
    """The build of a layer by SCRIPT on BASE."""
    spec = bench.path("work.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump({"name": "work", "fromImage": base, "runAsRoot": script, "memory": 1024}, file)
    return bench.vmbuild("--spec", spec, "-o", bench.path("work-layer"), "--format=layer",
                         "--compression=none", *words)


def real_work(bench):
    """10. Scripts that work, by emulation and natively."""
    docker = bench.peers.docker()
    base = make_base(bench)
    bench.seconds([*docker, "load", "-i", base])
    for what, script in runnable_scripts(bench):
        own = own_command(bench, base, script)
        recipe = f"FROM bench-work:latest\nRUN {script}\n".encode()
        peer = [*docker, "build", "--no-cache", "--network=none", "-q", "-"]
        bench.warm(own)
        (seconds, busy), (peer_seconds, peer_busy) = medians(
            bench, lambda command=own: bench.seconds(command),
            lambda text=recipe: bench.seconds(peer, input=text))
        bench.row("10", what, seconds, "`docker build`", peer_seconds, None)
        print(f"     {'':46} processors: {busy:.2f} / {peer_busy:.2f} = {busy / peer_busy:.2f}",
              flush=True)


# In a mount namespace of its own: a tree that is new each time over the base's, as in a VM.
NATIVE = """set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$2/root"
mount --rbind /dev "$2/root/dev"
mount -t proc none "$2/root/proc"
exec chroot "$2/root" /bin/sh -c "$3"
"""


def make_native(bench, base):
    """Returns a function that returns the command of SCRIPT on BASE, on one of this host's processors
    and on nothing else."""
    tree, over = bench.path("native"), bench.path("over")
    archive = bench.path("native.tar")
    bench.seconds(bench.vmbuild_command("export", "-o", archive, base))
    os.makedirs(tree)
    os.makedirs(over)
    bench.seconds(["tar", "-xpf", archive, "-C", tree])
    os.unlink(archive)
    return lambda script: ["taskset", "-c", "0", "unshare", "--mount", "--net", "--pid", "--fork",
                           "sh", "-c", f"ip link set lo up 2> /dev/null || true\n{NATIVE}",
                           "sh", tree, over, script]


def script_seconds(command):
    """Runs COMMAND, a build with --progress=json, and returns the seconds that its script alone took."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", text=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stderr[-2000:]}")
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"event"')]
    return next(event["seconds"] for event in events
                if event.get("stage") == "runAsRoot" and event.get("state") == "done")


def medians_of_both(bench, builds, others):
    """For each of BUILDS the medians of its seconds and of those of its script; then those of OTHERS."""
    times = [[] for _ in builds + others]
    for run in range(bench.runs + 1):
        for index, command in enumerate(builds + others):
            start = time.monotonic()
            script = script_seconds(command) if index < len(builds) else command()
            if run > 0:
                times[index].append((time.monotonic() - start, script))
    return [[statistics.median(values) for values in zip(*each)] for each in times]


def under_uml(bench):
    """20. The same scripts under User-Mode Linux, by emulation, by Docker, and natively on one processor."""
    need("taskset", "unshare", root=True)
    if not glob.glob(os.path.join(TREE, "build/appliance/linux.*")):
        raise Missing("'make uml' has not built User-Mode Linux")
    docker = bench.peers.docker()
    base = make_base(bench)
    bench.seconds([*docker, "load", "-i", base])
    native = make_native(bench, base)
    accelerators = ["uml", "tcg"] + (["kvm"] if bench.accelerator().startswith("KVM") else [])
    ratios = []
    for what, script in runnable_scripts(bench):
        builds = [own_command(bench, base, script, f"--accel={accel}") for accel in accelerators]
        for command in builds:
            bench.warm(command)
        recipe = f"FROM bench-work:latest\nRUN {script}\n".encode()
        others = [lambda text=recipe: bench.seconds([*docker, "build", "--no-cache", "--network=none",
                                                     "-q", "-"], input=text),
                  lambda words=native(script): bench.seconds(words)]
        uml, *emulated, engine, bare = medians_of_both(bench, builds, others)
        bench.row("20", f"{what}: the script, UML", uml[1], "natively", bare[1], 5)
        for name, other in zip(accelerators[1:], emulated):
            bench.row("20", f"{what}: the script, UML", uml[1], name.upper(), other[1], None)
        bench.row("20", f"{what}: the build, UML", uml[0], "`docker build`", engine[0], None)
        ratios.append(uml[1] / bare[1])
    mean = statistics.geometric_mean(ratios)
    bench.value("20", "UML, geometric mean of scripts, natively 1", mean, "", mean <= 2)
