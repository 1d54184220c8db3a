#!/bin/bash
# The guests for other architectures that are packed beside the release, each with its QEMU: unpacked in
# the same place, they run on a host that has nothing. Only a release that was made with
# ARCHS="amd64 riscv64", or the like, has them.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

shopt -s nullglob
addons=("${ARCHIVE%.tar.gz}"-*.tar.gz)
[ ${#addons[@]} -gt 0 ] || skip_all "no guests beside the release: make release ARCHS=\"amd64 riscv64\""

# made_of FILE: the components that FILE of the add-on is made of, as its bill says.
made_of() {
    jq -r --arg file "/lib/vmbuild/$1" '(.files[] | select(.fileName | endswith($file)).SPDXID) as $file |
        .relationships[] | select(.relationshipType == "GENERATED_FROM" and .spdxElementId == $file) |
        .relatedSpdxElement | sub("SPDXRef-Package-"; "")' "$bill" | sort | xargs
}

for addon in "${addons[@]}"; do
    guest=${addon#"${ARCHIVE%.tar.gz}-"}
    guest=${guest%.tar.gz}
    processor=$guest firmware_of=qemu
    case $guest in
    ppc64le) processor=ppc64 firmware=vof.bin ;;
    riscv64) firmware=opensbi-riscv64-generic-fw_dynamic.bin firmware_of=opensbi ;;
    s390x) firmware=s390-ccw.img ;;
    esac
    qemu=qemu-system-$processor
    need "$qemu"
    host /opt/vmbuild
    in_host doctor
    unlike "$guest: not in the release" "$(cat "$WORK/out")" " $guest .*, "
    tar -C "$ROOT$PLACE" --strip-components=1 --no-same-owner -xzf "$addon"
    unlike "$guest: QEMU needs no libraries" "$(readelf --program-headers --wide "$ROOT$PLACE/lib/vmbuild/$qemu")" INTERP
    in_host doctor
    exits 0 "$guest: doctor"
    like "$guest: doctor: the guest" "$(cat "$WORK/out")" \
        "^good  $guest  *$PLACE/lib/vmbuild/$guest, $PLACE/lib/vmbuild/$qemu"

    # With this machine's QEMU as well.
    base=$("$TOP/scripts/base-image.sh" busybox "$guest" "$TOP/build/$guest/sysroot/bin/busybox")
    cp "$base" "$WORK/base-$guest.tar"
    cp "$base" "$ROOT/home/user/base-$guest.tar"
    script_spec "app-$guest" '{"name": "app", "cpus": 2, "fromImage": "base-'"$guest"'.tar"}' << 'END'
{ uname -m; nproc; ls -A /sys/firmware; cat /proc/cmdline /proc/cpuinfo; } > /seen
cp /bin/busybox /bin/own-busybox
chown 1000:1000 /bin/own-busybox
chmod 4755 /bin/own-busybox
seq 10000 | sha256sum > /sum
END
    build_both "app-$guest" "$guest: a script" --rebuild
    is "$guest: where it ran" "$(file_of "$ROOT/home/user/app-$guest.tar" seen | head -n 1)" "$guest"
    is "$guest: what it computes" "$(file_of "$ROOT/home/user/app-$guest.tar" sum)" "$(seq 10000 | sha256sum)"
    like "$guest: a setuid program" "$(layer "$ROOT/home/user/app-$guest.tar")" '^file 4755 1000:1000 bin/own-busybox$'

    bill=$ROOT$PLACE/share/doc/vmbuild/$guest/sbom.spdx.json
    is "$guest: the bill names each file and its digest" \
        "$(jq -r '.files[] | (.checksums[] | select(.algorithm == "SHA256").checksumValue) + "  " + .fileName' "$bill" | sort)" \
        "$(tar -tzf "$addon" | sed -n '/sbom.spdx.json$/d; s,^[^/]*/,./,; /[^/]$/p' |
            (cd "$ROOT$PLACE" && xargs -d '\n' sha256sum) | sort)"
    like "$guest: the bill: what the guest is made of" "$(made_of "$guest/initramfs.x86_64.img")" 'busybox .*libarchive linux'
    like "$guest: the bill: what QEMU is made of" "$(made_of "$qemu")" 'glib2.0 glibc .*qemu zlib'
    is "$guest: the bill: what its firmware is made of" "$(made_of "$firmware")" "$firmware_of"
done

done_testing
