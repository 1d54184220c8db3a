#!/bin/bash
# Registries that drip, cut, lie or redirect, and networks that end.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
# shellcheck source=tests/faults/faults.sh
. "$(dirname "$0")/faults.sh"
trap 'stop_servers; make_small_again; remove_work' EXIT
need docker-registry skopeo jq python3

start_registry plain
REAL=$PORT
make_layout "$WORK/oci" --size 5000000 > "$WORK/digest"
skopeo_push "$WORK/oci" "$REAL/a/b:t"
IMAGE=a/b@$(cat "$WORK/digest")
NEXT=(export "docker://127.0.0.1:$REAL/$IMAGE")
JOB=("${NEXT[@]}")
job
EXPECTED=$(sum "$WORK/job.tar")
NEXT_EXPECTED=$EXPECTED
PREVIOUS=$(echo previous | sha256sum | cut -d ' ' -f 1)

# through FAULTS: exports through a proxy that makes them (registry.py).
through() {
    local server
    rm -rf "$CACHE" "$WORK/proxy.port" "$WORK/proxy.log"
    start_proxy proxy "$REAL" <<< "[$1]"
    server=${SERVER_PIDS[-1]}
    JOB=(export "docker://127.0.0.1:$PORT/$IMAGE")
    job
    kill "$server"
    unset 'SERVER_PIDS[-1]'
}

# answer WHAT JSON: what happens to each request for a manifest or a blob.
manifests() {
    through "{\"match\": \"GET .*/manifests/\", $1}"
}
blobs() {
    through "{\"match\": \"GET .*/blobs/\", $1}"
}

fault cut-manifest 9 '' manifests '"do": "cut", "after": 100'
fault cut-manifest-once 0 '' manifests '"do": "cut", "after": 100, "times": 1'
fault cut-blobs-sometimes 0 '' blobs '"do": "cut", "after": 2000000, "times": 4'
fault cut-blobs 9 '' blobs '"do": "cut", "after": 0'
fault drip-manifest 9 'too slow' manifests '"do": "drip"'
fault corrupt-manifest 3 '' manifests '"do": "corrupt"'
fault corrupt-blobs 3 'digest sha256:' blobs '"do": "corrupt"'
fault endless-manifest 9 'exceeds' manifests '"do": "flood"'
fault endless-blobs 3 '' blobs '"do": "flood"'
fault endless-refusal 9 'body of more than' manifests '"do": "flood", "status": 404'
fault false-digest 3 '' manifests \
    "\"do\": \"headers\", \"headers\": {\"Docker-Content-Digest\": \"sha256:$(printf %064d 1)\"}"
fault false-length 9 '' blobs '"do": "headers", "headers": {"Content-Length": "10"}'
fault huge-length 9 '' blobs '"do": "headers", "headers": {"Content-Length": "99999999999999999999"}'
fault false-type 0 '' manifests '"do": "headers", "headers": {"Content-Type": "text/html"}'
fault not-json 3 '' manifests '"do": "status", "status": 200, "body": "<html>"'
fault empty-manifest 3 '' manifests '"do": "status", "status": 200'
fault refused 9 '' manifests '"do": "status", "status": 403'
fault not-found 9 '' manifests '"do": "status", "status": 404'
fault down 9 '' manifests '"do": "status", "status": 503, "headers": {"Retry-After": "0"}'
fault busy-sometimes 0 '' manifests '"do": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 2'
fault wait-for-a-day 9 '' manifests '"do": "status", "status": 429, "headers": {"Retry-After": "86400"}'
fault odd-status 9 '' manifests '"do": "status", "status": 299'
fault redirect-loop 9 'redirects' manifests \
    "\"do\": \"status\", \"status\": 307, \"headers\": {\"Location\": \"/v2/a/b/manifests/${IMAGE#*@}\"}"
fault redirect-to-plain-http 9 'plain-http' manifests \
    '"do": "status", "status": 307, "headers": {"Location": "http://192.0.2.1/"}'
fault redirect-to-a-file 9 '' manifests \
    '"do": "status", "status": 307, "headers": {"Location": "file:///etc/passwd"}'
fault redirect-to-nowhere 9 '' manifests '"do": "status", "status": 307'
fault no-ranges 0 '' through '{"match": "GET .*/blobs/", "do": "cut", "after": 2000000, "times": 1},
    {"match": "GET .*/blobs/", "do": "no-range"}'

# nobody_listens: the connection is refused.
nobody_listens() {
    rm -rf "$CACHE"
    JOB=(export "docker://127.0.0.1:1/$IMAGE")
    job
}
fault nobody-listens 9 'Connection refused|connect' nobody_listens

end_faults
