#!/bin/bash
# Copying between transports: one image, whole indexes, several targets; what is inspected and listed
# without copying.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3

start_registry plain
REAL=$PORT
fresh_cache

image make "$WORK/docker.tar" << 'END'
{"name": "test/base:v1", "config": {"Env": ["A=1"]},
 "layers": [[{"path": "a", "data": "one"}], [{"path": "b", "size": 300000}]]}
END
diff_ids=$(config "$WORK/docker.tar" .rootfs.diff_ids)

# An index of amd64, arm64 and an attestation, which is no image.
(cd "$WORK" && python3 -) << 'END'
import gzip, hashlib, json, os
OCI = "application/vnd.oci.image."
os.makedirs("index/blobs/sha256")
def put(data, kind, **more):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open("index/blobs/sha256/" + digest, "wb") as file:
        file.write(data)
    return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data), **more}
def image(architecture):
    tar = bytes(1024) + architecture.encode().ljust(512, b"\0")
    config = put({"architecture": architecture, "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest()]}}, OCI + "config.v1+json")
    layer = put(gzip.compress(tar, mtime=0), OCI + "layer.v1.tar+gzip")
    return put({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": [layer]},
               OCI + "manifest.v1+json", platform={"os": "linux", "architecture": architecture})
attestation = put({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                   "config": put(b"{}", "application/vnd.oci.empty.v1+json"),
                   "layers": [put(b'{"x":1}', "application/vnd.in-toto+json")]},
                  OCI + "manifest.v1+json", platform={"os": "unknown", "architecture": "unknown"})
entry = put({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
             "manifests": [image("amd64"), image("arm64"), attestation]}, OCI + "index.v1+json",
            annotations={"org.opencontainers.image.ref.name": "all"})
with open("index/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [entry]}, file)
with open("index/oci-layout", "w") as file:
    file.write('{"imageLayoutVersion":"1.0.0"}')
END
index_digest=$(jq -r '.manifests[0].digest' "$WORK/index/index.json")
# digest_of COMMAND...: the digest of what it prints.
digest_of() {
    "$@" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'
}
raw() {
    as_user "$VMBUILD" inspect --raw "$@" 2> "$WORK/err"
}

# --- One image
same() { # NAME IMAGE
    run inspect "$2"
    is "$1" "$STATUS $(jq -c '[.layers[].diffID]' "$WORK/out")" "0 $diff_ids"
}
run copy docker.tar oci:layout:v1 oci-archive:archive.tar:v1 dir:dir docker-archive:again.tar \
    "docker://127.0.0.1:$REAL/one:a" "docker://127.0.0.1:$REAL/one:b" "docker://127.0.0.1:$REAL/two:a"
exits 0 "to seven targets"
for image in oci:layout:v1 oci-archive:archive.tar:v1 dir:dir docker-archive:again.tar:test/base:v1 \
    "docker://127.0.0.1:$REAL/one:a" "docker://127.0.0.1:$REAL/one:b" "docker://127.0.0.1:$REAL/two:a"; do
    same "to ${image/$REAL/PORT}" "$image"
done
leaves_nothing "copy"
for image in oci:$WORK/layout:v1 oci-archive:$WORK/archive.tar:v1 dir:$WORK/dir docker-archive:$WORK/again.tar; do
    is "skopeo reads ${image/$WORK\//}" "$(skopeo inspect --config "$image" | jq -c .rootfs.diff_ids)" "$diff_ids"
done
run copy "docker://127.0.0.1:$REAL/one:a" dir:from-registry oci:from-registry.oci:x
exits 0 "from a registry"
ok "dir: keeps the manifest" cmp "$WORK/from-registry/manifest.json" <(raw "docker://127.0.0.1:$REAL/one:a")
ok "skopeo reads the dir" skopeo --insecure-policy copy --quiet "dir:$WORK/from-registry" "oci:$WORK/back:x"
skopeo --insecure-policy copy --quiet "docker-archive:$WORK/docker.tar" "dir:$WORK/skopeo-dir"
run copy dir:skopeo-dir docker-archive:from-dir.tar:other/name:v2
exits 0 "from skopeo's dir"
run inspect from-dir.tar
is "the target's name" "$(jq -c '[.name, .tag]' "$WORK/out")" '["other/name","v2"]'
run copy dir:from-registry dir:from-registry
exits 0 "a dir onto itself"
ok "a dir onto itself: whole" skopeo --insecure-policy copy --quiet "dir:$WORK/from-registry" "oci:$WORK/back:y"
mkdir "$WORK/precious"
touch "$WORK/precious/file"
run copy docker.tar dir:precious
exits 1 "a directory with other files is not replaced"
ok "a directory with other files is not replaced: it is there" test -e "$WORK/precious/file"
STATUS=0
as_user "$VMBUILD" copy - docker-archive:piped.tar < "$WORK/docker.tar" > "$WORK/out" 2> "$WORK/err" || STATUS=$?
exits 0 "from standard input"
same "from standard input: the image" piped.tar
as_user "$VMBUILD" copy docker.tar - > "$WORK/stdout.tgz" 2> "$WORK/err"
ok "to standard output" gzip -t "$WORK/stdout.tgz"
run copy docker.tar named.tar.zst
ok "the name decides the compression" zstd -qt "$WORK/named.tar.zst"
run copy docker.tar oci-archive:x.tar.gz
exits 2 "a compressed oci-archive"
run copy docker.tar nowhere:
run copy "docker://127.0.0.1:$REAL/none:a" dir:none
exits 9 "an image that is not there"
leaves_nothing "an image that is not there" "$WORK/none"

# An OCI layout that exists keeps its other images.
run copy docker.tar oci:shared:one
run copy index oci:shared:two --platform arm64
exits 0 "into an OCI layout that exists"
same "into an OCI layout that exists: the first" oci:shared:one
run inspect oci:shared:two
is "into an OCI layout that exists: the second" "$(jq -r .architecture "$WORK/out")" arm64
run copy index oci:shared:one --platform amd64
run inspect oci:shared:one
is "a name that exists is replaced" "$(jq -r '.architecture + " \(.layers | length)"' "$WORK/out")" "amd64 1"
is "a name that exists is replaced: two names" "$(jq '.manifests | length' "$WORK/shared/index.json")" 2
ok "umoci reads it" umoci stat --image "$WORK/shared:two"

# --- Whole indexes
run copy --all oci:index:all "docker://127.0.0.1:$REAL/all:x" "docker://127.0.0.1:$REAL/all:y"
exits 0 "--all to a registry, two tags"
for tag in x y; do
    is "--all to a registry: the digest of $tag" "$(digest_of manifest_of "$REAL/all:$tag")" "$index_digest"
done
ok "--all to a registry: skopeo copies all of it" skopeo --insecure-policy copy --all --quiet \
    --src-tls-verify=false "docker://127.0.0.1:$REAL/all:x" "dir:$WORK/skopeo-all"
run copy --all "docker://127.0.0.1:$REAL/all:x" oci:all.oci:v1 oci-archive:all.tar:v1 dir:all.dir
exits 0 "--all from a registry"
for image in oci:all.oci:v1 oci-archive:all.tar:v1 dir:all.dir dir:skopeo-all; do
    is "--all: $image keeps the digest" "$(digest_of raw "$image")" "$index_digest"
    for architecture in amd64 arm64; do
        run inspect "$image" --platform $architecture
        is "--all: $image has $architecture" "$STATUS $(jq -r .architecture "$WORK/out")" "0 $architecture"
    done
done
ok "--all: skopeo reads the dir" skopeo --insecure-policy copy --all --quiet "dir:$WORK/all.dir" "oci:$WORK/sk-all:v1"
ok "--all: skopeo reads the layout" skopeo --insecure-policy copy --all --quiet "oci:$WORK/all.oci:v1" "dir:$WORK/sk-all2"
is "--all: the attestation is there" "$(find "$WORK/all.oci/blobs" -type f | wc -l)" "$(find "$WORK/index/blobs" -type f | wc -l)"
run copy --all dir:skopeo-all "docker://127.0.0.1:$REAL/again:x"
is "--all from skopeo's dir" "$STATUS $(digest_of manifest_of "$REAL/again:x")" "0 $index_digest"
run copy --all "docker://127.0.0.1:$REAL/all:x" "docker://127.0.0.1:$REAL/third:x"
is "--all from registry to registry" "$STATUS $(digest_of manifest_of "$REAL/third:x")" "0 $index_digest"
run copy --all index docker-archive:index.tar
exits 2 "--all to a docker-archive"
ok "--all to a docker-archive: nothing is written" test ! -e "$WORK/index.tar"
run copy --all docker.tar oci:single:v1
exits 0 "--all of a docker-archive, which has one"
same "--all of a docker-archive, which has one: the image" oci:single:v1
rm "$WORK/all.oci/blobs/sha256/$(jq -r '.manifests[0].digest' "$WORK/all.dir/manifest.json" | cut -d: -f2)"
run copy --all oci:all.oci:v1 oci:damaged:v1 --no-cache
exits 3 "--all of a layout that lacks a manifest"

# An index may list artifacts without a word of what they are.
(cd "$WORK" && python3 -) << 'END'
import hashlib, json, shutil
shutil.copytree("index", "unlabelled")
with open("unlabelled/index.json") as file:
    index = json.load(file)
place = "unlabelled/blobs/sha256/"
with open(place + index["manifests"][0]["digest"][7:]) as file:
    entries = json.load(file)["manifests"]
for entry in entries:
    del entry["platform"]
data = json.dumps({"schemaVersion": 2, "mediaType": index["manifests"][0]["mediaType"],
                   "manifests": [entries[2], entries[0]]}).encode()
index["manifests"][0].update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
with open(place + hashlib.sha256(data).hexdigest(), "wb") as file:
    file.write(data)
with open("unlabelled/index.json", "w") as file:
    json.dump(index, file)
END
run copy --all unlabelled "docker://127.0.0.1:$REAL/unlabelled:x"
fresh_cache
for image in unlabelled "docker://127.0.0.1:$REAL/unlabelled:x"; do
    run inspect "$image"
    is "an artifact before the image: ${image/$REAL/PORT}" "$STATUS $(jq -r .architecture "$WORK/out")" "0 amd64"
done
run inspect "docker://127.0.0.1:$REAL/unlabelled:x" --platform arm64
exits 3 "an artifact before the image: another platform"

# --- Push
run push docker.tar "docker://127.0.0.1:$REAL/push:1" "docker://127.0.0.1:$REAL/push:2" --progress=json
exits 0 "push under two tags"
is "push under two tags: both are shown" \
    "$(jq -r 'select(.event == "done") | .reference' "$WORK/err" | sed 's/.*://' | paste -sd' ')" "1 2"
is "push under two tags: one manifest" "$(digest_of manifest_of "$REAL/push:1")" "$(digest_of manifest_of "$REAL/push:2")"

# --- Inspect and list
is "--raw: of an index" "$(digest_of raw "docker://127.0.0.1:$REAL/all:x")" "$index_digest"
is "--raw: of a platform" "$(digest_of raw "docker://127.0.0.1:$REAL/all:x" --platform arm64)" \
    "$(jq -r '.manifests[1].digest' "$WORK/all.dir/manifest.json")"
is "--raw: of a docker-archive" "$(raw docker.tar | jq -c '[.layers[].digest]')" "$diff_ids"
for image in docker.tar dir:dir "docker://127.0.0.1:$REAL/one:a"; do
    run inspect "$image"
    id=$(jq -r .id "$WORK/out")
    is "--config: ${image/$REAL/PORT}" "$(digest_of as_user "$VMBUILD" inspect --config "$image")" "$id"
done
run list-tags "docker://127.0.0.1:$REAL/push"
is "list-tags" "$STATUS $(jq -c '[.Repository, (.Tags | sort)]' "$WORK/out")" "0 [\"127.0.0.1:$REAL/push\",[\"1\",\"2\"]]"
is "list-tags: as skopeo" "$(jq -cS . "$WORK/out")" \
    "$(skopeo list-tags --tls-verify=false "docker://127.0.0.1:$REAL/push" | jq -cS .)"
cat > "$WORK/pages.py" << 'END'
"""A registry that has one repository, whose list of tags comes in pages of two."""
import http.server, json, sys, urllib.parse
TAGS = ["a", "b", "c", "d", "e"]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))
        after = TAGS.index(query["last"]) + 1 if "last" in query else 0
        body = json.dumps({"name": "x", "tags": TAGS[after:after + 2]}).encode()
        self.send_response(200)
        if after + 2 < len(TAGS):
            self.send_header("Link", f'</v2/x/tags/list?last={TAGS[after + 1]}&n=2>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w") as file:
    file.write(str(server.server_port))
server.serve_forever()
END
python3 "$WORK/pages.py" "$WORK/pages.port" &
SERVER_PIDS+=($!)
wait_for test -s "$WORK/pages.port"
run list-tags "docker://127.0.0.1:$(cat "$WORK/pages.port")/x"
is "list-tags: page by page" "$STATUS $(jq -c .Tags "$WORK/out")" '0 ["a","b","c","d","e"]'
start_proxy endless "$REAL" < <(
    python3 - << 'END'
import json
print(json.dumps([{"match": "/tags/list", "do": "status", "status": 200,
                   "headers": {"Link": "</v2/x/tags/list>; rel=\"next\""},
                   "body": json.dumps({"name": "x", "tags": ["a"] * 600000})}]))
END
)
run list-tags "docker://127.0.0.1:$PORT/x"
exits 3 "list-tags: a list without end"
says "list-tags: a list without end: why" "more than 1048576 tags"
run list-tags "docker://127.0.0.1:$REAL/none"
exits 9 "list-tags of no repository"
run list-tags docker.tar
exits 2 "list-tags of a file"

done_testing
