#!/usr/bin/env python3
"""Prints the coverage of host/ and guest/ by directory, from a file in lcov's format; writes the
lines that were not executed to another file, as FILE:FIRST-LAST.

usage: report.py LCOV MISSED
"""
import os
import sys


def read(path):
    """Returns {file: {line: count}}, of the files below host/ and guest/."""
    files = {}
    lines = {}
    with open(path, encoding="utf-8") as report:
        for text in report:
            key, _, value = text.strip().partition(":")
            if key == "SF":
                name = os.path.normpath(value)
                lines = files.setdefault(name, {}) if name.startswith(("host/", "guest/")) else {}
            elif key == "DA":
                number, count = value.split(",")[:2]
                lines[int(number)] = max(lines.get(int(number), 0), int(count))
    return files


def ranges(numbers):
    """Yields (first, last) of each run of NUMBERS."""
    first = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None:
            yield first, last
        first = last = number
    if first is not None:
        yield first, last


def main():
    files = read(sys.argv[1])
    folders = {}
    with open(sys.argv[2], "w", encoding="utf-8") as missed:
        for name, lines in sorted(files.items()):
            hit = sum(count > 0 for count in lines.values())
            for folder in (os.path.dirname(name), name.split("/")[0] + "/*", "all"):
                total = folders.setdefault(folder, [0, 0])
                total[0] += hit
                total[1] += len(lines)
            for first, last in ranges(sorted(n for n, count in lines.items() if count == 0)):
                missed.write(f"{name}:{first}-{last}\n")
    for folder, (hit, count) in sorted(folders.items(), key=lambda item: (item[0] == "all", item)):
        print(f"coverage: {folder:16} {hit:6} of {count:6} lines {100 * hit / count:6.1f} %")


main()
