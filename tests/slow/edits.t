#!/bin/bash
# Many random edits; SEEDS=FIRST-LAST chooses others.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/edits.sh
. "$(dirname "$0")/../edits.sh"

for seed in $(seq "$(cut -d- -f1 <<< "${SEEDS:-1000-1300}")" "$(cut -d- -f2 <<< "${SEEDS:-1000-1300}")"); do
    same_edits "$seed"
    read_back "$seed"
done
done_testing
