#!/bin/bash
# The guest for another architecture: it boots and builds an image of busybox. make check-riscv64 and
# its like run this with GUEST=riscv64.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# Of each: its QEMU, and what /proc/cpuinfo shows of a processor.
case ${GUEST-} in
ppc64le) qemu=qemu-system-ppc64 processor='cpu		: POWER8 (architected), altivec supported' ;;
riscv64) qemu=qemu-system-riscv64 processor='isa		: rv64imafdc' ;;
s390x) qemu=qemu-system-s390x processor='machine         : 2097' ;;
*) skip_all "the base is not for ppc64le, riscv64 or s390x: GUEST=riscv64" ;;
esac
need jq $qemu
BASE=$(base busybox)
is "the base is for $GUEST" "$(config "$BASE" .architecture)" "\"$GUEST\""

# --- a script

script_spec app "$(jq -n --arg base "$BASE" '{name: "app", fromImage: $base, cpus: 2, network: true}')" << 'EOF2'
{
    uname -m
    nproc
    ls -A /sys/firmware
    ls /proc/device-tree/ 2> /dev/null || echo covered
    cat /proc/cmdline
    ls /sys/class/net
} > /seen
cat /proc/cpuinfo > /cpuinfo
cp /bin/busybox /bin/own-busybox
chown 1000:1001 /bin/own-busybox
chmod 4755 /bin/own-busybox
seq 10000 | sha256sum > /sum
EOF2
build app
exits 0 "a script"
is "a script: what it sees" "$(file_of "$WORK/app.tar" seen)" "$GUEST
2
covered

eth0
lo"
is "a script: its processors" "$(file_of "$WORK/app.tar" cpuinfo | grep -cxF "$processor")" 2
is "a script: the image" "$(config "$WORK/app.tar" .architecture)" "\"$GUEST\""
is "a script: what it computes" "$(file_of "$WORK/app.tar" sum)" "$(seq 10000 | sha256sum)"
like "a script: a setuid program" "$(layer "$WORK/app.tar")" '^file 4755 1000:1001 bin/own-busybox$'
# It shows the script another number of processors.
script_spec checked "$(jq -n --arg base "$BASE" '{name: "checked", fromImage: $base}')" << 'EOF2'
{ uname -m; find /sys/firmware; cat /proc/cmdline; } > /seen
cp /bin/busybox /bin/own-busybox
chmod 4755 /bin/own-busybox
EOF2
build checked --check
exits 0 "--check"
says "--check: the same twice" "both builds are the same, to the bit"
build app --rebuild --verbose
exits 0 "the same again"
ok "the same again: it boots" grep -q "guest: .*Linux version" "$WORK/err"

# --- the same bytes

mkdir -p "$WORK/files"
head -c 100000 /dev/zero > "$WORK/files/zeros"
for architecture in amd64 "$GUEST"; do
    jq -n --arg architecture "$architecture" '{name: "x", architecture: $architecture, contents: "files",
        extraCommands: "mkdir -p b; for i in 1 2 3; do echo $i > b/$i; done; ln -s 1 b/link; ln b/2 b/hard; chmod 4711 b/3"}' \
        > "$WORK/$architecture.json"
    build "$architecture"
    exits 0 "commands of the guest's own for $architecture"
done
is "the layer is the same on both" "$(config "$WORK/$GUEST.tar" .rootfs)" "$(config "$WORK/amd64.tar" .rootfs)"
run doctor
like "doctor: the guest" "$(cat "$WORK/out")" "^good  $GUEST "
leaves_nothing "$GUEST"

done_testing
