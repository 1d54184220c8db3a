#!/bin/bash
# Makes a base image of another architecture that holds Debian's static busybox alone, and prints its
# path. The package is fetched once per machine, from where the machine's own apt gets its packages,
# and kept next to the base image BASE.
#
# usage: busybox-base.sh BASE DEBIAN_ARCHITECTURE GO_ARCHITECTURE
set -euo pipefail
export LC_ALL=C
umask 022

top=$(cd "$(dirname "$0")/.." && pwd)
base=$(readlink -f "$1")
folder=${base%.tar}-busybox-$2
if [ ! -e "$folder" ]; then
    [ -w "${base%/*}" ] || { echo "base image: make '$folder': the directory is not writable" >&2; exit 1; }
    exec 9> "$folder.lock"
    flock 9
fi
if [ ! -e "$folder" ]; then
    "$top/initramfs/sysroot.sh" "$2" "$folder.tmp" busybox-static
    mv "$folder.tmp" "$folder"
fi
"$top/scripts/base-image.sh" busybox "$3" "$folder/bin/busybox"
