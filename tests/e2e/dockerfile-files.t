#!/bin/bash
# Files that Dockerfiles copy: what vmbuild makes of them is what Docker does.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/dockerfiles.sh
. "$(dirname "$0")/../dockerfiles.sh"

prepare_dockerfiles

# --- WORKDIR

compare_all 'workdir*'

# --- COPY

compare_all 'copy-*'

# --- ADD

compare_all 'add-*'

done_testing
