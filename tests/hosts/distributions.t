#!/bin/bash
# The release in root directories of Debian's releases, which are made once and kept.
releases=(bullseye bookworm trixie sid)
# The tests themselves are offline.
if [ -z "${OFFLINE-}" ]; then
    for release in "${releases[@]}"; do
        "$(dirname "$0")/root-directory.sh" "$release" > /dev/null
    done
fi
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

need mmdebstrap
for release in "${releases[@]}"; do
    tar=$("$TOP/tests/hosts/root-directory.sh" "$release") || { fail "$release: make its root directory"; continue; }
    host /opt/vmbuild "$tar"
    check_host "$release"
    check_uml "$release"
done
done_testing
