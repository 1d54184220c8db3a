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
# env restores the default, as a terminal has it. Until RUN_PID is the program, a signal could be lost.
start_job() {
    in_background env --default-signal=INT,TERM,HUP,PIPE "$VMBUILD" --spec job.json --output job.tar "$@"
    until is_started 2> /dev/null || ! kill -0 "$RUN_PID" 2> /dev/null; do
        sleep 0.01
    done
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
wait_for has_said '^started'
interrupt INT 130 "SIGINT while the script runs"

start_job
wait_for has_said '^started'
interrupt TERM 143 "SIGTERM while the script runs"

# While the layer is packed and the output written.
for delay in 0.1 0.5 1.0; do
    start_job
    wait_for has_said '^written'
    sleep "$delay"
    if kill -0 "$RUN_PID" 2> /dev/null; then
        interrupt TERM 143 "SIGTERM $delay s after the script"
    else
        finish
        break
    fi
done

# --- Any other signal
echo previous > "$WORK/job.tar"
for signal in PIPE ALRM USR1 USR2 XCPU SEGV; do
    start_job
    wait_for has_said '^started'
    interrupt "$signal" 143 "SIG$signal while the script runs"
done
start_job
wait_for has_said '^started'
interrupt XFSZ 6 "SIGXFSZ while the script runs"

# The worker's own limits: of the size of files, before and in the VM.
limited() (
    ulimit -f "$1"
    run --spec limited.json --output limited.tar --compression none
    exit "$STATUS"
)
jq -n '{name: "x", contents: ["large"]}' > "$WORK/limited.json"
head -c 5000000 /dev/zero > "$WORK/large"
STATUS=0
limited 1000 || STATUS=$?
exits 6 "a limit on the size of files"
says "a limit on the size of files: which" "^vmbuild: .*'.*': File too large"
leaves_nothing "a limit on the size of files" "$WORK/limited.tar"

# --- A suspended build
# A script with a limit of 16 seconds runs for 4, and is suspended for 20 in between.
script_spec job "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 16}')" <<'END'
echo started
read -r up rest < /proc/uptime
sleep 4
read -r now rest < /proc/uptime
echo "took $((${now%.*} - ${up%.*})) s"
END
# own_kernels: the processes on standard input, but for those that User-Mode Linux's kernel has for its
# programs: they wait for it (uml/uml.t).
own_kernels() {
    if under_uml; then
        grep -vxF "$(pgrep -P "$(kernel "$RUN_PID")")"
    else
        cat
    fi
}
# suspend NAME OPTION...: suspends the job in its script, and lets it go on.
suspend() {
    local name=$1 group
    shift
    start_job "$@"
    wait_for has_said '^started'
    read -r -a group <<< "$(processes_left | awk '{ print $1 }' | own_kernels | tr '\n' ' ')"
    kill -TSTP "$RUN_PID"
    wait_for in_state T "${group[@]}"
    ok "SIGTSTP, $name: all ${#group[@]} processes stop, QEMU included" in_state T "${group[@]}"
    ok "SIGTSTP, $name: these are at least three" test "${#group[@]}" -ge 3
    sleep 20
    kill -CONT "$RUN_PID"
    finish
    exits 0 "SIGCONT, $name: the build goes on"
    says "SIGCONT, $name: the guest has not counted the pause" '^took ([4-9]|1[0-5]) s'
    leaves_nothing "SIGCONT, $name"
}
suspend "a VM that has booted" --no-cache
run --spec job.json --output job.tar # saves the VM, unless that was done before
suspend "a VM that was resumed"

# Twice in a row, and ended while suspended.
script_spec job "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" <<'END'
echo started
sleep 1000
END
start_job
wait_for has_said '^started'
for _ in 1 2; do
    kill -TSTP "$RUN_PID"
    wait_for in_state T "$RUN_PID"
    ok "SIGTSTP once more" in_state T "$RUN_PID"
    kill -CONT "$RUN_PID"
done
kill -TSTP "$RUN_PID"
kill -TERM "$RUN_PID"
kill -CONT "$RUN_PID"
finish
exits 143 "SIGTERM to a suspended build"
leaves_nothing "SIGTERM to a suspended build"

# While nothing runs in a VM: a pure build whose worker waits for its input.
mkfifo "$WORK/input"
[ "$(id -u)" -ne 0 ] || chown $NOBODY "$WORK/input"
jq -n '{name: "x", closure: {file: "input"}}' > "$WORK/pure.json"
exec 7<> "$WORK/input"
start --spec pure.json --output pure.tar 7>&-
wait_for has_processes 2
read -r -a group <<< "$(processes_left | awk '{ print $1 }' | tr '\n' ' ')"
is "SIGTSTP without a VM: there are two processes" "${#group[@]}" 2
kill -TSTP "$RUN_PID"
wait_for in_state T "${group[@]}"
ok "SIGTSTP without a VM: both processes stop" in_state T "${group[@]}"
kill -CONT "$RUN_PID"
exec 7>&-
finish
exits 0 "SIGCONT without a VM"
rm "$WORK/input"

# --- Three signals, and a process group
script_spec job "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, diskSize: 4096}')" <<'END'
echo started
sleep 1000
END
# Three at once, as an impatient user does.
echo previous > "$WORK/job.tar"
start_job
wait_for has_said '^started'
kill -INT "$RUN_PID"
kill -INT "$RUN_PID"
interrupt INT 130 "three times SIGINT"

# From a terminal the whole process group receives it.
set -m
start_job
set +m
wait_for has_said '^started'
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
wait_for has_said '^started'
# The first process first, which must not notice that another one has ended.
mapfile -t pids < <(processes_left | awk '{ print $1 }')
kill -9 "$RUN_PID" "${pids[@]}" 2> /dev/null
finish
exits 137 "kill -9 of everything"
is "kill -9 of everything: no process is left" "$(what_stays processes_left)" ""

# The supervisor alone: QEMU must not live on.
start_job
wait_for has_said '^started'
kill -9 "$RUN_PID"
finish
is "kill -9 of the first process: no process is left" "$(what_stays processes_left)" ""

script_spec job "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base}')" <<< 'touch /made'
run --spec job.json --output job.tar --compression none
exits 0 "a build after all this, on the same cache"
like "a build after all this: its layer" "$(layer "$WORK/job.tar")" ' made$'
leaves_nothing "a build after all this"

# Any of the processes together, at each stage: no other one lives on, and the next build of the same
# output, immediately afterwards, leaves nothing of what was there.
# kill_set NAME SET: SET has words of supervisor, worker, qemu.
kill_set() {
    local worker qemu set=" $2 "
    local -a pids=()
    worker=$(cat "/proc/$RUN_PID/task/$RUN_PID/children" 2> /dev/null)
    worker=${worker%% *}
    qemu=$(machines | head -n 1)
    [[ $set != *" supervisor "* ]] || pids+=("$RUN_PID")
    [[ $set != *" worker "* || -z $worker ]] || pids+=("$worker")
    [[ $set != *" qemu "* || -z $qemu ]] || pids+=("$qemu")
    kill -9 "${pids[@]}" 2> /dev/null
    finish
    # The last stage may end before the kill.
    [[ $1 == *written ]] || ok "kill -9 of $2 $1: it fails" test "$STATUS" -ne 0
    [ ! -d "$WORK/job.tar.gz" ] || rm -r "$WORK/job.tar.gz"
    is "kill -9 of $2 $1: no process is left" "$(what_stays processes_left)" ""
    run --spec next.json --output job.tar.gz
    exits 0 "a build after kill -9 of $2 $1"
    leaves_nothing "a build after kill -9 of $2 $1"
}

jq -n '{name: "x"}' > "$WORK/next.json"
# long_job N: the job's script takes N seconds and more.
long_job() {
    script_spec job "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" << END
echo started
dd if=/dev/urandom of=/large bs=1M count=60 2> /dev/null
sleep $1
END
}
long_job 1000
for set in supervisor "supervisor worker" "supervisor qemu" "worker qemu" worker qemu \
    "supervisor worker qemu"; do
    start --spec job.json --output job.tar.gz --compression gzip
    wait_for has_said '^started'
    kill_set "while a script runs" "$set"
done
long_job 1
for delay in 0.02 0.1 0.2 0.3 0.5 0.7; do
    start --spec job.json --output job.tar.gz --compression gzip
    sleep "$delay"
    kill_set "after $delay s" "supervisor worker"
done
# What such a kill leaves, whether or not one below comes in time.
mkdir "$WORK/.vmbuild-out.0123456789"
touch "$WORK/.vmbuild-out.0123456789/blob" "$WORK/.vmbuild-out.abcdefghij"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK"/.vmbuild-out.*
run --spec next.json --output job.tar.gz
exits 0 "a build beside abandoned outputs"
leaves_nothing "a build beside abandoned outputs"

for format in docker-archive oci; do
    rm -rf "$WORK/job.tar.gz"
    start --spec job.json --output job.tar.gz --format "$format"
    until compgen -G "$WORK/.vmbuild-out.*" > /dev/null || ! kill -0 "$RUN_PID" 2> /dev/null; do
        sleep 0.01
    done
    kill_set "while $format is written" "supervisor worker qemu"
done

done_testing
