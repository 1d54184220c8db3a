#!/bin/bash
# VMs that do not start or do not last: exit code 4, the end of the guest's console, nothing left.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

on_busybox=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 60}')
# Without the time limit, which a loaded machine could reach first.
lasting=$(jq 'del(.timeout)' <<< "$on_busybox")
script_spec job "$on_busybox" <<< 'true'

# --- QEMU is missing
USER_ENV=(VMBUILD_QEMU=/no/such/qemu)
build_script job "$on_busybox" <<< 'true'
if under_uml; then
    exits 0 "QEMU is missing, and not needed"
else
    exits 4 "QEMU is missing"
    says "QEMU is missing: the message" '^vmbuild: .*/no/such/qemu'
    leaves_nothing "QEMU is missing" "$WORK/job.tar"
fi

# As on a machine on which it is not installed at all.
mkdir "$WORK/bin"
for program in sh env; do ln -s "$(command -v $program)" "$WORK/bin/"; done
USER_ENV=(PATH="$WORK/bin")
build job
ok "QEMU is not on the PATH: found all the same, or exit code 4" test "$STATUS" -eq 4 -o "$STATUS" -eq 0

if [ "$(id -u)" -eq 0 ]; then
    USER_ENV=(TMPDIR=)
    HIDDEN=/var/tmp
    build job
    HIDDEN=
    exits 0 "no TMPDIR, and nothing to write to in /var/tmp"
else
    skip "no TMPDIR, and nothing to write to in /var/tmp" "it needs root"
fi

# What a release brings along comes first, wherever it lies.
release="$WORK/a release: größer, with a long name that libguestfs has no room for, and for which it gets another one"
mkdir -p "$release/bin" "$release/lib/vmbuild"
cp "$VMBUILD" "$release/bin/vmbuild"
cp "$(dirname "$VMBUILD")"/../lib/vmbuild/*.x86_64* "$release/lib/vmbuild/"
printf '#!/bin/sh\nexec qemu-system-x86_64 "$@"\n' > "$release/lib/vmbuild/qemu-system-x86_64"
chmod -R a+rX "$release"
chmod 755 "$release/lib/vmbuild/qemu-system-x86_64"
installed=$VMBUILD VMBUILD=$release/bin/vmbuild
USER_ENV=()
build job
exits 0 "a release"
run doctor
is "a release: its own QEMU and appliance" "$(grep -cF "$release/lib/vmbuild" "$WORK/out")" 2
rm -r "$release"
VMBUILD=$installed

if ! under_uml; then
    printf '#!/bin/sh\nexit 1\n' > "$WORK/qemu"
    chmod 755 "$WORK/qemu"
    USER_ENV=(VMBUILD_QEMU="$WORK/qemu")
    rm -f "$WORK/job.tar"
    build job
    exits 4 "QEMU exits immediately"
    leaves_nothing "QEMU exits immediately" "$WORK/job.tar"
fi

# --- The appliance is missing or broken
mkdir "$WORK/empty"
USER_ENV=(VMBUILD_APPLIANCE="$WORK/empty")
rm -f "$WORK/job.tar"
build job
exits 4 "the appliance is missing"
says "the appliance is missing: where it was looked for" "^vmbuild: .*$WORK/empty"
leaves_nothing "the appliance is missing" "$WORK/job.tar"

# Not a kernel: QEMU itself complains, or the VM never reports.
mkdir "$WORK/broken"
head -c 1000000 /dev/zero | tee "$WORK/broken/vmlinuz.x86_64" > "$WORK/broken/linux.x86_64"
head -c 1000 /dev/zero > "$WORK/broken/initramfs.x86_64.img"
chmod 755 "$WORK/broken/linux.x86_64"
USER_ENV=(VMBUILD_APPLIANCE="$WORK/broken")
build job
exits 4 "the appliance is broken"
leaves_nothing "the appliance is broken" "$WORK/job.tar"

# An initramfs without init: the kernel panics, and its last lines are shown.
appliance=$(dirname "$VMBUILD")/../lib/vmbuild
cp "$appliance/vmlinuz.x86_64" "$WORK/broken/"
[ ! -e "$appliance/linux.x86_64" ] || cp "$appliance/linux.x86_64" "$WORK/broken/"
USER_ENV=(VMBUILD_APPLIANCE="$WORK/broken")
build job
exits 4 "the guest has no init"
says "the guest has no init: the console's last lines" 'Kernel panic'
leaves_nothing "the guest has no init" "$WORK/job.tar"
USER_ENV=()

# --- No KVM
build job --accel kvm
exits 4 "--accel kvm without KVM"
says "--accel kvm without KVM: why" '^vmbuild: .*(/dev/kvm|KVM)'
leaves_nothing "--accel kvm without KVM" "$WORK/job.tar"

# --- QEMU is killed
# Killed in the middle of a script.
script_spec killed "$lasting" <<< 'echo started; sleep 1000'
start --spec killed.json --output killed.tar --compression none
wait_for has_said '^started'
pid=$(machines | head -n 1)
ok "QEMU runs" test -n "$pid"
ok "QEMU runs under its seccomp sandbox" grep -qE '^Seccomp:\s*2' "/proc/$pid/status"
ok "QEMU has no privileges" grep -qE '^CapEff:\s*0+$' "/proc/$pid/status"
kill -9 "$pid"
finish
exits 4 "QEMU is killed in the middle of a script"
says "QEMU is killed: the message" '^vmbuild: .*'
unlike "QEMU is killed: nothing of the guest's console, which is empty" "$(cat "$WORK/err")" '[Cc]onsole'
leaves_nothing "QEMU is killed" "$WORK/killed.tar"

# --- A full host disk
# The scratch disk's and the new base disk's file system, at each stage, for each way to start a VM.
# on_small SIZE COMMAND...: with a TMPDIR of SIZE.
on_small() {
    mount -t tmpfs -o "size=$1,mode=777" none "$WORK/small" || return
    shift
    "$@"
    umount "$WORK/small"
}

# free_of DIR: the blocks that an unprivileged user can still write.
free_of() {
    stat -f -c %a "$1"
}

# is_full CODE NAME: the file system is named, with its mount point and what it has free.
is_full() {
    exits 6 "$1"
    says "$1: the host's file system" \
        "^vmbuild: .*$WORK/small.*: No space left on device; .* mounted on '$WORK/small' has .* free of "
    says "$1: the advice" '^vmbuild: .*TMPDIR'
    leaves_nothing "$1" "$WORK/job.tar"
    is "$1: TMPDIR is empty" "$(ls -A "$WORK/small")" ''
}

fill_disk() {
    local start=
    start --spec job.json --output job.tar
    while [ "$(free_of "$WORK/small")" -ne 0 ] && kill -0 "$RUN_PID" 2> /dev/null; do
        sleep 0.05
    done
    start=$SECONDS
    finish
    is_full "$1"
    ok "$1: the script's end is not waited for ($((SECONDS - start)) s)" test $((SECONDS - start)) -lt 600
}

refuse_unpack() {
    build_script job "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base}')" <<< 'true'
    is_full "no room for the base image"
}

refuse_restore() {
    local -a saved=("$CACHE"/vmbuild/snapshots/*)
    build_script job "$on_busybox" <<< 'true'
    is_full "no room to restore a saved VM"
    is "no room to restore a saved VM: it is kept" "$(echo "$CACHE"/vmbuild/snapshots/*)" "${saved[*]}"
}

if [ "$(id -u)" -eq 0 ]; then
    # The machine boots, then is saved, then resumes.
    CACHE=$WORK/cache
    mkdir "$WORK/small"
    script_spec job "$lasting" <<< 'dd if=/dev/zero of=/large bs=1M count=200; sync; sleep 1000'
    USER_ENV=(TMPDIR="$WORK/small")
    on_small 40m fill_disk "a script fills the host's disk"
    on_small 40m fill_disk "a script fills the host's disk, once more"
    on_small 40m fill_disk "a script fills the host's disk, in a VM that resumed"
    script_spec job "$lasting" <<< '(while :; do :; done) & dd if=/dev/zero of=/a bs=1M count=25; sleep 1; sync
        dd if=/dev/zero of=/b bs=1M count=25; sync; sleep 1000'
    on_small 40m fill_disk "a process in the background does not matter"
    on_small 20m refuse_unpack
    if ! under_uml; then
        ok "a VM has been saved" compgen -G "$CACHE/vmbuild/snapshots/*"
        on_small 16k refuse_restore
    fi

    # The cache is full when the VM is saved: that is not a reason to fail, nor never to try again.
    USER_ENV=(XDG_CACHE_HOME="$WORK/small")
    save_on_full_cache() {
        build_script job "$on_busybox" <<< 'true'
        exits 0 "the cache is nearly full"
        build job
        exits 0 "the cache is too full to save the VM"
        says "the cache is too full to save the VM: the file system" \
            "^vmbuild: .*not be saved .* mounted on '$WORK/small' has "
        is "the cache is too full to save the VM: nothing is kept" "$(ls "$WORK/small/vmbuild/snapshots")" ''
        mount -o remount,size=200m "$WORK/small"
        build job
        exits 0 "the cache has room again"
        unlike "the cache has room again: no message" "$(cat "$WORK/err")" 'not be saved'
        ok "the cache has room again: the VM is saved" compgen -G "$WORK/small/vmbuild/snapshots/*"
    }
    under_uml || on_small 20m save_on_full_cache

    # A full disk of the guest's is not one of the host's.
    USER_ENV=(TMPDIR="$WORK/small")
    fill_guest() {
        build_script job "$(jq '.diskSize = 64' <<< "$on_busybox")" <<< 'dd if=/dev/zero of=/large bs=1M count=200'
        exits 6 "a script fills the guest's disk"
        says "a script fills the guest's disk: the advice" 'raise "diskSize"'
        unlike "a script fills the guest's disk: not the host's" "$(cat "$WORK/err")" "$WORK/small"
    }
    on_small 400m fill_guest
    USER_ENV=()
else
    skip "a full host disk" "mount needs root"
fi

# Quotas, limits and broken disks.
rm -f "$WORK/job.tar"
# fault ERROR: a QEMU whose disks fail so. It may read what is in its own directory.
fault() {
    printf '#!/bin/sh\nLD_PRELOAD=%s WRITE_FAULT_BYTES=30000000 WRITE_FAULT=%s exec qemu-system-x86_64 "$@"\n' \
        "$WORK/fault/write-fault.so" "$1" > "$WORK/fault/qemu"
    chmod 755 "$WORK/fault/qemu"
    USER_ENV=(VMBUILD_QEMU="$WORK/fault/qemu")
}

mkdir "$WORK/fault"
if under_uml; then
    : # Its kernel is static: nothing can be loaded into it. uml/uml.t has what a full disk does.
elif ${CC:-gcc} -D_GNU_SOURCE -shared -fPIC -o "$WORK/fault/write-fault.so" "$TOP/tests/write_fault.c" 2> "$WORK/cc.log"; then
    chmod 755 "$WORK/fault/write-fault.so"
    script_spec job "$lasting" <<< 'dd if=/dev/zero of=/large bs=1M count=100; sync; sleep 1000'
    fault 122
    build job
    exits 6 "the user's quota is used up"
    says "the user's quota is used up: the message" "^vmbuild: run script .*'.*tmp/.*': Disk quota exceeded; .* mounted on '/"
    leaves_nothing "the user's quota is used up" "$WORK/job.tar"
    fault 5
    build job
    exits 1 "the host's disk is broken"
    says "the host's disk is broken: the message" "^vmbuild: run script .*failed to write .*: Input/output error$"
    leaves_nothing "the host's disk is broken" "$WORK/job.tar"
    fault 27
    build job
    exits 6 "a limit on the size of files"
    says "a limit on the size of files: the advice" 'ulimit -f'
    USER_ENV=()
else
    fail "the host's disk is broken" "$(cat "$WORK/cc.log")"
fi

# --- KVM that does not work
# A KVM that opens and creates VMs but never gets anywhere, as nested ones may; or that takes its time.
# can_use_kvm DOES: a QEMU that can use it, says so on the console, and then does DOES, for which it runs under TCG.
can_use_kvm() {
    mkdir -p "$WORK/stand-in"
    cat > "$WORK/stand-in/qemu" << END
#!/bin/bash
args=("\$@")
case \$* in
*-qmp*) # libguestfs' question whether there is KVM
    qemu-system-x86_64 "\$@" | sed 's/"enabled": false/"enabled": true/'
    exit
    ;;
*accel=kvm:* | *accel=tcg* | *-help*) exec qemu-system-x86_64 "\$@" ;;
esac
for i in "\${!args[@]}"; do
    case \${args[i]} in
    *accel=kvm*) args[i]=\${args[i]/accel=kvm/accel=tcg} ;;
    host) args[i]=max,la57=off ;;
    esac
done
echo 'stand-in: under KVM' >&2
$1
END
    chmod 755 "$WORK/stand-in/qemu"
    rm -f "$WORK/job.tar"
}

# uses_kvm NAME: it has.
uses_kvm() {
    says "$1: KVM is used" '^vmbuild: guest: stand-in: under KVM'
}

# fails_under_kvm DOES NAME MESSAGE: TCG takes over, unless KVM was requested.
fails_under_kvm() {
    can_use_kvm "$1"
    build job -v
    exits 0 "$2"
    uses_kvm "$2"
    build job
    exits 0 "$2, for the second time"
    is "$2: one line reports it" "$(grep -c 'KVM' "$WORK/err")" 1
    says "$2: why" "^vmbuild: start the VM under KVM: .*$3.*; trying TCG, which is slower$"
    leaves_nothing "$2"
}

if under_uml; then
    : # It takes no KVM's place.
elif ${CC:-gcc} -D_GNU_SOURCE -shared -fPIC -o "$WORK/kvm.so" "$TOP/tests/kvm_stand_in.c" 2> "$WORK/cc.log"; then
    chmod 755 "$WORK/kvm.so"
    USER_ENV=(LD_PRELOAD="$WORK/kvm.so")
    build_script job "$on_busybox" <<< 'true'
    exits 0 "a KVM that hangs"
    is "a KVM that hangs: one line reports it" "$(grep -c 'KVM' "$WORK/err")" 1
    build job --accel kvm
    exits 4 "a KVM that hangs, requested with --accel"

    USER_ENV=(VMBUILD_QEMU="$WORK/stand-in/qemu" LD_PRELOAD="$WORK/kvm.so" KVM_STAND_IN_MS=0)
    # shellcheck disable=SC2016 # for the stand-in
    can_use_kvm 'exec qemu-system-x86_64 "${args[@]}"'
    build job -v
    exits 0 "a KVM that works"
    uses_kvm "a KVM that works"
    build job
    unlike "a KVM that works: no message" "$(cat "$WORK/err")" 'KVM|TCG'
    # What libguestfs remembers from when the user was not allowed to use KVM does not count.
    fact=$(echo "$CACHE"/vmbuild/qemu-*-"$(stat -L -c %Y "$WORK/stand-in/qemu")"/.guestfs-*/*.query-kvm)
    ok "what libguestfs remembers of KVM" sed -i 's/"enabled": true/"enabled": false/' "$fact"
    build job -v --accel kvm
    exits 0 "KVM that did not work before"
    uses_kvm "KVM that did not work before"
    USER_ENV=(VMBUILD_QEMU="$WORK/stand-in/qemu" LD_PRELOAD="$WORK/kvm.so" KVM_STAND_IN_MS=700)
    build job -v
    exits 0 "a KVM that works on a loaded host"
    uses_kvm "a KVM that works on a loaded host"
    USER_ENV=(VMBUILD_QEMU="$WORK/stand-in/qemu" LD_PRELOAD="$WORK/kvm.so" KVM_STAND_IN_MS=2500)
    build job -v --accel kvm
    exits 0 "a KVM that is slow, and requested with --accel"
    uses_kvm "a KVM that is slow, and requested with --accel"

    USER_ENV=(VMBUILD_QEMU="$WORK/stand-in/qemu" LD_PRELOAD="$WORK/kvm.so" KVM_STAND_IN_MS=0)
    fails_under_kvm 'echo "ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory" >&2; exit 1' \
        "QEMU has no memory for KVM" '\(ioctl\(KVM_CREATE_VM\) failed: 12 Cannot allocate memory\)'
    build job --accel kvm
    exits 4 "QEMU has no memory for KVM, which is requested"
    says "QEMU has no memory for KVM, which is requested: the advice" '^vmbuild: use --accel auto or tcg$'
    says "QEMU has no memory for KVM, which is requested: the console" 'Cannot allocate memory'
    # shellcheck disable=SC2016 # for the stand-in
    fails_under_kvm 'echo "error: failed to set MSR 0x38f to 0x7000000ff" >&2; kill -ABRT $$' \
        "KVM refuses a register" '\(error: failed to set MSR 0x38f to 0x7000000ff\)'
    # shellcheck disable=SC2016 # for the stand-in
    fails_under_kvm 'exec qemu-system-x86_64 "${args[@]}" -append "rdinit=/none panic=-1 quiet"' \
        "the guest's processor is reset under KVM" ''
    fails_under_kvm 'sleep 1000' "QEMU does nothing under KVM" 'did not report within (3[0-9]|[4-9][0-9]|[0-9]{3}) seconds'
    USER_ENV=()
else
    fail "a KVM that hangs" "$(cat "$WORK/cc.log")"
fi

# --- The environment
# The user's environment variables for libguestfs must not matter.
USER_ENV=(LIBGUESTFS_BACKEND=libvirt LIBGUESTFS_PATH=/nowhere LIBGUESTFS_MEMSIZE=1
    LIBGUESTFS_HV=/nowhere LIBGUESTFS_APPEND=panic=0 LIBGUESTFS_BACKEND_SETTINGS=force_kvm
    LIBGUESTFS_CACHEDIR=/nowhere LIBGUESTFS_TMPDIR=/nowhere)
build_script job "$on_busybox" <<< 'true'
exits 0 "libguestfs' environment variables do not matter"
USER_ENV=()

mkdir -p "$WORK/tmp/$(printf 'long%.0s' {1..40})"
[ "$(id -u)" -ne 0 ] || chown $NOBODY "$WORK/tmp"/long*
USER_ENV=(TMPDIR="$WORK/tmp/$(printf 'long%.0s' {1..40})")
build job
exits 0 "a TMPDIR longer than a socket's name can be"
USER_ENV=()
rm -r "$WORK/tmp"/long*

done_testing
