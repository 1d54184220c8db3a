#!/bin/bash
# Image in, edit, and out again through other programs' stores: Docker, Podman and skopeo keep what a
# layer's tar was made of, and must be able to make the same bytes again, whatever kinds of entries are in
# it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faithful.sh
. "$TOP/tests/faithful.sh"

need podman dockerd

podman=(podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --storage-driver vfs)
mkdir "$WORK/podman"

# same NAME ARCHIVE: its layers' digests are those of the image.
same() {
    is "$1: the same layers" "$(image diff-ids "$2" 2>&1)" "$WANTED"
    rm -f "$2"
}

# round_trips NAME FILE: by all of them.
round_trips() {
    local id loaded

    WANTED=$(config "$2" '.rootfs.diff_ids[]' | tr -d '"')
    is "$1: its layers are what the config says" "$(image diff-ids "$2")" "$WANTED"
    chmod a+r "$2"

    loaded=$(docker load --quiet --input "$2" 2>&1)
    like "$1: docker load" "$loaded" '^Loaded image'
    ok "$1: docker save" docker save --output "$WORK/saved.tar" "${loaded#*: }"
    same "$1, docker" "$WORK/saved.tar"
    docker rmi --force "${loaded#*: }" > /dev/null

    ok "$1: podman load" "${podman[@]}" load --quiet --input "$2"
    id=$("${podman[@]}" images --quiet | head -n 1)
    for format in docker-archive oci-archive; do
        ok "$1: podman save, $format" "${podman[@]}" save --quiet --format $format --output "$WORK/saved.tar" "$id"
        same "$1, podman, $format" "$WORK/saved.tar"
    done
    "${podman[@]}" rmi --all --force > /dev/null

    ok "$1: skopeo copy to oci" skopeo --insecure-policy copy --quiet "docker-archive:$2" "oci:$WORK/layout:x"
    ok "$1: skopeo copy to oci-archive" \
        skopeo --insecure-policy copy --quiet "oci:$WORK/layout:x" "oci-archive:$WORK/pulled.tar:example/x:y"
    ok "$1: podman pull" "${podman[@]}" pull --quiet "oci-archive:$WORK/pulled.tar"
    id=$("${podman[@]}" images --quiet | head -n 1)
    ok "$1: podman save of what was pulled" "${podman[@]}" save --quiet --output "$WORK/saved.tar" "$id"
    same "$1, podman pull" "$WORK/saved.tar"
    "${podman[@]}" rmi --all --force > /dev/null
    ok "$1: skopeo copy to docker-archive" \
        skopeo --insecure-policy copy --quiet "oci:$WORK/layout:x" "docker-archive:$WORK/saved.tar:x:y"
    same "$1, skopeo" "$WORK/saved.tar"
    rm -rf "$WORK/layout" "$WORK/pulled.tar"
}

tall=$(printf '%0200d' 0)
capability=0100000200200000000000000000000000000000
acl=02000000010006000000ffff02000600e8030000040004000000ffff10000600ffffffff20000400ffffffff

# --- What a script leaves

echo "{\"layers\": [[$(tools), {\"path\": \"old\", \"type\": \"dir\"}, {\"path\": \"old/gone\", \"data\": \"x\"},
    {\"path\": \"old/dir\", \"type\": \"dir\"}, {\"path\": \"old/dir/x\", \"data\": \"x\"}]]}" | image make "$WORK/base.tar"
chmod a+r "$WORK/base.tar"
build_script kinds '{"name": "x", "fromImage": "base.tar", "created": "2030-01-01T00:00:00Z", "env": {"PATH": "/bin"}}' <<END
/edit <<'EDITS'
dir k 755 0 0
file k/plain 644 0 0 1000000000 text
file k/owned 600 4294967294 2097152 1000000000 x
file k/setuid 4755 0 0 1000000000 x
file k/setgid 2755 0 5 1000000000 x
dir k/sticky 1777 0 0
dir k/setgid-dir 2775 0 5
file k/none 0 0 0 1000000000 x
link k/plain k/hard
link k/plain k/sticky/hard
symlink 1000000000 plain k/link
symlink 1000000000 /nowhere/at/all k/dangling
symlink 1000000000 $tall/$tall k/long-link
link k/link k/hard-link-to-link
fifo k/fifo 600
char k/null 666 1 3
char k/major 600 4095 1048575
block k/block 660 8 1
sparse k/hole-first 3000001 1000000000 end
file k/hole-last 644 0 0 1000000000 start
truncate k/hole-last 3000000 1000000000
file k/hole-all 644 0 0 1000000000 x
truncate k/hole-all 0 1000000000
truncate k/hole-all 3000000 1000000000
file k/$tall 644 0 0 1000000000 x
link k/$tall k/x$tall
dir k/d$tall 755 0 0
file k/d$tall/$tall 644 0 0 1000000000 x
file k/\\377\\376latin\\344 644 0 0 1000000000 x
symlink 1000000000 \\377\\344 k/\\374link
file k/caf\\303\\251 644 0 0 1000000000 x
file k/new\\012line\\011tab 644 0 0 1000000000 x
file k/early 644 0 0 -86400 x
file k/epoch 644 0 0 0 x
file k/past-32-bits 644 0 0 4294967296 x
file k/attributes 644 0 0 1000000000 x
xattr k/attributes user.name value
hexattr k/attributes user.bytes 00ff0a3d00
hexattr k/plain security.capability $capability
hexattr k/attributes system.posix_acl_access $acl
hexattr k/sticky system.posix_acl_default $acl
remove old/gone
remove old/dir
dir old/dir 755 0 0
EDITS
: > k/empty
dd if=/dev/urandom of=k/large bs=1M count=20 2> /dev/null
# As localedef makes its archive.
truncate -s 200M k/locale-archive
echo x | dd of=k/locale-archive conv=notrunc 2> /dev/null
END
exits 0 "every kind"
is "every kind: no sparse entry" "$(grep -ac 'GNU\.sparse' "$WORK/kinds.tar")" 0
unlike "every kind: none is skipped" "$(cat "$WORK/out" "$WORK/err")" 'skipped|refused|failed'
listing=$(layer "$WORK/kinds.tar")
for kind in file dir hard link char block fifo xattr '\.wh\.gone$' '\.wh\.\.wh\.\.opq$' k/hole-all security.capability posix_acl; do
    like "every kind: $kind" "$listing" "$kind"
done
round_trips "every kind" "$WORK/kinds.tar"

# --- What contents brings

mkdir -p "$WORK/kinds.d/sub"
(
    cd "$WORK/kinds.d" || exit
    echo text > plain
    ln plain hard
    ln -s plain link
    ln -s "$tall/$tall" long-link
    mkfifo fifo
    truncate -s 3000000 hole
    { truncate -s 3000000 hole-first; echo end >> hole-first; }
    : > empty
    echo x > "$tall"
    echo x > "$(printf 'latin\344')"
    echo x > "$(printf 'caf\303\251')"
    touch -d @-86400 plain
    setfattr -n user.name -v value plain
    chmod 4755 empty
    chmod 1777 sub
)
tar -C "$WORK/kinds.d" -S --format=gnu -cf "$WORK/gnu.tar" .
tar -C "$WORK/kinds.d" -S --format=pax --xattrs -cf "$WORK/pax.tar" .
chmod -R a+r "$WORK"/kinds.d "$WORK"/*.tar
for source in kinds.d gnu.tar pax.tar; do
    spec contents <<< "{\"name\": \"x\", \"fromImage\": \"base.tar\", \"contents\": \"$source\"}"
    build contents
    exits 0 "contents from $source"
    is "contents from $source: no sparse entry" "$(grep -ac 'GNU\.sparse' "$WORK/contents.tar")" 0
    round_trips "contents from $source" "$WORK/contents.tar"
done

done_testing
