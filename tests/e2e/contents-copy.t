#!/bin/bash
# Elements of contents as COPY of a Dockerfile has them: a path in a directory with patterns and
# ignore files, directories and texts of the spec's own, owners by name, and modes in words. All
# without a VM, but where a script has to see what was copied.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

NO_VM=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)
USER_ENV=("${NO_VM[@]}")

mkdir -p "$WORK"/ctx/{src/sub,docs,empty}
echo a > "$WORK/ctx/a.txt"
echo b > "$WORK/ctx/b.txt"
echo odd > "$WORK/ctx/[x].txt"
echo x > "$WORK/ctx/x.txt"
echo c > "$WORK/ctx/src/c.c"
echo h > "$WORK/ctx/src/sub/h.h"
echo d > "$WORK/ctx/docs/d.md"
echo r > "$WORK/ctx/docs/README.md"
chmod 640 "$WORK/ctx/a.txt"
chmod 750 "$WORK/ctx/src/sub"
chmod 755 "$WORK/ctx/src/c.c"
ln -s src "$WORK/ctx/folder"
ln -s /src/c.c "$WORK/ctx/file"
ln -s ../../../../a.txt "$WORK/ctx/above"
ln "$WORK/ctx/src/c.c" "$WORK/ctx/src/same"
tar -C "$WORK/ctx" -cf "$WORK/ctx/t.tar" a.txt
chmod a+r "$WORK/ctx/t.tar"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK/ctx"

# contents NAME CONTENTS [MEMBERS]: builds NAME.tar of the jq expression CONTENTS, a list, in which
# c(PATH; TARGET) is a path of the directory; MEMBERS is one for the rest of the spec.
contents() {
    spec "$1" <<< "$(jq -n 'def c($path; $target): {source: "ctx", path: $path, target: $target};
        {name: "example/copies", contents: ('"$2"')} + ('"${3:-{\}}"')')"
    build "$1"
}
# lays NAME CONTENTS EXPECTED [MEMBERS]: CONTENTS become the entries EXPECTED.
lays() {
    contents case "$2" "${4:-}"
    exits 0 "$1"
    is "$1" "$(layer "$WORK/case.tar" | sed 's,/$,,' | grep -v ' \.$')" "$3"
}
# refuses NAME CONTENTS WORDS [MEMBERS]: CONTENTS are refused.
refuses() {
    contents case "$2" "${4:-}"
    exits 3 "$1"
    like "$1" "$(cat "$WORK/err")" "$3"
}

# --- path

lays "a file into a directory" '[c("/a.txt"; "/d/")]' "dir 0755 0:0 d
file 0640 0:0 d/a.txt"
lays "a file to a name" '[c("/a.txt"; "/d/e")]' "dir 0755 0:0 d
file 0640 0:0 d/e"
lays "a file to a directory that is there" '[{directory: "/d/e"}, c("/a.txt"; "/d/e")]' "dir 0755 0:0 d
dir 0755 0:0 d/e
file 0640 0:0 d/e/a.txt"
lays "what is in a directory, without the directory's own mode" '[c("/src/sub"; "/d")]' "dir 0755 0:0 d
file 0644 0:0 d/h.h"
lays "an empty directory" '[c("/empty"; "/d")]' "dir 0755 0:0 d"
lays "hard links" '[c("/src"; "/")]' "file 0755 0:0 c.c
hard 0755 0:0 same = c.c
dir 0750 0:0 sub
file 0644 0:0 sub/h.h"
lays "a tarball as a file" '[c("/t.tar"; "/")]' "file 0644 0:0 t.tar"
lays "a symlink to a directory" '[c("/folder/sub"; "/")]' "file 0644 0:0 h.h"
lays "a symlink at the end, from the root of the context" '[c("/file"; "/")]' "file 0755 0:0 file"
lays "a symlink that leads above the context stays in it" '[c("/above"; "/")]' "file 0640 0:0 above"
lays "a pattern" '[c("/?.txt"; "/")]' "file 0640 0:0 a.txt
file 0644 0:0 b.txt
file 0644 0:0 x.txt"
lays "a pattern for directories" '[c("/s*/[^a-g]*"; "/d/")]' "dir 0755 0:0 d
file 0755 0:0 d/same
file 0644 0:0 d/h.h"
lays "a set" '[c("/[ab].txt"; "/d/")]' "dir 0755 0:0 d
file 0640 0:0 d/a.txt
file 0644 0:0 d/b.txt"
lays "a pattern, although a file is called so" '[c("/[x].txt"; "/")]' "file 0644 0:0 x.txt"
lays "an escaped pattern" '[c("/[[]x].txt"; "/")]' "file 0644 0:0 [x].txt"
lays "several to a directory without a slash" '[{directory: "/d"}, c("/[ab].txt"; "/d")]' "dir 0755 0:0 d
file 0640 0:0 d/a.txt
file 0644 0:0 d/b.txt"
refuses "several to one name" '[c("/[ab].txt"; "/d")]' "several files cannot all become '/d'"
refuses "a pattern without a match" '[c("/*.none"; "/")]' "read '/\*\.none' in '.*ctx': nothing matches"
lays "a pattern without a match, which is optional" '[c("/a.txt"; "/"), (c("/*.none"; "/") + {optional: true})]' \
    "file 0640 0:0 a.txt"
refuses "an optional path that is not there" '[c("/none"; "/") + {optional: true}]' "read '/none' in '.*ctx': No such file"
refuses "a path that is not there" '[c("/none"; "/")]' "read '/none' in '.*ctx': No such file"
refuses "a damaged pattern" '[c("/[a"; "/")]' "read '/\[a' in '.*ctx': a pattern's \[\.\.\.\] is not valid"
refuses "a file instead of a directory" '[{directory: "/a.txt"}, c("/a.txt"; "/")]' "'/a.txt' is a directory"
refuses "a directory instead of a file" '[c("/a.txt"; "/d"), c("/src"; "/d")]' "'/d' is not a directory"
refuses "a source that is not a directory" '[{source: "ctx/a.txt", path: "/x"}]' "Not a directory"

# --- ignore files

printf '%s\n' '# comment' '*.txt' '!a.txt' 'docs' '!docs/README.md' 'src/**/*.h' > "$WORK/ctx/ignore"
lays "an ignore file" '[c("/"; "/d/") + {excludeFile: "ctx/ignore", exclude: ["t.tar", "ignore"]}]' "dir 0755 0:0 d
file 0640 0:0 d/a.txt
link 0777 0:0 d/above -> ../../../../a.txt
dir 0755 0:0 d/docs
file 0644 0:0 d/docs/README.md
dir 0755 0:0 d/empty
link 0777 0:0 d/file -> /src/c.c
link 0777 0:0 d/folder -> src
dir 0755 0:0 d/src
file 0755 0:0 d/src/c.c
hard 0755 0:0 d/src/same = d/src/c.c
dir 0750 0:0 d/src/sub"
lays "an ignore file is for paths of the context" '[c("/docs"; "/") + {excludeFile: "ctx/ignore"}]' "file 0644 0:0 README.md"
lays "a pattern and an ignore file" '[c("/*.txt"; "/") + {excludeFile: "ctx/ignore"}]' "file 0640 0:0 a.txt"
lays "an ignore file for a whole directory" '[{source: "ctx/docs", excludeFile: "ctx/ignore", mode: "keep"}]' \
    "file 0644 0:0 README.md
file 0644 0:0 d.md"
refuses "a path that is ignored" '[c("/b.txt"; "/") + {excludeFile: "ctx/ignore"}]' \
    "read '/b.txt' in '.*ctx': left out by '.*ctx/ignore'"
printf '%s\n' a '[' > "$WORK/bad"
refuses "a damaged ignore file" '[c("/b.txt"; "/") + {excludeFile: "bad"}]' "read '.*bad': line 2: "
lays "patterns in the spec, for what is copied" '[c("/src"; "/") + {ignore: ["*", "!sub"]}]' "dir 0750 0:0 sub
file 0644 0:0 sub/h.h"
lays "patterns for files" '[c("/*.txt"; "/") + {ignore: ["[bx[]*.txt"]}]' "file 0640 0:0 a.txt"

# --- archives that are unpacked

for compression in '' --gzip --bzip2 --xz --zstd; do
    tar -C "$WORK/ctx" --owner=7 --group=8 --mode=640 $compression -cf "$WORK/ctx/archive" a.txt
    chmod a+r "$WORK/ctx/archive"
    lays "an archive${compression:+, $compression}" '[c("/archive"; "/d") + {unpack: true, owner: "9", mode: "0600"}]' \
        "dir 0755 9:9 d
file 0640 7:8 d/a.txt"
done
rm "$WORK/ctx/archive"
lays "what is not an archive" '[c("/a.txt"; "/d") + {unpack: true, owner: "9", mode: "0600"}]' "file 0600 9:9 d"
cp "$WORK/ctx/t.tar" "$WORK/ctx/empty/"
lays "an archive in a directory is a file" '[c("/empty"; "/d") + {unpack: true}]' "dir 0755 0:0 d
file 0644 0:0 d/t.tar"
rm "$WORK/ctx/empty/t.tar"
refuses "archives without a path" '[{source: "ctx/t.tar", unpack: true}]' "'unpack' is for an element with 'path'"

# --- with the directories that files are in

lays "with all directories" '[c("/src/sub/h.h"; "/d") + {parents: true}]' "dir 0755 0:0 d
dir 0755 0:0 d/src
dir 0750 0:0 d/src/sub
file 0644 0:0 d/src/sub/h.h"
lays "with the directories below a pivot" '[c("/src/./sub/h.h"; "/") + {parents: true, owner: "7"}]' "dir 0750 7:7 sub
file 0644 7:7 sub/h.h"
lays "patterns for any number of directories" '[c("/**/*.[hc]"; "/") + {parents: true}]' "dir 0755 0:0 src
file 0755 0:0 src/c.c
dir 0750 0:0 src/sub
file 0644 0:0 src/sub/h.h"
lays "a directory with what is in it" '[c("/docs"; "/") + {parents: true, excludeFile: "ctx/ignore"}]' "dir 0755 0:0 docs
file 0644 0:0 docs/README.md"
refuses "parents without a match" '[c("/src/*.none"; "/") + {parents: true}]' "nothing matches"

# --- directories and texts

lays "a directory" '[{directory: "/a/b", owner: "7:8", mode: "0700"}]' "dir 0755 7:8 a
dir 0700 7:8 a/b"
lays "a directory that is there" '[{directory: "/a", mode: "0700"}, {directory: "/a/b", owner: "7"}]' "dir 0700 0:0 a
dir 0755 7:7 a/b"
lays "the root" '[{directory: "/", owner: "7"}]' ""
lays "texts" '[{text: "hello", name: "n", target: "/d/"}, {text: "", target: "/e", mode: "+x", owner: "7"}]' \
    "dir 0755 0:0 d
file 0644 0:0 d/n
file 0755 7:7 e"
is "a text: its bytes" "$(file_of "$WORK/case.tar" d/n)" hello
refuses "a text for a directory" '[{directory: "/d/n"}, {text: "x", name: "n", target: "/d/"}]' "'/d/n' is a directory"

# --- modes in words

lays "modes in words" '[c("/src"; "/") + {mode: "u=rwX,go=rX"}]' "file 0755 0:0 c.c
hard 0755 0:0 same = c.c
dir 0755 0:0 sub
file 0644 0:0 sub/h.h"
lays "the bits of others" '[c("/a.txt"; "/") + {mode: "o=u,g-r,u+s"}]' "file 4606 0:0 a.txt"

# --- on a base: owners by name, symlinks, directories that are there

mkdir -p "$WORK"/base/{etc,usr/bin,srv/data}
printf '%s\n' root:x:0:0:::/bin/sh '# odd' web:x:33:34::/:/bin/sh > "$WORK/base/etc/passwd"
printf '%s\n' root:x:0: adm:x:4: > "$WORK/base/etc/group"
ln -s usr/bin "$WORK/base/bin"
ln -s /nowhere/deep "$WORK/base/dangling"
ln -s loop "$WORK/base/loop"
ln -s /srv/data/file "$WORK/base/to-file"
ln -s ../../../srv "$WORK/base/usr/up"
echo old > "$WORK/base/srv/data/file"
chmod 700 "$WORK/base/srv"
mkdir -p "$WORK/links/l" "$WORK/over"
ln -s a "$WORK/links/l/to-a"
ln -s .wh.x "$WORK/links/l/whiteout"
echo new > "$WORK/over/to-file"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK/base"
spec base <<< '{"name": "base", "contents": [{"source": "base", "mode": "keep"}]}'
build base
exits 0 "a base"
on='{fromImage: "base.tar"}'
lays "a user" '[c("/a.txt"; "/new/") + {owner: "web"}]' "dir 0755 33:34 new
file 0640 33:34 new/a.txt" "$on"
lays "a user and a group" '[c("/a.txt"; "/srv/") + {owner: "web:adm"}, {directory: "/w", owner: "9:adm"}]' \
    "file 0640 33:4 srv/a.txt
dir 0755 9:4 w" "$on"
lays "a user and a number" '[{directory: "/w", owner: "web:0"}]' "dir 0755 33:0 w" "$on"
refuses "an unknown user" '[c("/a.txt"; "/") + {owner: "nobody"}]' \
    "find the owner 'nobody': not in /etc/passwd of the base image" "$on"
refuses "an unknown group" '[c("/a.txt"; "/") + {owner: "web:web"}]' "'web': not in /etc/group" "$on"
refuses "a user without a base" '[c("/a.txt"; "/") + {owner: "web"}]' "'web': there is no base image"
lays "a directory of the base" '[{directory: "/srv/data/x", owner: "7"}, {directory: "/srv", owner: "7"}]' \
    "dir 0755 7:7 srv/data/x" "$on"
lays "a symlink of the base" '[c("/a.txt"; "/bin/"), c("/b.txt"; "/bin"), {directory: "/bin/d"}]' \
    "file 0640 0:0 usr/bin/a.txt
file 0644 0:0 usr/bin/b.txt
dir 0755 0:0 usr/bin/d" "$on"
lays "a file to a directory of the base" '[c("/a.txt"; "/srv/data")]' "file 0640 0:0 srv/data/a.txt" "$on"
refuses "a file instead of a directory of the base" '[c("/a.txt"; "/srv/"), {text: "", name: "data", target: "/srv"}]' \
    "'/srv/data' of the base image is a directory" "$on"
lays "a directory that a symlink leads to, which is missing" '[{directory: "/dangling/in", owner: "7"}]' "dir 0755 0:0 nowhere
dir 0755 7:7 nowhere/deep
dir 0755 7:7 nowhere/deep/in" "$on"
lays "files in a directory that a symlink leads to, which is missing" \
    '[c("/a.txt"; "/dangling/"), {text: "", target: "/dangling/x/y"}, c("/src/sub"; "/dangling")]' "dir 0755 0:0 nowhere
dir 0755 0:0 nowhere/deep
file 0640 0:0 nowhere/deep/a.txt
dir 0755 0:0 nowhere/deep/x
file 0644 0:0 nowhere/deep/x/y
file 0644 0:0 nowhere/deep/h.h" "$on"
lays "a file to a symlink to nothing" '[c("/a.txt"; "/dangling")]' "dir 0755 0:0 nowhere
file 0640 0:0 nowhere/deep" "$on"
lays "a file to a symlink to a file" '[c("/a.txt"; "/to-file")]' "file 0640 0:0 srv/data/file" "$on"
lays "a text to a symlink to a file" '[{text: "", target: "/to-file"}]' "file 0644 0:0 srv/data/file" "$on"
lays "a file to a symlink of an earlier element" '[{source: "links", mode: "keep"}, c("/a.txt"; "/l/to-a")]' \
    "dir 0755 0:0 l
link 0777 0:0 l/to-a -> a
link 0777 0:0 l/whiteout -> .wh.x
file 0640 0:0 l/a"
lays "symlinks in what is copied to take no part" '[c("/src/sub"; "/srv"), c("/b.txt"; "/usr/up/data")]' \
    "file 0644 0:0 srv/h.h
file 0644 0:0 srv/data/b.txt" "$on"
lays "a symlink is replaced by what lies in a directory" '[{source: "over", path: "/", target: "/"}]' \
    "file 0644 0:0 to-file" "$on"
lays "what is no copy replaces a symlink" '[{source: "over", mode: "keep"}]' "file 0644 0:0 to-file" "$on"
refuses "what is no copy to a symlink to nothing" '[{source: "over", target: "/dangling"}]' \
    "'/dangling' of the base image is a symlink to '/nowhere/deep', which does not exist" "$on"
refuses "a symlink to itself" '[c("/a.txt"; "/loop")]' "'/loop' of the base image leads through more than 40 symlinks" "$on"
refuses "a directory on the way that is a file" '[c("/a.txt"; "/to-file/")]' "'/srv/data/file' of the base image is not a directory" "$on"
refuses "a symlink to a whiteout" '[{source: "links", mode: "keep"}, c("/a.txt"; "/l/whiteout")]' "'l/.wh.x'"

# --- patterns in images

part() { echo "[{image: {contents: [{source: \"ctx\", mode: \"keep\"}]}, target: \"$2\", path: \"$1\"} + (${3:-{\}})]"; }
lays "a pattern in an image" "$(part '/*/[a-h].*' /d/ '{owner: "7"}')" "dir 0755 7:7 d
file 0644 7:7 d/d.md
file 0755 7:7 d/c.c"
lays "a file of an image to a directory of the base" "$(part /a.txt /srv)" "file 0640 0:0 srv/a.txt" "$on"
lays "patterns for what is left out of an image" "$(part / /d '{ignore: ["*", "!src/c.c"]}')" "dir 0755 0:0 d
dir 0755 0:0 d/src
file 0755 0:0 d/src/c.c"
refuses "a pattern without a match in an image" "$(part '/*.none' /)" "the image has nothing there"

lays "with the directories below a pivot in an image" "$(part '/./src/*/h.h' /d/ '{parents: true}')" "dir 0755 0:0 d
dir 0755 0:0 d/src
dir 0750 0:0 d/src/sub
file 0644 0:0 d/src/sub/h.h"
refuses "parents without a match in an image" "$(part '/./src/*.none' / '{parents: true}')" "the image has nothing there"

# --- the build cache

REUSE=1
run_case() {
    contents key '[c("/"; "/d/") + {excludeFile: "ctx/ignore", owner: "web", mode: "go-w"}, {text: "t", target: "/t"}]' "$on"
    exits 0 "$1"
    like "$1" "$(cat "$WORK/err")" "$2"
}
run_case "a first build" 'built'
run_case "the same again" 'cached'
echo other > "$WORK/ctx/b.txt"
run_case "a file that is ignored" 'cached'
touch "$WORK/ctx/new.txt"
run_case "a new file that is ignored" 'cached'
echo '*.none' >> "$WORK/ctx/ignore"
run_case "the ignore file, which is copied" 'contents changed: d/ignore'
echo '!b.txt' >> "$WORK/ctx/ignore"
run_case "a file that is ignored no longer" 'contents (added: d/b.txt|changed: d/ignore) and 1 more'
contents key '[{text: "t", target: "/t", mode: "0600"}]'
contents key '[{text: "t", target: "/t", mode: "u=rw,go="}]'
like "the same mode in words" "$(cat "$WORK/err")" cached
contents key '[{text: "u", target: "/t", mode: "u=rw,go="}]'
like "another text" "$(cat "$WORK/err")" 'contents changed: t'
contents key '[{text: "u", name: "t", target: "/t/"}]'
like "into a directory of that name" "$(cat "$WORK/err")" built

# --- a script sees it all

REUSE=
USER_ENV=()
contents seen '[{directory: "/w/x", owner: "7:8", mode: "0710"}, c("/src"; "/w/x") + {owner: "9"}]' \
    "{fromImage: \"$(base busybox)\", runAsRoot: \"stat -c '%a %u:%g %n' /w /w/x /w/x/c.c > /out\"}"
exits 0 "in a VM"
is "in a VM: as a script sees it" "$(file_of "$WORK/seen.tar" out)" \
    "755 7:8 /w
710 7:8 /w/x
755 9:9 /w/x/c.c"

done_testing
