#!/bin/bash
# VMs that resume from a saved state: when one is made, that it gives the same image, and that a bad
# one does no harm.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

snapshots=$WORK/cache/snapshots

# build_with CACHE NAME [OPTION...]: builds; `resumed` then tells whether the VM resumed.
build_with() {
    local cache=$1 name=$2
    shift 2
    rm -f "$WORK/$name.tar"
    run --cache-dir "$cache" --spec "$name.json" --output "$name.tar" --compression none --verbose "$@"
}
resumed() { grep -q -- '-incoming defer' "$WORK/err"; }
booted() { ! resumed; }
count() { find "$snapshots" -type f | wc -l; }
sum() { sha256sum < "$WORK/$1.tar"; }

as_user mkdir "$WORK/cache" "$WORK/share"
as_user sh -c "echo shared > '$WORK/share/file'"
as_user touch -d '1 hour ago' "$WORK/share/file"
jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base,
    runAsRoot: "times=$(stat -c \"%X %Y %Z\" /); echo \"$times\" > /root-times; echo hello > /file; cat /proc/cmdline /proc/cpuinfo /proc/partitions /proc/mounts /proc/devices > /proc-files; awk \"{print \\$1, \\$2, \\$3}\" /proc/diskstats > /diskstats; ls -l /sys/block > /disks; ls -ln /dev > /devices"}' > "$WORK/job.json"

sleep 3 # an appliance that was just installed is not known by its times yet

# User-Mode Linux saves no state: each VM boots.
if under_uml; then
    for build in first second third; do
        build_with "$WORK/cache" job
        exits 0 "the $build build"
        mv "$WORK/job.tar" "$WORK/$build.tar"
    done
    for build in second third; do
        is "the $build build: the same bytes" "$(sum $build)" "$(sum first)"
    done
    is "no state is saved" "$(count 2> /dev/null)" 0
    done_testing
    exit
fi

# The first VM on a base boots, the second is saved, and it and all others resume.
build_with "$WORK/cache" job
exits 0 "the first build"
ok "the first VM boots" booted
is "the first VM is not saved" "$(count)" 0
first=$(sum job)
build_with "$WORK/cache" job
exits 0 "the second build"
ok "the second VM resumes" resumed
is "one state is saved" "$(count)" 1
is "the second build: the same bytes" "$(sum job)" "$first"
build_with "$WORK/cache" job
exits 0 "the third build"
ok "the third VM resumes" resumed
is "the third build: the same bytes" "$(sum job)" "$first"
is "still one state" "$(count)" 1

# What two guests must not share, although the saved one had it.
jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base,
    runAsRoot: "cat /proc/sys/kernel/random/uuid > /uuid; head -c 32 /dev/urandom | sha256sum > /random"}' > "$WORK/random.json"
build_with "$WORK/cache" random
ok "a VM with random numbers resumes" resumed
one=$(file_of "$WORK/random.tar" uuid; file_of "$WORK/random.tar" random)
build_with "$WORK/cache" random
ok "and again" resumed
other=$(file_of "$WORK/random.tar" uuid; file_of "$WORK/random.tar" random)
ok "each VM has its own randomness" test "$other" != "$one"

# Devices that the saved machine did not have.
jq -n --arg base "$(base busybox)" --arg share "$WORK/share" '{name: "x", fromImage: $base, network: true,
    shares: [{source: $share, target: "/share"}],
    runAsRoot: "cp /share/file /copy; ip address show > /addresses"}' > "$WORK/devices.json"
build_with "$WORK/cache" devices
exits 0 "a share and the network"
ok "a share and the network: the VM resumes" resumed
is "a share is there" "$(file_of "$WORK/devices.tar" copy)" shared
like "the network is there" "$(file_of "$WORK/devices.tar" addresses)" 'inet 10\.0\.2\.15/24'

# A new base is unpacked by a VM without a base: the second such VM is saved.
jq --arg base "$(base debian)" '.fromImage = $base' "$WORK/job.json" > "$WORK/cold.json"
build_with "$WORK/cache" cold
exits 0 "a new base"
ok "a new base: the VM resumes" resumed
cold=$(sum cold)
build_with "$WORK/cache" cold --no-cache
exits 0 "a new base without a cache"
ok "without a cache the VM boots" booted
is "a new base: the same bytes as without a cache" "$(sum cold)" "$cold"
is "a new base: a second state" "$(count)" 2
build_with "$WORK/cache" job
ok "the previous base: its state is still there" resumed
is "the previous base: the same bytes" "$(sum job)" "$first"

# A recreated base disk has its tree in other places, so it has another state.
disk=$(find "$WORK/cache/disks" -type f -printf '%s %p\n' | sort -n | head -n 1 | cut -d ' ' -f 2-)
as_user rm -f "$disk"
build_with "$WORK/cache" job
exits 0 "a recreated base disk"
is "a recreated base disk: no state for it yet" "$(count)" 2
is "a recreated base disk: the same bytes" "$(sum job)" "$first"
build_with "$WORK/cache" job
ok "on the new base disk the second VM resumes" resumed
is "on the new base disk: a separate state" "$(count)" 3
is "on the new base disk: the same bytes" "$(sum job)" "$first"

# Another machine has another state.
build_with "$WORK/cache" job --cpus 2
two=$(sum job)
for i in second third; do
    build_with "$WORK/cache" job --cpus 2
    exits 0 "two CPUs, $i build"
    is "two CPUs, $i build: the same bytes" "$(sum job)" "$two"
done
ok "two CPUs: the third VM resumes" resumed
is "two CPUs: one more state" "$(count)" 4
build_with "$WORK/cache" job
ok "one CPU: its state is still there" resumed
is "one CPU: the same bytes" "$(sum job)" "$first"

# Of several builds at once that find no state, one creates it.
run cache prune --cache-dir "$WORK/cache"
build_with "$WORK/cache" job # the base disk
pids=()
for i in 1 2 3; do
    become_user "$VMBUILD" --cache-dir "$WORK/cache" --spec job.json --output "at-once$i.tar" --compression none \
        --verbose > /dev/null 2> "$WORK/at-once$i" < /dev/null &
    pids+=($!)
done
for i in 1 2 3; do
    STATUS=0
    wait "${pids[i - 1]}" || STATUS=$?
    exits 0 "at once, build $i"
    is "at once, build $i: the same bytes" "$(sum "at-once$i")" "$first"
done
is "at once: all resume" "$(cat "$WORK"/at-once[123] | grep -c -- '-incoming defer')" 3
is "at once: one is saved" "$(cat "$WORK"/at-once[123] | grep -c -- 'chardev=monitor,mode=control')" 4

# Damaged states: two that the store notices, and one that it does not.
for state in "$snapshots"/*; do
    as_user sh -c "chmod u+w '$state' && truncate -s 1000000 '$state'"
done
build_with "$WORK/cache" job
exits 0 "a truncated state"
is "a truncated state: the same bytes" "$(sum job)" "$first"
build_with "$WORK/cache" job
ok "a truncated state was recreated" resumed
state=$(find "$snapshots" -type f -size +2M)
middle=$(($(stat -c %s "$state") / 1000000 - 10)) # the state, behind the disk, has some 35 MB
as_user sh -c "chmod u+w '$state' && dd if=/dev/zero of='$state' bs=1000000 seek=$middle count=1 conv=notrunc status=none &&
    touch -d @1 '$state' && chmod a-w '$state'"
build_with "$WORK/cache" job
exits 0 "a rotten state"
says "a rotten state: the user is told" "^vmbuild: the cache entry 'snapshots/.*' is damaged, and is removed\$"
is "a rotten state: the same bytes" "$(sum job)" "$first"
build_with "$WORK/cache" job
ok "a rotten state was recreated" resumed

# A state of zeros whose facts, which then have no checksums of blocks, match it.
state=$(find "$snapshots" -type f -size +2M)
name=snapshots/$(basename "$state")
size=$(stat -c %s "$state")
as_user sh -c "chmod u+w '$state' && truncate -s 0 '$state' && truncate -s $size '$state' && chmod a-w '$state'"
facts="$size $(printf '%016x' 0)"
as_user sh -c "echo '$facts $(printf %s "$name $facts" | sha256sum | cut -d ' ' -f 1)' > '$WORK/cache/facts/${name/\//-}'"
build_with "$WORK/cache" job
exits 0 "a state that QEMU refuses"
is "a state that QEMU refuses: the same bytes" "$(sum job)" "$first"
says "a state that QEMU refuses: the reason is shown with -v" 'the VM could not resume, and boots'
build_with "$WORK/cache" job
ok "it is not tried again" booted
exits 0 "the build after it"

# Pruning removes states, too.
run cache prune --cache-dir "$WORK/cache"
exits 0 "cache prune"
is "cache prune removes states" "$(count)" 0

done_testing
