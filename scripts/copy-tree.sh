#!/bin/sh
# Copies the sources, without what was built of them and without Git's directory, to a new directory.
#
# usage: copy-tree.sh DIRECTORY
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir "$1"
tar -C "$(dirname "$0")/.." --exclude=./build --exclude=./.git --exclude=./vmbuild -cf - . |
    tar -C "$1" --no-same-owner -xf -
