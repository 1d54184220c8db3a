#!/bin/bash
# What a script with the network reaches: public addresses, and the host, private and link-local
# addresses only if they are granted.
#
# The host that vmbuild runs on is a network namespace here, connected to another one, which is the
# rest of the world: 192.0.2.2 stands for a public address.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq python3 ip nsenter unshare
need_root "a network namespace"
if [ -z "${EGRESS_NAMESPACE-}" ]; then
    unshare --net true 2> /dev/null || skip_all "no network namespaces here"
    rm -rf "$WORK"
    # With CASE, the text that runs is not the file.
    EGRESS_NAMESPACE=1 exec unshare --net --mount bash ${BASH_EXECUTION_STRING:+-c "$BASH_EXECUTION_STRING"} "$0"
fi

public=192.0.2.2 private=10.77.0.2 shared=100.64.7.2 metadata=169.254.169.254
own=10.77.0.1 gateway=10.0.2.2
port=8080 other_port=8081

# --- The world

# serve NAMESPACE ADDRESS...: answers "from ADDRESS" on both ports, over TCP and UDP, and on port 53
# questions for names, which all have the public address. Whoever says "slow" first gets lines until
# there is a file "enough".
cat > "$WORK/serve.py" <<'END'
import os
import socket
import sys
import threading
import time

PUBLIC, PORTS = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
ENOUGH = os.path.join(os.path.dirname(sys.argv[0]), "enough")


def tcp(listener, text):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, text), daemon=True).start()


def answer(connection, text):
    with connection:
        if connection.recv(4096).startswith(b"slow"):
            while not os.path.exists(ENOUGH):
                connection.sendall(b"slow\n")
                time.sleep(0.5)
        connection.sendall(text)


def udp(sock, text):
    while True:
        _, peer = sock.recvfrom(4096)
        sock.sendto(text, peer)


def dns(sock):
    while True:
        question, peer = sock.recvfrom(4096)
        end = question.index(b"\0", 12) + 5
        wants_ipv4 = question[end - 4:end - 2] == b"\0\1"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(PUBLIC)
        sock.sendto(question[:2] + b"\x81\x80\0\1\0" + (b"\1" if wants_ipv4 else b"\0") + b"\0\0\0\0"
                    + question[12:end] + (record if wants_ipv4 else b""), peer)


for address in sys.argv[3:]:
    text = f"from {address}\n".encode()
    for port in PORTS:
        listener = socket.create_server((address, port))
        threading.Thread(target=tcp, args=(listener, text)).start()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        threading.Thread(target=udp, args=(sock, text)).start()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    threading.Thread(target=dns, args=(sock,)).start()
print("ready", flush=True)
END
unshare --net sleep infinity &
world=$! servers=
# shellcheck disable=SC2086 # one word each
trap 'kill $world $servers; remove_work' EXIT
serve() {
    rm -f "$WORK/ready"
    "$@" > "$WORK/ready" 2>&1 &
    servers="$servers $!"
    wait_for grep -q ready "$WORK/ready" || diag < "$WORK/ready"
}
in_world() { nsenter --net="/proc/$world/ns/net" "$@"; }
is_apart() { [ "$(readlink "/proc/$world/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_for is_apart
ip link set lo up
ip link add inside type veth peer name outside netns "$world"
ip link set inside up
in_world ip link set lo up
in_world ip link set outside up
ip address add $own/24 dev inside
ip address add 192.0.2.1/24 dev inside
ip address add 169.254.1.1/16 dev inside
ip address add 100.64.7.1/24 dev inside
for address in $public $private $metadata $shared; do
    in_world ip address add "$address/16" dev outside
done
serve nsenter --net="/proc/$world/ns/net" python3 "$WORK/serve.py" $public $port,$other_port \
    $public $private $shared $metadata
serve python3 "$WORK/serve.py" $public $port,$other_port 127.0.0.1 $own
# The host's name server is in a private range.
echo "nameserver $private" > "$WORK/resolv.conf"
chmod 644 "$WORK/resolv.conf"
mount --bind "$WORK/resolv.conf" "$(readlink -f /etc/resolv.conf)"

# --- A script that tries all of it

cat > "$WORK/try" <<'END'
#!/bin/bash
# ask PROTOCOL ADDRESS PORT: prints what is answered, or "refused" and after how many seconds: 0 is at
# once, while the kernel gives up after two minutes.
ask() {
    local start=$SECONDS answer=
    answer=$({ exec 3<> "/dev/$1/$2/$3" && echo >&3 && timeout 300 dd bs=512 count=1 status=none <&3; } 2>&1)
    case $answer in
    from*) echo "$1 $2 $3: $answer" ;;
    *No\ route\ to\ host*) echo "$1 $2 $3: refused at $((SECONDS - start < 60 ? 0 : SECONDS - start))" ;;
    *) echo "$1 $2 $3: $answer" ;;
    esac
}
for address in $TARGETS; do
    for protocol in tcp udp; do
        ask $protocol "$address" 8080
    done
done
END
base_spec=$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, network: true}')
targets="$public $private $shared $metadata $gateway $own"

# try NAME [OPTION...]: builds with that script and what follows on standard input.
try() {
    local name=$1
    shift
    cat "$WORK/try" - > "$WORK/$name.sh"
    build_script "$name" "$(jq --arg targets "$targets" '. + {env: {TARGETS: $targets}}' <<< "$base_spec")" \
        "$@" < "$WORK/$name.sh"
}
# reaches NAME ADDRESS EXPECTED: what both protocols got of ADDRESS.
reaches() {
    is "$1: $2" "$(grep -E "^(tcp|udp) ${2//./\\.} 8080: " "$WORK/err")" \
        "tcp $2 8080: $3"$'\n'"udp $2 8080: $3"
}

# --- Nothing is granted
try plain <<'END'
getent ahostsv4 service.example | head -n 1
ask udp 10.77.0.2 53
ask tcp 10.0.2.3 8080
ask tcp 127.0.0.1 8080
for address in ::1 fe80::1 fd00::1 ::ffff:10.0.2.2 2001:db8::1; do
    { exec 3<> "/dev/tcp/$address/8080" && echo "$address: connected"; } 2> /dev/null
done
for _ in 1 2 3; do ask tcp 10.77.0.2 8080 > /dev/null; done
echo "done after $SECONDS seconds"
END
exits 0 "nothing is granted"
reaches "nothing is granted" $public "from $public"
for address in $private $shared $metadata $gateway $own; do
    reaches "nothing is granted" "$address" "refused at 0"
done
says "nothing is granted: names are resolved by a private server" "^$public +STREAM service\.example"
says "nothing is granted: that server is not reached itself" '^udp 10\.77\.0\.2 53: refused at 0'
says "nothing is granted: the guest's name server answers nothing else" '^tcp 10\.0\.2\.3 8080: refused at 0'
unlike "nothing is granted: no IPv6" "$(cat "$WORK/err")" ': connected'
ok "nothing is granted: it fails at once" \
    test "$(sed -n 's/^done after \([0-9]*\) seconds$/\1/p' "$WORK/err")" -lt 100
says "blocked: a private address is named" \
    "the network blocked 10\.77\.0\.2:8080 \(TCP\), a private address; '--allow-network 10\.77\.0\.2:8080' allows it\$"
says "blocked: so is a link-local one" \
    "blocked 169\.254\.169\.254:8080 \(UDP\), a link-local address; '--allow-network 169\.254\.169\.254:8080' allows it\$"
says "blocked: so is the host" \
    "blocked 10\.0\.2\.2:8080 \(TCP\), the host itself; '--allow-network host:8080' allows it\$"
is "blocked: each once" "$(grep -c 'blocked 10\.77\.0\.2:8080 (TCP)' "$WORK/err")" 1

# --- All is granted
try all --allow-network host --allow-network private --allow-network=link-local < /dev/null
exits 0 "all is granted"
for address in $public $private $shared $metadata $own; do
    reaches "all is granted" "$address" "from $address"
done
reaches "all is granted" $gateway "from 127.0.0.1"
unlike "all is granted: nothing is blocked" "$(cat "$WORK/err")" 'network blocked'

# --- Some is granted
try some --allow-network host:8080 --allow-network 10.77.0.0/24:8081 --allow-network $metadata << 'END'
ask tcp 10.77.0.2 8081
ask tcp 10.0.2.2 8081
ask udp 169.254.169.254 8081
ask tcp 169.254.1.1 8081
END
exits 0 "some is granted"
reaches "some is granted" $gateway "from 127.0.0.1"
reaches "some is granted" $own "from $own"
reaches "some is granted" $metadata "from $metadata"
reaches "some is granted" $private "refused at 0"
says "some is granted: a port in a range" "^tcp 10\.77\.0\.2 8081: from 10\.77\.0\.2"
says "some is granted: not another one of the host" '^tcp 10\.0\.2\.2 8081: refused at 0'
says "some is granted: all ports of an address" '^udp 169\.254\.169\.254 8081: from 169\.254\.169\.254'
says "some is granted: not its neighbours" '^tcp 169\.254\.1\.1 8081: refused at 0'

# --- Proxies of the environment are granted, in a resumed VM
targets="$private $gateway"
USER_ENV=("http_proxy=http://$private:$port" "HTTPS_PROXY=http://127.0.0.1:$other_port/" "no_proxy=$shared")
try proxies --verbose << 'END'
ask tcp 10.77.0.2 8081
ask tcp 10.0.2.2 8081
ask tcp 100.64.7.2 8080
END
exits 0 "proxies"
ok "proxies: the VM resumes" grep -q -- '-incoming defer' "$WORK/err"
reaches "proxies: one in a private range" $private "from $private"
reaches "proxies: not another port of the loopback" $gateway "refused at 0"
says "proxies: not another port" '^tcp 10\.77\.0\.2 8081: refused at 0'
says "proxies: one on the loopback" '^tcp 10\.0\.2\.2 8081: from 127\.0\.0\.1'
says "proxies: a host to reach without one is not granted" '^tcp 100\.64\.7\.2 8080: refused at 0'
USER_ENV=()

# --- A word that is none
run --spec plain.json --allow-network everything
exits 2 "another word"
says "another word" "--allow-network': 'everything' must be host, private, link-local or ADDRESS"

# --- Suspended
# The process of the network: a child of the worker, which is one of the supervisor.
network_process() {
    pgrep -f '^vmbuild-network' -P "$(pgrep -d , -P "$RUN_PID")"
}
script_spec slow "$base_spec" << 'END'
#!/bin/bash
exec 3<> /dev/tcp/192.0.2.2/8080
echo slow >&3
while read -r line <&3; do echo "got $line"; done
END
start --spec slow.json -o slow.tar --compression none
wait_for has_said '^got slow$'
kill -TSTP "$RUN_PID"
wait_for in_state T "$RUN_PID"
sleep 3
kill -CONT "$RUN_PID"
touch "$WORK/enough"
finish
rm "$WORK/enough"
exits 0 "suspended during a download"
says "suspended during a download: it goes on" "^got from $public\$"

# --- Killed
start --spec slow.json -o killed.tar --compression none
wait_for has_said '^got slow$'
network=$(network_process)
begun=$SECONDS
kill -KILL "$network"
finish
exits 4 "the network's process is killed"
says "the network's process is killed: the error" \
    "^vmbuild: run script 'runAsRoot': the process of the guest's network has ended: it was ended by signal 9 \(Killed\)\$"
ok "the network's process is killed: at once" test $((SECONDS - begun)) -lt 120
leaves_nothing "the network's process is killed" "$WORK/killed.tar"

# --- Ends with vmbuild, however that ends
# (In a separate cache: other tests must not find the dead session.)
CACHE=$WORK/cache
start --spec slow.json -o ended.tar --compression none
wait_for has_said '^got slow$'
network=$(network_process)
ok "there is a process" kill -0 "$network"
unlike "it has no environment" "$(tr '\0' '\n' < "/proc/$network/environ")" .
kill -KILL "$RUN_PID"
finish
wait_for test ! -e "/proc/$network"
ok "it ends with vmbuild" test ! -e "/proc/$network"

done_testing
