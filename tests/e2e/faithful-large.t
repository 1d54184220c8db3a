#!/bin/bash
# Faithful at the edges of size: many layers, many files, deep paths, sparse giants.
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

build_script sparse "$on_busybox" <<'END'
truncate -s 9G /nine
dd if=/dev/zero of=/nine bs=1 count=1 seek=5000000000 conv=notrunc 2> /dev/null
echo end >> /nine
truncate -s 1024G /lastlog
END
exits 0 "9 GiB and 1 TiB, all holes"
like "9 GiB: its size" "$(python3 -c 'import sys, tarfile
sys.path.insert(0, sys.argv[1])
import image
for info in image.Archive(sys.argv[2]).layer(): print(info.name, info.size, bool(info.sparse))' "$TOP/tests" "$WORK/sparse.tar")" \
    '^nine 9663676420 True$'
ok "9 GiB: the archive is small" test "$(stat -c %s "$WORK/sparse.tar")" -lt 5000000
if [ "$(id -u)" -eq 0 ]; then
    mkdir "$WORK/out.d"
    tar -xf "$WORK/sparse.tar" -C "$WORK/out.d" "$(image members "$WORK/sparse.tar" | grep layer.tar | tail -n 1)"
    mkdir "$WORK/tree"
    tar -xSf "$WORK"/out.d/*/layer.tar -C "$WORK/tree" nine
    is "9 GiB: GNU tar restores it" "$(tail -c 4 "$WORK/tree/nine") $(stat -c %s "$WORK/tree/nine")" "end 9663676420"
    rm -rf "$WORK/tree" "$WORK/out.d"
fi

# They come in again, and are copied up, and go out as a whole file system.
build_script touched "$(jq -n '{name: "x", fromImage: "sparse.tar"}')" <<'END'
[ "$(stat -c %s /nine)" = 9663676420 ]
[ "$(tail -c 4 /nine)" = end ]
chmod 600 /nine /lastlog
[ "$(($(stat -c %b /nine) + $(stat -c %b /lastlog)))" -lt 10000 ] # overlayfs copies a MiB around each piece of data
END
exits 0 "9 GiB and 1 TiB, all holes, in the base"
is "9 GiB and 1 TiB: copied up" "$(layer "$WORK/touched.tar")" "file 0600 0:0 lastlog
file 0600 0:0 nine"
run export touched.tar --output touched.rootfs.tar
exits 0 "9 GiB and 1 TiB: exported"
ok "9 GiB and 1 TiB: the archives are small" \
    test "$(($(stat -c %s "$WORK/touched.tar") + $(stat -c %s "$WORK/touched.rootfs.tar")))" -lt 10000000

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
