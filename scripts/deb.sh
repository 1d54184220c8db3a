#!/bin/bash
# Builds Debian's package of vmbuild, linked to the libraries of a release of Debian, and prints its
# path.
#
# usage: deb.sh OUT VERSION [SUITE]
#
# OUT is a directory for the package. SUITE (bookworm, trixie) is by default the machine's own; for
# another one, the package is built in a root directory of that release, which is made once and kept
# (root only). The guest's kernel is in either case that of this machine. The same sources and packages
# of Debian give the same bytes.
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022

[ $# -eq 2 ] || [ $# -eq 3 ] || { echo "usage: $0 OUT VERSION [SUITE]" >&2; exit 2; }
tree=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd) version=$2
caches=${XDG_CACHE_HOME:-${HOME:?}/.cache}
# shellcheck source=/dev/null
own=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
suite=${3:-$own}

fail() {
    echo "deb: $1" >&2
    exit 1
}

build_here() {
    local work number name
    # shellcheck source=/dev/null
    number=$(. /etc/os-release && echo "$VERSION_ID")
    name=vmbuild_$version-1~deb${number}_amd64
    work=$(mktemp -d "$out/work.XXXXXX")
    "$tree/scripts/copy-tree.sh" "$work/vmbuild"
    cp -r "$tree/scripts/deb" "$work/vmbuild/debian"
    sed -i "s/@version@/$version-1~deb$number/; s/@suite@/$suite/" "$work/vmbuild/debian/changelog"
    (cd "$work/vmbuild" && env -u MAKEFLAGS -u MAKELEVEL VMBUILD_KERNEL_CACHE="$caches" \
        DEB_BUILD_OPTIONS="parallel=$(nproc)" \
        dpkg-buildpackage --build=binary --no-sign --no-check-builddeps) > "$out/$name.log" 2>&1 || {
        tail -n 30 "$out/$name.log" >&2
        fail "build the package: see $out/$name.log"
    }
    mv "$work/$name.deb" "$out/"
    rm -rf "$work"
    echo "$out/$name.deb"
}

# What building needs but for the kernel, separated by commas.
build_packages() {
    local kernel=(linux-source bc bison flex kmod libelf-dev xz-utils)
    local others=(mmdebstrap fakechroot fakeroot qemu-system-x86)
    "$tree/scripts/deps.sh" --list deb |
        grep -vxF -f <(printf '%s\n' "${kernel[@]}" "${others[@]}") | sort | paste -s -d ,
}

# make_root TAR PACKAGES: a root directory of SUITE. The packages come from where the machine's own apt
# gets them.
make_root() {
    local sources configuration
    sources=$("$tree/scripts/apt-sources.sh" "$suite")
    configuration=$(mktemp)
    apt-config dump Acquire > "$configuration"
    echo "deb: making a root directory of $suite (once)" >&2
    mmdebstrap --quiet --variant=buildd --format=tar --aptopt="$configuration" \
        --aptopt='APT::Install-Recommends "false"' --include="$2" "$suite" "$1.tmp" \
        - <<< "$sources" >&2
    rm "$configuration"
    mv "$1.tmp" "$1"
}

# The name and version of the source of the kernel that initramfs/kernel.sh builds.
kernel_source() {
    local newest
    newest=$(find /usr/src -maxdepth 1 -name 'linux-source-*.tar.*' | sort -V | tail -n 1)
    # shellcheck disable=SC2016 # dpkg's own variables
    dpkg-query --show --showformat '${source:Package} (= ${source:Version})' \
        "$(basename "${newest%.tar.*}")"
}

# In its own namespaces, so that nothing stays mounted.
build_in_root() {
    local root tar packages
    [ "$(id -u)" -eq 0 ] || fail "build for '$suite': only root can enter a root directory of it"
    mkdir -p "$caches/vmbuild-deb"
    packages=$(build_packages)
    tar=$caches/vmbuild-deb/$suite-$(sha256sum <<< "$packages" | cut -c 1-16).tar
    exec 9> "$tar.lock"
    flock 9
    [ -e "$tar" ] || make_root "$tar" "$packages"
    root=$(mktemp -d "$out/root.XXXXXX")
    tar -C "$root" -xf "$tar"
    "$tree/scripts/copy-tree.sh" "$root/vmbuild"
    mkdir -p "$root/out" "$root/guest"
    "$tree/initramfs/kernel.sh" amd64 "$root/guest/kernel" "$root/guest/modules"
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --pid --fork sh -c '
        mount --make-rprivate / && mount -t proc proc "$0/proc" && mount --bind "$1" "$0/out" &&
            exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
                GUEST_KERNEL=/guest/kernel GUEST_KERNEL_SOURCE="$3" \
                /vmbuild/scripts/deb.sh /out "$2"' \
        "$root" "$out" "$version" "$(kernel_source)" | sed "s,^/out/,$out/,"
    rm -rf --one-file-system "$root"
}

if [ "$suite" = "$own" ]; then
    build_here
else
    build_in_root
fi
