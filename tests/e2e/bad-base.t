#!/bin/bash
# Invalid base images: exit code 3, and never a byte of theirs outside the program's own
# directories.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

good='{"layers": [[{"path": "etc", "type": "dir"}, {"path": "etc/x", "data": "x"}]]}'
image make "$WORK/good.tar" <<< "$good"

# repack IN OUT EXPRESSION: changes the members of an archive: NAMES and DATA by Python.
repack() {
    python3 - "$@" <<'END'
import io, json, sys, tarfile
source, target, expression = sys.argv[1:]
with tarfile.open(source) as tar:
    members = {m.name: tar.extractfile(m).read() for m in tar}
layer = next(name for name in members if name.endswith("layer.tar"))
manifest = json.loads(members["manifest.json"])
exec(expression)
if isinstance(members["manifest.json"], bytes) and "manifest.json" not in expression:
    members["manifest.json"] = json.dumps(manifest).encode()
with tarfile.open(target, "w") as tar:
    for name, data in members.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
END
}

# refuses NAME REGEX: the base image $WORK/base.tar.
refuses() {
    spec job <<< '{"name": "x", "fromImage": "base.tar", "config": {"Cmd": ["x"]}}'
    build job
    exits 3 "$1"
    says "$1: the message" "^vmbuild: .*base\.tar.*($2)"
    leaves_nothing "$1" "$WORK/job.tar"
}

head -c 5000 "$(base debian)" > "$WORK/base.tar"
refuses "cut off in a layer" 'truncated|unexpected end|Truncated|ends'

gzip -1c "$(base busybox)" | head -c 500000 > "$WORK/base.tar"
refuses "cut off in its compression" 'truncated|unexpected end|Truncated|ends'

zstd -1qc "$(base busybox)" | head -c 500000 > "$WORK/base.tar"
refuses "cut off in zstd" 'truncated|unexpected end|Truncated|ends'

repack "$WORK/good.tar" "$WORK/base.tar" 'members[layer] = members[layer].replace(b"etc/x", b"etc/y")'
refuses "a layer that does not match its digest" 'digest|diff ID|sha256'

repack "$WORK/good.tar" "$WORK/base.tar" \
    'members[manifest[0]["Config"]] = members[manifest[0]["Config"]].replace(b"amd64", b"arm64")'
refuses "a config that does not match its digest" 'digest|sha256'

repack "$WORK/good.tar" "$WORK/base.tar" 'manifest[0]["Layers"] = ["../../../etc/passwd"]'
refuses "a layer path with .." '\.\.'

repack "$WORK/good.tar" "$WORK/base.tar" 'manifest[0]["Layers"] = ["/etc/passwd"]'
refuses "an absolute layer path" '/etc/passwd'

repack "$WORK/good.tar" "$WORK/base.tar" 'del members[layer]'
refuses "a layer that does not exist" 'layer\.tar'

repack "$WORK/good.tar" "$WORK/base.tar" 'manifest[0]["Layers"] = []'
refuses "fewer layers than the config lists" 'layer'

repack "$WORK/good.tar" "$WORK/base.tar" 'members["manifest.json"] = b"[{"'
refuses "a manifest that is not JSON" 'manifest\.json'

repack "$WORK/good.tar" "$WORK/base.tar" 'members["manifest.json"] = b"[]"'
refuses "a manifest without images" 'manifest\.json|no image'

repack "$WORK/good.tar" "$WORK/base.tar" 'members["manifest.json"] = b"[" * 10_000_000'
refuses "a manifest of nothing but brackets" 'manifest\.json'

head -c 100000 /dev/urandom > "$WORK/base.tar"
refuses "not an image at all" 'tar archive'

: > "$WORK/base.tar"
refuses "empty" 'tar archive'

mkdir "$WORK/plain"
echo x > "$WORK/plain/file"
tar -C "$WORK/plain" -cf "$WORK/base.tar" .
refuses "a tar that holds no image" 'not an image|manifest|neither'

spec job <<< '{"name": "x", "fromImage": "good.tar", "fromImageName": "other", "config": {"Cmd": ["x"]}}'
build job
exits 3 "a name that the archive does not have"
says "a name that the archive does not have: the message lists those it has" 'test/base'

# Layers that try to leave their directory. In the guest; the host never unpacks them.
# escapes NAME DESCRIPTION
escapes() {
    image make "$WORK/base.tar" <<< "$2"
    script_spec job '{"name": "x", "fromImage": "base.tar"}' <<< 'true'
    build job
    ok "$1: refused, or kept inside" test "$STATUS" -eq 3 -o "$STATUS" -eq 5
    says "$1: the message" '^vmbuild: '
    leaves_nothing "$1" "$WORK/job.tar"
}
if [ -z "${UNDER-}" ]; then
    escapes "a path with .." '{"layers": [[{"path": "../../job/runAsRoot", "data": "escaped"}]]}'
    escapes "a hard link to a path with .." \
        '{"layers": [[{"path": "x", "type": "hard", "to": "../../../init"}]]}'
    escapes "through a symlink" \
        '{"layers": [[{"path": "x", "type": "link", "to": "/"}, {"path": "x/init", "data": "escaped"}]]}'
fi

done_testing
