#!/bin/bash
# A cache whose bytes have changed by themselves: the right output or an error, never a wrong output.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need jq docker-registry skopeo curl python3

cache=$WORK/cache
# Without what libguestfs keeps there.
files() {
    (cd "$cache" && find "$@" -type f -size +0 -regex '.*/\(blobs\|disks\|snapshots\|facts\|records\)/.*' | sort)
}
rot() { python3 "$TOP/tests/rot.py" "$@"; }
sum() { sha256sum < "$WORK/$1" | cut -d ' ' -f 1; }
damaged='^vmbuild: the cache entry .* is damaged, and is removed$'

jq -n --arg base "$(base busybox)" \
    '{name: "x", fromImage: $base, runAsRoot: "cat /bin/busybox | sha256sum > /sum; ls -l /bin > /list"}' \
    > "$WORK/job.json"
sleep 3 # an appliance that was just installed is not known by its times yet

# rebuild NAME: builds the job, which must yield the same bytes.
rebuild() {
    rm -f "$WORK/job.tar"
    build job --cache-dir "$cache" --memory 256
    exits 0 "$1"
    is "$1: the same bytes" "$(sum job.tar)" "$expected"
    leaves_nothing "$1"
}
build job --cache-dir "$cache" --memory 256
exits 0 "a cold cache"
expected=$(sum job.tar)
rebuild "a warm cache"
rebuild "a warm cache with a saved VM"
kinds="blobs disks facts records snapshots "
! under_uml || kinds=${kinds/snapshots /}
is "what the cache holds" "$(files . | cut -d / -f 2 | sort -u | tr '\n' ' ')" "$kinds"
run cache verify --cache-dir "$cache"
exits 0 "verification of a sound cache"
like "verification of a sound cache: the sum" "$(cat "$WORK/out")" "entries checked, 0 damaged, in $cache\$"

# --- builds: each kind of entry
for kind in $kinds; do
    told=
    mapfile -t chosen < <(files "./$kind")
    for file in "${chosen[@]}"; do
        rot flip "$cache/$file"
        rebuild "flipped bytes in ${file:0:40}"
        told+=$(cat "$WORK/err")$'\n'
    done
    case $kind in
        blobs | disks | snapshots) like "flipped bytes in $kind: the user is told" "$told" "$damaged" ;;
    esac
    rebuild "the build after flipped bytes in $kind"
done

# --- builds: everything at once
mapfile -t chosen < <(files . | sed "s|^|$cache/|")
rot flip "${chosen[@]}"
rebuild "flipped bytes everywhere"
rebuild "the build after flipped bytes everywhere"
rebuild "the second build after flipped bytes everywhere"

# --- builds: a spec that can be read only once
mapfile -t chosen < <(files ./disks | sed "s|^|$cache/|")
rot flip "${chosen[@]}"
INPUT=<(cat "$WORK/job.json") run --spec - --output job.tar --compression none --cache-dir "$cache" --memory 256
exits 0 "a spec from a pipe, and a rotten disk"
says "a spec from a pipe, and a rotten disk: the user is told" "$damaged"
is "a spec from a pipe, and a rotten disk: the same bytes" "$(sum job.tar)" "$expected"

# --- builds: only the new layer
run --spec job.json --output layer --format layer --cache-dir "$cache" --memory 256
exits 0 "the new layer alone"
layer=$(sum layer/layer.tar)
mapfile -t chosen < <(files ./disks ./blobs | sed "s|^|$cache/|")
rot flip "${chosen[@]}"
run --spec job.json --output layer --format layer --cache-dir "$cache" --memory 256
exits 0 "the new layer alone, of rotten bases"
is "the new layer alone, of rotten bases: the same bytes" "$(sum layer/layer.tar)" "$layer"

# --- entries that have changed places
image make "$WORK/other-base.tar" << END
{"layers": [[{"path": "bin/sh", "mode": "755", "hex": "$(xxd -p < /bin/busybox | tr -d '\n')"},
             {"path": "other", "data": "other"}]]}
END
jq '.fromImage = "other-base.tar" | .runAsRoot = "echo made > /made"' "$WORK/job.json" > "$WORK/other.json"
sleep 3 # nor is this archive
build other --cache-dir "$cache" --memory 256
other=$(sum other.tar)
for kind in disks blobs records/inputs; do
    mapfile -t chosen < <(files "./$kind")
    ok "there are two of $kind" test "${#chosen[@]}" -ge 2
    rot swap "$cache/${chosen[0]}" "$cache/${chosen[1]}"
    rebuild "exchanged $kind"
    build other --cache-dir "$cache" --memory 256
    exits 0 "exchanged $kind, the other"
    is "exchanged $kind, the other: the same bytes" "$(sum other.tar)" "$other"
done

# --- something else in place of an entry
blob=$(files ./blobs | head -n 1)
as_user sh -c "rm -f '$cache/$blob' && mkdir -p '$cache/$blob/below'"
rebuild "a directory in place of a blob"
disk=$(files ./disks | head -n 1)
as_user sh -c "rm -f '$cache/$disk' && mkfifo '$cache/$disk'"
rebuild "a FIFO in place of a disk"

# --- verification
run cache verify --cache-dir "$cache" # removes what was damaged, but not used since
build other --cache-dir "$cache" --memory 256
rebuild "before the verification"
run cache verify --cache-dir "$cache"
exits 0 "verification after all repairs"
checked=$(sed -n 's/^\([0-9]*\) entries checked.*/\1/p' "$WORK/out")
mapfile -t chosen < <(files ./blobs ./disks ./snapshots ./records | sed 's|^\./||')
is "verification checks each entry" "$checked" "${#chosen[@]}"
rot flip "${chosen[@]/#/$cache/}"
run cache verify --cache-dir "$cache"
exits 1 "verification of a rotten cache"
says "verification of a rotten cache: how many" \
    "^vmbuild: verify the cache '$cache': $checked of $checked entries were damaged\$"
is "verification of a rotten cache: all are listed" \
    "$(sed -n 's/^damaged, removed: //p' "$WORK/out" | sort)" "$(printf '%s\n' "${chosen[@]}" | sort)"
run cache verify --cache-dir "$cache"
exits 0 "verification after verification"
rebuild "a build after verification"

# --- registries
start_registry plain
REGISTRY=127.0.0.1:$PORT
make_layout "$WORK/oci" > "$WORK/oci.digest"
DIGEST=$(cat "$WORK/oci.digest")
skopeo_push "$WORK/oci" "$PORT/a/b:t"
pulled=$WORK/pulled-cache
image=docker://$REGISTRY/a/b@$DIGEST
# try NAME COMMAND...: runs it on a warm cache, then on a rotten one, and compares what is written.
try() {
    local name=$1 expected
    shift
    rm -rf "$pulled" "$WORK/result"
    run "$@" --cache-dir "$pulled"
    run "$@" --cache-dir "$pulled"
    exits 0 "$name, warm"
    expected=$(cd "$WORK" && find result -type f -exec sha256sum {} + | sort -k 2)
    mapfile -t chosen < <(find "$pulled/blobs" "$pulled/records" -type f)
    rot flip "${chosen[@]}"
    rm -rf "$WORK/result"
    run "$@" --cache-dir "$pulled"
    exits 0 "$name, rotten"
    is "$name, rotten: the same bytes" "$(cd "$WORK" && find result -type f -exec sha256sum {} + | sort -k 2)" "$expected"
}
try "pull to an archive" pull "$image" -o result --format docker-archive --compression none
try "pull to a compressed archive" pull "$image" -o result --format docker-archive --compression gzip
try "pull to a layout" pull "$image" -o result --format oci
try "export" export "$image" -o result
try "copy to a directory" copy "$image" "dir:$WORK/result"
try "copy to a layout" copy "$image" "oci:$WORK/result"
try "copy of all" copy --all "docker://$REGISTRY/a/b:t" "oci:$WORK/result"

run push "$image" "docker://$REGISTRY/first:t" --cache-dir "$pulled"
mapfile -t chosen < <(find "$pulled/blobs" -type f)
rot flip "${chosen[@]}"
run push "$image" "docker://$REGISTRY/second:t" --cache-dir "$pulled"
exits 0 "push of a rotten image"
is "push of a rotten image: the same manifest" "$(manifest_of "$PORT/second:t")" "$(manifest_of "$PORT/first:t")"
for digest in $(manifest_of "$PORT/second:t" | jq -r '.config.digest, .layers[].digest'); do
    is "push of a rotten image: $digest" \
        "sha256:$(curl -s "http://$REGISTRY/v2/second/blobs/$digest" | sha256sum | cut -d ' ' -f 1)" "$digest"
done

# A registry that has the blobs is sent none of them, but their sizes are in the manifest.
run --spec job.json -o "docker://$REGISTRY/job:whole" --cache-dir "$WORK/pushed-cache"
exits 0 "a build to a registry"
while read -r blob; do
    chmod u+w "$blob"
    truncate -s -1 "$blob"
done < <(find "$WORK/pushed-cache/blobs" -type f -size +4k)
run --spec job.json -o "docker://$REGISTRY/job:cut" --cache-dir "$WORK/pushed-cache"
exits 0 "a build to a registry, of blobs that were cut"
is "a build to a registry, of blobs that were cut: the same manifest" \
    "$(manifest_of "$PORT/job:cut")" "$(manifest_of "$PORT/job:whole")"

# What cannot be fetched again.
mapfile -t chosen < <(find "$pulled/blobs" -type f)
rot flip "${chosen[@]}"
stop_servers
rm -rf "$WORK/result"
run pull "$image" -o result --format oci --cache-dir "$pulled"
exits 9 "a rotten image without its registry"
says "a rotten image without its registry: what is damaged" "$damaged"
ok "a rotten image without its registry: nothing is written" test ! -e "$WORK/result"

# --- a stream
run copy "$(base busybox)" "docker-archive:$WORK/busybox.tar" --cache-dir "$pulled"
INPUT=$(base busybox) run copy - "oci:$WORK/one" --cache-dir "$pulled"
exits 0 "standard input"
mapfile -t chosen < <(find "$pulled/blobs" -type f)
rot flip "${chosen[@]}"
INPUT=$(base busybox) run copy - "oci:$WORK/two" --cache-dir "$pulled"
exits 0 "standard input, and a rotten cache"
is "standard input, and a rotten cache: the same bytes" \
    "$(cd "$WORK/two" && find . -type f -exec sha256sum {} + | sort)" "$(cd "$WORK/one" && find . -type f -exec sha256sum {} + | sort)"

done_testing
