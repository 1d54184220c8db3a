# shellcheck shell=bash
# For tests of the release on other hosts than this one, as root directories: sourced by tests/hosts/*.t
# in place of tests/lib.sh. `make check-release` has packed the release.
#
# `host` makes the root directory $ROOT; `in_host` runs the release's program in it, as the user that
# the installed program runs as; `build_both` builds a spec with both, and compares the bytes.
#
# The whole test has no network but a loopback interface of its own.
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "${BASH_SOURCE[0]}")/../registry.sh"

need jq python3 readelf docker-registry skopeo openssl
need_root "a root directory of its own"
if [ -z "${OFFLINE-}" ]; then
    remove_work
    export OFFLINE=yes
    # With CASE, the text that runs is not the file.
    exec "$TOP/tests/hosts/offline.py" bash ${BASH_EXECUTION_STRING:+-c "$BASH_EXECUTION_STRING"} "$0"
fi
ARCHIVE=$(find "$TOP/build/release" -name 'vmbuild-*-x86_64.tar.gz' 2> /dev/null | sort -V | tail -n 1)
[ -n "$ARCHIVE" ] || skip_all "no release here: make release"

# bare_host [TAR]: the root directory $ROOT with what TAR has.
bare_host() {
    ROOT=$WORK/host
    rm -rf "$ROOT"
    mkdir -p "$ROOT/home/user"
    [ $# -eq 0 ] || tar -C "$ROOT" --exclude='./dev/*' -xf "$1"
    mkdir -p "$ROOT"/{dev,proc,tmp}
    chown $NOBODY:$NOBODY "$ROOT/home/user"
}

# host DIRECTORY [TAR]: the same, and the release at DIRECTORY in it.
host() {
    PLACE=$1
    shift
    bare_host "$@"
    mkdir -p "$ROOT$PLACE"
    tar -C "$ROOT$PLACE" --strip-components=1 --no-same-owner -xzf "$ARCHIVE"
}

# in_host ARGUMENT...: the release's program in /home/user, with $HOST_ENV, and $KERNEL as the words that
# choose a kernel; sets STATUS, writes $WORK/out and $WORK/err.
HOST_ENV=()
KERNEL=()
in_host() {
    STATUS=0
    "${KERNEL[@]}" "$TOP/tests/hosts/enter.py" "$ROOT" /home/user HOME=/home/user PATH= "${HOST_ENV[@]}" \
        "$PLACE/bin/vmbuild" "$@" > "$WORK/out" 2> "$WORK/err" < /dev/null || STATUS=$?
}

# build_both NAME [TITLE [OPTION...]]: $WORK/NAME.json by both programs, from inputs that are in both
# directories.
build_both() {
    local title=${2-$1}
    local options=("${@:3}")
    cp "$WORK/$1.json" "$ROOT/home/user/"
    in_host --spec "$1.json" -o "$1.tar" --compression none "${options[@]}"
    exits 0 "$title"
    [ -e "$WORK/$1.tar" ] || build "$1" "${options[@]}"
    is "$title: the same bytes as the installed program's" \
        "$(sha256sum < "$ROOT/home/user/$1.tar")" "$(sha256sum < "$WORK/$1.tar")"
}

# check_host NAME [QEMU]: what works on every host, with QEMU, which by default is the release's.
check_host() {
    local name=$1 qemu=${2-$PLACE/lib/vmbuild/qemu-system-x86_64}
    cp -a "$WORK/names" "$WORK/base.tar" "$WORK/ca.crt" "$ROOT/home/user/"
    in_host doctor
    exits 0 "$name: doctor"
    like "$name: QEMU" "$(cat "$WORK/out")" " QEMU  *$qemu: "
    like "$name: the appliance" "$(cat "$WORK/out")" " appliance  *$PLACE/lib/vmbuild, "
    HOST_ENV=(SSL_CERT_FILE=ca.crt)
    build_both pure "$name: contents"
    build_both root "$name: a script"
    build_both pulled "$name: a script with network, on a base from a registry" \
        --allow-network "host:$PORT"
    HOST_ENV=()
}

# check_uml NAME: after check_host, the same script under User-Mode Linux, whose programs lie in a
# directory for temporaries; /tmp is mounted noexec.
check_uml() {
    HOST_ENV=(TMPDIR=/home/user)
    in_host --accel uml --rebuild --spec root.json -o uml.tar --compression none
    exits 0 "$1: a script under User-Mode Linux"
    ok "$1: a script under User-Mode Linux: the same bytes" cmp "$ROOT/home/user/root.tar" "$ROOT/home/user/uml.tar"
    rm -f "$ROOT/home/user/uml.tar"
    HOST_ENV=()
}

# Specs, and what they need: contents with names in UTF-8 and others, a base image, a registry with TLS.
mkdir "$WORK/names"
touch -d @1 "$WORK/names/gr"$'\u00fc'"n" "$WORK/names/gru"$'\u0308'"n" "$WORK/names/gr"$'\xfc'"n" \
    "$WORK/names"
cp "$(base busybox)" "$WORK/base.tar"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority \
    -addext subjectAltName=DNS:localhost -keyout "$WORK/ca.key" -out "$WORK/ca.crt" 2> /dev/null
chmod a+r "$WORK/ca.crt"
start_registry secure "  tls: {certificate: $WORK/ca.crt, key: $WORK/ca.key}"
skopeo --insecure-policy copy --quiet --dest-tls-verify=false "docker-archive:$WORK/base.tar" \
    "docker://localhost:$PORT/base:1"
spec pure <<< '{"name": "pure", "contents": "names"}'
script_spec root '{"name": "root", "fromImage": "base.tar"}' << 'END'
echo user:x:1000:1000::/:/bin/sh >> /etc/passwd
chown 1000:1000 /etc/group
mknod /null c 1 3
chmod 4755 /bin/busybox
touch /grün
END
script_spec pulled '{"name": "pulled", "network": true, "fromImage": "docker://localhost:'"$PORT"'/base:1"}' << END
nc -w 60 10.0.2.2 $PORT < /dev/null
touch /reached
END
chown -R $NOBODY "$WORK/names"
USER_ENV=(SSL_CERT_FILE="$WORK/ca.crt")
