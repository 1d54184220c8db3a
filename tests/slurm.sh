# shellcheck shell=bash
# For tests with Slurm, sourced after tests/lib.sh by a test that runs as root in a network namespace
# of its own, since Slurm's ports are fixed: a real Slurm (Debian's munged, slurmctld and slurmd),
# whose nodes are slurmd with processes and files that the others do not see. Jobs are the
# unprivileged user's. All ends with the test.

SLURM=$WORK/slurm
declare -A NODE_PIDS=()
SLURM_PIDS=()

stop_slurm() {
    [ ${#NODE_PIDS[@]} -eq 0 ] || kill -KILL "${NODE_PIDS[@]}" 2> /dev/null || true
    [ ${#SLURM_PIDS[@]} -eq 0 ] || kill "${SLURM_PIDS[@]}" 2> /dev/null || true
    wait "${NODE_PIDS[@]}" "${SLURM_PIDS[@]}" 2> /dev/null || true
}

# start_slurm NODE...: sets USER_ENV for the clients of Slurm. Each node has one processor, so that it
# runs one job at a time.
start_slurm() {
    local node port=6820
    mkdir -p "$SLURM/state"
    head -c 1024 /dev/urandom > "$SLURM/munge.key"
    chmod 400 "$SLURM/munge.key"
    munged --foreground --force --key-file "$SLURM/munge.key" --socket "$SLURM/munge" \
        --pid-file "$SLURM/munge.pid" --seed-file "$SLURM/munge.seed" > "$SLURM/munge.log" 2>&1 &
    SLURM_PIDS+=($!)
    wait_for test -S "$SLURM/munge" || diag < "$SLURM/munge.log"
    cat > "$SLURM/slurm.conf" << END
ClusterName=tests
SlurmctldHost=localhost
AuthType=auth/munge
AuthInfo=socket=$SLURM/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$SLURM/state
SlurmdSpoolDir=$SLURM/%n
SlurmctldPidFile=$SLURM/slurmctld.pid
SlurmdPidFile=$SLURM/%n.pid
ProctrackType=proctrack/linuxproc
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
MinJobAge=100000
ReturnToService=2
END
    for node; do
        echo "NodeName=$node NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port++)) CPUs=1 RealMemory=4096"
    done >> "$SLURM/slurm.conf"
    echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP" >> "$SLURM/slurm.conf"
    chmod 644 "$SLURM/slurm.conf"
    export SLURM_CONF=$SLURM/slurm.conf
    USER_ENV+=("SLURM_CONF=$SLURM_CONF")
    slurmctld -D -c > "$SLURM/slurmctld.log" 2>&1 &
    SLURM_PIDS+=($!)
    for node; do
        start_node "$node"
    done
    for node; do
        wait_for node_is "$node" IDLE || diag < "$SLURM/$node.log"
    done
}

# node_is NODE STATE
node_is() {
    [ "$(sinfo --noheader --nodes "$1" --format %T | tr '[:lower:]' '[:upper:]')" = "$2" ]
}

# start_node NODE: a machine, as far as jobs can see, with $WORK/cache and $WORK/tmp of its own.
start_node() {
    mkdir -p "$SLURM/$1"
    as_user mkdir -p cache "cache-$1" "tmp-$1"
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --pid --fork --mount-proc --kill-child sh -c '
        for name in cache tmp; do
            mount --bind "$2/$name-$1" "$2/$name" || exit
        done
        [ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm || exit
        exec slurmd -D -N "$1"' sh "$1" "$WORK" > "$SLURM/$1.log" 2>&1 &
    NODE_PIDS[$1]=$!
}

# kill_node NODE: it fails, with all that runs there, and whoever watches nodes tells Slurm.
kill_node() {
    kill -KILL "${NODE_PIDS[$1]}"
    wait "${NODE_PIDS[$1]}" 2> /dev/null || true
    unset "NODE_PIDS[$1]"
    scontrol update NodeName="$1" State=DOWN Reason=killed
}

# job NUMBER FIELD: of a job, also of one that has ended.
job() {
    scontrol --oneliner show job "$1" | grep -oE " $2=[^ ]*" | sed 's/[^=]*=//'
}

# job_is NUMBER STATE
job_is() {
    [ "$(job "$1" JobState)" = "$2" ]
}

# jobs_are_done: whether none waits or runs.
jobs_are_done() {
    local left
    left=$(squeue --noheader) && [ -z "$left" ]
}
