# shellcheck shell=bash
# For tests of faults, sourced after tests/lib.sh. A fault is one line of a file tests/faults/*.t:
#
#   fault NAME CODES MESSAGE COMMAND...
#
# It runs COMMAND, which builds the job (job_*) while something goes wrong, and which ends with the
# exit code STATUS. The fault is right if
#   - STATUS is one of CODES ("4" or "0|4"), and MESSAGE, an extended regular expression, matches a
#     line of standard error;
#   - $OUTPUT has the bytes that it always has if STATUS is 0, and what it had before if it is not;
#   - no process of the program is left, and no temporary or partial output: of what was killed with
#     its supervisor (KILLED), after the next build;
#   - the next build (NEXT) succeeds, and makes the same bytes as always.
# Each fault prints one line: its name, exit code, time, and what is left.
#
# FAULTS chooses faults: "ci" a fixed third of those of each file, else those whose names match.

# Each file has a cache of its own: other tests must not find the sessions that a fault leaves.
# shellcheck disable=SC2034 # for lib.sh
CACHE=$WORK/cache
OUTPUT=job.tar
FAULT_NUMBER=0
FAULT_SECONDS=600 # in which each fault has to end, on the most loaded machine
LAUNCHER=()       # a command that starts the program
KILLED=
STATUS=
JOB=(--spec job.json --compression none) # the command whose output is compared
NEXT=("${JOB[@]}")                       # the build after a fault

# --- What a fault may use -------------------------------------------------------------------------

# compile NAME [OPTION...]: tests/faults/NAME.c, as $WORK/bin/NAME.
compile() {
    local name=$1
    shift
    mkdir -p "$WORK/bin"
    ${CC:-gcc} -D_GNU_SOURCE -O1 -o "$WORK/bin/$name" "$TOP/tests/faults/$name.c" "$@" 2> "$WORK/cc.log" ||
        { fail "$name is compiled" "$(cat "$WORK/cc.log")"; done_testing; exit; }
    chmod 755 "$WORK/bin/$name"
}

# start_job [OPTION...]: starts the job, with RUN_PID.
start_job() {
    in_background "${LAUNCHER[@]}" "$VMBUILD" "${JOB[@]}" --output "$WORK/$OUTPUT" "$@"
}

# wait_job: waits for its end; sets STATUS, "late" if it has to be ended.
wait_job() {
    local late='' end=$((SECONDS + FAULT_SECONDS))
    while kill -0 "$RUN_PID" 2> /dev/null; do
        if [ "$SECONDS" -ge "$end" ]; then
            late=late
            kill_processes
            kill -9 "$RUN_PID" 2> /dev/null
        fi
        sleep 0.02
    done
    STATUS=0
    wait "$RUN_PID" 2> /dev/null || STATUS=$?
    STATUS=${late:-$STATUS}
}

job() {
    start_job "$@"
    wait_job
}

# job_with VAR=VALUE... [-- OPTION...]: with these in its environment.
job_with() {
    local -a variables=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    USER_ENV+=("${variables[@]}")
    job "$@"
}

# job_fault CALL:PATTERN:WHAT [OPTION...]: see interpose.c.
job_fault() {
    local what=$1
    shift
    job_with LD_PRELOAD="$WORK/bin/interpose" FAULT="$what" -- "$@"
}

# job_under WORD... -- [OPTION...]: started by the command WORD...
job_under() {
    while [ "$1" != -- ]; do
        LAUNCHER+=("$1")
        shift
    done
    shift
    job "$@"
}

# wait_until COMMAND...: waits until it succeeds, or the job has ended.
wait_until() {
    local end=$((SECONDS + FAULT_SECONDS))
    until "$@"; do
        kill -0 "$RUN_PID" 2> /dev/null && [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# process_of NAME: the PID of the job's supervisor, worker, qemu or network; nothing if there is none.
process_of() {
    local process
    case $1 in
    supervisor) echo "$RUN_PID" ;;
    worker)
        read -r process _ 2> /dev/null < "/proc/$RUN_PID/task/$RUN_PID/children"
        [ -z "${process-}" ] || echo "$process"
        ;;
    qemu) processes_left | awk '$2 ~ /qemu-system/ && / -device / { print $1; exit }' ;;
    network) # it has nothing in its environment
        process=$(process_of worker)
        # shellcheck disable=SC2013 # numbers
        for process in $(cat "/proc/$process/task/"*/children 2> /dev/null); do
            [ "$(tr '\0' '\n' 2> /dev/null < "/proc/$process/cmdline" | head -n 1)" != vmbuild-network ] || echo "$process"
        done
        ;;
    esac
}

# job_on SIZE [OPTION...]: with a file system of SIZE (an option of tmpfs) at $WORK/small. It has room
# for what comes after the fault.
job_on() {
    mkdir -p "$WORK/small"
    mount -t tmpfs -o "$1,mode=777" none "$WORK/small" || return
    [[ $OUTPUT != small/*.tar ]] || echo previous > "$WORK/$OUTPUT"
    [ ! -f "$WORK/$OUTPUT" ] || chown "$NOBODY" "$WORK/$OUTPUT"
    shift
    job "$@"
    mount -o remount,size=0,nr_inodes=0 "$WORK/small"
}

make_small_again() {
    ! mountpoint -q "$WORK/small" || umount "$WORK/small"
}
trap 'make_small_again; remove_work' EXIT

kill_processes() {
    local pid
    for pid in $(processes_left | awk '{ print $1 }'); do
        kill -9 "$pid" 2> /dev/null
    done
}

# --- Which faults, and what is right --------------------------------------------------------------

sum() {
    sha256sum "$1" 2> /dev/null | cut -d ' ' -f 1
}

# Those that processes_left finds, and NETWORK, a process of the network.
all_processes_left() {
    processes_left
    ! grep -qszx vmbuild-network "/proc/${NETWORK:-none}/cmdline" || echo "$NETWORK vmbuild-network"
}

# What a fault has left.
left() {
    what_stays all_processes_left
    [ -n "$KILLED" ] || temporaries_left
}

temporaries_left() {
    local folder
    for folder in "$WORK/tmp" "$WORK/small"; do
        [ ! -d "$folder" ] || find "$folder" -mindepth 1 -maxdepth 1 -name '.*' ! -name .cache
    done
    find "$WORK" -maxdepth 1 -name '.*' ! -path "$WORK" ! -name .cache
    abandoned_sessions
}

# next_build: the job on the same cache, without a fault. Prints what is wrong with it.
next_build() {
    local USER_ENV=() LAUNCHER=() JOB=("${NEXT[@]}") OUTPUT=next.tar STATUS RUN_PID
    cp "$WORK/err" "$WORK/err.fault"
    job
    [ "$STATUS" = 0 ] || { echo "the next build: exit code $STATUS"; tail -n 3 "$WORK/err"; }
    [ "$STATUS" != 0 ] || [ "$(sum "$WORK/next.tar")" = "$NEXT_EXPECTED" ] || echo "the next build: other bytes"
    mv "$WORK/err.fault" "$WORK/err"
    rm -f "$WORK/next.tar"
    temporaries_left
}

# wrong CODES MESSAGE: what is wrong with the fault that was just made, one thing a line.
wrong() {
    local now
    [[ "|$1|" == *"|$STATUS|"* ]] || echo "the exit code is $STATUS, not $1"
    grep -aqE -e "$2" "$WORK/err" || [ -z "$2" ] || echo "no line matches: $2"
    if [ -f "$WORK/$OUTPUT" ]; then
        now=$(sum "$WORK/$OUTPUT")
        if [ "$STATUS" = 0 ]; then
            [ "$now" = "$EXPECTED" ] || echo "other bytes"
        else
            [ "$now" = "$PREVIOUS" ] || echo "the previous output is lost"
        fi
    fi
    left
    next_build
}

fault() {
    local name=$1 codes=$2 message=$3 start took faults
    local -a USER_ENV=() LAUNCHER=()
    local -a JOB=("${JOB[@]}")
    local KILLED='' NETWORK='' STATUS='' OUTPUT=$OUTPUT
    shift 3
    FAULT_NUMBER=$((FAULT_NUMBER + 1))
    is_chosen "${FAULTS-}" "$FAULT_NUMBER" "$name" || return 0
    make_small_again
    rm -rf "${WORK:?}/$OUTPUT" "$WORK/mark"
    echo previous > "$WORK/$OUTPUT"
    start=$(date +%s%N)
    "$@" 2> "$WORK/noise" # the shell's words about who was killed
    took=$((($(date +%s%N) - start) / 10000000))
    faults=$(wrong "$codes" "$message")
    name="$name: exit $STATUS, $((took / 100)).$(printf %02d $((took % 100))) s"
    if [ -z "$faults" ]; then
        pass "$name, nothing is left"
    else
        fail "$name" "$faults"
    fi
}

# prepare: the job, its expected output, and a warm cache with a saved VM.
prepare() {
    PREVIOUS=$(echo previous | sha256sum | cut -d ' ' -f 1)
    script_spec job "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 300, diskSize: 64, memory: 256}')" <<'END_OF_SCRIPT'
echo started
yes | head -c 8000000 > /large
sync
echo written
END_OF_SCRIPT
    sleep 3 # an appliance that was just installed is not known by its times yet
    for _ in 1 2 3; do
        job
        [ "$STATUS" = 0 ] || { fail "the job is built: exit code $STATUS"; done_testing; exit; }
    done
    EXPECTED=$(sum "$WORK/job.tar")
    NEXT_EXPECTED=$EXPECTED
}

# leave_cache_alone: no fault of this file concerns the cache: the next build is one without a VM.
leave_cache_alone() {
    jq -n '{name: "x"}' > "$WORK/plain.json"
    NEXT=(--spec plain.json --compression none)
    local -a JOB=("${NEXT[@]}")
    job
    NEXT_EXPECTED=$(sum "$WORK/job.tar")
}

# end_faults: the end of the file.
end_faults() {
    if [ "$TEST_NUMBER" -eq 0 ]; then
        skip_all "no fault matches '$FAULTS'"
    fi
    done_testing
}
