#!/usr/bin/python3
"""Makes README's picture of a build on a terminal, from a build that it runs.

usage: picture.py [--check] VMBUILD BASE

VMBUILD is the program, BASE a docker-archive of Debian. The picture shows the terminal twice: while
the script runs, and when the build is done. --check changes nothing, and fails unless the picture has
the words that the program prints, but for durations and sizes. Needs Debian's python3-pyte.
"""

import argparse
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import pyte

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PICTURE = os.path.join(TREE, ".github/pictures/build.svg")

ROWS, COLUMNS = 24, 80
COMMAND = "vmbuild --spec hello.json --trace"
MARK = "dpkg --verify"  # it takes a while; the picture shows the last frame with it
SPEC = """{"name": "hello", "fromImage": "debian.tar",
"runAsRoot": "useradd --uid 1000 app\\ninstall -v -m 4755 /bin/id /usr/bin/app-id\\ndpkg --verify || true"}
"""

# Pixels.
CELL, LINE, MARGIN, GAP = 8.4, 20, 16, 30
STYLE = """
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: #d1d7e0; white-space: pre }
.frame { fill: #151b23 } .rule { stroke: #3d444d } .dim { fill: #9198a1 }
.green { fill: #3fb950 } .cyan { fill: #39c5cf } .red { fill: #ff7b72 }
"""


def record(vmbuild, base):
    """The two screens, each a list of rows, which are lists of runs (text, class)."""
    with tempfile.TemporaryDirectory(prefix="vmbuild-picture.") as folder:
        with open(os.path.join(folder, "hello.json"), "w") as file:
            file.write(SPEC)
        shutil.copy(base, os.path.join(folder, "debian.tar"))
        transcript = os.path.join(folder, "transcript")
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        words = [vmbuild] + COMMAND.split()[1:] + ["--accel", "tcg"]
        subprocess.run([os.path.join(TREE, "tests/terminal.py"), str(ROWS), str(COLUMNS), transcript, *words],
                       stdin=subprocess.DEVNULL, env=environment, cwd=folder, check=True)
        with open(transcript, "rb") as file:
            return replay(file.read())


def replay(transcript):
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    while_it_runs = None
    for part in transcript.split(b"\x1b[J\r"):  # a frame is drawn at once
        stream.feed(part + b"\x1b[J\r")
        if all(any(mark in row for row in screen.display) for mark in (MARK, "▸")):
            while_it_runs = read_rows(screen)
    if while_it_runs is None:
        sys.exit(f"picture: '{MARK}' was never on the screen")
    return while_it_runs, read_rows(screen)


def read_rows(screen):
    rows = []
    for y, text in enumerate(screen.display):
        runs = []
        for x in range(len(text.rstrip())):
            cell = screen.buffer[y][x]
            # pyte does not know faint text, which is that of the script.
            kind = "dim" if text.startswith("  │") else "" if cell.fg == "default" else cell.fg
            if not runs or runs[-1][1] != kind:
                runs.append(["", kind])
            runs[-1][0] += cell.data
        rows.append(runs)
    while rows and not rows[-1]:
        rows.pop()
    return rows


def draw(screens):
    command = [[["$ ", "green"], [COMMAND, ""]]]
    rows = [command + screen for screen in screens]
    width = int(COLUMNS * CELL + 2 * MARGIN)
    height = sum(len(screen) for screen in rows) * LINE + (len(rows) - 1) * GAP + 2 * MARGIN
    title = "A build on a terminal: while its script runs, and when it is done"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
             f"<title>{title}</title>", f"<style>{STYLE}</style>",
             f'<rect class="frame" width="{width}" height="{height}" rx="8"/>']
    y = MARGIN
    for number, screen in enumerate(rows):
        if number > 0:
            middle = y + GAP // 2
            lines.append(f'<line class="rule" x1="0" x2="{width}" y1="{middle}" y2="{middle}"/>')
            y += GAP
        for row in screen:
            y += LINE
            lines.append(draw_row(row, y - 6))
    return "\n".join(lines + ["</svg>", ""])


def draw_row(row, y):
    column, spans = 0, []
    for text, kind in row:
        x = MARGIN + column * CELL
        style = f' class="{kind}"' if kind else ""
        spans.append(f'<tspan x="{x:.1f}"{style}>{html.escape(text)}</tspan>')
        column += len(text)
    return f'<text y="{y}" xml:space="preserve">{"".join(spans)}</text>'


def words(picture):
    """The rows of PICTURE, without what is another each time."""
    tree = xml.etree.ElementTree.fromstring(picture)
    rows = ["".join(text.itertext()) for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    rows = [re.sub(r"[0-9.]+ [kMG]B", "N B", re.sub(r"[0-9]+ min [0-9]+ s|[0-9.]+ s\b", "N s", row))
            for row in rows]
    return [row for row in rows if not re.match(r"  │ (missing|\?\?)", row)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("vmbuild")
    parser.add_argument("base")
    options = parser.parse_args()
    made = draw(record(os.path.abspath(options.vmbuild), options.base))
    if not options.check:
        os.makedirs(os.path.dirname(PICTURE), exist_ok=True)
        with open(PICTURE, "w", encoding="utf-8") as file:
            file.write(made)
        return 0
    with open(PICTURE, encoding="utf-8") as file:
        kept = file.read()
    if words(kept) == words(made):
        return 0
    print("picture: the program prints other words; 'make picture' makes the picture again", file=sys.stderr)
    print("\n".join(f"  {row}" for row in words(made)), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
