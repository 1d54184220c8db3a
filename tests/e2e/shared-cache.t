#!/bin/bash
# Shared caches in registries: what one user has built, others need not build; and whatever is wrong
# with a cache, the build goes on without it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3 htpasswd

REUSE=yes
BUSYBOX=$(base busybox)
start_registry shared
REGISTRY=127.0.0.1:$PORT

# pure [OPTION...]: builds the image of files alone, which takes no VM.
mkdir -p "$WORK/tree/opt"
echo text > "$WORK/tree/opt/text"
spec pure <<< '{"name": "app", "contents": ["tree"]}'
pure() {
    rm -f "$WORK/pure.tar"
    run --spec pure.json --output pure.tar --compression none "$@"
}
# state NAME WORD: the line of the image "app" in the last run.
state() {
    exits 0 "$1"
    like "$1: $2" "$(cat "$WORK/err")" "^app: $2"
    leaves_nothing "$1"
}
built() {
    state "$1" "built in [0-9]+\\.[0-9] s"
}
cached() {
    state "$1" cached
}
# warns NAME REGEX: there is one line about a cache, and it matches.
warns() {
    is "$1: one line" "$(grep -c '^vmbuild: .*the cache' "$WORK/err")" 1
    like "$1: which" "$(cat "$WORK/err")" "^vmbuild: .*the cache '$2"
}
quiet() {
    unlike "$1: no warning" "$(cat "$WORK/err")" "the cache '"
}
# tags REPOSITORY: of the layers that it has.
tags() {
    skopeo list-tags --tls-verify=false "docker://$1" 2> /dev/null | jq -r '.Tags[]'
}
# fill REPOSITORY: a user keeps the layer of the files there.
fill() {
    fresh_cache
    pure --cache-to "$1"
    exits 0 "$1 is filled"
}

# --- two users and a registry
echo hidden-in-file > "$WORK/token"
jq -n --arg base "$BUSYBOX" '{name: "app", fromImage: $base, contents: ["tree"],
    runAsRoot: "test $PASSPHRASE && cat /run/secrets/token > /dev/null && echo made > /made"}' \
    > "$WORK/app.json"
app() {
    rm -f "$WORK/app.tar"
    run --spec app.json --output app.tar --compression none --secret id=token,src=token \
        --env PASSPHRASE=hidden-in-variable --cache-from "$REGISTRY/team/cache" "$@"
}
fresh_cache
app --cache-to "$REGISTRY/team/cache"
built "the first user"
like "the first user: why" "$(cat "$WORK/err")" '^app: built .*\(not in the shared cache\)'
quiet "the first user"
cp "$WORK/app.tar" "$WORK/first.tar"
tag=$(tags "$REGISTRY/team/cache")
like "the layer's tag is its key" "$tag" '^[0-9a-f]{64}$'
is "skopeo inspect: an image of one layer" \
    "$(skopeo inspect --tls-verify=false "docker://$REGISTRY/team/cache:$tag" | jq -c '[.Os, (.Layers | length)]')" \
    '["linux",1]'
manifest_of "${REGISTRY#127.0.0.1:}/team/cache:$tag" > "$WORK/manifest.json"
is "its manifest: the kind of artifact and its key" \
    "$(jq -r '.mediaType, .artifactType, .annotations."vnd.vmbuild.key"' "$WORK/manifest.json" | xargs)" \
    "application/vnd.oci.image.manifest.v1+json application/vnd.vmbuild.layer.v1 $tag"
is "its config: the diff ID of the layer" \
    "$(skopeo inspect --config --tls-verify=false "docker://$REGISTRY/team/cache:$tag" | jq '.rootfs.diff_ids[]')" \
    "$(config "$WORK/app.tar" '.rootfs.diff_ids[-1]')"
is "the secret and the variable are nowhere in the registry" \
    "$(find "$WORK/storage" -type f -exec zcat -f {} + | grep -ac hidden-in)" 0

fresh_cache
app
cached "the second user"
unlike "the second user: no VM" "$(cat "$WORK/err")" '^(launch|runAsRoot|unpack)'
quiet "the second user"
ok "the second user: the same bytes" cmp "$WORK/app.tar" "$WORK/first.tar"
run cache verify
exits 0 "the second user: the cache is sound"

# --- a graph of images
jq -n --arg base "$BUSYBOX" '{images: {
    base: {fromImage: $base, runAsRoot: "echo base > /base"},
    tools: {contents: ["tree"]},
    app: {fromImage: {use: "base"}, contents: [{image: {use: "tools"}, path: "/opt", target: "/usr/local"}]}}}' \
    > "$WORK/graph.json"
graph() {
    rm -f "$WORK/app.tar"
    run --spec graph.json --compression none --cache-from "$REGISTRY/graph" --cache-to "$REGISTRY/graph"
}
fresh_cache
graph
exits 0 "a graph"
cp "$WORK/app.tar" "$WORK/first.tar"
is "a graph: the registry has each layer" "$(tags "$REGISTRY/graph" | wc -l)" 3
leaves_nothing "a graph"
fresh_cache
graph
exits 0 "a graph, of another user"
is "a graph, of another user: nothing is built" "$(grep -cE '^(base|tools|app): cached$' "$WORK/err")" 3
unlike "a graph, of another user: no VM" "$(cat "$WORK/err")" 'launch'
ok "a graph, of another user: the same bytes" cmp "$WORK/app.tar" "$WORK/first.tar"
leaves_nothing "a graph, of another user"

# --- what is asked of the registry
fill "$REGISTRY/asked"
start_proxy asked "${REGISTRY#127.0.0.1:}" <<< '[]'
ASKED=127.0.0.1:$PORT
pure --cache-from "$ASKED/asked"
cached "a layer that the user has"
is "a layer that the user has: the registry is not asked for it" "$(requests asked '/asked/')" 0
pure --cache-to "$ASKED/asked"
cached "a layer that all have"
is "a layer that all have: the registry is asked once" "$(requests asked '/asked/')" 1
fresh_cache
pure --cache-from "$ASKED/asked" --cache-to "$ASKED/other"
cached "a layer that another repository has"
is "a layer that another repository has: its bytes are not sent" \
    "$(requests asked 'PUT /v2/other/blobs')/$(requests asked 'POST /v2/other/.*mount=')" "1/1"
pure --rebuild --cache-to "$ASKED/asked"
built "--rebuild"
is "--rebuild: what is there is replaced" "$(requests asked 'PUT /v2/asked/manifests/')" 1
before=$(requests asked 'GET /v2/asked/blobs/')
fresh_cache
# shellcheck disable=SC2016 # for the inner shell
wait_for sh -c '[ "$(date +%s)" -gt "$0" ]' "$(date +%s)"
pure --cache-from "$ASKED/asked" --max-age 0
built "--max-age"
is "--max-age: the layer is not fetched" "$(requests asked 'GET /v2/asked/blobs/')" "$before"
fresh_cache
pure --cache-from "$ASKED/none" --cache-from "$ASKED/asked"
cached "the second of two caches"
fresh_cache
pure --no-cache --cache-from "$ASKED/asked" --cache-to "$ASKED/third"
cached "--no-cache"
is "--no-cache: the layer is passed on" "$(tags "$REGISTRY/third" | wc -l)" 1

# --- all formats from a layer that was fetched
for format in docker-archive oci-archive; do
    for compression in none gzip zstd; do
        options=(--spec pure.json --format "$format" --compression "$compression")
        fresh_cache
        run "${options[@]}" --output "one.$format" --cache-to "$REGISTRY/$format-$compression"
        exits 0 "$format, $compression"
        fresh_cache
        run "${options[@]}" --output "two.$format" --cache-from "$REGISTRY/$format-$compression"
        cached "$format, $compression, fetched"
        ok "$format, $compression, fetched: the same bytes" cmp "$WORK/one.$format" "$WORK/two.$format"
    done
done

# --- how a cache is written
fill "docker://$REGISTRY/written"
fresh_cache
pure --cache-from "type=registry,ref=$REGISTRY/written,mode=max"
cached "BuildKit's form"
fill "type=registry,mode=max,image-manifest=true,ref=$REGISTRY/written:cache"
like "a tag is put before the key" "$(tags "$REGISTRY/written" | sort | tail -n 1)" '^cache-[0-9a-f]{64}$'
fresh_cache
pure --cache-from "$REGISTRY/written:cache"
cached "a cache with a tag"
fresh_cache
pure --cache-from "$REGISTRY/written:other"
built "a cache with another tag"
while read -r ref message; do
    for option in cache-from cache-to; do
        pure "--$option" "$ref"
        exits 2 "--$option $ref"
        says "--$option $ref: why" "^vmbuild: read option '--$option': .*$message"
    done
done << EOF
$REGISTRY/a@sha256:$(printf '%064d' 0) must not have a digest
$REGISTRY/a:$(printf '%064d' 0) must not be longer than 63
$REGISTRY/UPPER not a valid
oci:directory must be a repository
type=gha,ref=$REGISTRY/a must be 'type=registry'
type=registry lacks ref=
type=registry,ref=$REGISTRY/a,color=red must be one of
type=registry,ref=$REGISTRY/a,mode=half must be 'mode=
EOF

# --- caches that are not there
fresh_cache
pure --cache-from 127.0.0.1:1/a --cache-to 127.0.0.1:1/a
built "no registry"
like "no registry: a line tells" "$(cat "$WORK/err")" \
    "^vmbuild: a layer is not taken from the cache '127.0.0.1:1/a': "
like "no registry: another tells that nothing is kept" "$(cat "$WORK/err")" \
    "^vmbuild: the layer is not kept in the cache '127.0.0.1:1/a': "
fresh_cache
run --spec graph.json --compression none --jobs 1 --cache-from 127.0.0.1:1/a
exits 0 "no registry for a graph"
is "no registry for a graph: it is tried once" "$(grep -c "the cache '127" "$WORK/err")" 1
fresh_cache
pure --cache-from "$REGISTRY/nothing"
built "a repository that is not there"
quiet "a repository that is not there"

# --- a registry with faults
fill "$REGISTRY/faults"
# with FAULTS: a user builds with a registry that has them; sets FAULTY.
with() {
    stop_proxy
    start_proxy faulty "${REGISTRY#127.0.0.1:}" <<< "$1"
    FAULTY=127.0.0.1:$PORT
    fresh_cache
    pure --cache-from "$FAULTY/faults" "${@:2}"
}
# stop_proxy: ends the last one.
stop_proxy() {
    [ -z "${FAULTY-}" ] || {
        kill "${SERVER_PIDS[-1]}"
        wait "${SERVER_PIDS[-1]}" 2> /dev/null || true
        unset 'SERVER_PIDS[-1]'
    }
}
with '[{"match": "GET .*/blobs/", "do": "cut", "after": 100, "times": 2}]'
cached "connections that break"
with '[{"match": "GET .*/manifests/", "do": "cut", "after": 0}]'
built "a registry that drops each connection"
warns "a registry that drops each connection" "127.0.0.1:.*/faults': get manifest"
with '[{"match": "GET .*/manifests/", "do": "status", "status": 503}]'
built "a registry out of order"
warns "a registry out of order" "127.0.0.1:.*/faults': .*503"
with '[{"match": "GET .*/manifests/", "do": "status", "status": 404}]'
built "no manifest"
quiet "no manifest"
with '[{"match": "GET .*/blobs/", "do": "status", "status": 404}]'
built "no blobs"
warns "no blobs" "127.0.0.1:.*/faults': .*404"
with '[{"match": "GET .*/manifests/", "do": "corrupt"}]'
built "a manifest with another digest"
warns "a manifest with another digest" "127.0.0.1:.*/faults': .*digest"
with '[{"match": "GET .*/blobs/", "do": "corrupt"}]'
built "a layer with another digest"
warns "a layer with another digest" "127.0.0.1:.*/faults': .*digest"
with '[{"match": "GET .*/manifests/", "do": "flood"}]'
built "a manifest without an end"
warns "a manifest without an end" "127.0.0.1:.*/faults': "

stop_proxy
start_proxy dripping "${REGISTRY#127.0.0.1:}" <<< '[{"match": "GET .*/blobs/", "do": "drip"}]'
fresh_cache
rm -f "$WORK/pure.tar"
start --spec pure.json --output pure.tar --cache-from "127.0.0.1:$PORT/faults"
wait_for grep -q 'GET .*/blobs/' "$WORK/dripping.log"
kill -TERM "$RUN_PID"
finish
exits 143 "SIGTERM while a layer is fetched"
leaves_nothing "SIGTERM while a layer is fetched" "$WORK/pure.tar"

# --- something else under the key
fill "$REGISTRY/else"
tag=$(tags "$REGISTRY/else")
make_layout "$WORK/oci" --layers 1 --size 1000 > /dev/null
skopeo_push "$WORK/oci" "${REGISTRY#127.0.0.1:}/else:$tag"
fresh_cache
pure --cache-from "$REGISTRY/else" --cache-to "$REGISTRY/else"
built "another image under the key"
warns "another image under the key" "$REGISTRY/else': .*not a layer of this key"
fresh_cache
pure --cache-from "$REGISTRY/else"
cached "another image under the key: it was replaced"

# A layer whose diff ID is not that of its config.
skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$REGISTRY/else:$tag" "dir:$WORK/dir"
config=$(jq -r '.config.digest' "$WORK/dir/manifest.json")
jq -c '.rootfs.diff_ids = ["sha256:" + ("0" * 64)]' "$WORK/dir/${config#sha256:}" | tr -d '\n' > "$WORK/config"
digest=$(sha256sum < "$WORK/config" | cut -d ' ' -f 1)
mv "$WORK/config" "$WORK/dir/$digest"
jq -c --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$WORK/dir/$digest")" \
    '.config.digest = $digest | .config.size = $size' "$WORK/dir/manifest.json" > "$WORK/new"
mv "$WORK/new" "$WORK/dir/manifest.json"
skopeo --insecure-policy copy --quiet --dest-tls-verify=false "dir:$WORK/dir" "docker://$REGISTRY/else:$tag"
fresh_cache
pure --cache-from "$REGISTRY/else"
built "a layer with another diff ID"
warns "a layer with another diff ID" "$REGISTRY/else': .*diff ID"

# --- registries that refuse
htpasswd -Bbn user secret > "$WORK/htpasswd"
start_registry login "auth: {htpasswd: {realm: here, path: $WORK/htpasswd}}"
LOGIN=127.0.0.1:$PORT
fresh_cache
pure --cache-from "$LOGIN/login" --cache-to "$LOGIN/login"
built "a registry that requires a login"
like "a registry that requires a login: a line tells" "$(cat "$WORK/err")" \
    "^vmbuild: a layer is not taken from the cache '$LOGIN/login': "
jq -n --arg host "$LOGIN" --arg auth "$(printf user:secret | base64)" '{auths: {($host): {auth: $auth}}}' \
    > "$WORK/auth.json"
fresh_cache
pure --authfile auth.json --cache-to "$LOGIN/login"
built "--authfile"
quiet "--authfile"
fresh_cache
pure --creds user:secret --cache-from "$LOGIN/login"
cached "--creds"
fresh_cache
pure --creds user:secret --cache-from "$LOGIN/login" --cache-from "$REGISTRY/none"
built "--creds and two registries"
warns "--creds and two registries" "$LOGIN/login': "
start_proxy read-only "${REGISTRY#127.0.0.1:}" << 'EOF'
[{"match": "^(POST|PUT|PATCH) ", "do": "status", "status": 405,
  "body": "{\"errors\": [{\"code\": \"UNSUPPORTED\", \"message\": \"The operation is unsupported.\"}]}"}]
EOF
READ_ONLY=127.0.0.1:$PORT
fresh_cache
pure --cache-to "$READ_ONLY/read-only"
built "a registry that is read-only"
warns "a registry that is read-only" "$READ_ONLY/read-only': .*405"
fill "$REGISTRY/readable"
fresh_cache
pure --cache-from "$READ_ONLY/readable" --cache-to "$READ_ONLY/readable"
cached "a layer that a read-only registry has"
quiet "a layer that a read-only registry has"

# --- what is not shared
mkdir "$WORK/directory"
jq '.shares = [{source: "directory", target: "/mnt"}]' "$WORK/app.json" > "$WORK/shares.json"
touch -d 2001-01-01 "$WORK/directory"
fresh_cache
run --spec shares.json --output shares.tar --secret id=token,src=token --env PASSPHRASE=x \
    --cache-to "$REGISTRY/shares"
exits 0 "shares"
is "shares: the layer is not kept elsewhere" "$(tags "$REGISTRY/shares" | wc -l)" 0
fresh_cache
script_spec fails "{\"name\": \"x\", \"fromImage\": \"$BUSYBOX\"}" <<< false
run --spec fails.json --output fails.tar --cache-from "$REGISTRY/fails" --cache-to "$REGISTRY/fails"
exits 5 "a script that fails"
leaves_nothing "a script that fails"
is "a script that fails: nothing is kept" "$(tags "$REGISTRY/fails" | wc -l)" 0

done_testing
