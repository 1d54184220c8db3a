#!/bin/bash
# Runs a command in a VM that offers a working /dev/kvm, on a host that need not have one: QEMU
# emulates an AMD processor with SVM, and the VM's kernel loads kvm_amd on it. It is slow.
#
# usage: nested-host.sh PROGRAM SHARE COMMAND [ARGUMENT...]
#
# The VM is the machine's own release of Debian, with QEMU and the libraries that PROGRAM is linked
# with. COMMAND runs in it as root, in /share, which is the directory SHARE. Its output and errors
# come out on standard output, and its exit status is that of this script; 125: the VM failed, 124:
# it took longer than $NESTED_SECONDS. NESTED_VERBOSE=1 shows the VM's console on standard error.
#
# The VM's disk is made once per machine and kept, beside the base images (scripts/base-image.sh);
# no VM writes to it. An instruction takes 4 ns of the VM's time, whatever the load of the host, so
# that time limits inside it mean the same on every host; for that it has one processor.
#
# Needs root, and the packages mmdebstrap, e2fsprogs, libarchive-tools and qemu-system-x86.
set -euo pipefail
export LC_ALL=C

# Without XSAVE and what needs it: a guest of the VM would find it inconsistent, and turn it off.
processor=EPYC-v1,-xsave,-xsaveopt,-xgetbv1,-xsavec,-avx,-avx2,-f16c,-fma
memory=3072 # MiB
limit=${NESTED_SECONDS-3600}
top=$(dirname "$(realpath "$0")")/../..

fail() {
    echo "nested host: $*" >&2
    exit 125
}

# The packages that the libraries of vmbuild, the program $1, are from, those that it loads late
# included; dpkg knows them in /lib or /usr/lib.
library_packages() {
    { ldd "$1" && /sbin/ldconfig -p | grep -E 'lib(guestfs\.so\.0|curl\.so\.4) '; } |
        sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | while read -r library; do
        library=$(realpath "$library")
        dpkg -S "$library" "${library#/usr}" 2> /dev/null || true
    done | sed -n 's/^\([^,:]*\)\(:[^:]*\)\?: .*/\1/p' | sort -u
}

# The modules that the kernel $2 in the root directory $1 needs to mount its disk, each after those
# that it needs.
disk_modules() {
    local name
    for name in virtio_pci virtio_blk ext4 crc32c_generic; do
        chroot "$1" modprobe -S "$2" --show-depends "$name"
    done | sed -n 's/^insmod \(\S*\).*/\1/p' | awk '!seen[$0]++'
}

# install_debian ROOT PACKAGES: PACKAGES, separated by commas, from where the machine's own apt gets
# them.
install_debian() {
    local sources release
    # shellcheck source=/dev/null
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # shellcheck disable=SC2016 # apt's own variables
    sources=$(apt-get indextargets --format '$(CODENAME)|deb $(SITE) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' | sort -u | sed -n "s/^${release}[^|]*|//p")
    apt-config dump Acquire > "$work/apt.conf"
    # shellcheck disable=SC2016 # mmdebstrap's own variable
    mmdebstrap --quiet --mode=root --variant=apt --architectures=amd64 --aptopt="$work/apt.conf" \
        --aptopt='Apt::Install-Recommends "false"' \
        --dpkgopt=force-confold --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --essential-hook='mkdir -p "$1/etc/initramfs-tools" && cd "$1/etc/initramfs-tools" &&
            echo update_initramfs=no > update-initramfs.conf' \
        --customize-hook='rm -rf "$1"/var/cache/apt/*.bin "$1"/boot/initrd*' \
        --include="$2" "$release" "$1" - <<< "$sources" >&2
}

# PID 1 of the VM.
write_init() {
    cat << 'END'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs run /run
ln -sf /proc/self/fd /dev/fd
hostname nested
busybox ip link set lo up
modprobe virtio_console
modprobe 9pnet_virtio
modprobe 9p
mkdir -p /run/job
options=trans=virtio,version=9p2000.L,msize=512000,access=any
mount -t 9p -o $options share /share
mount -t 9p -o $options job /run/job
modprobe kvm_amd && chgrp kvm /dev/kvm && chmod 660 /dev/kvm
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = output ] && output=/dev/${port##*/}
done
cd /share
setsid env -i HOME=/root LC_ALL=C.UTF-8 PATH=$PATH \
    bash /run/job/command < /dev/null > "$output" 2>&1
echo $? > /run/job/status
sync
echo o > /proc/sysrq-trigger
sleep 60
END
}

# make_initramfs ROOT VERSION OUT: mounts the disk, and starts /nested-init of it.
make_initramfs() {
    local tree=$work/initramfs module
    mkdir -p "$tree"/{bin,proc,sys,dev,root,modules}
    cp "$1/bin/busybox" "$tree/bin/"
    {
        echo '#!/bin/busybox sh'
        echo 'busybox() { /bin/busybox "$@"; }'
        echo 'busybox mount -t devtmpfs dev /dev'
        disk_modules "$1" "$2" | while read -r module; do
            cp "$1$module" "$tree/modules/"
            echo "busybox insmod /modules/${module##*/}"
        done
        echo 'busybox mount -t ext4 /dev/vda /root && busybox mount --move /dev /root/dev'
        echo 'exec /bin/busybox switch_root /root /nested-init'
    } > "$tree/init"
    chmod 755 "$tree/init"
    bsdtar -C "$tree" --format newc -cf "$3" .
}

# make_disk OUT PACKAGES: the disk, the kernel and the initramfs in the directory OUT.
make_disk() {
    local root=$work/root version
    install_debian "$root" "$2"
    mkdir -p "$1" "$root/share"
    write_init > "$root/nested-init"
    chmod 755 "$root/nested-init"
    grep -q '^kvm:' "$root/etc/group" || echo kvm:x:999: >> "$root/etc/group"
    version=$(find "$root/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
    make_initramfs "$root" "$version" "$1/initramfs.img"
    cp "$root/boot/vmlinuz-$version" "$1/vmlinuz"
    truncate -s 6G "$1/disk"
    mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard -d "$root" "$1/disk"
}

[ "$(id -u)" -eq 0 ] || fail "it needs root"
[ $# -ge 3 ] || fail "usage: nested-host.sh PROGRAM SHARE COMMAND [ARGUMENT...]"
packages=linux-image-amd64,kmod,busybox-static,util-linux,qemu-system-x86
packages+=,$(library_packages "$1" | paste -s -d,)
share=$(realpath "$2")
shift 2

work=$(mktemp -d "${TMPDIR:-/var/tmp}/vmbuild-nested.XXXXXX")
qemu=
# shellcheck disable=SC2317 # called by the trap
clean_up() {
    [ -z "$qemu" ] || kill "$qemu" 2> /dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT

key=$({
    declare -f disk_modules install_debian write_init make_initramfs make_disk
    cat /etc/os-release
    echo "$packages"
} | sha256sum | cut -c 1-16)
image=$(dirname "$("$top/scripts/base-image.sh" busybox)")/nested-$key
exec 9> "$image.lock"
flock 9
if [ ! -e "$image" ]; then
    echo "nested host: making $image (once)" >&2
    rm -rf --one-file-system "$image.tmp"
    make_disk "$image.tmp" "$packages"
    mv "$image.tmp" "$image"
    rm -rf --one-file-system "$work/root"
fi
exec 9>&-

mkdir "$work/job"
printf '%q ' "$@" > "$work/job/command"
chmod -R a+rX "$work"
exec 3> >(exec cat)
cat=$!
TMPDIR=$work timeout --foreground "$limit" qemu-system-x86_64 \
    -nodefaults -no-user-config -display none -no-reboot \
    -machine q35 -accel tcg,thread=single -icount shift=2 -cpu "$processor" -m "$memory" \
    -kernel "$image/vmlinuz" -initrd "$image/initramfs.img" \
    -append "console=ttyS0 loglevel=5 panic=1 mitigations=off nokaslr audit=0" \
    -serial "file:$work/console" \
    -drive "if=virtio,file=$image/disk,format=raw,snapshot=on,cache=unsafe" \
    -device virtio-rng-pci \
    -virtfs "local,path=${share//,/,,},mount_tag=share,security_model=none,multidevs=remap" \
    -virtfs "local,path=$work/job,mount_tag=job,security_model=none,multidevs=remap" \
    -device virtio-serial-pci -chardev file,id=output,path=/dev/fd/3,append=on \
    -device virtserialport,chardev=output,name=output < /dev/null \
    2> >(grep -v "TCG doesn't support requested feature" >&2) &
qemu=$!
status=0
wait "$qemu" || status=$?
qemu=
exec 3>&-
wait "$cat" || true
[ -z "${NESTED_VERBOSE-}" ] || cat "$work/console" >&2
if [ "$status" -eq 124 ]; then
    tail -n 15 "$work/console" >&2
    exit 124
fi
if [ ! -e "$work/job/status" ]; then
    tail -n 30 "$work/console" >&2
    fail "the VM ended early (QEMU: $status)"
fi
exit "$(cat "$work/job/status")"
