#!/bin/bash
# Builds those libraries of the release's vmbuild that Debian has no static form of, or only one
# that needs libraries which have none; prints where they lie.
#
# usage: libraries.sh
#
#   libxml2     without ICU, for libguestfs
#   libguestfs  without libvirt and FUSE, as one object that shows guestfs_* alone: of the libraries
#               that only it uses, some names (json_*, base64_*) are also ours
#   curl        HTTP and HTTPS, and no place for certificates: the program knows where to look
#   libisal     Debian has no static one
#   libslirp    the same; as one object that shows slirp_* alone, whose other names are common words
# shellcheck source=scripts/release/common.sh
. "$(dirname "$0")/common.sh"

packages=(libxml2 libguestfs curl libisal libslirp)

# What Debian's patches change does not have to be generated again.
make_quietly() {
    make -s -j"$(nproc)" AUTOMAKE=: ACLOCAL=: AUTOCONF=: AUTOHEADER=: "$@"
}

build_libxml2() {
    cd libxml2
    ./configure -q --prefix="$prefix" --disable-shared --without-icu --without-python \
        --without-lzma --without-zlib --without-http --without-ftp --without-iconv \
        --without-catalog --without-debug --without-modules
    make_quietly libxml2.la
    make_quietly install-libLTLIBRARIES install-pkgconfigDATA
    make_quietly -C include install
}

# Its configure asks for programs that the library's build never runs (and for libraries that it does
# not use, which empty answers on its command line stand for).
fake_programs() {
    local name
    mkdir programs
    printf '#!/bin/sh\necho version 4.14.1\n' > programs/ocamlc
    chmod 755 programs/ocamlc
    for name in ocamlfind gperf xorrisofs cpio; do
        ln -s ocamlc "programs/$name"
    done
}

# The generated sources are part of the package; a stamp says that they are up to date.
build_libguestfs() {
    local part
    fake_programs
    PATH=$PWD/programs:$PATH
    cd libguestfs
    touch -d @1 generator/generator generator/stamp-generator
    PKG_CONFIG_PATH=$prefix/lib/pkgconfig SUPERMIN=no \
        AUGEAS_CFLAGS=' ' AUGEAS_LIBS=' ' HIVEX_CFLAGS=' ' HIVEX_LIBS=' ' \
        LIBTINFO_CFLAGS=' ' LIBTINFO_LIBS=' ' \
        ac_cv_lib_magic_magic_file=yes ac_cv_header_magic_h=yes \
        ./configure -q --disable-dependency-tracking --disable-shared --enable-static \
        --disable-daemon --disable-appliance --without-libvirt --disable-fuse --without-qemu \
        --with-default-backend=direct --disable-ocaml --disable-perl --disable-python \
        --disable-ruby --disable-haskell --disable-php --disable-erlang --disable-lua --disable-golang \
        --disable-gobject --disable-rust --disable-vala --without-java --disable-introspection \
        --disable-nls --disable-probes
    for part in gnulib/lib common/errnostring common/protocol common/qemuopts common/structs \
        common/utils; do
        make_quietly -C "$part"
    done
    make_quietly -C lib libguestfs.la
    ld -r -o all.o --whole-archive lib/.libs/libguestfs.a --no-whole-archive -L"$prefix/lib" \
        -L"/usr/lib/$(gcc -print-multiarch)" --start-group -lxml2 -lpcre2-8 -ljansson -ltirpc \
        --end-group
    objcopy --wildcard --keep-global-symbol='guestfs_*' --strip-debug all.o "$prefix/lib/guestfs.o"
}

build_curl() {
    cd curl
    ./configure -q --prefix="$prefix" --disable-shared --with-openssl --without-ca-bundle \
        --without-ca-path --without-libpsl --without-libidn2 --without-brotli --without-zstd \
        --without-nghttp2 --without-librtmp --without-libssh2 --without-libssh --without-gssapi \
        --disable-ldap --disable-ldaps --disable-ftp --disable-file --disable-rtsp --disable-dict \
        --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb --disable-smtp \
        --disable-gopher --disable-mqtt --disable-manual --disable-ntlm --disable-tls-srp \
        --disable-unix-sockets --disable-libcurl-option
    make_quietly -C lib
    make_quietly -C lib install
    make_quietly -C include install
}

build_libisal() {
    local flags=$CFLAGS
    unset CFLAGS # its makefile's own
    cd libisal
    make -s -j"$(nproc)" -f Makefile.unx lib CC="gcc $flags $CPPFLAGS"
    mkdir "$prefix/include/isa-l"
    cp include/*.h "$prefix/include/isa-l"
    cp bin/isa-l.a "$prefix/lib/libisal.a"
}

# Its own build needs meson, and does no more than this but for other systems.
build_libslirp() {
    local version
    cd libslirp
    version=$(sed -n "s/^ *version : '\(.*\)',$/\1/p" meson.build)
    sed -e "s/@SLIRP_VERSION_STRING@/\"$version\"/" -e "s/@SLIRP_MAJOR_VERSION@/${version%%.*}/" \
        -e "s/@SLIRP_MINOR_VERSION@/$(cut -d . -f 2 <<< "$version")/" \
        -e "s/@SLIRP_MICRO_VERSION@/${version##*.}/" \
        src/libslirp-version.h.in > src/libslirp-version.h
    # shellcheck disable=SC2046,SC2086 # one word each
    (cd src && gcc $CFLAGS $CPPFLAGS -std=gnu99 -w '-DG_LOG_DOMAIN="Slirp"' -DBUILDING_LIBSLIRP \
        $(pkg-config --cflags glib-2.0) -c ./*.c)
    ld -r -o all.o src/*.o
    objcopy --wildcard --keep-global-symbol='slirp_*' --strip-debug all.o "$prefix/lib/slirp.o"
    cp src/libslirp.h src/libslirp-version.h "$prefix/include"
}

build() {
    local name
    prefix=$PWD/done
    export CFLAGS="-O2 -g0 -fPIE -ffunction-sections -fdata-sections -ffile-prefix-map=$PWD=."
    export CFLAGS="$CFLAGS -fstack-protector-strong" CPPFLAGS='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
    mkdir -p "$prefix/lib" "$prefix/include" "$prefix/licences"
    download_sources "$own_release" "${packages[@]}"
    for name in "${packages[@]}"; do
        echo "=== $name"
        unpack_source "$own_release" "$name"
        ("build_$name")
    done
    rm -rf "$prefix"/lib/*.la "$prefix/lib/pkgconfig" "${prefix:?}/bin" "$prefix/share"
    for name in "${packages[@]}"; do
        cp "$name/debian/copyright" "$prefix/licences/$name"
    done
    source_files "$own_release" "${packages[@]}" > "$prefix/sources"
}

static=$(dpkg-query --show libpcre2-dev libjansson-dev libtirpc-dev libssl-dev zlib1g-dev \
    libglib2.0-dev)
keep build "$(source_files "$own_release" "${packages[@]}")" "$static"
