#!/bin/bash
# Images as other programs write them, where they differ from what the specifications show.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq skopeo python3

cat > "$WORK/make.py" << 'END'
"""Images, part by part: put() keeps a blob, and oci(), directory() and archive() write what is kept."""
import copy, gzip, hashlib, io, json, os, sys, tarfile

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
blobs = {}

def sha(data):
    return hashlib.sha256(data).hexdigest()

def tar(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()

def put(data, kind="", **more):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    blobs[sha(data)] = data
    return {"mediaType": kind, "digest": "sha256:" + sha(data), "size": len(data), **more}

LAYER = tar(file=b"one")

def config(architecture="amd64", layers=(LAYER,), **more):
    return {"architecture": architecture, "os": "linux", "config": {"Env": ["A=b"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(l) for l in layers]}, **more}

def manifest(document, layers=None, kind=OCI + "config.v1+json", **more):
    layers = [put(gzip.compress(LAYER, mtime=0), OCI + "layer.v1.tar+gzip")] if layers is None else layers
    return {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": put(document, kind),
            "layers": layers, **more}

def entry(document, **more):
    return put(document, document["mediaType"], **more)

def index(*entries):
    return {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": list(entries)}

def platform(architecture, variant=None):
    return {"os": "linux", "architecture": architecture, **({"variant": variant} if variant else {})}

def oci(name, document):
    os.makedirs(name + "/blobs/sha256")
    for digest, data in blobs.items():
        with open(f"{name}/blobs/sha256/{digest}", "wb") as file:
            file.write(data)
    with open(name + "/index.json", "w") as file:
        json.dump(document, file)
    with open(name + "/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')

def directory(name, document):
    os.mkdir(name)
    for digest, data in blobs.items():
        with open(f"{name}/{digest}", "wb") as file:
            file.write(data)
    with open(name + "/manifest.json", "w") as file:
        json.dump(document, file)
    with open(name + "/version", "w") as file:
        file.write("Directory Transport Version: 1.1\n")

def archive(name, members, prefix=""):
    with tarfile.open(name, "w") as out:
        for member, data in members.items():
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            info = tarfile.TarInfo(prefix + member)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))

def docker(*images):
    """The members of an archive of images (NAME, CONFIG)."""
    members, listed = {"l.tar": LAYER}, []
    for name, document in images:
        data = json.dumps(document).encode()
        members[sha(data) + ".json"] = data
        listed.append({"Config": sha(data) + ".json", "RepoTags": [name] if name else None, "Layers": ["l.tar"]})
    return {**members, "manifest.json": listed}
END
# make < PYTHON: writes images to $WORK.
make() {
    (cd "$WORK" && { cat make.py && cat; } | python3 -) || diag "make failed"
}
# shows NAME IMAGE JQ EXPECTED [OPTION...]: what inspect prints.
shows() {
    local name=$1 image=$2 filter=$3 expected=$4
    shift 4
    run inspect "$image" "$@"
    is "$name" "$STATUS $(jq -c "$filter" "$WORK/out")" "0 $expected"
    [ "$STATUS" = 0 ] || diag < "$WORK/err"
}
# refused NAME REGEX ARGUMENT...: exit code 3, and a message.
refused() {
    local name=$1 regex=$2
    shift 2
    run "$@"
    exits 3 "$name"
    says "$name: why" "^vmbuild: .*$regex"
}

# --- Platforms
make << 'END'
archive("amd64.tar", docker(("a:1", config())))
archive("both.tar", docker(("a:1", config("arm64")), ("a:1", config())))
archive("two.tar", docker(("a:1", config("arm64")), ("b:1", config())))
members = docker(("a:1", config()))
arm64 = manifest(config("arm64"))
oci("listed", index(entry(arm64, platform=platform("arm64"))))
members.update({"blobs/sha256/" + digest: data for digest, data in blobs.items()})
members["index.json"] = index(entry(manifest(config()), platform=platform("amd64")),
                              entry(arm64, platform=platform("arm64")))
members.update({"blobs/sha256/" + digest: data for digest, data in blobs.items()})
archive("docker25.tar", members)
oci("single", index(entry(manifest(config()))))
oci("unlabelled", index(entry(manifest(config("arm64"))), entry(manifest(config()))))
directory("dir", manifest(config()))
levels = [entry(manifest(config(comment=v)), platform=platform("amd64", v)) for v in ("v1", "v2", "v3", "v4")]
oci("levels", index(entry(index(*levels))))
oci("v4", index(entry(index(levels[3]))))
variant = entry(manifest(config("arm64", variant="v8")), platform=platform("arm64", "v8"))
oci("arm64", index(entry(index(variant))))
END
for image in amd64.tar docker-archive:amd64.tar single oci:single dir dir:dir; do
    refused "$image: --platform arm64" "none for linux/arm64, only for linux/amd64" inspect "$image" --platform arm64
    shows "$image: --platform amd64" "$image" .architecture '"amd64"' --platform amd64
    shows "$image: --platform x86_64" "$image" .architecture '"amd64"' --platform linux/x86_64
done
for image in both.tar docker25.tar unlabelled; do
    [ $image = unlabelled ] || shows "$image: the host's" "$image" .architecture '"amd64"'
    shows "$image: --platform arm64" "$image" .architecture '"arm64"' --platform aarch64
    refused "$image: --platform s390x" "none for linux/s390x, only for .*linux/a" inspect "$image" --platform s390x
done
shows "several images are not the same for several platforms" two.tar '[.name, .architecture]' '["a","arm64"]'
shows "a layout with one platform, without --platform" listed .architecture '"arm64"'
for name in arm64 arm64/v8 aarch64; do
    shows "--platform $name" arm64 .architecture '"arm64"' --platform $name
done
run inspect levels --platform amd64/v1
v1=$(jq -r .id "$WORK/out")
run inspect levels --platform amd64/v4
v4=$(jq -r .id "$WORK/out")
run inspect levels
unlike "amd64/v1 to v4: not v4" "$(jq -r .id "$WORK/out")" "$v4"
if grep -qw avx2 /proc/cpuinfo; then
    unlike "amd64/v1 to v4: not v1 either" "$(jq -r .id "$WORK/out")" "$v1"
fi
refused "amd64/v4 alone" "only for linux/amd64/v4" inspect v4
spec foreign <<< '{"name": "x", "fromImage": "amd64.tar", "architecture": "arm64", "contents": "make.py"}'
refused "a base for another architecture" "none for linux/arm64, only for linux/amd64" --spec foreign.json -o x.tar
ok "a base for another architecture: no output" test ! -e "$WORK/x.tar"
spec native <<< '{"name": "x", "fromImage": "both.tar", "architecture": "aarch64", "contents": "make.py"}'
build native
is "architecture: aarch64" "$STATUS $(config "$WORK/native.tar" .architecture)" '0 "arm64"'
spec arm <<< '{"name": "x", "architecture": "arm/v7", "contents": "make.py"}'
build arm
is "architecture: arm/v7" "$STATUS $(config "$WORK/arm.tar" '[.architecture, .variant]')" '0 ["arm","v7"]'
run inspect amd64.tar --platform 'arm/v7/x'
exits 2 "a malformed --platform"

# --- Documents
make << 'END'
for name, document in (("empty.tar", config("", os="")), ("none.tar", {"rootfs": config()["rootfs"]})):
    archive(name, docker(("a:1", document)))
lower = json.loads(json.dumps(config()).replace('"Env"', '"env"').replace('"os"', '"OS"'))
members = docker(("a:1", lower))
members["manifest.json"] = [{key.lower(): value for key, value in members["manifest.json"][0].items()}]
archive("lower.tar", members)
dots = docker(("a:1", config()))
dots["manifest.json"][0].update(Config="./" + dots["manifest.json"][0]["Config"], Layers=["./././l.tar"])
archive("dots.tar", dots)
archive("prefixed.tar", docker(("a:1", config())), "./")
text = json.dumps(config()).replace('"config"', '"author": "\\ud800", "author": "\\udfff!", "config"')
data = text.encode()
archive("odd.tar", {"l.tar": LAYER, "c": data, "manifest.json": [{"Config": "c", "Layers": ["l.tar"]}]})
layer = [put(gzip.compress(LAYER, mtime=0), DOCKER + "image.rootfs.diff.tar.gzip")]
for number, kind in enumerate(("application/octet-stream", "text/html", "application/json", "")):
    document = manifest(config(), layer, kind)
    document["mediaType"] = DOCKER + "distribution.manifest.v2+json"
    directory(f"type{number}", document)
directory("html", manifest(config(), kind="text/html"))
directory("null", manifest(config(layers=[]), None) | {"layers": None})
archive("zero.tar", {"e.tar": b"", "c": config(layers=[b""]), "manifest.json": [{"Config": "c", "Layers": ["e.tar"]}]})
oci("zero", index(entry(manifest(config(layers=[b"", b"", LAYER]), [
    put(b"", OCI + "layer.v1.tar"), put(gzip.compress(b"", mtime=0), OCI + "layer.v1.tar+gzip"),
    put(gzip.compress(LAYER, mtime=0), OCI + "layer.v1.tar+gzip")]))))
many = entry(manifest(config()))
oci("refs", index(*(dict(many, annotations={"org.opencontainers.image.ref.name": f"v{i}", "padding": "x" * 300})
                    for i in range(20000))))
END
for image in empty none; do
    shows "$image: the platform" $image.tar '[.os, .architecture]' '["linux","amd64"]'
    spec base <<< "{\"name\": \"x\", \"fromImage\": \"$image.tar\", \"contents\": \"make.py\"}"
    build base
    is "$image: as a base" "$STATUS $(config "$WORK/base.tar" '[.os, .architecture]')" '0 ["linux","amd64"]'
done
shows "keys in another case" lower.tar '[.name, .config.Env, .os]' '["a",["A=b"],"linux"]'
spec base <<< '{"name": "x", "fromImage": "lower.tar", "config": {"Env": ["B=c"]}}'
build base
is "keys in another case: as a base" "$(config "$WORK/base.tar" .config)" '{"Env":["A=b","B=c"]}'
for image in dots prefixed; do
    shows "$image" $image.tar .name '"a"'
done
shows "repeated keys and halves of pairs" odd.tar .author '"�!"'
for number in 0 1 2 3; do
    shows "a config of another type, $number" type$number .architecture '"amd64"'
    ok "a config of another type, $number: skopeo reads it, too" \
        skopeo --insecure-policy copy --quiet "dir:$WORK/type$number" "oci:$WORK/type-copy:$number"
done
refused "a config of another type in an OCI manifest" "not an image" inspect html
shows "layers: null" null .layers '[]'
shows "a layer of no bytes" zero.tar '[.layers[].uncompressedSize]' '[0]'
shows "layers of no bytes" zero '[.layers[].uncompressedSize] | .[:2]' '[0,0]'
run export zero -o exported.tar
is "layers of no bytes: export" "$STATUS $(tar -tf "$WORK/exported.tar")" "0 file"
spec zero <<< '{"name": "x", "fromImage": "zero", "contents": "make.py"}'
build zero
exits 0 "layers of no bytes: as a base"
ok "layers of no bytes: as a base, whole" image check "$WORK/zero.tar"
run --spec zero.json --format oci -o zero-out
exits 0 "layers of no bytes: to OCI"
shows "thousands of refs" oci:refs:v19999 .tag '"v19999"'
refused "thousands of refs: none of them" "v0, .* and 19988 more" inspect oci:refs:w

# --- Which image, and where it comes from
make << 'END'
archive("several.tar", docker(("a:1", config(author="a")), ("b:1", config(author="b")), ("", config(author="c"))))
archive("single.tar", docker(("a:1", config(author="a"))))
sbom = put({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "layers": [],
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": "sha256:" + sha(b"{}")}},
           OCI + "manifest.v1+json")
image = entry(manifest(config()))
oci("artifact", index(sbom, image))
oci("labelled", index(dict(sbom, artifactType="application/spdx+json"), image))
oci("nested", index(entry(index(sbom, image))))
oci("alone", index(sbom))
foreign = {"mediaType": OCI + "manifest.v1+json", "size": 9, "digest": "sha512:" + "0" * 128,
           "annotations": {"org.opencontainers.image.ref.name": "other"}}
oci("sha512", index(foreign, dict(image, annotations={"org.opencontainers.image.ref.name": "v1"})))
directory("skopeo-dir", manifest(config(author="d")))
inner = entry(manifest(config()), platform=platform("amd64"))
directory("list", index(inner))
os.rename("list/" + inner["digest"][7:], "list/" + inner["digest"][7:] + ".manifest.json")
END
for choice in 0=a 1=b 2=c; do
    shows "@${choice%=*}" "docker-archive:several.tar:@${choice%=*}" .author "\"${choice#*=}\""
done
refused "@3" "find image '@3' in 'several.tar': it contains 3 images" inspect docker-archive:several.tar:@3
refused "@x" "'@x' must be '@' and the number of an image" inspect docker-archive:several.tar:@x
for image in artifact labelled nested sha512 oci:sha512:v1; do
    shows "$image: the image" $image .architecture '"amd64"'
done
refused "an artifact alone" "not an image" inspect alone
refused "a digest of another algorithm" "is not SHA-256" inspect oci:sha512:other
shows "skopeo's directory" dir:skopeo-dir .author '"d"'
shows "skopeo's directory, as a path" skopeo-dir .author '"d"'
shows "skopeo's directory with an index" dir:list .architecture '"amd64"'
spec dir <<< '{"name": "x", "fromImage": "dir:skopeo-dir", "contents": "make.py"}'
build dir
is "skopeo's directory as a base" "$STATUS $(config "$WORK/dir.tar" .author)" '0 "d"'
# piped COMMAND...: single.tar, compressed, as standard input of the program.
piped() {
    STATUS=0
    gzip -c "$WORK/single.tar" | as_user "$VMBUILD" "$@" > "$WORK/out" 2> "$WORK/err" || STATUS=$?
}
for image in - docker-archive:-; do
    piped inspect $image
    is "inspect $image" "$STATUS $(jq -r .author "$WORK/out")" "0 a"
done
piped export - -o piped.tar
is "export -" "$STATUS $(tar -tf "$WORK/piped.tar")" "0 file"
spec piped <<< '{"name": "x", "fromImage": "-", "contents": "make.py"}'
piped --spec piped.json -o piped.tar
is "fromImage: -" "$STATUS $(config "$WORK/piped.tar" .author)" '0 "a"'
run inspect -
exits 3 "an empty standard input"
as_user "$VMBUILD" --spec - -o x.tar < "$WORK/piped.json" > "$WORK/out" 2> "$WORK/err"
STATUS=$?
exits 3 "spec and image from one standard input"
says "spec and image from one standard input: why" "'fromImage' and the spec must not both be standard input"

done_testing
