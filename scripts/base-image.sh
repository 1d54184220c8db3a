#!/bin/bash
# Makes a base image to build on, as the docker-archive that `docker save` writes, and prints its
# path. It is made once per machine and kept.
#
# usage: base-image.sh debian     the machine's own Debian release, minbase and e2fsprogs, which is
#                                 not in the former in all of them
#        base-image.sh tools      the same with a C compiler and Python
#        base-image.sh busybox    nothing but a static busybox; made in no time
#        base-image.sh busybox ARCHITECTURE FILE    the same for another, with the busybox FILE
#
# Kept in VMBUILD_BASE_DIR, or else in a folder of the cache that unprivileged users can read too.
# The packages come from where the machine's own apt gets them.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

# Of the files and of the image: the same packages give the same image.
export SOURCE_DATE_EPOCH=1704067200
created=2024-01-01T00:00:00Z
tar_options=(--sort=name --format=gnu --owner=0 --group=0 --numeric-owner "--mtime=@$SOURCE_DATE_EPOCH")

fail() {
    echo "base image: $1" >&2
    exit 1
}

cache_folder() {
    if [ -n "${VMBUILD_BASE_DIR:-}" ]; then
        echo "$VMBUILD_BASE_DIR"
    elif [ "$(id -u)" -eq 0 ]; then
        echo /var/cache/vmbuild-base
    else
        echo "${XDG_CACHE_HOME:-${HOME:?}/.cache}/vmbuild-base"
    fi
}

# The sources of apt that belong to Debian's release $1, one line each, whatever files and formats
# they are configured in.
apt_sources() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(SITE)|$(RELEASE)|$(COMPONENT)' \
        'Created-By: Packages' | sort -u |
        while IFS='|' read -r origin codename site release component; do
            case $origin/$codename in
            Debian/"$1" | Debian/"$1"-updates | Debian/"$1"-security)
                echo "deb $site $release $component"
                ;;
            esac
        done
}

# debian_layer OUT [PACKAGE,...]: the release's minbase, with PACKAGES, as a layer tar. Who is not
# root and has no user namespaces gets the same by fakechroot, which mmdebstrap then takes by itself.
debian_layer() {
    local release sources

    # shellcheck source=/dev/null
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    sources=$(apt_sources "$release")
    [ -n "$sources" ] || fail "find the apt sources of Debian '$release': 'apt-get update' first"
    apt-config dump Acquire > "$work/apt.conf"
    # shellcheck disable=SC2016 # mmdebstrap's own variable
    mmdebstrap --quiet --variant=minbase --include="e2fsprogs${2:+,$2}" --format=tar \
        --aptopt="$work/apt.conf" \
        --customize-hook='rm "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
        "$release" "$1" - <<< "$sources"
}

tools_layer() {
    debian_layer "$1" gcc,libc6-dev,python3
}

# busybox_layer OUT: busybox, its applets and the few files that a root script expects.
busybox_layer() {
    local root=$work/root

    mkdir -p "$root"/{bin,dev,etc,proc,root,run,sbin,sys,usr/bin,usr/sbin,var/lib} "$root/tmp"
    chmod 700 "$root/root"
    chmod 1777 "$root/tmp"
    cp "$busybox" "$root/bin/busybox"
    /bin/busybox --list-full | grep -v -x -e bin/busybox -e linuxrc |
        while read -r applet; do
            ln -s /bin/busybox "$root/$applet"
        done
    echo root:x:0:0:root:/root:/bin/sh > "$root/etc/passwd"
    echo root:x:0: > "$root/etc/group"
    tar -C "$root" "${tar_options[@]}" -cf "$1" .
}

# pack_archive NAME LAYER OUT
pack_archive() {
    local archive=$work/archive diff_id config id

    diff_id=$(sha256sum < "$2" | cut -c 1-64)
    id=$(printf '%s %s' "$1" "$diff_id" | sha256sum | cut -c 1-64)
    mkdir -p "$archive/$id"
    mv "$2" "$archive/$id/layer.tar"
    printf 1.0 > "$archive/$id/VERSION"
    printf '{"id":"%s","created":"%s","os":"linux"}' "$id" "$created" > "$archive/$id/json"
    cat > "$work/config" <<END
{"architecture":"$architecture","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/sh"]},"created":"$created","history":[{"created":"$created","created_by":"base-image.sh $1"}],"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]}}
END
    config=$(sha256sum < "$work/config" | cut -c 1-64)
    mv "$work/config" "$archive/$config.json"
    printf '[{"Config":"%s.json","RepoTags":["vmbuild-base/%s:latest"],"Layers":["%s/layer.tar"]}]\n' \
        "$config" "$1" "$id" > "$archive/manifest.json"
    printf '{"vmbuild-base/%s":{"latest":"%s"}}\n' "$1" "$id" > "$archive/repositories"
    tar -C "$archive" "${tar_options[@]}" -cf "$3" "$id" "$config.json" manifest.json repositories
}

name=${1:-}
architecture=${2:-amd64}
busybox=${3:-/bin/busybox}
case $name:$# in
debian:1 | tools:1 | busybox:[13]) ;;
*)
    echo "usage: $0 debian|tools|busybox [ARCHITECTURE FILE]" >&2
    exit 2
    ;;
esac

# shellcheck source=/dev/null
key=$({ cat "$0" /etc/os-release && sha256sum < "$busybox"; } | sha256sum | cut -c 1-16)
cache=$(cache_folder)
result=$cache/$name-$key.tar
if [ ! -e "$result" ]; then
    mkdir -p "$cache"
    exec 9> "$result.lock"
    flock 9
fi
if [ ! -e "$result" ]; then
    echo "base image: making $result (once)" >&2
    work=$(mktemp -d "${TMPDIR:-/tmp}/vmbuild-base.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    "${name}_layer" "$work/layer.tar"
    pack_archive "$name" "$work/layer.tar" "$result.tmp"
    mv "$result.tmp" "$result"
fi
echo "$result"
