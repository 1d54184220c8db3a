#!/bin/bash
# What is published with the release: digests, bill of materials, licences and sources are whole.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

RELEASE=$TOP/build/release
NAME=$(basename "$ARCHIVE" .tar.gz)
ok "SHA256SUMS" env -C "$RELEASE" sha256sum --check --strict SHA256SUMS
is "SHA256SUMS: all that is published" "$(awk '{ print $2 }' "$RELEASE/SHA256SUMS" | sort)" \
    "$(cd "$RELEASE" && find . -maxdepth 1 -name "$NAME*" ! -type d -printf '%P\n' | sort)"

mkdir "$WORK"/{gzip,zstd,sources}
tar -C "$WORK/gzip" -xzf "$ARCHIVE"
tar -C "$WORK/zstd" --zstd -xf "${ARCHIVE%.gz}.zst"
ok "both archives hold the same" diff --recursive "$WORK/gzip" "$WORK/zstd"
documents=$WORK/gzip/$NAME/share/doc/vmbuild
bill=$documents/sbom.spdx.json
is "the bill names each file and its digest" \
    "$(jq -r '.files[] | (.checksums[] | select(.algorithm == "SHA256").checksumValue) + "  " + .fileName' "$bill" | sort)" \
    "$(cd "$WORK/gzip/$NAME" && find . -type f ! -name sbom.spdx.json -exec sha256sum {} + | sort)"
is "the bill's relations lead to what it names" \
    "$(jq -r '[.relationships[] | .spdxElementId, .relatedSpdxElement] | unique - ["SPDXRef-DOCUMENT"] | .[]' "$bill" | sort)" \
    "$(jq -r '(.files[], .packages[]) | .SPDXID' "$bill" | sort)"

# parts MAP: the source packages of what the linker has put into a file, as its map tells.
parts() {
    awk '/^Linker script and memory map/ { used = 1 }
        used && /^ \.(text|rodata|data|bss)[^\/]*0x[^\/]*\/usr\// { sub(/[^\/]*/, ""); sub(/\(.*/, ""); print }' "$1" |
        sort -u | xargs -d '\n' realpath | xargs dpkg-query --search | cut -d : -f 1 | sort -u |
        xargs dpkg-query --show --showformat '${source:Package}\n' | sort -u
}
# components_of FILE
components_of() {
    awk -v file="$1" '("," $4 ",") ~ ("," file ",") { print $1 }' "$RELEASE/components" | sort
}
# Not on other machines than Debian 12, where the release is linked in a root directory, which is gone
# (scripts/debian-12.sh).
if [ -e "$RELEASE/vmbuild.map" ]; then
    is "what the initramfs is linked from is listed, busybox, and the kernel's modules" \
        "$({ parts "$TOP/build/guest/init.debug.map"; printf '%s\n' busybox linux; } | sort)" \
        "$(components_of initramfs.x86_64.img)"
    found=$(parts "$RELEASE/vmbuild.map")
    is "what vmbuild is linked from is listed" "$(comm -23 <(echo "$found") <(components_of vmbuild))" ""
    like "what vmbuild is linked from: the C library" "$found" '^glibc$'
fi

# The guests that are packed apart have documents of their own.
for addon in "$RELEASE/$NAME"-*.tar.gz; do
    [ ! -e "$addon" ] || tar -C "$WORK/gzip" -xzf "$addon"
done
bills=("$documents"/sbom.spdx.json "$documents"/*/sbom.spdx.json)

is "the bill names the release of Debian that QEMU is of" "$(jq -r '.packages[] |
    select(.name == "qemu").externalRefs[].referenceLocator | sub(".*distro="; "")' "$bill")" debian-13

# The kernel's sources are those of the package linux-source.
tar -C "$WORK/sources" --zstd --strip-components=1 -xf "$RELEASE/$NAME-sources.tar.zst"
touch "$WORK/sources/MISSING"
ok "the kernel's sources" compgen -G "$WORK/sources/linux-source-*.tar.*"
for script in Makefile scripts/release/pack.sh scripts/release/libraries.sh scripts/release/qemu.sh; do
    ok "our recipes: $script" cmp "$TOP/$script" "$WORK/sources/vmbuild/$script"
done
components=0
while read -r component version place; do
    components=$((components + 1))
    title=${place#"$documents"}$component
    title=${title#/}
    ok "$title: its licence" test -s "${place}licences/$component"
    [ "$component" != linux ] || continue
    description=${component}_${version#*:}.dsc
    if grep -q "^$description " "$WORK/sources/MISSING"; then
        pass "$title: its sources, which apt had not, are named in MISSING"
        continue
    fi
    ok "$title: its sources" test -s "$WORK/sources/$description"
    while read -r digest _ file; do
        grep -q "^$file .*$digest" "$WORK/sources/MISSING" ||
            ok "$title: $file" sha256sum --check --status <<< "$digest  $WORK/sources/$file"
    done < <(sed -n '/^Checksums-Sha256:/,/^[A-Z]/s/^ //p' "$WORK/sources/$description")
done < <(for bill in "${bills[@]}"; do
    [ ! -e "$bill" ] || jq -r --arg place "${bill%sbom.spdx.json}" '.packages[] | select(.name != "vmbuild") |
        .name + " " + .versionInfo + " " + $place' "$bill"
done)
is "there are components" "$((components > 20))" 1
done_testing
