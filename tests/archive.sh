# shellcheck shell=bash
# For tests with Debian packages, sourced after tests/registry.sh: archives, as far as apt needs them, to
# be served as files, and an image of Debian whose apt has one of them alone.

need dpkg-deb jq skopeo

# add_package ROOT PROGRAM [WORD]: to the archive in ROOT, a package named as PROGRAM, a path, which is
# all that it holds. PROGRAM prints WORD, by default its own name.
add_package() {
    local name=${2##*/} files=$WORK/package-${2##*/}
    mkdir -p "$files/DEBIAN" "$files/${2%/*}" "$1/debian/pool"
    printf '#!/bin/sh\necho %s\n' "${3-$name}" > "$files/$2"
    chmod 755 "$files/$2"
    printf '%s\n' "Package: $name" "Version: 1" "Architecture: all" "Maintainer: nobody" \
        "Description: for a test" > "$files/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$files" "$1/debian/pool/$name.deb" > /dev/null
}

# list_packages ROOT: what apt reads of the packages in ROOT/debian/pool.
list_packages() {
    local dist=$1/debian/dists/bookworm index=main/binary-amd64/Packages package
    mkdir -p "$dist/${index%/*}"
    for package in "$1"/debian/pool/*.deb; do
        dpkg-deb -f "$package"
        printf '%s\n' "Filename: pool/${package##*/}" "Size: $(stat -c %s "$package")" \
            "SHA256: $(sha256sum < "$package" | cut -c 1-64)" ''
    done > "$dist/$index"
    printf '%s\n' "Suite: bookworm" "Architectures: amd64" "Components: main" "SHA256:" \
        " $(sha256sum < "$dist/$index" | cut -c 1-64) $(stat -c %s "$dist/$index") $index" > "$dist/Release"
}

# source_of HOST: the line of apt's sources for the archive that HOST has, which nobody has signed.
source_of() {
    echo "deb [trusted=yes] http://$1/debian bookworm main"
}

# push_debian REFERENCE: Debian's image as docker://REFERENCE, with what $WORK/sources holds. Its apt has
# the archive of packages.example.
push_debian() {
    mkdir -p "$WORK/sources/etc/apt"
    source_of packages.example > "$WORK/sources/etc/apt/sources.list"
    jq -n --arg base "$(base debian)" '{name: "debian", tag: "12", fromImage: $base, contents: "sources"}' \
        > "$WORK/debian.json"
    build debian
    exits 0 "Debian's image"
    ok "Debian's image is in a registry" skopeo copy --insecure-policy --quiet --dest-tls-verify=false \
        "docker-archive:$WORK/debian.tar" "docker://$1"
}
