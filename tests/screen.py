#!/usr/bin/python3
"""What a terminal shows, of what was written to it: for tests/terminal.py, and for pictures.

usage: screen.py ROWS COLUMNS [MARK] < TRANSCRIPT

Prints the rows of the screen, without the empty ones at its end, at the end of the transcript or,
with MARK, where MARK first stands on the screen. What has scrolled off the screen comes before them.
The exit code is 1 if MARK never does. Needs Debian's python3-pyte.
"""

import re
import sys

import pyte

# Before a frame, and after one.
FRAME = rb"(?=\r(?:\x1b\[\d*m)?(?:\xe2\x96\xb8|>))|(?<=\x1b\[J\r)"


def rows(screen):
    top = ["".join(line[i].data for i in range(screen.columns)) for line in screen.history.top]
    lines = [line.rstrip() for line in top + screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def main():
    height, width = int(sys.argv[1]), int(sys.argv[2])
    mark = sys.argv[3] if len(sys.argv) > 3 else None
    screen = pyte.HistoryScreen(width, height, history=100000)
    stream = pyte.ByteStream(screen)
    found = False
    # Looks before and after each frame, which is drawn at once.
    transcript = sys.stdin.buffer.read()
    for part in re.split(FRAME, transcript):
        stream.feed(part)
        if mark and any(mark in row for row in screen.display):
            found = True
            break
    print("\n".join(rows(screen)))
    return 1 if mark and not found else 0


if __name__ == "__main__":
    sys.exit(main())
