#!/usr/bin/env python3
"""Makes a random base image of several layers, and random edits for tests/edit.c.

usage: edits.py SEED DIR EDIT    writes DIR/base.tar and DIR/edits; EDIT is the static edit program,
                                 which the base holds as /edit, beside busybox as /bin/sh

What is made depends on SEED alone. The generator keeps a model of the tree, so that most edits can
be carried out; some cannot, on purpose. What no layer can express is left out: names that begin
with `.wh.`; editing one of several hard links of a lower layer (overlayfs splits it from the
others, as it does under Docker); extended attributes with `=` in their names. Sockets are made, and
are to be missing from the layer.
"""

import random
import string
import sys

import image

NAMES = ["a", "b", "c", "dir", "file", "lib", "x.y", "-dash", "with space", "tab\there",
         "new\nline", "back\\slash", "quote'\"", "caf\u00e9", "cafe\u0301", "\udcff\udcfe", "..dots",
         ".hidden", ".wh", "wh.x", "a.wh.b", ".wh-x", "x.wh.", ".WH.a", "L" * 200, "M" * 255,
         "\u65e5\u672c", "*", "~", "#", "=", "a=b",
         "PaxHeader", "@LongLink", "._x", " ", "\x01\x7f", "%", "Dir"]
TARGETS = ["/t/a", "..", "nowhere", "t/b", "a/../b", "x y", "n" * 300, "\udcff", "new\nline",
           "/", "."]
OWNERS = [0, 1, 1000, 65534, 65536, 2097152, 2147483648, 4294967294]
FILE_MODES = ["644", "600", "000", "755", "4755", "2711", "6777", "1666", "444"]
DIR_MODES = ["755", "700", "1777", "2775", "000", "7777"]
XATTRS = ["user.one", "user.two.three", "trusted.mine", "user.with.dots-and_more"]
TIMES = [0, 1, 500000000, 1000000000, 1234567890, 1577836800, -1, -100000, -2147483648,
         2147483648, 4294967296, 5000000000]
# Of files and directories: file capabilities with and without a user ID, ACLs.
HEX_XATTRS = [("security.capability", "0100000200200000000000000000000000000000", "file"),
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
        entry["to"] = rng.choice(TARGETS)
    else:
        entry["mode"] = rng.choice(FILE_MODES)
    if kind == "file":
        entry["data"] = "x" * rng.choice([0, 1, 511, 512, 513, 5000])
    if kind in ("char", "block"):
        entry["major"], entry["minor"] = rng.choice([(1, 3), (8, 0), (259, 300), (0, 7)])
    if kind in ("file", "dir") and rng.random() < 0.2:
        entry["xattrs"] = {rng.choice(XATTRS): rng.choice(["", "00ff", "616263"]) or "00"}
    if rng.random() < 0.1:
        key, value, of = rng.choice(HEX_XATTRS)
        if of == kind:
            entry.setdefault("xattrs", {})[key] = value
    return entry


def random_layer(rng, tree, first):
    """Entries of a layer over TREE, which is changed with them."""
    entries = [{"path": "t", "type": "dir"}] if first or rng.random() < 0.1 else []
    last = []
    lower = dict(tree.kinds)
    made = set()

    def mark(path):
        """A whiteout or an opaque marker, before or after the entries that it does not hide."""
        rng.choice([entries, last]).append({"path": path, "mode": "0"})

    for _ in range(rng.randint(10, 30)):
        choice = rng.random()
        victims = [p for p in tree.others() if p in lower and not any(
            m == p or m.startswith(p + "/") for m in made)]
        if not first and choice < 0.2 and victims:
            victim = rng.choice(victims)
            folder, name = victim.rsplit("/", 1)
            mark(folder + "/.wh." + name)
            tree.remove(victim)
            lower = {p: k for p, k in lower.items() if p in tree.kinds}
            # Not recreated in this layer: a whiteout and its name cannot both exist.
            tree.kinds[victim] = "gone"
            made.add(victim)
        elif not first and choice < 0.3 and victims:
            folders = [p for p in victims if tree.kinds[p] == "dir"]
            if folders:
                victim = rng.choice(folders)
                tree.remove(victim)
                tree.kinds[victim] = "dir"
                entries.append({"path": victim, "type": "dir", "mode": rng.choice(DIR_MODES)})
                mark(victim + "/.wh..wh..opq")
                made.add(victim)
        elif not first and choice < 0.35 and victims:
            # A new file, and after it a whiteout, which hides what is below.
            victim = rng.choice([p for p in victims if tree.kinds[p] != "dir"] or [None])
            if victim:
                folder, name = victim.rsplit("/", 1)
                entries.append({"path": victim, "data": "new", "mtime": rng.choice(TIMES)})
                entries.append({"path": folder + "/.wh." + name, "mode": "0"})
                tree.kinds[victim] = "file"
                made.add(victim)
        elif not first and choice < 0.45 and victims:
            # Over what exists, without a whiteout: what is in a directory is kept when another one covers it.
            entry = random_entry(rng, rng.choice(victims))
            if entry["type"] != "dir" or tree.kinds[entry["path"]] != "dir":
                tree.remove(entry["path"])
                lower = {p: k for p, k in lower.items() if p in tree.kinds}
            tree.kinds[entry["path"]] = entry["type"]
            made.add(entry["path"])
            entries.append(entry)
        elif choice < 0.55 and tree.others("file") + tree.others("hard"):
            target = rng.choice(tree.others("file") + tree.others("hard"))
            path = tree.new_path()
            entries.append({"path": path, "type": "hard", "to": target})
            tree.kinds[path] = tree.kinds[target] = "hard"
            made.update([path, target])
        elif choice < 0.6:
            folder = rng.choice(tree.folders())
            mark(folder + "/.wh.was-never-there")
        else:
            entry = random_entry(rng, tree.new_path())
            tree.kinds[entry["path"]] = entry["type"]
            made.add(entry["path"])
            entries.append(entry)
    for path in [p for p, kind in tree.kinds.items() if kind == "gone"]:
        del tree.kinds[path]
    entries += last
    if rng.random() < 0.3:
        for entry in entries:
            entry["path"] = "./" + entry["path"]
    return entries


class Edits:
    """Random edits of TREE. Each method is one kind: a list of edits as lists of words, or None
    if nothing in the tree fits."""

    def __init__(self, rng, tree):
        self.rng = rng
        self.tree = tree

    def one(self):
        # Some are likelier than others: the more of them, the more the others have to work on.
        kind = self.rng.choice([
            self.file, self.file, self.file, self.rewrite, self.append, self.truncate, self.sparse,
            self.folder, self.folder, self.symlink, self.fifo, self.node, self.socket, self.link,
            self.rename, self.rename_onto, self.rename_folder, self.move_folder, self.swap,
            self.remove, self.remove, self.replace, self.replace, self.again, self.again,
            self.chmod, self.chown, self.touch, self.xattr, self.hexattr, self.unattr])
        return kind() or self.file()

    def make(self, path, kind):
        self.tree.kinds[path] = kind
        self.tree.fresh.add(path)
        return path

    def alone(self):
        """All but hard links of the base and directories."""
        return [p for p in self.tree.others() if self.tree.kinds[p] not in ("hard", "dir")]

    def single(self):
        """All but hard links of the base."""
        return [p for p in self.tree.others() if self.tree.kinds[p] != "hard"]

    def some(self, paths):
        return self.rng.choice(paths) if paths else None

    def seconds(self):
        return str(self.rng.choice(TIMES))

    def file_words(self, path):
        return ["file", path, self.rng.choice(FILE_MODES), str(self.rng.choice(OWNERS)),
                str(self.rng.choice(OWNERS)), self.seconds(),
                self.rng.choice(["", "short", "t" * 600])]

    def folder_words(self, path):
        return ["dir", path, self.rng.choice(DIR_MODES), str(self.rng.choice(OWNERS)),
                str(self.rng.choice(OWNERS))]

    def file(self):
        return [self.file_words(self.make(self.tree.new_path(), "file"))]

    def rewrite(self):
        path = self.some(self.tree.others("file"))
        return path and [self.file_words(path)]

    def append(self):
        path = self.some(self.tree.others("file"))
        return path and [["append", path, self.seconds(), self.rng.choice(["", "x", "t" * 600])]]

    def truncate(self):
        path = self.some(self.tree.others("file"))
        return path and [["truncate", path, self.rng.choice(["0", "3", "70000", "20000000"]),
                          self.seconds()]]

    def sparse(self):
        path = self.some(self.tree.others("file")) if self.rng.random() < 0.3 else None
        path = path or self.make(self.tree.new_path(), "file")
        return [["sparse", path, self.rng.choice(["4096", "1000001", "50000000"]), self.seconds(),
                 "end"]]

    def folder(self):
        return [self.folder_words(self.make(self.tree.new_path(), "dir"))]

    def symlink(self):
        path = self.make(self.tree.new_path(), "link")
        return [["symlink", self.seconds(), self.rng.choice(TARGETS), path]]

    def fifo(self):
        return [["fifo", self.make(self.tree.new_path(), "fifo"), self.rng.choice(FILE_MODES)]]

    def node(self):
        # 0:0 is a whiteout to overlayfs: never created here.
        return [[self.rng.choice(["char", "block"]), self.make(self.tree.new_path(), "char"),
                 self.rng.choice(FILE_MODES), self.rng.choice(["1", "259"]), "5"]]

    def socket(self):
        """A new one, or one in place of something of the base, which has to be gone then."""
        victim = self.some(self.single()) if self.rng.random() < 0.5 else None
        if not victim:
            return [["socket", self.make(self.tree.new_path(), "socket"), "755"]]
        self.tree.remove(victim)
        return [["remove", victim], ["socket", self.make(victim, "socket"), "755"]]

    def link(self):
        target = self.some(self.tree.others("file"))
        return target and [["link", target, self.make(self.tree.new_path(), "file")]]

    def rename(self):
        old, new = self.some(self.alone()), self.tree.new_path()
        if old:
            self.tree.rename(old, new)
        return old and [["rename", old, new]]

    def rename_onto(self):
        """As programs replace files."""
        old, new = self.some(self.alone()), self.some(self.alone() + self.tree.others("hard"))
        if not old or old == new:
            return None
        self.tree.rename(old, new)
        return [["rename", old, new]]

    def rename_folder(self):
        """A directory that this layer created, to a new place or onto an empty directory."""
        folders = self.tree.others("dir")
        old = self.some([p for p in folders if p in self.tree.fresh])
        empty = [p for p in folders if p != old and len(self.tree.below(p)) == 1]
        new = self.some(empty) if self.rng.random() < 0.3 else None
        new = new or self.tree.new_path()
        if not old or new.startswith(old + "/"):
            return None
        self.tree.rename(old, new)
        return [["rename", old, new]]

    def move_folder(self):
        """Any directory, which mv(1) copies if overlayfs does not rename it."""
        new = self.tree.new_path()
        old = self.some([p for p in self.tree.others("dir") if not new.startswith(p + "/") and
                         "hard" not in [self.tree.kinds[b] for b in self.tree.below(p)]])
        if old:
            self.tree.rename(old, new)
        return old and [["move", old, new]]

    def swap(self):
        """Two files, or a file and a directory that this layer created."""
        folders = [p for p in self.tree.others("dir") if p in self.tree.fresh]
        left, right = self.some(self.alone()), self.some(self.alone() + folders)
        if not left or left == right or left.startswith(right + "/"):
            return None
        self.tree.rename(left, "aside")
        self.tree.rename(right, left)
        self.tree.rename("aside", right)
        return [["swap", left, right]]

    def remove(self):
        victim = self.some(self.tree.others())
        if victim:
            self.tree.remove(victim)
        return victim and [["remove", victim]]

    def replace(self):
        victim = self.some(self.tree.others())
        if not victim:
            return None
        was_folder = self.tree.kinds[victim] == "dir"
        self.tree.remove(victim)
        self.make(victim, "file" if was_folder else "dir")
        return [["remove", victim], (self.file_words if was_folder else self.folder_words)(victim)]

    def again(self):
        """A directory, and some of what was in it, by the same names."""
        victim = self.some(self.tree.others("dir"))
        if not victim:
            return None
        children = sorted(p for p in self.tree.below(victim) if p.rsplit("/", 1)[0] == victim)
        self.tree.remove(victim)
        edits = [["remove", victim], self.folder_words(self.make(victim, "dir"))]
        for child in children:
            kind = self.rng.choice(["file", "dir", None])
            if kind:
                self.make(child, kind)
                edits.append((self.file_words if kind == "file" else self.folder_words)(child))
        return edits

    def chmod(self):
        path = self.some(self.single())
        return path and [["chmod", path, self.rng.choice(FILE_MODES)]]

    def chown(self):
        path = self.some(self.single())
        return path and [["chown", path, str(self.rng.choice(OWNERS)),
                          str(self.rng.choice(OWNERS))]]

    def touch(self):
        path = self.some(self.single())
        return path and [["touch", path, self.seconds()]]

    def xattr(self):
        path = self.some(self.tree.others("file") + self.tree.others("dir"))
        return path and [["xattr", path, self.rng.choice(XATTRS), self.rng.choice(["v", "w" * 90])]]

    def hexattr(self):
        name, value, kind = self.rng.choice(HEX_XATTRS + [("user.one", "00ff0a3d", "file"),
                                                         ("trusted.mine", "0a00", "fifo"),
                                                         ("trusted.mine", "0a00", "char"),
                                                         ("trusted.mine", "0a00", "link")])
        path = self.some(self.tree.others(kind))
        return path and [["hexattr", path, name, value]]

    def unattr(self):
        path = self.some(self.tree.others("file") + self.tree.others("dir"))
        return path and [["unattr", path, self.rng.choice(XATTRS + [x[0] for x in HEX_XATTRS])]]


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
    edits = Edits(rng, tree)
    lines = [["list", "t"]]
    for _ in range(rng.randint(30, 160)):
        lines += edits.one()
    # Most edits change the times of directories.
    lines += [["touch", path, edits.seconds()] for path in tree.folders() if rng.random() < 0.3]
    lines += [["list", "t"]]
    with open(folder + "/edits", "w", encoding="ascii") as out:
        for words in lines:
            out.write(" ".join(escape(word) for word in words) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
