#!/bin/bash
# Pushing to a registry: other clients find what was sent, and nothing is sent twice.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3

start_registry plain
REAL=$PORT
make_layout "$WORK/oci" --size 3000000 > "$WORK/oci.digest"
make_layout "$WORK/other" --size 3000000 --layers 4 > /dev/null
skopeo --insecure-policy copy --quiet "oci:$WORK/other:x" "docker-archive:$WORK/other.tar:other:1"
fresh_cache

# digest NAME:TAG: of the manifest in the registry.
digest() {
    manifest_of "$REAL/$1" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'
}

# --- What arrives
start_proxy log "$REAL" <<< '[]'
run push "oci:oci:x" "docker://127.0.0.1:$PORT/one:t"
exits 0 "push an OCI layout"
is "its manifest is pushed unchanged" "$(digest one:t)" "$(cat "$WORK/oci.digest")"
is "each blob is sent once" "$(requests log 'PATCH ')" 4
run push "oci:oci:x" "docker://127.0.0.1:$PORT/one:u"
exits 0 "push it again"
is "no blob is sent again" "$(requests log 'PATCH ')" 4
run push "oci:oci:x" "docker://127.0.0.1:$PORT/two:t"
exits 0 "push it to another repository"
is "the blobs are mounted" "$(requests log 'POST .*mount=.*from=one 201')/$(requests log 'PATCH ')" 3/5
is "its manifest is there too" "$(digest two:t)" "$(cat "$WORK/oci.digest")"

run push "docker-archive:other.tar" "docker://127.0.0.1:$REAL/archive:t"
exits 0 "push a docker-archive"
is "it is of Docker's schema 2" "$(manifest_of "$REAL/archive:t" | jq -r .mediaType)" \
    application/vnd.docker.distribution.manifest.v2+json
is "it keeps its ID" "$(config_digest "$REAL/archive:t")" "$(archive_config "$WORK/other.tar")"
ok "skopeo copies all of it" skopeo --insecure-policy copy --quiet --src-tls-verify=false \
    "docker://127.0.0.1:$REAL/archive:t" "docker-archive:$WORK/back.tar"
is "its layers are the same" "$(archive_diff_ids "$WORK/back.tar")" \
    "$(archive_diff_ids "$WORK/other.tar")"
run push "docker-archive:other.tar" "docker://127.0.0.1:$REAL/archive:u" --no-cache
is "the pushed image is the same each time" "$(digest archive:u)" "$(digest archive:t)"

skopeo_push "$WORK/oci" "$REAL/docker:t" --format v2s2
run push "docker://127.0.0.1:$REAL/docker:t" "docker://127.0.0.1:$REAL/copy:t"
exits 0 "push from registry to registry"
is "the manifest stays Docker's" "$(manifest_of "$REAL/copy:t" | jq -r .mediaType)" \
    application/vnd.docker.distribution.manifest.v2+json
is "and keeps its digest" "$(digest copy:t)" "$(digest docker:t)"

# --- Broken uploads
run push "docker-archive:other.tar" "docker://127.0.0.1:$REAL/whole:t"
WHOLE=$(digest whole:t)
push_through() { # NAME < FAULTS
    start_proxy "$1" "$REAL"
    run push "docker-archive:other.tar" "docker://127.0.0.1:$PORT/$1:t"
}
push_through cut << 'EOF'
[{"match": "PATCH ", "do": "cut-request", "after": 1500000, "times": 3}]
EOF
exits 0 "connections cut in the middle of uploads"
like "cut: the registry is asked for its state" "$(cat "$WORK/cut.log")" "GET .*/uploads/"
is "cut: the image is whole" "$(digest cut:t)" "$WHOLE"
push_through resumed << 'EOF'
[{"match": "PATCH ", "do": "shorten", "after": 1500000, "times": 2}]
EOF
exits 0 "uploads that arrived in part"
is "resumed: only the rest is sent" "$(requests resumed 'PATCH .*range=1500000-')" 2
is "resumed: the image is whole" "$(digest resumed:t)" "$WHOLE"
push_through busy << 'EOF'
[{"match": "PATCH ", "do": "status", "status": 503, "times": 2},
 {"match": "POST ", "do": "status", "status": 429, "headers": {"Retry-After": "0"}, "times": 2},
 {"match": "PUT .*/blobs/", "do": "status", "status": 500, "times": 1},
 {"match": "PUT .*/manifests/", "do": "status", "status": 502, "times": 1}]
EOF
exits 0 "errors in between"
is "busy: the image is whole" "$(digest busy:t)" "$WHOLE"
push_through denied << 'EOF'
[{"match": "POST ", "do": "status", "status": 403,
  "body": "{\"errors\": [{\"code\": \"DENIED\", \"message\": \"no access\"}]}"}]
EOF
exits 9 "a registry that refuses"
says "denied: its words are kept" "status 403.*DENIED: no access"

# --- Statuses of other registries
push_to() { # NAME < FAULTS
    start_proxy "$1" "$REAL"
    run push "docker-archive:other.tar" "docker://127.0.0.1:$PORT/$1:t"
}
run push "docker-archive:other.tar" "docker://127.0.0.1:$REAL/plain:t"
WHOLE=$(digest plain:t)
for status in 200 201 204; do
    push_to "patch$status" << EOF
[{"match": "PATCH ", "do": "instead", "status": $status},
 {"match": "POST ", "do": "instead", "status": $status}]
EOF
    exits 0 "uploads answered with $status"
    is "$status: each blob is finished" "$(requests "patch$status" 'PUT .*/blobs/')" 5
    is "$status: the image is whole" "$(digest "patch$status:t")" "$WHOLE"
done
push_to put << 'EOF'
[{"match": "PUT .*/manifests/", "do": "instead", "status": 204},
 {"match": "PUT .*/blobs/", "do": "instead", "status": 204}]
EOF
exits 0 "a manifest answered with 204"
is "put: the image is whole" "$(digest put:t)" "$WHOLE"
push_to redirected << EOF
[{"match": "POST /", "do": "status", "status": 307,
  "headers": {"Location": "http://127.0.0.1:$REAL/v2/redirected/blobs/uploads/"}}]
EOF
exits 0 "an upload that begins elsewhere"
is "redirected: the bytes go there" "$(requests redirected 'PATCH ')" 0
is "redirected: the image is whole" "$(digest redirected:t)" "$WHOLE"
push_to elsewhere << EOF
[{"match": "PATCH /", "do": "status", "status": 308, "times": 1,
  "headers": {"Location": "http://127.0.0.1:$REAL/gone"}}]
EOF
exits 9 "bytes that are redirected to nowhere"
says "elsewhere: the other place's status counts" "refused it \\(status 404\\)"

# --- Mounts that fail
# The blobs are known to be in another repository of the registry that the proxy stands for.
fails_to_mount() { # NAME < FAULTS
    start_proxy "$1" "$REAL"
    fresh_cache
    run push "oci:oci:x" "docker://127.0.0.1:$PORT/$1-first:t"
    run push "oci:oci:x" "docker://127.0.0.1:$PORT/$1:t"
    exits 0 "$1: the push succeeds"
    is "$1: mounts were tried" "$(requests "$1" "POST /v2/$1/.*mount=.*from=$1-first")" "$2"
    is "$1: the blobs are sent" "$(requests "$1" "PATCH /v2/$1/")" 4
    is "$1: the image is whole" "$(digest "$1:t")" "$(cat "$WORK/oci.digest")"
}
for status in 400 401 403 404 405; do
    fails_to_mount "mount$status" 3 << EOF
[{"match": "POST .*mount=", "do": "status", "status": $status}]
EOF
done
fails_to_mount nowhere 3 << 'EOF'
[{"match": "POST .*mount=", "do": "instead", "status": 202, "without": ["Location"]}]
EOF

# --- Mistakes
run push missing.tar "docker://127.0.0.1:$REAL/none:t"
exits 3 "an image that does not exist"
run push "docker-archive:other.tar" "oci:elsewhere"
exits 2 "a target that is not a registry"
start_proxy one "$REAL" <<< '[]'
ONE=$PORT
start_proxy two "$REAL" <<< '[]'
TWO=$PORT
for command in push copy; do
    run "$command" "docker-archive:other.tar" "docker://127.0.0.1:$ONE/x:t" "docker://127.0.0.1:$TWO/x:t" \
        --creds user:secret
    exits 2 "$command --creds to two registries"
    says "$command --creds to two registries: why" "'--creds': .*'127.0.0.1:$ONE' and '127.0.0.1:$TWO'"
    run "$command" "docker-archive:other.tar" "docker://127.0.0.1:$REAL/x:t" "docker://127.0.0.1:$REAL/x:u" \
        --creds user:secret
    exits 0 "$command --creds to two tags in one registry"
done
is "--creds to two registries: nothing is requested" "$(requests one .)/$(requests two .)" 0/0

done_testing
