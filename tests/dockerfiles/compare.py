#!/usr/bin/env python3
"""Compares two images, as docker-archives: what a container of each would find, how it is configured, and
what made it.

usage: compare.py ONE OTHER [TIMED...] [--no-history]

Prints a line for each difference. Times count for the paths TIMED and all below them. Of the history, only
what made layers counts.
"""

import hashlib
import json
import sys
import tarfile

CONFIG = ["Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal",
          "User", "Volumes", "WorkingDir"]


def remove(files, path):
    for known in [known for known in files if known == path or known.startswith(path + "/")]:
        del files[known]


def describe(tar, member, files):
    """All that counts of MEMBER."""
    kind = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "directory",
            tarfile.SYMTYPE: "link", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
            tarfile.FIFOTYPE: "fifo"}[member.type]
    entry = {"type": kind, "mode": "%04o" % (member.mode & 0o7777), "owner": f"{member.uid}:{member.gid}",
             "time": int(member.mtime)}
    if kind == "link":
        entry["to"] = member.linkname
        del entry["mode"]
    if kind == "file":
        entry["content"] = hashlib.sha256(tar.extractfile(member).read()).hexdigest()[:16]
    if kind in ("char", "block"):
        entry["device"] = f"{member.devmajor}:{member.devminor}"
    for name, value in member.pax_headers.items():
        if name.startswith("SCHILY.xattr."):
            entry["xattr " + name[len("SCHILY.xattr."):]] = value.encode("utf-8", "surrogateescape").hex()
    return entry


def add_layer(stream, files):
    """Lays a layer over FILES, path to entry. Hard links share an entry."""
    with tarfile.open(fileobj=stream, mode="r|*", errors="surrogateescape") as tar:
        for member in tar:
            path = "/" + member.name.removeprefix("./").strip("/")
            folder, _, name = path.rpartition("/")
            if name == ".wh..wh..opq":
                for known in [known for known in files if known.startswith(folder + "/")]:
                    del files[known]
                continue
            if name.startswith(".wh."):
                remove(files, folder + "/" + name[4:])
                continue
            if member.islnk():
                files[path] = files["/" + member.linkname.removeprefix("./").strip("/")]
                continue
            if not member.isdir():
                remove(files, path)
            files[path] = describe(tar, member, files)


def read(path):
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))
        files = {}
        for name in manifest["Layers"]:
            add_layer(archive.extractfile(name), files)
    files.pop("/", None)
    return files, config


def names_of(files):
    """The other names of each file, for hard links."""
    names = {}
    for path, entry in files.items():
        names.setdefault(id(entry), []).append(path)
    return {path: sorted(names[id(entry)]) for path, entry in files.items()}


def compare_files(one, other, timed):
    names = names_of(one), names_of(other)
    for path in sorted(set(one) | set(other)):
        if path not in one or path not in other:
            yield f"path {path}: only in the {'first' if path in one else 'second'}"
            continue
        is_timed = any(path == root or path.startswith(root + "/") for root in timed)
        for field in sorted(set(one[path]) | set(other[path])):
            values = one[path].get(field), other[path].get(field)
            if values[0] != values[1] and (field != "time" or is_timed):
                yield f"path {path}: {field}: {values[0]}, {values[1]}"
        if names[0][path] != names[1][path]:
            yield f"path {path}: names: {names[0][path]}, {names[1][path]}"


def made(config):
    return [entry.get("created_by", "") for entry in config.get("history") or []
            if not entry.get("empty_layer")]


def compare_histories(one, other):
    first, second = made(one), made(other)
    for i in range(max(len(first), len(second))):
        a, b = first[i] if i < len(first) else None, second[i] if i < len(second) else None
        if a != b:
            yield f"history {i}: {a}, {b}"


def compare_configs(one, other):
    for key in CONFIG:
        values = [(config.get("config") or {}).get(key) or None for config in (one, other)]
        if values[0] != values[1]:
            yield f"config {key}: {json.dumps(values[0])}, {json.dumps(values[1])}"
    for key in "architecture", "os", "author":
        if (one.get(key) or None) != (other.get(key) or None):
            yield f"config {key}: {one.get(key)}, {other.get(key)}"


def main():
    one, other = read(sys.argv[1]), read(sys.argv[2])
    timed = [path for path in sys.argv[3:] if path != "--no-history"]
    lines = [*compare_files(one[0], other[0], timed), *compare_configs(one[1], other[1])]
    if "--no-history" not in sys.argv:
        lines += compare_histories(one[1], other[1])
    for line in lines:
        print(line.encode("utf-8", "backslashreplace").decode())


main()
