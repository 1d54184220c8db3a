#!/bin/bash
# Builds the release's QEMU, static and with few devices, and prints where it lies, with the
# firmware that Debian has built from the same sources.
#
# usage: qemu.sh
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

# QEMU is that of Debian 13, whatever this machine runs.
release=trixie
programs=(meson qemu-system-data seabios)

# It uses some headers wherever they happen to be installed. Its network stack is left out: vmbuild
# has that in a process of its own.
build_qemu() {
    cp "$release_scripts/qemu.mak" qemu/configs/devices/x86_64-softmmu/vmbuild.mak
    gcc -O2 -fPIE -c -o static.o "$release_scripts/static.c"
    sed -i "/'CONFIG_VALGRIND_H'\|'HAVE_DRM_H'/s/cc\.has_header(.*')/false/" qemu/meson.build
    mkdir qemu/build
    cd qemu/build
    # In the release all files of QEMU lie in lib/vmbuild.
    ../configure --target-list=x86_64-softmmu --without-default-features --without-default-devices \
        --with-devices-x86_64=vmbuild --static --enable-pie \
        --prefix=/usr --bindir=lib/vmbuild --datadir=lib --with-suffix=vmbuild \
        --firmwarepath=lib/vmbuild \
        --enable-system --enable-tcg --enable-kvm --enable-seccomp --enable-virtfs \
        --enable-attr --enable-cap-ng --disable-fdt --disable-tools --disable-docs \
        --disable-debug-info --disable-install-blobs --disable-werror --disable-download \
        --extra-cflags="-O2 -ffile-prefix-map=$work=." \
        --extra-ldflags="$work/static.o -Wl,--build-id=none"
    ninja qemu-system-x86_64
}

build() {
    local file
    work=$PWD
    mkdir debs "$work/done"
    download_sources "$release" qemu seabios
    unpack_source "$release" qemu
    unpack_debs "$release" debs "${programs[@]}"
    export PYTHONPATH=$PWD/debs/usr/lib/python3/dist-packages
    (build_qemu)
    strip -o done/qemu-system-x86_64 qemu/build/qemu-system-x86_64
    for file in qemu/{kvmvapic,pvh}.bin qemu/qboot.rom seabios/bios-256k.bin; do
        cp "debs/usr/share/$file" done/
    done
    mkdir done/licences
    cp qemu/debian/copyright done/licences/qemu
    cp debs/usr/share/doc/seabios/copyright done/licences/seabios
    source_files "$release" qemu seabios > done/sources
}

static=$(dpkg-query --show libglib2.0-dev libseccomp-dev libcap-ng-dev libattr1-dev zlib1g-dev \
    libpcre2-dev)
keep build "$(source_files "$release" qemu seabios)" \
    "$(deb_files "$release" "${programs[@]}")" "$static" \
    "$(cat "$release_scripts"/qemu.mak "$release_scripts/static.c")"
