#!/bin/bash
# Images for 386, whose scripts run in the guest for amd64, on Debian's busybox.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq dpkg-deb
BASE=$("$TOP/tests/busybox-base.sh" "$(base debian)" i386 386) ||
    skip_all "Debian's busybox for i386 could not be fetched"
is "the base is for 386" "$(config "$BASE" .architecture)" '"386"'

# --- a script

script_spec app "$(jq -n --arg base "$BASE" '{name: "app", fromImage: $base}')" << 'EOF2'
set -e
grep -c '^[0-9a-f]\{9,\}' /proc/self/maps > /large || true
echo app:x:1000:1000::/home/app:/bin/sh >> /etc/passwd
mkdir -p /home/app
chown app:1000 /home/app
chmod 2755 /home/app
cp /bin/busybox /bin/own-busybox
chmod 4755 /bin/own-busybox
echo $((1 << 40)) $(expr 4294967296 + 1) > /numbers
mount -t tmpfs none /tmp && umount /tmp
seq 1000 | sha256sum > /sum
EOF2
build app --check
exits 0 "a script"
says "a script: the same twice" "both builds are the same, to the bit"
is "a script: the image" "$(config "$WORK/app.tar" .architecture)" '"386"'
is "a script: its programs have 32 bits" "$(file_of "$WORK/app.tar" large)" 0
is "a script: numbers of 64 bits" "$(file_of "$WORK/app.tar" numbers)" "1099511627776 4294967297"
is "a script: what it computes" "$(file_of "$WORK/app.tar" sum)" "$(seq 1000 | sha256sum)"
like "a script: a user's directory" "$(layer "$WORK/app.tar")" '^dir 2755 1000:1000 home/app$'
like "a script: a setuid program" "$(layer "$WORK/app.tar")" '^file 4755 0:0 bin/own-busybox$'

# --- the platform

mkdir -p "$WORK/files" "$WORK/context"
echo 1 > "$WORK/files/1"
spec files <<< '{"name": "files", "contents": "files", "extraCommands": "seq 1000 > seq; chmod 4711 1"}'
for architecture in amd64 386; do
    run --spec files.json --platform $architecture -o "$architecture.tar" --compression none
    exits 0 "--platform $architecture"
done
is "--platform 386: the image" "$(config "$WORK/386.tar" .architecture)" '"386"'
is "the layer is the same on both" "$(config "$WORK/386.tar" .rootfs)" "$(config "$WORK/amd64.tar" .rootfs)"
printf 'FROM base\nARG TARGETARCH\nRUN echo $TARGETARCH > /app\n' > "$WORK/context/Dockerfile"
ln -s "$BASE" "$WORK/base.tar"
run copy base.tar oci:base:latest
run build -f context/Dockerfile --build-context base=oci-layout://base --platform linux/386 -o file.tar context
exits 0 "a Dockerfile"
is "a Dockerfile: what it runs" "$(file_of "$WORK/file.tar" app)" 386
leaves_nothing "386"

done_testing
