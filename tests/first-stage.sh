#!/bin/bash
# Unpacks the packages of a minimal Debian for another architecture, from where the machine's own apt
# gets them, and prints the tar that holds them: what `debootstrap --foreign` leaves, whose second
# stage has to run on that architecture. It is made once per machine and kept next to the base image.
# Any user can do so.
#
# usage: first-stage.sh BASE ARCHITECTURE [PACKAGE,...]    with PACKAGES, and what they need
set -euo pipefail
export LC_ALL=C TZ=UTC
export PATH=$PATH:/usr/sbin:/sbin
umask 022

fail() {
    echo "first stage: $1" >&2
    exit 1
}

top=$(cd "$(dirname "$0")/.." && pwd)
base=$(readlink -f "$1")
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
include=${3-}
result=${base%.tar}-first-stage-$suite-$2${include:+-$(sha256sum <<< "$include" | cut -c 1-8)}.tar
if [ ! -e "$result" ]; then
    [ -w "${base%/*}" ] || fail "make '$result': the directory is not writable"
    exec 9> "$result.lock"
    flock 9
fi
if [ ! -e "$result" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/vmbuild-first-stage.XXXXXX")
    trap 'rm -rf "$work" "$result.tmp"' EXIT
    mirror=$("$top/scripts/apt-sources.sh" "$suite" | sed -n '1s/^deb \([^ ]*\) .*/\1/p')
    # Owners are those that the packages say, within the same fakeroot. In a container, debootstrap has
    # made /proc a link to the host's.
    # shellcheck disable=SC2016 # for the inner shell
    fakeroot sh -euc 'debootstrap --foreign --variant=minbase ${6:+--include="$6"} --arch="$1" "$2" "$3/root" "$4"
        rm -rf "$3/root/proc"
        mkdir "$3/root/proc"
        tar -C "$3/root" --sort=name --mtime=@1704067200 --numeric-owner --exclude="./dev/*" \
            -cf "$5" .' \
        sh "$2" "$suite" "$work" "$mirror" "$result.tmp" "$include" > "$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        fail "unpack Debian for $2"
    }
    mv "$result.tmp" "$result"
fi
echo "$result"
