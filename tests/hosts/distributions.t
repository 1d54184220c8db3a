#!/bin/bash
# The release in root directories of Debian's releases, which are made once and kept.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

need mmdebstrap
for release in bullseye bookworm trixie sid; do
    tar=$("$TOP/tests/hosts/root-directory.sh" "$release") || { fail "$release: make its root directory"; continue; }
    host /opt/vmbuild "$tar"
    check_host "$release"
done
done_testing
