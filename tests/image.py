#!/usr/bin/env python3
"""Creates images to build on, hostile ones included, and looks into images, for the tests.

usage: image.py make FILE < DESCRIPTION   writes an image (see `make`)
       image.py layer FILE [N]            lists the entries of layer N (default -1, the last)
       image.py file FILE PATH [N]        the bytes of a regular file of layer N
       image.py sums FILE [N]             the digests of layer N's regular files
       image.py config FILE               the config document
       image.py diff-ids FILE             the digests of the layers' tars, computed, one per line
       image.py members FILE              the names in the archive, in their order
       image.py tree DIR [CLAMP]          lists a directory as `layer` lists a layer, with hashes of the
                                          contents; with CLAMP also the times of directories, where
                                          those of the last hours and CLAMP (seconds) are shown as new
       image.py check FILE                checks all that holds for a docker-archive

A DESCRIPTION is JSON: {"layers": [[ENTRY, ...], ...]} and any of
  "config": {...}          the config document's "config"
  "created": RFC 3339
  "form": "docker"         as docker save writes it: manifest.json, repositories, ID/{layer.tar,json,VERSION}
          "skopeo"         manifest.json, layers as DIGEST.tar next to it
          "old"            the form of 2016: repositories and the parent chain only
          "docker25"       as docker save of version 25 and later writes it: an OCI layout, with manifest.json
                           and repositories next to it
  "name": "NAME:TAG"
  "compression": "none", "gzip", "xz", "zstd" or "bzip2", of the whole
An ENTRY is {"path": P} and any of "type": "file", "dir", "link", "hard", "char", "block", "fifo";
"mode": "755", "uid", "gid", "mtime", "data" (text), "hex" (bytes), "size" (zero bytes), "to" (a
link's target), "major", "minor", "xattrs": {NAME: HEX}.
"""

import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import time

TYPES = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE,
         "hard": tarfile.LNKTYPE, "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE,
         "fifo": tarfile.FIFOTYPE}
NAMES = {value: name for name, value in TYPES.items()}
COMPRESSORS = {"gzip": ["gzip", "-n"], "xz": ["xz", "-0"], "zstd": ["zstd", "-q"],
               "bzip2": ["bzip2"]}
MAGIC = [(b"\x1f\x8b", "gzip"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
         (b"BZh", "bzip2")]


def layer_tar(entries):
    """The bytes of a layer tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT,
                      errors="surrogateescape") as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry["path"])
            info.type = TYPES[entry.get("type", "file")]
            info.mode = int(entry.get("mode", "755" if info.isdir() else "644"), 8)
            info.uid = entry.get("uid", 0)
            info.gid = entry.get("gid", 0)
            info.mtime = entry.get("mtime", 1000000000)
            info.linkname = entry.get("to", "")
            info.devmajor = entry.get("major", 0)
            info.devminor = entry.get("minor", 0)
            for name, value in entry.get("xattrs", {}).items():
                info.pax_headers["SCHILY.xattr." + name] = \
                    bytes.fromhex(value).decode("utf-8", "surrogateescape")
            data = entry.get("data", "").encode("utf-8", "surrogateescape")
            data = bytes.fromhex(entry["hex"]) if "hex" in entry else data
            data = data or bytes(entry.get("size", 0))
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mtime = 1000000000
    tar.addfile(info, io.BytesIO(data))


def make_config(description, tars):
    created = description.get("created", "2001-09-09T01:46:40Z")
    return {
        "architecture": description.get("architecture", "amd64"),
        "os": "linux",
        "created": created,
        "config": description.get("config", {}),
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(t) for t in tars]},
        "history": [{"created": created, "created_by": "image.py"} for _ in tars],
    }


OCI = "application/vnd.oci.image."


def oci_members(name, tag, config, tars):
    """The files of Docker's archives since version 25, by name. Nothing refers to the v1 configs
    that it leaves among the blobs."""
    files, v1 = {}, b'{"created":"1970-01-01T00:00:00Z","layer_id":"x"}'

    def blob(kind, data):
        files["blobs/sha256/" + sha256(data)] = data
        return {"mediaType": OCI + kind, "digest": "sha256:" + sha256(data), "size": len(data)}
    layers = [blob("layer.v1.tar", data) for data in tars]
    blob("config.v1+json", v1)
    manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                "config": blob("config.v1+json", config), "layers": layers}
    entry = blob("manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {"io.containerd.image.name": f"docker.io/{name}:{tag}",
                            "org.opencontainers.image.ref.name": tag}
    paths = ["blobs/sha256/" + layer["digest"][7:] for layer in layers]
    documents = {
        "index.json": {"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                       "manifests": [entry]},
        "manifest.json": [{"Config": "blobs/sha256/" + sha256(config),
                           "RepoTags": [f"{name}:{tag}"], "Layers": paths,
                           "LayerSources": {layer["digest"]: layer for layer in layers}}],
        "oci-layout": {"imageLayoutVersion": "1.0.0"},
        "repositories": {name: {tag: layers[-1]["digest"][7:]}}}
    files.update((key, json.dumps(value).encode()) for key, value in documents.items())
    return files


def make(path, description):
    """Writes the image of a DESCRIPTION."""
    tars = [layer_tar(entries) for entries in description["layers"]]
    form = description.get("form", "docker")
    name, tag = description.get("name", "test/base:latest").rsplit(":", 1)
    config = make_config(description, tars)
    config_bytes = json.dumps(config).encode()
    config_name = sha256(config_bytes) + ".json"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        parent, names = None, []
        if form == "docker25":
            for member, data in sorted(oci_members(name, tag, config_bytes, tars).items()):
                add(tar, member, data)
            tars = []
        for index, data in enumerate(tars):
            identity = sha256(f"{index} {parent} {sha256(data)}".encode())
            if form == "skopeo":
                names.append(sha256(data) + ".tar")
                add(tar, names[-1], data)
                continue
            v1 = {"id": identity, "created": config["created"], "os": "linux",
                  "config": config["config"], "architecture": config["architecture"]}
            if parent:
                v1["parent"] = parent
            add(tar, identity + "/VERSION", b"1.0")
            add(tar, identity + "/json", json.dumps(v1).encode())
            add(tar, identity + "/layer.tar", data)
            names.append(identity + "/layer.tar")
            parent = identity
        if form in ("docker", "skopeo"):
            add(tar, config_name, config_bytes)
            add(tar, "manifest.json", json.dumps(
                [{"Config": config_name, "RepoTags": [f"{name}:{tag}"], "Layers": names}]).encode())
        if form in ("docker", "old"):
            add(tar, "repositories", json.dumps({name: {tag: parent}}).encode())
    data = out.getvalue()
    compression = description.get("compression", "none")
    if compression != "none":
        data = subprocess.run(COMPRESSORS[compression], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    with open(path, "wb") as file:
        file.write(data)


def open_tar(file):
    """The tar in FILE, whatever its compression."""
    head = file.read(8)
    file.seek(0)
    for magic, name in MAGIC:
        if head.startswith(magic):
            file = io.BytesIO(subprocess.run([COMPRESSORS[name][0], "-dc"], input=file.read(),
                                             stdout=subprocess.PIPE, check=True).stdout)
            break
    return tarfile.open(fileobj=file, errors="surrogateescape")


def blob_name(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")


class Archive:
    """A docker-archive or oci-archive, whatever its compression."""

    def __init__(self, path):
        self.tar = open_tar(open(path, "rb"))
        if "manifest.json" in self.tar.getnames():
            self.manifest = json.loads(self.read("manifest.json"))[0]
        else:
            index = json.loads(self.read("index.json"))
            manifest = json.loads(self.read(blob_name(index["manifests"][0])))
            self.manifest = {"Config": blob_name(manifest["config"]),
                             "Layers": [blob_name(layer) for layer in manifest["layers"]]}

    def read(self, name):
        return self.tar.extractfile(name).read()

    def digests(self):
        """The digests of the layers' tars, decompressed."""
        for name in self.manifest["Layers"]:
            file, head = self.tar.extractfile(name), self.tar.extractfile(name).read(8)
            packed = next((kind for magic, kind in MAGIC if head.startswith(magic)), None)
            if packed:
                yield sha256(subprocess.run([COMPRESSORS[packed][0], "-dc"], input=file.read(),
                                            stdout=subprocess.PIPE, check=True).stdout)
            else:
                yield hashlib.file_digest(file, "sha256").hexdigest()

    def layer(self, index=-1):
        return open_tar(self.tar.extractfile(self.manifest["Layers"][index]))


def quote(text):
    """PATH as one word: special characters are escaped."""
    raw = text.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if 33 <= b < 127 and b != 92 else f"\\{b:03o}" for b in raw)


def entry_line(info):
    words = [NAMES.get(info.type, repr(info.type)), f"{info.mode:04o}", f"{info.uid}:{info.gid}",
             quote(info.name)]
    if info.issym():
        words += ["->", quote(info.linkname)]
    elif info.islnk():
        words += ["=", quote(info.linkname)]
    elif info.ischr() or info.isblk():
        words.append(f"{info.devmajor},{info.devminor}")
    for key, value in sorted(info.pax_headers.items()):
        if key.startswith("SCHILY.xattr."):
            raw = value.encode("utf-8", "surrogateescape")
            words.append(f"xattr {key[13:]}={raw.hex()}")
    return " ".join(words)


def folder_time(mtime, clamp):
    return "new" if mtime == clamp or abs(mtime - time.time()) < 10000 else str(mtime)


def tree(top, clamp=None):
    """Lines for everything below the directory TOP, hard links and contents included; for comparing."""
    lines, inodes = [], {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            shown = quote(os.fsdecode(os.path.relpath(path, os.fsencode(top))))
            info = os.lstat(path)
            words = [stat.filemode(info.st_mode)[0], f"{info.st_mode & 0o7777:04o}",
                     f"{info.st_uid}:{info.st_gid}", shown]
            if stat.S_ISLNK(info.st_mode):
                words += ["->", quote(os.fsdecode(os.readlink(path)))]
            elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
                words.append(f"{os.major(info.st_rdev)},{os.minor(info.st_rdev)}")
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    words.append(hashlib.file_digest(file, "sha256").hexdigest()[:16])
            if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
                words.append("= " + inodes.setdefault(info.st_ino, shown))
            for key in sorted(os.listxattr(path, follow_symlinks=False)):
                value = os.getxattr(path, key, follow_symlinks=False)
                words.append(f"xattr {key}={value.hex()}")
            mtime = info.st_mtime_ns // 1000000000
            if not stat.S_ISDIR(info.st_mode):
                words.append(f"mtime {mtime}")
            elif clamp:
                words.append(f"mtime {folder_time(mtime, clamp)}")
            lines.append(" ".join(words))
    return sorted(lines)


def require(condition, text):
    if not condition:
        sys.exit(f"image.py: {text}")


def check(path):
    """Checks what holds for `docker save`: digests, names, the parent chain, order, one of each."""
    archive = Archive(path)
    names = archive.tar.getnames()
    require(len(names) == len(set(names)), "a name occurs twice")
    config_bytes = archive.read(archive.manifest["Config"])
    require(archive.manifest["Config"] == sha256(config_bytes) + ".json", "the config's name")
    config = json.loads(config_bytes)
    layers = archive.manifest["Layers"]
    diff_ids = config["rootfs"]["diff_ids"]
    require(len(layers) == len(diff_ids), "layers and diff IDs differ in number")
    require(sum(not h.get("empty_layer") for h in config.get("history", [])) == len(layers),
            "history and layers differ in number")
    parent = None
    for name, diff_id in zip(layers, diff_ids):
        data = archive.read(name)
        require("sha256:" + sha256(data) == diff_id, f"{name}: not its diff ID")
        identity = name.split("/")[0]
        require(len(identity) == 64, f"{name}: not ID/layer.tar")
        require(archive.read(identity + "/VERSION") == b"1.0", f"{identity}/VERSION")
        v1 = json.loads(archive.read(identity + "/json"))
        require(v1["id"] == identity, f"{identity}: its json has another id")
        require(v1.get("parent") == parent, f"{identity}: parent is {v1.get('parent')}")
        parent = identity
    for key in ("config", "architecture", "os", "checksum", "Size", "created"):
        require(key in v1, f"the new layer's json has no '{key}'")
    repository, tag = archive.manifest["RepoTags"][0].rsplit(":", 1)
    require(json.loads(archive.read("repositories")) == {repository: {tag: parent}}, "repositories")


def main(arguments):
    command, path = arguments[0], arguments[1]
    rest = arguments[2:]
    sys.stdout.reconfigure(errors="surrogateescape")
    if command == "make":
        make(path, json.load(sys.stdin))
    elif command == "layer":
        with Archive(path).layer(int(rest[0]) if rest else -1) as tar:
            for info in tar:
                print(entry_line(info))
    elif command == "sums":
        with Archive(path).layer(int(rest[0]) if rest else -1) as tar:
            for info in tar:
                if info.isreg():
                    print(sha256(tar.extractfile(info).read()), quote(info.name))
    elif command == "file":
        with Archive(path).layer(int(rest[1]) if rest[1:] else -1) as tar:
            sys.stdout.buffer.write(tar.extractfile(rest[0]).read())
    elif command == "config":
        archive = Archive(path)
        sys.stdout.buffer.write(archive.read(archive.manifest["Config"]))
    elif command == "diff-ids":
        print("\n".join("sha256:" + digest for digest in Archive(path).digests()))
    elif command == "members":
        print("\n".join(Archive(path).tar.getnames()))
    elif command == "tree":
        print("\n".join(tree(path, int(rest[0]) if rest else None)))
    elif command == "check":
        check(path)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1:])
