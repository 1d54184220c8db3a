#!/bin/bash
# Every command of README.md: those of the blocks marked sh, one after another in one folder, against a
# registry on the port that the README names. `make demo` is run as it stands; `make check` runs this.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

PORT=5000

need docker-registry
need skopeo
cat > "$WORK/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $WORK/registry}}
http: {addr: "127.0.0.1:$PORT"}
END
as_user sh -c "echo \$\$ > registry.pid; exec docker-registry serve registry.yml" \
    > "$WORK/registry.log" 2>&1 &
trap 'kill "$(cat "$WORK/registry.pid")"; remove_work' EXIT
for _ in $(seq 100); do
    if (exec 3<> /dev/tcp/127.0.0.1/$PORT) 2> /dev/null; then break; fi
    sleep 0.1
done
ok "the base is in the registry" as_user skopeo copy --insecure-policy --dest-tls-verify=false \
    "docker-archive:$(base debian)" "docker://localhost:$PORT/debian:12"

# block LANGUAGE: the lines of README's blocks in that language.
block() {
    awk -v "start=^\`\`\`$1\$" '/^```/ && inside { inside = 0; next } inside { print } $0 ~ start { inside = 1 }' \
        "$TOP/README.md"
}

block json > "$WORK/hello.json"
# shellcheck disable=SC2034 # for as_user
USER_ENV=(PATH="$(dirname "$VMBUILD"):/usr/bin:/bin")
COUNT=0
while read -r line; do
    COUNT=$((COUNT + 1))
    as_user sh -c "$line" > "$WORK/out" 2> "$WORK/err" < /dev/null
    is "$line" "$?" 0
done < <(block sh)
is "all commands were found" "$COUNT" 8
for file in debian.tar.gz hello.tar.gz rootfs.tar; do
    ok "$file was made" test -s "$WORK/$file"
done
ok "the pushed image is there" as_user skopeo inspect --tls-verify=false "docker://localhost:$PORT/hello:1"

ok "make demo" env -u MAKEFLAGS -u MAKELEVEL make -C "$TOP" demo

done_testing
