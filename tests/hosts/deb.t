#!/bin/bash
# Debian's package, installed in root directories of the releases it is for: with their libraries and
# their QEMU.
dependencies() {
    dpkg-deb -f "$1" Depends
}
TOP=$(cd "$(dirname "$0")/../.." && pwd)
packages=("$TOP"/build/deb/vmbuild_*.deb)
suite_of() {
    dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/doc/vmbuild/changelog.Debian.gz | zcat |
        sed -n '1s/.*) \([a-z]*\);.*/\1/p'
}
# The tests themselves are offline.
if [ -z "${OFFLINE-}" ]; then
    for package in "${packages[@]}"; do
        "$TOP/tests/hosts/root-directory.sh" "$(suite_of "$package")" "$(dependencies "$package")" > /dev/null
    done
fi
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

need mmdebstrap dpkg-deb lintian
[ -e "${packages[0]}" ] || skip_all "no package here: make deb"
for package in "${packages[@]}"; do
    suite=$(suite_of "$package")
    # shellcheck disable=SC2119 # one without arguments
    tar=$("$TOP/tests/hosts/root-directory.sh" "$suite" "$(dependencies "$package")") ||
        { fail "$suite: make its root directory"; continue; }
    bare_host "$tar"
    ok "$suite: lintian" lintian --fail-on error,warning,info --display-info --allow-root "$package"
    cp "$package" "$ROOT/package.deb"
    ok "$suite: it installs" chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive dpkg --install /package.deb
    for path in /usr/share/man/man1/vmbuild.1.gz /usr/share/man/man5/vmbuild-spec.5.gz \
        /usr/share/man/man7/vmbuild-cookbook.7.gz /usr/share/man/man7/vmbuild-dockerfile.7.gz \
        /usr/share/bash-completion/completions/vmbuild /usr/share/zsh/vendor-completions/_vmbuild \
        /usr/share/fish/vendor_completions.d/vmbuild.fish /usr/share/doc/vmbuild/copyright; do
        ok "$suite: $path" test -s "$ROOT$path"
    done
    for name in $(dependencies "$package" | sed 's/([^)]*)//g; s/,/ /g; s/\<libc6\>//'); do
        like "$suite: README names $name" "$(cat "$TOP/README.md")" "\`$name\`"
    done
    PLACE=/usr
    check_host "$suite, the package" /usr/bin/qemu-system-x86_64
    ok "$suite: it is removed" chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        dpkg --purge vmbuild
    is "$suite: nothing is left of it" \
        "$(find "$ROOT/usr" -path "$ROOT/usr/*vmbuild*" ! -path '*/package.deb')" ""
done
done_testing
