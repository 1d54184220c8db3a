#!/bin/bash
# Builds a QEMU of the release, static and with few devices, and prints where it lies, with the
# firmware that Debian has built from the same sources, or from those of its packages.
#
# usage: qemu.sh [ARCHITECTURE]    for guests of that architecture, a row of the file qemus; by default
#                                  amd64
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

# QEMU is that of Debian 13, whatever this machine runs.
release=trixie

row=$(grep "^${1:-amd64} " "$release_scripts/qemus") || fail "there is no QEMU for '${1:-amd64}'"
read -r _ target devices tree packages firmware <<< "$row"
[ "$packages" != - ] || packages=
# Packages of firmware are named as their sources are.
read -r -a sources <<< "qemu $packages"
read -r -a binaries <<< "meson qemu-system-data $packages"
libraries=(libglib2.0-dev libseccomp-dev libcap-ng-dev libattr1-dev zlib1g-dev libpcre2-dev)
case $tree in
fdt) libraries+=(libfdt-dev) fdt=--enable-fdt=system ;;
*) fdt=--disable-fdt ;;
esac

# It uses some headers wherever they happen to be installed. Its network stack is left out: vmbuild
# has that in a process of its own.
build_qemu() {
    {
        cat "$release_scripts/qemu.mak"
        tr , '\n' <<< "$devices" | sed 's/.*/CONFIG_&=y/'
    } > "qemu/configs/devices/$target-softmmu/vmbuild.mak"
    gcc -O2 -fPIE -c -o static.o "$release_scripts/static.c"
    sed -i "/'CONFIG_VALGRIND_H'\|'HAVE_DRM_H'/s/cc\.has_header(.*')/false/" qemu/meson.build
    mkdir qemu/build
    cd qemu/build
    # In the release all files of QEMU lie in lib/vmbuild.
    ../configure --target-list="$target-softmmu" --without-default-features --without-default-devices \
        --with-devices-"$target"=vmbuild --static --enable-pie \
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
    local file name
    work=$PWD
    mkdir debs "$work/done"
    download_sources "$release" qemu
    # Its firmware is not built here: pack.sh says what of these is missing.
    for name in $packages; do
        (download_sources "$release" "$name") || true
    done
    unpack_source "$release" qemu
    unpack_debs "$release" debs "${binaries[@]}"
    export PYTHONPATH=$PWD/debs/usr/lib/python3/dist-packages
    (build_qemu)
    strip -o "done/qemu-system-$target" "qemu/build/qemu-system-$target"
    for file in $firmware; do
        name=${file#*=}
        cp "debs/usr/${file%=*}" "done/${name##*/}"
    done
    mkdir done/licences
    cp qemu/debian/copyright done/licences/qemu
    for name in $packages; do
        cp "debs/usr/share/doc/$name/copyright" "done/licences/$name"
    done
    source_files "$release" "${sources[@]}" > done/sources
}

# All in which architectures differ is the row: another row leaves the keys of these as they are.
keep build "$row" "$(source_files "$release" "${sources[@]}")" \
    "$(deb_files "$release" "${binaries[@]}")" "$(dpkg-query --show "${libraries[@]}")" \
    "$(cat "$release_scripts"/{qemu.mak,static.c})"
