#!/bin/bash
# Makes a target on a machine that is not Debian 12, and of which Debian 12 decides the result: in a
# root directory of that, which is gone at the end. The same sources give the same result as there.
#
# usage: debian-12.sh TARGET [VARIABLE=VALUE...] [-- DIRECTORY FILE...]
#
# VARIABLES are make's. FILES, which may be patterns, of what it leaves in build/TARGET are moved to
# DIRECTORY, where no others that match are left.
#
# UNPUBLISHED in the environment means what it does to release/pack.sh.
#
# Needs root, since only root can enter a root directory, and Debian's packages, of any of its releases.
set -euo pipefail
export LC_ALL=C
umask 022

fail() {
    echo "debian 12: $1" >&2
    exit 1
}

[ $# -ge 1 ] || fail "usage: $0 TARGET [VARIABLE=VALUE...] [-- DIRECTORY FILE...]"
target=$1
shift
variables=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    variables+=("$1")
    shift
done
directory=${2-} files=("${@:3}")
tree=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" -eq 0 ] || fail "make '$target': this is not Debian 12, and only root can enter a root \
directory of it
run 'make $target' as root, or on Debian 12"

"$tree/scripts/deps.sh" root
work=$(mktemp -d /var/tmp/vmbuild-debian-12.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM
echo "$target: making a root directory of Debian 12, which this machine is not" >&2
"$tree/scripts/debian-root.sh" make bookworm "$work/root" make
"$tree/scripts/copy-tree.sh" "$work/root/root/vmbuild"
"$tree/scripts/debian-root.sh" run "$work/root" MAKEFLAGS="-j$(nproc)" UNPUBLISHED="${UNPUBLISHED-}" \
    make -C vmbuild "$target" "${variables[@]}"

# Unquoted: patterns.
[ -z "$directory" ] || mkdir -p "$directory"
for file in "${files[@]}"; do
    # shellcheck disable=SC2086
    rm -rf "${directory:?}"/$file
    # shellcheck disable=SC2086
    mv "$work/root/root/vmbuild/build/$target"/$file "$directory/"
done
