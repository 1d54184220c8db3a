#!/bin/bash
# shares: directories of the host, read-only, seen by the scripts and gone from the layer.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

mkdir -p "$WORK/store/deep/er" "$WORK/other,with comma"
echo shared > "$WORK/store/file"
echo deep > "$WORK/store/deep/er/file"
ln -s deep/er "$WORK/store/link"
printf '#!/bin/sh\necho ran from the share\n' > "$WORK/store/program"
head -c 3000000 /dev/urandom > "$WORK/store/large"
echo other > "$WORK/other,with comma/file"
chmod -R a+rX "$WORK/store" "$WORK/other,with comma"
chmod 755 "$WORK/store/program"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY:$NOBODY "$WORK/store" "$WORK/other,with comma"
before=$(find "$WORK/store" -printf '%p %m %U %s %T@\n' | sort)

# The second share's target is a directory of the base; the first one's does not exist.
build_script base "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" <<'END'
mkdir -p /opt/other
echo hidden > /opt/other/hidden
chmod 750 /opt/other
chown 7:8 /opt/other
END
exits 0 "the base"

# --- Two shares
script_spec job "$(jq -n --arg sum "$(sha256sum < "$WORK/store/large" | cut -c 1-64)" '{
    name: "x", fromImage: "base.tar", env: {SUM: $sum},
    shares: [{source: "store", target: "/nix/store"}, {source: "other,with comma", target: "/opt/other/"}]}')" <<'END'
cat /nix/store/file /nix/store/link/file /opt/other/file
/nix/store/program
test "$(sha256sum < /nix/store/large | cut -c 1-64)" = "$SUM"
test ! -e /opt/other/hidden
mount -o remount,rw /nix/store 2> /dev/null || true
for attempt in "touch /nix/store/new" "rm /nix/store/file" "chmod 777 /nix/store/file" \
    "mkdir /opt/other/new" "mv /nix/store/file /nix/store/moved"; do
    if $attempt 2> /dev/null; then
        echo "done: $attempt"
        exit 1
    fi
done
if echo x 2> /dev/null >> /nix/store/file; then exit 1; fi
echo copied > /copied
END
build job
exits 0 "two shares"
says "a file of a share" '^shared$'
says "a file behind a symbolic link" '^deep$'
says "a file of the other share" '^other$'
says "a program of a share" '^ran from the share$'
is "the layer has what the script made, and nothing else" \
    "$(layer "$WORK/job.tar" | awk '$1 != "dir" { print $4 }')" copied
unlike "no trace of the mount point" "$(layer "$WORK/job.tar")" ' nix'
unlike "the base's own directory is not touched" "$(layer "$WORK/job.tar")" ' opt'
is "the host's directory is as it was" "$(find "$WORK/store" -printf '%p %m %U %s %T@\n' | sort)" "$before"

# --- Next to a share
# What the script puts next to a share is kept, without the share's mount point.
build_script beside '{"name": "x", "fromImage": "base.tar",
    "shares": [{"source": "store", "target": "/nix/store"}]}' <<< 'mkdir -p /nix/var; echo x > /nix/var/file'
exits 0 "a directory next to a share"
listing=$(layer "$WORK/beside.tar")
like "a directory next to a share: it is kept" "$listing" ' nix/var/file$'
unlike "a directory next to a share: the mount point is not" "$listing" ' nix/(\.wh\.)?store'

# --- Hooks
# Hooks see shares too, with or without a root script.
mkdir "$WORK/busy"
echo hidden > "$WORK/busy/file"
chmod -R a+rX "$WORK/busy"
jq -n '{name: "x", shares: [{source: "store", target: "/nix/store"}, {source: "busy", target: "/bin"}],
    preMount: "cp /nix/store/file layer/pre", postMount: "cp /nix/store/link/file mnt/post",
    postUmount: "! touch /nix/store/new 2> /dev/null", extraCommands: "/nix/store/program > extra; test ! -e /bin/file"}' \
    > "$WORK/hooks.json"
build hooks
exits 0 "shares in hooks"
is "shares in hooks: read" "$(for file in pre post extra; do file_of "$WORK/hooks.tar" $file; done)" \
    $'shared\ndeep\nran from the share'
is "shares in hooks: nothing else in the layer" "$(layer "$WORK/hooks.tar" | wc -l)" 3

# --- Refused
# refused NAME REGEX: the spec on standard input is refused before anything starts.
refused() {
    spec refused
    build refused
    exits 3 "$1"
    says "$1: the message" "^vmbuild: .*$2"
}
mkdir "$WORK/private"
chmod 700 "$WORK/private"
if [ "$(id -u)" -eq 0 ]; then
    refused "a directory that the user cannot read" "key 'shares': '.*/private': Permission denied" \
        <<< '{"name": "x", "runAsRoot": "true", "shares": [{"source": "private", "target": "/a"}]}'
else
    skip "a directory that the user cannot read" "not root: nobody else owns a directory"
fi
refused "a directory that does not exist" "nowhere': No such file" \
    <<< '{"name": "x", "runAsRoot": "true", "shares": [{"source": "nowhere", "target": "/a"}]}'
refused "a file" "store/file': not a directory" \
    <<< '{"name": "x", "runAsRoot": "true", "shares": [{"source": "store/file", "target": "/a"}]}'
refused "a relative target" "'a' must be an absolute path" \
    <<< '{"name": "x", "runAsRoot": "true", "shares": [{"source": "store", "target": "a"}]}'
refused "targets that overlap" "overlap" <<< '{"name": "x", "runAsRoot": "true",
    "shares": [{"source": "store", "target": "/a"}, {"source": "store", "target": "/a/b"}]}'

# --- A target that is a file of the base
build_script file '{"name": "x", "fromImage": "base.tar",
    "shares": [{"source": "store", "target": "/opt/other/hidden"}]}' <<< 'true'
ok "a target that is a file: an error" test "$STATUS" -ne 0
says "a target that is a file: the message names it" "^vmbuild: .*'/opt/other/hidden'.*Not a directory"

done_testing
