#!/bin/bash
# Resource limits, closed streams, clocks that jump, and kernels and file systems that lack something.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults/faults.sh
. "$(dirname "$0")/faults.sh"
need jq python3

compile interpose -shared -fPIC -ldl
compile deny -lseccomp
cp "$TOP/tests/faults/terminal.py" "$WORK/bin/"
prepare
leave_cache_alone

# --- Each limit of setrlimit(2)

# limited LIMIT [OPTION...]: under prlimit(1), as --LIMIT.
limited() {
    local limit=$1
    shift
    job_under prlimit "--$limit" -- "$@"
}

fault limit-as 4 'enough memory|Cannot allocate memory' limited as=800000000
fault limit-as-of-the-program '1|4' 'memory|temporarily unavailable' limited as=200000000
fault limit-core 0 '' limited core=0
fault limit-cpu 4 'ulimit -t' limited cpu=1
fault limit-data '1|4' 'memory|temporarily unavailable' limited data=60000000
fault limit-fsize 6 'File too large' limited fsize=1000000
fault limit-fsize-of-nothing 6 '' limited fsize=0
fault limit-locks 0 '' limited locks=0
fault limit-memlock 0 '' limited memlock=0
fault limit-msgqueue 0 '' limited msgqueue=0
fault limit-nice 0 '' limited nice=0
fault limit-nofile '1|4' 'Too many open files' limited nofile=16
fault limit-nofile-of-few '0|1|4' '' limited nofile=64
fault limit-nproc 1 'Resource temporarily unavailable' limited nproc=1
fault limit-rss 0 '' limited rss=1000000
fault limit-rtprio 0 '' limited rtprio=0
fault limit-rttime 0 '' limited rttime=1000
fault limit-sigpending 0 '' limited sigpending=0
fault limit-stack 0 '' limited stack=262144

# --- Closed streams

# with_streams REDIRECTION...
with_streams() {
    job_under sh -c "exec \"\$@\" $*" sh --
}

# to_standard_output REDIRECTION: the output goes there.
to_standard_output() {
    OUTPUT=-
    become_user bash -c "\"\$@\" $*" bash "$VMBUILD" "${JOB[@]}" --output - 2> "$WORK/err" < /dev/null &
    RUN_PID=$!
    wait_job
}

fault no-standard-input 0 '' with_streams '<&-'
fault no-standard-output 0 '' with_streams '>&-'
fault no-standard-error 0 '' with_streams '2>&-'
fault no-standard-streams 0 '' with_streams '<&- >&- 2>&-'
fault full-standard-error 0 '' with_streams '2>/dev/full'
fault full-standard-output 6 'No space left' to_standard_output '>/dev/full'
fault closed-pipe '1|143' '' to_standard_output '| true; exit "${PIPESTATUS[0]}"'

# --- Clocks

fault clock-forward 0 '' job_with LD_PRELOAD="$WORK/bin/interpose" CLOCK_JUMPS=4000000000
fault clock-back 0 '' job_with LD_PRELOAD="$WORK/bin/interpose" CLOCK_JUMPS=-1700000000
fault clock-by-an-hour 0 '' job_with LD_PRELOAD="$WORK/bin/interpose" CLOCK_JUMPS=3600
fault clock-before-1970 0 '' job_with LD_PRELOAD="$WORK/bin/interpose" CLOCK_JUMPS=-4000000000

# aged DATE: on a cache all of whose files are of DATE.
aged() {
    find "$CACHE" -exec touch -h -d "$1" {} +
    job
}
fault cache-of-the-future 0 '' aged 2100-01-01
fault cache-of-1970 0 '' aged 1970-01-02

# --- Calls that are missing

# denied CALL=ERRNO...: see deny.c. 22: EINVAL, 37: ENOLCK, 38: ENOSYS, 95: EOPNOTSUPP
denied() {
    job_under "$WORK/bin/deny" "$@" --
}

# denied_locks ERRNO: in a directory of its own for sockets as well, which other processes, for whom
# there are locks, would take for an abandoned one.
denied_locks() {
    local folder
    folder=$(mktemp -d /tmp/no-locks.XXXXXX)
    [ "$(id -u)" -ne 0 ] || chown "$NOBODY" "$folder"
    USER_ENV=(TMPDIR="$folder")
    denied flock="$1"
    rmdir "$folder" || STATUS="$STATUS, and temporaries are left"
}

fault no-locks 0 'without a cache' denied_locks 37
fault no-flock 0 'without a cache' denied_locks 38
fault no-copy-file-range 0 '' denied copy_file_range=38
fault no-fallocate 0 '' denied fallocate=95
fault no-exchange 0 '' denied renameat2=22
fault no-landlock 0 '' denied landlock_create_ruleset=38 landlock_add_rule=38 landlock_restrict_self=38
fault no-pidfd 0 '' denied pidfd_open=38 pidfd_send_signal=38
fault no-close-range 0 '' denied close_range=38
fault no-memfd 0 '' denied memfd_create=38
fault no-openat2 0 '' denied openat2=38
fault no-statx 0 '' denied statx=38
fault no-attributes 0 '' denied getxattr=95 setxattr=95 fsetxattr=95 fgetxattr=95
fault no-io-uring 0 '' denied io_uring_setup=38

# --- Terminals

# on_terminal DO: see terminal.py. The script is still at work then.
on_terminal() {
    JOB=(--spec patient.json --compression none)
    job_under python3 "$WORK/bin/terminal.py" "$1" "$WORK/" --
}

jq '.runAsRoot |= sub("started\n"; "started\nsleep 3\n")' "$WORK/job.json" > "$WORK/patient.json"
fault terminal-suspend 0 'all ([3-9]|[1-9][0-9]+) stopped' on_terminal suspend
fault terminal-stop 0 'built in' on_terminal stop
fault terminal-hang-up 129\|143 '' on_terminal hang-up
fault terminal-resize 0 'built in' on_terminal resize
fault terminal-interrupt 130 '' on_terminal interrupt
fault terminal-quit 130 '' on_terminal quit

end_faults
