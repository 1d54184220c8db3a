#!/bin/bash
# The guest for arm64 beside the host's own: what its scripts see, images for both, what is missing.
# The host is amd64; make check-arm64 runs this with GUEST=arm64.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq qemu-system-aarch64
[ "${GUEST-}" = arm64 ] || skip_all "the base is not for arm64: GUEST=arm64"

ARM=$(base busybox)
AMD=$("$TOP/scripts/base-image.sh" busybox)
is "the base is for arm64" "$(config "$ARM" .architecture)" '"arm64"'

# --- what scripts see

build_script seen "$(jq -n --arg base "$ARM" '{name: "seen", fromImage: $base, cpus: 2, network: true}')" << 'EOF2'
{
    uname -m
    nproc
    ls -A /sys/firmware
    ls /proc/device-tree/ 2> /dev/null || echo covered
    cat /proc/cmdline
    cut -d : -f 2- /proc/cpuinfo | sort -u
    ls /sys/class/net
    cat /proc/version
    umask
} > /seen
EOF2
exits 0 "a script for arm64"
is "a script for arm64: what it sees" "$(file_of "$WORK/seen.tar" seen | grep -v '^Linux version')" "aarch64
2
covered


 0
 0x0
 0x41
 0xd03
 1
 125.00
 4
 8
 fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
eth0
lo
0022"
is "the image is for arm64" "$(config "$WORK/seen.tar" .architecture)" '"arm64"'
script_spec checked "$(jq -n --arg base "$ARM" '{name: "checked", fromImage: $base}')" << 'EOF2'
{ head -n 8 /proc/cpuinfo; cat /proc/version; find /sys/firmware; } > /seen
seq 10000 | sha256sum > /sum
EOF2
build checked --check
exits 0 "--check"
says "--check: the same twice" "both builds are the same, to the bit"
build seen --verbose
exits 0 "the same again"
ok "the same again: from a snapshot" grep -q -- "-incoming defer" "$WORK/err"

# --- the same bytes

mkdir -p "$WORK/files/a"
head -c 100000 /dev/zero > "$WORK/files/a/zeros"
chmod 1755 "$WORK/files/a"
for architecture in amd64 arm64; do
    jq -n --arg architecture $architecture '{name: "x", architecture: $architecture, contents: "files",
        extraCommands: "umask 027; mkdir -p b; for i in 1 2 3; do echo $i > b/$i; done; ln -s 1 b/link; ln b/2 b/hard; chmod 4711 b/3; seq 100000 | sha256sum > b/sum"}' \
        > "$WORK/$architecture.json"
    build $architecture
    exits 0 "commands of the guest's own for $architecture"
done
is "the layer is the same on both" "$(config "$WORK/arm64.tar" .rootfs)" "$(config "$WORK/amd64.tar" .rootfs)"

# --- images for both

jq -n --arg amd "$AMD" --arg arm "$ARM" '{images: {
    amd: {name: "both", fromImage: $amd, contents: "files"},
    arm: {name: "both", fromImage: $arm, contents: "files"}}}' > "$WORK/bases.json"
run --spec bases.json --index -o oci:bases
exits 0 "a base for both"
jq -n '{images: {base: {fromImage: "oci:bases", runAsRoot: "uname -m > /base"},
    app: {fromImage: {use: "base"}, runAsRoot: "uname -m > /app; cat /base"}}}' > "$WORK/both.json"
run --spec both.json --platform linux/amd64,linux/arm64 -o oci:both
exits 0 "scripts for both"
for words in "amd64 x86_64" "arm64 aarch64"; do
    read -r platform machine <<< "$words"
    run export oci:both --platform "$platform" -o "$platform.flat.tar"
    is "scripts for both: $platform" "$(tar -xOf "$WORK/$platform.flat.tar" app base)" "$machine"$'\n'"$machine"
done
mkdir "$WORK/context"
printf 'FROM base\nARG TARGETARCH\nRUN echo $TARGETARCH $(uname -m) > /app\n' > "$WORK/context/Dockerfile"
run build -f context/Dockerfile --build-context "base=oci-layout://bases" --platform arm64 -o file.tar context
exits 0 "a Dockerfile for arm64"
is "a Dockerfile for arm64: what it runs" "$(file_of "$WORK/file.tar" app)" "arm64 aarch64"

# --- programs of 32 bits

if base32=$("$TOP/tests/busybox-base.sh" "$(base debian)" armhf arm); then
    script_spec v7 "$(jq -n --arg base "$base32" '{name: "v7", fromImage: $base}')" << 'EOF2'
grep -c '^[0-9a-f]\{9,\}' /proc/self/maps > /large || true
echo $((1 << 40)) > /number
cp /bin/busybox /bin/own-busybox
chown 1000:1001 /bin/own-busybox
chmod 4755 /bin/own-busybox
seq 1000 | sha256sum > /sum
EOF2
    build v7 --check
    exits 0 "a script for arm"
    says "a script for arm: the same twice" "both builds are the same, to the bit"
    is "a script for arm: the image" "$(config "$WORK/v7.tar" .architecture)" '"arm"'
    is "a script for arm: its programs have 32 bits" "$(file_of "$WORK/v7.tar" large)" 0
    is "a script for arm: numbers of 64 bits" "$(file_of "$WORK/v7.tar" number)" 1099511627776
    is "a script for arm: what it computes" "$(file_of "$WORK/v7.tar" sum)" "$(seq 1000 | sha256sum)"
    like "a script for arm: a setuid program" "$(layer "$WORK/v7.tar")" '^file 4755 1000:1001 bin/own-busybox$'
    mkdir "$WORK/v7"
    printf 'FROM base\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM > /app\n' > "$WORK/v7/Dockerfile"
    ln -s "$base32" "$WORK/base32.tar"
    run copy base32.tar oci:base32:latest
    run build -f v7/Dockerfile --build-context base=oci-layout://base32 --platform linux/arm/v7 -o v7.file.tar v7
    exits 0 "a Dockerfile for arm/v7"
    is "a Dockerfile for arm/v7: what it runs" "$(file_of "$WORK/v7.file.tar" app)" linux/arm/v7
else
    skip "arm" "Debian's busybox for armhf could not be fetched"
fi

# --- what is missing

build seen --accel kvm
exits 4 "KVM for another processor"
says "KVM for another processor: why" "use KVM: it runs no programs for arm64 on this host"
mkdir "$WORK/bin"
USER_ENV=(PATH="$WORK/bin")
build seen
exits 4 "no QEMU for arm64"
says "no QEMU for arm64: what to install" "qemu-system-arm;"
USER_ENV=(VMBUILD_APPLIANCE="$WORK/bin")
build seen
exits 4 "no guest for arm64"
USER_ENV=()
run doctor
like "doctor: the guest" "$(cat "$WORK/out")" '^good  arm64 '
leaves_nothing "arm64"

done_testing
