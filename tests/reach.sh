# shellcheck shell=bash
# For tests of confinement: what there is to reach of a user's, and the attempts that
# tests/taken_over.c makes. Sourced after tests/lib.sh, whose USER_ENV it sets.
# shellcheck disable=SC2034

# prepare_reach: makes it, below $WORK and $home, with a base disk in $CACHE; sets `attempts`.
prepare_reach() {
    local disk tcp udp

    disk=$(find "$CACHE/vmbuild/disks" -type f | head -n 1)
    home=$WORK/home
    mkdir -p "$home/.docker"
    echo '{}' > "$home/.docker/config.json"
    touch "$home/.bashrc" "$home/file"
    # Sockets of each kind, and another process of the user's.
    cat > "$WORK/servers.py" <<'PYTHON'
import socket, sys, time
unix, abstract = (socket.socket(socket.AF_UNIX) for _ in range(2))
tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
unix.bind(sys.argv[1])
abstract.bind("\0" + sys.argv[1])
for server in tcp, udp:
    server.bind(("127.0.0.1", 0))
for server in unix, abstract, tcp:
    server.listen(16)
print(tcp.getsockname()[1], udp.getsockname()[1], flush=True)
while True:
    time.sleep(600)
PYTHON
    [ "$(id -u)" -ne 0 ] || chown -R "$NOBODY:$NOBODY" "$WORK"
    USER_ENV=(HOME=/)
    become_user python3 servers.py "$WORK/socket" > "$WORK/ports" &
    servers=$!
    USER_ENV=()
    trap 'kill "$servers"; remove_work' EXIT
    wait_for test -s "$WORK/ports"
    read -r tcp udp < "$WORK/ports"
    attempts=(
        read:credentials="$home/.docker/config.json" append:.bashrc="$home/.bashrc" create:home="$home/new"
        create:tmp="/tmp/$(basename "$WORK")" list:home="$home" list:processes=/proc read:passwd=/etc/passwd
        truncate:.bashrc="$home/.bashrc" remove:file="$home/file" chmod:disk="$disk"
        append:disk="$disk" create:cache="$CACHE/vmbuild/disks/new"
        memory="$servers" environment="$servers" command-line="$servers" trace="$servers" signal="$servers"
        limits="$servers" unix="$WORK/socket" abstract="$WORK/socket" tcp="$tcp" udp="$udp" netlink=
        io_uring= shared-memory= keyring= variable=SECRET core= outlive=
    )
}

# reach FILE NAME: what FILE says of the attempt NAME.
reach() {
    sed -n "s/.*reach $2: \(yes\|no\).*/\1/p" "$1" | head -n 1 # it is shown twice
}
