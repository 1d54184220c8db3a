#!/bin/bash
# `run`: a command that runs as a container of the image would, with its user, directory and
# environment; images whose config alone is new, and what the history says of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

BUSYBOX=$(base busybox)
on_busybox=$(jq -n --arg base "$BUSYBOX" '{name: "example/run", fromImage: $base, timeout: 60, diskSize: 256}')

# with NAME JSON [OPTION...]: builds $on_busybox with changes to $WORK/NAME.tar.
with() {
    jq --argjson rest "$2" '. + $rest' <<< "$on_busybox" > "$WORK/$1.json"
    build "$1" "${@:3}"
}

# What a command sees, a line each.
# shellcheck disable=SC2016 # the image's shell expands it
probe='{ id -u; id -g; id -G; pwd; umask; echo "$HOME|$PATH|$A|$B|$C|$D|$0"; ls -ldn . | cut -c -40; } > /tmp/'
users=$(jq -n '{
    "root": {}, "app": {User: "app", WorkingDir: "/home/app/new//dir/", Env: ["B=config", "C=config"]},
    "number": {User: "1000", WorkingDir: "/tmp"}, "group": {User: "app:extra"}, "both": {User: "5000:5001"},
    "unknown": {User: "4321", WorkingDir: ""}, "zero": {User: "0:wheel", Env: ["HOME=/own"]}}')

# users.json: a chain of images, each of which adds what its command has seen.
jq -n --arg base "$BUSYBOX" --arg probe "$probe" --argjson users "$users" '
    def node: {timeout: 60, diskSize: 256};
    ($users | keys_unsorted) as $names
    | {images: ({"users": (node + {name: "example/users", fromImage: $base,
            config: {Env: ["A=base", "B=base"]},
            runAsRoot: "mkdir -p /etc /tmp /home/app; chmod 1777 /tmp; chown 1000:1001 /home/app; cd /etc
printf %s\\\\n root:x:0:0:root:/root:/bin/sh app:x:1000:1001::/home/app: other:x:1002:1003::/: > passwd
printf %s\\\\n root:x:0: wheel:x:10:root,app app:x:1001: extra:x:12:other,app > group"})}
       + ([range($names | length) as $i | {key: $names[$i], value: (node + {
            fromImage: {use: (if $i == 0 then "users" else $names[$i - 1] end)},
            config: $users[$names[$i]], env: {D: "env"}, run: ($probe + $names[$i])})}]
          | from_entries))}' > "$WORK/users.json"

# seen NAME: what the command of NAME has seen.
seen() {
    image file "$WORK/seen.tar" "tmp/$1" "$(($(jq -r --arg name "$1" 'keys_unsorted | index($name)' <<< "$users") - 7))"
}

# --- As Docker runs it

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
run --spec users.json zero -o seen.tar --jobs 1
exits 0 "commands as several users"
is "root: user, directory, umask, environment" "$(seen root | head -n 6)" \
    $'0\n0\n0 10\n/\n0022\n'"/root|$path|base|base||env|/bin/sh"
is "a name" "$(seen app | head -n 6)" \
    $'1000\n1001\n1001 10 12\n/home/app/new/dir\n0022\n'"/home/app|$path|base|config|config|env|/bin/sh"
is "a number in /etc/passwd" "$(seen number | head -n 4)" $'1000\n1001\n1001 10 12\n/tmp'
is "a name and a group" "$(seen group | head -n 3)" $'1000\n12\n12'
is "numbers alone" "$(seen both | head -n 3)" $'5000\n5001\n5001'
is "a number that /etc/passwd lacks" "$(seen unknown | head -n 4)" $'4321\n0\n0\n/'
like "a number that /etc/passwd lacks: its home" "$(seen unknown)" '^/\|'
is "root with another group" "$(seen zero | head -n 3)" $'0\n10\n10'
like "HOME of the image's" "$(seen zero)" '^/own\|'
is "a directory that is made is root's" "$(layer "$WORK/seen.tar" -6 | grep -E ' home/app/new')" \
    $'dir 0755 0:0 home/app/new\ndir 0755 0:0 home/app/new/dir'
if [ "$(id -u)" -eq 0 ] && command -v dockerd > /dev/null; then
    run --spec users.json users -o users.tar
    exits 0 "the base for Docker"
    docker load --quiet --input "$WORK/users.tar" > /dev/null
    mkdir "$WORK/context"
    jq -r --arg probe "$probe" --argjson users "$users" -n '
        "FROM example/users", ($users | to_entries[] |
            (.value.Env // [] | .[] | "ENV " + .),
            (.value.User // empty | "USER " + .),
            (.value.WorkingDir // empty | select(. != "") | "WORKDIR " + .),
            (if .key == "unknown" then "WORKDIR /" else empty end),
            "RUN D=env; " + $probe + .key)' > "$WORK/context/Dockerfile"
    DOCKER_BUILDKIT=0 docker build --network none --tag example/seen "$WORK/context" > "$WORK/log" 2>&1 ||
        diag < "$WORK/log"
    for name in $(jq -r 'keys_unsorted[]' <<< "$users"); do
        is "$name: as in docker build" "$(seen "$name")" \
            "$(docker run --rm --network none --user 0 example/seen cat "/tmp/$name" 2>&1)"
    done
else
    skip "as in docker build" "no Docker here, or not root"
fi

# --- Forms of a command

# The words are no business of a shell.
# shellcheck disable=SC2016
with words '{"run": ["/bin/busybox", "printf", "<%s>", "a b", "", "$HOME"], "config": {"WorkingDir": "/tmp"}}'
exits 0 "a list"
says "a list: its words" '^<a b><><\$HOME>$'
with path '{"run": ["echo", "here"], "config": {"Env": ["PATH=/nowhere:/bin"]}}'
says "a list: found by PATH" '^here$'
with line '{"run": "false; echo \"$0 $#\" > /made; test -z \"$SOURCE_DATE_EPOCH\""}'
exits 0 "a line: it goes on after a failure"
is "a line: by sh -c" "$(file_of "$WORK/line.tar" made)" "/bin/sh 0"
with epoch '{"run": "echo $SOURCE_DATE_EPOCH > /made", "created": "2000-01-01T00:00:00Z"}'
is "SOURCE_DATE_EPOCH of created" "$(file_of "$WORK/epoch.tar" made)" 946684800
with script '{"run": "#!/bin/cat\nwhat it says"}'
exits 0 "a script"
says "a script: by its interpreter" '^what it says$'
with mine '{"run": "#!/bin/sh\nfalse\nid -u > /tmp/made\nexit 3\n", "config": {"User": "7:8"},
    "preMount": "mkdir -p layer/tmp; chmod 1777 layer/tmp"}'
exits 5 "a script of another user's"
says "a script of another user's: its line" "^vmbuild: run script 'run': line 4: it exited with status 3"
with output '{"run": "echo one > /dev/stdout; echo two > /dev/stderr; cat", "config": {"User": "7"}}'
exits 0 "another user's standard streams"
says "another user's standard output" '^one$'
says "another user's standard error" '^two$'
with trace '{"run": "true traced"}' --trace
says "--trace" '^\+ true traced$'
with trace '{"run": ["/bin/sh", "-ec", "true list"]}' --trace
says "--trace of a list" '^\+ true list$'

# --- What fails

with nobody '{"run": "true", "config": {"User": "nobody-here"}}'
exits 5 "a user that the image lacks"
says "a user that the image lacks: why" "^vmbuild: run as 'nobody-here': the image's /etc/passwd has no such user$"
with nogroup '{"run": "true", "config": {"User": "0:nobody-here"}}'
says "a group that the image lacks: why" "^vmbuild: run as '0:nobody-here': the image's /etc/group has no such group$"
with nothing '{"run": ["nothing-here", "x"]}'
exits 5 "a program that the image lacks"
says "a program that the image lacks: its name" "^vmbuild: run 'nothing-here': No such file or directory$"
says "a program that the image lacks: the status" "^vmbuild: run script 'run': it exited with status 127"
with file '{"run": "true", "config": {"WorkingDir": "/bin/sh/x"}}'
exits 5 "a directory that cannot be"
says "a directory that cannot be: why" "^vmbuild: enter the directory '/bin/sh/x': Not a directory$"
with relative '{"run": "true", "config": {"WorkingDir": "x"}}'
exits 3 "a directory that is not absolute"
says "a directory that is not absolute: why" "WorkingDir 'x' of its config must be an absolute path"
with denied '{"run": "touch /denied", "config": {"User": "7"}}'
exits 5 "what the user may not do"
with both '{"run": "true", "runAsRoot": "true"}'
exits 3 "run and runAsRoot"
says "run and runAsRoot: why" "key 'run': 'run' and 'runAsRoot' exclude each other"

# --- The cache

REUSE=yes
# shellcheck disable=SC2016 # the image's shell expands it
made='{"run": "echo $A > /made"}'
with cached "$made" -q
with cached "$made"
says "the same command" '^example/run: cached$'
with cached "$(jq '.config = {Cmd: ["x"], Labels: {a: "b"}}' <<< "$made")"
says "what no command sees" '^example/run: cached$'
for config in '{"User": "0:0"}' '{"WorkingDir": "/tmp"}' '{"Env": ["A=1"]}'; do
    with cached "$(jq --argjson config "$config" '.config = $config' <<< "$made")"
    says "config $config" '^example/run: built .*config'
done
with cached "$(jq '.run = "echo $A > /made;"' <<< "$made")"
says "another command" '^example/run: built .*run changed'
with cached '{"run": ["/bin/sh", "-c", "echo $A > /made"]}'
says "a list" '^example/run: built .*run changed'
with cached '{"run": ["/bin/sh", "-c", "echo $B > /made"]}'
says "another list" '^example/run: built .*run changed'

REUSE=

# --- A shell

jq '. + {run: "exit 1", config: {User: "7:8", WorkingDir: "/new"}}' <<< "$on_busybox" > "$WORK/shell.json"
INPUT=$WORK/input
# shellcheck disable=SC2016 # the shell inside expands it
echo 'echo "$(id -u) $(id -g) $PWD $HOME"' > "$WORK/input"
run shell -q --spec shell.json
is "shell --spec: as the command" "$(cat "$WORK/out")" "7 8 /new /"
run shell -q --spec shell.json --before run --rescue
like "shell --before run --rescue: as root" "$(cat "$WORK/out")" '^0 0 /new '
run shell -q --spec shell.json --before preMount
exits 0 "shell --before preMount"
unset INPUT

# --- What the history says

with history '{"run": "echo one\ntrue", "author": "me"}'
is "history: the command's first line" \
    "$(config "$WORK/history.tar" '[.author, (.history[-1] | .author, .created_by, .empty_layer)]')" \
    '["me","me","run: echo one ...",null]'
REUSE=yes
with history '{"run": "echo one\ntrue", "createdBy": "RUN /bin/sh -c echo one"}'
says "createdBy is no part of the layer" '^example/run: cached$'
is "createdBy" "$(config "$WORK/history.tar" .history[-1].created_by)" '"RUN /bin/sh -c echo one"'

# --- Config alone

cat > "$WORK/config.json" <<END
{"images": {
  "one": {"fromImage": "$BUSYBOX", "config": {"Env": ["A=1"]}, "createdBy": "ENV A=1"},
  "two": {"fromImage": {"use": "one"}},
  "three": {"fromImage": {"use": "two"}, "config": {"Cmd": ["x"]}, "author": "me"}
}}
END
run --spec config.json three -o config.tar
exits 0 "images whose config alone is new"
unlike "images whose config alone is new: no VM" "$(cat "$WORK/err")" 'launch'
is "images whose config alone is new: the base's layers" "$(config "$WORK/config.tar" .rootfs.diff_ids)" \
    "$(config "$BUSYBOX" .rootfs.diff_ids)"
is "images whose config alone is new: their history" \
    "$(config "$WORK/config.tar" '[.history[-3:][] | [.created_by, .empty_layer]]')" \
    '[["ENV A=1",true],["config",true],["config: Cmd",true]]'

done_testing
