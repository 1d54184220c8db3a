#!/bin/bash
# Several outputs of one build, images that it pushes, an index of several, and what --metadata-file tells.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"

need jq skopeo docker-registry

BUSYBOX=$(base busybox)
start_registry plain
REAL=$PORT
fresh_cache
script_spec app "$(jq -n --arg base "$BUSYBOX" '{name: "example/app", tag: "v1", fromImage: $base,
    config: {Env: ["A=1"]}, annotations: {"a.b": "c"}}')" <<< 'echo made; echo app > /app'

# image_id FILE: of a docker-archive.
image_id() {
    echo "sha256:$(image members "$1" | grep -oE '^[0-9a-f]{64}\.json$' | cut -c -64)"
}

# layout_digest DIR: of the only image of an OCI layout.
layout_digest() {
    jq -r '.manifests[0].digest' "$1/index.json"
}

# registry_digest PORT/NAME:TAG
registry_digest() {
    echo "sha256:$(manifest_of "$1" | sha256sum | cut -c -64)"
}

# --- several outputs

run --spec app.json -o app.tar -o app.tgz -o oci:layout:v7 -o oci-archive:app.oci -o dir:app.dir \
    -o docker-archive:named.tar:other/name:2 -o "docker://127.0.0.1:$REAL/app:v1" --metadata-file meta.json
exits 0 "several outputs"
is "several outputs: one build" "$(grep -c '^made$' "$WORK/err")" 1
says "several outputs: the reference" "^docker://127.0.0.1:$REAL/app:v1 sha256:"
leaves_nothing "several outputs"
ok "several outputs: the same archive, compressed" cmp <(gzip -dc "$WORK/app.tgz") "$WORK/app.tar"
is "several outputs: another name" "$(image members "$WORK/named.tar" | wc -l) $(tar -xOf "$WORK/named.tar" manifest.json | jq -r '.[0].RepoTags[0]')" \
    "$(image members "$WORK/app.tar" | wc -l) other/name:2"
is "several outputs: one ID" "$(image_id "$WORK/named.tar") $(jq -r .config.digest "$WORK/app.dir/manifest.json")" \
    "$(image_id "$WORK/app.tar") $(image_id "$WORK/app.tar")"
digest=$(layout_digest "$WORK/layout")
is "several outputs: one manifest" "sha256:$(sha256sum < "$WORK/app.dir/manifest.json" | cut -c -64)" "$digest"
is "several outputs: the name in the layout" "$(jq -c '.manifests[0].annotations' "$WORK/layout/index.json")" \
    '{"org.opencontainers.image.ref.name":"v7"}'
is "pushed: the manifest of the layout" "$(registry_digest "$REAL/app:v1")" "$digest"
is "pushed: annotations" "$(manifest_of "$REAL/app:v1" | jq -c '.annotations["a.b"]')" '"c"'
is "pushed: no file of that name" "$(find "$WORK" -maxdepth 1 -name 'docker*')" ""
skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://127.0.0.1:$REAL/app:v1" \
    "docker-archive:$WORK/back.tar:back:1"
is "pushed: skopeo pulls it" "$(layer "$WORK/back.tar")" "$(layer "$WORK/app.tar")"
like "pushed: the history" "$(skopeo inspect --config --tls-verify=false "docker://127.0.0.1:$REAL/app:v1" |
    jq -r '.history[-1].created_by')" '^runAsRoot: echo made; echo app > /app$'

# Each is what it is alone.
for alone in app.tar app.tgz oci-archive:app.oci; do
    run --spec app.json -o "alone-${alone#*:}" --format "$([[ $alone = oci* ]] && echo oci-archive || echo docker-archive)"
    exits 0 "alone: $alone"
    ok "alone: $alone is the same" cmp "$WORK/alone-${alone#*:}" "$WORK/${alone#*:}"
done
run --spec app.json -o alone.oci --format oci
is "alone: the layout has the same image" "$(layout_digest "$WORK/alone.oci")" "$digest"
run --spec app.json -o fresh.tar -o oci:fresh.oci --no-cache
exits 0 "several outputs without a cache"
ok "several outputs without a cache: the archive" cmp "$WORK/fresh.tar" "$WORK/app.tar"
is "several outputs without a cache: the layout" "$(layout_digest "$WORK/fresh.oci")" "$digest"
run --spec app.json -o "docker://127.0.0.1:$REAL/other:v1" --no-cache
exits 0 "pushed without a cache"
is "pushed without a cache: the same" "$(registry_digest "$REAL/other:v1")" "$digest"
leaves_nothing "pushed without a cache"

run --spec app.json -o oci:layout:v8
exits 0 "another image of a layout"
is "another image of a layout: both are there" \
    "$(jq -c '[.manifests[].annotations["org.opencontainers.image.ref.name"]]' "$WORK/layout/index.json")" '["v7","v8"]'
run --spec app.json -o layer --format layer -o "docker://127.0.0.1:$REAL/app:v2" --compression none
exits 0 "a layer and an image"
is "a layer and an image: the layer" "sha256:$(sha256sum < "$WORK/layer/layer.tar" | cut -c -64)" \
    "$(config "$WORK/app.tar" '.rootfs.diff_ids[-1]' | tr -d '"')"
is "a layer and an image: not compressed" "$(manifest_of "$REAL/app:v2" | jq -r '.layers[-1].mediaType')" \
    application/vnd.oci.image.layer.v1.tar
run --spec app.json -o "docker://127.0.0.1:$REAL/app:zstd" -o "docker://127.0.0.1:$REAL/app:again" --compression zstd
exits 0 "two references, zstd"
is "two references, zstd" "$(manifest_of "$REAL/app:again" | jq -r '.layers[-1].mediaType')" \
    application/vnd.oci.image.layer.v1.tar+zstd
is "two references: one image" "$(registry_digest "$REAL/app:zstd")" "$(registry_digest "$REAL/app:again")"
if [ "$(id -u)" -eq 0 ]; then
    ok "docker loads an archive among several" docker load --quiet --input "$WORK/app.tgz"
    command podman --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs --events-backend none \
        pull --quiet --tls-verify=false "docker://127.0.0.1:$REAL/app:v1" > "$WORK/podman.log" 2>&1
    is "podman pulls what was pushed" "$(command podman --root "$WORK/podman" --runroot "$WORK/podman-run" \
        --storage-driver vfs --events-backend none image inspect "127.0.0.1:$REAL/app:v1" | jq -r '.[0].Id')" \
        "$(image_id "$WORK/app.tar" | cut -d : -f 2)"
fi

# --- from the cache

REUSE=1
fresh_cache
run --spec app.json -o "docker://127.0.0.1:$REAL/cached:v1"
exits 0 "pushed alone"
is "pushed alone: the same" "$(registry_digest "$REAL/cached:v1")" "$digest"
run --spec app.json -o cached.tar -o cached.tgz -o oci:cached.oci -o "docker://127.0.0.1:$REAL/cached:v2"
exits 0 "several outputs from the cache"
says "several outputs from the cache: no script runs" '^example/app: cached$'
ok "several outputs from the cache: the archive" cmp "$WORK/cached.tar" "$WORK/app.tar"
ok "several outputs from the cache: the compressed one" cmp "$WORK/cached.tgz" "$WORK/app.tgz"
is "several outputs from the cache: the layout" "$(layout_digest "$WORK/cached.oci")" "$digest"
is "several outputs from the cache: the registry" "$(registry_digest "$REAL/cached:v2")" "$digest"
REUSE=''

# --- failures

run --spec app.json -o x.tar -o docker://127.0.0.1:1/app:v1
exits 9 "an unreachable registry"
says "an unreachable registry: which" "push 'docker://127.0.0.1:1/app:v1'"
leaves_nothing "an unreachable registry"
script_spec fails "$(jq -n --arg base "$BUSYBOX" '{name: "fails", fromImage: $base}')" <<< 'exit 3'
run --spec fails.json -o fails.tar -o "docker://127.0.0.1:$REAL/fails:v1"
exits 5 "a script fails"
says "a script fails: as ever" "^vmbuild: run script 'runAsRoot'"
leaves_nothing "a script fails" "$WORK/fails.tar"
ok "a script fails: nothing is pushed" bash -c '! skopeo inspect --tls-verify=false "$1" 2> "$2"' bash \
    "docker://127.0.0.1:$REAL/fails:v1" "$WORK/skopeo"
# refuse NAME REGEX OPTION...: an error of usage.
refuse() {
    local name=$1 regex=$2
    shift 2
    run --spec app.json "$@"
    exits 2 "$name"
    says "$name: why" "$regex"
}
refuse "a path twice" "'x.tar' is given twice" -o x.tar -o docker-archive:x.tar
refuse "a malformed reference" "read option '--output': .*'docker://'" -o docker://
refuse "a number" "must not have a number" -o docker-archive:x.tar:@1
refuse "an unknown transport" "'containers-storage:' is not supported" -o containers-storage:x
refuse "a compressed oci-archive" "only the layers are compressed" -o oci-archive:x.tar.gz
refuse "--check of a registry" "compares only files" -o docker://127.0.0.1:1/x --check
refuse "the log is an output" "'log' is the output" -o x.tar -o docker-archive:log --log log
refuse "the metadata are an output" "'meta' is the output" -o oci-archive:meta --metadata-file meta
refuse "metadata in a missing directory" "'--metadata-file': write to 'none'" --metadata-file none/x
refuse "credentials for two registries" "the targets are in several registries" --creds u:p \
    -o docker://127.0.0.1:1/a -o docker://127.0.0.1:2/a
run pull docker://127.0.0.1:1/a -o oci:x
exits 2 "pull: another transport"
says "pull: another transport: what helps" "'vmbuild copy'"

# --- metadata and events

is "metadata: the image" "$(jq -c '[.["image.name"], .["containerimage.config.digest"], .["containerimage.digest"]]' "$WORK/meta.json")" \
    "$(jq -nc '$ARGS.positional' --args "127.0.0.1:$REAL/app:v1" "$(image_id "$WORK/app.tar")" "$digest")"
is "metadata: the descriptor" "$(jq -c '.["containerimage.descriptor"]' "$WORK/meta.json")" \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$digest\",\"size\":$(manifest_of "$REAL/app:v1" | wc -c)}"
is "metadata: the layers" "$(jq -c '[.["vmbuild.layers"][] | [.diffID, .digest, .compressedSize]]' "$WORK/meta.json")" \
    "$(jq -nc --argjson ids "$(config "$WORK/app.tar" .rootfs.diff_ids)" \
        --argjson blobs "$(manifest_of "$REAL/app:v1" | jq -c .layers)" \
        '[range($ids | length) | [$ids[.], if . > 0 then ($blobs[.].digest, $blobs[.].size) else null, null end]]')"
is "metadata: the outputs" "$(jq -c '[.["vmbuild.outputs"][] | .output // .reference]' "$WORK/meta.json")" \
    "[\"app.tar\",\"app.tgz\",\"layout\",\"app.oci\",\"app.dir\",\"named.tar\",\"docker://127.0.0.1:$REAL/app:v1\"]"
is "metadata: the size of a file" "$(jq -c '.["vmbuild.outputs"][1].size' "$WORK/meta.json")" "$(stat -c %s "$WORK/app.tgz")"
ok "metadata: built, in some time" jq -e '.["vmbuild.cached"] == false and .["vmbuild.seconds"] > 0' "$WORK/meta.json"
REUSE=1 run --spec app.json -o app.tar --metadata-file meta.json --quiet
exits 0 "--quiet"
is "--quiet: the image's ID" "$(cat "$WORK/out" "$WORK/err")" "$(image_id "$WORK/app.tar")"
is "metadata: cached, an archive alone" "$(jq -c '[.["vmbuild.cached"], .["image.name"], .["containerimage.digest"]]' "$WORK/meta.json")" \
    '[true,"docker.io/example/app:v1",null]'
run --spec app.json -o layer --format layer --quiet
is "--quiet: the path of a layer" "$(cat "$WORK/out" "$WORK/err")" layer
run --spec app.json -o - -o oci:quiet --compression none --quiet
exits 0 "standard output among several"
ok "standard output among several: nothing but the image" cmp "$WORK/out" "$WORK/app.tar"
run --spec app.json -o app.tar -o "docker://127.0.0.1:$REAL/app:v1" --progress json
is "events: one for each output" "$(jq -c 'select(.event == "done") | [.output, .reference, .digest, .config]' "$WORK/err")" \
    "[\"app.tar\",null,null,\"$(image_id "$WORK/app.tar")\"]
[null,\"docker://127.0.0.1:$REAL/app:v1\",\"$digest\",\"$(image_id "$WORK/app.tar")\"]"

# --- several images

jq -n --arg base "$BUSYBOX" '{images: {
    one: {fromImage: $base, contents: "one"},
    two: {fromImage: {use: "one"}, contents: "two"},
    three: {name: "one", architecture: "arm64", contents: "two"}}}' > "$WORK/images.json"
mkdir "$WORK/one" "$WORK/two"
echo 1 > "$WORK/one/1"
echo 2 > "$WORK/two/2"
run --spec images.json two -o "docker://127.0.0.1:$REAL/two:1" -o oci:two.oci --metadata-file meta.json
exits 0 "an image of several is pushed"
is "an image of several is pushed: as it is written" "$(registry_digest "$REAL/two:1")" "$(layout_digest "$WORK/two.oci")"
is "metadata of several" "$(jq -c '[.[] | .["containerimage.digest"]]' "$WORK/meta.json")" "[null,\"$(layout_digest "$WORK/two.oci")\"]"
run --spec images.json one -o oci:one.oci
jq -n '{name: "two", tag: "latest", fromImage: "oci:one.oci", contents: "two"}' > "$WORK/by-hand.json"
run --spec by-hand.json -o oci:by-hand
is "an image on another: as one on its layout" "$(layout_digest "$WORK/by-hand")" "$(layout_digest "$WORK/two.oci")"
run --spec images.json one three -o x.tar
exits 2 "several images, one file"
says "several images, one file: what helps" "with --index"
run --spec images.json one three --index -o oci:index -o oci-archive:index.tar -o "docker://127.0.0.1:$REAL/index:1" \
    --metadata-file meta.json --quiet
exits 0 "an index"
index=$(layout_digest "$WORK/index")
is "an index: its digest" "$(cat "$WORK/out")" "$index"
is "an index: in the registry" "$(registry_digest "$REAL/index:1")" "$index"
is "an index: its images" "$(manifest_of "$REAL/index:1" | jq -c '[.mediaType, [.manifests[] | [.platform.architecture, .annotations]]]')" \
    '["application/vnd.oci.image.index.v1+json",[["amd64",null],["arm64",null]]]'
is "an index: the image is the one alone" "$(manifest_of "$REAL/index:1" | jq -r '.manifests[0].digest')" "$(layout_digest "$WORK/one.oci")"
is "an index: the name" "$(jq -c '.manifests[0].annotations["io.containerd.image.name"]' "$WORK/index/index.json")" \
    '"docker.io/library/one:latest"'
is "an index: skopeo finds a platform" "$(skopeo --override-arch arm64 inspect --tls-verify=false \
    "docker://127.0.0.1:$REAL/index:1" | jq -r .Architecture)" arm64
ok "an index: skopeo copies all of it" skopeo --insecure-policy copy --quiet --all "oci-archive:$WORK/index.tar" "oci:$WORK/copied"
is "metadata of an index" "$(jq -c '[.["containerimage.digest"], .["containerimage.descriptor"].mediaType, .one["image.name"]]' "$WORK/meta.json")" \
    "[\"$index\",\"application/vnd.oci.image.index.v1+json\",\"docker.io/library/one:latest\"]"
run --spec images.json two three --index -o oci:names
exits 0 "an index of other names"
is "an index of other names" "$(jq -c '[.manifests[].annotations["io.containerd.image.name"]]' \
    "$WORK/names/blobs/sha256/$(layout_digest "$WORK/names" | cut -d : -f 2)")" \
    '["docker.io/library/two:latest","docker.io/library/one:latest"]'
run --spec images.json --index
exits 2 "an index without an output"
run --spec images.json --index -o x.tar
exits 2 "an index in a docker-archive"
says "an index in a docker-archive: what helps" "use oci-archive:FILE"
run --spec images.json --index -o oci:x --check
exits 2 "an index with --check"
leaves_nothing "an index"

done_testing
