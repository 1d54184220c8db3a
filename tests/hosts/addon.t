#!/bin/bash
# The guests for other architectures that are packed beside the release: unpacked in the same place,
# they run in this machine's QEMU. Only a release that was made with ARCHS="amd64 riscv64", or the like,
# has them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq
shopt -s nullglob
addons=("$TOP"/build/release/vmbuild-*-x86_64-{ppc64le,riscv64,s390x}.tar.gz)
[ ${#addons[@]} -gt 0 ] || skip_all "no guests beside the release: make release ARCHS=\"amd64 riscv64\""

for addon in "${addons[@]}"; do
    guest=${addon%.tar.gz}
    guest=${guest##*-}
    release=${addon%-"$guest".tar.gz}
    rm -rf "$WORK/release"
    mkdir "$WORK/release"
    tar -C "$WORK/release" --no-same-owner -xzf "$release.tar.gz"
    unlike "$guest: not in the release" "$(cd "$WORK/release" && find . -name "$guest")" .
    tar -C "$WORK/release" --no-same-owner -xzf "$addon"
    place=$WORK/release/${release##*/}
    VMBUILD=$place/bin/vmbuild
    run doctor
    like "$guest: doctor" "$(cat "$WORK/out")" "^good  $guest  *$place/lib/vmbuild/$guest, .*/qemu-system-"
    build_script app "$(jq -n --arg base "$("$TOP/scripts/base-image.sh" busybox "$guest" "$TOP/build/$guest/sysroot/bin/busybox")" \
        '{name: "app", fromImage: $base}')" <<< 'uname -m > /machine'
    exits 0 "$guest: a script"
    is "$guest: where it ran" "$(file_of "$WORK/app.tar" machine)" "$guest"
    bill=$place/share/doc/vmbuild/$guest/sbom.spdx.json
    is "$guest: the bill: what it is made of" "$(jq -r --arg file "/$guest/initramfs.x86_64.img" '(.files[] | select(.fileName | endswith($file)).SPDXID) as $file |
        .relationships[] | select(.relationshipType == "GENERATED_FROM" and .spdxElementId == $file).relatedSpdxElement' "$bill" |
        grep -cE '^SPDXRef-Package-(busybox|libarchive|linux)$')" 3
    ok "$guest: a licence" test -s "$place/share/doc/vmbuild/$guest/licences/busybox"
done

done_testing
