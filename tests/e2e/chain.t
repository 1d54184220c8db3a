#!/bin/bash
# Chains of images: the base disk of a link is made of the one below it. It is the same as one that
# is made of all layers at once, and takes the room of what differs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

REUSE=yes
USER_ENV=("XDG_CACHE_HOME=$WORK/cache")
DISKS=$WORK/cache/vmbuild/disks
# What a script can tell of a base disk: the order of its names, inodes, times and links.
LIST='cd image && find . | while read -r name; do
    echo "see $(stat -c "%n %i %f %u:%g %s %Y %Z %h" "$name")"; done'

# links BASE: four images, each of which changes what those below it made.
links() {
    jq -n --arg base "$1" --arg list "$LIST" '{images: {
        one: {fromImage: $base, runAsRoot: "mkdir -p /a/many /b/c; ln -s many /a/soft; echo x > /b/c/d
            for i in $(seq 400); do echo $i > /a/many/$i; done; ln /a/many/1 /hard; chown 7:8 /a/many/2"},
        two: {fromImage: {use: "one"}, runAsRoot: "rm /a/many/1 /a/many/2?; echo new > /a/many/new
            rm -r /b; echo file > /b"},
        three: {fromImage: {use: "two"}, runAsRoot: "rm -r /a/soft /b; mkdir -m 700 /b; echo hard >> /hard
            mv /a/many/new /b"},
        app: {fromImage: {use: "three"}, preMount: $list}}}'
}
# lists FILE: what the last run has listed.
lists() {
    sed -n 's/^app: see //p; s/^see //p' "$WORK/err" > "$WORK/$1"
    [ -s "$WORK/$1" ]
}
disks() {
    stat -c '%n %s' "$DISKS"/*
}
# lowest: the disk that takes the most room.
lowest() {
    stat -c '%b %n' "$DISKS"/* | sort -n | tail -n 1 | cut -d ' ' -f 2
}
rot() { python3 "$TOP/tests/rot.py" flip "$@"; }

# What is right: the last image on a disk that all layers were unpacked to at once.
spec chain < <(links "$(base busybox)")
run --spec chain.json three --compression none
exits 0 "all links but the last"
jq -n --arg list "$LIST" '{name: "app", fromImage: "three.tar", preMount: $list}' > "$WORK/alone.json"
run --spec alone.json --output right.tar --compression none --no-cache
exits 0 "a disk of all layers at once"
ok "a disk of all layers at once: what is seen" lists right

# right NAME [OPTION...]: builds the last link, which must be right.
right() {
    local name=$1
    shift
    run --spec chain.json --compression none --rebuild "$@"
    exits 0 "$name"
    ok "$name: what is seen" lists seen
    ok "$name: the same disk to scripts" cmp "$WORK/seen" "$WORK/right"
    ok "$name: the same image" cmp "$WORK/app.tar" "$WORK/right.tar"
}
right "disks over one another"
is "disks over one another: one for each base" "$(disks | wc -l)" 4

# --- what links see

like "a link sees what those below it did" "$(cat "$WORK/right")" '^\./a/many/3 .*'
unlike "a link sees what those below it did: removed" "$(cat "$WORK/right")" '^\./a/(many/1|many/25|soft) '
right "disks that are there"
is "disks that are there: no other" "$(disks | wc -l)" 4

# --- disks that are lost

rm -f "$(lowest)"
right "the lowest disk is lost"
right "the lowest disk was lost"
run cache prune
exits 0 "a chain that is pruned"
is "a chain that is pruned: no disks" "$(find "$DISKS" -type f | wc -l)" 0
right "a chain that was pruned" --rebuild=all
is "a chain that was pruned: a disk for each base" "$(disks | wc -l)" 4

# --- disks that are damaged

number=0
for disk in "$DISKS"/*; do
    rot "$disk"
    right "rotten disk $((++number))"
done

# rot_beginnings: of all file systems, which each mount reads.
rot_beginnings() {
    chmod -R u+w "$DISKS"
    for disk in "$DISKS"/*; do
        printf 'rotten' | dd of="$disk" bs=1 seek=1024 conv=notrunc status=none
    done
}
rot_beginnings
right "all disks are damaged"

# If the base can be read only once, a build cannot start again from the beginning.
jq '.fromImage = "-"' "$WORK/alone.json" > "$WORK/stdin.json"
rot_beginnings
INPUT=<(cat "$WORK/three.tar") run --spec stdin.json --output app.tar --compression none --rebuild
exits 0 "damaged disks for a base on standard input"
ok "damaged disks for a base on standard input: the same image" cmp "$WORK/app.tar" "$WORK/right.tar"

run cache verify
right "sound disks" --rebuild=all
rot "$(lowest)"
run cache verify
exits 1 "verification of a chain whose lowest disk is rotten"
is "verification of a chain whose lowest disk is rotten: that alone" \
    "$(grep -c 'is damaged, and is removed$' "$WORK/err")" 1
right "the disk that was verified is gone"
run cache verify
exits 0 "verification of a sound chain"

# --- builds that are killed

rm -f "$DISKS"/*
start --spec chain.json --compression none --rebuild=all --progress=json
wait_for has_said '"image":"three".*"stage":"unpack"'
mapfile -t pids < <(processes_left | cut -d ' ' -f 1)
kill -9 "${pids[@]}"
finish
exits 137 "a chain that is killed"
right "a chain that was killed"
right "all of a chain that was killed" --rebuild=all
is "all of a chain that was killed: a disk for each base" "$(disks | wc -l)" 4

# --- two builds at once

rm -f "$DISKS"/*
mkdir -m 777 "$WORK/other"
start --spec chain.json app --output other/app.tar --compression none --rebuild=all
STATUS=0
as_user "$VMBUILD" --spec chain.json --compression none --rebuild=all 2> "$WORK/err.other" || STATUS=$?
exits 0 "two chains at once: the first"
finish
exits 0 "two chains at once: the second"
ok "two chains at once: the same image" cmp "$WORK/app.tar" "$WORK/right.tar"
ok "two chains at once: the same image of both" cmp "$WORK/other/app.tar" "$WORK/right.tar"
is "two chains at once: a disk for each base" "$(disks | wc -l)" 4

# --- the room that links take

rm -f "$DISKS"/*
jq -n --arg base "$(base debian)" '{images: (reduce range(1; 6) as $i (
    {link0: {fromImage: $base, runAsRoot: "echo 0 > /0"}};
    .["link\($i)"] = {fromImage: {use: "link\($i - 1)"}, runAsRoot: "echo \($i) > /\($i)"}))}' \
    > "$WORK/links.json"
run --spec links.json --compression none
exits 0 "links with small scripts"
is "links with small scripts: a disk for each base" "$(disks | wc -l)" 6
mapfile -t room < <(du -k "$DISKS"/* | cut -f 1 | sort -nr)
ok "links with small scripts: their disks take little (${room[*]} KiB)" \
    test $(((room[1] + room[2] + room[3] + room[4] + room[5]) * 5)) -lt "${room[0]}"
done_testing
