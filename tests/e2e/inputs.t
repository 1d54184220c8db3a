#!/bin/bash
# Images in many layouts, those of tools and others, and what is refused of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq skopeo python3 zstd

cat > "$WORK/layers.json" << 'EOF'
{"name": "test/base:v1", "config": {"Env": ["A=1"], "Cmd": ["/a"]},
 "layers": [[{"path": "a", "data": "one"}, {"path": "d", "type": "dir"}], [{"path": "d/b", "size": 300000}]]}
EOF
image make "$WORK/docker.tar" < "$WORK/layers.json"
diff_ids=$(config "$WORK/docker.tar" .rootfs.diff_ids)
run export docker.tar -o expected.tar
exits 0 "export"

# same NAME IMAGE: the image has the layers, and the files, of docker.tar.
same() {
    run inspect "$2"
    exits 0 "$1"
    is "$1: the layers" "$(jq -c '[.layers[].diffID]' "$WORK/out")" "$diff_ids"
    run export "$2" -o exported.tar
    ok "$1: the files" cmp "$WORK/expected.tar" "$WORK/exported.tar"
}

# refused NAME REGEX IMAGE: exit code 3, and a message.
refused() {
    run inspect "$3"
    exits 3 "$1"
    says "$1: why" "^vmbuild: .*$2"
}

# --- Docker's archives
for compression in none gzip zstd xz bzip2; do
    for form in docker25 old; do
        jq --arg form $form --arg compression $compression '. + {form: $form, compression: $compression}' \
            "$WORK/layers.json" | image make "$WORK/$form.tar"
        same "form '$form', $compression" $form.tar
    done
done
run inspect docker25.tar
is "form 'docker25': the name" "$(jq -r '"\(.name) \(.tag)"' "$WORK/out")" "test/base v1"
same "form 'docker25', as docker-archive" docker-archive:docker25.tar:test/base:v1
same "form 'docker25', as oci-archive" oci-archive:docker25.tar:v1
spec child << 'EOF'
{"name": "child", "fromImage": "docker25.tar", "contents": "docker.tar"}
EOF
run --spec child.json --format oci -o child
exits 0 "on an image of form 'docker25'"
is "on an image of form 'docker25': base layers keep their digests" \
    "$(skopeo inspect --raw "oci:$WORK/child:latest" | jq -c '[.layers[:2][].digest]')" "$diff_ids"

# Several images in one archive.
jq '.layers |= .[:1] | .name = "test/other:v2"' "$WORK/layers.json" | image make "$WORK/other.tar"
python3 - "$WORK" << 'EOF'
import io, json, sys, tarfile
members, manifest, repositories = {}, [], {}
for name in "docker", "other":
    with tarfile.open(f"{sys.argv[1]}/{name}.tar") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    manifest += json.loads(files.pop("manifest.json"))
    repositories.update(json.loads(files.pop("repositories")))
    members.update(files)
manifest[1]["RepoTags"].append("test/other:v3")
members["manifest.json"] = json.dumps(manifest).encode()
members["repositories"] = json.dumps(repositories).encode()
for name, left_out in ("several", ""), ("several-old", "manifest.json"):
    with tarfile.open(f"{sys.argv[1]}/{name}.tar", "w") as tar:
        for member, data in members.items():
            if member != left_out:
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
EOF
for archive in several several-old; do
    for choice in '2 {}' '1 {"fromImageName": "test/other"}' '1 {"fromImageTag": "v2"}' \
        '2 {"fromImageName": "docker.io/test/base", "fromImageTag": "v1"}'; do
        jq --arg base $archive.tar '. + {name: "x", fromImage: $base}' <<< "${choice#* }" > "$WORK/chosen.json"
        build chosen
        is "$archive: ${choice#* }" "$STATUS $(config "$WORK/chosen.tar" '.rootfs.diff_ids | length')" \
            "0 ${choice%% *}"
    done
    refused "$archive: no image of that name" "it contains .*test/base:v1.*test/other:v" docker-archive:$archive.tar:no
done
run inspect docker-archive:several.tar:test/other:v3
is "the second tag of an image" "$(jq -r .tag "$WORK/out")" v3

# --- OCI layouts, made by skopeo and changed
skopeo --insecure-policy copy --quiet "docker-archive:$WORK/docker.tar" "oci:$WORK/plain:v1"
same "skopeo's layout" oci:plain:v1
cat > "$WORK/edit.py" << 'EOF'
import copy, gzip, hashlib, io, json, os, subprocess, sys, tarfile
top = sys.argv[1]

def place(descriptor):
    return os.path.join(top, "blobs/sha256", descriptor["digest"][7:])

def read(descriptor):
    with open(place(descriptor), "rb") as file:
        return file.read()

def put(data, descriptor):
    """Writes a blob that the descriptor then names."""
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    descriptor.update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
    with open(place(descriptor), "wb") as file:
        file.write(data)
    return descriptor

with open(top + "/index.json") as file:
    index = json.load(file)
entry = index["manifests"][0]
manifest = json.loads(read(entry))
config = json.loads(read(manifest["config"]))
layers = manifest["layers"]

def save():
    put(config, manifest["config"])
    put(manifest, entry)

OCI = "application/vnd.oci.image."
exec(sys.stdin.read())
if "kept" not in globals():
    save()
with open(top + "/index.json", "w") as file:
    json.dump(index, file)
EOF
# layout NAME < PYTHON: a copy of the layout, changed.
layout() {
    rm -rf "${WORK:?}/$1"
    cp -r "$WORK/plain" "$WORK/$1"
    python3 "$WORK/edit.py" "$WORK/$1"
}

layout unnamed <<< 'del entry["annotations"]'
same "an image without a name" unnamed
run inspect unnamed
is "an image without a name: no name" "$(jq -c '[.name, .tag]' "$WORK/out")" '[null,null]'

layout refs << 'EOF'
save()
second = copy.deepcopy(entry)
second["annotations"] = {"org.opencontainers.image.ref.name": "v2"}
index["manifests"].append(second)
config["config"]["Cmd"] = ["/b"]
third = copy.deepcopy(entry)
third["annotations"] = {"org.opencontainers.image.ref.name": "a.host/test/x:v3"}
put(config, manifest["config"]), put(manifest, third)
index["manifests"].append(third)
kept = True
EOF
for ref in v1=/a v2=/a a.host/test/x:v3=/b; do
    run inspect "oci:refs:${ref%=*}"
    is "of several refs $ref" "$STATUS $(jq -r '.config.Cmd[0]' "$WORK/out")" "0 ${ref#*=}"
done
refused "a ref that does not exist" "find image 'v9' in 'refs'" oci:refs:v9

layout nested << 'EOF'
save()
attestation = put({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "layers": [],
                   "config": {"mediaType": "application/vnd.in-toto+json", "size": 2, "digest": layers[0]["digest"]}},
                  {"mediaType": OCI + "manifest.v1+json", "platform": {"os": "unknown", "architecture": "unknown"}})
amd64 = dict(entry, platform={"os": "linux", "architecture": "amd64"}, annotations={})
config["architecture"] = "arm64"
put(config, manifest["config"])
arm64 = put(manifest, {"mediaType": OCI + "manifest.v1+json",
                       "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}})
inner = put({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [attestation, arm64, amd64]},
            {"mediaType": OCI + "index.v1+json"})
put({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [inner]}, entry)
entry["mediaType"] = OCI + "index.v1+json"
kept = True
EOF
same "an index in an index" nested
for platform in amd64 arm64 arm64/v8 linux/arm64; do
    run inspect nested --platform $platform
    is "--platform $platform" "$STATUS $(jq -r .architecture "$WORK/out")" "0 $(sed 's,linux/,,; s,/v8,,' <<< $platform)"
done
run inspect nested --platform arm64/v7
exits 3 "a variant that does not exist"
spec other << 'EOF'
{"name": "x", "fromImage": "nested", "architecture": "arm64", "contents": "docker.tar"}
EOF
build other
is "architecture chooses the base" "$STATUS $(config "$WORK/other.tar" .architecture)" '0 "arm64"'

layout mips64le <<< 'config["architecture"] = "mips64le"'
spec mips64le <<< '{"name": "x", "fromImage": "mips64le", "runAsRoot": "true"}'
build mips64le
exits 3 "a script on an image for a processor without a guest"
says "a script on an image for a processor without a guest: why" "no guest runs programs for 'mips64le'"
layout arm64 <<< 'config["architecture"] = "arm64"'
spec arm64 <<< '{"name": "x", "fromImage": "arm64", "runAsRoot": "true"}'
USER_ENV=(VMBUILD_APPLIANCE="$WORK")
build arm64
exits 4 "a script on an image for a processor whose guest is not here"
says "a script on an image for a processor whose guest is not here: why" "find the appliance for arm64 in "
USER_ENV=()
build arm64 --accel kvm
exits 4 "a script on an image for another processor, under KVM"
layout windows <<< 'config["os"] = "windows"'
refused "an image for another system" "the image is not for Linux" windows

layout empty << 'EOF'
layers.clear()
config["rootfs"]["diff_ids"] = None
config["history"] = []
EOF
run inspect empty
is "an image without layers" "$STATUS $(jq -c .layers "$WORK/out")" "0 []"
run export empty -o empty.tar
is "an image without layers: no files" "$STATUS $(tar -tf "$WORK/empty.tar")" "0 "
spec on-empty <<< '{"name": "x", "fromImage": "empty", "contents": "docker.tar"}'
build on-empty
exits 0 "on an image without layers"
ok "on an image without layers: whole" image check "$WORK/on-empty.tar"

layout repeated << 'EOF'
layers += layers
config["rootfs"]["diff_ids"] *= 2
EOF
run export repeated -o exported.tar
ok "each layer twice" cmp "$WORK/expected.tar" "$WORK/exported.tar"
spec on-repeated <<< '{"name": "x", "fromImage": "repeated", "config": {"Cmd": ["/c"]}}'
build on-repeated
exits 0 "on an image with each layer twice"
run export on-repeated.tar -o exported.tar
ok "on an image with each layer twice: the files" cmp "$WORK/expected.tar" "$WORK/exported.tar"

layout bare << 'EOF'
tar = bytes(1024)
put(tar, layers[0])
layers[0]["mediaType"] = OCI + "layer.v1.tar"
config["rootfs"]["diff_ids"][0] = layers[0]["digest"]
EOF
run inspect bare
is "a layer without entries" "$STATUS $(jq '.layers[0].uncompressedSize' "$WORK/out")" "0 1024"

# Layers in several gzip members, as in eStargz, and in zstd frames with others that are to be skipped, as in
# zstd:chunked.
layout stargz << 'EOF'
for layer in layers:
    tar = gzip.decompress(read(layer))
    put(b"".join(gzip.compress(tar[i:i + 700]) for i in range(0, len(tar), 700)) + gzip.compress(b""), layer)
EOF
same "gzip members" stargz
layout chunked << 'EOF'
def frame(data):
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
def skipped(data):
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data
for layer in layers:
    tar = gzip.decompress(read(layer))
    layer["mediaType"] = OCI + "layer.v1.tar+zstd"
    put(frame(tar[:700]) + frame(tar[700:]) + skipped(b"manifest") + skipped(bytes(64)), layer)
EOF
same "zstd frames" chunked
layout lying <<< 'for layer in layers: layer["mediaType"] = OCI + "layer.v1.tar"'
same "layers compressed otherwise than their media type states" lying

layout foreign <<< 'layers[0]["mediaType"] = OCI + "layer.nondistributable.v1.tar+gzip"'
refused "a foreign layer" "is a foreign layer" foreign
layout urls <<< 'layers[0]["urls"] = ["https://localhost/layer"]'
refused "a layer stored elsewhere" "is a foreign layer" urls
layout encrypted <<< 'layers[0]["mediaType"] += "+encrypted"'
refused "an encrypted layer" "is encrypted" encrypted
layout artifact <<< 'manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"'
refused "an artifact" "not an image" artifact
layout short <<< 'layers[0]["size"] += 1'
refused "a layer of the wrong size" "bytes, but the manifest states" short
layout damaged << 'EOF'
save()
with open(place(layers[1]), "r+b") as file:
    file.seek(20)
    file.write(b"damaged")
EOF
refused "a damaged layer" "is damaged" damaged
layout missing <<< 'save(); os.unlink(place(layers[1]))'
refused "a missing layer" "No such file" missing
layout diff <<< 'config["rootfs"]["diff_ids"].reverse()'
refused "layers in an order other than the config's" "diff ID" diff

# --- References
refused "an unsupported transport" "'docker-daemon:' is not supported" docker-daemon:test/base:v1
says "an unsupported transport: the supported ones" "docker-archive:FILE.*oci-archive:FILE.*oci:DIR.*docker://"
spec daemon <<< '{"name": "x", "fromImage": "containers-storage:test/base:v1"}'
build daemon
exits 3 "fromImage of an unsupported transport"
says "fromImage of an unsupported transport: the supported ones" "oci-archive:FILE"
refused "a digest in an archive" "by tag, not by digest" "docker-archive:docker.tar:x@sha256:$(printf %064d 1)"

done_testing
