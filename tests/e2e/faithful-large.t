#!/bin/bash
# Faithful at the edges of size: many layers, many files, deep paths, giants full of holes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq xxd

# 126 layers and ours: each overwrites, adds, deletes.
{
    printf '{"layers": [[{"path": "bin", "type": "dir"}, {"path": "bin/sh", "mode": "755", "hex": "%s"}, {"path": "l", "type": "dir"}]' \
        "$(xxd -p < /bin/busybox | tr -d '\n')"
    for i in $(seq 1 125); do
        printf ', [{"path": "l/last", "data": "%s"}, {"path": "l/f%s", "data": "x"}, {"path": "l/.wh.f%s"}]' \
            "$i" "$i" $((i - 1))
    done
    printf ']}'
} | image make "$WORK/base.tar"
chmod a+r "$WORK/base.tar"
script_spec layers '{"name": "x", "fromImage": "base.tar"}' <<'END'
[ "$(cat /l/last)" = 125 ]
[ "$(echo /l/*)" = "/l/f125 /l/last" ]
echo made > /made
END
build layers
exits 0 "126 layers below"
is "126 layers below: 127 come out" "$(config "$WORK/layers.tar" '.rootfs.diff_ids | length')" 127
ok "127 layers: whole" image check "$WORK/layers.tar"

on_busybox=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')

# A file with holes is a plain file in the layer, which costs no disk space here all the same.
room_of() {
    echo $(($(stat -c %b "$1") * 512))
}
build_script sparse "$on_busybox" <<'END'
truncate -s 9G /nine
dd if=/dev/zero of=/nine bs=1 count=1 seek=5000000000 conv=notrunc 2> /dev/null
echo end >> /nine
truncate -s 1000000 /small
END
exits 0 "9 GiB, mostly a hole"
says "9 GiB: that they are zeros now" "^vmbuild: 'nine' has holes of 9.0 GiB, which a layer stores as zeros"
unlike "1 MB of a hole is not worth a word" "$(cat "$WORK/err")" small
is "9 GiB: a plain file, whole" "$(python3 -c 'import sys
sys.path.insert(0, sys.argv[1])
import image
layer = image.Archive(sys.argv[2]).layer()
for info in layer:
    data = layer.extractfile(info)
    data.seek(-4, 2)
    print(info.name, info.size, bool(info.sparse), *sorted(info.pax_headers), data.read())' "$TOP/tests" "$WORK/sparse.tar")" "nine 9663676420 False size b'end\\n'
small 1000000 False b'\\x00\\x00\\x00\\x00'"
ok "9 GiB: no more room than the base's" test "$(room_of "$WORK/sparse.tar")" -lt 5000000
run --spec sparse.json --output sparse.tar.gz
exits 0 "9 GiB, compressed"
ok "9 GiB, compressed: small" test "$(stat -c %s "$WORK/sparse.tar.gz")" -lt 15000000

# They come in again, and are copied up, and go out as a whole file system.
build_script touched "$(jq -n '{name: "x", fromImage: "sparse.tar"}')" <<'END'
[ "$(stat -c %s /nine)" = 9663676420 ]
[ "$(tail -c 4 /nine)" = end ]
[ "$(dd if=/nine bs=1 skip=9000000000 count=4 2> /dev/null | od -A n -t x1)" = " 00 00 00 00" ]
chmod 600 /nine
[ "$(stat -c %b /nine)" -lt 10000 ] # overlayfs copies a MiB around each piece of data
END
exits 0 "9 GiB in the base"
is "9 GiB: copied up" "$(layer "$WORK/touched.tar")" "file 0600 0:0 nine"
run export touched.tar --output touched.rootfs.tar
exits 0 "9 GiB: exported"
is "9 GiB, exported: a plain file" "$(python3 -c 'import sys, tarfile
for info in tarfile.open(sys.argv[1]):
    if info.size > 1e9: print(info.name, info.size, bool(info.sparse))' "$WORK/touched.rootfs.tar")" "nine 9663676420 False"
ok "9 GiB: the archives take little room" \
    test $(($(room_of "$WORK/touched.tar") + $(room_of "$WORK/touched.rootfs.tar"))) -lt 10000000
rm -f "$WORK"/sparse.tar* "$WORK"/touched*.tar

# What a lastlog is with a huge UID.
build_script huge "$on_busybox" <<< 'truncate -s 1024G /lastlog'
exits 1 "1 TiB, all hole"
says "1 TiB: why" "^vmbuild: pack the layer: pack 'lastlog': with it, the files of the layer have holes of 64 GiB or more, which a layer stores as zeros"
leaves_nothing "1 TiB" "$WORK/huge.tar"

build_script deep "$on_busybox" <<'END'
name=$(printf '%0200d' 0)
i=0
while [ $i -lt 30 ]; do mkdir $name; cd -P $name; i=$((i + 1)); done
echo bottom > file
END
exits 0 "a path of 6000 bytes"
is "a path of 6000 bytes: is there" "$(layer "$WORK/deep.tar" | awk '{ if (length($4) > max) max = length($4) } END { print max }')" 6034
mv "$WORK/deep.tar" "$WORK/deep-base.tar"
script_spec deeper '{"name": "x", "fromImage": "deep-base.tar"}' <<'END'
i=0
while [ $i -lt 30 ]; do cd -P 0*; i=$((i + 1)); done
[ "$(cat file)" = bottom ]
rm file
END
build deeper
exits 0 "a path of 6000 bytes in the base"
like "a path of 6000 bytes: deleted" "$(layer "$WORK/deeper.tar")" '0/\.wh\.file$'

build_script many "$on_busybox" <<< "mkdir /many; cd /many; seq 1 100000 | xargs touch; rm 777"
exits 0 "100,000 files in one directory"
is "100,000 files in one directory: but one" "$(layer "$WORK/many.tar" | grep -c ' many/[0-9]')" 99999

done_testing
