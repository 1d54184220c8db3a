#!/bin/bash
# Secrets: files for runAsRoot alone, which nothing keeps; and variables that are given with --env.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq zstd

BUSYBOX=$(base busybox)
TOKEN='npm_Zk3vQ9w7Lr2TtX8b'
printf '%s\n' "$TOKEN" > "$WORK/token"
printf 'another-token-of-another-length\n' > "$WORK/other"
DIGEST=$(sha256sum < "$WORK/token" | cut -c 1-64)
USER_ENV=("NPM_TOKEN=$TOKEN" "DIGEST=$DIGEST")

# secret_spec NAME SECRETS < SCRIPT: a spec with these secrets.
secret_spec() {
    script_spec "$1" "$(jq -n --arg base "$BUSYBOX" --argjson secrets "$2" \
        '{name: "example/secrets", fromImage: $base, secrets: $secrets}')"
}
# unseen NAME FILE...: the token is in none of the files.
unseen() {
    local name=$1
    shift
    is "$name" "$(grep -alF -e "$TOKEN" -r "$@" 2> /dev/null)" ""
}
secret_spec counts '[{"id": "token"}]' <<< 'wc -c < /run/secrets/token > /count'

# --- what a script sees of it

script_spec seen "$(jq -n --arg base "$BUSYBOX" '{name: "x", fromImage: $base,
    secrets: [{id: "token", file: "token"}, {id: "other", env: "NPM_TOKEN", target: "/root/.config/tool/other"}],
    preMount: "! ls /job | grep secret", postMount: "test ! -e mnt/run/secrets; ! ls /job | grep secret",
    extraCommands: "! ls /job | grep secret; test ! -e run/secrets"}')" << 'END'
echo "$(stat -c '%a %u:%g %F' /run/secrets/token) $(stat -f -c %T /run/secrets/token)"
test "$(sha256sum < /run/secrets/token | cut -c 1-64)" = "$DIGEST"
test "$(cat /run/secrets/token)" = "$(cat /root/.config/tool/other)"
echo "all: $(cat /run/secrets/token)"
half=$(cut -c 1-10 /run/secrets/token)
rest=$(cut -c 11- /run/secrets/token)
printf 'parts: %s' "$half"
sleep 1
printf '%s, %s again\n' "$rest" "$(cat /root/.config/tool/other)"
printf 'begun: %s\n' "$half"
chown -R 7:8 /run /root/.config
rm -rf /run/secrets 2> /dev/null || true
echo kept > /kept
END
find "$WORK" | sort > "$WORK.before"
build seen --env DIGEST --log seen.log -v
exits 0 "a secret"
says "a secret: a file of root's, with mode 0400, in memory" '^400 0:0 regular file tmpfs$'
says "a secret: printed" '^all: \*\*\*$'
says "a secret: printed in pieces, and twice" '^parts: \*\*\*, \*\*\* again$'
says "a secret: a part of it alone" "^begun: ${TOKEN:0:10}\$"
unseen "a secret: not in the output, nor in the log" "$WORK/err" "$WORK/seen.log"
like "a secret: the log has the rest" "$(cat "$WORK/seen.log")" '^parts: \*\*\*, \*\*\* again$'
like "a secret: the layer has what the script made" "$(layer "$WORK/seen.tar")" ' kept$'
unlike "a secret: nothing of it or of its place is in the layer" "$(layer "$WORK/seen.tar")" \
    'secrets|\.config|token|other'
unseen "a secret: not in the cache" "$CACHE"
is "a secret: no other file was made" "$(find "$WORK" | sort | comm -13 "$WORK.before" -)" \
    "$(printf '%s\n' "$WORK/err" "$WORK/out" "$WORK/seen.log" "$WORK/seen.tar" | sort)"
rm "$WORK.before"
leaves_nothing "a secret"

secret_spec beside '[{"id": "token", "file": "token", "target": "/opt/a/b/token"},
    {"id": "passwd", "file": "token", "target": "/etc/passwd"}]' << 'END'
grep -q npm_ /etc/passwd
echo x > /opt/a/file
echo more >> /opt/a/b/token
END
build beside
exits 0 "other targets"
is "other targets: what the script puts beside is kept, and nothing else" \
    "$(layer "$WORK/beside.tar" | awk '{ print $4 }' | tr '\n' ' ')" "opt opt/a opt/a/file "

secret_spec folder '[{"id": "token", "file": "token", "target": "/etc"}]' <<< true
build folder
ok "a target that is a directory: an error" test "$STATUS" -ne 0
says "a target that is a directory: which" "^vmbuild: .*'/etc': Is a directory"

# --- a failure

secret_spec fails '[{"id": "token", "env": "NPM_TOKEN"}]' << 'END'
echo "last: $(cat /run/secrets/token)"
test "$(cat /run/secrets/token)" = wrong
END
build fails --trace
exits 5 "a failing script, with --trace"
says "a failing script: the last lines" '^ *last: \*\*\*$'
unseen "a failing script: the token is not shown" "$WORK/err"
build fails --progress json
like "events: the output is masked" \
    "$(jq -r 'select(.event == "output").line' < "$WORK/err")" '^last: \*\*\*$'
unseen "events: the token is not shown" "$WORK/err"

# --- a layer that holds it

# refused NAME PATH < SCRIPT: the layer that the script leaves is refused, for PATH.
refused() {
    secret_spec refused '[{"id": "token", "file": "token"}]'
    build refused
    exits 5 "$1"
    says "$1: which" "^vmbuild: check the layer: $2 holds the secret 'token'"
    unseen "$1: the token is not shown" "$WORK/err"
    leaves_nothing "$1" "$WORK/refused.tar"
}
refused "a copy in the layer" "'root/.npmrc'" << 'END'
mkdir -p /root
echo "//registry/:_authToken=$(cat /run/secrets/token)" > /root/.npmrc
END
refused "within a large file, after a hole" "'srv/large'" << 'END'
mkdir -p /srv
dd if=/run/secrets/token of=/srv/large bs=1 seek=3145723 2> /dev/null
END
# shellcheck disable=SC2016 # for the guest
refused "a name" "the name 'a-\*\*\*/?'" <<< 'mkdir "/a-$(cat /run/secrets/token)"'
# shellcheck disable=SC2016 # for the guest
refused "a link" "the target of link 'link'" <<< 'ln -s "/$(cat /run/secrets/token)" /link'
echo 1234567 > "$WORK/short"
build_script short "{\"name\": \"x\", \"fromImage\": \"$BUSYBOX\"}" --secret id=short,src=short \
    <<< 'cat /run/secrets/short; cp /run/secrets/short /short'
exits 0 "fewer than 8 bytes could be anything"
says "fewer than 8 bytes: shown, too" '^1234567$'
jq -n '{name: "x", contents: "token", secrets: [{id: "token", file: "token"}]}' > "$WORK/contents.json"
build contents
exits 3 "contents that hold a secret"
says "contents that hold a secret: which" "^vmbuild: .*'token' holds the secret 'token'"

# --- the cache

REUSE=1
build counts --secret id=token,src=token
exits 0 "the first build"
build counts --secret id=token,src=other
says "another value: the layer is that of the cache" '^example/secrets: cached'
build counts --secret id=token,src=other,target=/run/secrets/there
exits 5 "another target: built anew"
build counts --secret id=token,src=other --env A=1
says "a variable: built anew" '^example/secrets: built .*--env'
build counts --secret id=token,src=other --env A=1
says "a variable: the same again" '^example/secrets: cached'
build counts --secret id=token,src=other --env A=2
says "a variable: another value" '^example/secrets: built .*--env'
build counts
exits 3 "no source"
says "no source: what gives it" "--secret id=token,src=FILE"
REUSE=

# --- a kept step

script_spec kept "$(jq -n --arg base "$BUSYBOX" '{name: "kept", fromImage: $base, env: {PLAIN: "plain"},
    secrets: [{id: "token", file: "token"}]}')" << 'END'
echo "with $(cat /run/secrets/token)"
test "$GIVEN" = right
wc -c < /run/secrets/token > /count
END
build kept --on-failure keep=kept.step --env "GIVEN=$TOKEN"
exits 5 "keep"
says "keep: what resume needs" "'vmbuild resume kept.step --secret id=token,src=FILE --env GIVEN' opens"
zstd -q -d -c < "$WORK/kept.step" > "$WORK/kept.plain"
unseen "keep: the token is not in the file" "$WORK/kept.plain"
is "keep: the secret's place is, without its source" \
    "$(tar -xOf "$WORK/kept.step" step.json | jq -c '[.spec.secrets, .variables]')" \
    '[[{"id":"token","target":"/run/secrets/token"}],["GIVEN"]]'
run resume kept.step --retry --env GIVEN=right -o kept.tar
exits 3 "resume: without the secret"
says "resume: without the secret: which" "read secret 'token': neither a file nor a variable"
run resume kept.step --retry --secret id=token,src=other -o kept.tar
exits 3 "resume: without the variable"
says "resume: without the variable: which" "give it again with --env GIVEN"
run resume kept.step --retry --secret id=token,src=other --env GIVEN=right -o kept.tar --compression none
exits 0 "resume: with both"
is "resume: with both: the script has had the new ones" "$(file_of "$WORK/kept.tar" count)" 32
secret_spec written '[{"id": "token", "file": "token"}]' << 'END'
cp /run/secrets/token /npmrc
sync
rm /npmrc
false
END
build written --on-failure keep=written.step
exits 5 "keep: a secret on the disk"
says "keep: a secret on the disk: why nothing is kept" "a script has written the secret 'token' to the disk"
leaves_nothing "keep: a secret on the disk" "$WORK/written.step"

# --- sessions

echo 'cat /run/secrets/token; exit 3' > "$WORK/input"
INPUT=$WORK/input run shell -q --spec counts.json --secret id=token,src=token
exits 3 "shell: the script's view"
is "shell: the secret, as it is" "$(cat "$WORK/out")" "$TOKEN"
INPUT=$WORK/input run shell -q --spec counts.json --before extraCommands --secret id=token,src=token
exits 3 "shell: a hook's view"
is "shell: a hook's view has none" "$(cat "$WORK/out")" ""
# shellcheck disable=SC2016 # for the guest
run run -q --secret id=token,env=NPM_TOKEN,target=/t --env NPM_TOKEN "$BUSYBOX" -- \
    sh -c 'cat /t; echo " $NPM_TOKEN"'
is "run: the secret and the variable" "$(cat "$WORK/out")" "$TOKEN $TOKEN"
run run -q --secret id=token,src=token --commit leak.tar "$BUSYBOX" -- cp /run/secrets/token /leak
exits 5 "run --commit: a layer that holds it"
leaves_nothing "run --commit: a layer that holds it" "$WORK/leak.tar"

# --- as BuildKit spells it

jq -n --arg base "$BUSYBOX" '{name: "x", fromImage: $base, runAsRoot: "cat /run/secrets/token; cp /run/secrets/token /t"}' \
    > "$WORK/spelled.json"
for option in id=token,src=token source=token,id=token type=file,id=token,src=token id=token \
    type=env,id=token,src=NPM_TOKEN id=token,env=NPM_TOKEN id=NPM_TOKEN,target=/run/secrets/token \
    '"src=token",id=token' ID=token,Src=token; do
    run --spec spelled.json --dry-run --secret "$option"
    like "--secret $option" "$(jq -r '.vm.secrets[] | .id + " " + (.file // .env) + " " + .target' < "$WORK/out")" \
        '^(token (token|NPM_TOKEN)|NPM_TOKEN NPM_TOKEN) /run/secrets/token$'
done
build spelled --secret type=env,id=token,src=NPM_TOKEN
exits 5 "a secret of the command line"
says "a secret of the command line: its layer" "'t' holds the secret"
for option in src=token id= id=a/b,src=token id=../x,src=token id=token,src=token,env=A id=token,mode=0400 \
    type=dir,id=token token '"id=token' id=token,src=token,target=relative id=token,src=token,target=/dev/x \
    id=token,src=token,target=/; do
    build spelled --secret "$option"
    exits 2 "--secret $option"
done
build spelled --secret id=token,src=none
exits 3 "a file that is missing"
says "a file that is missing: which" "^vmbuild: read secret 'token': 'none': No such file"
build spelled --secret id=token,env=NO_SUCH
exits 3 "a variable that is not set"
says "a variable that is not set: which" "^vmbuild: read secret 'token': the variable 'NO_SUCH' is not set"
head -c 512001 /dev/zero > "$WORK/large"
build spelled --secret id=token,src=large
exits 3 "a file that is too large"
head -c 512000 /dev/zero > "$WORK/large"
run run -q --secret id=token,src=large "$BUSYBOX" -- stat -c %s /run/secrets/token
is "the largest" "$(cat "$WORK/out")" 512000
build spelled --env NO_SUCH
exits 3 "--env: a variable that is not set"
says "--env: a variable that is not set: which" "^vmbuild: read option '--env': the variable 'NO_SUCH' is not set"
build spelled --env =x
exits 2 "--env: no name"

# --- a spec that is wrong

# wrong NAME SECRETS REGEX
wrong() {
    secret_spec wrong "$2" <<< true
    build wrong
    exits 3 "$1"
    says "$1: the message" "$3"
}
wrong "not a list" '{}' "^vmbuild: .*key 'secrets': expected a list"
wrong "no ID" '[{"file": "token"}]' "'id' is missing"
wrong "a bad ID" '[{"id": "a b"}]' "'a b' must be up to 64"
wrong "two sources" '[{"id": "a", "file": "token", "env": "A"}]' "exclude each other"
wrong "an unknown member" '[{"id": "a", "traget": "/a"}]' "unknown member 'traget'"
says "an unknown member: the nearest" "did you mean 'target'"
wrong "an ID twice" '[{"id": "a"}, {"id": "a"}]' "twice"
wrong "targets that overlap" '[{"id": "a", "target": "/a"}, {"id": "b", "target": "/a/b"}]' "overlap"
wrong "a target in /proc" '[{"id": "a", "target": "/proc/a"}]' "must not be in /proc"

done_testing
