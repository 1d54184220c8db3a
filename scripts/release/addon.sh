#!/bin/bash
# Packs the guest for another architecture as an add-on to the release: unpacked in the same place, it
# joins the release's directory. QEMU for it is that of the host.
#
# usage: addon.sh BUILD NAME VERSION ROOT ARCHITECTURE
#
# As pack.sh, which calls it; the guest is ROOT/lib/vmbuild/ARCHITECTURE. What is left in BUILD:
#
#   NAME-ARCHITECTURE/           NAME, with what joins it
#   NAME-ARCHITECTURE.tar.gz     the same
#   sources-ARCHITECTURE         a line "RELEASE PACKAGE=VERSION" for each source package of Debian
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

[ $# -eq 5 ] || fail "usage: $0 BUILD NAME VERSION ROOT ARCHITECTURE"
tree=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd) name=$2 version=$3 root=$(cd "$4" && pwd) guest=$5
packages=$build/../$guest/sysroot.key
documents=share/doc/vmbuild/$guest
# shellcheck source=/dev/null
distribution=$(. /etc/os-release && echo "$ID-$VERSION_ID")
release=$("$tree/initramfs/sysroot.sh" --release "$guest")
foreign=$distribution
[ "$release" = "$own_release" ] || foreign=$(sed -n "s/^$release //p" <<< "trixie debian-13")

# The version of the source of PACKAGE, which the guest's libraries are of; nothing: it is none of
# them.
guest_version() {
    sed -n "s/^$1_\([^_]*\)_.*/\1/p" "$packages" | sed 's/%3a/:/; s/+b[0-9]*$//'
}

# Of a line of components-guest: adds its line "COMPONENT VERSION DISTRIBUTION FILES LICENCE" to the
# list, its licence to the documents, and its source. The C library and the compiler's are those of
# the compiler for that architecture, of the same sources as this machine's.
add_component() {
    local component=$1 package=$2 files=$3 licence=$4 its place origin=$foreign
    its=$(guest_version "$package")
    place=$build/../$guest/sysroot/usr/share/doc/$package
    if [ -z "$its" ]; then
        # shellcheck disable=SC2016 # dpkg's own variable
        its=$(dpkg-query --show --showformat '${source:Version}' "$package")
        origin=$distribution
        place=/usr/share/doc/$package
    fi
    echo "$component $its $origin $files $licence" >> "$build/components-$guest"
    cp -L "$place/copyright" "$documents/licences/$component"
    [ "$origin" = "$distribution" ] || echo "$release $component=$its" >> "$build/sources-$guest"
}

rm -rf "$build/$name-$guest" "$build/components-$guest"
mkdir -p "$build/$name-$guest/$name/lib/vmbuild" "$build/$name-$guest/$name/$documents/licences"
cd "$build/$name-$guest/$name"
cp -r "$root/lib/vmbuild/$guest" lib/vmbuild/
: > "$build/sources-$guest"
while read -r component package files licence; do
    add_component "$component" "$package" "$files" "$licence"
done < <(sed "/^#/d; s/@gcc@/$(gcc -dumpversion)/g; s/@guest@/$guest/g" "$release_scripts/components-guest")
chmod -R u=rwX,go=rX .
"$release_scripts/sbom.py" "$version" . < "$build/components-$guest" > "$build/sbom.json"
mv "$build/sbom.json" "$documents/sbom.spdx.json"
tar -C "$build/$name-$guest" --sort=name --format=gnu --mode=u=rwX,go=rX --owner=0 --group=0 \
    --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n > "$build/$name-$guest.tar.gz"
