#!/bin/bash
# What builders of disk images and container engines need of the guest's kernel, tried with their
# own tools: modules, file systems, the device mapper, packet filters.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need dpkg-deb

# An image that has the tools. Nothing of it was installed by a script.
packages=$("$TOP/tests/packages.sh" "$(base debian)" kmod fdisk kpartx dmsetup cryptsetup-bin \
    lvm2 thin-provisioning-tools btrfs-progs xfsprogs dosfstools udftools squashfs-tools \
    genisoimage nftables iptables iproute2) ||
    skip_all "no packages could be fetched"
mkdir "$WORK/tools"
for package in "$packages"/*.deb; do
    dpkg-deb -x "$package" "$WORK/tools"
done
jq -n --arg base "$(base debian)" '{name: "tools", fromImage: $base, contents: "tools"}' |
    spec tools
build tools
exits 0 "an image with tools"
on_tools='{"name": "x", "fromImage": "tools.tar", "memory": 768, "diskSize": 2048,
    "env": {"DM_DISABLE_UDEV": "1"}}'

# User-Mode Linux has no modules, only what is built in; the rest is an error of the script's.
if under_uml; then
    build_script builtin "$on_tools" <<'END'
mkdir /m /d
test -z "$(ls /sys/block | grep loop)"
echo hello > /d/file
for type in ext4 vfat; do
    rm -f /disk
    truncate -s 16M /disk
    mkfs.$type /disk > /log
    mount -t $type -o loop /disk /m
    cp /d/file /m
    umount /m
    mount -t $type -o loop,ro /disk /m
    test "$(cat /m/file)" = hello
    umount /m
done
rm /disk
mksquashfs /d /disk -quiet -no-progress -comp zstd
mount -t squashfs -o loop,ro /disk /m
test "$(cat /m/file)" = hello
umount /m
ip link add inner type veth peer name outer
test -z "$(losetup --list)"
END
    exits 0 "what is built in"
    build_script module "$on_tools" <<< 'modprobe xfs || echo refused; mkdir /m; truncate -s 300M /disk; mkfs.xfs -q /disk; mount -o loop /disk /m'
    exits 5 "what is a module"
    says "what is a module: why" '^refused$'
    done_testing
    exit
fi

# --- Modules
build_script modules "$on_tools" <<'END'
test -z "$(ls /sys/block | grep loop)"
for name in loop dm_mod dm-crypt xfs btrfs isofs nf_tables ip_tables iptable_nat br_netfilter \
    overlay fs-xfs; do
    modprobe "$name"
done
modprobe -a -q tun veth
if modprobe no_such_module; then exit 1; fi
modinfo vfat | grep builtin
modinfo -F license btrfs
lsmod | grep -w '^xfs'
depmod -a
modprobe vfat
modprobe -r xfs
if lsmod | grep -w '^xfs'; then exit 1; fi
test -z "$(losetup --list)"
test "$(losetup -f)" = /dev/loop0
zcat /proc/config.gz | grep '^CONFIG_XFS_FS=m'
test -e "/lib/modules/$(uname -r)/modules.builtin"
test -z "$(ls /lib/modules)"
test -z "$(find / -xdev -path "*/modules/*" -name 'modules.*')"
chown -R 0:0 /usr/lib/modules /lib/modules/
touch /lib/modules
mkdir -p "/lib/modules/$(uname -r)"
END
exits 0 "modprobe, modinfo, lsmod and depmod"
says "modprobe of what is not there: why" "FATAL: Module no_such_module not found"
is "modules: nothing is in the layer" "$(layer "$WORK/modules.tar" | grep -c ' usr/lib/modules')" 0

build_script removed "$on_tools" <<< 'rm -rf /lib/modules'
exits 0 "a script that removes /lib/modules"
unlike "removed: no whiteout of what the image lacks" "$(layer "$WORK/removed.tar")" 'modules'

build_script made "$on_tools" <<'END'
mkdir -p /lib/modules/5.10.0
rm -r /lib/modules
mkdir -m 750 /lib/modules
END
exits 0 "a script that creates /lib/modules"
like "made: what it creates is in the layer" "$(layer "$WORK/made.tar")" \
    '^dir 0750 .* usr/lib/modules$'

# Scripts look for the kernel of the image in /lib/modules.
mkdir -p "$WORK/own/lib/modules/5.10.0-1-amd64"
echo own > "$WORK/own/lib/modules/5.10.0-1-amd64/modules.dep"
build_script own "$(jq '.contents = "own"' <<< "$on_tools")" <<'END'
test "$(ls /lib/modules)" = 5.10.0-1-amd64
test "$(echo /usr/lib/modules/*)" = /usr/lib/modules/5.10.0-1-amd64
test "$(cat /lib/modules/*/modules.dep)" = own
modprobe loop
echo new > /lib/modules/5.10.0-1-amd64/modules.order
END
exits 0 "an image with a kernel of its own"
is "own: the layer has its own modules alone" \
    "$(layer "$WORK/own.tar" | grep -o ' usr/lib/modules/.*')" " usr/lib/modules/5.10.0-1-amd64
 usr/lib/modules/5.10.0-1-amd64/modules.dep
 usr/lib/modules/5.10.0-1-amd64/modules.order"

# --- Modules and busybox
# Its /lib is a directory, not a symlink.
mkdir -p "$WORK/lib/lib"
jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, contents: "lib",
    postMount: "modprobe xfs; modprobe udf; lsmod | grep udf",
    runAsRoot: "modprobe -a loop btrfs; lsmod | grep btrfs; ! modprobe none"}' |
    spec busybox
build busybox
exits 0 "busybox' modprobe and lsmod, in a script and in a hook"
is "busybox: nothing is in the layer" "$(layer "$WORK/busybox.tar" | grep -c modules)" 0

build_script bare "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" <<'END'
test ! -e /lib
ln -s usr /lib
END
exits 0 "an image without /lib is shown none"
like "an image without /lib: a script may create it" "$(layer "$WORK/bare.tar")" ' lib -> usr$'

# --- File systems
build_script filesystems "$on_tools" <<'END'
mkdir /m /d
echo hello > "/d/A long name with blanks.text"
ln -s "A long name with blanks.text" /d/link
# try TYPE SIZE COMMAND...: what COMMAND makes of a file can be mounted, filled and mounted again.
try() {
    type=$1
    rm -f /disk
    truncate -s "$2" /disk
    shift 2
    "$@" /disk > /log 2>&1 || { cat /log; exit 1; }
    mount -t "$type" -o loop /disk /m
    cp "/d/A long name with blanks.text" /m/
    umount /m
    mount -t "$type" -o loop,ro /disk /m
    test "$(cat "/m/A long name with blanks.text")" = hello
    umount /m
    echo "mounts $type"
}
# read TYPE OPTIONS COMMAND...: what COMMAND makes of /d can be mounted.
read_only() {
    type=$1 options=$2
    shift 2
    rm -f /disk
    "$@" > /log 2>&1 || { cat /log; exit 1; }
    mount -t "$type" -o "loop,ro$options" /disk /m
    test "$(cat "/m/A long name with blanks.text")" = hello
    test -n "$options" || test "$(readlink /m/link)" = "A long name with blanks.text"
    umount /m
    echo "mounts $type $options"
}
try ext4 16M mkfs.ext4 -q -F
try xfs 300M mkfs.xfs -q
try btrfs 128M mkfs.btrfs -q
try vfat 16M mkfs.vfat
try udf 64M mkudffs
read_only iso9660 "" genisoimage -quiet -R -J -o /disk /d
read_only iso9660 ,norock genisoimage -quiet -J -o /disk /d
read_only squashfs "" mksquashfs /d /disk -quiet -no-progress -comp zstd

# One file system on two disks, which /dev/btrfs-control learns of.
rm /disk
truncate -s 256M /disk1 /disk2
first=$(losetup -f --show /disk1)
second=$(losetup -f --show /disk2)
mkfs.btrfs -q -m raid1 -d raid1 "$first" "$second"
btrfs device scan > /dev/null
mount -o compress=zstd "$second" /m
btrfs subvolume create /m/root
btrfs subvolume snapshot -r /m/root /m/snapshot
umount /m
losetup -D
rm -r /disk1 /disk2 /d /m /log
END
exits 0 "file systems"
is "file systems: all were mounted" "$(grep -o '^mounts .*[a-z0-9]' "$WORK/err")" "mounts ext4
mounts xfs
mounts btrfs
mounts vfat
mounts udf
mounts iso9660
mounts iso9660 ,norock
mounts squashfs"

# --- Device mapper
build_script mapper "$on_tools" <<'END'
mkdir /m
truncate -s 64M /disk
printf 'label: gpt\n,16M\n,32M\n' | sfdisk -q /disk
kpartx -a -s -v /disk
mkfs.ext4 -q /dev/mapper/loop0p2
mount /dev/mapper/loop0p2 /m
umount /m
kpartx -d /disk
losetup -D
echo kpartx works

loop=$(losetup -f --show /disk)
dmsetup create tail --table "0 2048 linear $loop 4096"
test "$(blockdev --getsz /dev/mapper/tail)" -eq 2048
dmsetup remove tail
echo dmsetup works

printf password > /key
cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$loop" /key
cryptsetup open --key-file /key "$loop" plain
mkfs.ext4 -q /dev/mapper/plain
mount /dev/mapper/plain /m
umount /m
cryptsetup close plain
echo cryptsetup works

truncate -s 8M /hashes
veritysetup format --data-blocks 1024 "$loop" /hashes > /log
root=$(sed -n 's/^Root hash:[[:blank:]]*//p' /log)
veritysetup open "$loop" verified /hashes "$root"
cmp -n 4194304 "$loop" /dev/mapper/verified
veritysetup close verified
echo veritysetup works

truncate -s 64M /volumes
loop=$(losetup -f --show /volumes)
pvcreate -q "$loop"
vgcreate -q volumes "$loop"
lvcreate -q -y -L 8M -n data volumes
mkfs.ext4 -q /dev/volumes/data
lvcreate -q -y -s -L 8M -n saved volumes/data
lvcreate -q -y --type thin-pool -L 16M -n pool volumes
lvcreate -q -y -V 64M -T volumes/pool -n thin
mkfs.ext4 -q /dev/volumes/thin
vgchange -q -an volumes
losetup -D
rm -r /disk /volumes /hashes /key /log /m
echo lvm works
END
exits 0 "the device mapper"
is "the device mapper: by all its tools" "$(grep -o '^[a-z]* works$' "$WORK/err")" "kpartx works
dmsetup works
cryptsetup works
veritysetup works
lvm works"

# What a script leaves set up harms neither the layer nor the next script.
build_script left "$(jq '.extraCommands = "echo after > after"' <<< "$on_tools")" <<'END'
truncate -s 64M /disk
mkfs.ext4 -q /disk
loop=$(losetup -f --show /disk)
dmsetup create left --table "0 131072 linear $loop 0"
mkdir /m
mount /dev/mapper/left /m
echo text > /m/file
sync
END
exits 0 "a device that a script leaves"
like "a device that a script leaves: what comes after" "$(layer "$WORK/left.tar")" ' after$'

# --- Packet filters
build_script filters "$on_tools" <<'END'
# send: two packets to a port of a loopback address.
send() {
    bash -c 'for i in 1 2; do echo x > /dev/udp/127.0.0.2/9; done' 2> /dev/null || true
}
nft list ruleset
nft -f - <<'RULES'
table inet filter {
    counter sent { }
    set private { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 127.0.0.2 } }
    chain output {
        type filter hook output priority 0; policy accept;
        ct state established,related accept
        ip daddr @private counter name sent
        udp dport { 53, 67 } limit rate 5/second burst 3 packets log prefix "vmbuild " accept
        fib daddr type broadcast reject with icmpx type admin-prohibited
        tcp flags syn tcp option maxseg size set rt mtu
        meta skuid 0 ct mark set 1 drop
    }
}
table ip nat {
    chain prerouting {
        type nat hook prerouting priority -100
        tcp dport 80 redirect to :8080
        ip daddr 10.0.0.1 dnat to 10.0.0.2
    }
    chain postrouting {
        type nat hook postrouting priority 100
        ip saddr 10.0.0.0/8 masquerade
        snat to 10.0.0.3
    }
}
table arp filter {
    chain input { type filter hook input priority 0; arp operation request accept; }
}
table netdev filter {
    chain ingress { type filter hook ingress device lo priority 0; udp dport 10 drop; }
}
table bridge filter {
    chain forward { type filter hook forward priority 0; ether type ip accept; }
}
RULES
send
nft list counter inet filter sent | grep -q 'packets 2 '
nft flush ruleset
echo nft works

# All tables, and the matches and targets of container engines and firewalls.
for kind in nft legacy; do
    for table in filter nat mangle raw; do
        iptables-$kind -t $table -L -n > /dev/null
        ip6tables-$kind -t $table -L -n > /dev/null
    done
    iptables-$kind-restore <<'RULES'
*raw
-A PREROUTING -p udp --dport 69 -j CT --notrack
-A PREROUTING -m rpfilter --invert -j DROP
COMMIT
*mangle
-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A PREROUTING -m connmark --mark 1 -j MARK --set-mark 2
-A POSTROUTING -p udp --dport 68 -j CHECKSUM --checksum-fill
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -p tcp --dport 81 -j REDIRECT --to-ports 8081
-A POSTROUTING -s 10.1.0.0/24 -j SNAT --to-source 10.0.0.3
COMMIT
*filter
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m state --state INVALID -j DROP
-A INPUT -p tcp -m multiport --dports 22,80 -m comment --comment "some text" -j ACCEPT
-A INPUT -p tcp --dport 113 -j REJECT --reject-with tcp-reset
-A INPUT -m limit --limit 3/min -j LOG --log-prefix "[vmbuild] "
-A INPUT -p tcp -m recent --name ssh --set
-A INPUT -m ttl --ttl-eq 1 -j DROP
-A INPUT -m physdev --physdev-in eth9 -j REJECT
-A OUTPUT -d 127.0.0.2/32 -m owner --uid-owner 0
COMMIT
RULES
    ip6tables-$kind-restore <<'RULES'
*nat
-A POSTROUTING -s fd00::/64 -j MASQUERADE
COMMIT
*filter
-A INPUT -m rt --rt-type 0 -j DROP
-A INPUT -m conntrack --ctstate ESTABLISHED -m hl --hl-eq 255 -j REJECT
COMMIT
RULES
    send
    iptables-$kind -L OUTPUT -v -n -x | grep -q '^ *2  .*127\.0\.0\.2'
    iptables-$kind-save | grep -q -e '-A DOCKER .*DNAT'
    iptables-$kind -t nat -F
    echo "iptables-$kind works"
done

ip link add br0 type bridge
ip link add inner type veth peer name outer
ip link set outer master br0
echo ip works
END
exits 0 "packet filters"
is "packet filters: by all their tools" "$(grep -o '^[a-z-]* works$' "$WORK/err")" "nft works
iptables-nft works
iptables-legacy works
ip works"

done_testing
