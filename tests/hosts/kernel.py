#!/usr/bin/env python3
"""Runs a program as if the kernel were an older one: system calls that it does not have fail with
ENOSYS, for the program and all that it starts. Needs root.

usage: kernel.py VERSION PROGRAM [ARGUMENT]...

What calls that exist do not offer yet in that version, such as flags, is offered all the same.
"""

import ctypes
import errno
import os
import struct
import sys

# The number of the first system call of x86-64 that a version lacks: their numbers grow with time
# (arch/x86/entry/syscalls/syscall_64.tbl).
FIRST_LACKING = {
    "3.16": 317,  # seccomp
    "3.17": 321,  # bpf
}
AUDIT_ARCH_X86_64 = 0xC000003E
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # struct sock_filter's codes
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data


def refuse_from(first):
    """Installs the filter that refuses all calls numbered FIRST or higher, and those of 32 bits."""
    instructions = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 0, 2, AUDIT_ARCH_X86_64),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, first),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.ENOSYS),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ]
    code = ctypes.create_string_buffer(
        b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions))
    program = ctypes.create_string_buffer(
        struct.pack("@HP", len(instructions), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0:
        raise OSError(ctypes.get_errno(), "install the filter")


def main(version, *words):
    refuse_from(FIRST_LACKING[version])
    os.execvp(words[0], words)


if __name__ == "__main__":
    main(*sys.argv[1:])
