#!/bin/bash
# A spec for each kind of step gives the same bytes under KVM, under TCG on the same host, and under
# TCG here. The KVM is that of a VM (nested-host.sh), so that any host has it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq mmdebstrap mke2fs bsdtar setpriv
need_root "a VM with KVM"

# The directory that the VM shares: the program and its appliance, specs, and what they need.
share=$WORK/share
mkdir -p "$share/program/bin" "$share/program/lib" "$share/specs/tree/etc" "$share/specs/shared"
cp "$VMBUILD" "$share/program/bin/vmbuild"
cp -r "$(dirname "$VMBUILD")/../lib/vmbuild" "$share/program/lib/"
cp "$TOP/tests/kvm/build-all.sh" "$share/"
cp "$(base busybox)" "$share/specs/base.tar"
echo contents > "$share/specs/tree/etc/contents"
ln -s contents "$share/specs/tree/etc/link"
echo shared > "$share/specs/shared/file"

# kind NAME JSON: $share/specs/NAME.json on the base image, with standard input as its runAsRoot.
kind() {
    jq -Rs --argjson rest "$2" '{name: "x", fromImage: "base.tar", runAsRoot: .} + $rest' \
        > "$share/specs/$1.json"
}

jq -n '{name: "x", contents: "tree"}' > "$share/specs/contents.json"
jq -n '{name: "x", contents: "tree",
    extraCommands: "mkdir -p var/lib; echo hello > var/lib/file; mknod null c 1 3"}' \
    > "$share/specs/bare.json"
kind script '{}' << 'END'
echo user:x:1000:1000::/:/bin/sh >> /etc/passwd
mkdir -p /data/empty
mknod /data/device b 7 1
mkfifo /data/fifo
cp /bin/busybox /data/setuid
chmod 4755 /data/setuid
ln /data/setuid /data/hard
chown user /data/empty
rm /etc/group
dd if=/dev/zero of=/data/holes bs=1 count=1 seek=10000000
touch -d @1 /data/old
uname -a > /data/kernel
cat /proc/cpuinfo /proc/cmdline /proc/mounts /proc/filesystems /proc/partitions > /data/proc
ulimit -a > /data/limits
env > /data/environment
ls -l /dev > /data/nodes
seq 20000 | sha256sum > /data/sum
END
kind hooks '{"contents": "tree", "env": {"GREETING": "hello"},
    "preMount": "echo pre $GREETING >> layer/order", "postMount": "echo post >> mnt/order",
    "postUmount": "echo unmounted >> layer/order",
    "extraCommands": "echo extra >> order"}' <<< 'echo run >> /order; mv /etc/contents /etc/moved'
kind shadow '{"shadowSetup": true, "stillClock": true, "created": "2026-01-01T00:00:00Z"}' << 'END'
cat /etc/passwd /etc/group /etc/shadow > /users
date > /date
sleep 1
date >> /date
ls -lR /etc > /list
END
kind network '{"network": true}' << 'END'
ifconfig eth0 | sed -n '/inet addr/p' > /address
route -n > /routes
END
kind devices '{"cpus": 2, "memory": 640, "diskSize": 512,
    "shares": [{"source": "shared", "target": "/shared"}]}' << 'END'
nproc > /processors
cat /proc/cpuinfo > /cpuinfo
cp /shared/file /copied
(echo one > /one) & (echo two > /two) & wait
END
chmod -R a+rX "$share"

cd "$WORK" || exit 1
mkdir "$WORK/here"
chown $NOBODY "$WORK/here" "$share/specs"
for spec in "$share"/specs/*.json; do
    name=$(basename "$spec" .json)
    run --spec "$spec" --output "here/$name.tar" --compression none --accel tcg
    exits 0 "$name: under TCG here"
done

status=0
"$TOP/tests/kvm/nested-host.sh" "$VMBUILD" "$share" ./build-all.sh > "$WORK/out" ||
    status=$?
diag < "$WORK/out"
is "a VM with KVM" "$status" 0

# same NAME ACCELERATOR: it was built, to the same bytes as here.
same() {
    local made=$share/$2/$1
    cp "$made.err" "$WORK/err" 2> /dev/null || : > "$WORK/err"
    is "$1: under ${2^^} there: exit code 0" "$(cat "$made.status" 2>&1)" 0
    ok "$1: under ${2^^} there: the bytes of TCG here" cmp "$made.tar" "$WORK/here/$1.tar"
    diag "$1: $(cat "$made.seconds" 2>&1) seconds of the VM's"
}

for spec in "$share"/specs/*.json; do
    name=$(basename "$spec" .json)
    same "$name" kvm
    unlike "$name: under KVM indeed" "$(cat "$share/kvm/$name.err")" 'TCG'
    same "$name" tcg
done
same bare denied
like "a user who may not use KVM" "$(cat "$share/denied/bare.err")" \
    'without KVM, slower: /dev/kvm: Permission denied'

done_testing
