#!/bin/bash
# README's two commands on a bare machine of a release of Debian: `make demo`, as root and then as a
# user without any rights, and `make check`, each in a fresh clone of what is committed here.
#
# usage: bare-machine.sh bookworm|trixie [TEST...]
#
# TEST... run in place of all of `make check`.
#
# Environment: TARGETS=WORDS     in place of all that, `make` makes each of these, one after the other, also
#                                if one fails; words such as LIES=ci are given to each
#              CI=true, UNPUBLISHED=yes    mean what they do to tests/run and scripts/release/pack.sh
#              KEEP=1            leaves the machine, and prints how to enter it
#
# The machine is a root directory with the packages of Debian's minimal base and make, in namespaces
# of its own (scripts/debian-root.sh). Its packages, the guests' kernels and the release's parts are
# kept where this machine keeps its own. All else is gone at the end.
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

# make_targets WORD...
make_targets() {
    local word variables=() failed=()
    for word; do
        [[ $word != *=* ]] || variables+=("$word")
    done
    for word; do
        [[ $word != *=* ]] || continue
        say "make $word ${variables[*]}"
        make "$word" "${variables[@]}" || failed+=("$word")
    done
    [ ${#failed[@]} -eq 0 ] || fail "failed: ${failed[*]}"
}

demo() {
    local user=(setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --bounding-set=-all
        env HOME=/home/user)
    # A fresh clone, before anything is built in root's, and the guest's kernel if that was built before.
    mkdir -p /home/user/.cache
    cp -r "$top" /home/user/vmbuild
    ln -s /var/cache/vmbuild-kernel /home/user/.cache/
    chown -R 1000:1000 /home/user
    say "make demo, as root"
    make demo
    say "make demo, as a user"
    "${user[@]}" make -C /home/user/vmbuild demo
}

# run SUITE [TEST...]
run() {
    suite=$1
    shift
    cd "$top"
    if [ -n "${TARGETS-}" ]; then
        # shellcheck disable=SC2086 # one word each
        make_targets $TARGETS
        say "done"
        return
    fi
    demo
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
    say "making a root directory"
    "$top/scripts/debian-root.sh" make "$suite" "$root" make
    git clone --quiet --no-hardlinks "$top" "$root/root/vmbuild"
    chmod 755 "$root/root" # tests run programs of the clone as another user
}

cleanup() {
    if [ -n "${KEEP-}" ]; then
        echo "kept: $top/scripts/debian-root.sh run $root bash" >&2
        return
    fi
    rm -rf --one-file-system "$work"
}

if [ "${1-}" = --run ]; then
    run "${@:2}"
    exit
fi
suite=${1-}
[[ $suite =~ ^[a-z]+$ ]] || { echo "usage: $0 bookworm|trixie [TEST...]" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || fail "make a root directory of '$suite': only root can enter it"
work=$(mktemp -d /var/tmp/vmbuild-bare.XXXXXX)
root=$work/root
trap cleanup EXIT
make_root
"$top/scripts/debian-root.sh" run "$root" MAKEFLAGS="-j$(nproc)" CI="${CI-}" JOBS="${JOBS-$(nproc)}" \
    TARGETS="${TARGETS-}" UNPUBLISHED="${UNPUBLISHED-}" \
    vmbuild/tests/hosts/bare-machine.sh --run "$@"
