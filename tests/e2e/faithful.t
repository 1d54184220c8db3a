#!/bin/bash
# What a script leaves is what every client sees: each case is carried out natively and through the
# guest, on a base of three layers, and the trees compared.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faithful.sh
. "$(dirname "$0")/../faithful.sh"

# in_layers ENTRIES ENTRIES: the description of a base of two layers, with the tools in the first.
in_layers() { printf '{"layers": [['; tools; printf ', %s], [%s]]}' "$1" "$2"; }

# --- Out and in: what goes to the layer, and what the base's layers bring

in_base deleted 0 <<'END'
{"path": "file", "data": "1"}
{"path": "dir", "type": "dir"}
{"path": "dir/below", "data": "2"}
{"path": "link", "type": "link", "to": "file"}
{"path": "kept", "data": "3"}
END
case_of deleted <<< 'rm file link; rm -r dir'

in_base replaced 0 <<'END'
{"path": "file", "data": "1"}
{"path": "dir", "type": "dir"}
{"path": "dir/below", "data": "2"}
{"path": "link", "type": "link", "to": "dir"}
{"path": "twice", "type": "dir"}
{"path": "twice/below", "data": "4"}
END
case_of replaced <<'END'
rm file; mkdir file; echo new > file/below
rm -r dir; echo file > dir
rm link; mkdir link
rm -r twice; echo x > twice; rm twice; mkdir twice; echo new > twice/other
END

in_base opaque 0 <<'END'
{"path": "dir", "type": "dir", "mode": "700"}
{"path": "dir/old", "data": "1"}
{"path": "dir/sub", "type": "dir"}
{"path": "dir/sub/old", "data": "2"}
END
case_of opaque <<< 'rm -r dir; mkdir dir; echo new > dir/new; mkdir dir/sub; echo new > dir/sub/new'

in_base renamed 0 <<'END'
{"path": "dir", "type": "dir", "mode": "2750", "gid": 5}
{"path": "dir/file", "data": "1", "mode": "4711", "uid": 7}
{"path": "dir/sub", "type": "dir"}
{"path": "dir/sub/file", "data": "2"}
{"path": "onto", "type": "dir"}
{"path": "onto/old", "data": "3"}
END
case_of renamed <<< 'mv dir moved; mv moved/sub onto/; mkdir dir; echo new > dir/file'

case_of nearly <<< 'echo 1 > .wh; echo 2 > wh.x; echo 3 > a.wh.b; echo 4 > .wh-x; echo 5 > x.wh.'

in_base devices 0 <<'END'
{"path": "old", "type": "char", "mode": "600", "major": 1, "minor": 3}
{"path": "block", "type": "block", "major": 8, "minor": 1}
{"path": "large", "type": "char", "major": 4095, "minor": 1048575}
END
case_of devices <<'END'
mknod null c 1 3; mknod -m 600 loop b 7 300; mkfifo -m 622 fifo
chmod 666 old; rm block; mknod block c 5 1
END

in_base links 0 <<'END'
{"path": "lower", "data": "lower"}
{"path": "lower2", "data": "lower2"}
{"path": "a", "type": "dir"}
{"path": "b", "type": "dir"}
END
case_of links <<'END'
ln lower2 from-gone; rm lower2; echo 2 > gone; ln gone from-new; ln gone from-new2; rm gone
echo 1 > z; ln z y; ln y b/x; ln b/x a/w
ln lower a/copy; ln a/copy zz
ln -s z s; ln s t 2> /dev/null || true
mknod dev c 1 5; ln dev a/dev
END

in_base modes 0 <<'END'
{"path": "tool", "mode": "755", "data": "x"}
{"path": "capable", "mode": "755", "data": "x", "xattrs": {"security.capability": "0100000200200000000000000000000000000000"}}
{"path": "capable-of-1000", "mode": "755", "data": "x", "xattrs": {"security.capability": "0100000300200000000000000000000000000000e8030000"}}
END
case_of modes <<'END'
echo x > suid; chmod 4755 suid; echo x > sgid; chmod 2711 sgid; mkdir sticky; chmod 1777 sticky
chmod 6755 tool; mkdir inherits; chmod 2775 inherits; echo x > none; chmod 0 none; mkdir closed; chmod 0 closed
chmod 700 capable; chmod 700 capable-of-1000
END

case_of owners <<'END'
echo x > a; chown 4294967294:4294967294 a; echo x > b; chown 2147483648:65536 b; mkdir c; chown 1:65535 c
ln -s a d; chown -h 2097152:7 d; mkfifo e; chown 3000000000:0 e
END

in_base xattrs 0 <<'END'
{"path": "lower", "data": "x", "xattrs": {"user.kept": "00ff", "trusted.kept": "616263"}}
{"path": "dir", "type": "dir", "xattrs": {"user.dir": "64"}}
{"path": "acl-in-base", "data": "x", "xattrs": {"system.posix_acl_access": "0200000001000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff"}}
{"path": "default-in-base", "type": "dir", "xattrs": {"system.posix_acl_default": "0200000001000700ffffffff02000700e803000004000500ffffffff10000700ffffffff20000500ffffffff"}}
{"path": "default-in-base/no-acl-of-its-own", "data": "x"}
END
case_of xattrs <<'END'
echo x > a; mkdir b; mkfifo fifo; echo x > acl; mkdir acldir; echo x > caps; echo x > caps3
chmod 700 lower; chmod 700 dir
chmod 660 acl-in-base; chmod 640 default-in-base/no-acl-of-its-own; echo inherits > default-in-base/new
/edit <<'EDITS'
xattr a user.comment hello
hexattr a user.binary 00010203ff0a00
xattr b user.dir x
xattr b trusted.mine y
xattr fifo trusted.fifo z
hexattr caps security.capability 0100000200200000000000000000000000000000
hexattr caps3 security.capability 0100000300200000000000000000000000000000e8030000
hexattr acl system.posix_acl_access 0200000001000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff
hexattr acldir system.posix_acl_default 0200000001000700ffffffff02000700e803000004000500ffffffff10000700ffffffff20000500ffffffff
EDITS
echo inherits > acldir/file
END

case_of names <<'END'
long=$(printf '%0255d' 0); echo 1 > "$long"; mkdir "d$(printf '%0200d' 0)"; echo 2 > "d$(printf '%0200d' 0)/$long"
echo 3 > "$(printf 'new\nline')"; echo 4 > "$(printf '\377\376')"; echo 5 > "$(printf 'caf\303\251')"
echo 6 > "$(printf 'cafe\314\201')"; echo 7 > 'back\slash'; echo 8 > '*'; echo 9 > ' '; echo 0 > -n
ln -s "$(printf 'x%0300d' 0)" "$(printf '\n')x"; ln -s "$(printf '\377')" raw; ln "$long" "$(printf 'z%0150d' 0)"
echo 11 > PaxHeader; echo 12 > '@LongLink'
END

in_base times 0 <<'END'
{"path": "early", "data": "x", "mtime": -86400000}
{"path": "earliest", "data": "x", "mtime": -2147483648}
{"path": "late", "data": "x", "mtime": 4294967296}
{"path": "later", "type": "link", "to": "late", "mtime": 5000000000}
END
case_of times <<'END'
chmod 600 early earliest late; chown -h 1 later
for t in 0 -1 -86400000 -2147483649 2147483648 4294967296 5000000000; do
    printf 'file t%s 644 0 0 %s x\n' $t $t
    printf 'symlink %s x s%s\n' $t $t
done | /edit
END

case_of sparse <<'END'
/edit <<'EDITS'
sparse small 300000000 1000000000 end
sparse tiny 4097 1000000000 x
EDITS
dd if=/dev/zero of=zeros bs=4096 count=10 2> /dev/null
truncate -s 100000 hole
END

in_base mounts 0 <<'END'
{"path": "x", "data": "x"}
END
case_of mounts <<< 'echo y > x'

# The base's layers, which the guest has to merge as umoci does.

in_base lower 0 <<'END'
{"path": "a", "type": "dir"}
{"path": "a/file", "data": "1"}
{"path": "a/gone", "data": "2"}
{"path": "b", "type": "dir"}
{"path": "b/old", "data": "3"}
{"path": "b/sub", "type": "dir"}
{"path": "b/sub/old", "data": "4"}
{"path": "c", "data": "file"}
{"path": "d", "type": "dir"}
{"path": "d/x", "data": "5"}
{"path": "e", "type": "dir"}
{"path": "e/1", "data": "1"}
{"path": "hard", "data": "hard"}
{"path": "hard2", "type": "hard", "to": "lower/hard"}
{"path": "link", "type": "link", "to": "a"}
{"path": "a/behind-link", "data": "7"}
{"path": "late", "data": "old"}
{"path": "late-dir", "type": "dir"}
{"path": "late-dir/old", "data": "old"}
END
in_base lower 1 <<'END'
{"path": "link/.wh.behind-link"}
{"path": "nowhere/.wh.name"}
{"path": "late", "data": "before its own whiteout"}
{"path": ".wh.late"}
{"path": "late-dir/new", "data": "before its folder's whiteout"}
{"path": ".wh.late-dir"}
{"path": "a/.wh.gone"}
{"path": "a/.wh.never-was"}
{"path": "b/new", "data": "before the opaque marker"}
{"path": "b/.wh..wh..opq"}
{"path": "b/after", "data": "after it"}
{"path": ".wh.c"}
{"path": ".wh.d"}
{"path": "e/2", "data": "2"}
{"path": "hard3", "type": "hard", "to": "lower/hard"}
END
in_base lower 2 <<'END'
{"path": "a/gone", "data": "back again"}
{"path": "c", "type": "dir"}
{"path": "c/below", "data": "6"}
{"path": "d", "data": "now a file"}
{"path": "e/.wh.1"}
{"path": "e/.wh.2"}
{"path": "e/3", "data": "3"}
{"path": "mode", "type": "dir", "mode": "1777", "uid": 4294967294, "gid": 5, "mtime": 1}
{"path": "caps", "mode": "755", "data": "x", "xattrs": {"security.capability": "0100000200200000000000000000000000000000"}}
{"path": "implied/parent/file", "data": "x"}
{"path": "fifo", "type": "fifo", "mode": "600"}
END
# Copied up by a chmod that changes nothing, so that what the guest has of them comes back.
# (Except hard links, which overlayfs separates by copying one of them up, as it does under Docker.)
case_of lower <<'END'
[ "$(stat -c %h hard) $(stat -c %h hard2) $(stat -c %h hard3)" = "3 3 3" ]
find . ! -type l ! -name 'hard*' | while read -r file; do chmod "$(stat -c %a "$file")" "$file"; done
END

compare_cases

listing=$(layer "$WORK/job.tar")
like "a directory made again is opaque" "$listing" ' opaque/dir/\.wh\.\.wh\.\.opq$'
unlike "overlayfs' own marks do not leak" "$listing" 'trusted\.overlay|user\.overlay'
is "links go to the first path, never chained" "$(awk '$1 == "hard" && $4 ~ "^links/" { print $4, $5, $6 }' <<< "$listing")" \
    "links/b/x = links/a/w
links/dev = links/a/dev
links/from-new2 = links/from-new
links/lower = links/a/copy
links/t = links/s
links/y = links/a/w
links/z = links/a/w
links/zz = links/a/copy"
ok "sparse files take no room: $(($(stat -c %b "$WORK/job.tar") * 512)) bytes" \
    test $(($(stat -c %b "$WORK/job.tar") * 512)) -lt $(($(stat -c %s "$WORK/base.tar") + 3000000))
is "paths are sorted and unique" "$(awk '{ print $4 }' <<< "$listing" | sort | uniq -d)" ""

# --- Other systems' marks, which mean nothing here

in_layers '{"path": "d", "type": "dir"}, {"path": "d/below", "data": "x"}, {"path": "f", "data": "x"}' \
    '{"path": "d", "type": "dir", "xattrs": {"trusted.overlay.opaque": "79", "user.overlay.opaque": "79"}},
     {"path": "m", "data": "whole", "xattrs": {"trusted.overlay.metacopy": "79", "trusted.overlay.redirect": "66"}},
     {"path": "r", "type": "dir", "xattrs": {"trusted.overlay.redirect": "64"}}' | image make "$WORK/marked.tar"
chmod a+r "$WORK/marked.tar"
build_script marks '{"name": "x", "fromImage": "marked.tar", "env": {"PATH": "/bin"}}' <<'END'
[ "$(cat /d/below)" = x ]
[ "$(cat /m)" = whole ]
[ -z "$(ls /r)" ]
chmod 700 /d /m /r
END
exits 0 "overlayfs' marks in a base mean nothing"
unlike "overlayfs' marks in a base do not come back" "$(layer "$WORK/marks.tar")" 'trusted\.overlay'
like "what only resembles a mark does" "$(layer "$WORK/marks.tar")" ' d/? xattr user\.overlay\.opaque=79'

# --- What ext4 alone could not hold

large=$(printf '%060000d' 0)
in_layers "{\"path\": \"large\", \"data\": \"x\", \"xattrs\": {\"user.in\": \"$(printf %s "$large" | xxd -p | tr -d '\n')\"}}" \
    '{"path": "x", "data": "x"}' | image make "$WORK/large.tar"
chmod a+r "$WORK/large.tar"
build_script large-attributes '{"name": "x", "fromImage": "large.tar", "env": {"PATH": "/bin"}}' <<'END'
chmod 600 /large
echo x > /new
{ echo "xattr /new user.one $(printf '%060000d' 1)"; echo "xattr /new user.two $(printf '%060000d' 2)"; } | /edit
END
exits 0 "attributes of 60 KB"
is "attributes of 60 KB, in and out" \
    "$(layer "$WORK/large-attributes.tar" | awk '{ for (i = 6; i <= NF; i += 2) print $4, substr($i, 1, 10), length($i) }')" \
    "large user.in=30 120008
new user.one=3 120009
new user.two=3 120009"

# --- What no layer can hold

in_layers '{"path": "d", "type": "dir"}' '{"path": "x", "data": "x"}' | image make "$WORK/plain.tar"
chmod a+r "$WORK/plain.tar"
script_spec empty '{"name": "x", "fromImage": "plain.tar", "env": {"PATH": "/bin"}}' <<< 'echo x > /e; echo "hexattr /e user.empty " | /edit'
build empty
exits 0 "an extended attribute without a value"
# As written here; Go's archive/tar, and so Docker and umoci, treat an empty value as none.
like "an extended attribute without a value: is in the layer" "$(layer "$WORK/empty.tar")" ' e xattr user\.empty=$'

script_spec equals '{"name": "x", "fromImage": "plain.tar", "env": {"PATH": "/bin"}}' <<< 'echo x > /e; echo "xattr /e user.a=b v" | /edit'
build equals
ok "an extended attribute with = in its name is refused" test "$STATUS" -ne 0
says "an extended attribute with = in its name: the message names it" '^vmbuild: .*user\.a=b'

script_spec whiteout '{"name": "x", "fromImage": "plain.tar", "env": {"PATH": "/bin"}}' <<< 'echo x > /.wh.name'
build whiteout
ok "a name that begins with .wh. is refused" test "$STATUS" -ne 0
says "a name that begins with .wh.: the message names it" '^vmbuild: .*\.wh\.name'

script_spec socket '{"name": "x", "fromImage": "plain.tar", "env": {"PATH": "/bin"}}' \
    <<< 'mkdir /s; echo "socket /s/socket 755" | /edit; [ -S /s/socket ]'
build socket
exits 0 "a socket"
unlike "a socket is left out" "$(layer "$WORK/socket.tar")" 's/socket'

done_testing
