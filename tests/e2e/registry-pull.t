#!/bin/bash
# Pulling from a registry: what arrives is what another client sent there.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq curl python3

start_registry plain
REGISTRY=127.0.0.1:$PORT
make_layout "$WORK/oci" > "$WORK/oci.digest"
DIGEST=$(cat "$WORK/oci.digest")
skopeo_push "$WORK/oci" "$PORT/a/b:t"
DIFF_IDS=$(skopeo inspect --config --raw --tls-verify=false "docker://$REGISTRY/a/b:t" |
    jq -r '.rootfs.diff_ids[]')

make_layout "$WORK/tars" --tar --layers 2 > /dev/null
skopeo_push "$WORK/tars" "$PORT/tars:t" --preserve-digests
skopeo_push "$WORK/oci" "$PORT/docker:t" --format v2s2

# --- The usual outputs
fresh_cache
run pull "docker://$REGISTRY/a/b:t" -o pulled.tar --compression none
exits 0 "pull"
is "the image keeps its ID" "$(archive_config "$WORK/pulled.tar")" "$(config_digest "$PORT/a/b:t")"
is "the layers have their diff IDs" "$(archive_diff_ids "$WORK/pulled.tar")" "$DIFF_IDS"
is "the image has its name" "$(tar -xOf "$WORK/pulled.tar" manifest.json | jq -r '.[0].RepoTags[0]')" \
    "$REGISTRY/a/b:t"
ok "skopeo reads it" skopeo inspect "docker-archive:$WORK/pulled.tar"
cp "$WORK/pulled.tar" "$WORK/first.tar"
run pull "docker://$REGISTRY/a/b:t" -o pulled.tar --compression none
ok "a warm pull yields the same bytes" cmp "$WORK/first.tar" "$WORK/pulled.tar"

fresh_cache
run pull "docker://$REGISTRY/a/b:t" -o plain.tar
ok "the name decides the compression" cmp "$WORK/first.tar" "$WORK/plain.tar"
run pull "docker://$REGISTRY/a/b:t" -o pulled --format oci
exits 0 "pull to an OCI layout"
is "the layers keep their digests" \
    "$(skopeo inspect --raw "oci:$WORK/pulled" | jq -c '[.layers[].digest]')" \
    "$(manifest_of "$PORT/a/b:t" | jq -c '[.layers[].digest]')"
run export pulled -o from-layout.tar
run export "docker://$REGISTRY/a/b:t" -o from-registry.tar
exits 0 "export from a registry"
ok "export from a registry: the same file system" cmp "$WORK/from-layout.tar" "$WORK/from-registry.tar"

run pull "docker://$REGISTRY/a/b:t" -o pulled.tar.gz
exits 0 "pull with the default compression"
is "the image keeps its ID there too" "$(archive_config "$WORK/pulled.tar.gz")" \
    "$(config_digest "$PORT/a/b:t")"

# --- Forms of images
for form in tars docker; do
    fresh_cache
    run pull "docker://$REGISTRY/$form:t" -o "$form.tar" --compression none
    exits 0 "pull an image of $form"
    is "$form: the image keeps its ID" "$(archive_config "$WORK/$form.tar")" \
        "$(config_digest "$PORT/$form:t")"
done

is "tars: its layers are not compressed" "$(manifest_of "$PORT/tars:t" | jq -r '.layers[].mediaType' | sort -u)" \
    application/vnd.oci.image.layer.v1.tar
fresh_cache
run pull "docker://$REGISTRY/tars:t" -o tars.tar.gz
exits 0 "pull an image of tars, and compress it"
is "tars: compressed, the image keeps its ID" "$(archive_config "$WORK/tars.tar.gz")" \
    "$(config_digest "$PORT/tars:t")"

# --- Diff IDs that are not those of the layers
for form in tars oci; do
    cp -r "$WORK/$form" "$WORK/$form-false"
    python3 - "$WORK/$form-false" <<'EOF'
import hashlib, json, os, sys
os.chdir(sys.argv[1])
def read(digest):
    with open("blobs/sha256/" + digest[7:]) as file:
        return json.load(file)
def put(descriptor, document):
    data = json.dumps(document).encode()
    descriptor.update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
    with open("blobs/sha256/" + descriptor["digest"][7:], "wb") as file:
        file.write(data)
with open("index.json") as file:
    index = json.load(file)
manifest = read(index["manifests"][0]["digest"])
config = read(manifest["config"]["digest"])
config["rootfs"]["diff_ids"].reverse()
put(manifest["config"], config)
put(index["manifests"][0], manifest)
with open("index.json", "w") as file:
    json.dump(index, file)
EOF
    skopeo_push "$WORK/$form-false" "$PORT/$form-false:t" --preserve-digests
    fresh_cache
    run pull "docker://$REGISTRY/$form-false:t" -o false.tar --compression none
    exits 3 "$form with false diff IDs"
    says "$form with false diff IDs: which" "^vmbuild: .*diff ID (is )?sha256:"
    leaves_nothing "$form with false diff IDs" "$WORK/false.tar"
done

# --- Digests
run pull "docker://$REGISTRY/a/b@$DIGEST" -o by-digest.tar
exits 0 "pull by digest"
run pull "docker://$REGISTRY/a/b:t" --digest "$DIGEST" -o by-digest.tar
exits 0 "pull by tag and --digest"
skopeo_push "$WORK/tars" "$PORT/a/b:t" --preserve-digests
fresh_cache
run pull "docker://$REGISTRY/a/b:t" --digest "$DIGEST" -o by-digest.tar --compression none
exits 0 "pull by --digest after the tag has moved"
is "the digest decides" "$(archive_diff_ids "$WORK/by-digest.tar")" "$DIFF_IDS"
run pull "docker://$REGISTRY/a/b:t" --digest "sha256:$(printf %064d 1)" -o none.tar
exits 9 "pull by a digest that does not exist"
says "the digest is named" "get manifest 'sha256:0000.*no such image"
ok "no output is made" test ! -e "$WORK/none.tar"
run pull "docker://$REGISTRY/a/b:t" --digest "sha256:12" -o none.tar
exits 2 "a malformed --digest"
run pull "docker://$REGISTRY/a/b@$DIGEST" --digest "sha256:$(printf %064d 1)" -o none.tar
exits 2 "two different digests"

# --- Platforms
amd64=$(manifest_of "$PORT/docker:t" | wc -c) arm64=$(manifest_of "$PORT/tars:t" | wc -c)
put_manifest() { # NAME TAG TYPE < BYTES
    curl --silent --fail --show-error -X PUT -H "Content-Type: $3" --data-binary @- \
        "http://$REGISTRY/v2/$1/manifests/$2"
}
for name in docker tars; do
    skopeo --insecure-policy copy --quiet --src-tls-verify=false --dest-tls-verify=false \
        --preserve-digests "docker://$REGISTRY/$name:t" "docker://$REGISTRY/list:$name"
done
digest_of() { manifest_of "$1" | sha256sum | cut -d ' ' -f 1; }
jq -n --arg one "sha256:$(digest_of "$PORT/docker:t")" --arg two "sha256:$(digest_of "$PORT/tars:t")" \
    --argjson n "$amd64" --argjson m "$arm64" '{schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
    {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $two, size: $m,
     platform: {os: "linux", architecture: "arm64", variant: "v8"}},
    {mediaType: "application/vnd.docker.distribution.manifest.v2+json", digest: $one, size: $n,
     platform: {os: "linux", architecture: "amd64"}}]}' |
    put_manifest list all application/vnd.oci.image.index.v1+json
fresh_cache
run pull "docker://$REGISTRY/list:all" --platform amd64 -o amd64.tar --compression none
exits 0 "pull from an index"
is "the platform's image is pulled" "$(archive_config "$WORK/amd64.tar")" \
    "$(config_digest "$PORT/docker:t")"
run pull "docker://$REGISTRY/list:all" --platform arm64 -o arm64.tar --compression none
is "another platform's image is pulled" "$(archive_config "$WORK/arm64.tar")" \
    "$(config_digest "$PORT/tars:t")"
run pull "docker://$REGISTRY/list:all" --platform s390x -o s390x.tar
exits 3 "no image for the platform"
says "the platforms are listed" "only for linux/arm64/v8, linux/amd64"

# --- Inspecting, which needs no layers
start_proxy inspected "${REGISTRY#*:}" <<< '[]'
fresh_cache
run inspect "docker://127.0.0.1:$PORT/a/b@$DIGEST"
exits 0 "inspect"
is "inspect: the layers" "$(jq -r '.layers[].diffID' "$WORK/out")" "$DIFF_IDS"
is "inspect: their blobs" "$(jq -c '[.layers[] | [.digest, .size]]' "$WORK/out")" \
    "$(skopeo inspect --raw "oci:$WORK/oci:x" | jq -c '[.layers[] | [.digest, .size]]')"
is "inspect: only the config is fetched" "$(requests inspected 'GET .*/blobs/')" 1

# --- No layers, and the same one twice
image make "$WORK/one.tar" <<< '{"name": "one:1", "layers": [[{"path": "a", "size": 200000}]]}'
python3 - "$WORK" <<'EOF'
import io, json, sys, tarfile
with tarfile.open(sys.argv[1] + "/one.tar") as tar:
    files = {member.name: tar.extractfile(member).read() for member in tar}
manifest = json.loads(files["manifest.json"])
config = json.loads(files[manifest[0]["Config"]])
for name, count in ("twice", 2), ("none", 0):
    manifest[0]["Layers"] = manifest[0]["Layers"][:1] * count
    config["rootfs"]["diff_ids"] = config["rootfs"]["diff_ids"][:1] * count or None
    config["history"] = config["history"][:1] * count
    manifest[0]["Config"] = "config.json"
    files["manifest.json"] = json.dumps(manifest).encode()
    files["config.json"] = json.dumps(config).encode()
    with tarfile.open(f"{sys.argv[1]}/{name}.tar", "w") as tar:
        for member, data in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
EOF
for name in twice none; do
    run push $name.tar "docker://$REGISTRY/$name:t"
    exits 0 "push an image with each layer $name"
    start_proxy $name "${REGISTRY#*:}" <<< '[]'
    fresh_cache
    run pull "docker://127.0.0.1:$PORT/$name:t" -o back.tar --compression none
    exits 0 "pull an image with each layer $name"
    is "each layer $name: it is the same image" "$(archive_config "$WORK/back.tar")" \
        "sha256:$(tar -xOf "$WORK/$name.tar" config.json | sha256sum | cut -d ' ' -f 1)"
    is "each layer $name: each blob is fetched once" "$(requests $name 'GET .*/blobs/')" \
        "$([ $name = twice ] && echo 2 || echo 1)"
done

# --- What is not there
run pull "docker://$REGISTRY/a/b:missing" -o none.tar
exits 9 "no such tag"
says "the registry's own words are kept" "MANIFEST_UNKNOWN"
run pull "docker://127.0.0.1:1/a/b:t" -o none.tar
exits 9 "no registry at that address"
# (curl takes all of .localhost for this machine; it is not what a user means by it.)
run pull "docker://registry.localhost:${REGISTRY#*:}/a/b:t" -o none.tar
exits 9 "a registry without TLS whose name is not the loopback's"
says "the message names --plain-http" "speaks plain HTTP, use --plain-http"
run pull "docker://registry.localhost:${REGISTRY#*:}/a/b:t" -o plain.tar --plain-http
exits 0 "it is reached with --plain-http"
run pull "oci:$WORK/oci" -o none.tar
exits 2 "not a registry"
says "the message shows the syntax" "docker://HOST"

# --- As a base
fresh_cache
as_user mkdir -p "$WORK/files"
as_user touch "$WORK/files/added"
spec based << EOF
{"name": "based", "fromImage": "docker://$REGISTRY/docker:t", "contents": "files", "architecture": "amd64"}
EOF
build based
exits 0 "a registry's image as fromImage"
is "its layers come first" "$(archive_diff_ids "$WORK/based.tar" | head -n 3)" "$DIFF_IDS"

# A base of which the output needs only the blobs, and which is larger than they are.
image make "$WORK/large.tar" << EOF
{"layers": [[{"path": "bin/sh", "mode": "755", "hex": "$(xxd -p < /bin/busybox | tr -d '\n')"}, {"path": "z", "size": 100000000}]]}
EOF
run push large.tar "docker://$REGISTRY/large:t"
script_spec large "{\"name\": \"x\", \"fromImage\": \"docker://$REGISTRY/large:t\"}" <<< '[ -s /z ]'
fresh_cache
run --spec large.json --format oci -o large
exits 0 "a script on a registry's image, to an OCI layout"
is "a script on a registry's image, to an OCI layout: the base's blob is kept" \
    "$(skopeo inspect --raw "oci:$WORK/large:latest" | jq -r '.layers[0].digest')" \
    "$(manifest_of "${REGISTRY#*:}/large:t" | jq -r '.layers[0].digest')"
# The second time, a thread checks the blob, and stays while the VM runs. It must not be what SIGTSTP
# stops the program by, before the VM was told.
script_spec large "{\"name\": \"x\", \"fromImage\": \"docker://$REGISTRY/large:t\"}" <<< 'echo started; sleep 600'
start --spec large.json --format oci -o large
wait_for grep -q '^started' "$WORK/err"
worker=$(processes_left | while read -r process _; do
    # It has other threads, and QEMU as a child.
    [ ! -d "/proc/$process/task/$process" ] || [ "$(find "/proc/$process/task" -maxdepth 1 | wc -l)" -le 2 ] ||
        ! grep -qs . "/proc/$process/task/$process/children" || echo "$process"
done)
takes=$(awk '/^SigBlk:/ { print $2 }' "/proc/$worker"/task/*/status | while read -r blocked; do
    ((0x$blocked & 1 << ($(kill -l TSTP) - 1))) || echo "$blocked"
done | wc -l)
kill "$RUN_PID"
finish
exits 143 "a base that is in the cache already"
is "a base that is in the cache already: one thread takes SIGTSTP, and all others block it" "$takes" 1
rm -rf "$WORK"/large*

# --- Without the registry
fresh_cache
run pull "docker://$REGISTRY/a/b@$DIGEST" -o online.tar
stop_servers
run pull "docker://$REGISTRY/a/b@$DIGEST" -o offline.tar
exits 0 "an image by digest, seen before, needs no registry"
ok "the output is the same" cmp "$WORK/online.tar" "$WORK/offline.tar"

done_testing
