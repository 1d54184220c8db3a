#!/bin/sh
# Packs the initramfs: init, busybox and its applets, /dev/console, /etc/hosts, and as /lib/modules
# the kernel's modules, if their directory is named (kernel.sh).
#
# usage: pack.sh INIT BUSYBOX OUT [MODULES [NATIVE]]
#
# NATIVE is the busybox of this machine, if BUSYBOX is of another architecture: it lists the applets.
#
# The archive depends on the bytes of INIT, BUSYBOX, hosts and the files in MODULES alone. Its
# entries are declared as an mtree specification, so that no root is needed for the device node; the
# conversion to ustar drops the inode and device numbers that bsdtar takes from the files
# themselves.
set -eu
export LC_ALL=C

if [ $# -lt 3 ] || [ $# -gt 5 ]; then
    echo "usage: $0 INIT BUSYBOX OUT [MODULES [NATIVE]]" >&2
    exit 2
fi
init=$1 busybox=$2 out=$3 modules=${4-} native=${5-$2}
hosts=$(dirname "$0")/hosts

fail() {
    echo "initramfs: $1" >&2
    exit 1
}

for program in "$init" "$busybox"; do
    if readelf --program-headers --wide "$program" | grep -q INTERP; then
        fail "pack '$program': it is linked dynamically, but the guest has no libraries"
    fi
done

# The name of FILE as mtree requires it: absolute, with blanks and the like in octal.
mtree_path() {
    realpath -- "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/#/\\043/g'
}

# What is in the directory of the kernel's modules.
modules() {
    contents=$(mtree_path "$modules")
    find "$modules" -mindepth 1 -printf '%P %y\n' | sort | while read -r path type; do
        case $type in
        d) printf '%s\n' "./lib/modules/$path type=dir mode=0755" ;;
        *) printf '%s\n' "./lib/modules/$path type=file mode=0644 contents=$contents/$path" ;;
        esac
    done
}

specification() {
    cat <<END
#mtree
/set uid=0 gid=0 time=0
. type=dir mode=0755
./bin type=dir mode=0755
./dev type=dir mode=0755
./etc type=dir mode=0755
./proc type=dir mode=0755
./etc/hosts type=file mode=0644 contents=$(mtree_path "$hosts")
./lib type=dir mode=0755
./lib/modules type=dir mode=0755
./root type=dir mode=0700
./sbin type=dir mode=0755
./sys type=dir mode=0755
./tmp type=dir mode=1777
./usr type=dir mode=0755
./usr/bin type=dir mode=0755
./usr/sbin type=dir mode=0755
./dev/console type=char mode=0600 device=native,5,1
./init type=file mode=0755 contents=$(mtree_path "$init")
./bin/busybox type=file mode=0755 contents=$(mtree_path "$busybox")
END
    [ -z "$modules" ] || modules
    "$native" --list-full | sort | grep -v -x -e bin/busybox -e linuxrc |
        sed 's,.*,./& type=link mode=0777 link=/bin/busybox,'
}

specification > "$out.mtree"
bsdtar -cf "$out.tar" --format=ustar "@$out.mtree"
bsdtar -cf "$out.cpio" --format=newc "@$out.tar"
mv "$out.cpio" "$out"
rm "$out.mtree" "$out.tar"
