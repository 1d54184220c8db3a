#!/bin/bash
# The formats and compressions of outputs, read by other programs; inspect, export, dry-run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq skopeo

script_spec job "$(jq -n --arg base "$(base busybox)" '{name: "example/out", tag: "v2", fromImage: $base,
    created: "2020-02-02T02:02:02Z", config: {Env: ["A=1"], Entrypoint: ["/bin/echo"]}}')" \
    <<< 'rm /etc/group; mkdir -p /d/e; echo x > /d/e/f; ln /d/e/f /d/g; chown 1:2 /d/g; chmod 6711 /d/g'
build job
exits 0 "docker-archive"
ok "docker-archive: whole" image check "$WORK/job.tar"
diff_ids=$(config "$WORK/job.tar" .rootfs.diff_ids)
is "Entrypoint clears Cmd" "$(config "$WORK/job.tar" '[.config.Entrypoint, .config.Cmd]')" \
    '[["/bin/echo"],null]'
is "history: the base's, and one more" "$(config "$WORK/job.tar" '.history | length')" 2
is "history: what made the layer" "$(config "$WORK/job.tar" '.history[-1]')" \
    '{"created":"2020-02-02T02:02:02Z","created_by":"runAsRoot: rm /etc/group; mkdir -p /d/e; echo x > /d/e/f; ln /d/e/f /d/g; chown 1:2 /d/g; chmod 6711 /d/g","comment":"vmbuild"}'

for compression in none gzip zstd; do
    run --spec job.json --output "job.$compression" --compression $compression
    exits 0 "docker-archive, $compression"
done
is "docker-archive: skopeo sees the layers" \
    "$(skopeo inspect --config "docker-archive:$WORK/job.none" | jq -c .rootfs.diff_ids)" "$diff_ids"
# (skopeo 1.9 reads no docker-archive that is compressed as a whole.)
ok "docker-archive, gzip: the same inside" cmp <(gzip -dc "$WORK/job.gzip") "$WORK/job.none"
ok "docker-archive, zstd: the same inside" cmp <(zstd -dc < "$WORK/job.zstd") "$WORK/job.none"
if [ "$(id -u)" -eq 0 ]; then
    like "docker-archive, gzip: docker load" "$(docker load --input "$WORK/job.gzip" 2>&1)" '^Loaded image: example/out:v2$'
    like "docker history: what made the layer" \
        "$(docker history --no-trunc --format '{{.CreatedBy}} ({{.Comment}})' example/out:v2 | head -n 1)" \
        '^runAsRoot: rm /etc/group; .* \(vmbuild\)$'
fi
run --spec job.json --output job.quiet --compression none --progress none
is "a quiet build prints nothing" "$(cat "$WORK/err")" ""
leaves_nothing "a build"
run --spec job.json --output job.default
is "gzip is the default" "$(head -c 2 "$WORK/job.default" | xxd -p)" 1f8b
for name in named.tar=none named.tar.gz=gzip named.tgz=gzip named.tar.zst=zstd; do
    run --spec job.json --output "${name%=*}"
    ok "the name ${name%=*} decides" cmp "$WORK/${name%=*}" "$WORK/job.${name#*=}"
done
is "a name in .tar: skopeo reads it" \
    "$(skopeo inspect --config "docker-archive:$WORK/named.tar" | jq -c .rootfs.diff_ids)" "$diff_ids"
run --spec job.json --output wrong.tar --compression gzip
exits 2 "a name that contradicts --compression"
says "a name that contradicts --compression: both" "'gzip' contradicts .*'wrong.tar'"
leaves_nothing "a name that contradicts --compression" "$WORK/wrong.tar"
run export named.tar -o exported.tar
run export named.tar -o exported.tar.gz
ok "export to a name in .tar.gz" cmp <(gzip -dc "$WORK/exported.tar.gz") "$WORK/exported.tar"

for compression in gzip zstd none; do
    for format in oci oci-archive; do
        out=job.$format.$compression
        run --spec job.json --output "$out" --format $format --compression $compression
        exits 0 "$format, $compression"
        is "$format, $compression: skopeo sees the layers" \
            "$(skopeo inspect --config "$format:$WORK/$out:v2" | jq -c .rootfs.diff_ids)" "$diff_ids"
        like "$format, $compression: the layers' media type" \
            "$(skopeo inspect --raw "$format:$WORK/$out:v2" | jq -c '[.layers[].mediaType]')" \
            "\\.tar$([ $compression = none ] || echo "\\+$compression")\""
    done
done
is "oci: the layout's version" "$(jq -r .imageLayoutVersion "$WORK/job.oci.gzip/oci-layout")" 1.0.0
is "oci: names" "$(jq -c '.manifests[0].annotations | [.["org.opencontainers.image.ref.name"], .["io.containerd.image.name"]]' "$WORK/job.oci.gzip/index.json")" \
    '["v2","docker.io/example/out:v2"]'
is "oci: annotations" "$(skopeo inspect --raw "oci:$WORK/job.oci.gzip:v2" | jq -c .annotations)" \
    "{\"org.opencontainers.image.base.name\":\"docker.io/vmbuild-base/busybox:latest\",\"org.opencontainers.image.created\":\"2020-02-02T02:02:02Z\"}"
ok "oci: each blob matches its name" bash -c \
    'cd "$1/blobs/sha256" && for blob in *; do echo "$blob  $blob"; done | sha256sum --check --quiet' bash "$WORK/job.oci.gzip"

# podman ARGUMENT...: with a store for this test alone.
podman() {
    command podman --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs \
        --events-backend none "$@"
}
# engine_reads NAME ENGINE FILE: the engine loads the file, and then has the same image.
engine_reads() {
    local name save=(save)
    # (It cannot write Docker's format with layers compressed by zstd.)
    [ "$2" = docker ] || save+=(--format oci-archive)
    ok "$1: $2 loads it" "$2" load --quiet --input "$WORK/$3"
    name=$("$2" image ls --format '{{.Repository}}:{{.Tag}}' | grep example/out)
    like "$1: $2 has its name" "$name" '^([a-z.]*/)?example/out:v2$'
    is "$1: $2 sees the layers" "$("$2" image inspect "$name" | jq -c '.[0].RootFS.Layers')" "$diff_ids"
    "$2" "${save[@]}" --output "$WORK/saved.tar" "$name" > "$WORK/save.log" 2>&1
    chmod a+r "$WORK/saved.tar"
    run inspect saved.tar
    is "$1: what $2 saves is the same again" "$(jq -c '[.layers[].diffID]' "$WORK/out")" "$diff_ids"
    "$2" rmi --force "$name" > "$WORK/save.log" 2>&1
    rm -f "$WORK/saved.tar"
}
if [ "$(id -u)" -eq 0 ]; then
    # (Debian 12's Docker predates OCI archives, and its podman cannot read an archive compressed with gzip.)
    for out in job.none job.gzip; do
        engine_reads "$out" docker $out
    done
    for out in job.none job.zstd job.oci-archive.none job.oci-archive.gzip job.oci-archive.zstd; do
        engine_reads "$out" podman $out
    done
fi

# A base in OCI format: its blobs are kept.
script_spec child '{"name": "child", "fromImage": "oci:job.oci.gzip:v2"}' <<< 'echo child > /child'
run --spec child.json --output child.oci --format oci
exits 0 "a base in OCI form"
is "a base in OCI form: its layers keep their digests" \
    "$(skopeo inspect --raw "oci:$WORK/child.oci:latest" | jq -c '[.layers[:2][].digest]')" \
    "$(skopeo inspect --raw "oci:$WORK/job.oci.gzip:v2" | jq -c '[.layers[].digest]')"
is "a base in OCI form: annotations" "$(skopeo inspect --raw "oci:$WORK/child.oci:latest" | jq -c .annotations)" \
    "$(jq -nc --arg digest "sha256:$(skopeo inspect --raw "oci:$WORK/job.oci.gzip:v2" | sha256sum | cut -c -64)" \
        '{"org.opencontainers.image.base.digest": $digest, "org.opencontainers.image.base.name": "docker.io/example/out:v2",
          "org.opencontainers.image.created": "1970-01-01T00:00:01Z"}')"
run --spec child.json --output annotated.oci --format oci --set 'annotations={"z.y": "\u00e9 1", "a": "",
    "org.opencontainers.image.created": null, "org.opencontainers.image.base.name": "example.org/b:1"}'
exits 0 "annotations of the spec"
is "annotations of the spec: over the others" \
    "$(skopeo inspect --raw "oci:$WORK/annotated.oci:latest" | jq -c '.annotations | del(.["org.opencontainers.image.base.digest"])')" \
    '{"a":"","org.opencontainers.image.base.name":"example.org/b:1","z.y":"é 1"}'
if [ "$(id -u)" -eq 0 ]; then
    ok "umoci unpacks it" umoci unpack --image "$WORK/child.oci:latest" "$WORK/unpacked"
    is "umoci sees all layers" "$(cat "$WORK/unpacked/rootfs/child" "$WORK/unpacked/rootfs/d/g")" $'child\nx'
fi

run --spec job.json --output job.layer --format layer
exits 0 "layer"
is "layer: its files" "$(ls "$WORK/job.layer")" $'VERSION\njson\nlayer.tar'
is "layer: the same layer" "\"sha256:$(sha256sum < "$WORK/job.layer/layer.tar" | cut -c 1-64)\"" "$(jq .[-1] <<< "$diff_ids")"
is "layer: the checksum is its tarsum" "$(jq -r .checksum "$WORK/job.layer/json")" \
    "$(as_user "$VMBUILD" tarsum "$WORK/job.layer/layer.tar")"

# To standard output.
run --spec job.json --output - --compression none
exits 0 "to standard output"
ok "to standard output: the same bytes" cmp "$WORK/out" "$WORK/job.tar"

script_spec failing "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" <<< 'exit 3'
run --spec failing.json --output - --compression none
exits 5 "a script that fails, to standard output"
is "a script that fails: nothing is on standard output" "$(wc -c < "$WORK/out")" 0
run --spec failing.json --output failing.tar --compression none
exits 5 "a script that fails"
leaves_nothing "a script that fails" "$WORK/failing.tar"

# Outputs that cannot be written.
run --spec job.json --output nowhere/job.tar
exits 1 "into a directory that does not exist"
says "into a directory that does not exist: the message" '^vmbuild: .*nowhere'
mkdir "$WORK/folder"
long=$(printf 'a%.0s' {1..300})
for out in nowhere/job.tar folder folder/ "$long" /proc/job.tar job.json/job.tar; do
    for words in "--spec job.json" "export job.tar" "--spec job.json --format oci"; do
        read -ra words <<< "$words"
        [[ ${words[*]}$out != *oci"folder"* ]] || continue # an empty folder may be replaced
        run "${words[@]}" --output "$out"
        exits 1 "${words[*]} to ${out:0:20}"
        unlike "${words[*]} to ${out:0:20}: reported before any work" "$(cat "$WORK/err")" '^(base|read)$'
    done
done
if [ "$(id -u)" -eq 0 ]; then
    mkdir "$WORK/small"
    mount -t tmpfs -o size=1m,mode=777 none "$WORK/small"
    head -c 500000 /dev/zero > "$WORK/small/job.tar"
    previous=$(sha256sum < "$WORK/small/job.tar")
    run --spec job.json --output small/job.tar --compression none
    exits 6 "the output's disk is full"
    says "the output's disk is full: which" '^vmbuild: .*small'
    is "the output's disk is full: only the previous output is there" \
        "$(ls -A "$WORK/small") $(sha256sum < "$WORK/small/job.tar")" "job.tar $previous"
    leaves_nothing "the output's disk is full"
    umount "$WORK/small"
else
    skip "the output's disk is full" "mount needs root"
fi

# All formats in, the same out.
for form in docker-archive:job.gzip docker-archive:job.tar:example/out:v2 oci:job.oci.zstd oci:job.oci.none:v2 \
    oci-archive:job.oci-archive.gzip:v2 job.oci-archive.zstd job.zstd job.oci.gzip; do
    run inspect "$form"
    exits 0 "inspect $form"
    ok "inspect $form: JSON" jq -e . "$WORK/out"
    like "inspect $form: the layers" "$(cat "$WORK/out")" "$(jq -r '.[-1]' <<< "$diff_ids")"
    run export "$form" --output "rootfs.tar"
    exits 0 "export $form"
    : "${exported:=$(sha256sum < "$WORK/rootfs.tar")}"
    is "export $form: the same bytes" "$(sha256sum < "$WORK/rootfs.tar")" "$exported"
done
if [ "$(id -u)" -eq 0 ]; then
    mkdir "$WORK/exported"
    tar -C "$WORK/exported" --xattrs --xattrs-include='*' --numeric-owner -xpf "$WORK/rootfs.tar"
    unpack "$WORK/job.tar" "$WORK/umoci"
    is "export: what umoci unpacks" "$(diff <(image tree "$WORK/exported") <(image tree "$WORK/umoci/rootfs") | head -n 20)" ""
fi

# Printing what would be done, doing nothing.
rm -f "$WORK/job.tar"
build job --dry-run
exits 0 "--dry-run"
ok "--dry-run: prints the steps" jq -e . "$WORK/out"
ok "--dry-run: creates nothing" test ! -e "$WORK/job.tar"

run --spec job.json --output job.tar --progress json
exits 0 "--progress json"
ok "--progress json: an object a line" bash -c 'jq -es "map(.event) | length > 3" < "$1"' bash "$WORK/err"
build job --quiet
exits 0 "--quiet"
is "--quiet: prints nothing" "$(cat "$WORK/err")" ""
build job --set tag=v9 --set 'config={"User":"9"}'
exits 0 "--set"
is "--set: over the spec" "$(config "$WORK/job.tar" .config.User) $(image members "$WORK/job.tar" | wc -l)" \
    "\"9\" $(image members "$WORK/job.none" | wc -l)"
build job --check
exits 0 "--check"

run --version
exits 0 "--version"
like "--version" "$(cat "$WORK/out")" '^vmbuild [0-9]'
for command in build convert graph export pull push login logout merge tarsum inspect doctor cache schema; do
    run $command --help
    exits 0 "$command --help"
    like "$command --help: its synopsis" "$(cat "$WORK/out")" "vmbuild.* $command"
done
run schema
exits 0 "schema"
is "schema: the keys of the spec" "$(jq -r '.properties | keys | join(" ")' "$WORK/out")" \
    "annotations architecture author closure config contents cpus created createdBy diskSize emptyLayer env extraCommands fromImage fromImageName fromImageTag images memory mounts name network postMount postUmount preMount run runAsRoot secrets shadowSetup shares stillClock tag timeout"
run doctor
exits 0 "doctor"
like "doctor: the accelerator" "$(cat "$WORK/out")" 'TCG|KVM'

done_testing
