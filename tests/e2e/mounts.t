#!/bin/bash
# `mounts`: file systems in memory, secrets and caches that a script alone has, and of which nothing is
# in the image.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

BUSYBOX=$(base busybox)
REUSE=yes

# with NAME JSON [OPTION...]: builds a spec on busybox with JSON to $WORK/NAME.tar. A line that ends
# within a text goes on with the next one.
with() {
    jq -n --arg base "$BUSYBOX" --argjson rest "$(tr '\n' ' ' <<< "$2")" \
        '{name: "example/mounts", fromImage: $base, timeout: 60, diskSize: 256} + $rest' > "$WORK/$1.json"
    build "$1" "${@:3}"
}

# --- tmpfs

# shellcheck disable=SC2016 # the image's shell expands it
with tmpfs '{"preMount": "mkdir -p layer/has; chmod 750 layer/has; echo kept > layer/has/file",
    "run": "set -e; exec > /seen; cd /; for i in has new/one sized; do stat -c \"%a %u:%g %n\" $i; done;
        test -z \"$(ls -A has)\"; echo lost | tee has/file new/one/file sized/file;
        grep -cE \" /(has|new/one|sized) tmpfs rw,nosuid,nodev,\" /proc/mounts; if dd if=/dev/zero of=sized/big bs=1M count=2; then exit 1; fi",
    "mounts": [{"type": "tmpfs", "target": "/has"}, {"type": "tmpfs", "target": "/new//one/"},
        {"type": "tmpfs", "target": "/sized", "size": "1m", "mode": "0700", "uid": "7", "gid": "8"}]}'
exits 0 "tmpfs"
is "tmpfs: what the script sees" "$(file_of "$WORK/tmpfs.tar" seen)" \
    $'750 0:0 has\n1777 0:0 new/one\n700 7:8 sized\nlost\n3'
is "tmpfs: nothing stays" "$(layer "$WORK/tmpfs.tar" | cut -d' ' -f 4- | tr '\n' ' ')" "has has/file seen "
is "tmpfs: what it covered is back" "$(file_of "$WORK/tmpfs.tar" has/file)" kept

with root '{"runAsRoot": "echo x > /t/x; test -s /t/x", "mounts": [{"type": "tmpfs", "target": "/t"}],
    "postMount": "test ! -e mnt/t"}'
exits 0 "tmpfs of runAsRoot; hooks have none"
with file '{"run": "true", "mounts": [{"type": "tmpfs", "target": "/bin/busybox"}]}'
exits 1 "tmpfs over a file"
says "tmpfs over a file: why" "mount at '/bin/busybox': Not a directory"

# --- secret

USER_ENV=("SECRET=from-the-environment")
printf 'xyzzy-%s' token > "$WORK/token"
# shellcheck disable=SC2016 # the image's shell expands it
secret='{"run": "set -e; cd /run/secrets; stat -c \"%a %u:%g %n\" a /b /c/d; cat a | tr x X; echo;
    test \"$(cat /b)\" = \"$(cat a)\"; test \"$TOKEN\" = \"$(cat a)\"; echo \"$OTHER\" | tr f F; ls -A",
    "mounts": [{"type": "secret", "id": "a", "required": true}, {"type": "secret", "id": "a", "target": "/b", "mode": "444"},
        {"type": "secret", "target": "/c/d", "uid": "7", "gid": "8"}, {"type": "secret", "id": "a", "env": "TOKEN"},
        {"type": "secret", "id": "v", "env": "OTHER"}, {"type": "secret", "id": "absent"}]}'
with secret "$secret" --secret "id=a,src=$WORK/token" --secret id=d,env=SECRET --secret id=v,env=SECRET
exits 0 "secrets"
says "a secret: its mode and owner" '^400 0:0 a$'
says "a secret at a target, with a mode" '^444 0:0 /b$'
says "a secret that is called as its target, with an owner" '^400 7:8 /c/d$'
says "a secret: its bytes" '^Xyzzy-token$'
says "a secret in a variable" '^From-the-environment$'
unlike "one that is not given, or has a variable alone, is no file" "$(cat "$WORK/err")" '^(absent|v)$'
is "secrets: nothing stays" "$(layer "$WORK/secret.tar" 2> "$WORK/none")" ""
with secret "$secret" --secret id=a,env=SECRET
says "secrets: the bytes are no part of the key" '^example/mounts: cached$'
with other "$(tr '\n' ' ' <<< "$secret" | jq '.mounts[0].target = "/e"')" --secret "id=a,src=$WORK/token" --secret id=d,env=SECRET
exits 5 "secrets: their targets are part of it"
with missing '{"run": "true", "mounts": [{"type": "secret", "id": "a", "required": true}]}'
exits 3 "a secret that is required and not given"
says "a secret that is required and not given: what to do" '--secret id=a,src=FILE'
with shown '{"run": "cat /run/secrets/a", "mounts": [{"type": "secret", "id": "a"}]}' --secret "id=a,src=$WORK/token"
exits 0 "a secret that is shown"
says "a secret that is shown: masked" '^\*\*\*$'
with stored '{"run": "cat /run/secrets/a > /stored", "mounts": [{"type": "secret", "id": "a"}]}' \
    --secret "id=a,src=$WORK/token"
exits 5 "a secret that is stored"

# A secret that a mount names is for mounts alone.
cat > "$WORK/images.json" <<END
{"images": {
  "one": {"fromImage": "$BUSYBOX", "run": "test -s /s", "mounts": [{"type": "secret", "id": "a", "target": "/s"}]},
  "two": {"fromImage": {"use": "one"}, "run": "test ! -e /run/secrets && test ! -e /s"}
}}
END
run --spec images.json --secret "id=a,src=$WORK/token" -o images.tar
exits 0 "a secret that one image mounts"

# --- cache

# cached NAME RUN [MOUNT]: a build whose command counts its runs in a cache.
cached() {
    with "$1" "$(jq -n --arg run "$2" --argjson mount "${3-{\}}" \
        '{run: $run, mounts: [{type: "cache", target: "/var/cache/x"} + $mount]}')" "${@:4}"
}
USER_ENV=("XDG_CACHE_HOME=$WORK/cache")
# shellcheck disable=SC2016 # the image's shell expands it
count='cd /var/cache/x; stat -c "%a %u:%g" .; echo run >> runs; n=$(wc -l < runs); echo "runs: $n"'
cached first "$count"
exits 0 "a cache"
says "a cache: empty at first" '^runs: 1$'
says "a cache: its mode and owner" '^755 0:0$'
is "a cache: nothing of it is in the layer" "$(layer "$WORK/first.tar" 2> "$WORK/none")" ""
cached first "$count; true"
says "a cache: what the last build left" '^runs: 2$'
cached first "$count; true"
says "a cache is no part of the key" '^example/mounts: cached$'
cached fails "$count; exit 1"
exits 5 "a build that fails"
cached first "$count; :"
says "a build that fails leaves nothing in it" '^runs: 3$'
cached other "$count" '{"id": "other", "mode": "0700", "uid": "7", "sharing": "locked"}'
says "another ID" '^runs: 1$'
says "another ID: its mode and owner" '^700 7:0$'
cached other 'test "$(wc -l < /y/runs)" -eq 3' '{"id": "/var/cache/x", "target": "/y", "sharing": "private"}'
exits 0 "the same ID at another target"
cached none "$count" '{}' --no-cache
says "--no-cache" '^runs: 1$'
run cache list
like "cache list" "$(cat "$WORK/out")" 'mounts/[0-9a-f]{64}$'
run cache prune
run cache list
unlike "cache prune" "$(cat "$WORK/out")" 'mounts/'
cached first "$count; : again"
says "after cache prune" '^runs: 1$'
jq '. + {runAsRoot: .run} | del(.run)' "$WORK/first.json" > "$WORK/root.json"
build root
says "a cache of runAsRoot" '^runs: 2$'
USER_ENV=()

# --- bind

mkdir -p "$WORK/context/sub" "$WORK/context/empty"
echo one > "$WORK/context/a"
echo two > "$WORK/context/sub/b"
chmod 604 "$WORK/context/a"
echo secret > "$WORK/context/sub/left-out"
echo 'sub/left*' > "$WORK/context/.dockerignore"
bind='{"run": "set -e; cd /src; ls -A . sub; stat -c \"%a %u:%g %n\" a; cat /etc/b; test -d /none;
        if touch x; then exit 1; fi; if echo > /etc/b; then exit 1; fi;
        echo changed > /rw/sub/b; touch /rw/new; cat /rw/sub/b; echo here > /rw/deep/er/x; test ! -e /only/sub; cat /only/b",
    "mounts": [{"type": "bind", "source": "context", "target": "/src", "excludeFile": "context/.dockerignore"},
        {"type": "bind", "source": "context/sub/b", "target": "/etc/b"},
        {"type": "bind", "source": "context/empty", "target": "/none"},
        {"type": "bind", "source": "context", "path": "sub", "target": "/only"},
        {"type": "tmpfs", "target": "/rw/deep/er"},
        {"type": "bind", "source": "context", "target": "/rw", "writable": true}]}'
with bind "$bind"
exits 0 "bind mounts"
is "a directory: what is not left out" "$(grep -v '^vmbuild' "$WORK/err" | grep -cE '^(a|empty|sub|b|left-out)$')" 4
says "a directory: owner and mode" '^604 0:0 a$'
says "a file" '^two$'
says "a directory that is writable" '^changed$'
is "bind mounts: nothing stays" "$(layer "$WORK/bind.tar" 2> "$WORK/none")" ""
is "bind mounts: the host's files are as they were" "$(cat "$WORK/context/sub/b" && ls "$WORK/context")" $'two\na\nempty\nsub'
with bind "$bind"
says "the same files" '^example/mounts: cached$'
echo more >> "$WORK/context/sub/left-out"
tr '\n' ' ' <<< "$bind" | jq 'del(.mounts[3, 5]) | .run = "true"' > "$WORK/fewer"
with fewer "$(cat "$WORK/fewer")" -q
echo more >> "$WORK/context/sub/left-out"
with fewer "$(cat "$WORK/fewer")"
says "what is left out is no part of the key" '^example/mounts: cached$'
echo more >> "$WORK/context/a"
with fewer "$(cat "$WORK/fewer")"
says "what is there is" '^example/mounts: built .*mounts changed'
mv "$WORK/context" "$WORK/moved"
with fewer "$(sed 's/"context/"moved/' "$WORK/fewer")"
says "where it is is none" '^example/mounts: cached$'
with missing '{"run": "true", "mounts": [{"type": "bind", "source": "moved", "path": "nothing", "target": "/a"}]}'
exits 3 "a path that does not exist"
says "a path that does not exist: its name" "nothing"
with over '{"run": "true", "mounts": [{"type": "bind", "source": "moved/a", "target": "/bin"}]}'
exits 1 "a file over a directory"

cat > "$WORK/stages.json" <<END
{"images": {
  "stage": {"fromImage": "$BUSYBOX", "runAsRoot": "mkdir -p /out/d; echo made > /out/d/f; chown 7:8 /out/d/f; ln -s d /out/l"},
  "user": {"fromImage": "$BUSYBOX", "run": "stat -c '%u:%g' /m/d/f; cat /m/l/f /f; echo 1 > /m/d/f && cp /m/d/f /kept",
    "mounts": [{"type": "bind", "image": {"use": "stage"}, "path": "/out", "target": "/m", "writable": true},
      {"type": "bind", "image": {"use": "stage"}, "path": "out/d/f", "target": "/f"}]}
}}
END
run --spec stages.json user -o user.tar
exits 0 "parts of another image"
says "parts of another image: their owner" '7:8$'
is "parts of another image: the layer" "$(layer "$WORK/user.tar" | cut -d' ' -f 4-)" kept

# --- a step that was kept

mkdir "$WORK/kept"
echo kept > "$WORK/kept/file"
with kept '{"run": "cat /src/file; echo > /src/new; test -e /fixed", "config": {"User": "0:7"},
    "mounts": [{"type": "bind", "source": "kept", "target": "/src", "writable": true}, {"type": "tmpfs", "target": "/t"}]}' \
    --on-failure keep=kept.step
exits 5 "a step with mounts that fails"
rm -r "$WORK/kept"
echo 'cat /src/file; ls /src; ls -A /t; id -g; exit 6' > "$WORK/input"
INPUT=$WORK/input run resume kept.step
exits 6 "a step with mounts, resumed"
is "a step with mounts, resumed: what it had" "$(cat "$WORK/out")" $'kept\nfile\nnew\n7'

# --- What is wrong in a spec

while IFS='|' read -r mounts why; do
    with wrong "{\"run\": \"true\", \"mounts\": $mounts}"
    exits 3 "$mounts"
    says "$mounts: why" "key 'mounts': $why"
done <<'END'
{}|expected a list
[1]|expected an object
[{"target": "/a"}]|'type' must be one of
[{"type": "nfs", "target": "/a"}]|'type' must be one of
[{"type": "tmpfs"}]|'target' is missing
[{"type": "tmpfs", "target": "a"}]|target 'a' must be an absolute path
[{"type": "tmpfs", "target": "/dev/x"}]|target '/dev/x' must not be in /dev
[{"type": "tmpfs", "target": "/"}]|the target must not be the root directory
[{"type": "tmpfs", "target": "/a"}, {"type": "tmpfs", "target": "/a/"}]|target '/a' is there twice
[{"type": "cache", "target": "/a", "id": "c"}, {"type": "cache", "target": "/b", "id": "c"}]|the cache 'c' is there twice
[{"type": "bind", "target": "/a"}]|'source' is missing
[{"type": "bind", "source": "/", "target": "/a", "mode": "0700"}]|'mode' is not for the type bind
[{"type": "bind", "source": "/", "target": "/a", "writable": "yes"}]|'writable' must be true or false
[{"type": "tmpfs", "target": "/a", "size": "1x"}]|'size' must be a size
[{"type": "tmpfs", "target": "/a", "mode": "0999"}]|'mode' must be an octal number
[{"type": "tmpfs", "target": "/a", "uid": "-1"}]|'uid' must be a number
[{"type": "tmpfs", "target": "/a", "uid": 1}]|'uid' must be a string
[{"type": "tmpfs", "target": "/a", "id": "x"}]|'id' is not for the type tmpfs
[{"type": "tmpfs", "target": "/a", "tagret": "x"}]|unknown member 'tagret'
[{"type": "cache", "target": "/a", "sharing": "mine"}]|'sharing' must be one of shared, private, locked
[{"type": "cache"}]|'target' is missing
[{"type": "secret"}]|'id' is missing
[{"type": "secret", "id": "a b"}]|'id' must be up to 64
[{"type": "secret", "id": "a", "env": "1=2"}]|'env' must be the name of a variable
[{"type": "secret", "id": "a", "size": "1m"}]|'size' is not for the type secret
[{"type": "secret", "id": "a", "required": "yes"}]|'required' must be true or false
END

done_testing
