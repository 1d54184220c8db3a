#!/bin/bash
# README's picture of a build shows what the program prints.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
/usr/bin/python3 -c 'import pyte' || skip_all "python3-pyte is missing"

ok "the picture has the program's words" \
    as_user "$TOP/scripts/picture.py" --check "$VMBUILD" "$(base debian)"

done_testing
