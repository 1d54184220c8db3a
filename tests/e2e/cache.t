#!/bin/bash
# The cache: what it saves, and that no state of it breaks a build.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

cache=$WORK/cache
jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, runAsRoot: "echo made > /made"}' > "$WORK/job.json"

build job --cache-dir "$cache"
exits 0 "a cold cache"
expected=$(sha256sum < "$WORK/job.tar")
ok "the cache contains something" test -n "$(find "$cache" -type f -size +0)"

# rebuild NAME: builds the job, which must yield the same bytes.
rebuild() {
    rm -f "$WORK/job.tar"
    build job --cache-dir "$cache"
    exits 0 "$1"
    is "$1: the same bytes" "$(sha256sum < "$WORK/job.tar")" "$expected"
    leaves_nothing "$1"
}
rebuild "a warm cache"

# Damage, one file after another.
i=0
while read -r file; do
    [ "$i" -lt 12 ] || break
    i=$((i + 1))
    : > "$file"
    rebuild "the cache's ${file#"$cache"/} emptied"
done < <(find "$cache" -type f -size +0 | sort)

while read -r file; do
    size=$(stat -c %s "$file")
    truncate -s $((size / 2)) "$file"
    rebuild "the cache's ${file#"$cache"/} cut in half"
done < <(find "$cache" -type f -size +4k | sort)

find "$cache" -mindepth 1 -delete
rebuild "the cache emptied"

# Two builds on a cold cache at once.
rm -rf "$cache"
cp "$WORK/job.json" "$WORK/job2.json"
start --spec job2.json --output job2.tar --compression none --cache-dir "$cache"
second=$RUN_PID
rm -f "$WORK/job.tar"
STATUS=0
as_user "$VMBUILD" --spec job.json --output job.tar --compression none --cache-dir "$cache" \
    2> "$WORK/err.other" || STATUS=$?
exits 0 "two builds at once: the first"
RUN_PID=$second
finish
exits 0 "two builds at once: the second"
like "two builds at once: one reports that it waits" "$(cat "$WORK/err" "$WORK/err.other")" \
    "^vmbuild: waiting for another vmbuild to create the cache entry 'disks/"
is "two builds at once: the same bytes" "$(sha256sum < "$WORK/job.tar") $(sha256sum < "$WORK/job2.tar")" \
    "$expected $expected"

# A cache that cannot be written.
mkdir "$WORK/locked"
chmod 555 "$WORK/locked"
[ "$(id -u)" -ne 0 ] || chown 0:0 "$WORK/locked"
build job --cache-dir "$WORK/locked/cache"
exits 1 "a cache that cannot be made"
says "a cache that cannot be made: which" "^vmbuild: .*$WORK/locked/cache"

# No place for the default one: every command works without it, and says so in one line.
mkdir "$WORK/home" "$WORK/read-only" "$WORK/read-only/vmbuild"
as_user "$VMBUILD" --spec job.json -o job.tar --cache-dir "$WORK/home/.cache/vmbuild" 2> "$WORK/err"
find "$WORK/home" -type d -exec chmod 555 {} +
chmod 555 "$WORK/read-only"
[ "$(id -u)" -ne 0 ] || chown 0:0 "$WORK/read-only" "$WORK/read-only/vmbuild"
for place in "-u HOME" HOME= HOME=/ "HOME=$WORK/read-only" "HOME=$WORK/home" HOME=/dev/null \
    "XDG_CACHE_HOME=$WORK/read-only"; do
    read -r -a words <<< "$place"
    for arguments in "--spec job.json -o without.tar" "inspect job.tar" "export job.tar -o export.tar" \
        "copy job.tar oci:layout" doctor "cache list" "cache prune"; do
        [ "$place" = HOME=/ ] || [ "$arguments" != doctor ] || continue
        name="$place: ${arguments%% *}"
        read -r -a arguments <<< "$arguments"
        rm -rf "$WORK/without.tar" "$WORK/layout" "$WORK/export.tar"
        STATUS=0
        as_user env -u XDG_CACHE_HOME "${words[@]}" "$VMBUILD" "${arguments[@]}" > "$WORK/out" 2> "$WORK/err" ||
            STATUS=$?
        exits 0 "$name"
        is "$name: one line" "$(grep -c '^vmbuild: working without a cache: ' "$WORK/err")" 1
        [ "${arguments[0]}" != --spec ] ||
            is "$name: the same bytes" "$(sha256sum < "$WORK/without.tar")" "$expected"
        [ "${arguments[0]}" != doctor ] ||
            like "$name: the cache is weak" "$(cat "$WORK/out")" "^weak *cache *none"
        leaves_nothing "$name"
    done
done
ok "HOME=/: nothing was made there" test ! -e /.cache/vmbuild
find "$WORK/home" "$WORK/read-only" -type d -exec chmod 755 {} +
run cache path
exits 0 "cache path"
like "cache path: the default" "$(cat "$WORK/out")" "^$CACHE/vmbuild$"

# What the manual says to keep between the jobs of a runner is enough to unpack nothing.
kept=$WORK/kept
as_user mkdir -p "$kept"
ok "the cache is packed and unpacked elsewhere" as_user sh -c \
    'tar -C "$1" -cf - blobs disks facts | tar -C "$2" -xf -' sh "$cache" "$kept"
rm -f "$WORK/job.tar"
as_user cp "$(base busybox)" elsewhere.tar
jq '.fromImage = "elsewhere.tar"' "$WORK/job.json" > "$WORK/job2.json"
run --spec job2.json --output job2.tar --compression none --cache-dir "$kept" --progress=json
exits 0 "a cache that was kept"
is "a cache that was kept: the same bytes" "$(sha256sum < "$WORK/job2.tar")" "$expected"
is "a cache that was kept: nothing is unpacked" "$(grep -c '"stage":"unpack"' "$WORK/err")" 0

# An input that changes is read again, though its name and size stay.
cp "$(base busybox)" "$WORK/base.tar"
script_spec changing '{"name": "x", "fromImage": "base.tar"}' <<< 'true'
build changing --cache-dir "$cache"
exits 0 "a base"
first=$(config "$WORK/changing.tar" '.rootfs.diff_ids[0]')
image make "$WORK/base.tar" <<END
{"layers": [[{"path": "bin/sh", "mode": "755", "hex": "$(xxd -p < /bin/busybox | tr -d '\n')"}]]}
END
build changing --cache-dir "$cache"
exits 0 "another base of the same name"
ok "another base of the same name: it is read again" \
    test "$(config "$WORK/changing.tar" '.rootfs.diff_ids[0]')" != "$first"

run cache path --cache-dir "$cache"
exits 0 "cache path"
is "cache path: the directory" "$(cat "$WORK/out")" "$cache"
run cache list --cache-dir "$cache"
exits 0 "cache list"
like "cache list: base disks and layers" "$(cat "$WORK/out")" 'disk'
run cache prune --cache-dir "$cache"
exits 0 "cache prune"
rebuild "after pruning"

done_testing
