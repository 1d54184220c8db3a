#!/bin/bash
# Dockerfiles in the shape that those of well-known projects have (tests/dockerfiles/projects.txt) are built, and
# the command of each image prints what it should. Packages come from an archive on the loopback.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
# shellcheck source=tests/archive.sh
. "$(dirname "$0")/../archive.sh"

need python3

PROJECTS=$TOP/tests/dockerfiles/projects.txt
BASE=$("$TOP/scripts/base-image.sh" tools) || skip_all "Debian's packages could not be fetched"

# --- What they find around them

for package in nginx gnupg1 ca-certificates wget prometheus ghostscript build-essential vnc xterm; do
    add_package "$WORK/files" "usr/bin/$package"
done
list_packages "$WORK/files"
(cd "$WORK/files" && exec python3 -m http.server --bind 127.0.0.1 0) > "$WORK/served" 2>&1 &
SERVER_PIDS+=($!)
wait_for grep -q 'port [0-9]' "$WORK/served"
port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$WORK/served" | head -n 1)

as_user mkdir context
printf '%s\n' '#include <stdio.h>' 'int main(void) { puts("served statically"); return 0; }' |
    as_user tee context/service.c > /dev/null
as_user tee context/app.py <<< 'print("hello from python")' > /dev/null
as_user tee context/requirements.txt <<< 'nothing==1.0' > /dev/null
as_user tee context/package.json <<< '{"name": "app"}' > /dev/null
printf '%s\n' '#!/bin/sh' 'set -e' 'exec "$@"' | as_user tee context/entrypoint.sh > /dev/null
mkdir -p "$WORK/store-1.2.3" "$WORK/archive"
printf '%s\n' '#include <stdio.h>' 'int main(void) { puts("store " VERSION); return 0; }' > "$WORK/store-1.2.3/store.c"
tar -C "$WORK" -czf "$WORK/context/store.tar.gz" store-1.2.3
echo file > "$WORK/archive/file"
tar -C "$WORK" -czf "$WORK/context/archive.tar.gz" archive
as_user tee token <<< 'Zk7qLw2xVb9' > /dev/null

as_user mkdir debian
printf '%s\n' 'FROM tools AS debian' "RUN echo 'deb [trusted=yes] http://10.0.2.2:$port/debian bookworm main'\
 > /etc/apt/sources.list && rm -rf /etc/apt/sources.list.d" | as_user tee debian/Dockerfile > /dev/null
run build --file debian/Dockerfile --build-context "tools=docker-archive:$BASE" -o debian.tar --compression none debian
exits 0 "Debian's image"

# part NAME: its Dockerfile.
part() {
    awk -v name="$1" '/^=== / { inside = $2 == name; next } inside' "$PROJECTS"
}

# words NAME KEY: the values of KEY in its head.
words() {
    sed -n "s/^=== $1\( .*\)\{0,1\}$/\1/p" "$PROJECTS" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# --- Projects

while read -r name; do
    options=(--build-context debian:12=docker-archive:debian.tar --allow-network "host:$port" --memory 1024)
    while IFS= read -r word; do options+=(--target "$word"); done < <(words "$name" target)
    while IFS= read -r word; do options+=(--build-arg "$word"); done < <(words "$name" arg)
    part "$name" | as_user tee "$name.Dockerfile" > /dev/null
    run build --file "$name.Dockerfile" "${options[@]}" --secret id=token,src=token -o "$name.tar" --compression none \
        context
    exits 0 "$name"
    [ "$STATUS" -eq 0 ] || continue
    # As a container of the image would: with its user, directory and environment.
    config "$WORK/$name.tar" '.config | (.Entrypoint // []) + (.Cmd // [])' |
        jq --arg base "$name.tar" '{name: "started", fromImage: $base, run: ., memory: 1024}' |
        as_user tee "$name.json" > /dev/null
    run build --spec "$name.json" --no-output
    exits 0 "$name: its command"
    says "$name: what it prints" "^$(words "$name" expects | tr _ ' ')$"
    rm -f "$WORK/$name.tar"
done < <(sed -n 's/^=== \([^ ]*\).*/\1/p' "$PROJECTS")

done_testing
