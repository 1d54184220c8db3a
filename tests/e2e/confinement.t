#!/bin/bash
# What a QEMU that a guest has taken over can reach of the user: a program in QEMU's place tries it. A
# first run without confinement shows that there is something to reach.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/reach.sh
. "$(dirname "$0")/../reach.sh"

need jq python3

CACHE=$WORK/cache
on_busybox=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 60}')
build_script job "$on_busybox" --verbose <<< 'true'
exits 0 "a build"
says "a build: what confines QEMU" '^vmbuild: QEMU is confined by .*'
grep -q 'Landlock (ABI [6-9].*seccomp' "$WORK/err" || skip_all "this kernel does not offer all of it"

mkdir "$WORK/taken"
if ! ${CC:-gcc} -D_GNU_SOURCE -O1 -o "$WORK/taken/over" "$TOP/tests/taken_over.c" 2> "$WORK/cc.log"; then
    fail "the program is compiled" "$(cat "$WORK/cc.log")"
    done_testing
    exit
fi
prepare_reach
USER_ENV=(SECRET=1)
as_user "$WORK/taken/over" "${attempts[@]}" 2> "$WORK/free"
# Some systems refuse these to everyone.
for attempt in "${attempts[@]%%=*}"; do
    case $attempt in
    trace | memory | environment | io_uring | keyring | core) ;;
    *) is "not confined: $attempt" "$(reach "$WORK/free" "$attempt")" yes ;;
    esac
done
as_user touch "$home/file"

# libguestfs' questions about QEMU are answered by QEMU.
# take_over ATTEMPT...: sets up a QEMU that makes these attempts.
take_over() {
    printf '#!/bin/sh\ncase " $* " in *" -append "*) exec "%s/over"%s ;; esac\nexec qemu-system-x86_64 "$@"\n' \
        "$WORK/taken" "$(printf " '%s'" "$@")" > "$WORK/taken/qemu"
    chmod 755 "$WORK/taken/qemu"
}

build_taken() {
    USER_ENV=(SECRET=1 VMBUILD_QEMU="$WORK/taken/qemu")
    build "$1" --verbose
    USER_ENV=()
    grep 'reach' "$WORK/err" > "$WORK/taken.log"
    diag < "$WORK/taken.log"
}

# --- In QEMU's place
take_over "${attempts[@]}" memory:vmbuild=parent trace:vmbuild=parent signal:vmbuild=parent \
    environment:vmbuild=parent limits:vmbuild=parent read:own="$WORK/taken/qemu" \
    read:program=/usr/bin/env list:programs=/usr/bin stat:home="$home/.bashrc"
build_taken job
exits 4 "QEMU is taken over"
for attempt in "${attempts[@]%%=*}" {memory,trace,signal,environment,limits}:vmbuild; do
    is "confined: $attempt" "$(reach "$WORK/taken.log" "$attempt")" no
done
# What remains: SECURITY.md names it.
for attempt in read:own read:program list:programs stat:home; do
    is "confined, and not refused: $attempt" "$(reach "$WORK/taken.log" "$attempt")" yes
done
leaves_nothing "QEMU is taken over" "$WORK/none.tar"

# --- In the worker's place
# The process that reads what the guest sends, while a script runs: it is left the output's directory and
# the cache.
if ${CC:-gcc} -D_GNU_SOURCE -O1 -shared -fPIC -DPRELOADED -o "$WORK/taken/over.so" "$TOP/tests/taken_over.c" \
    2> "$WORK/cc.log"; then
    chmod 755 "$WORK/taken/over.so"
    mkdir "$WORK/output"
    [ "$(id -u)" -ne 0 ] || chown $NOBODY "$WORK/output"
    script_spec output "$on_busybox" <<< 'echo started; sleep 1'
    list=()
    for attempt in "${attempts[@]}"; do
        case $attempt in
        # Its own, or the build's; and the lists that libraries read are not secret.
        variable* | core* | outlive* | *:disk=* | create:cache* | list:processes* | read:passwd*) ;;
        *) list+=("$attempt") ;;
        esac
    done
    USER_ENV=(LD_PRELOAD="$WORK/taken/over.so" TAKEN_OVER="${list[*]} create:cache=$CACHE/vmbuild/disks/new
        create:output=$WORK/output/new read:passwd=/etc/passwd list:processes=/proc")
    run --spec output.json --output output/x.tar --compression none
    USER_ENV=()
    exits 0 "the worker is taken over"
    grep 'reach' "$WORK/err" > "$WORK/taken.log"
    diag < "$WORK/taken.log"
    for attempt in "${list[@]%%=*}" read:passwd list:processes; do
        is "the worker: $attempt" "$(reach "$WORK/taken.log" "$attempt")" no
        is "the worker's other thread: $attempt" "$(reach "$WORK/taken.log" "thread:$attempt")" no
    done
    for attempt in create:cache create:output; do
        is "the worker, and not refused: $attempt" "$(reach "$WORK/taken.log" "$attempt")" yes
    done
else
    fail "the library is compiled" "$(cat "$WORK/cc.log")"
fi

# --- Its own directory
# QEMU may read the files beside it, unless that is where the user or everyone keeps files.
# try_beside DIR MODE EXPECTED: QEMU lies in DIR, whose mode is MODE.
try_beside() {
    echo beside > "$1/beside"
    cat > "$1/qemu" <<'END'
#!/bin/sh
case " $* " in
*" -append "*) read -r word < "${0%/*}/beside" && echo "reach read:beside: yes" || echo "reach read:beside: no" ;;
*) exec qemu-system-x86_64 "$@" ;;
esac
END
    chmod 755 "$1/qemu"
    chmod "$2" "$1"
    USER_ENV=(HOME="$home" VMBUILD_QEMU="$1/qemu")
    build job --verbose
    USER_ENV=()
    grep 'reach' "$WORK/err" > "$WORK/taken.log"
    is "a file beside QEMU in ${1##*/}, of mode $2" "$(reach "$WORK/taken.log" read:beside)" "$3"
}
mkdir "$WORK/own"
try_beside "$WORK/own" 755 yes
try_beside "$WORK/own" 1777 no
try_beside "$home" 755 no

# --- What the spec grants
# A share is readable and nothing else; files beside it are not.
mkdir "$WORK/share"
[ "$(id -u)" -ne 0 ] || chown $NOBODY "$WORK/share"
as_user touch "$WORK/share/file"
jq -n --arg base "$(base busybox)" --arg share "$WORK/share" '{name: "x", fromImage: $base,
    runAsRoot: "true", shares: [{source: $share, target: "/share"}]}' > "$WORK/share.json"
take_over read:share="$WORK/share/file" list:share="$WORK/share" append:share="$WORK/share/file" \
    remove:share="$WORK/share/file" create:share="$WORK/share/new" list:beside="$WORK"
build_taken share
for attempt in read:share list:share; do
    is "a share: $attempt" "$(reach "$WORK/taken.log" "$attempt")" yes
done
for attempt in append:share remove:share create:share list:beside; do
    is "a share: $attempt" "$(reach "$WORK/taken.log" "$attempt")" no
done

# --- Older kernels
# Nothing is required of the kernel; what it lacks is told.
if ${CC:-gcc} -D_GNU_SOURCE -O1 -shared -fPIC -o "$WORK/old-kernel.so" "$TOP/tests/old_kernel.c" 2> "$WORK/cc.log"; then
    chmod 755 "$WORK/old-kernel.so"
    build job
    sum=$(sha256sum < "$WORK/job.tar")
    for old in "0 ^vmbuild: QEMU is confined by seccomp, but not in: files, TCP, signals and abstract sockets$" \
        "1 ^vmbuild: QEMU is confined by Landlock .ABI 1: files. and seccomp, but not in: TCP, signals" \
        "2 ^vmbuild: QEMU is confined by Landlock .ABI 2: files. and seccomp, but not in: TCP, signals" \
        "5 ^vmbuild: QEMU is confined by Landlock .ABI 5: files, TCP. and seccomp, but not in: signals"; do
        abi=${old%% *}
        USER_ENV=(LD_PRELOAD="$WORK/old-kernel.so" LANDLOCK_ABI="$abi")
        build job --verbose
        exits 0 "Landlock's ABI $abi"
        says "Landlock's ABI $abi: what is lacking" "${old#* }"
        is "Landlock's ABI $abi: the same bytes" "$(sha256sum < "$WORK/job.tar")" "$sum"
        confined='is confined'
        [ "$abi" -ge 2 ] || confined='is not confined'
        says "Landlock's ABI $abi: the worker" "^vmbuild: the worker's access to files $confined, its system calls are filtered"
    done
    USER_ENV=(LD_PRELOAD="$WORK/old-kernel.so" LANDLOCK_ABI=5)
    run doctor
    like "Landlock's ABI 5: doctor" "$(cat "$WORK/out")" '^weak  confinement .*not covered: signals and abstract sockets'
    USER_ENV=()
else
    fail "the library of older kernels is compiled" "$(cat "$WORK/cc.log")"
fi

# --- The program's file
# vmbuild confines QEMU by itself if nothing else is installed, whatever it is called.
mkdir "$WORK/a b"
cp "$VMBUILD" "$WORK/a b/größer, qemu"
chmod 755 "$WORK/a b/größer, qemu"
take_over read:credentials="$home/.docker/config.json" unix="$WORK/socket"
installed=$VMBUILD VMBUILD="$WORK/a b/größer, qemu"
USER_ENV=(SECRET=1 VMBUILD_QEMU="$WORK/taken/qemu" VMBUILD_APPLIANCE="$(dirname "$installed")/../lib/vmbuild")
build job --verbose
grep 'reach' "$WORK/err" > "$WORK/taken.log"
for attempt in read:credentials unix; do
    is "a copy of the program: $attempt" "$(reach "$WORK/taken.log" "$attempt")" no
done
USER_ENV=(VMBUILD_APPLIANCE="$(dirname "$installed")/../lib/vmbuild")
build job
exits 0 "a copy of the program"

# And if its file is removed while it runs.
mkfifo "$WORK/input"
[ "$(id -u)" -ne 0 ] || chown $NOBODY "$WORK/input"
become_user "$VMBUILD" --spec - --output removed.tar < "$WORK/input" > "$WORK/out" 2> "$WORK/err" &
RUN_PID=$!
exec 7> "$WORK/input"
wait_for is_started
rm "$WORK/a b/größer, qemu"
cat "$WORK/job.json" >&7
exec 7>&-
finish
exits 0 "the program's file is removed while it runs"
leaves_nothing "the program's file is removed while it runs"

done_testing
