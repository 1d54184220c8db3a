#!/bin/bash
# The host program for arm64, each of its processes emulated: it builds the same images as the one for
# amd64, to the bit. QEMU and what confines it are this machine's own. make check-arm64-host runs this.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq qemu-aarch64-static qemu-system-aarch64 qemu-system-x86_64
ROOT=$TOP/build/arm64-host/root
PROGRAM=${VMBUILD%/*}/vmbuild-arm64
[ -e "$TOP/build/arm64-host/vmbuild" ] || skip_all "there is no program for arm64: make check-arm64-host"
install -m 755 "$TOP/build/arm64-host/vmbuild" "$PROGRAM"

# The guests, by the names that they have on each host.
mkdir -p "$WORK/guests/amd64"
for part in vmlinuz initramfs; do
    end=
    [ $part = vmlinuz ] || end=.img
    ln -s "$TOP/build/appliance/arm64/$part.x86_64$end" "$WORK/guests/$part.aarch64$end"
    ln -s "$TOP/build/appliance/$part.x86_64$end" "$WORK/guests/amd64/$part.aarch64$end"
done

# on HOST COMMAND...: COMMAND of this file with the program for HOST, which has a cache of its own.
AMD64=$VMBUILD
on() {
    case $1 in
    amd64)
        VMBUILD=$AMD64
        USER_ENV=(VMBUILD_APPLIANCE="$TOP/build/appliance" XDG_CACHE_HOME="$WORK/cache-amd64")
        ;;
    arm64)
        VMBUILD=$WORK/emulated
        USER_ENV=(VMBUILD_APPLIANCE="$WORK/guests" XDG_CACHE_HOME="$WORK/cache-arm64")
        ;;
    esac
    "${@:2}"
}
cat > "$WORK/emulated" << END
#!/bin/sh
exec qemu-aarch64-static -L '$ROOT' '$PROGRAM' "\$@"
END
chmod 755 "$WORK/emulated"

# same NAME SPEC [OPTION...]: both build $WORK/SPEC.json, to the same file.
same() {
    local name=$1 spec=$2 host
    shift 2
    for host in amd64 arm64; do
        on $host build "$spec" "$@"
        exits 0 "$name, on $host"
        mv "$WORK/$spec.tar" "$WORK/$spec-$host.tar"
    done
    ok "$name: the same bytes" cmp "$WORK/$spec-amd64.tar" "$WORK/$spec-arm64.tar"
}

# --- layers without programs

mkdir -p "$WORK/files/etc"
seq 200000 > "$WORK/files/numbers"
head -c 600000 /dev/zero > "$WORK/files/zeros"
ln -s numbers "$WORK/files/link"
spec files << 'EOF2'
{"name": "files", "architecture": "arm64", "contents": "files", "config": {"Cmd": ["/bin/sh"]}}
EOF2
same "files" files
same "files, with zstd" files --compression zstd --format oci-archive
# Those of gzip differ, which README says; what is in them does not.
for host in amd64 arm64; do
    on $host build files --compression gzip --format oci-archive
    exits 0 "files, with gzip, on $host"
    cp "$WORK/out" "$WORK/id-$host"
done
is "files, with gzip: the same image ID" "$(cat "$WORK/id-arm64")" "$(cat "$WORK/id-amd64")"

# --- scripts in guests

for guest in arm64 amd64; do
    busybox=/bin/busybox
    [ $guest = amd64 ] || busybox=$TOP/build/arm64/sysroot/bin/busybox
    script_spec "$guest" "$(jq -n --arg base "$("$TOP/scripts/base-image.sh" busybox $guest "$busybox")" \
        '{name: "x", fromImage: $base, cpus: 2, contents: "files"}')" << 'EOF2'
uname -m > /machine
seq 10000 | sha256sum > /sum
chown 1000:1001 /machine
chmod 4711 /sum
EOF2
    same "a script in the guest for $guest" $guest
done
is "a script: where it ran" "$(file_of "$WORK/arm64-arm64.tar" machine)" aarch64
is "a script in the other guest: where it ran" "$(file_of "$WORK/amd64-arm64.tar" machine)" x86_64
# The second VM of its kind is saved.
on arm64 build arm64
exits 0 "the same again"
on arm64 build arm64 --verbose
exits 0 "the same once more"
unlike "the same once more: the guest does not boot" "$(cat "$WORK/err")" 'guest: .*Linux version'
ok "the same once more: the same bytes" cmp "$WORK/arm64.tar" "$WORK/arm64-amd64.tar"
on arm64 run doctor
like "doctor: QEMU" "$(cat "$WORK/out")" '^good  .*/qemu-system-aarch64: QEMU emulator version'
like "doctor: the other guest" "$(cat "$WORK/out")" "^good  amd64 .*$WORK/guests/amd64, .*/qemu-system-x86_64"
leaves_nothing "a program for arm64"

done_testing
