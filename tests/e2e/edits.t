#!/bin/bash
# A fixed set of random edits; tests/slow/edits.t has many more.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/edits.sh
. "$(dirname "$0")/../edits.sh"

for seed in $(seq 1 16); do
    same_edits "$seed"
done
done_testing
