#!/bin/bash
# A Docker Engine for the tests alone, without network, next to whatever runs on the machine.
#
# usage: docker-engine.sh start DIR    starts it, with all its state in DIR; does nothing if it runs
#        docker-engine.sh stop DIR     stops it, and removes DIR
#
# Its socket is DIR/socket: docker --host unix://DIR/socket ...
set -eu

[ $# -eq 2 ] || { echo "usage: $0 start|stop DIR" >&2; exit 2; }
action=$1 dir=$2

start() {
    mkdir -p "$dir"
    exec 9> "$dir/lock"
    flock 9
    if docker --host "unix://$dir/socket" version > /dev/null 2>&1; then
        return
    fi
    dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=overlay2 \
        --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
        --containerd-namespace vmbuild-tests --host "unix://$dir/socket" \
        > "$dir/log" 2>&1 9>&- &
    for _ in $(seq 3000); do
        if docker --host "unix://$dir/socket" version > /dev/null 2>&1; then
            return
        fi
        sleep 0.1
    done
    echo "docker-engine: it did not start; the end of its log:" >&2
    tail -n 20 "$dir/log" >&2
    return 1
}

stop() {
    local pid mount

    if [ -e "$dir/pid" ]; then
        pid=$(cat "$dir/pid")
        kill "$pid" 2> /dev/null || true
        for _ in $(seq 3000); do
            [ -e "/proc/$pid" ] || break
            sleep 0.1
        done
    fi
    # What a killed engine has left mounted.
    awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r mount; do
            umount -l "$mount" || true
        done
    rm -rf "$dir"
}

case $action in
start) start ;;
stop) stop ;;
*) echo "docker-engine: no action '$action'" >&2; exit 2 ;;
esac
