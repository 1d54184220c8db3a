#!/bin/bash
# What registries.conf(5) says about registries, their certificates, proxies, and slow registries.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3 openssl

start_registry plain
REAL=$PORT
make_layout "$WORK/oci" --layers 2 --size 100000 > "$WORK/oci.digest"
DIGEST=$(cat "$WORK/oci.digest")
skopeo_push "$WORK/oci" "$REAL/team/app:t"
skopeo_push "$WORK/oci" "$REAL/library/vmbuild-test:t"
ID=$(config_digest "$REAL/team/app:t")

# configured REF [OPTION...] < CONF: pulls with this configuration and an empty cache.
configured() {
    cat > "$WORK/registries.conf"
    fresh_cache
    rm -f "$WORK/pulled.tar"
    USER_ENV+=("CONTAINERS_REGISTRIES_CONF=$WORK/registries.conf" "${VARIABLES[@]}")
    run pull "$@" -o pulled.tar
}
VARIABLES=()
pulled() { # NAME: that the image was pulled
    exits 0 "$1"
    is "$1: it is the image" "$(archive_config "$WORK/pulled.tar")" "$ID"
}

# --- Mirrors
start_proxy mirror "$REAL" <<< '[]'
MIRROR=127.0.0.1:$PORT
start_proxy empty "$REAL" << 'EOF'
[{"match": "/manifests/", "do": "status", "status": 404}]
EOF
EMPTY=127.0.0.1:$PORT
configured docker://registry.invalid/x/app:t << EOF
[[registry]]
prefix = "registry.invalid/x"
location = "registry.invalid/y"
[[registry.mirror]]
location = "$EMPTY/team"
[[registry.mirror]]
location = "$MIRROR/team"
EOF
pulled "the second mirror has it"
is "the first was asked" "$(requests empty 'GET /v2/team/app/manifests/t 404')" 1
is "everything comes from the second" "$(requests mirror 'GET /v2/team/app/')" 4
is "the image keeps its name" "$(tar -xOf "$WORK/pulled.tar" manifest.json | jq -r '.[0].RepoTags[0]')" \
    registry.invalid/x/app:t
configured docker://elsewhere.invalid/team/app:t << EOF
[[registry]]
prefix = "elsewhere.invalid"
location = "127.0.0.1:$REAL"
[[registry.mirror]]
location = "$EMPTY"
EOF
pulled "the location after the mirrors"
configured "docker://elsewhere.invalid/team/app@$DIGEST" << EOF
[[registry]]
location = "elsewhere.invalid"
mirror-by-digest-only = true
[[registry.mirror]]
location = "$MIRROR"
EOF
pulled "a mirror for digests"
configured docker://vmbuild-test:t << EOF
[[registry]]
prefix = "docker.io/library"
location = "127.0.0.1:$REAL/library"
EOF
pulled "a mirror of Docker's registry"
is "its name is short" "$(tar -xOf "$WORK/pulled.tar" manifest.json | jq -r '.[0].RepoTags[0]')" vmbuild-test:t
configured "docker://$EMPTY/team/app:t" << EOF
[[registry]]
location = "$EMPTY"
[[registry.mirror]]
location = "$EMPTY/other"
EOF
exits 9 "neither a mirror nor the registry has it"
says "what the mirror said is there, too" "mirror '$EMPTY': .*no such image"

# --- Blocked
configured "docker://127.0.0.1:$REAL/team/app:t" << EOF
[[registry]]
location = "127.0.0.1:$REAL"
blocked = true
EOF
exits 9 "a blocked registry"
says "the file is named" "registry '127.0.0.1:$REAL' is blocked in '.*registries.conf'"
run push oci:oci:x "docker://127.0.0.1:$REAL/team/new:t"
exits 9 "push to a blocked registry"
configured "docker://127.0.0.1:$REAL/team/app:t" <<< '[[registry]'
exits 3 "a malformed file"
says "file and line are named" "registries.conf': line 1: "

# --- Short names
configured docker://vmbuild-alias:t << EOF
[aliases]
"vmbuild-alias" = "127.0.0.1:$REAL/team/app"
EOF
pulled "an alias"
says "an alias: what it stands for is shown" "alias for '127.0.0.1:$REAL/team/app'"
configured vmbuild-alias:t << EOF
[aliases]
"vmbuild-alias" = "127.0.0.1:$REAL/team/app"
EOF
pulled "an alias without a transport"
configured team/app:t <<< "unqualified-search-registries = ['127.0.0.1:$REAL']"
pulled "the one registry to search"
configured team/app:t <<< "unqualified-search-registries = ['127.0.0.1:$REAL', 'other.invalid']"
exits 2 "two registries to search"
says "both are named" "127.0.0.1:$REAL, other.invalid"
configured team/app:t <<< ''
exits 2 "no registry to search"

# --- Certificates
(
    cd "$WORK" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=wrong.name" -keyout server.key \
        -out server.crt
    chmod 644 ./*.key
) > "$WORK/openssl.log" 2>&1
start_registry secure "  tls: {certificate: $WORK/server.crt, key: $WORK/server.key}"
SECURE=127.0.0.1:$PORT
configured "docker://$SECURE/team/app:t" <<< ''
exits 9 "an unknown certificate"
configured "docker://$SECURE/team/app:t" --tls-verify=false <<< ''
pulled "--tls-verify=false"
configured "docker://$SECURE/team/app:t" << EOF
[[registry]]
location = "$SECURE"
insecure = true
EOF
pulled "insecure"
run push oci:oci:x "docker://$SECURE/team/pushed:t"
exits 0 "push to an insecure registry"
configured "docker://$SECURE/team/app:t" --tls-verify=true << EOF
[[registry]]
location = "$SECURE"
insecure = true
EOF
exits 9 "--tls-verify=true overrides insecure"
run inspect "docker://$SECURE/team/app:t" --tls-verify=perhaps
exits 2 "--tls-verify with another word"

# --- Proxies
start_internet internet "registry.invalid=$REAL"
PROXY=http://127.0.0.1:$PORT
VARIABLES=("HTTP_PROXY=$PROXY")
configured docker://registry.invalid/team/app:t --plain-http <<< ''
pulled "HTTP_PROXY in capitals"
VARIABLES=("HTTP_PROXY=$PROXY" "REQUEST_METHOD=GET")
configured docker://registry.invalid/team/app:t --plain-http <<< ''
exits 9 "HTTP_PROXY in a CGI program"
VARIABLES=("http_proxy=$PROXY" "NO_PROXY=registry.invalid:81")
configured docker://registry.invalid/team/app:t --plain-http <<< ''
pulled "NO_PROXY with another port"
VARIABLES=("http_proxy=$PROXY" "NO_PROXY=other,registry.invalid:80")
configured docker://registry.invalid/team/app:t --plain-http <<< ''
exits 9 "NO_PROXY with the port"
says "NO_PROXY with the port: the name itself is looked up" "resolve"
VARIABLES=()
configured docker://registry.invalid/team/app:t --plain-http --tls-verify=false << EOF
[[registry]]
location = "registry.invalid"
[[registry.mirror]]
location = "127.0.0.1:$REAL"
EOF
pulled "no proxy, but a mirror"

# --- Slow registries
start_proxy drip "$REAL" << 'EOF'
[{"match": "GET .*/blobs/", "do": "drip"}]
EOF
SECONDS=0
configured "docker://127.0.0.1:$PORT/team/app:t" --registry-timeout 3 <<< ''
exits 8 "a registry that drips, with --registry-timeout"
says "the limit and the option are named" "the time limit of 3 s is over"
ok "it ends in time" test "$SECONDS" -lt 55
start_proxy waits "$REAL" << 'EOF'
[{"match": "/manifests/", "do": "status", "status": 503, "headers": {"Retry-After": "60"}}]
EOF
SECONDS=0
configured "docker://127.0.0.1:$PORT/team/app:t" --registry-timeout 2 <<< ''
exits 8 "a registry that asks to wait for longer"
ok "nobody waits for it" test "$SECONDS" -lt 55
configured "docker://127.0.0.1:$REAL/team/app:t" --registry-timeout 600 <<< ''
pulled "a pull in time"
for seconds in 0 -1 1.5 x; do
    run inspect "docker://127.0.0.1:$REAL/team/app:t" "--registry-timeout=$seconds"
    exits 2 "--registry-timeout=$seconds"
done

done_testing
