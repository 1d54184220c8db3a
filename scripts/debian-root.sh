#!/bin/bash
# A root directory of a release of Debian, and what runs in it as on a machine of its own. The kernel,
# the network and the devices are this machine's; the packages come from where its own apt gets them.
#
# usage: debian-root.sh make SUITE ROOT PACKAGE...
#        debian-root.sh run ROOT [NAME=VALUE...] PROGRAM [ARGUMENT...]
#
# `make` makes ROOT with the packages of Debian's minimal base, and PACKAGES.
#
# `run` runs PROGRAM in its directory /root, as root, in namespaces of its own for mounts and
# processes, and with nothing of this machine's environment. What this machine keeps of packages
# (vmbuild-bare), of guests' kernels (vmbuild-kernel) and of the release's parts (vmbuild-release), in
# $XDG_CACHE_HOME (default: ~/.cache), is in /var/cache and in /root/.cache there. ROOT can be run in
# again; nothing stays mounted.
#
# Needs root, and the package mmdebstrap.
set -euo pipefail
export LC_ALL=C
umask 022

caches=(vmbuild-bare vmbuild-kernel vmbuild-release)

fail() {
    echo "root directory: $1" >&2
    exit 1
}

# make_root SUITE ROOT PACKAGE...
make_root() {
    local suite=$1 root=$2 configuration sources cache
    shift 2
    sources=$("$(dirname "$0")/apt-sources.sh" "$suite")
    configuration=$(mktemp)
    apt-config dump Acquire > "$configuration"
    mmdebstrap --quiet --mode=root --variant=minbase --include="$*" --aptopt="$configuration" \
        --skip=cleanup/apt "$suite" "$root" - <<< "$sources" >&2 || {
        rm "$configuration"
        fail "make one of Debian '$suite' at '$root'"
    }
    rm "$configuration"
    mkdir -p "$root/mnt" "$root/root/.cache"
    for cache in "${caches[@]}"; do
        mkdir "$root/var/cache/$cache"
        ln -s "/var/cache/$cache" "$root/root/.cache/"
    done
    cp /etc/resolv.conf "$root/etc/"
    echo '127.0.0.1 localhost' > "$root/etc/hosts"
}

# enter ROOT CACHES [NAME=VALUE...] PROGRAM [ARGUMENT...]: leaves the directory tree of this machine for
# the one at ROOT, which becomes the root directory.
enter() {
    local root=$1 cache
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=755 run "$root/run"
    for cache in "${caches[@]}"; do
        mount --bind "$2/$cache" "$root/var/cache/$cache"
    done
    mount --bind "$2/vmbuild-bare" "$root/var/cache/apt/archives"
    cd "$root"
    pivot_root . mnt
    # shellcheck disable=SC2016 # for the inner shell
    exec chroot . /bin/sh -c 'umount -l /mnt && cd /root && exec "$@"' sh \
        /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root "${@:3}"
}

# run ROOT [NAME=VALUE...] PROGRAM [ARGUMENT...]
run() {
    local cache=${XDG_CACHE_HOME:-${HOME:?}/.cache} name
    [ -d "$1/root" ] || fail "run '$2' in '$1': it is not a root directory"
    for name in "${caches[@]}"; do
        mkdir -p "$cache/$name"
    done
    mkdir -p "$cache/vmbuild-bare/partial" # apt's
    exec unshare --mount --pid --fork --kill-child "$0" enter "$1" "$cache" "${@:2}"
}

case ${1-}:$# in
make:[4-9] | make:??*) make_root "${@:2}" ;;
run:[3-9] | run:??*) run "${@:2}" ;;
enter:*) enter "${@:2}" ;;
*)
    echo "usage: $0 make SUITE ROOT PACKAGE... | run ROOT [NAME=VALUE...] PROGRAM [ARGUMENT...]" >&2
    exit 2
    ;;
esac
