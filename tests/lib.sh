# shellcheck shell=bash
# For end-to-end tests: sourced by tests/e2e/*.t and tests/slow/*.t, which tests/run starts.
#
# A test runs the installed program as an unprivileged user: uid 65534, no capabilities, no way to
# gain any, no /dev/kvm, a clean environment. (If the tests do not run as root: as their own user.)
# Its directory is $WORK, which that user owns; it contains NAME.json (specs), NAME.tar (outputs),
# and tmp/, the program's TMPDIR. The cache is shared by all tests of a run.
#
# Form of a test: `run`, `build` or `build_script` sets STATUS and the files $WORK/out and $WORK/err;
# then `exits`, `says`, `ok`, `is`, `like` make one TAP line each; `done_testing` ends the file.
set -u
export LC_ALL=C.UTF-8
# Podman 5 warns of control groups of version 1 with each command.
export PODMAN_IGNORE_CGROUPSV1_WARNING=1

: "${VMBUILD_TESTS:?start the test by tests/run FILE}"
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${VMBUILD:?start the test by tests/run FILE}"
NOBODY=65534
image() {
    python3 "$TOP/tests/image.py" "$@"
}
CACHE=$VMBUILD_TESTS/cache
WORK=$(mktemp -d "$VMBUILD_TESTS/dirs/XXXXXX")
mkdir "$WORK/tmp"
chmod 755 "$WORK"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY:$NOBODY "$WORK"
TEST_NUMBER=0
STATUS=
# Further variables, and changes to those of as_user, for the program: VAR=VALUE words.
USER_ENV=()
# A directory that is empty for the program (where the tests run as root).
HIDDEN=

remove_work() {
    [ -n "${KEEP-}" ] || rm -rf "$WORK" || true
}
trap remove_work EXIT

# under_uml: whether the VMs are those of User-Mode Linux (make check-uml). It saves none, and has no
# modules.
under_uml() {
    [ "${VMBUILD_ACCEL-}" = uml ]
}

# --- TAP ------------------------------------------------------------------------------------------

# Comment lines, from the arguments or standard input.
diag() {
    if [ $# -gt 0 ]; then printf '%s\n' "$*"; else cat; fi | sed 's/^/# /'
}

pass() {
    TEST_NUMBER=$((TEST_NUMBER + 1))
    echo "ok $TEST_NUMBER - $1"
}

# fail NAME [LINES]: a failed test, with the end of the program's standard error.
fail() {
    TEST_NUMBER=$((TEST_NUMBER + 1))
    echo "not ok $TEST_NUMBER - $1"
    shift
    [ $# -eq 0 ] || diag "$@"
    if [ -s "$WORK/err" ]; then
        diag "standard error:"
        tail -n 40 "$WORK/err" | cat -v | cut -c 1-400 | diag
    fi
}

skip() {
    TEST_NUMBER=$((TEST_NUMBER + 1))
    echo "ok $TEST_NUMBER - $1 # SKIP $2"
}

# skip_all REASON: nothing in this file can run here.
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

done_testing() {
    echo "1..$TEST_NUMBER"
}

# ok NAME COMMAND...: COMMAND succeeds.
ok() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        pass "$name"
    else
        fail "$name" "failed: $*"$'\n'"$(tail -n 20 <<< "$output")"
    fi
}

# is NAME GOT EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1" "$(diff <(printf '%s\n' "$3") <(printf '%s\n' "$2") | head -n 40 | cat -v)"
    fi
}

# like NAME TEXT REGEX: a line of TEXT matches the extended regular expression.
like() {
    if grep -qE -e "$3" <<< "$2"; then
        pass "$1"
    else
        fail "$1" "no line matches: $3"$'\n'"$(head -n 40 <<< "$2" | cat -v)"
    fi
}

# unlike NAME TEXT REGEX: no line of TEXT matches.
unlike() {
    if grep -qE -e "$3" <<< "$2"; then
        fail "$1" "matches $3: $(grep -E -e "$3" <<< "$2" | head -n 3)"
    else
        pass "$1"
    fi
}

# need PROGRAM...: skips the file if one is missing.
need() {
    local program
    for program; do
        command -v "$program" > /dev/null || skip_all "no $program here"
    done
}

need_root() {
    [ "$(id -u)" -eq 0 ] || skip_all "$1 needs root"
}

# is_chosen WHICH NUMBER NAME: whether a row of a table is among those that WHICH names: all if it is
# empty, a fixed third if it is "ci", else those whose names match.
is_chosen() {
    case $1 in
    '') return 0 ;;
    ci) [ $(($2 % 3)) -eq 1 ] ;;
    *)
        # shellcheck disable=SC2053 # it is a pattern
        [[ $3 == $1 ]]
        ;;
    esac
}

# --- Waiting ----------------------------------------------------------------------------------------

# wait_for COMMAND...: waits until it succeeds, for as long as the most loaded machine may take.
wait_for() {
    local end=$((SECONDS + 600))
    until "$@" 2> /dev/null; do
        if [ "$SECONDS" -ge "$end" ]; then
            diag "waited in vain for: $*"
            return 1
        fi
        sleep 0.1
    done
}

# has_said REGEX: whether a line of the program's standard error matches by now.
has_said() {
    grep -qE -e "$1" "$WORK/err"
}

# --- Running the program --------------------------------------------------------------------------

# Sets ADDED to what is added to COMMAND.... A build runs its scripts, since what they print and do is
# tested, and the tests share a cache. A test of the cache of layers sets REUSE, and gives its images
# names of their own: what has changed since the last build is told by the name.
added_options() {
    ADDED=()
    [ -z "${REUSE-}" ] || return 0
    case " $* " in
    *" --rebuild"* | *" --no-cache "* | *" shell "* | *" -- "*) ;;
    *vmbuild*" --spec"*) ADDED=(--rebuild) ;;
    esac
}

# as_user COMMAND...: as the unprivileged user, in a clean environment, in $WORK.
as_user() {
    (become_user "$@")
}

# become_user COMMAND...: the same in place of this shell. After `become_user ... &`, $! is COMMAND's
# own process, to which signals can be sent.
become_user() {
    local -a drop=() environment=(env -i PATH=/usr/bin:/bin HOME="$WORK" XDG_CACHE_HOME="$CACHE"
        TMPDIR="$WORK/tmp" LC_ALL=C.UTF-8 ${VMBUILD_ACCEL:+VMBUILD_ACCEL="$VMBUILD_ACCEL"}
        "${USER_ENV[@]}")

    if [ "$(id -u)" -eq 0 ]; then
        drop=(setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups --no-new-privs
            --bounding-set=-all --inh-caps=-all)
        # A device that any user may open is hidden as well.
        if [ -e /dev/kvm ]; then
            # shellcheck disable=SC2016 # for the inner shell
            drop=(unshare --mount sh -c 'mount --bind /dev/null /dev/kvm && exec "$@"' sh "${drop[@]}")
        fi
        if [ -n "$HIDDEN" ]; then
            # shellcheck disable=SC2016 # for the inner shell
            drop=(unshare --mount sh -c 'mount -t tmpfs -o ro empty "$0" && exec "$@"' "$HIDDEN" "${drop[@]}")
        fi
    fi
    added_options "$@"
    cd "$WORK" && exec "${drop[@]}" "${environment[@]}" "$@" "${ADDED[@]}"
}

# run ARGUMENT...: the program; sets STATUS, writes $WORK/out and $WORK/err. Standard input is empty.
run() {
    local -a under=()
    read -r -a under <<< "${UNDER:+$TOP/$UNDER}"
    STATUS=0
    as_user "${under[@]}" "$VMBUILD" "$@" > "$WORK/out" 2> "$WORK/err" < "${INPUT-/dev/null}" ||
        STATUS=$?
}

# start ARGUMENT...: the same in the background, with RUN_PID; `finish` waits for it.
start() {
    in_background "$VMBUILD" "$@"
}

# in_background COMMAND...: the same for any command. The files are opened by this shell: if the new
# process did it, whoever waits for a text could still find what the program before has written.
in_background() {
    {
        become_user "$@" &
    } > "$WORK/out" 2> "$WORK/err" < "${INPUT-/dev/null}"
    RUN_PID=$!
}
# is_started: whether RUN_PID has become the program, after those that start it as another user.
is_started() {
    [[ $VMBUILD == */"$(cat "/proc/$RUN_PID/comm")" ]]
}
finish() {
    STATUS=0
    wait "$RUN_PID" || STATUS=$?
}

# spec NAME: standard input becomes the spec $WORK/NAME.json.
spec() {
    cat > "$WORK/$1.json"
}

# script_spec NAME JSON: the spec JSON, with standard input as its runAsRoot.
script_spec() {
    jq -Rs --argjson rest "$2" '$rest + {runAsRoot: .}' > "$WORK/$1.json"
}

# build NAME [OPTION...]: builds $WORK/NAME.json to $WORK/NAME.tar.
build() {
    local name=$1
    shift
    run --spec "$name.json" --output "$name.tar" --compression none "$@"
}

# build_script NAME JSON [OPTION...] < SCRIPT: script_spec and build in one.
build_script() {
    local name=$1 json=$2
    shift 2
    script_spec "$name" "$json"
    build "$name" "$@"
}

# exits CODE NAME: the program's exit code.
exits() {
    if [ "$STATUS" = "$1" ]; then
        pass "$2: exit code $1"
    else
        fail "$2: exit code $1" "the exit code was $STATUS"
    fi
}

# says NAME REGEX: a line of standard error matches.
says() {
    like "$1" "$(cat -v "$WORK/err")" "$2"
}

# Processes of this test's program that still exist. They have its HOME; QEMU and User-Mode Linux,
# whose environments are others, have files below $WORK.
processes_left() {
    local process
    # shellcheck disable=SC2013,SC2046 # names of /proc have no blanks
    for process in $(
        grep -lzxsF "HOME=$WORK" /proc/[0-9]*/environ
        grep -lsF "$WORK/" /dev/null \
            $(grep -lzxsE '([^ ]*/)?(qemu-system(-[a-z0-9_]*)?|uml-machine)|linux' /proc/[0-9]*/cmdline)
    ); do
        process=${process%/*}
        # A zombie has no command line any more; it is only waiting for its parent.
        [ -z "$(tr -d '\0' 2> /dev/null < "$process/cmdline")" ] ||
            { printf '%s ' "${process#/proc/}"; tr '\0' ' ' < "$process/cmdline"; echo; }
    done
}

# machines: the processes of QEMU, or those that start User-Mode Linux, among processes_left.
machines() {
    processes_left | awk '$2 ~ /qemu-system|uml-machine$/ { print $1 }'
}

# kernel PID: the process of User-Mode Linux's kernel among the descendants of PID.
kernel() {
    local child
    for child in $(pgrep -P "$1"); do
        if [ "$(cat "/proc/$child/comm")" = uml-machine ]; then
            pgrep -P "$child"
        else
            kernel "$child"
        fi
    done
}

# has_processes N: whether it has at least so many.
has_processes() {
    [ "$(processes_left | wc -l)" -ge "$1" ]
}

# in_state STATE PID...: whether all of these processes have it, such as T (stopped).
in_state() {
    local state=$1 pid
    shift
    for pid; do
        grep -qE "^State:[[:space:]]$state" "/proc/$pid/status" 2> /dev/null || return
    done
}

# what_stays COMMAND: what COMMAND, such as processes_left, prints after the kernel has had a minute to
# end what was killed.
what_stays() {
    local _
    for _ in $(seq 600); do
        [ -n "$("$@")" ] || return 0
        sleep 0.1
    done
    "$@"
}

# Sessions of the store that no process holds (host/store/store_session.h). Other tests, which share the
# cache, hold theirs, except while they create them under the lock of all sessions; sessions may vanish
# during the search.
abandoned_sessions() (
    [ -e "$CACHE/vmbuild/lock/sessions" ] || exit 0
    exec 9< "$CACHE/vmbuild/lock/sessions"
    flock 9
    for uses in "$CACHE"/vmbuild/sessions/.session.*/uses; do
        if flock --nonblock "$uses" true 2> /dev/null && [ -e "$uses" ]; then
            echo "${uses%/uses}"
        fi
    done
)

# leaves_nothing NAME [OUTPUT]: no process, no temporary, no partial output.
leaves_nothing() {
    local left
    left=$(processes_left
        find "$WORK/tmp" -mindepth 1
        find "$WORK" -maxdepth 1 -name '.*' ! -path "$WORK" ! -name .cache
        abandoned_sessions)
    is "$1: no process, no temporary is left" "$left" ""
    [ $# -lt 2 ] || ok "$1: no partial output" test ! -e "$2"
}

# --- Base images ----------------------------------------------------------------------------------

# base debian|busybox: the path of the base image, which tests/run has created.
base() {
    readlink -f "$VMBUILD_TESTS/base-$1.tar"
}

# --- Looking into images --------------------------------------------------------------------------

# layer FILE [N]: the entries of the image's layer N (-1, the last), one per line:
# TYPE MODE UID:GID PATH [-> LINK | = HARDLINK | MAJOR,MINOR] [xattr NAME=HEX]...
layer() {
    image layer "$@"
}

# config FILE [JQ]: the image's config document.
config() {
    image config "$1" | jq -c "${2:-.}"
}

# file_of FILE PATH: the bytes of a regular file of the last layer.
file_of() {
    image file "$1" "$2"
}

# unpack FILE DIR: the whole image, unpacked by umoci (as root) to DIR/rootfs.
unpack() {
    rm -rf "$2.oci" "$2"
    {
        skopeo --insecure-policy copy --quiet "docker-archive:$1" "oci:$2.oci:x"
        umoci unpack --image "$2.oci:x" "$2"
    } > "$2.log" 2>&1
    [ -d "$2/rootfs" ] || cat "$2.log"
    rm -rf "$2.oci" "$2.log"
    [ -d "$2/rootfs" ]
}

# docker ARGUMENT...: the client of a Docker Engine for this run's tests, which the first call starts.
docker() {
    "$TOP/tests/docker-engine.sh" start "$VMBUILD_TESTS/docker" &&
        command docker --host "unix://$VMBUILD_TESTS/docker/socket" "$@"
}
