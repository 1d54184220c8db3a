#!/usr/bin/env python3
"""Makes README's table of speed, and the picture above it, from the record of a bench.

usage: speed.py [--check]

The record, scripts/speed.json, is what `make bench BENCH='--record scripts/speed.json'` writes.
--check changes nothing, and fails if the table or the picture is not that of the record.
"""

import argparse
import html
import json
import math
import os
import sys
import textwrap

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORD = os.path.join(TREE, "scripts/speed.json")
README = os.path.join(TREE, "README.md")
PICTURE = os.path.join(TREE, ".github/pictures/speed.svg")

# The part of README that is made here lies between these two lines.
BEGIN, END = "<!-- Made by scripts/speed.py. -->\n", "<!-- The end of it. -->\n"

TITLE = "How long vmbuild takes, compared with its peers"
# What is beside a row that has no peer, and is not in the picture.
NO_PEERS = ("the same for amd64", "natively", "TCG", "KVM")

# Pixels. Bars grow from the middle, where vmbuild and its peer take the same time.
WIDTH, MARGIN, LABELS, VALUES, ROW, BAR = 860, 16, 410, 40, 34, 14
HEAD, FOOT = 44, 40
LEAST, MOST = 1 / 32, 16  # ratios at the picture's edges
TICKS = (1 / 16, 1 / 4, 1, 4, 16)

STYLE = """
text { font: 13px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.peer, .tick { font-size: 11px; fill: #656d76 }
.line { stroke: #d0d7de } .one { stroke: #656d76 }
.faster { fill: #1a7f64 } .slower { fill: #bc6c25 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .peer, .tick { fill: #9198a1 } .line { stroke: #3d444d } .one { stroke: #9198a1 }
.faster { fill: #3fb68b } .slower { fill: #d98e48 }
}
"""


def ratio_text(ratio):
    return f"{ratio:.2f}" if ratio < 1.995 else f"{ratio:.1f}"


def seconds_text(seconds):
    return f"{seconds:.2f}" if seconds < 9.995 else f"{seconds:.1f}"


def plain(text):
    """TEXT without Markdown."""
    return text.replace("`", "").replace("\\", "")


def what(row):
    """What was measured, and where and how often, if that is not as with the others."""
    notes = [f"on {row['machine'].split(' (')[0]}"] if "machine" in row else []
    if "runs" in row:
        notes.append(f"{row['runs']} runs" if row["runs"] > 1 else "1 run")
    return row["what"] + (f" ({', '.join(notes)})" if notes else "")


def in_order(record):
    """The rows: first what scripts take where there is no KVM but User-Mode Linux."""
    return sorted(record["rows"], key=lambda row: "UML" not in row["what"])


def make_table(record):
    lines = ["| | vmbuild | compared with | | ratio |", "|---|---|---|---|---|"]
    before = None
    for row in in_order(record):
        title = "" if what(row) == before else what(row)
        before = what(row)
        lines.append(f"| {title} | {seconds_text(row['seconds'])} | {row['peer']} | "
                     f"{seconds_text(row['peer_seconds'])} | "
                     f"{ratio_text(row['seconds'] / row['peer_seconds'])} |")
    return "\n".join(lines) + "\n"


def make_text(record):
    about = (f"Medians of {record['runs']} runs in seconds, on {record['machine']}. vmbuild ran as a user "
             "without root, Docker and buildah natively and as root.")
    return (f"![{TITLE}](.github/pictures/speed.svg)\n\n" + textwrap.fill(about, 100) + "\n\n" +
            make_table(record))


def place(ratio):
    """Where RATIO is in the picture: a logarithmic scale."""
    share = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LABELS + share * (WIDTH - MARGIN - VALUES - LABELS)


def draw_text(x, y, text, kind="", anchor="start"):
    words = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{words} text-anchor="{anchor}">{html.escape(text)}</text>'


def draw_scale(bottom):
    for tick in TICKS:
        text = f"1/{round(1 / tick)}" if tick < 1 else f"{tick}"
        kind = "one" if tick == 1 else "line"
        yield f'<path class="{kind}" d="M{place(tick):.1f} {HEAD - 4} V{bottom}"/>'
        yield draw_text(place(tick), bottom + 16, text + " \u00d7", "tick", "middle")
    yield draw_text(place(1) - 8, 24, "\u2190 vmbuild is faster", "peer", "end")
    yield draw_text(place(1) + 8, 24, "slower \u2192", "peer")


def draw_row(row, top):
    ratio = row["seconds"] / row["peer_seconds"]
    left, right = sorted((place(ratio), place(1)))
    middle = top + ROW / 2
    yield draw_text(MARGIN, middle - 2, plain(what(row)))
    yield draw_text(MARGIN, middle + 12, "against " + plain(row["peer"]), "peer")
    yield (f'<rect class="{"faster" if ratio <= 1 else "slower"}" x="{left:.1f}" '
           f'y="{middle - BAR / 2:.1f}" width="{max(right - left, 1):.1f}" height="{BAR}" rx="2"/>')
    yield draw_text(left - 6 if ratio <= 1 else right + 6, middle + 4, ratio_text(ratio) + " \u00d7", "",
                    "end" if ratio <= 1 else "start")


def make_picture(record):
    rows = [row for row in in_order(record) if row["peer"] not in NO_PEERS]
    bottom = HEAD + ROW * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + FOOT}" '
             f'width="{WIDTH}" height="{bottom + FOOT}" role="img">',
             f"<title>{TITLE}</title>", f"<style>{STYLE}</style>"]
    parts += draw_scale(bottom)
    for index, row in enumerate(rows):
        parts += draw_row(row, HEAD + ROW * index)
    return "\n".join([*parts, "</svg>"]) + "\n"


def make_readme(record, readme):
    begin, end = readme.index(BEGIN) + len(BEGIN), readme.index(END)
    return readme[:begin] + make_text(record) + readme[end:]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if something is out of date")
    check = parser.parse_args().check
    record = json.loads(read(RECORD))
    files = {README: make_readme(record, read(README)), PICTURE: make_picture(record)}
    outdated = [path for path, text in files.items() if not os.path.exists(path) or read(path) != text]

    if check and outdated:
        print(f"{', '.join(outdated)}: not what scripts/speed.py makes", file=sys.stderr)
        return 1
    for path in outdated:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(files[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
