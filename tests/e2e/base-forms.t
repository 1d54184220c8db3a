#!/bin/bash
# Base images as other programs write them, in every compression: the result is the same image.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq skopeo zstd xz

cp "$(base busybox)" "$WORK/none.tar"
gzip -1c "$WORK/none.tar" > "$WORK/gzip.tar.gz"
xz -0c "$WORK/none.tar" > "$WORK/xz.tar.xz"
zstd -1qc "$WORK/none.tar" > "$WORK/zstd.tar.zst"
bzip2 -1c "$WORK/none.tar" > "$WORK/bzip2.tar.bz2"
# The name of a base says nothing about its format.
cp "$WORK/gzip.tar.gz" "$WORK/misnamed.tar"
skopeo --insecure-policy copy --quiet "docker-archive:$WORK/none.tar" \
    "docker-archive:$WORK/skopeo.tar:vmbuild-base/busybox:latest"
forms=(none.tar gzip.tar.gz xz.tar.xz zstd.tar.zst bzip2.tar.bz2 misnamed.tar skopeo.tar)
if [ "$(id -u)" -eq 0 ]; then
    docker load --quiet --input "$WORK/none.tar" > /dev/null
    docker save --output "$WORK/engine.tar" vmbuild-base/busybox:latest
    chmod a+r "$WORK/engine.tar"
    forms+=(engine.tar)
else
    skip "docker save" "the Docker Engine needs root"
fi
chmod a+r "$WORK"/*

expected=
for form in "${forms[@]}"; do
    script_spec job "$(jq -n --arg base "$form" '{name: "x", fromImage: $base}')" \
        <<< 'rm /etc/group; echo made > /made'
    build job
    exits 0 "$form"
    ok "$form: the output is whole" image check "$WORK/job.tar"
    : "${expected:=$(config "$WORK/job.tar" .rootfs.diff_ids)}"
    is "$form: the same layers" "$(config "$WORK/job.tar" .rootfs.diff_ids)" "$expected"
done

# Several layers, whiteouts in the middle, the archive format of 2016.
for form in docker skopeo old; do
    image make "$WORK/layers.tar" <<END
{"form": "$form", "layers": [
  [{"path": "bin", "type": "dir"}, {"path": "bin/sh", "mode": "755", "hex": "$(xxd -p < /bin/busybox | tr -d '\n')"},
   {"path": "a", "type": "dir"}, {"path": "a/one", "data": "1"}, {"path": "b", "data": "b"}],
  [{"path": "a/.wh.one"}, {"path": "a/two", "data": "2"}, {"path": ".wh.b"}],
  [{"path": "b", "type": "dir"}, {"path": "b/three", "data": "3"}]],
 "config": {"Env": ["PATH=/bin", "FROM_BASE=yes"]}}
END
    script_spec job '{"name": "x", "fromImage": "layers.tar"}' <<'END'
[ ! -e /a/one ] && [ "$(cat /a/two /b/three)" = 23 ]
[ "$FROM_BASE" = yes ]
echo all as it should be > /result
END
    build job
    exits 0 "three layers, form '$form'"
    is "three layers, form '$form': four layers out" "$(config "$WORK/job.tar" '.rootfs.diff_ids | length')" 4
done

# No base at all.
script_spec job '{"name": "x"}' <<< 'true'
build job
exits 5 "a script without a base has no shell to run it"
says "a script without a base: the message" "'runAsRoot'"

done_testing
