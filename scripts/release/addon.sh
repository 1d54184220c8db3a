#!/bin/bash
# Packs the guest for another architecture as an add-on to the release, with QEMU for it: unpacked in
# the same place, it joins the release's directory.
#
# usage: addon.sh BUILD NAME VERSION ROOT ARCHITECTURE
#
# As pack.sh, which calls it; the guest is ROOT/lib/vmbuild/ARCHITECTURE, and its QEMU is what the link
# BUILD/qemu-ARCHITECTURE leads to. What is left in BUILD:
#
#   NAME-ARCHITECTURE/           NAME, with what joins it
#   NAME-ARCHITECTURE.tar.gz     the same
#   sources-ARCHITECTURE         a line "RELEASE PACKAGE=VERSION" for each source package of Debian,
#                                but the kernel's and those that BUILD/qemu-ARCHITECTURE/sources has
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

[ $# -eq 5 ] || fail "usage: $0 BUILD NAME VERSION ROOT ARCHITECTURE"
tree=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd) name=$2 version=$3 root=$(cd "$4" && pwd) guest=$5
packages=$build/../$guest/sysroot.key
qemu=$(readlink -f "$build/qemu-$guest")
documents=share/doc/vmbuild/$guest
# shellcheck source=/dev/null
distribution=$(. /etc/os-release && echo "$ID-$VERSION_ID")
release=$("$tree/initramfs/sysroot.sh" --release "$guest")
foreign=$distribution
[ "$release" = "$own_release" ] || foreign=$(sed -n "s/^$release //p" <<< "trixie debian-13")

# As components, of this guest and its QEMU.
own_components() {
    local program
    program=$(basename "$qemu"/qemu-system-*)
    sed "s/^$guest: *//; /^[a-z0-9]*: /d; s/@guest@/$guest/g; s/@qemu@/$program/g" \
        "$release_scripts"/components-{guest,qemu} | components -
}

# The version of the source of PACKAGE, which the guest's libraries are of; nothing: it is none of
# them.
guest_version() {
    sed -n "s/^$1_\([^_]*\)_.*/\1/p" "$packages" | sed 's/%3a/:/; s/+b[0-9]*$//'
}

# Of a line of own_components: adds its line "COMPONENT VERSION DISTRIBUTION FILES LICENCE" to the list,
# its licence to the documents, and its source. What QEMU alone is linked to is this machine's. So are
# the C library and the compiler's if the guest has them of the compiler for its architecture, which
# are of the same sources.
add_component() {
    local component=$1 package=$2 files=$3 licence=$4 its='' place origin=$foreign from=$release
    [[ $files != *"$guest/"* ]] || its=$(guest_version "$package")
    place=$build/../$guest/sysroot/usr/share/doc/$package/copyright
    if [[ $package == -* ]]; then
        its=$(built_version "$component" "$qemu/sources")
        origin=${package#-}
        place=$qemu/licences/$component
    elif [ -z "$its" ]; then
        # shellcheck disable=SC2016 # dpkg's own variable
        its=$(dpkg-query --show --showformat '${source:Version}' "$package")
        origin=$distribution from=$own_release
        place=/usr/share/doc/$package/copyright
    fi
    echo "$component $its $origin $files $licence" >> "$build/components-$guest"
    cp -L "$place" "$documents/licences/$component"
    [[ $package == -* || $component == linux ]] ||
        echo "$from $component=$its" >> "$build/sources-$guest"
}

rm -rf "$build/$name-$guest" "$build/components-$guest"
mkdir -p "$build/$name-$guest/$name/lib/vmbuild" "$build/$name-$guest/$name/$documents/licences"
cd "$build/$name-$guest/$name"
cp -r "$root/lib/vmbuild/$guest" lib/vmbuild/
find "$qemu" -maxdepth 1 -type f ! -name sources -exec cp {} lib/vmbuild/ \;
: > "$build/sources-$guest"
while read -r component package files licence; do
    add_component "$component" "$package" "$files" "$licence"
done < <(own_components)
chmod -R u=rwX,go=rX .
"$release_scripts/sbom.py" "$version" . < "$build/components-$guest" > "$build/sbom.json"
mv "$build/sbom.json" "$documents/sbom.spdx.json"
tar -C "$build/$name-$guest" --sort=name --format=gnu --mode=u=rwX,go=rX --owner=0 --group=0 \
    --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n > "$build/$name-$guest.tar.gz"
