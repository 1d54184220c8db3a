#!/usr/bin/env python3
"""Runs a program of a root directory as an unprivileged user: uid 65534, no capabilities, no way to gain
any, and nothing of this machine but /dev/null, /dev/zero, /dev/urandom and /proc.

usage: enter.py ROOT DIRECTORY [VAR=VALUE]... PROGRAM [ARGUMENT]...

DIRECTORY, PROGRAM and its arguments are paths in ROOT, which has the directories dev, proc and tmp; on
tmp nothing can be executed. Needs root.
"""

import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 8, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS = 38
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind=None, flags=0, data=None):
    words = [word and word.encode() for word in (source, target, kind)]
    check(libc.mount(*words, ctypes.c_ulong(flags), data and data.encode()))


def mount_all(root):
    check(libc.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    for name in ("null", "zero", "urandom"):
        open(root + "/dev/" + name, "a").close()
        mount("/dev/" + name, root + "/dev/" + name, None, MS_BIND)
    mount("proc", root + "/proc", "proc")
    mount("tmp", root + "/tmp", "tmpfs", MS_NOEXEC, "mode=1777")


def main(root, directory, *words):
    environment = {}
    while "=" in words[0]:
        name, _, value = words[0].partition("=")
        environment[name] = value
        words = words[1:]
    mount_all(root)
    os.chroot(root)
    os.chdir(directory)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    os.execve(words[0], words, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
