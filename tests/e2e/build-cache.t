#!/bin/bash
# The cache of layers: what is built again and what is not, why, and what it takes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq setfattr skopeo

REUSE=yes
USER_ENV=("XDG_CACHE_HOME=$WORK/cache")
BUSYBOX=$(base busybox)

# state NAME WORD [REASON]: the line of the image in the last run.
state() {
    exits 0 "$1"
    like "$1: $2" "$(cat "$WORK/err")" "^app: $2${3:+ .*\\($3\\)}"
}
built() {
    state "$1" "built in [0-9]+\\.[0-9] s" "${2-}"
}
cached() {
    state "$1" cached
}

# tree: the contents, all of it older than what file systems' times can tell apart.
tree() {
    rm -rf "$WORK/tree"
    mkdir -p "$WORK/tree/src/sub"
    echo 'int main;' > "$WORK/tree/src/main.c"
    echo text > "$WORK/tree/src/sub/text"
    ln -s main.c "$WORK/tree/src/link"
    ln "$WORK/tree/src/main.c" "$WORK/tree/src/other.c"
    chmod -R u=rwX,go=rX "$WORK/tree"
}
tree

# pure [JQ]: builds the image of the contents alone, changed by JQ.
pure() {
    jq -n '{name: "app", contents: ["tree"]}' | jq "${1-.}" > "$WORK/pure.json"
    build pure
}
mkdir "$WORK/shared"
echo shared > "$WORK/shared/file"
touch -d 2001-01-01 "$WORK/shared" "$WORK/shared/file"
script() {
    jq -n --arg base "$BUSYBOX" '{name: "app", fromImage: $base, runAsRoot: "echo made > /made; nproc > /n",
        env: {A: "1", B: "2"}}' | jq "${1-.}" > "$WORK/script.json"
    build script "${@:2}"
}
# --- properties of a file

pure
built "the first build"
cp "$WORK/pure.tar" "$WORK/first.tar"

pure
cached "nothing has changed"
is "nothing has changed: the same bytes" "$(sha256sum < "$WORK/pure.tar")" \
    "$(sha256sum < "$WORK/first.tar")"

# change NAME REASON COMMAND...: changes the contents; with REASON "" nothing in the layer.
change() {
    local name=$1 reason=$2
    shift 2
    (cd "$WORK/tree/src" && "$@")
    pure
    if [ -n "$reason" ]; then
        built "$name" "contents $reason"
    else
        cached "$name"
    fi
}
change "the bytes of a file, with two names" "changed: src/main.c and 1 more" sh -c 'echo "int x;" > main.c'
change "a byte, with the size and the time kept" "changed: src/sub/text" \
    sh -c 'touch -r sub/text ../time; echo test > sub/text; touch -r ../time sub/text; rm ../time'
change "the mode" "changed: src/sub/text" chmod 755 sub/text
change "a mode that the rules make equal" "" chmod 775 sub/text
change "a time that is clamped" "" touch -d 2001-01-01 sub/text
change "a time before the limit" "changed: src/sub/text" touch -d @0.5 sub/text
change "the time of reading" "" touch -a sub/text
change "a new file" "added: src/new" touch new
change "its removal" "" rm new
change "an empty directory" "added: src/empty" mkdir empty
change "its name" "added: src/a and 1 more" mv empty a
change "its removal, back to what was" "" rmdir a
change "the target of a symlink" "changed: src/link" ln -sfn other.c link
change "a hard link that becomes a file" "changed: src/(main|other).c" \
    sh -c 'cp main.c x && mv x other.c && chmod 644 other.c'
change "a FIFO" "added: src/fifo" mkfifo fifo
change "its removal, back to what was then" "" rm fifo
change "an xattr of a file" "changed: src/sub/text" setfattr -n user.a -v b sub/text
change "an xattr of a directory" "changed: src/sub" setfattr -n user.a -v b sub
change "its removal, back to what it was" "" setfattr -x user.a sub
pure '.contents = [{source: "tree", exclude: ["text"]}]'
built "a pattern"
echo other > "$WORK/tree/src/sub/text"
pure '.contents = [{source: "tree", exclude: ["text"]}]'
cached "a file that is left out"
mv "$WORK/tree" "$WORK/moved"
pure '.contents = [{source: "moved", exclude: ["text"]}]'
cached "another place on the host"
mv "$WORK/moved" "$WORK/tree"
if [ "$(id -u)" -eq 0 ]; then
    pure
    built "before the owner changes" "contents added: src/sub/text"
    chown 1000:1000 "$WORK/tree/src/main.c"
    pure
    cached "the owner on the host"
    pure '.contents = [{source: "tree", owner: "keep"}]'
    built "the owner, which is kept"
    chown 1001:1000 "$WORK/tree/src/main.c"
    pure '.contents = [{source: "tree", owner: "keep"}]'
    built "another owner" "contents changed: src/main.c"
fi
mkdir "$WORK/over"
echo over > "$WORK/over/text"
echo under > "$WORK/tree/text"
pure '.contents = ["tree", "over"]'
built "two sources"
echo beneath > "$WORK/tree/text"
pure '.contents = ["tree", "over"]'
cached "a file that a later source replaces"
pure '.contents = ["over", "tree"]'
built "another order of sources"
tar -C "$WORK/tree" --sort=name -cf "$WORK/tree.tar" .
pure '.contents = ["tree.tar"]'
built "a tarball"
touch "$WORK/tree.tar"
pure '.contents = ["tree.tar"]'
cached "the time of a tarball"
echo more > "$WORK/tree/more"
tar -C "$WORK/tree" --sort=name -cf "$WORK/tree.tar" .
pure '.contents = ["tree.tar"]'
built "the bytes of a tarball" "contents changed: tree.tar"
tree

# --- outputs

pure
first=$(sha256sum < "$WORK/pure.tar")
run --spec pure.json -o pure.tar.gz
cached "as gzip"
run --spec pure.json -o pure.tar.gz --rebuild
built "as gzip, again" --rebuild
cp "$WORK/pure.tar.gz" "$WORK/built.tar.gz"
run --spec pure.json -o pure.tar.gz
cached "as gzip, from the blob"
ok "as gzip: the same bytes" cmp "$WORK/pure.tar.gz" "$WORK/built.tar.gz"
for format in oci layer oci-archive; do
    run --spec pure.json -o "cached.$format" --format "$format"
    cached "as $format"
    run --spec pure.json -o "again.$format" --format "$format" --no-cache
    ok "as $format: the same bytes" diff -r "$WORK/cached.$format" "$WORK/again.$format"
done
USER_ENV=("XDG_CACHE_HOME=$WORK/other")
run --spec pure.json -o other.oci --format oci --compression zstd
built "another cache, and first as zstd"
build pure
cached "then as a docker-archive"
is "then as a docker-archive: the same bytes, with the tarsum" "$(sha256sum < "$WORK/pure.tar")" "$first"
USER_ENV=("XDG_CACHE_HOME=$WORK/cache")
build pure --compression none --progress json
is "the event" "$(jq -c 'select(.event == "image") | [.image, .state]' "$WORK/err")" '["app","cached"]'
build pure -q
is "quiet" "$(cat "$WORK/err")" ""

# --- keys of the spec, and what a script needs

script
built "a script"
scripts=$(sha256sum < "$WORK/script.tar")
script
cached "the same script"
is "the same script: the same bytes" "$(sha256sum < "$WORK/script.tar")" "$scripts"
unlike "the same script: no VM starts" "$(cat "$WORK/err")" '^(launch|runAsRoot)$'

script '.config = {Cmd: ["sh"]} | .tag = "1"'
cached "config and tag are laid over the layer"
is "the config is the new one" "$(config "$WORK/script.tar" .config.Cmd)" '["sh"]'
script '.name = "x/app"'
like "name: cached" "$(cat "$WORK/err")" '^x/app: cached$'
script '.timeout = 60'
cached "timeout"
script '.annotations = {a: "b"}'
cached "annotations"
script '.architecture = "amd64"'
cached "architecture"
script '.env = {B: "2", A: "1"}'
cached "the order of keys"
script '{env, runAsRoot, fromImage, name}'
cached "the order of the spec's keys"
ln -s "$BUSYBOX" "$WORK/link.tar"
script '.fromImage = "link.tar"'
cached "another path of the base"
# key KEY JSON [NAME]: a value of a key that matters.
key() {
    script ".$1 = $2"
    built "$1" "$1 changed"
    script
    cached "$1 as before"
}
key runAsRoot '"echo made > /made; nproc > /n;"'
key preMount '"true"'
key postMount '"true"'
key postUmount '"true"'
key extraCommands '"true"'
key shadowSetup true
key diskSize 1000
key memory 300
key cpus 2
key network true
key env '{A: "1"}'
key stillClock true
key created '"2001-01-01T00:00:00Z"'
key shares '[{source: "shared", target: "/shared"}]'
script '.contents = ["tree"]'
built "contents" "contents added: src and [0-9]+ more"
script
script ".closure = [\"$WORK/tree\"]"
built "closure" "contents added: .*"
script '.fromImage = null | .runAsRoot = null | .extraCommands = "true"'
built "no base"

echo changed > "$WORK/shared/file"
touch -d 2001-01-01 "$WORK/shared/file"
shared() {
    script '.shares = [{source: "shared", target: "/shared"}]'
}
shared
built "a file of a share"
# What has changed just now is not kept.
for _ in $(seq 20); do
    shared
    ! grep -q '^app: cached' "$WORK/err" || break
done
cached "a share as before"
chmod 775 "$WORK/shared"
shared
built "the mode of a shared directory"

# A base of other variables, or of another time; only then does it matter to scripts.
based() {
    skopeo --insecure-policy copy --quiet "docker-archive:$BUSYBOX" "dir:$WORK/base.dir"
    jq -c "$1" "$WORK/base.dir/$(jq -r '.config.digest | ltrimstr("sha256:")' "$WORK/base.dir/manifest.json")" \
        > "$WORK/config"
    digest=$(sha256sum < "$WORK/config" | cut -c -64)
    mv "$WORK/config" "$WORK/base.dir/$digest"
    jq --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$WORK/base.dir/$digest")" \
        '.config += {digest: $digest, size: $size}' "$WORK/base.dir/manifest.json" > "$WORK/manifest"
    mv "$WORK/manifest" "$WORK/base.dir/manifest.json"
    chmod -R a+rX "$WORK/base.dir"
    script '.fromImage = "dir:base.dir"'
}
script
based .
cached "the same base as a directory"
based '.config.Cmd = ["x"]'
cached "the Cmd of the base"
is "the Cmd of the base: inherited" "$(config "$WORK/script.tar" .config.Cmd)" '["x"]'
based '.config.Env = ["X=1"]'
built "the Env of the base" "fromImage changed"
script
based '.created = "2031-01-01T00:00:00Z"'
built "the time of the base" "created changed"

# --- asked for, or out of date

script
script
cached "once more"
script . --rebuild
built "--rebuild" --rebuild
script . --rebuild=all
built "--rebuild=all" --rebuild
script . --max-age 1d
cached "--max-age"
script . --max-age 12x
exits 2 "a malformed --max-age"
says "a malformed --max-age: why" "^vmbuild: read option '--max-age': '12x' must be a number with a unit"
script . --rebuild=some
exits 2 "--rebuild=some"
# The record says when the layer was made.
until script . --max-age 0s && grep -q '^app: built' "$WORK/err"; do :; done
built "--max-age 0s" "made [0-9]+ seconds ago"
script '.runAsRoot = "echo made > /made"' --check
exits 0 "--check"
built "--check builds both times" --rebuild
script . --no-cache
built "--no-cache"
unlike "--no-cache gives no reason" "$(cat "$WORK/err")" '^app: .*\('

# --- damage

script
exits 0 "before the damage"
scripts=$(sha256sum < "$WORK/script.tar")
diff_id=$(config "$WORK/script.tar" '.rootfs.diff_ids[-1]' | tr -d '"')
blob=$WORK/cache/vmbuild/blobs/sha256/${diff_id#sha256:}
chmod u+w "$blob"
printf x | dd of="$blob" bs=1 seek=600 conv=notrunc status=none
build script
built "a damaged layer is made again"
is "a damaged layer is made again: the same bytes" "$(sha256sum < "$WORK/script.tar")" "$scripts"
rm "$blob"
build script
built "a layer that was removed" "its layer is no longer in the cache"
leaves_nothing "the cache of layers"

# --- at the same time

script '.runAsRoot = "echo made > /made; sleep 1"'
rm -rf "$WORK/cache/vmbuild/records/layers"
for i in 1 2 3; do
    become_user "$VMBUILD" --spec script.json -o "at-once$i.tar" > /dev/null 2> "$WORK/err$i" &
done
wait
is "of three at once, one builds" "$(cat "$WORK"/err[123] | grep -E '^app: ' | sed 's/ in.*//' | sort | uniq -c | tr -s ' ')" \
    "$(printf ' 1 app: built\n 2 app: cached')"

# --- a change during the build

mkdir "$WORK/changing"
echo 1 > "$WORK/changing/file"
jq -n '{name: "app", contents: ["changing"], extraCommands: "echo started; i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); echo more; done"}' > "$WORK/changing.json"
# The build waits until its output is read, which is more than a pipe holds.
mkfifo "$WORK/fifo"
become_user "$VMBUILD" --spec changing.json -o changing.tar --log-limit 1000 > "$WORK/out" 2> "$WORK/fifo" &
builder=$!
{
    while read -r line && [ "$line" != started ]; do :; done
    echo 2 > "$WORK/changing/file"
    cat > "$WORK/err"
} < "$WORK/fifo"
wait $builder
ok "a change during the build" grep -q '^app: built' "$WORK/err"
run --spec changing.json -o changing.tar
state "what was changed during a build is built" "built in"
echo 1 > "$WORK/changing/file"
run --spec changing.json -o changing.tar
state "its layer was not kept as that of what was there before" "built in"

done_testing
