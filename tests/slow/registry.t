#!/bin/bash
# A registry that sends too slowly to be waited for.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3

start_registry plain
REAL=$PORT
make_layout "$WORK/oci" --layers 1 --size 100000 > /dev/null
skopeo_push "$WORK/oci" "$REAL/a/b:t"
start_proxy drip "$REAL" << 'EOF'
[{"match": "GET .*/blobs/", "do": "drip"}]
EOF
fresh_cache
SECONDS=0
run pull "docker://127.0.0.1:$PORT/a/b:t" -o drip.tar
exits 9 "a registry that drips"
says "the message says why" "too slow"
is "the request is repeated once" "$(requests drip 'GET .*/blobs/')" 2
ok "it is not waited for longer" test "$SECONDS" -lt 240

done_testing
