#!/bin/bash
# Builds the release's QEMU, static and with few devices, and prints where it lies, with the
# firmware that Debian has built from the same sources.
#
# usage: qemu.sh [ARCHITECTURE]    for guests of that architecture, amd64 or arm64, by Go's name
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

# QEMU is that of Debian 13, whatever this machine runs.
release=trixie
programs=(meson qemu-system-data seabios)

# What QEMU calls the target, whether it is described by a device tree, the firmware that it needs,
# and of which packages that is.
architecture=${1:-amd64}
case $architecture in
amd64)
    target=x86_64 fdt=--disable-fdt firmware=(qemu/{kvmvapic,pvh}.bin qemu/qboot.rom seabios/bios-256k.bin)
    sources=(qemu seabios)
    ;;
arm64) target=aarch64 fdt=--enable-fdt=system firmware=() sources=(qemu) ;;
*) fail "there is no QEMU for '$architecture'" ;;
esac
devices=$release_scripts/qemu-$architecture.mak

# It uses some headers wherever they happen to be installed. Its network stack is left out: vmbuild
# has that in a process of its own.
build_qemu() {
    cp "$devices" "qemu/configs/devices/$target-softmmu/vmbuild.mak"
    gcc -O2 -fPIE -c -o static.o "$release_scripts/static.c"
    sed -i "/'CONFIG_VALGRIND_H'\|'HAVE_DRM_H'/s/cc\.has_header(.*')/false/" qemu/meson.build
    mkdir qemu/build
    cd qemu/build
    # In the release all files of QEMU lie in lib/vmbuild.
    ../configure --target-list=$target-softmmu --without-default-features --without-default-devices \
        --with-devices-$target=vmbuild --static --enable-pie \
        --prefix=/usr --bindir=lib/vmbuild --datadir=lib --with-suffix=vmbuild \
        --firmwarepath=lib/vmbuild \
        --enable-system --enable-tcg --enable-kvm --enable-seccomp --enable-virtfs \
        --enable-attr --enable-cap-ng $fdt --disable-tools --disable-docs \
        --disable-debug-info --disable-install-blobs --disable-werror --disable-download \
        --extra-cflags="-O2 -ffile-prefix-map=$work=." \
        --extra-ldflags="$work/static.o -Wl,--build-id=none"
    ninja "qemu-system-$target"
}

build() {
    local file
    work=$PWD
    mkdir debs "$work/done"
    download_sources "$release" "${sources[@]}"
    unpack_source "$release" qemu
    unpack_debs "$release" debs "${programs[@]}"
    export PYTHONPATH=$PWD/debs/usr/lib/python3/dist-packages
    (build_qemu)
    strip -o "done/qemu-system-$target" "qemu/build/qemu-system-$target"
    for file in "${firmware[@]}"; do
        cp "debs/usr/share/$file" done/
    done
    mkdir done/licences
    cp qemu/debian/copyright done/licences/qemu
    if [ "$architecture" = amd64 ]; then
        cp debs/usr/share/doc/seabios/copyright done/licences/seabios
    fi
    source_files "$release" "${sources[@]}" > done/sources
}

static=$(dpkg-query --show libglib2.0-dev libseccomp-dev libcap-ng-dev libattr1-dev zlib1g-dev \
    libpcre2-dev)
[ "$architecture" = amd64 ] || static+=$(dpkg-query --show libfdt-dev)
keep build "$architecture" "$(source_files "$release" "${sources[@]}")" \
    "$(deb_files "$release" "${programs[@]}")" "$static" \
    "$(cat "$devices" "$release_scripts/static.c")"
