#!/bin/bash
# README's two commands on a bare machine of a release of Debian: `make demo`, as root and then as a
# user without any rights, and `make check`, each in a fresh clone of what is committed here.
#
# usage: bare-machine.sh bookworm|trixie [TEST...]
#
# TEST... run in place of all of `make check`. CI=true means what it does to tests/run.
#
# The machine is a root directory with the packages of Debian's minimal base and make, in namespaces
# of its own; the kernel, the network and the devices are this machine's. Its packages come from
# where the machine's own apt gets them; they are kept in $XDG_CACHE_HOME/vmbuild-bare (default:
# ~/.cache), and the guest's kernel where this machine keeps its own. All else is gone at the end.
#
# Needs root, and the packages git and mmdebstrap.
set -euo pipefail
export LC_ALL=C
umask 022

top=$(cd "$(dirname "$0")/../.." && pwd)

fail() {
    echo "bare machine: $1" >&2
    exit 1
}

# say TITLE: a line that tells what comes next, and when.
say() {
    printf '== %s: %s (%s s)\n' "$suite" "$1" "$SECONDS"
}

# --- On the machine -------------------------------------------------------------------------------

# enter ROOT CACHE SUITE [TEST...]: leaves the directory tree of this machine for the one at ROOT, which
# becomes the root directory.
enter() {
    mount --make-rprivate /
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=755 run "$1/run"
    mount --bind "$2/vmbuild-bare" "$1/var/cache/apt/archives"
    mount --bind "$2/vmbuild-kernel" "$1/var/cache/vmbuild-kernel"
    cd "$1"
    pivot_root . mnt
    # shellcheck disable=SC2016 # for the inner shell
    exec chroot . /bin/sh -c 'umount -l /mnt && cd /root/vmbuild && exec "$@"' sh \
        /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root MAKEFLAGS="-j$(nproc)" CI="${CI-}" JOBS="${JOBS-$(nproc)}" \
        ./tests/hosts/bare-machine.sh --run "${@:3}"
}

# home_of DIRECTORY: it has a fresh clone, and the guest's kernel if that was built before.
home_of() {
    mkdir -p "$1/.cache"
    [ "$1" = /root ] || cp -r /root/vmbuild "$1/"
    ln -s /var/cache/vmbuild-kernel "$1/.cache/"
}

# run SUITE [TEST...]
run() {
    local user=(setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --bounding-set=-all
        env HOME=/home/user)
    suite=$1
    shift
    home_of /home/user # before anything is built in root's
    home_of /root
    chown -R 1000:1000 /home/user
    say "make demo, as root"
    make demo
    say "make demo, as a user"
    "${user[@]}" make -C /home/user/vmbuild demo
    if [ $# -eq 0 ]; then
        say "make check"
        make check
    else
        say "$*"
        scripts/deps.sh test
        for test; do
            [[ $test != build/* ]] || make -s "$test"
        done
        tests/run "$@"
    fi
    say "done"
}

# --- On this machine ------------------------------------------------------------------------------

make_root() {
    local configuration=$work/apt.conf
    apt-config dump Acquire > "$configuration"
    say "making a root directory"
    "$top/scripts/apt-sources.sh" "$suite" |
        mmdebstrap --quiet --mode=root --variant=minbase --include=make --aptopt="$configuration" \
            --skip=cleanup/apt "$suite" "$work/root" - >&2
    mkdir -p "$work/root/var/cache/vmbuild-kernel" "$work/root/mnt"
    cp /etc/resolv.conf "$work/root/etc/"
    echo '127.0.0.1 localhost' > "$work/root/etc/hosts"
    git clone --quiet --no-hardlinks "$top" "$work/root/root/vmbuild"
    chmod 755 "$work/root/root" # tests run programs of the clone as another user
}

case ${1-} in
--enter)
    enter "${@:2}"
    ;;
--run)
    run "${@:2}"
    exit
    ;;
esac

suite=${1-}
[[ $suite =~ ^[a-z]+$ ]] || { echo "usage: $0 bookworm|trixie [TEST...]" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || fail "make a root directory of '$suite': only root can enter it"
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}
mkdir -p "$cache/vmbuild-bare/partial" "$cache/vmbuild-kernel"
work=$(mktemp -d /var/tmp/vmbuild-bare.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
make_root
unshare --mount --pid --fork "$0" --enter "$work/root" "$cache" "$@"
