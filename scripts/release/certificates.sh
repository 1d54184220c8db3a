#!/bin/bash
# Gathers the certificates of authorities that Debian ships, for the container image of the release;
# prints where they lie. Those of this machine may be others.
#
# usage: certificates.sh
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

build() {
    mkdir -p debs done/licences
    unpack_debs "$own_release" debs ca-certificates
    # As update-ca-certificates does: each ends with a newline.
    find debs/usr/share/ca-certificates -name '*.crt' -print0 | sort -z |
        xargs -0 awk 1 > done/ca-certificates.crt
    cp debs/usr/share/doc/ca-certificates/copyright done/licences/ca-certificates
    source_files "$own_release" ca-certificates > done/sources
}

keep build "$(deb_files "$own_release" ca-certificates)"
