#!/bin/bash
# The release on a host that has nothing: no C library, no shell, no /etc, no locales, an empty PATH.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

host "/opt/größe, und Leerzeichen: x"
unlike "the archive's programs are static" \
    "$(readelf --program-headers --wide "$ROOT$PLACE"/{bin/vmbuild,lib/vmbuild/qemu-system-x86_64})" INTERP
in_host --version
exits 0 "--version"
is "--version: the archive's" "vmbuild-$(cut -d ' ' -f 2 "$WORK/out")-x86_64.tar.gz" "$(basename "$ARCHIVE")"
check_host "nothing"
check_uml "nothing"
in_host --accel uml --rebuild --spec root.json -o uml.tar
exits 4 "User-Mode Linux where temporaries are not executable"
says "User-Mode Linux where temporaries are not executable: advice" 'TMPDIR.*noexec'

in_host --spec root.json -o again.tar --compression none
exits 0 "a script, in the VM that was saved"
ok "a script, in the VM that was saved: the same bytes" cmp "$ROOT/home/user/root.tar" "$ROOT/home/user/again.tar"

# What a static program must not load: the host's modules for names, and OpenSSL's.
mkdir -p "$ROOT"/etc/ssl "$ROOT/usr/lib/ssl"
echo '127.0.0.1 registry.test' > "$ROOT/etc/hosts"
echo 'hosts: mymachines resolve [!UNAVAIL=return]' > "$ROOT/etc/nsswitch.conf"
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'none = none' \
    '[none]' 'module = /none.so' 'activate = 1' |
    tee "$ROOT/etc/ssl/openssl.cnf" > "$ROOT/usr/lib/ssl/openssl.cnf"
in_host pull docker://registry.test:1/x -o x.tar
exits 9 "a registry that is not there"
says "a registry that is not there: /etc/hosts was read" 'registry.test.*(refused|connect)'
check_host "a host of other modules"

is "nothing is left but what was asked for" \
    "$(cd "$ROOT/home/user" && find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')" \
    ".cache again.tar base.tar ca.crt names pulled.json pulled.tar pure.json pure.tar root.json root.tar "
done_testing
