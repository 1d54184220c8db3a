#!/bin/bash
# Makes the release on a machine that is not Debian 12, whose libraries are linked into it: in a root
# directory of Debian 12, which is gone at the end. The same sources give the same bytes as there.
#
# usage: debian-12.sh BUILD NAME [VARIABLE=VALUE...]
#
# What pack.sh leaves in BUILD is left there. VARIABLES are make's.
#
# UNPUBLISHED in the environment means what it does to pack.sh.
#
# Needs root, since only root can enter a root directory, and Debian's packages, of any of its releases.
set -euo pipefail
export LC_ALL=C
umask 022

fail() {
    echo "release: $1" >&2
    exit 1
}

[ $# -ge 2 ] || fail "usage: $0 BUILD NAME [VARIABLE=VALUE...]"
build=$1 name=$2
shift 2
tree=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || fail "make '$name': this is not Debian 12, and only root can enter a root \
directory of it
run 'make release' as root, or on Debian 12"

"$tree/scripts/deps.sh" root
work=$(mktemp -d /var/tmp/vmbuild-release.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM
echo "release: making a root directory of Debian 12, which this machine is not" >&2
"$tree/scripts/debian-root.sh" make bookworm "$work/root" make
"$tree/scripts/copy-tree.sh" "$work/root/root/vmbuild"
"$tree/scripts/debian-root.sh" run "$work/root" MAKEFLAGS="-j$(nproc)" UNPUBLISHED="${UNPUBLISHED-}" \
    make -C vmbuild release "$@"
mkdir -p "$build"
rm -rf "${build:?}/$name"*
mv "$work/root/root/vmbuild/build/release"/{"$name","$name"*.tar*,SHA256SUMS} "$build/"
