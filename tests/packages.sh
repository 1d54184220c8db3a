#!/bin/bash
# Fetches the Debian packages that a base image lacks for NAME... to be installed there, from the sources
# of the machine's own apt, and prints the directory that contains them. It is created once per machine
# and kept next to the base image.
#
# usage: packages.sh BASE NAME...
set -euo pipefail
export LC_ALL=C

fail() {
    echo "packages: $1" >&2
    exit 1
}

base=$(readlink -f "$1")
shift
result=${base%.tar}-packages-$(sha256sum <<< "$*" | cut -c 1-16)
if [ ! -e "$result" ]; then
    [ -w "${base%/*}" ] || fail "make '$result': the directory is not writable"
    exec 9> "$result.lock"
    flock 9
fi
if [ ! -e "$result" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/vmbuild-packages.XXXXXX")
    trap 'rm -rf "$work" "$result.tmp"' EXIT
    layer=$(tar -tf "$base" | grep '/layer\.tar$')
    tar -xOf "$base" "$layer" | tar -xO ./var/lib/dpkg/status > "$work/status"
    rm -rf "$result.tmp"
    mkdir -p "$result.tmp/partial"
    apt-get -qq -o Dir::State::status="$work/status" -o Dir::Cache="$work" \
        -o Dir::Cache::archives="$result.tmp" -o Debug::NoLocking=true -o APT::Sandbox::User= \
        --yes --no-install-recommends --download-only install "$@" >&2 || fail "fetch $*"
    rm -rf "$result.tmp/partial" "$result.tmp/lock"
    chmod -R a+rX "$result.tmp"
    mv "$result.tmp" "$result"
fi
echo "$result"
