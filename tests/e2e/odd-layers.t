#!/bin/bash
# Layers that other programs write and Docker reads: the guest, export and Docker make the same tree of them,
# where Docker's own storage drivers agree.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need_root "Docker Engine"
need jq xxd dockerd

tools="{\"path\": \"bin\", \"type\": \"dir\"}, {\"path\": \"bin/busybox\", \"mode\": \"755\", \"hex\": \"$(xxd -p < /bin/busybox | tr -d '\n')\"},
    {\"path\": \"bin/sh\", \"type\": \"link\", \"to\": \"busybox\"}, {\"path\": \"bin/find\", \"type\": \"link\", \"to\": \"busybox\"},
    {\"path\": \"bin/stat\", \"type\": \"link\", \"to\": \"busybox\"}"
cat > "$WORK/lower" <<'END'
{"path": "usr", "type": "dir"}, {"path": "usr/lib", "type": "dir"}, {"path": "usr/lib/old", "data": "o"},
{"path": "lib", "type": "link", "to": "usr/lib"},
{"path": "file", "data": "x"}, {"path": "to-file", "type": "link", "to": "usr/lib/old"},
{"path": "real", "type": "dir"}, {"path": "real/x", "data": "x"}, {"path": "opaque", "type": "link", "to": "real"},
{"path": "opaque-file", "data": "x"},
{"path": "over", "type": "dir"}, {"path": "over/in", "type": "dir", "mode": "700", "uid": 7}, {"path": "over/in/old", "data": "o"},
{"path": "d", "type": "dir"}, {"path": "d/x", "data": "x"}, {"path": "d/y", "data": "y"}, {"path": "z", "data": "z"}
END
cat > "$WORK/upper" <<'END'
{"path": "file/below", "data": "b"}, {"path": "to-file/below", "data": "b"},
{"path": "opaque/.wh..wh..opq"}, {"path": "opaque", "type": "dir"}, {"path": "opaque/y", "data": "y"},
{"path": "opaque-file/.wh..wh..opq"},
{"path": "over/in/new", "data": "n"}, {"path": "over/.wh..wh..opq"},
{"path": "d/.wh..wh.x"}, {"path": "d/.wh..wh.folder/x", "data": "x"},
{"path": "d/x", "type": "char"}, {"path": "z", "type": "char"}, {"path": "new", "type": "char"}
END
# Where Docker's drivers differ: overlay2 makes a directory of the link.
cat > "$WORK/links" <<'END'
{"path": "lib/f", "data": "f"}, {"path": "lib/h", "type": "hard", "to": "lib/f"},
{"path": "usr/lib/g", "type": "hard", "to": "lib/f"}, {"path": "lib/.wh.old"},
{"path": ".wh..wh.aufs"}, {"path": ".wh..wh.plnk", "type": "dir"}, {"path": ".wh..wh.plnk/77.1", "data": "data"},
{"path": "a", "type": "hard", "to": ".wh..wh.plnk/77.1"}, {"path": "b", "type": "hard", "to": ".wh..wh.plnk/77.1"}
END
echo "{\"layers\": [[$tools, $(cat "$WORK/lower")], [$(cat "$WORK/upper")]]}" | image make "$WORK/odd.tar"
echo "{\"layers\": [[$tools, $(cat "$WORK/lower")], [$(cat "$WORK/links")]]}" | image make "$WORK/links.tar"
chmod a+r "$WORK"/*.tar

# names_of TAR: what is in a tar of a whole file system, but for what an engine adds.
names_of() {
    tar -tvf "$1" | awk '{ $2 = $3 = $4 = $5 = ""; print }' | sed -E 's/^l[rwx-]+/l/; s/ +/ /' |
        grep -vE ' (bin|dev|etc|proc|sys|\.dockerenv)(/| |$)' | LC_ALL=C sort
}

# agree NAME: what export writes of $WORK/NAME.tar is what the guest sees.
agree() {
    run export "$1.tar" --output "$1.rootfs"
    exits 0 "$1: export"
    mkdir "$WORK/$1.d"
    tar -C "$WORK/$1.d" -xpf "$WORK/$1.rootfs"
    build_script "$1-guest" "{\"name\": \"x\", \"fromImage\": \"$1.tar\", \"env\": {\"PATH\": \"/bin\"}}" <<'END'
cd / && find . -xdev ! -type d ! -path './bin/*' -exec stat -c 'TREE %A %h %Y %s %n' {} +
find ./over -type d -exec stat -c 'TREE %A %u %n' {} +
END
    exits 0 "$1: the guest"
    is "$1: the guest sees what export writes" \
        "$(sed -n 's,^TREE \(.*\) \./,\1 ,p' "$WORK/err" | LC_ALL=C sort)" \
        "$(cd "$WORK/$1.d" && {
            find . -mindepth 1 ! -type d ! -path './bin/*' -printf '%P\0' | xargs -0 stat -c '%A %h %Y %s %n'
            find over -type d -exec stat -c '%A %u %n' {} +
        } | LC_ALL=C sort)"
}

agree odd
loaded=$(docker load --quiet --input "$WORK/odd.tar" 2>&1)
like "odd: docker load" "$loaded" '^Loaded image'
container=$(docker create "${loaded#*: }" /bin/sh)
docker export "$container" > "$WORK/docker.tar"
docker rm "$container" > /dev/null
docker rmi --force "${loaded#*: }" > /dev/null
is "odd: Docker has the same tree" "$(names_of "$WORK/odd.rootfs")" "$(names_of "$WORK/docker.tar")"

agree links
is "links: through symlinks, and of AUFS" "$(names_of "$WORK/links.rootfs" | grep -vE ' (d|real|opaque|over|file|z)' | sed 's/^[^ ]* //' | LC_ALL=C sort)" "a
b link to a
lib -> usr/lib
to-file -> usr/lib/old
usr/
usr/lib/
usr/lib/f
usr/lib/g link to usr/lib/f
usr/lib/h link to usr/lib/f"
build_script times '{"name": "x", "fromImage": "links.tar", "env": {"PATH": "/bin"}}' \
    <<< '[ "$(stat -c %Y /usr/lib /usr / | tr "\n" " ")" = "1000000000 1000000000 0 " ] || { stat -c %Y /usr/lib /usr /; exit 1; }'
exits 0 "a directory that is written to through a symlink keeps its time"

# What Docker refuses.
for name in .wh. d/.wh. d/.wh..; do
    echo "{\"layers\": [[$tools, $(cat "$WORK/lower")], [{\"path\": \"$name\"}]]}" | image make "$WORK/refused.tar"
    chmod a+r "$WORK/refused.tar"
    run export refused.tar --output refused.rootfs
    exits 3 "a whiteout of nothing, $name: export"
    build_script refused-guest '{"name": "x", "fromImage": "refused.tar"}' <<< 'true'
    exits 3 "a whiteout of nothing, $name: the guest"
done

done_testing
