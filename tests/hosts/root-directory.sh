#!/bin/bash
# Makes a root directory of a release of Debian, with its essential packages, as a tar, and prints its path.
# It is made once per machine and kept, beside the base images (scripts/base-image.sh).
#
# usage: root-directory.sh bullseye|bookworm|trixie|sid [DEPENDENCIES]
#
# DEPENDENCIES are packages that are there as well, in the form of a package's field Depends.
#
# The packages come from where the machine's own apt gets them.
set -euo pipefail
export LC_ALL=C

folder=$(dirname "$("$(dirname "$0")/../../scripts/base-image.sh" busybox)")
# The first of alternatives, without versions.
include=$(sed 's/ *([^)]*)//g; s/ *|[^,]*//g; s/ //g' <<< "${2-}")
result=$folder/host-$1${include:+-$(sha256sum <<< "$include" | cut -c 1-8)}.tar
[ ! -e "$result" ] || { echo "$result"; exit; }
# Some releases have no updates.
source=$("$(dirname "$0")/../../scripts/apt-sources.sh" "$1" | grep " $1 main$")
exec 9> "$result.lock"
flock 9
[ ! -e "$result" ] || { echo "$result"; exit; } # another process has made it
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt-config dump Acquire > "$work/apt.conf"
mmdebstrap --quiet --variant=essential --format=tar --aptopt="$work/apt.conf" \
    ${include:+--include="$include" --aptopt='APT::Install-Recommends "false"'} \
    "$1" "$result.tmp" "$source" >&2
mv "$result.tmp" "$result"
echo "$result"
