#!/bin/bash
# kill -9 of each of the program's processes, and of each two of them, at each stage of a build.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults/faults.sh
. "$(dirname "$0")/faults.sh"
need jq

compile interpose -shared -fPIC -ldl
prepare
script_spec sleeps "$(jq 'del(.runAsRoot)' "$WORK/job.json")" <<< 'echo started; sleep 600'
jq '.network = true' "$WORK/sleeps.json" > "$WORK/network.json"

# slow_at CALL:PATTERN:HOW [OPTION...]: starts the job, whose calls take long, and waits for the first.
slow_at() {
    local calls=$1
    shift
    USER_ENV=(LD_PRELOAD="$WORK/bin/interpose" FAULT="$calls" FAULT_MARK="$WORK/mark")
    start_job "$@"
    wait_until test -e "$WORK/mark"
}

has_process() {
    [ -n "$(process_of "$1")" ]
}

# start_until STAGE: starts the job, and waits until it is there.
start_until() {
    case $1 in
    base) slow_at "read:$(base busybox):late" --no-cache ;;
    launch)
        start_job
        wait_until has_process qemu
        ;;
    unpack)
        rm -rf "$CACHE"/vmbuild/disks/*
        start_job --progress json
        wait_until has_said '"stage":"unpack"'
        ;;
    publish)
        rm -rf "$CACHE"/vmbuild/disks/*
        slow_at 'rename:*/vmbuild/disks/*:late'
        ;;
    script)
        JOB=(--spec sleeps.json)
        start_job
        wait_until has_said '^started'
        ;;
    network)
        JOB=(--spec network.json)
        start_job
        wait_until has_said '^started'
        NETWORK=$(process_of network)
        ;;
    pack) slow_at 'write:*/.layer.*:slow' ;;
    output) slow_at 'write:*/.vmbuild-out.*:late' ;;
    esac
}

# kill_at STAGE NAME+NAME: kills these processes. What the supervisor does not remove any more is left
# to the next build.
kill_at() {
    local name
    local -a names=() pids=()
    IFS=+ read -r -a names <<< "$2"
    start_until "$1"
    for name in "${names[@]}"; do
        [ "$name" != supervisor ] || KILLED=yes
        mapfile -t -O "${#pids[@]}" pids < <(process_of "$name")
    done
    kill -9 "${pids[@]}" 2> /dev/null
    wait_job
    [ ${#pids[@]} -eq ${#names[@]} ] || STATUS="$STATUS, and not all of them were there"
}

# kills STAGE SET...: a fault for each SET of processes.
kills() {
    local stage=$1 set codes
    shift
    for set; do
        case $set in
        *supervisor*) codes=137 ;;
        *worker*) codes=1 ;;
        qemu) [ "$stage" = launch ] && codes='0|4' || codes=4 ;; # a VM that does not resume boots
        *) codes=4 ;;
        esac
        fault "kill-$set-at-$stage" "$codes" '' kill_at "$stage" "$set"
    done
}

kills base supervisor worker supervisor+worker
for stage in launch unpack publish script pack; do
    kills "$stage" supervisor worker qemu supervisor+worker supervisor+qemu worker+qemu
done
kills network network supervisor+network worker+network qemu+network
kills output supervisor worker supervisor+worker

# At one call, as the OOM killer does it.
fault die-at-the-run-directory 1 '' job_fault 'mkdir:*/.vmbuild-run.*:die'
fault die-at-the-scratch-disk 1 '' job_fault 'write:*/.scratch.*:die'
fault die-at-the-output 1 '' job_fault 'open:*/.vmbuild-out.*:die'
fault die-at-the-end 1 '' job_fault 'rename:*/job.tar:die'

end_faults
