#!/bin/bash
# Packs the release: the archives, the container image, the sources of all that is linked into it, and
# their digests.
#
# usage: pack.sh BUILD NAME VERSION ROOT
#
# BUILD has the parts: vmbuild, and the links libraries, qemu and certificates, and qemu-ARCHITECTURE for
# each other architecture. ROOT is an installation of the program and its appliance, which NAME is
# made from. What is packed is left in BUILD:
#
#   NAME/                  the release, unpacked
#   NAME.tar.gz, .tar.zst  the same
#   NAME-image.tar         the same as a container image, in the form of `docker save`
#   NAME-sources.tar.zst   the source packages, with the recipes
#   NAME-ARCHITECTURE.tar.gz    each guest that is not in NAME, with its QEMU (addon.sh)
#   SHA256SUMS
#
# The same parts give the same bytes: sorted, owned by root, of one time.
#
# UNPUBLISHED=yes in the environment: the release is only tested, and may lack any source.
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

[ $# -eq 4 ] || fail "usage: $0 BUILD NAME VERSION ROOT"
tree=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd) name=$2 version=$3 root=$4
libraries=$(readlink -f "$build/libraries") qemus=("$(readlink -f "$build/qemu")")
# The lists of what the release is made of.
lists=("$release_scripts/components")
# The guests that are packed apart.
addons=()
for guest in "$root"/lib/vmbuild/*/; do
    [ -d "$guest" ] || continue
    guest=$(basename "$guest")
    if [ ! -e "$release_scripts/components-$guest" ]; then
        addons+=("$guest")
        continue
    fi
    qemus+=("$(readlink -f "$build/qemu-$guest")")
    lists+=("$release_scripts/components-$guest")
done
certificates=$(readlink -f "$build/certificates")
# shellcheck source=/dev/null
distribution=$(. /etc/os-release && echo "$ID-$VERSION_ID")

# make_tar DIRECTORY NAME: NAME in DIRECTORY as a tar on standard output.
make_tar() {
    tar -C "$1" --sort=name --format=gnu --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" -cf - "$2"
}

# version_of COMPONENT PACKAGE: of the source that was built here, or of the installed PACKAGE's.
version_of() {
    if [[ $2 == -* ]]; then
        built_version "$1" "$libraries/sources" "${qemus[0]}/sources"
    else
        # shellcheck disable=SC2016 # dpkg's own variable
        dpkg-query --show --showformat '${source:Version}' "$2"
    fi
}

# "COMPONENT VERSION DISTRIBUTION FILES LICENCE" of each component.
list_components() {
    local component package files licence origin
    components "${lists[@]}" | while read -r component package files licence; do
        origin=$distribution
        [[ $package != -?* ]] || origin=${package#-}
        echo "$component $(version_of "$component" "$package") $origin $files $licence"
    done
}

# Each package's as Debian has gathered it, and the texts that those refer to. The licences of what
# was built here are kept with it.
copy_licences() {
    local component package
    mkdir "$1"
    cp "$libraries"/licences/* "${qemus[0]}"/licences/* "$1"
    components "${lists[@]}" | while read -r component package _; do
        [[ $package == -* ]] || cp "/usr/share/doc/$package/copyright" "$1/$component"
    done
    cp -rL /usr/share/common-licenses "$1/common-licenses"
}

lay_out() {
    local release=$build/$name documents=$build/$name/share/doc/vmbuild
    rm -rf "$release"
    cp -r "$root" "$release"
    install -m 755 "$build/vmbuild" "$release/bin/vmbuild"
    for guest in "${addons[@]}"; do
        rm -r "$release/lib/vmbuild/$guest"
    done
    rm "$release/lib/vmbuild/vmbuild-confine" # a static program starts fast enough to do without
    find "${qemus[@]}" -maxdepth 1 -type f ! -name sources -exec cp {} "$release/lib/vmbuild/" \;
    mkdir -p "$documents"
    cp "$tree"/{README.md,CHANGELOG.md,LICENSE} "$documents"
    copy_licences "$documents/licences"
    chmod -R u=rwX,go=rX "$release"
    "$release_scripts/sbom.py" "$version" "$release" < "$build/components" \
        > "$build/sbom.json"
    mv "$build/sbom.json" "$documents/sbom.spdx.json"
}

# The release's own program builds it. The image has the authorities of Debian, the directory for
# temporaries, and one to mount the user's files on.
build_image() {
    local root=$build/image
    rm -rf "$root"
    mkdir -p "$root/usr/share/doc/ca-certificates" "$root/etc/ssl/certs" "$root/workspace" "$root/tmp"
    cp -r "$build/$name/." "$root/usr"
    cp "$certificates/ca-certificates.crt" "$root/etc/ssl/certs/"
    cp "$certificates/licences/ca-certificates" "$root/usr/share/doc/ca-certificates/copyright"
    chmod -R u=rwX,go=rX "$root"
    chmod 1777 "$root/tmp" "$root/workspace"
    sed "s/@version@/$version/" "$release_scripts/image.json" > "$build/image.json"
    "$build/$name/bin/vmbuild" --spec "$build/image.json" -o "$build/$name-image.tar" \
        --no-cache --quiet
}

# As initramfs/kernel.sh finds it.
kernel_source() {
    if [ -n "${KERNEL_SOURCE:-}" ]; then
        echo "$KERNEL_SOURCE"
    else
        find /usr/src -maxdepth 1 -name 'linux-source-*.tar.*' | sort -V | tail -n 1
    fi
}

# licence_of FILE: of the component that the file of a source package belongs to.
licence_of() {
    sed 's/^[a-z0-9]*: *//' "${lists[@]}" "$release_scripts"/components-{guest,qemu} | components - |
        awk -v name="${1%%_*}" '$1 == name { $1 = $2 = $3 = ""; print }'
}

# addon_sources PACKED...: as source_files, of what the guests that are packed apart are of, with their
# QEMUs, and that is not in PACKED, words "PACKAGE=VERSION".
addon_sources() {
    local release package guest
    [ ${#addons[@]} -gt 0 ] || return 0
    cat "${addons[@]/#/$build/sources-}" | sort -u | while read -r release package; do
        [[ " $* " != *" $package "* ]] || continue
        (download_sources "$release" "$package") 2>> "$build/sources.log" || true
        source_files "$release" "$package"
    done
    for guest in "${addons[@]}"; do
        cat "$build/qemu-$guest/sources"
    done
}

# The source packages, each file as Debian ships it; the kernel's, with Debian's changes; and our own
# tree. What apt cannot get is listed in a file MISSING, unless its licence asks for it and the release
# is to be published. (Certificates are their own source.)
pack_sources() {
    local sources=$build/$name-sources file component package version own=()
    rm -rf "$sources"
    mkdir "$sources"
    while read -r component version _; do
        package=$(components "${lists[@]}" | awk -v name="$component" '$1 == name { print $2 }')
        [[ $package == -* ]] || [ "$component" = linux ] || own+=("$component=$version")
    done < "$build/components"
    (download_sources "$own_release" ca-certificates "${own[@]}") 2> "$build/sources.log" || true
    {
        cat "$libraries/sources" "${qemus[0]}/sources" "$certificates/sources"
        source_files "$own_release" "${own[@]}"
        addon_sources "${own[@]}"
    } | sort -u | while read -r file size digest; do
        if sha256sum --status -c <<< "${digest#SHA256:}  $cache/sources/$file" 2> /dev/null; then
            cp "$cache/sources/$file" "$sources/"
            continue
        fi
        case $(licence_of "$file") in
        *GCC-exception*) echo "$file $size $digest" >> "$sources/MISSING" ;;
        *GPL*)
            [ -n "${UNPUBLISHED-}" ] || fail "download '$file', whose licence asks for it"
            echo "$file $size $digest" >> "$sources/MISSING"
            ;;
        *) echo "$file $size $digest" >> "$sources/MISSING" ;;
        esac
    done
    [ ! -e "$sources/MISSING" ] ||
        echo "release: apt has not these sources, which are listed in MISSING: $(cut -d ' ' -f 1 "$sources/MISSING" | tr '\n' ' ')" >&2
    cp -r "$(kernel_source)" "$sources/"
    "$tree/scripts/copy-tree.sh" "$sources/vmbuild"
    make_tar "$build" "$name-sources" | zstd -q -f -1 -T1 -o "$build/$name-sources.tar.zst"
    rm -rf "$sources"
}

list_components > "$build/components"
lay_out
make_tar "$build" "$name" | gzip -9n > "$build/$name.tar.gz"
make_tar "$build" "$name" | zstd -q -f -19 -T1 -o "$build/$name.tar.zst"
build_image
for guest in "${addons[@]}"; do
    "$release_scripts/addon.sh" "$build" "$name" "$version" "$root" "$guest"
done
pack_sources
packed=("$name"{.tar.gz,.tar.zst,-image.tar,-sources.tar.zst})
for guest in "${addons[@]}"; do
    packed+=("$name-$guest.tar.gz")
done
(cd "$build" && sha256sum "${packed[@]}" > SHA256SUMS)
ls -l "$build/$name"*.tar*
