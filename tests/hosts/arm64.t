#!/bin/bash
# The guest for arm64 in the release, on a host that has nothing. Only a release that was made with
# ARCHS="amd64 arm64" has it.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

tar -tzf "$ARCHIVE" | grep -c '/lib/vmbuild/arm64/' > /dev/null || skip_all "the release has no guest for arm64"
BASE=$("$TOP/scripts/base-image.sh" busybox arm64 "$TOP/build/arm64/sysroot/bin/busybox")

host /opt/vmbuild
cp "$BASE" "$ROOT/home/user/base.tar"
unlike "QEMU needs no libraries" "$(readelf --program-headers --wide "$ROOT$PLACE/lib/vmbuild/qemu-system-aarch64")" INTERP
in_host doctor
exits 0 "doctor"
like "doctor: the guest" "$(cat "$WORK/out")" "^good  arm64  *$PLACE/lib/vmbuild/arm64, $PLACE/lib/vmbuild/qemu-system-aarch64"
script_spec app '{"name": "app", "fromImage": "base.tar"}' << 'END'
uname -m > /machine
cp /bin/busybox /bin/own-busybox
chown 1000:1000 /bin/own-busybox
chmod 4755 /bin/own-busybox
END
cp "$WORK/app.json" "$ROOT/home/user/"
in_host --spec app.json --check -o app.tar --compression none
exits 0 "a script for arm64"
says "a script for arm64: the same twice" "both builds are the same, to the bit"
is "a script for arm64: where it ran" "$(file_of "$ROOT/home/user/app.tar" machine)" aarch64
like "a script for arm64: a setuid program" "$(layer "$ROOT/home/user/app.tar")" '^file 4755 1000:1000 bin/own-busybox$'
in_host --spec app.json -o app.tar --compression none --rebuild --verbose
ok "the same again: from a snapshot" grep -q -- "-incoming defer" "$WORK/err"

# --- what it is made of

bill=$ROOT$PLACE/share/doc/vmbuild/sbom.spdx.json
is "the bill: what QEMU for arm64 is made of" "$(jq -r '(.files[] | select(.fileName | endswith("/qemu-system-aarch64")).SPDXID) as $file |
    .relationships[] | select(.relationshipType == "GENERATED_FROM" and .spdxElementId == $file).relatedSpdxElement' "$bill" |
    grep -cE '^SPDXRef-Package-(qemu|glibc|device-tree-compiler)$')" 3
is "the bill: what the guest is made of" "$(jq -r '(.files[] | select(.fileName | endswith("/arm64/initramfs.x86_64.img")).SPDXID) as $file |
    .relationships[] | select(.relationshipType == "GENERATED_FROM" and .spdxElementId == $file).relatedSpdxElement' "$bill" |
    grep -cE '^SPDXRef-Package-(busybox|libarchive|linux)$')" 3
ok "the licence of what is in it only" test -s "$ROOT$PLACE/share/doc/vmbuild/licences/device-tree-compiler"

done_testing
