#!/bin/sh
# Installs the Debian packages that a group of targets needs, with apt-get, as root or through sudo.
#
# usage: deps.sh [build|arm64|ppc64le|riscv64|s390x|release|root|deb|test|lint|all]
#        deps.sh --list GROUP    prints the packages
#
# Lists what it installs before it does, and does nothing if everything is there.
set -eu

list=
if [ "${1-}" = --list ]; then
    list=yes
    shift
fi
group=${1:-all}

# The QEMU of this machine's architecture.
case $(dpkg --print-architecture 2> /dev/null) in
arm64) qemu="qemu-system-arm" ;;
*) qemu="qemu-system-x86" ;;
esac

# Compiler and libraries.
compile='gcc libc6-dev make pkg-config
    libguestfs-dev libarchive-dev libyajl-dev libext2fs-dev comerr-dev libssl-dev
    libcurl4-openssl-dev libisal-dev libzstd-dev libseccomp-dev libslirp-dev libglib2.0-dev
    libacl1-dev libbz2-dev liblz4-dev liblzma-dev libxml2-dev nettle-dev zlib1g-dev'

# Beside these, for the guest kernel, the initramfs, the base image of the demo, and what vmbuild runs.
build="$compile"'
    linux-source bc bison flex kmod libelf-dev xz-utils
    busybox-static libarchive-tools mmdebstrap fakechroot fakeroot
    '"$qemu"

# Beside these, for the guest for arm64: a compiler, and the QEMU that it runs in; and that in which
# the host program for arm64 does.
arm64="$build"'
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm qemu-user-static
    debootstrap'

# The same for the others.
ppc64le="$build"'
    gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross qemu-system-ppc'
riscv64="$build"'
    gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-system-misc'
s390x="$build"'
    gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-system-misc'

# In Debian 12, QEMU for both is in the package of many others.
# shellcheck source=/dev/null
if [ "$(. /etc/os-release && echo "${ID-}${VERSION_ID-}")" != debian12 ]; then
    riscv64="$riscv64 qemu-system-riscv"
    s390x="$s390x qemu-system-s390x"
fi

# Beside these, for the release: static libraries, and what builds QEMU and those that Debian lacks.
release="$build"'
    binutils bzip2 dpkg-dev nasm ninja-build python3 python3-venv zstd
    libattr1-dev libcap-ng-dev libjansson-dev libpcre2-dev
    libtirpc-dev libfdt-dev'

# For a root directory of Debian 12, in which the release is made and the linters run on other machines.
root='mmdebstrap'

# Beside these, for the package; what builds one for another release of Debian is among them.
deb="$build"'
    debhelper dpkg-dev'

# Test tools: TAP and unit tests, and other projects' programs that check the images.
test="$build"'
    perl libcmocka-dev jq python3 valgrind curl openssl apache2-utils docker-registry procps
    docker.io podman buildah catatonit skopeo umoci zstd bzip2 xxd python3-jsonschema python3-pyte gdb zsh fish
    mandoc iproute2 lintian munge slurm-client slurmctld slurmd'

# In Debian 12, docker.io contains Docker's client, and there is no buildx.
# shellcheck source=/dev/null
if [ "$(. /etc/os-release && echo "${ID-}${VERSION_ID-}")" != debian12 ]; then
    test="$test docker-cli docker-buildx"
fi

# The linters, and what they read beside that of a compiler.
linters='clang-format clang-tidy cppcheck shellcheck mandoc python3'
lint="$compile libcmocka-dev $linters"

# Also: fuzzers (clang only recommends its runtime), and the peers of the benchmark.
all="$test $linters"'
    clang libclang-rt-dev llvm
    isal'

case $group in
build) wanted=$build ;;
arm64) wanted="$arm64 $test" ;;
ppc64le) wanted="$ppc64le $test" ;;
riscv64) wanted="$riscv64 $test" ;;
s390x) wanted="$s390x $test" ;;
release) wanted=$release ;;
root) wanted=$root ;;
deb) wanted=$deb ;;
test) wanted=$test ;;
lint) wanted=$lint ;;
all) wanted=$all ;;
*)
    echo "usage: $0 [build|arm64|ppc64le|riscv64|s390x|release|root|deb|test|lint|all]" >&2
    exit 2
    ;;
esac

if [ -n "$list" ]; then
    # shellcheck disable=SC2086 # one word each
    printf '%s\n' $wanted
    exit
fi

if ! command -v dpkg-query > /dev/null; then
    echo "deps: this is not Debian; install by hand what these packages contain:" >&2
    # shellcheck disable=SC2086 # one word each
    printf '  %s\n' $wanted >&2
    exit 1
fi

missing=
for package in $wanted; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2> /dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done

# What is linked into the release has Debian's fixes, and is what Debian has the source of: apt-get
# upgrades what it is told to install.
if [ "$group" = release ]; then
    # shellcheck disable=SC2086 # one word each
    outdated=$(apt-get --simulate --only-upgrade install $wanted 2> /dev/null | grep '^Inst ') || outdated=
    [ -z "$missing$outdated" ] || missing=$wanted
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo > /dev/null; then
    as_root=sudo
else
    echo "deps: these packages are missing, and installing them needs root or sudo:$missing" >&2
    exit 1
fi

apt() {
    # shellcheck disable=SC2086 # nothing, or sudo
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@"
}

# Tests start the servers that they need: those of the packages are not started (101: not allowed).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" > /dev/null
    $as_root chmod 755 "$policy"
fi

echo "deps: installing with apt-get:$missing"
apt update
# shellcheck disable=SC2086 # one word each
apt install --yes --no-install-recommends $missing
