#!/bin/bash
# --platform: a spec for one platform or several, the index that these become, and who reads it.
# What runs in a guest of another architecture is tested by tests/foreign/.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"

need jq skopeo podman buildah docker-registry

start_registry plain
REAL=$PORT
AT=127.0.0.1:$REAL
mkdir "$WORK/files"
echo 1 > "$WORK/files/1"
jq -n '{name: "example/app", tag: "v1", contents: "files", config: {Env: ["A=1"]}}' > "$WORK/app.json"

# architectures LAYOUT: of the images of the index that an OCI layout has.
architectures() {
    local index
    index=$(jq -r '.manifests[0].digest' "$1/index.json")
    jq -c '[.manifests[].platform | .architecture + "/" + (.variant // "")]' "$1/blobs/sha256/${index#sha256:}"
}

# --- one platform

build app --platform linux/arm64
exits 0 "one platform"
is "one platform: the image" "$(config "$WORK/app.tar" .architecture)" '"arm64"'
spec stated <<< '{"name": "example/app", "tag": "v1", "contents": "files", "architecture": "arm64", "config": {"Env": ["A=1"]}}'
build stated
ok "one platform: as if the spec had it" cmp "$WORK/app.tar" "$WORK/stated.tar"
build stated --platform aarch64
exits 0 "the platform that the spec has"
build stated --platform amd64
exits 2 "another platform than the spec has"
says "another platform than the spec has: which" "the spec says that image 'example/app' is for 'arm64'"
build stated --platform linux/amd32
exits 2 "an unknown platform"
build stated --platform windows/amd64
exits 2 "a platform of another system"
build app --platform amd64,amd64
exits 2 "a platform twice"
build app --platform amd64,
exits 2 "an empty platform"

# --- several platforms

build app --platform linux/amd64,linux/arm64
exits 2 "an index in a docker-archive"
says "an index in a docker-archive: what helps" "use oci-archive:FILE"
run --spec app.json --platform linux/amd64,linux/arm64,linux/arm/v7 -o oci:index -o oci-archive:index.tar \
    -o "docker://$AT/app:1" --plain-http --metadata-file meta.json
exits 0 "three platforms"
is "three platforms: the index" "$(architectures "$WORK/index")" '["amd64/","arm64/","arm/v7"]'
is "three platforms: the name" "$(jq -r '.manifests[0].annotations["io.containerd.image.name"]' "$WORK/index/index.json")" \
    docker.io/example/app:v1
is "three platforms: metadata of each" "$(jq -r 'keys - ["containerimage.descriptor", "containerimage.digest"] | join(" ")' \
    "$WORK/meta.json" | grep -o 'example/app@[a-z0-9/]*' | tr '\n' ' ')" "example/app@amd64 example/app@arm/v7 example/app@arm64 "
index=$(jq -r '.manifests[0].digest' "$WORK/index/index.json")
is "three platforms: in the registry" "sha256:$(manifest_of "$REAL/app:1" | sha256sum | cut -c -64)" "$index"
is "the same files are one layer" "$(find "$WORK/index/blobs" -type f | wc -l)" 8
run --spec app.json --platform linux/arm64 -o oci:alone
is "an image of several is the one alone" "$(jq -r '.manifests[0].digest' "$WORK/alone/index.json")" \
    "$(jq -r '.manifests[1].digest' "$WORK/index/blobs/sha256/${index#sha256:}")"

# --- who reads it

for platform in amd64 arm64 arm/v7; do
    run inspect oci:index --platform "linux/$platform"
    is "inspect: $platform" "$(jq -r .architecture "$WORK/out")" "${platform%/*}"
    run pull "docker://$AT/app:1" --platform "$platform" --plain-http -o pulled.tar
    exits 0 "pull: $platform"
    is "pull: $platform" "$(config "$WORK/pulled.tar" .architecture)" "\"${platform%/*}\""
done
run inspect oci-archive:index.tar --raw
is "inspect --raw is the index" "sha256:$(sha256sum < "$WORK/out" | cut -c -64)" "$index"
run copy --all oci:index "docker://$AT/copied:1" --plain-http
exits 0 "copy --all"
is "copy --all: the same index" "sha256:$(manifest_of "$REAL/copied:1" | sha256sum | cut -c -64)" "$index"
for source in oci:index oci-archive:index.tar; do
    run push --all $source "docker://$AT/pushed:1" "docker://$AT/pushed:2" --plain-http
    exits 0 "push --all: $source"
    for tag in 1 2; do
        is "push --all: $source: the same index, as $tag" "sha256:$(manifest_of "$REAL/pushed:$tag" | sha256sum | cut -c -64)" "$index"
    done
done
run push oci:index "docker://$AT/pushed:arm" --platform arm64 --plain-http
is "push: the image for one platform" "$(manifest_of "$REAL/pushed:arm" | jq -r .config.digest)" \
    "$(jq -r .config.digest "$WORK/alone/blobs/sha256/$(jq -r '.manifests[0].digest' "$WORK/alone/index.json" | cut -d : -f 2)")"
run push --all app.tar "docker://$AT/pushed:one" --plain-http
exits 0 "push --all of a file that holds one image"
run inspect oci:index --platform riscv64
exits 3 "a platform that is not in the index"

ok "skopeo copies all" skopeo --insecure-policy copy --quiet --all --src-tls-verify=false "docker://$AT/app:1" "oci:$WORK/skopeo:x"
is "skopeo: the same index" "$(jq -r '.manifests[0].digest' "$WORK/skopeo/index.json")" "$index"
is "skopeo: a platform" "$(skopeo --override-arch arm --override-variant v7 inspect "oci-archive:$WORK/index.tar" | jq -r .Architecture)" arm
if [ "$(id -u)" -eq 0 ]; then
    engine=(--root "$WORK/engine" --runroot "$WORK/run" --storage-driver vfs)
    ok "podman pulls a platform" podman "${engine[@]}" pull --quiet --tls-verify=false --arch arm64 "$AT/app:1"
    is "podman: which" "$(podman "${engine[@]}" image inspect --format '{{.Architecture}}' "$AT/app:1")" arm64
    ok "buildah reads the index" buildah "${engine[@]}" manifest create --all --tls-verify=false read "docker://$AT/app:1"
    is "buildah: the platforms" "$(podman "${engine[@]}" manifest inspect read | jq -c '[.manifests[].platform.architecture]')" \
        '["amd64","arm64","arm"]'
    ok "buildah pulls a platform" buildah "${engine[@]}" pull --quiet --tls-verify=false --arch amd64 "docker://$AT/copied:1"
    is "buildah: which" "$(buildah "${engine[@]}" inspect --type image "$AT/copied:1" | jq -r .OCIv1.architecture)" amd64
    for platform in amd64 arm64; do
        ok "Docker pulls $platform" docker pull --quiet --platform "linux/$platform" "$AT/pushed:1"
        is "Docker: $platform" "$(docker image inspect --format '{{.Os}}/{{.Architecture}}' "$AT/pushed:1")" "linux/$platform"
    done
else
    skip "podman, buildah, Docker" "they need root"
fi
# Debian has it from Debian 13 on.
if command docker buildx version > /dev/null 2>&1; then
    ok "docker buildx reads the index" command docker buildx imagetools inspect --raw "$AT/pushed:1"
    is "docker buildx: the platforms" "$(command docker buildx imagetools inspect --raw "$AT/pushed:1" |
        jq -c '[.manifests[].platform.architecture]')" '["amd64","arm64","arm"]'
fi

# --- several images

jq -n '{images: {
    base: {contents: "files"},
    tool: {architecture: "amd64", contents: "files"},
    app: {fromImage: {use: "base"}, contents: [{image: {use: "tool"}, path: "/1"}]}}}' > "$WORK/images.json"
run --spec images.json --platform amd64,arm64 --dry-run
exits 0 "--dry-run"
is "each image is there for each platform" "$(jq -r '.images | keys | join(" ")' "$WORK/out")" \
    "app@amd64 app@arm64 base@amd64 base@arm64 tool@amd64 tool@arm64"
run --spec images.json app --platform amd64,arm64 --set app@arm64.tag=2 --set app.author=me -o oci:images
exits 0 "several images for several platforms"
is "several images for several platforms: the index" "$(architectures "$WORK/images")" '["amd64/","arm64/"]'
run --spec images.json app@arm64 --platform amd64,arm64 --no-output
exits 0 "an image for one of them"
run --spec images.json app@riscv64 --platform amd64,arm64 --no-output
exits 2 "an image for another one"
run --spec images.json tool --platform arm64 -o tool.tar
exits 2 "an image whose architecture is stated"
STATUS=0
as_user "$VMBUILD" --spec - --platform amd64,arm64 -o oci:stdin < "$WORK/app.json" > "$WORK/out" 2> "$WORK/err" || STATUS=$?
exits 0 "a spec on standard input, for several"
is "a spec on standard input: the same index" "$(jq -r '.manifests[0].digest' "$WORK/stdin/index.json")" \
    "$(as_user "$VMBUILD" --spec app.json --platform amd64,arm64 -o oci:again --quiet)"
# --- a Dockerfile

mkdir "$WORK/context"
echo 1 > "$WORK/context/1"
cat > "$WORK/context/Dockerfile" << 'END'
FROM --platform=$BUILDPLATFORM scratch AS tool
ARG TARGETARCH
LABEL arch=$TARGETARCH
COPY 1 /for-$TARGETARCH
COPY 1 /more
FROM scratch
ARG TARGETPLATFORM
LABEL platform=$TARGETPLATFORM
COPY --from=tool /for-* /
COPY 1 /
END
run build -f context/Dockerfile -t file --platform linux/amd64,linux/arm64 -o oci:file context
exits 0 "a Dockerfile for two platforms"
is "a Dockerfile for two platforms: the index" "$(architectures "$WORK/file")" '["amd64/","arm64/"]'
is "a Dockerfile for two platforms: its arguments" "$(for platform in amd64 arm64; do
    as_user "$VMBUILD" inspect oci:file --platform $platform --config | jq -c '[.architecture, .config.Labels.platform]'
done | tr '\n' ' ')" '["amd64","linux/amd64"] ["arm64","linux/arm64"] '
run convert -f context/Dockerfile --platform linux/amd64,linux/arm64 context
exits 2 "convert for two platforms"
run convert -f context/Dockerfile --platform linux/arm64 context
is "convert for another platform" "$(jq -c '[.images[].architecture]' "$WORK/out")" '["amd64","amd64","arm64","arm64"]'
leaves_nothing "platforms"

done_testing
