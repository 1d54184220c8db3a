# shellcheck shell=bash
# Sourced by the scripts of this directory: Debian's source packages, and where what is built from
# them is kept.
#
# All of it lies in $XDG_CACHE_HOME/vmbuild-release (default: ~/.cache): sources/ has the packages
# as Debian ships them, KEY/ what one script built. The key is a digest over the script, its sources
# and the compiler; a build happens in KEY.tmp, under a lock, and is renamed when it is whole.
#
# Where packages are is read from the machine's own apt sources. They are used with a state of our
# own, so that nothing of the machine's configuration changes.
set -euo pipefail
export LC_ALL=C TZ=UTC
# Of files that are made; the same sources give the same bytes whenever they are built.
export SOURCE_DATE_EPOCH=1
umask 022

# shellcheck disable=SC2034 # for the scripts
release_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/vmbuild-release
# shellcheck source=/dev/null disable=SC2034
own_release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")

fail() {
    echo "release: $1" >&2
    exit 1
}

# apt_of RELEASE PROGRAM ARGUMENT...: apt-get or apt-cache that knows RELEASE alone, and not what is
# installed.
apt_of() {
    local state=$cache/apt/$1 program=$2
    shift 2
    "$program" -q -o Dir::State="$state" -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state" -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
        -o Acquire::Languages=none -o APT::Sandbox::User= "$@"
}

# Brings the lists of RELEASE up to date, once a day, and whenever those have changed that this machine
# installs packages from. Without a network, older ones do.
update() {
    local state=$cache/apt/$1 sources
    [ -z "$(find "$state/updated" -mmin -1440 -newer /var/lib/apt/lists 2> /dev/null)" ] || return 0
    mkdir -p "$state/lists/partial" "$state/archives/partial"
    sources=$("$release_scripts/../apt-sources.sh" "$1")
    sed 'p; s/^deb /deb-src /' <<< "$sources" > "$state/sources.list"
    : > "$state/status"
    if apt_of "$1" apt-get update > "$state/log" 2>&1; then
        touch "$state/updated"
    elif [ ! -e "$state/updated" ]; then
        tail -n 5 "$state/log" >&2
        fail "read the lists of Debian '$1'"
    fi
}

# source_files RELEASE NAME[=VERSION]...: a line "FILE SIZE DIGEST" for each file of the newest
# source packages, or of that version.
source_files() {
    local release=$1
    shift
    update "$release"
    # Files that lie in the working directory would be left out.
    (cd "$cache/apt/$release" && apt_of "$release" apt-get source --only-source --print-uris "$@") |
        sed -n "s/^'[^']*' \([^ ]* [0-9]* [^ ]*\)$/\1/p"
}

# Downloads the same packages to sources/, which apt checks against their digests.
download_sources() {
    local release=$1
    shift
    update "$release"
    mkdir -p "$cache/sources"
    (cd "$cache/sources" && apt_of "$release" apt-get source --download-only --only-source "$@") \
        > "$cache/log" 2>&1 || { tail -n 20 "$cache/log" >&2; fail "download the sources of $*"; }
}

# unpack_source RELEASE NAME: to the new directory NAME.
unpack_source() {
    local description
    description=$(source_files "$1" "$2" | sed -n 's/^\([^ ]*\.dsc\) .*/\1/p')
    dpkg-source --no-check -x "$cache/sources/$description" "$2" > /dev/null 2>&1 ||
        fail "unpack '$description'"
}

# deb_files RELEASE PACKAGE...: as source_files, of binary packages.
deb_files() {
    local release=$1
    shift
    update "$release"
    (cd "$cache/apt/$release" && apt_of "$release" apt-get download --print-uris "$@") |
        sed "s/^'[^']*' //"
}

# unpack_debs RELEASE DIR PACKAGE...: what they would install, to DIR.
unpack_debs() {
    local release=$1 folder=$2 debs
    shift 2
    debs=$(mktemp -d)
    (cd "$debs" && apt_of "$release" apt-get download "$@") > /dev/null 2>&1 || fail "download $*"
    for deb in "$debs"/*.deb; do
        dpkg-deb -x "$deb" "$folder"
    done
    rm -r "$debs"
}

# components LIST...: a line "COMPONENT PACKAGE FILES LICENCE" for each component, with its files of all
# LISTs, which have the form of the file components.
components() {
    sed "/^#/d; s/@gcc@/$(gcc -dumpversion)/g" "$@" | awk '
        $1 in files { files[$1] = files[$1] "," $3; next }
        {
            names[++count] = $1
            packages[$1] = $2
            files[$1] = $3
            licences[$1] = $4
            for (i = 5; i <= NF; i++)
                licences[$1] = licences[$1] " " $i
        }
        END {
            for (i = 1; i <= count; i++)
                print names[i], packages[names[i]], files[names[i]], licences[names[i]]
        }'
}

# built_version COMPONENT FILE...: of what was built here, or of whose packages a file is; FILEs have lines
# as source_files prints them. The name of the description, which need not be here, lacks an epoch.
built_version() {
    local component=$1 description
    shift
    description=$(cat "$@" | grep -o "^${component}_[^ ]*\.dsc")
    if [ -e "$cache/sources/$description" ]; then
        sed -n 's/^Version: //p' "$cache/sources/$description"
    else
        sed 's/^[^_]*_//; s/\.dsc$//' <<< "$description"
    fi
}

# keep BUILD INPUT...: prints the path of what the function BUILD leaves in the directory done/ below
# the one it is called in, and calls it unless that is kept already. INPUT is the text that, with
# the script and the compiler, it is known by.
keep() {
    local build=$1 key status
    shift
    key=$({
        printf '%s\n' "$@"
        cat "$0"
        gcc --version | head -n 1
        ld --version | head -n 1
    } | sha256sum | cut -c 1-32)
    if [ ! -e "$cache/$key" ]; then
        mkdir -p "$cache"
        exec 9> "$cache/$key.lock"
        flock 9
    fi
    if [ ! -e "$cache/$key" ]; then
        echo "release: $(basename "$0" .sh): building (some minutes, once)" >&2
        rm -rf "$cache/$key.tmp"
        mkdir "$cache/$key.tmp"
        # Not behind `||`, where the shell would go on after a failure.
        set +e
        (set -e && cd "$cache/$key.tmp" && "$build" > "$cache/$key.tmp/log" 2>&1)
        status=$?
        set -e
        if [ "$status" -ne 0 ]; then
            tail -n 30 "$cache/$key.tmp/log" >&2
            fail "build $(basename "$0" .sh): see $cache/$key.tmp/log"
        fi
        mv "$cache/$key.tmp/done" "$cache/$key"
        rm -rf "$cache/$key.tmp" "$cache/$key.lock"
    fi
    echo "$cache/$key"
}
