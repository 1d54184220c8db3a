#!/usr/bin/env python3
"""Changes files as faults of a disk do: without a trace in sizes and times.

usage: rot.py flip FILE...      eight bytes in the middle of the data that each holds
       rot.py swap FILE FILE    their contents change places
"""

import os
import sys


def data_ranges(fd):
    """The ranges of FD that are no holes."""
    at, size = 0, os.fstat(fd).st_size
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at


def flip(path):
    status = os.stat(path)
    os.chmod(path, 0o600)
    fd = os.open(path, os.O_RDWR)
    ranges = list(data_ranges(fd))
    left = sum(end - start for start, end in ranges) // 2
    for start, end in ranges:
        if left < end - start:
            at = min(start + left, max(status.st_size - 8, 0))
            data = os.pread(fd, 8, at)
            os.pwrite(fd, bytes(byte ^ 0xA5 for byte in data), at)
            break
        left -= end - start
    os.close(fd)
    os.chmod(path, status.st_mode & 0o777)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def main():
    if sys.argv[1] == "flip":
        for path in sys.argv[2:]:
            flip(path)
    else:
        one, other = sys.argv[2:]
        os.rename(one, one + ".aside")
        os.rename(other, one)
        os.rename(one + ".aside", other)


if __name__ == "__main__":
    main()
