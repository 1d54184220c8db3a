#!/bin/bash
# Builds the guest kernel of an architecture, once per machine and user.
#
# usage: kernel.sh ARCHITECTURE OUT MODULES    copies the kernel to OUT, after building it if it is
#                                              not cached, and its /lib/modules to the directory
#                                              MODULES
#        kernel.sh --key ARCHITECTURE          prints the key of the kernel
#
# ARCHITECTURE is a row of the file kernels, by its first word.
#
# MODULES has a directory RELEASE, as depmod leaves it; um has none.
#
# The source is KERNEL_SOURCE (a directory or a tarball) or the newest of Debian's linux-source
# packages on this machine. Kernels are cached in $XDG_CACHE_HOME/vmbuild-kernel (default:
# ~/.cache), each in a directory named by its key: a digest of the configuration, the source, the
# compiler, the row and this script. A kernel is built in KEY.tmp, under a lock that ends with its
# process, and renamed to KEY when it is complete; so a killed build leaves nothing that looks like a
# kernel, and the second of two simultaneous builds waits for the first.
#
# The kernel does not depend on where, when or by whom it is built.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/vmbuild-kernel

fail() {
    echo "guest kernel: $1" >&2
    exit 1
}

# Sets what the row of the architecture says.
choose_architecture() {
    row=$(grep -E "^$1 " "$here/kernels") || fail "no architecture '$1'"
    read -r architecture kbuild prefix target image <<< "$row"
    has_modules=yes
    [ "$architecture" != um ] || has_modules=no
    # The kernel has the compiler's name in it, which is no other one for a machine's own.
    [ "$(uname -m)" != "${prefix%%-*}" ] || prefix=
}

find_source() {
    local newest

    if [ -n "${KERNEL_SOURCE:-}" ]; then
        [ -e "$KERNEL_SOURCE" ] || fail "find KERNEL_SOURCE '$KERNEL_SOURCE': no such file"
        realpath "$KERNEL_SOURCE"
        return
    fi
    newest=$(find /usr/src -maxdepth 1 -name 'linux-source-*.tar.*' | sort -V | tail -n 1)
    [ -n "$newest" ] || fail "no linux-source package is installed; 'make deps' installs it"
    echo "$newest"
}

# Prints what identifies the source: the version of its package, its digest, or for a directory the
# names, sizes and times of its files.
source_id() {
    if [ -d "$1" ]; then
        find "$1" -name .git -prune -o -type f -printf '%P %s %T@\n' | sort | sha256sum
    elif [ -z "${KERNEL_SOURCE:-}" ]; then
        basename "$1"
        dpkg-query --show "$(basename "${1%.tar.*}")"
    else
        sha256sum < "$1"
    fi
}

# The files of the configuration, for all releases or for RELEASE, the most general one first.
configs() {
    local release=${1:-[0-9]*} file

    for file in "$here"/kernel{,-"$architecture"}{,-$release}.config; do
        [ ! -e "$file" ] || echo "$file"
    done | awk '!seen[$0]++'
}

# The patches for RELEASE of this architecture, or for all releases.
patches() {
    local file

    for file in "$here"/kernel-"$architecture"-${1:-*}.patch; do
        [ ! -e "$file" ] || echo "$file"
    done
}

kernel_key() {
    {
        { configs && patches; } | xargs cat "$here/kernel.sh"
        source_id "$1"
        "${prefix}gcc" --version | head -n 1
        "${prefix}ld" --version | head -n 1
        echo "$row"
    } | sha256sum | cut -c 1-32
}

# kernel_make TREE ARGUMENT...: kbuild, with nothing of the caller's environment but PATH. Its check
# of exported symbols, which matter only to modules, would start three processes for each object.
kernel_make() {
    local tree=$1

    shift
    env -i PATH="$PATH" LC_ALL=C TZ=UTC ARCH="$kbuild" SUBARCH=x86_64 CROSS_COMPILE="$prefix" \
        LOCALVERSION= \
        KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:01 UTC' KBUILD_BUILD_VERSION=1 \
        KBUILD_BUILD_USER=vmbuild KBUILD_BUILD_HOST=vmbuild \
        make --no-print-directory -s -C "$tree" O="$work/build" cmd_check_local_export= "$@"
}

# unpack TARBALL TREE: without the third of the files that none of our configurations compiles.
unpack() {
    local parts='sound drivers/gpu drivers/infiniband drivers/media drivers/net/ethernet
        drivers/net/wireless drivers/staging'
    local part exclude=()

    for part in $parts; do
        exclude+=("--exclude=*/$part/*.[ch]")
    done
    tar -xf "$1" -C "$2" --strip-components=1 "${exclude[@]}" --exclude='*/boot/dts/*' \
        --exclude='*/Documentation/*/*' --exclude='*/tools/perf/*' --exclude='*/tools/testing/*'
}

# Writes the configuration for RELEASE: of several lines for an option, the last one counts. What
# would be a module is left out where there are none.
write_config() {
    configs "$1" | xargs cat | awk -F= -v has_modules="$has_modules" '
        /^CONFIG_/ {
            if ($2 == "m" && has_modules == "no")
                $0 = $1 "=n"
            if (!($1 in line))
                names[++count] = $1
            line[$1] = $0
        }
        END {
            for (i = 1; i <= count; i++)
                print line[names[i]]
        }'
}

# Kconfig silently drops an option whose name or dependencies have changed.
check_config() {
    local line name wrong=0

    while read -r line; do
        case $line in
        CONFIG_*=n)
            name=${line%=n}
            if grep -q "^$name=" "$work/build/.config"; then
                echo "guest kernel: the configuration turns $name off, but Kconfig turned it on" >&2
                wrong=1
            fi
            ;;
        CONFIG_*=*)
            if ! grep -qxF "$line" "$work/build/.config"; then
                echo "guest kernel: the configuration sets $line, but Kconfig dropped it" >&2
                wrong=1
            fi
            ;;
        esac
    done < "$work/config"
    [ $wrong -eq 0 ] || fail "configure: see above"
}

# install_modules TREE: what `make modules_install` installs. The modules are compressed, since they
# are in the memory of each guest; kmod and busybox read no form but xz both.
install_modules() {
    local release folder

    release=$(kernel_make "$1" kernelrelease)
    folder=$work/root/usr/lib/modules/$release
    kernel_make "$1" INSTALL_MOD_PATH="$work/root/usr" INSTALL_MOD_STRIP=1 DEPMOD=true \
        modules_install > "$work/log" 2>&1 || fail "build from '$1': $(cat "$work/log")"
    rm -f "$folder/build" "$folder/source"
    find "$folder" -name '*.ko' -exec xz --threads=1 --check=crc32 --lzma2=dict=1MiB {} +
    # Some versions of depmod look there, others below /usr. The PATH of users need not have it.
    ln -s usr/lib "$work/root/lib"
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/root" "$release" ||
        fail "build from '$1': depmod failed"
    mkdir "$work/done/modules"
    cp -r "$folder" "$work/done/modules/"
}

# release_of TREE: "6.1".
release_of() {
    kernel_make "$1" kernelversion | cut -d . -f 1,2
}

# Sets TREE, a variable of the caller's, to the source at PATH with its patches: a copy, if it is a
# directory that has any.
prepare_source() {
    local path=$1 file

    tree=$path
    if [ -d "$path" ] && [ -z "$(patches "$(release_of "$path")")" ]; then
        return
    fi
    tree=$work/source
    mkdir "$tree"
    if [ -d "$path" ]; then
        cp -a "$path/." "$tree"
    else
        unpack "$path" "$tree"
    fi
    while read -r file; do
        patch -s -p 1 -d "$tree" < "$file" || fail "build from '$path': '$file' does not apply"
    done < <(patches "$(release_of "$tree")")
}

build_kernel() {
    local tree release

    mkdir -p "$work/build"
    prepare_source "$1"
    release=$(release_of "$tree")
    write_config "$release" > "$work/config"
    kernel_make "$tree" KCONFIG_ALLCONFIG="$work/config" allnoconfig > /dev/null
    check_config
    local targets=("$target")

    [ "$has_modules" = no ] || targets+=(modules)
    kernel_make "$tree" -j"$(nproc)" "${targets[@]}" > "$work/log" 2>&1 || {
        tail -n 30 "$work/log" >&2
        fail "build from '$1': make failed"
    }
    mkdir "$work/done"
    if [ "$image" = vmlinux ] || [ "$image" = linux ]; then
        "${prefix}strip" -o "$work/done/vmlinux" "$work/build/$image"
    else
        cp "$work/build/$image" "$work/done/vmlinux"
    fi
    cp "$work/build/.config" "$work/done/config"
    if [ "$has_modules" = yes ]; then
        install_modules "$tree"
    else
        mkdir "$work/done/modules"
    fi
}

if [ $# -eq 2 ] && [ "$1" = --key ]; then
    choose_architecture "$2"
    kernel_key "$(find_source)"
    exit
fi
[ $# -eq 3 ] || fail "usage: $0 ARCHITECTURE OUT MODULES | --key ARCHITECTURE"
choose_architecture "$1"
source=$(find_source)
key=$(kernel_key "$source")

if [ ! -e "$cache/$key" ]; then
    mkdir -p "$cache"
    exec 9> "$cache/$key.lock"
    flock 9
fi
if [ ! -e "$cache/$key" ]; then
    work=$cache/$key.tmp
    echo "guest kernel: building $architecture from $source (takes some minutes, once)" >&2
    rm -rf "$work"
    build_kernel "$source"
    mv "$work/done" "$cache/$key"
    rm -rf "$work" "$cache/$key.lock"
fi
rm -rf "$3"
cp -r "$cache/$key/modules" "$3"
cp "$cache/$key/vmlinux" "$2.tmp"
mv "$2.tmp" "$2"
