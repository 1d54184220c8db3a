#!/bin/bash
# Registries and networks that misbehave.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3

start_registry plain
REAL=$PORT
make_layout "$WORK/oci" --size 5000000 > /dev/null
skopeo_push "$WORK/oci" "$REAL/a/b:t"
ID=$(config_digest "$REAL/a/b:t")

# pull_through NAME [OPTION...] < FAULTS: pulls through a proxy of that name, with a fresh cache.
pull_through() {
    local name=$1
    shift
    start_proxy "$name" "$REAL"
    fresh_cache
    run pull "docker://127.0.0.1:$PORT/a/b:t" -o "$name.tar" --compression none "$@"
}

# --- What passes
pull_through cut << 'EOF'
[{"match": "GET .*/blobs/", "do": "cut", "after": 2000000, "times": 4}]
EOF
exits 0 "connections cut in the middle of blobs"
is "cut: the image is whole" "$(archive_config "$WORK/cut.tar")" "$ID"
like "cut: the rest is asked for" "$(cat "$WORK/cut.log")" "206 range=bytes=[1-9]"

# The config is the first blob, and is not large enough to be cut.
pull_through no-range << 'EOF'
[{"match": "GET .*/blobs/", "do": "cut", "after": 2000000, "times": 2},
 {"match": "GET .*/blobs/", "do": "no-range"}]
EOF
exits 0 "a cut connection to a registry without ranges"
is "no-range: the image is whole" "$(archive_config "$WORK/no-range.tar")" "$ID"
like "no-range: the rest was asked for" "$(cat "$WORK/no-range.log")" "200 range=bytes=[1-9]"

pull_through refused-range << 'EOF'
[{"match": "GET .*/blobs/", "do": "cut", "after": 2000000, "times": 2},
 {"match": "GET .*/blobs/.* range=", "do": "status", "status": 416, "times": 1}]
EOF
exits 0 "a cut connection to a registry that refuses the rest"
is "refused-range: the image is whole" "$(archive_config "$WORK/refused-range.tar")" "$ID"
like "refused-range: it was asked for" "$(cat "$WORK/refused-range.log")" "416 range=bytes=[1-9]"

pull_through busy << 'EOF'
[{"match": "GET .*/manifests/", "do": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 2},
 {"match": "GET .*/blobs/", "do": "status", "status": 503, "times": 2},
 {"match": "GET .*/blobs/", "do": "status", "status": 502, "times": 1}]
EOF
exits 0 "429, 503 and 502 now and then"
is "busy: the manifest was asked for three times" "$(requests busy 'GET .*/manifests/')" 3

# --- What does not
pull_through other-range << 'EOF'
[{"match": "GET .*/blobs/", "do": "cut", "after": 2000000, "times": 2},
 {"match": "GET .*/blobs/", "do": "headers", "headers": {"Content-Range": "bytes 5-9/10"}}]
EOF
exits 9 "a registry that sends another range than was asked for"
says "other-range: why" "the registry sent a different range than requested"
ok "other-range: no output" test ! -e "$WORK/other-range.tar"

pull_through down << 'EOF'
[{"match": "/manifests/", "do": "status", "status": 503, "headers": {"Retry-After": "0"}}]
EOF
exits 9 "503 for ever"
is "down: six requests are made" "$(requests down 'GET .*/manifests/')" 6
ok "down: no output" test ! -e "$WORK/down.tar"

pull_through later << 'EOF'
[{"match": "/manifests/", "do": "status", "status": 429, "headers": {"Retry-After": "86400"},
  "body": "{\"errors\": [{\"code\": \"TOOMANYREQUESTS\", \"message\": \"pull rate limit\\u001b[31m\"}]}"}]
EOF
exits 9 "a request to wait for a day"
says "later: the registry's words, harmless" "TOOMANYREQUESTS: pull rate limit\\[31m"

pull_through corrupt << 'EOF'
[{"match": "GET .*/blobs/", "do": "corrupt"}]
EOF
exits 3 "a blob that does not match its digest"
says "corrupt: the digest is named" "get blob 'sha256:.*content with digest sha256:"
leaves_nothing "corrupt" "$WORK/corrupt.tar"

pull_through lie << EOF
[{"match": "GET .*/manifests/", "do": "headers",
  "headers": {"Docker-Content-Digest": "sha256:$(printf %064d 1)"}}]
EOF
exits 3 "a manifest that does not match the registry's digest"

digest=$(manifest_of "$REAL/a/b:t" | sha256sum | cut -d ' ' -f 1)
pull_through changed --digest "sha256:$digest" << 'EOF'
[{"match": "GET .*/manifests/", "do": "corrupt"}]
EOF
exits 3 "a manifest that does not match the requested digest"

pull_through schema1 << 'EOF'
[{"match": "GET .*/manifests/", "do": "status", "status": 200,
  "headers": {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"},
  "body": "{\"schemaVersion\": 1, \"name\": \"a/b\", \"tag\": \"t\", \"fsLayers\": [], \"history\": []}"}]
EOF
exits 3 "schema 1"
says "schema1: the message names it" "schema 1"

pull_through flood << 'EOF'
[{"match": "GET .*/manifests/", "do": "flood"}]
EOF
exits 9 "a manifest without an end"
says "flood: the limit is named" "exceeds 4194304 bytes"

pull_through refusal << 'EOF'
[{"match": "GET .*/manifests/", "do": "flood", "status": 404}]
EOF
exits 9 "a refusal without an end"
says "refusal: the limit is named" "status 404 with a body of more than 1048576 bytes"

pull_through long << 'EOF'
[{"match": "GET .*/blobs/", "do": "flood"}]
EOF
exits 3 "a blob without an end"
leaves_nothing "long" "$WORK/long.tar"

pull_through loop << 'EOF'
[{"match": "GET .*/manifests/", "do": "status", "status": 307, "headers": {"Location": "/v2/a/b/manifests/t"}}]
EOF
exits 9 "redirects without an end"
says "loop: the message says so" "redirects more than"

pull_through downgrade << 'EOF'
[{"match": "GET .*/manifests/", "do": "status", "status": 307, "headers": {"Location": "http://192.0.2.1/"}}]
EOF
exits 9 "a redirect to plain HTTP beyond the loopback"
says "downgrade: the message names the option" "--plain-http"

pull_through elsewhere << 'EOF'
[{"match": "GET .*/manifests/", "do": "status", "status": 307, "headers": {"Location": "file:///etc/passwd"}}]
EOF
exits 9 "a redirect to a file"

# --- Terminated
start_proxy slow "$REAL" << 'EOF'
[{"match": "GET .*/blobs/", "do": "status", "status": 503, "headers": {"Retry-After": "60"}}]
EOF
fresh_cache
start pull "docker://127.0.0.1:$PORT/a/b:t" -o slow.tar
wait_for grep -q "/blobs/" "$WORK/slow.log"
kill -TERM "$RUN_PID"
finish
exits 143 "terminated"
leaves_nothing "terminated" "$WORK/slow.tar"

done_testing
