"""What vmbuild is measured beside: Docker's engine, buildah, a registry, libguestfs' appliance."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

REGISTRY_PORT = 5099


class Missing(Exception):
    """A peer or a privilege that this machine does not have."""


def need(*programs, root=False):
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")
    if root and os.getuid() != 0:
        raise Missing(f"{programs[0]} needs root")


class Peers:
    """Peers that have BASE, an archive, and whatever they keep below the directory WORK."""

    def __init__(self, tree, work, base):
        self.engine = os.path.join(tree, "tests/docker-engine.sh")
        self.work = work
        self.base = base
        self.docker_dir = None
        self.buildah_store = None

    def close(self):
        if self.docker_dir:
            subprocess.call([self.engine, "stop", self.docker_dir])

    def base_name(self):
        manifest = subprocess.check_output(["tar", "-xOf", self.base, "manifest.json"])
        return json.loads(manifest)[0]["RepoTags"][0]

    def context(self, name, instructions):
        """A directory with a Dockerfile of INSTRUCTIONS on the base."""
        path = os.path.join(self.work, name)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "Dockerfile"), "w", encoding="utf-8") as file:
            file.write(f"FROM {self.base_name()}\n{instructions}")
        return path

    def docker(self):
        """A docker command, on an engine that has the base."""
        need("docker", "dockerd", root=True)
        if self.docker_dir is None:
            self.docker_dir = os.path.join(self.work, "docker")
            subprocess.check_call([self.engine, "start", self.docker_dir])
            subprocess.check_call(["docker", "--host", f"unix://{self.docker_dir}/socket", "load",
                                   "-i", self.base], stdout=subprocess.DEVNULL)
        return ["docker", "--host", f"unix://{self.docker_dir}/socket"]

    def docker_build(self, context, then, *words):
        """A command that builds CONTEXT as bench, and does THEN, a command of docker's, with it."""
        docker = " ".join(self.docker())
        return ["sh", "-c", f"DOCKER_BUILDKIT=0 {docker} build --network none -q -t bench "
                            f"{' '.join(words)} {context} && {docker} {then}"]

    def buildah(self):
        """A buildah command, on a store that has the base."""
        need("buildah", root=True)
        store = os.path.join(self.work, "buildah")
        words = ["buildah", "--root", store, "--runroot", store + ".run", "--storage-driver",
                 "overlay"]
        if self.buildah_store is None:
            subprocess.check_call([*words, "pull", "-q", "docker-archive:" + self.base],
                                  stdout=subprocess.DEVNULL)
            self.buildah_store = store
        return words

    def buildah_build(self, context, *words):
        """A command that builds CONTEXT and writes an archive."""
        buildah = " ".join(self.buildah())
        out = os.path.join(self.work, "buildah.tar")
        return ["sh", "-c", f"rm -f {out} && {buildah} bud -q --isolation chroot -t bench "
                            f"{' '.join(words)} {context} && "
                            f"{buildah} push -q bench docker-archive:{out}:bench"]

    @contextlib.contextmanager
    def registry(self):
        """An empty registry on the loopback: its HOST:PORT."""
        need("docker-registry")
        root = os.path.join(self.work, "registry")
        config = root + ".yml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\n"
                       f"http: {{addr: '127.0.0.1:{REGISTRY_PORT}'}}\n")
        with subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as server:
            try:
                wait_for(server)
                yield f"localhost:{REGISTRY_PORT}"
            finally:
                server.terminate()
        shutil.rmtree(root, ignore_errors=True)

    def stock_appliance(self):
        need("guestfish")
        disk = os.path.join(self.work, "stock.img")
        layer = os.path.join(self.work, "base-layer.tar")
        name = json.loads(subprocess.check_output(["tar", "-xOf", self.base, "manifest.json"]))
        with open(layer, "wb") as file:
            subprocess.check_call(["tar", "-xOf", self.base, name[0]["Layers"][0]], stdout=file)
        return ["sh", "-c", f"truncate -s 2G {disk} && LIBGUESTFS_BACKEND=direct "
                            f"LIBGUESTFS_BACKEND_SETTINGS=force_tcg guestfish --rw -a {disk} run : "
                            f"mkfs ext4 /dev/sda : mount /dev/sda / : tar-in {layer} / : "
                            f"command /bin/true : tar-out / {self.work}/stock.tar"]


def wait_for(server):
    """Waits until SERVER, a registry, accepts connections."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", REGISTRY_PORT)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise RuntimeError("the registry did not start")
