#!/bin/bash
# Prints the sources of apt of a release of Debian, one line each: those of the machine's own release
# under the other's name, whatever files and formats they are configured in. The main archive comes
# first: it keeps files for longer than those of updates do.
#
# usage: apt-sources.sh SUITE
set -euo pipefail
export LC_ALL=C

[ $# -eq 1 ] || { echo "usage: $0 SUITE" >&2; exit 2; }
# shellcheck source=/dev/null
own=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
# shellcheck disable=SC2016 # apt's own variables
sources=$(apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(SITE)|$(COMPONENT)' \
    'Created-By: Packages' | sort -u -t '|' -k 2,2 -k 1,1 -k 3 |
    while IFS='|' read -r origin suite site component; do
        case $origin/$suite in
        Debian/"$own" | Debian/"$own"-updates | Debian/"$own"-security)
            echo "deb $site ${suite/#$own/$1} $component"
            ;;
        esac
    done)
[ -n "$sources" ] || {
    echo "apt sources: there are none of Debian '$own' here: 'apt-get update' first" >&2
    exit 1
}
echo "$sources"
