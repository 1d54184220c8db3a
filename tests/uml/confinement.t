#!/bin/bash
# What a User-Mode Linux that a guest has taken over can reach of the user: a program in the place of
# its kernel tries it. (e2e/confinement.t has the same for QEMU.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/reach.sh
. "$(dirname "$0")/../reach.sh"

need jq python3
appliance=$(dirname "$(dirname "$VMBUILD")")/lib/vmbuild
[ -x "$appliance/linux.x86_64" ] || skip_all "'make uml' has not built it"
export VMBUILD_ACCEL=uml

CACHE=$WORK/cache
mkdir "$WORK/shared" "$WORK/taken"
echo shared > "$WORK/shared/file"
script_spec job "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 60,
    shares: [{source: "shared", target: "/shared"}]}')" <<< 'true'
build job --verbose
exits 0 "a build"
run doctor
cat "$WORK/out" "$WORK/err" | grep -q 'Landlock.*ABI [6-9]' || skip_all "this kernel does not offer all of it"
prepare_reach

list=("${attempts[@]}" {memory,trace,environment,limits}:parent=parent signal:parent=parent
    read:program=/usr/bin/env list:programs=/usr/bin read:cpuinfo=/proc/cpuinfo stat:home="$home/.bashrc"
    read:share="$WORK/shared/file" append:share="$WORK/shared/file" read:kernel="$WORK/taken/linux.x86_64"
    read:spec="$WORK/job.json")
cp "$appliance"/*.x86_64* "$WORK/taken/"
if ! ${CC:-gcc} -D_GNU_SOURCE -O1 -static -DATTEMPTS="$(printf '"%s",' "${list[@]}")" \
    -o "$WORK/taken/linux.x86_64" "$TOP/tests/taken_over.c" 2> "$WORK/cc.log"; then
    fail "the program is compiled" "$(cat "$WORK/cc.log")"
    done_testing
    exit
fi
chmod 755 "$WORK/taken/linux.x86_64"
USER_ENV=(SECRET=1 VMBUILD_APPLIANCE="$WORK/taken")
build job --verbose
USER_ENV=()
exits 4 "the kernel is taken over"
grep 'reach' "$WORK/err" > "$WORK/taken.log"
diag < "$WORK/taken.log"
# What remains: SECURITY.md names it. The parent, which passes on what the kernel says, is confined with
# it, and can be signalled.
for attempt in "${list[@]%%=*}"; do
    case $attempt in
    read:cpuinfo | read:kernel | stat:home | signal:parent) expected=yes ;;
    *) expected=no ;;
    esac
    is "confined: $attempt" "$(reach "$WORK/taken.log" "$attempt")" "$expected"
done
leaves_nothing "the kernel is taken over" "$WORK/none.tar"

done_testing
