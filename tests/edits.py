#!/usr/bin/env python3
"""Makes a random base image of several layers, and random edits for tests/edit.c.

usage: edits.py SEED DIR EDIT    writes DIR/base.tar and DIR/edits; EDIT is the static edit program,
                                 which the base holds as /edit, beside busybox as /bin/sh

What is made depends on SEED alone. The generator keeps a model of the tree, so that most edits can
be carried out; some cannot, on purpose. What no layer can express is left out: names that begin
with `.wh.`, sockets, and editing one of several hard links of a lower layer (overlayfs splits it
from the others, as it does under Docker); extended attributes with `=` in their names.
"""

import random
import string
import sys

import image

NAMES = ["a", "b", "c", "dir", "file", "lib", "x.y", "-dash", "with space", "tab\there",
         "new\nline", "back\\slash", "quote'\"", "caf\u00e9", "cafe\u0301", "\udcff\udcfe", "..dots",
         ".hidden", ".wh", "wh.x", "a.wh.b", "L" * 200, "\u65e5\u672c", "*", "~", "#", "=", "a=b",
         "PaxHeader", "./x".replace("/", "_")]
OWNERS = [0, 1, 1000, 65534, 65536, 2097152, 2147483648, 4294967294]
FILE_MODES = ["644", "600", "000", "755", "4755", "2711", "6777", "1666", "444"]
DIR_MODES = ["755", "700", "1777", "2775", "000", "7777"]
XATTRS = ["user.one", "user.two.three", "trusted.mine", "user.with.dots-and_more"]
TIMES = [0, 1, 500000000, 1000000000, 1234567890, 1577836800, -1, -100000, -2147483648,
         2147483648, 4294967296, 5000000000]
# Of files and folders of the base: file capabilities without and with the user they are for, ACLs.
BASE_XATTRS = [("security.capability", "0100000200200000000000000000000000000000", "file"),
               ("security.capability", "0100000300200000000000000000000000000000e8030000", "file"),
               ("system.posix_acl_access", "0200000001000600ffffffff02000600e803000004000400ffffffff"
                "10000600ffffffff20000400ffffffff", "file"),
               ("system.posix_acl_default", "0200000001000700ffffffff02000700e803000004000500ffffffff"
                "10000700ffffffff20000500ffffffff", "dir")]


def escape(text):
    raw = text.encode("utf-8", "surrogateescape")
    plain = (string.ascii_letters + string.digits + "./_-").encode()
    return "".join(chr(b) if b in plain else f"\\{b:03o}" for b in raw)


class Tree:
    """A model: path -> kind, where "" is the root of what is edited."""

    def __init__(self, rng):
        self.rng = rng
        self.kinds = {"t": "dir"}
        self.fresh = set()

    def folders(self):
        return sorted(p for p, kind in self.kinds.items() if kind == "dir")

    def others(self, kind=None):
        return sorted(p for p, k in self.kinds.items()
                      if p != "t" and (kind is None or k == kind))

    def new_path(self):
        for _ in range(100):
            path = self.rng.choice(self.folders()) + "/" + self.rng.choice(NAMES)
            if path not in self.kinds and path.count("/") < 8:
                return path
        return "t/" + "".join(self.rng.choices(string.ascii_lowercase, k=12))

    def below(self, path):
        return [p for p in self.kinds if p == path or p.startswith(path + "/")]

    def remove(self, path):
        for p in self.below(path):
            del self.kinds[p]
            self.fresh.discard(p)

    def rename(self, old, new):
        moved = [(p, self.kinds[p]) for p in self.below(old)]
        self.remove(old)
        for p, kind in moved:
            self.kinds[new + p[len(old):]] = kind
            self.fresh.add(new + p[len(old):])


def random_entry(rng, path):
    kind = rng.choices(["dir", "file", "link", "fifo", "char", "block"], [4, 8, 2, 1, 1, 1])[0]
    entry = {"path": path, "type": kind, "uid": rng.choice(OWNERS), "gid": rng.choice(OWNERS),
             "mtime": rng.choice(TIMES)}
    if kind == "dir":
        entry["mode"] = rng.choice(DIR_MODES)
    elif kind == "link":
        entry["to"] = rng.choice(["/t/a", "..", "nowhere", "t/b", "a/../b"])
    else:
        entry["mode"] = rng.choice(FILE_MODES)
    if kind == "file":
        entry["data"] = "x" * rng.choice([0, 1, 511, 512, 513, 5000])
    if kind in ("char", "block"):
        entry["major"], entry["minor"] = rng.choice([(1, 3), (8, 0), (259, 300), (0, 7)])
    if kind in ("file", "dir") and rng.random() < 0.2:
        entry["xattrs"] = {rng.choice(XATTRS): rng.choice(["", "00ff", "616263"]) or "00"}
    if rng.random() < 0.1:
        key, value, of = rng.choice(BASE_XATTRS)
        if of == kind:
            entry.setdefault("xattrs", {})[key] = value
    return entry


def random_layer(rng, tree, first):
    """Entries of a layer over TREE, which is changed with them."""
    entries = [{"path": "t", "type": "dir"}] if first else []
    lower = dict(tree.kinds)
    made = set()
    for _ in range(rng.randint(10, 30)):
        choice = rng.random()
        victims = [p for p in tree.others() if p in lower and not any(
            m == p or m.startswith(p + "/") for m in made)]
        if not first and choice < 0.25 and victims:
            victim = rng.choice(victims)
            folder, name = victim.rsplit("/", 1)
            entries.append({"path": folder + "/.wh." + name, "mode": "0"})
            tree.remove(victim)
            lower = {p: k for p, k in lower.items() if p in tree.kinds}
            # Made again by nobody in this layer: a whiteout and a name cannot both be.
            tree.kinds[victim] = "gone"
            made.add(victim)
        elif not first and choice < 0.35 and victims:
            folders = [p for p in victims if tree.kinds[p] == "dir"]
            if folders:
                victim = rng.choice(folders)
                tree.remove(victim)
                tree.kinds[victim] = "dir"
                entries.append({"path": victim, "type": "dir", "mode": rng.choice(DIR_MODES)})
                entries.append({"path": victim + "/.wh..wh..opq", "mode": "0"})
                made.add(victim)
        elif not first and choice < 0.4 and victims:
            # A new file, and behind it a whiteout, which is for what lies below.
            victim = rng.choice([p for p in victims if tree.kinds[p] != "dir"] or [None])
            if victim:
                folder, name = victim.rsplit("/", 1)
                entries.append({"path": victim, "data": "new", "mtime": rng.choice(TIMES)})
                entries.append({"path": folder + "/.wh." + name, "mode": "0"})
                tree.kinds[victim] = "file"
                made.add(victim)
        elif choice < 0.5 and tree.others("file") + tree.others("hard"):
            target = rng.choice(tree.others("file") + tree.others("hard"))
            path = tree.new_path()
            entries.append({"path": path, "type": "hard", "to": target})
            tree.kinds[path] = tree.kinds[target] = "hard"
            made.update([path, target])
        elif choice < 0.55:
            folder = rng.choice(tree.folders())
            entries.append({"path": folder + "/.wh.was-never-there", "mode": "0"})
        else:
            entry = random_entry(rng, tree.new_path())
            tree.kinds[entry["path"]] = entry["type"]
            made.add(entry["path"])
            entries.append(entry)
    for path in [p for p, kind in tree.kinds.items() if kind == "gone"]:
        del tree.kinds[path]
    return entries


def random_edit(rng, tree):
    """One edit as a list of words."""
    seconds = str(rng.choice(TIMES))
    text = rng.choice(["", "short", "t" * 600])
    mode, uid, gid = rng.choice(FILE_MODES), str(rng.choice(OWNERS)), str(rng.choice(OWNERS))
    files, others, folders = tree.others("file"), tree.others(), tree.others("dir")
    alone = [p for p in others if tree.kinds[p] != "hard"]
    choice = rng.choice(["file", "file", "file", "rewrite", "append", "dir", "dir", "symlink",
                         "fifo", "node", "link", "rename", "rename_dir", "remove", "remove",
                         "replace", "replace", "again", "again", "chmod", "chown", "xattr",
                         "sparse"])
    new = tree.new_path()

    def make(path, kind):
        tree.kinds[path] = kind
        tree.fresh.add(path)

    if choice == "rewrite" and files:
        return [["file", rng.choice(files), mode, uid, gid, seconds, text]]
    if choice == "append" and files:
        return [["append", rng.choice(files), seconds, text]]
    if choice == "dir":
        make(new, "dir")
        return [["dir", new, rng.choice(DIR_MODES), uid, gid]]
    if choice == "symlink":
        make(new, "link")
        return [["symlink", seconds, rng.choice(["/t", "x y", "n" * 300]), new]]
    if choice == "fifo":
        make(new, "fifo")
        return [["fifo", new, mode]]
    if choice == "node":
        make(new, "char")
        # 0:0 is a whiteout to overlayfs: never made here.
        return [[rng.choice(["char", "block"]), new, mode, rng.choice(["1", "259"]), "5"]]
    if choice == "link" and files:
        make(new, "file")
        return [["link", rng.choice(files), new]]
    if choice == "rename" and files:
        old = rng.choice(files)
        tree.rename(old, new)
        return [["rename", old, new]]
    if choice == "rename_dir":
        # A lower folder gives EXDEV under overlayfs, and mv(1) copies it.
        own = [p for p in folders if p in tree.fresh and not new.startswith(p + "/")]
        if own:
            old = rng.choice(own)
            tree.rename(old, new)
            return [["rename", old, new]]
    if choice == "remove" and others:
        victim = rng.choice(others)
        tree.remove(victim)
        return [["remove", victim]]
    if choice == "replace" and others:
        victim = rng.choice(others)
        was_folder = tree.kinds[victim] == "dir"
        tree.remove(victim)
        make(victim, "file" if was_folder else "dir")
        if was_folder:
            return [["remove", victim], ["file", victim, mode, uid, gid, seconds, text]]
        return [["remove", victim], ["dir", victim, rng.choice(DIR_MODES), uid, gid]]
    if choice == "again" and folders:
        victim = rng.choice(folders)
        tree.remove(victim)
        make(victim, "dir")
        return [["remove", victim], ["dir", victim, rng.choice(DIR_MODES), uid, gid]]
    if choice == "chmod" and alone:
        return [["chmod", rng.choice(alone), mode]]
    if choice == "chown" and alone:
        return [["chown", rng.choice(alone), uid, gid]]
    if choice == "xattr" and files + folders:
        return [["xattr", rng.choice(files + folders), rng.choice(XATTRS), rng.choice(["v", "w" * 90])]]
    if choice == "sparse":
        make(new, "file")
        return [["sparse", new, str(rng.choice([4096, 1000001, 50000000])), seconds, "end"]]
    make(new, "file")
    return [["file", new, mode, uid, gid, seconds, text]]


def main(seed, folder, edit):
    rng = random.Random(int(seed))
    tree = Tree(rng)
    with open("/bin/busybox", "rb") as file:
        busybox = file.read()
    with open(edit, "rb") as file:
        edit_program = file.read()
    layers = [[{"path": "bin", "type": "dir"},
               {"path": "bin/sh", "mode": "755", "hex": busybox.hex()},
               {"path": "edit", "mode": "755", "hex": edit_program.hex()}] +
              random_layer(rng, tree, True)]
    for _ in range(rng.randint(0, 4)):
        layers.append(random_layer(rng, tree, False))
    image.make(folder + "/base.tar", {"layers": layers})
    with open(folder + "/edits", "w", encoding="ascii") as out:
        out.write("list t\n")
        for _ in range(rng.randint(20, 120)):
            for words in random_edit(rng, tree):
                out.write(" ".join(escape(word) for word in words) + "\n")
        out.write("list t\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
