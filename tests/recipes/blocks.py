#!/usr/bin/env python3
"""Writes each recipe of a manual page, a display that is YAML, to a file of its own.

usage: blocks.py PAGE FOLDER

A file is called after its number and the kind of what reads it: N.kubernetes.yml, N.gitlab.yml or
N.github.yml. The steps of a job on GitHub become a whole workflow. Prints the names.
"""

import os
import re
import sys


def blocks(page):
    """The displays of the page PAGE, as a reader sees them."""
    for text in re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)^\.Ed$", page, re.M):
        yield text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"').replace("\\e", "\\").replace("\\&", "")


def kind_of(text):
    """What reads TEXT, and TEXT as it does; None: nothing does."""
    if text.startswith("apiVersion:"):
        return "kubernetes.yml", text
    if re.match(r"name: \S+\non:", text):
        return "github.yml", text
    if re.match(r"- (uses|run):", text):
        steps = re.sub(r"^", "      ", text, flags=re.M).rstrip() + "\n"
        return "github.yml", "on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n" + steps
    if re.match(r"\S+:\n", text) and "script:\n" in text:
        return "gitlab.yml", text
    return None


def main():
    with open(sys.argv[1], encoding="utf-8") as page:
        found = [kind_of(text) for text in blocks(page.read())]
    for number, (name, text) in enumerate(filter(None, found), 1):
        with open(os.path.join(sys.argv[2], f"{number}.{name}"), "w", encoding="utf-8") as file:
            file.write(text)
        print(f"{number}.{name}")


main()
