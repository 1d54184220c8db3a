#!/bin/bash
# A whole Debian for arm64, without root and without binfmt: debootstrap unpacks it on the host, and its
# second stage runs in the guest. And an image on that.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq qemu-system-aarch64 debootstrap fakeroot dpkg-deb
[ "${GUEST-}" = arm64 ] || skip_all "the guest is not for arm64: GUEST=arm64"
FIRST=$("$TOP/tests/first-stage.sh" "$(base debian)" arm64) ||
    skip_all "Debian's packages for arm64 could not be fetched"

# A package with a maintainer's script, a user of its own and a setuid program.
PACKAGE=$WORK/package
mkdir -p "$PACKAGE/DEBIAN" "$PACKAGE/usr/bin" "$WORK/debs"
printf '%s\n' "Package: greeting" "Version: 1" "Architecture: arm64" "Maintainer: nobody" \
    "Depends: libc6, passwd" "Description: for a test" > "$PACKAGE/DEBIAN/control"
printf '#!/bin/sh -e\nuname -m > /etc/greeting\nuseradd --system greeter\n' > "$PACKAGE/DEBIAN/postinst"
printf '#!/bin/sh\necho hello\n' > "$PACKAGE/usr/bin/greet"
chmod 755 "$PACKAGE/DEBIAN/postinst" "$PACKAGE/usr/bin/greet"
dpkg-deb --root-owner-group --build "$PACKAGE" "$WORK/debs/greeting_1_arm64.deb" > /dev/null

# --- the base

jq -n --arg source "${FIRST%/*}" --arg first "/${FIRST##*/}" '{name: "debian", tag: "12-arm64", architecture: "arm64",
    contents: [{source: $source, path: $first, unpack: true}], memory: 1024, diskSize: 4096, stillClock: true,
    env: {DEBIAN_FRONTEND: "noninteractive"}, config: {Cmd: ["/bin/sh"]},
    runAsRoot: "/debootstrap/debootstrap --second-stage\napt-get clean\nrm -rf /var/log/*.log /var/log/apt /var/cache/ldconfig/aux-cache /var/cache/apt/*.bin"}' \
    > "$WORK/debian.json"
build debian --check --timeout 3000
exits 0 "the second stage"
says "the second stage: the same twice" "both builds are the same, to the bit"
layer "$WORK/debian.tar" > "$WORK/list"
is "the base is for arm64" "$(config "$WORK/debian.tar" .architecture)" '"arm64"'
is "the base has one layer" "$(config "$WORK/debian.tar" '.rootfs.diff_ids | length')" 1
like "the base: a setuid program" "$(cat "$WORK/list")" '^file 4755 0:0 usr/bin/passwd$'
like "the base: a setgid program" "$(cat "$WORK/list")" '^file 2755 0:42 usr/bin/expiry$'
like "the base: a file of a group" "$(cat "$WORK/list")" '^file 0640 0:42 etc/shadow$'
unlike "the base: nothing of the first stage" "$(cat "$WORK/list")" ' debootstrap'
is "the base: all packages are installed" \
    "$(file_of "$WORK/debian.tar" var/lib/dpkg/status | sed -n 's/^Status: //p' | sort -u)" "install ok installed"

# --- a step on it

script_spec app "$(jq -n --arg debs "$WORK/debs" '{name: "app", fromImage: "debian.tar", memory: 1024,
    stillClock: true, shares: [{source: $debs, target: "/debs"}]}')" << 'END'
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes /debs/greeting_1_arm64.deb
useradd --uid 1000 --create-home app
install -m 4755 /usr/bin/id /usr/bin/app-id
su app -c app-id > /who
dpkg --print-architecture > /architecture
ldd /usr/bin/id | grep -o 'ld-linux[^ ]*' | sort -u >> /architecture
perl -e 'print 6 * 7, "\n"' > /perl
rm -rf /var/log/*.log /var/log/apt /var/cache/ldconfig/aux-cache /var/cache/apt/*.bin
END
build app --check
exits 0 "a step on the base"
says "a step on the base: the same twice" "both builds are the same, to the bit"
is "a step on the base: a setuid program" "$(file_of "$WORK/app.tar" who)" \
    "uid=1000(app) gid=1000(app) euid=0(root) groups=1000(app)"
is "a step on the base: whose programs" "$(file_of "$WORK/app.tar" architecture)" "arm64"$'\n'"ld-linux-aarch64.so.1"
is "a step on the base: perl" "$(file_of "$WORK/app.tar" perl)" 42
is "a step on the base: the package's script" "$(file_of "$WORK/app.tar" etc/greeting)" aarch64
like "a step on the base: the package's user" "$(file_of "$WORK/app.tar" etc/passwd)" '^greeter:'
like "a step on the base: its setuid program" "$(layer "$WORK/app.tar")" '^file 4755 0:0 usr/bin/app-id$'
like "a step on the base: the user's files" "$(layer "$WORK/app.tar")" '^file 0644 1000:1000 home/app/.profile$'
build app --verbose
ok "a step on the base: from a snapshot" grep -q -- "-incoming defer" "$WORK/err"
leaves_nothing "Debian for arm64"

done_testing
