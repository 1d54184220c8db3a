#!/bin/bash
# Stages, variables and commands of Dockerfiles: what vmbuild makes of them is what Docker does.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/dockerfiles.sh
. "$(dirname "$0")/../dockerfiles.sh"

prepare_dockerfiles

# --- Stages

compare_all 'from*' target

# --- Variables

compare_all 'arg-*' 'env*'

# --- Commands

compare_all 'run-*' 'shell*' 'escape*' continuations 'comments*' 'lines-*' case-of-keywords

done_testing
