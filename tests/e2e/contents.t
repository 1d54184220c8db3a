#!/bin/bash
# Images without scripts: contents and closure, without a VM.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

# No VM must start.
USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)

mkdir -p "$WORK"/tree/{etc,bin,var/log} "$WORK/over/etc"
echo one > "$WORK/tree/etc/one"
echo two > "$WORK/tree/etc/two"
chmod 400 "$WORK/tree/etc/two"
echo script > "$WORK/tree/bin/script"
ln -s ../etc/one "$WORK/tree/bin/link"
ln -s /nowhere "$WORK/tree/dangling"
ln "$WORK/tree/etc/one" "$WORK/tree/etc/same"
mkfifo "$WORK/tree/fifo"
chmod 1777 "$WORK/tree/var/log"
setfattr -n user.comment -v hello "$WORK/tree/etc/one"
echo over > "$WORK/over/etc/two"
echo three > "$WORK/over/etc/three"
echo single > "$WORK/single"
find "$WORK/tree" "$WORK/over" "$WORK/single" -exec touch -h -d 2001-01-01T00:00:00Z {} +
chmod -R u+r "$WORK/tree"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK/tree" "$WORK/over" "$WORK/single"
chmod 4755 "$WORK/tree/bin/script" # after chown, which takes the bit away

# --- contents
spec folder <<< '{"name": "x", "contents": "tree", "created": "2010-01-01T00:00:00Z"}'
build folder
exits 0 "a directory"
ok "a directory: the archive is whole" image check "$WORK/folder.tar"
listing=$(layer "$WORK/folder.tar")
is "a directory: sorted, owned by root, user- and group-writable, links kept" "$(sed 's,/$,,; s, \./, ,' <<< "$listing" | grep -v ' \.$')" \
    "dir 0775 0:0 bin
link 0777 0:0 bin/link -> ../etc/one
file 4755 0:0 bin/script
link 0777 0:0 dangling -> /nowhere
dir 0775 0:0 etc
file 0664 0:0 etc/one xattr user.comment=68656c6c6f
hard 0664 0:0 etc/same = etc/one
file 0600 0:0 etc/two
fifo 0664 0:0 fifo
dir 0775 0:0 var
dir 1777 0:0 var/log"

# Names in UTF-8, whether composed or not, are text in PAX records; other names are bytes.
mkdir "$WORK/names"
touch -d @1 "$WORK/names/gr"$'\u00fc'"n" "$WORK/names/gru"$'\u0308'"n" "$WORK/names/gr"$'\xfc'"n" "$WORK/names"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK/names"
spec names <<< '{"name": "x", "contents": "names"}'
build names
exits 0 "names"
is "names: kept to the byte" "$(layer "$WORK/names.tar" | grep -c 'gr')" 3
if [ "$(id -u)" -eq 0 ]; then
    cp "$WORK/names.tar" "$WORK/with-locales.tar"
    HIDDEN=/usr/lib/locale
    is "names: without any locale here" "$(as_user ls -A /usr/lib/locale)" ""
    build names
    HIDDEN=
    ok "names: the same bytes without any locale" cmp "$WORK/names.tar" "$WORK/with-locales.tar"
else
    skip "names: without any locale" "it needs root"
fi

spec merged <<< '{"name": "x", "contents": ["tree", "over", "single"]}'
build merged
exits 0 "several"
is "several: the last one wins" "$(file_of "$WORK/merged.tar" etc/two)" over
is "several: directories merge" "$(layer "$WORK/merged.tar" | grep -cE ' etc/(one|same|two|three)( |$)')" 4
is "several: no duplicate names" "$(layer "$WORK/merged.tar" | awk '{ print $4 }' | sort | uniq -d)" ""
is "several: a single file" "$(file_of "$WORK/merged.tar" single)" single

for compression in none gzip xz zstd bzip2; do
    case $compression in
    none) cat ;;
    zstd) zstd -qc ;;
    *) "$compression" -c ;;
    esac < <(tar -C "$WORK/tree" --xattrs --sort=name -cf - .) > "$WORK/tarball"
    spec tarball <<< '{"name": "x", "contents": "tarball", "created": "2010-01-01T00:00:00Z"}'
    build tarball
    exits 0 "a tarball, $compression"
    is "a tarball, $compression: as from the directory" "$(layer "$WORK/tarball.tar")" "$listing"
done

head -c 3000 "$WORK/tarball" > "$WORK/cut"
cp "$WORK/tarball" "$WORK/truncated.tar.bz2"
truncate -s 200 "$WORK/truncated.tar.bz2"
spec truncated <<< '{"name": "x", "contents": "truncated.tar.bz2"}'
build truncated
exits 3 "a truncated tarball"
says "a truncated tarball: which" 'truncated\.tar\.bz2'

# On a base: still no VM.
spec based <<< "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, contents: "tree"}')"
build based
exits 0 "on a base"
is "on a base: two layers" "$(config "$WORK/based.tar" '.rootfs.diff_ids | length')" 2

# --- Directories that a tarball does not name
# Those that the base has not are made, or clients would choose their
# modes and times; the others are left as they are.
mkdir -p "$WORK/parts/etc/new" "$WORK/parts/a/b"
touch "$WORK/parts/etc/new/x" "$WORK/parts/a/b/x"
chmod 664 "$WORK/parts/etc/new/x" "$WORK/parts/a/b/x"
tar -C "$WORK/parts" -cf "$WORK/parts.tar" etc/new/x a/b/x
spec missing <<< "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, contents: "parts.tar"}')"
build missing
exits 0 "directories that neither the tarball nor the base has"
is "directories that neither the tarball nor the base has: they are created" \
    "$(layer "$WORK/missing.tar" | sed 's,/$,,')" \
    "dir 0755 0:0 etc/new
file 0664 0:0 etc/new/x
dir 0755 0:0 a
dir 0755 0:0 a/b
file 0664 0:0 a/b/x"
rm -r "$WORK/parts"

# In the guest, over a base: a directory that the tarball does not name is as the base has it, and
# through the base's own links.
USER_ENV=()
image make "$WORK/odd.tar" <<'END'
{"layers": [[
    {"path": "tmp/", "type": "dir", "mode": "1777", "mtime": 900000000},
    {"path": "home/me/", "type": "dir", "mode": "2750", "uid": 7, "gid": 8,
     "xattrs": {"user.comment": "68656c6c6f"}},
    {"path": "usr/lib/", "type": "dir", "mode": "711"},
    {"path": "lib", "type": "link", "to": "usr/lib"}]]}
END
mkdir -p "$WORK/parts/tmp" "$WORK/parts/home/me" "$WORK/parts/lib" "$WORK/parts/new"
touch "$WORK/parts/tmp/x" "$WORK/parts/home/me/x" "$WORK/parts/lib/x" "$WORK/parts/new/x"
tar -C "$WORK/parts" -cf "$WORK/parts.tar" tmp/x home/me/x lib/x new/x
spec implied <<< '{"name": "x", "fromImage": "odd.tar", "contents": "parts.tar", "extraCommands": "true"}'
build implied
exits 0 "directories that a tarball does not name"
listing=$(layer "$WORK/implied.tar" | sed 's,/$,,; s,/ , ,')
like "directories that a tarball does not name: the sticky bit" "$listing" '^dir 1777 0:0 tmp$'
like "directories that a tarball does not name: owner and xattrs" "$listing" \
    '^dir 2750 7:8 home/me xattr user\.comment=68656c6c6f$'
like "directories that a tarball does not name: through a link" "$listing" '^dir 0711 0:0 usr/lib$'
like "directories that a tarball does not name: the file behind the link" "$listing" ' usr/lib/x$'
unlike "directories that a tarball does not name: the link stays" "$listing" ' lib( .*)?$'
like "directories that a tarball does not name: one that is new" "$listing" '^dir 0755 0:0 new$'
USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)

# --- Symlinks of the base
# On a base with /usr merged, /bin stays a symlink; what is copied into it lies where it leads, with
# and without a VM.
mkdir -p "$WORK/linked/bin" "$WORK/linked/lib/own"
printf '#!/bin/sh\necho called\n' > "$WORK/linked/bin/called"
chmod 755 "$WORK/linked/bin/called"
echo text > "$WORK/linked/lib/own/text"
chmod 644 "$WORK/linked/lib/own/text"
tar -C "$WORK/linked" -cf "$WORK/linked.tar" bin/called lib/own/text
linked="file 0664 0:0 usr/lib/own/text
file 0775 0:0 usr/bin/called"
for source in linked linked.tar; do
    for script in '' 'test -L /bin && called > /said'; do
        spec laid <<< "$(jq -n --arg base "$(base debian)" --arg source $source --arg script "$script" \
            '{name: "x", fromImage: $base, contents: $source, runAsRoot: $script}')"
        USER_ENV=()
        [ -n "$script" ] || USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)
        build laid
        exits 0 "symlinks of the base: $source${script:+, in a VM}"
        is "symlinks of the base: $source${script:+, in a VM}: where they lead" \
            "$(layer "$WORK/laid.tar" | grep -v ^dir | grep -v said | sort)" "$linked"
        [ -z "$script" ] || is "symlinks of the base: $source: found by a script" \
            "$(file_of "$WORK/laid.tar" said)" called
    done
done
USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)

image make "$WORK/dangling.tar" <<'END'
{"layers": [[{"path": "run", "type": "link", "to": "/nowhere"}, {"path": "lib", "data": "x"}]]}
END
spec dangling <<< '{"name": "x", "fromImage": "dangling.tar", "contents": "dangling"}'
mkdir -p "$WORK/dangling/run"
build dangling
exits 3 "a directory over a dangling symlink"
says "a directory over a dangling symlink: both paths" \
    "lay 'run' of '$WORK/dangling': '/run' of the base image is a symlink to '/nowhere', which does not"
mkdir -p "$WORK/dangling/lib"
rmdir "$WORK/dangling/run"
build dangling
exits 3 "a directory over a file"
says "a directory over a file: both paths" \
    "lay 'lib' of '$WORK/dangling': '/lib' of the base image is not a directory"

# --- Owners and modes
# A root file system as a tarball, with what must not become writable by a group.
mkdir -p "$WORK/root"/{etc/sudoers.d,usr/bin,var/cache,srv}
touch "$WORK/root"/{etc/shadow,etc/sudoers.d/user,usr/bin/su,usr/bin/write,var/cache/x,srv/x.pyc,srv/x.py}
chmod 640 "$WORK/root/etc/shadow"
chmod 440 "$WORK/root/etc/sudoers.d/user"
chmod 4755 "$WORK/root/usr/bin/su"
chmod 2755 "$WORK/root/usr/bin/write"
chmod 644 "$WORK/root"/srv/*
chmod 1777 "$WORK/root/srv"
chmod 755 "$WORK/root"/{etc,etc/sudoers.d,usr,usr/bin,var,var/cache}
tar -C "$WORK/root" --sort=name --owner=:3 --group=:42 -cf "$WORK/root.tar" etc srv usr var
spec plain <<< '{"name": "x", "contents": "root.tar"}'
build plain
exits 0 "a root file system"
is "a root file system: nothing special becomes writable by a group" \
    "$(layer "$WORK/plain.tar" | sed 's,/$,,')" \
    "dir 0775 0:0 etc
file 0660 0:0 etc/shadow
dir 0775 0:0 etc/sudoers.d
file 0640 0:0 etc/sudoers.d/user
dir 1777 0:0 srv
file 0664 0:0 srv/x.py
file 0664 0:0 srv/x.pyc
dir 0775 0:0 usr
dir 0775 0:0 usr/bin
file 4755 0:0 usr/bin/su
file 2755 0:0 usr/bin/write
dir 0775 0:0 var
dir 0775 0:0 var/cache
file 0664 0:0 var/cache/x"

kept="dir 0755 3:42 etc
file 0640 3:42 etc/shadow
dir 0755 3:42 etc/sudoers.d
file 0440 3:42 etc/sudoers.d/user
dir 1777 3:42 srv
file 0644 3:42 srv/x.py
dir 0755 3:42 usr
dir 0755 3:42 usr/bin
file 4755 3:42 usr/bin/su
file 2755 3:42 usr/bin/write
dir 0755 3:42 var"
for script in '' true; do
    spec kept <<< "$(jq -n --arg base "$(base busybox)" --arg script "$script" '{name: "x", fromImage: $base,
        contents: [{source: "root.tar", owner: "keep", mode: "keep", exclude: ["*.pyc", "/var/cache/"]}],
        runAsRoot: $script}')"
    USER_ENV=()
    [ -n "$script" ] || USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)
    build kept
    exits 0 "a root file system as it is${script:+, in a VM}"
    is "a root file system as it is${script:+, in a VM}: owners and modes" \
        "$(layer "$WORK/kept.tar" | sed 's,/$,,' | grep -v ' \.$')" "$kept"
    spec placed <<< "$(jq -n --arg base "$(base debian)" --arg script "$script" '{name: "x", fromImage: $base,
        contents: ["over", {source: "single", target: "/lib/own/", owner: "7:8", mode: "0750"},
            {source: "over", target: "/opt", owner: "9"}], runAsRoot: $script}')"
    build placed
    exits 0 "a target${script:+, in a VM}"
    is "a target${script:+, in a VM}: owners, modes, symlinks of the base" \
        "$(layer "$WORK/placed.tar" | grep -v ^dir | sort -k4)" \
        "file 0664 0:0 etc/three
file 0664 0:0 etc/two
file 0664 9:9 opt/etc/three
file 0664 9:9 opt/etc/two
file 0750 7:8 usr/lib/own/single"
done
USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)
run --spec placed.json --set 'contents=[{"source": "single", "target": "/a"}]' --dry-run
is "an object in --dry-run and --set" "$(jq -c .contents "$WORK/out")" \
    "[{\"source\":\"$WORK/single\",\"target\":\"/a\",\"owner\":\"0:0\",\"mode\":\"+w\",\"exclude\":[]}]"

# --- Nothing but metadata
spec meta <<< "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, config: {User: "7"}}')"
build meta
exits 0 "nothing but a config"
is "nothing but a config: it is set" "$(config "$WORK/meta.tar" .config.User)" '"7"'
is "nothing but a config: no new layer" "$(config "$WORK/meta.tar" '.rootfs.diff_ids | length')" 1

# --- closure
# Paths are stored where they are, with their modes, except for those that the base has.
mkdir -p "$WORK/store/aaa-one" "$WORK/store/bbb-two"
echo 1 > "$WORK/store/aaa-one/file"
chmod 444 "$WORK/store/aaa-one/file"
echo 2 > "$WORK/store/bbb-two/file"
ln "$WORK/store/aaa-one/file" "$WORK/store/bbb-two/same"
chmod -R a+rX "$WORK/store"
printf '%s\n' "$WORK/store/aaa-one" "$WORK/store/bbb-two" > "$WORK/paths"
spec closure <<< '{"name": "x", "closure": {"file": "paths"}}'
build closure
exits 0 "a closure from a file of paths"
like "a closure: at its own path, modes kept" "$(layer "$WORK/closure.tar")" \
    "^file 0444 0:0 ${WORK#/}/store/aaa-one/file$"
like "a closure: a hard link from one path to another" "$(layer "$WORK/closure.tar")" \
    "^hard 0444 0:0 ${WORK#/}/store/bbb-two/same = ${WORK#/}/store/aaa-one/file$"
spec first <<< "{\"name\": \"x\", \"closure\": [\"$WORK/store/aaa-one\"]}"
build first
spec second <<< '{"name": "x", "fromImage": "first.tar", "closure": {"file": "paths"}}'
build second
exits 0 "a closure on a base"
listing=$(layer "$WORK/second.tar")
like "a closure on a base: paths that it lacks" "$listing" 'bbb-two/file$'
unlike "a closure on a base: no paths that it has" "$listing" 'aaa-one/file$'
is "a closure on a base: nor their parent directories" "$(grep -c '^dir' <<< "$listing")" 1

# What the layer already has is kept, as in dockerTools. Relative paths start at the spec's directory.
mkdir -p "$WORK/own$WORK/store/aaa-one" "$WORK/specs"
echo own > "$WORK/own$WORK/store/aaa-one/file"
chmod -R a+rX "$WORK/own"
spec specs/own <<< '{"name": "x", "contents": "../own", "closure": ["../store/aaa-one", ".././store/bbb-two/"]}'
run --spec specs/own.json --output own.tar --compression none
exits 0 "a closure and contents"
is "a closure and contents: contents take precedence" "$(file_of "$WORK/own.tar" "${WORK#/}/store/aaa-one/file")" own
is "a closure and contents: the rest" "$(file_of "$WORK/own.tar" "${WORK#/}/store/bbb-two/file")" 2

# --- Size
# Size costs neither memory nor temporary disk space. (The file is sparse, so it costs the tests none either.)
mkdir "$WORK/large"
truncate -s 3G "$WORK/large/file"
chmod a+rX "$WORK/large"
spec large <<< '{"name": "x", "contents": "large"}'
peak=$(cd "$WORK" && as_user python3 - "$VMBUILD" --spec large.json --output large.tar.gz <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
END
)
ok "3 GB: at most 100 MB of memory (${peak:-none})" test "${peak:-1000}" -le 100
is "3 GB: no temporary is left" "$(find "$WORK/tmp" -mindepth 1)" ""
rm -rf "$WORK/large" "$WORK/large.tar.gz"
# What cannot be compressed needs space for the output, and no more.
mkdir "$WORK/random"
head -c 200M /dev/urandom > "$WORK/random/file"
chmod -R a+rX "$WORK/random"
spec random <<< '{"name": "x", "contents": "random"}'
USER_ENV+=(TMPDIR=/no/such/folder)
for format in docker-archive oci layer; do
    rm -f "$WORK/peak"
    mkdir "$WORK/room"
    chmod a+rwx "$WORK/room"
    (peak=0
        while [ -e "$WORK/room" ]; do
            now=$(du -sm "$WORK/room" 2> /dev/null | cut -f 1)
            [ "${now:-0}" -le "$peak" ] || { peak=$now && echo "$now" > "$WORK/peak"; }
            sleep 0.02
        done) &
    run --spec random.json --output room/x --format $format
    exits 0 "200 MB that cannot be compressed, $format, without a TMPDIR"
    wait_for test -s "$WORK/peak"
    rm -r "$WORK/room"
    wait $!
    ok "200 MB that cannot be compressed, $format: at most 300 MB of disk ($(cat "$WORK/peak"))" \
        test "$(cat "$WORK/peak")" -le 300
done
rm -r "$WORK/random"

done_testing
