#!/bin/bash
# shadowSetup: the files that useradd and the like need, created if they are missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

all='etc/group etc/gshadow etc/login.defs etc/pam.d/other etc/passwd etc/shadow'

# etc_files FILE: what the last layer contains below etc/: type, mode, owner, path.
etc_files() {
    layer "$1" | awk '$1 == "file" && $4 ~ /^etc\// { print $2, $3, $4 }' | sort -k 3
}

# An empty base, and no script: there is no program that could run.
image make "$WORK/empty.tar" <<< '{"layers": [[{"path": "data/", "type": "dir"}]]}'
spec alone <<< '{"name": "x", "fromImage": "empty.tar", "shadowSetup": true}'
build alone
exits 0 "an empty base"
is "an empty base: all files, with their modes" "$(etc_files "$WORK/alone.tar")" \
    "0644 0:0 etc/group
0600 0:0 etc/gshadow
0644 0:0 etc/login.defs
0644 0:0 etc/pam.d/other
0644 0:0 etc/passwd
0600 0:0 etc/shadow"
is "an empty base: passwd" "$(file_of "$WORK/alone.tar" etc/passwd)" 'root:x:0:0::/root:/bin/sh'
is "an empty base: shadow" "$(file_of "$WORK/alone.tar" etc/shadow)" 'root:!x:::::::'
is "an empty base: group" "$(file_of "$WORK/alone.tar" etc/group)" 'root:x:0:'
is "an empty base: gshadow" "$(file_of "$WORK/alone.tar" etc/gshadow)" 'root:x::'
is "an empty base: login.defs" "$(file_of "$WORK/alone.tar" etc/login.defs)" ''
like "an empty base: pam.d/other" "$(file_of "$WORK/alone.tar" etc/pam.d/other)" '^auth sufficient pam_rootok\.so$'

spec none <<< '{"name": "x", "shadowSetup": true}'
build none
exits 0 "no base"
is "no base: all files" "$(etc_files "$WORK/none.tar" | awk '{ print $3 }' | xargs)" "$all"

# A real one has them all, and keeps them; its own tools then work.
build_script debian "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, shadowSetup: true}')" <<'END'
for file in passwd shadow group gshadow login.defs pam.d/other; do
    test -s "/etc/$file"
done
END
exits 0 "Debian"
is "Debian: nothing is rewritten" "$(etc_files "$WORK/debian.tar")" ""

build_script bare "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base}')" \
    <<< 'rm /etc/passwd* /etc/group* /etc/shadow* /etc/gshadow* /etc/login.defs /etc/pam.d/other'
build_script users '{"name": "x", "fromImage": "bare.tar", "shadowSetup": true}' <<'END'
groupadd -r redis
useradd -r -g redis -d /data -m redis
id redis
END
exits 0 "Debian without its users"
says "Debian without its users: useradd works" '^uid=[0-9]+\(redis\) gid=[0-9]+\(redis\)'
like "Debian without its users: passwd" "$(file_of "$WORK/users.tar" etc/passwd)" '^redis:'

# An existing shadow file is kept; a missing one is created.
image make "$WORK/part.tar" <<< '{"layers": [[{"path": "etc/passwd", "data": "root:x:0:0::/:/x\n"},
    {"path": "etc/group", "data": "root:x:0:\n"}, {"path": "etc/gshadow", "data": "root:*::\n"}]]}'
spec partly <<< '{"name": "x", "fromImage": "part.tar", "shadowSetup": true}'
build partly
exits 0 "a base with some of them"
is "a base with some of them: the others" "$(etc_files "$WORK/partly.tar" | awk '{ print $3 }' | xargs)" \
    "etc/login.defs etc/pam.d/other etc/shadow"

done_testing
