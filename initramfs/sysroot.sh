#!/bin/bash
# Fetches what the guest of another architecture is made of: Debian's static libraries, their
# headers and busybox, as any user, without telling dpkg of that architecture.
#
# usage: sysroot.sh DEBIAN_ARCHITECTURE OUT [PACKAGE...]  unpacks them, or PACKAGES, to the
#                                                         directory OUT
#        sysroot.sh --key DEBIAN_ARCHITECTURE             prints what identifies them
#        sysroot.sh --release DEBIAN_ARCHITECTURE         prints the release of Debian that they are of
#        sysroot.sh --whole DEBIAN_ARCHITECTURE OUT PACKAGE...    unpacks PACKAGES and all that they need
#        sysroot.sh --missing DEBIAN_ARCHITECTURE OUT STATUS PACKAGE...
#                                                downloads those of them to the directory OUT that are
#                                                not installed, as dpkg's STATUS has it
#
# They are those of the machine's own release, or of the first that has the architecture
# (later_libc.c).
#
# apt runs with lists and a status of its own, below $XDG_CACHE_HOME/vmbuild-kernel (default:
# ~/.cache), whose sources are the machine's; machines of several releases may share them. What it
# downloads, it checks.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
own=$(. /etc/os-release && echo "$VERSION_CODENAME")
packages='libarchive-dev libacl1-dev libbz2-dev liblz4-dev liblzma-dev nettle-dev zlib1g-dev
    libzstd-dev busybox-static'

fail() {
    echo "guest libraries: $1" >&2
    exit 1
}

apt_of() {
    apt-get -q -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
        -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
        -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
        -o Acquire::Languages=none -o APT::Sandbox::User= "$@"
}

# The release of Debian that they are of: the machine's, or the first that has the architecture.
release() {
    case $architecture:$own in
    riscv64:bookworm) echo trixie ;;
    *) echo "$own" ;;
    esac
}

# The sources of that release; of another one than the machine's, which gets no updates here, the main
# archive.
sources() {
    if [ "$(release)" = "$own" ]; then
        "$here/../scripts/apt-sources.sh" "$(release)"
    else
        "$here/../scripts/apt-sources.sh" "$(release)" | head -n 1
    fi
}

# Brings the lists up to date, once a day. Without a network, older ones do, and if some cannot be
# read, the others.
update() {
    [ -z "$(find "$state/updated" -mmin -1440 2> /dev/null)" ] || return 0
    mkdir -p "$state/lists/partial" "$state/archives/partial"
    sources > "$state/sources.list"
    : > "$state/status"
    if apt_of update > "$state/log" 2>&1; then
        touch "$state/updated"
    elif ! list > /dev/null 2>&1; then
        tail -n 5 "$state/log" >&2
        fail "read Debian's lists for $architecture"
    fi
}

# Prints the names of PACKAGES and of all that they need.
whole() {
    apt_of install --yes --no-install-recommends --print-uris "$@" | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p"
}

# A line "'ADDRESS' FILE SIZE DIGEST" for each package.
list() {
    # shellcheck disable=SC2086 # one word each
    (cd "$state" && apt_of download --print-uris $packages)
}

option=
case ${1-} in
--*)
    option=$1
    shift
    ;;
esac
architecture=${1-}
# The C library as well, so that its source is the same as that of the host's. One of a later release
# does not go with the compiler's linker.
[ "$architecture" = riscv64 ] || packages="$packages libc6-dev"
if [ "$option" = --release ]; then
    release
    exit
fi
state=${XDG_CACHE_HOME:-${HOME:?}/.cache}/vmbuild-kernel/apt-$own-$architecture
update
if [ "$option" = --key ]; then
    list | sed "s/^'[^']*' //"
    exit
fi
[ $# -ge 2 ] || fail "usage: $0 ARCHITECTURE OUT [PACKAGE...] | --key ARCHITECTURE | --whole ARCHITECTURE OUT PACKAGE..."
if [ "$option" = --missing ]; then
    mkdir -p "$2/partial"
    apt_of -o Dir::State::status="$(realpath "$3")" -o Dir::Cache::archives="$(realpath "$2")" --yes \
        --no-install-recommends --download-only install "${@:4}" > "$state/log" 2>&1 || {
        tail -n 5 "$state/log" >&2
        fail "download ${*:4} for $architecture"
    }
    rm -rf "$2/partial" "$2/lock"
    exit
fi
[ $# -eq 2 ] || packages=${*:3}
[ "$option" != --whole ] || packages=$(whole "${@:3}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086 # one word each
(cd "$work" && apt_of download $packages) > "$state/log" 2>&1 || {
    tail -n 5 "$state/log" >&2
    fail "download Debian's packages for $architecture"
}
rm -rf "$2"
mkdir -p "$2"
for deb in "$work"/*.deb; do
    dpkg-deb -x "$deb" "$2"
done
# Where Debian 12 has it.
[ -e "$2/bin" ] || ln -s usr/bin "$2/bin"
