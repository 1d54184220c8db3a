#!/bin/bash
# The release as a container image: with Docker, with Podman, and as the Pod of the manual, each without
# any privileges.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

need docker dockerd podman catatonit
IMAGE=${ARCHIVE%.tar.gz}-image.tar
VERSION=$(basename "$ARCHIVE" -x86_64.tar.gz)
VERSION=${VERSION#vmbuild-}
SPACE=$WORK/space
PRIVILEGES=(--user 1000 --cap-drop=ALL --security-opt no-new-privileges --read-only --tmpfs /tmp)

# engine ARGUMENT...: podman, with all its state in $WORK, and no limits that it may not set.
printf '%s\n' '[containers]' 'default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]' > "$WORK/containers.conf"
engine() {
    CONTAINERS_CONF=$WORK/containers.conf podman --root "$WORK/podman" --runroot "$WORK/podman-run" \
        --cgroup-manager cgroupfs "$@"
}

# in_container COMMAND...: sets STATUS, writes $WORK/out and $WORK/err.
in_container() {
    STATUS=0
    "$@" > "$WORK/out" 2> "$WORK/err" < /dev/null || STATUS=$?
}

# check NAME FILE: the image that a container made is the one of the installed program.
check() {
    exits 0 "$1"
    is "$1: the same bytes as the installed program's" \
        "$(sha256sum < "$2")" "$(sha256sum < "$WORK/$(basename "$2")")"
    rm -f "$2"
}

# check_engine NAME COMMAND...: what works in a container that COMMAND runs.
check_engine() {
    local name=$1 spec
    shift
    for spec in pure root; do
        in_container "$@" "vmbuild:$VERSION" --spec "$spec.json" -o "$spec.tar" --compression none
        check "$name: $spec" "$SPACE/$spec.tar"
    done
    in_container "$@" --env HOME=/ "vmbuild:$VERSION" doctor
    exits 0 "$name: doctor"
    is "$name: there is no cache, in one line" "$(grep -c '^vmbuild: working without a cache' "$WORK/err")" 1
    in_container "$@" --env XDG_CACHE_HOME=/cache --tmpfs /cache "vmbuild:$VERSION" inspect base.tar
    exits 0 "$name: a cache on a volume"
    is "$name: a cache on a volume: no advice" "$(cat "$WORK/err")" ""
}

mkdir "$SPACE"
cp -a "$WORK"/{names,base.tar,pure.json,root.json,pulled.json,ca.crt} "$SPACE"
chown -R 1000:1000 "$SPACE"
for spec in pure root pulled; do
    build "$spec" --allow-network "host:$PORT"
done
ok "what is in the image" test "$(layer "$IMAGE" | awk '{ print $3, $4 }' | grep -cE \
    ' (usr/bin/vmbuild|usr/lib/vmbuild/qemu-system-x86_64|etc/ssl/certs/ca-certificates.crt)$')" -eq 3
like "temporaries of all users" "$(layer "$IMAGE")" '1777 0:0 tmp/?$'
ok "no certificate of this machine" test "$(tar -xOf "$IMAGE" --wildcards '*/layer.tar' |
    tar -xO etc/ssl/certs/ca-certificates.crt | grep -c 'BEGIN CERT')" -gt 100

# --- Docker

ok "docker load" docker load --quiet --input "$IMAGE"
check_engine Docker docker run --rm --network none "${PRIVILEGES[@]}" -v "$SPACE:/workspace"
in_container docker run --rm --network none "vmbuild:$VERSION" --version
exits 0 "Docker: the image's own user"

# --- Podman

ok "podman load" engine load --quiet --input "$IMAGE"
check_engine Podman engine run --rm --network none "${PRIVILEGES[@]}" -v "$SPACE:/workspace"
in_container engine run --rm --network host "${PRIVILEGES[@]}" -v "$SPACE:/workspace" --env SSL_CERT_FILE=ca.crt \
    "vmbuild:$VERSION" --spec pulled.json -o pulled.tar --compression none --allow-network "host:$PORT"
check "Podman: a script with network, on a base from a registry" "$SPACE/pulled.tar"

# --- Pod

# Podman would build an image of a directory that has the image's name.
cd "$WORK" || exit
# The manual's, with another spec and without compression, by Podman, which runs Pods too.
sed -n '/^apiVersion: v1/,/^\.Ed/p' "$TOP/build/manual/vmbuild.1" |
    sed -e '/^\.Ed/d' -e 's/\\-/-/g' -e "s/VERSION/$VERSION/" -e 's/hello/root/g' \
        -e '/args:/s/\]$/, "--compression", "none"]/' > "$WORK/pod.yaml"
ok "podman load" engine load --quiet --input "$IMAGE"
engine volume create workspace > /dev/null
VOLUME=$(engine volume inspect --format '{{.Mountpoint}}' workspace)
cp "$WORK"/{base.tar,root.json} "$VOLUME"
# As fsGroup has it, which not every Podman does.
chown -R 1000:1000 "$VOLUME"
in_container engine play kube --network none "$WORK/pod.yaml"
exits 0 "a Pod: it starts"
is "a Pod: it succeeds" "$(engine wait vmbuild-vmbuild)" 0
STATUS=0
engine logs vmbuild-vmbuild > "$WORK/err" 2>&1
check "a Pod" "$VOLUME/root.tar"
engine pod rm --force --all > /dev/null 2>&1
done_testing
