#!/bin/bash
# Ctrl-C and SIGTERM at every stage: 130 or 143 within 2 seconds; no QEMU, no temporary, no partial
# output is left, and the previous output is kept.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need setpriv jq

# interrupt SIGNAL CODE NAME: signals RUN_PID and checks its end.
interrupt() {
    local start took
    start=$(date +%s%N)
    kill -"$1" "$RUN_PID"
    finish
    took=$((($(date +%s%N) - start) / 1000000))
    exits "$2" "$3"
    ok "$3: within 2 s ($took ms)" test "$took" -lt 2000
    leaves_nothing "$3"
    is "$3: the previous output is kept" "$(cat "$WORK/job.tar")" previous
    # None if the signal came before the program had started.
    ok "$3: at most one line reports it" test \
        "$(grep -cE '^vmbuild: .*: (interrupted|terminated);' "$WORK/err")" -le 1
}

# In a shell without job control a background process ignores SIGINT, and so does all that it starts:
# env restores the default, as a terminal has it.
start_job() {
    become_user env --default-signal=INT,TERM,HUP "$VMBUILD" --spec job.json --output job.tar "$@" \
        > "$WORK/out" 2> "$WORK/err" < /dev/null &
    RUN_PID=$!
}

# wait_for TEXT: waits until it appears on standard error.
wait_for() {
    for _ in $(seq 600); do
        grep -q -e "$1" "$WORK/err" && return
        sleep 0.1
    done
    diag "waited in vain for: $1"
}

echo previous > "$WORK/job.tar"
script_spec job "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, diskSize: 4096}')" <<'END'
echo started
sleep 3
dd if=/dev/urandom of=/large bs=1M count=600 2> /dev/null
echo written
END

# --- Interrupted at any time
# At fixed times after the start, wherever that is: reading the base, booting, unpacking.
for delay in 0.05 0.2 0.6 1.2 2.5; do
    start_job --no-cache
    sleep "$delay"
    interrupt INT 130 "SIGINT after $delay s"
done

start_job
wait_for '^started'
interrupt INT 130 "SIGINT while the script runs"

start_job
wait_for '^started'
interrupt TERM 143 "SIGTERM while the script runs"

# While the layer is packed and the output written.
for delay in 0.1 0.5 1.0; do
    start_job
    wait_for '^written'
    sleep "$delay"
    if kill -0 "$RUN_PID" 2> /dev/null; then
        interrupt TERM 143 "SIGTERM $delay s after the script"
    else
        finish
        break
    fi
done

# --- Three signals, and a process group
# Three at once, as an impatient user does.
echo previous > "$WORK/job.tar"
start_job
wait_for '^started'
kill -INT "$RUN_PID"
kill -INT "$RUN_PID"
interrupt INT 130 "three times SIGINT"

# From a terminal the whole process group receives it.
set -m
start_job
set +m
wait_for '^started'
start=$(date +%s%N)
kill -INT -- "-$RUN_PID"
finish
exits 130 "SIGINT to the process group"
ok "SIGINT to the process group: within 2 s" test "$((($(date +%s%N) - start) / 1000000))" -lt 2000
leaves_nothing "SIGINT to the process group"

# --- SIGKILL
# Everything is killed at once: nothing that would harm the next build is left. (In a separate
# cache: other tests must not find the dead sessions.)
CACHE=$WORK/cache
start_job
wait_for '^started'
for pid in $(processes_left | awk '{ print $1 }'); do
    kill -9 "$pid" 2> /dev/null
done
finish
exits 137 "kill -9 of everything"
sleep 1
is "kill -9 of everything: no process is left" "$(processes_left)" ""

# The supervisor alone: QEMU must not live on.
start_job
wait_for '^started'
kill -9 "$RUN_PID"
finish
for _ in $(seq 60); do # libguestfs' recovery process looks every two seconds
    [ -n "$(processes_left)" ] || break
    sleep 0.1
done
is "kill -9 of the first process: no process is left" "$(processes_left)" ""

script_spec job "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base}')" <<< 'touch /made'
run --spec job.json --output job.tar --compression none
exits 0 "a build after all this, on the same cache"
like "a build after all this: its layer" "$(layer "$WORK/job.tar")" ' made$'
leaves_nothing "a build after all this"

done_testing
