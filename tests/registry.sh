# shellcheck shell=bash
# For tests with registries, sourced after tests/lib.sh: real registries (Debian's docker-registry),
# proxies that inject faults, a token server. All listen on loopback, and end with the test.

SERVERS="python3 $TOP/tests/registry.py"
SERVER_PIDS=()

stop_servers() {
    [ ${#SERVER_PIDS[@]} -eq 0 ] || kill "${SERVER_PIDS[@]}" 2> /dev/null || true
    wait "${SERVER_PIDS[@]}" 2> /dev/null || true
    SERVER_PIDS=()
}
trap 'stop_servers; remove_work' EXIT

# start_registry NAME [YAML]: a registry; sets PORT. Registries of one test share their storage.
# YAML: further lines for its configuration; those of "http" come first, indented.
start_registry() {
    local name=$1
    cat > "$WORK/$name.yml" << EOF
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $WORK/storage}, delete: {enabled: true}}
http:
  addr: 127.0.0.1:0
${2-}
EOF
    # Only its log has the port. (The log of an earlier one must not be read.)
    rm -f "$WORK/$name.log"
    OTEL_TRACES_EXPORTER=none docker-registry serve "$WORK/$name.yml" > "$WORK/$name.log" 2>&1 &
    SERVER_PIDS+=($!)
    wait_for grep -q 'listening on' "$WORK/$name.log" || diag < "$WORK/$name.log"
    # shellcheck disable=SC2034 # for the test
    PORT=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$WORK/$name.log")
}

# start_server NAME COMMAND ARGUMENT...: a server of registry.py; sets PORT.
start_server() {
    local name=$1 command=$2
    shift 2
    rm -f "$WORK/$name.port"
    $SERVERS "$command" "$WORK/$name.port" "$@" > "$WORK/$name.err" 2>&1 &
    SERVER_PIDS+=($!)
    wait_for test -s "$WORK/$name.port"
    # shellcheck disable=SC2034 # for the test
    PORT=$(cat "$WORK/$name.port")
}

# start_proxy NAME TARGET_PORT < FAULTS: sets PORT; the requests are in $WORK/NAME.log.
start_proxy() {
    cat > "$WORK/$1.json"
    start_server "$1" proxy "127.0.0.1:$2" "$WORK/$1.json" "$WORK/$1.log"
}

# start_tokens NAME [OPTION...]: a token server with $WORK/server.key and server.crt; sets PORT.
start_tokens() {
    local name=$1
    shift
    start_server "$name" tokens "$WORK/server.key" "$WORK/server.crt" "$WORK/$name.log" "$@"
}

# start_internet NAME HOST=PORT...: a proxy in front of the only hosts there are; sets PORT.
start_internet() {
    local name=$1
    shift
    start_server "$name" internet "$WORK/$name.log" "$@"
}

# start_files NAME DIR: the files below DIR, over HTTP; sets PORT.
start_files() {
    rm -f "$WORK/$1.log"
    python3 -u -m http.server --bind 127.0.0.1 --directory "$2" 0 > "$WORK/$1.log" 2>&1 &
    SERVER_PIDS+=($!)
    wait_for grep -q ' port ' "$WORK/$1.log"
    # shellcheck disable=SC2034 # for the test
    PORT=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$WORK/$1.log")
}

# requests NAME REGEX: how many of a proxy's or token server's requests match.
requests() {
    grep -cE -e "$2" "$WORK/$1.log" || true
}

# make_layout DIR [OPTION...]: an OCI layout, whose manifest's digest is printed.
make_layout() {
    $SERVERS layout "$@"
}

# skopeo_push LAYOUT PORT/NAME:TAG [OPTION...]
skopeo_push() {
    local layout=$1 target=$2
    shift 2
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false "$@" "oci:$layout:x" \
        "docker://127.0.0.1:$target"
}

# fresh_cache: an empty cache, so that what the program pulls next comes from the registry.
fresh_cache() {
    FRESH=$((${FRESH-0} + 1))
    # shellcheck disable=SC2034 # for lib.sh
    USER_ENV=("XDG_CACHE_HOME=$WORK/cache$FRESH")
    as_user mkdir -p "$WORK/cache$FRESH"
}

# manifest_of PORT/NAME:TAG: the raw manifest in a registry.
manifest_of() {
    skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$1"
}

# config_digest PORT/NAME:TAG
config_digest() {
    manifest_of "$1" | jq -r .config.digest
}

# archive_config FILE: the digest of a docker-archive's config, which is the image's ID.
archive_config() {
    tar -xOf "$1" "$(tar -xOf "$1" manifest.json | jq -r '.[0].Config')" | sha256sum |
        sed 's/^\([0-9a-f]*\).*/sha256:\1/'
}

# archive_diff_ids FILE: the digests of a docker-archive's layer tars, as stored.
archive_diff_ids() {
    local layer
    for layer in $(tar -xOf "$1" manifest.json | jq -r '.[0].Layers[]'); do
        tar -xOf "$1" "$layer" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'
    done
}
