#!/bin/bash
# Registries with TLS, with user names and passwords, and with tokens.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3 openssl htpasswd

make_layout "$WORK/oci" --layers 1 --size 100000 > /dev/null
start_registry plain
PLAIN=$PORT
for name in private/a public/b; do
    skopeo_push "$WORK/oci" "$PLAIN/$name:t"
done

# A registry with TLS, of an authority that nobody knows yet.
(
    cd "$WORK" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=authority" -keyout ca.key -out ca.crt
    openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \
        -extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    chmod 644 ./*.key
) > "$WORK/openssl.log" 2>&1
htpasswd -Bbn user secret > "$WORK/htpasswd"
start_registry secure "  tls: {certificate: $WORK/server.crt, key: $WORK/server.key}
auth: {htpasswd: {realm: here, path: $WORK/htpasswd}}"
SECURE=127.0.0.1:$PORT
fresh_cache
CACHED=("${USER_ENV[@]}")

# pull_as HOST/NAME [VARIABLE=VALUE...]: pulls, each time from the registry.
pull_as() {
    local image=$1
    shift
    USER_ENV=("${CACHED[@]}" "$@")
    run pull "docker://$image:t" -o pulled.tar --no-cache "${OPTIONS[@]}"
}
OPTIONS=()
auth() { # USER PASSWORD: the value of "auth"
    printf '%s:%s' "$1" "$2" | base64 -w 0
}

# trust_authority: by certs.d.
trust_authority() {
    as_user mkdir -p "$WORK/.config/containers/certs.d/$SECURE"
    as_user cp "$WORK/ca.crt" "$WORK/.config/containers/certs.d/$SECURE/ca.crt"
}

# --- TLS
pull_as "$SECURE/private/a"
exits 9 "a certificate of an unknown authority"
says "the message names the directory for the authority" "certs.d/127.0.0.1:[0-9]*/ca.crt"
pull_as "$SECURE/private/a" "SSL_CERT_FILE=$WORK/ca.crt"
exits 9 "no credentials"
says "the message tells how to log in" "vmbuild login 127.0.0.1"
trust_authority
pull_as "$SECURE/private/a"
exits 9 "the authority of certs.d"
says "it is trusted" "none were found"

# --- User name and password
trust_authority
jq -n --arg host "$SECURE" --arg auth "$(auth user secret)" '{auths: {($host): {auth: $auth}}}' \
    > "$WORK/good.json"
jq -n --arg host "$SECURE" --arg auth "$(auth user WRONG)" \
    '{auths: {($host): {auth: $auth}}}' > "$WORK/bad.json"
OPTIONS=(--authfile good.json)
pull_as "$SECURE/private/a"
exits 0 "--authfile"
OPTIONS=()
pull_as "$SECURE/private/a" "REGISTRY_AUTH_FILE=$WORK/good.json"
exits 0 "REGISTRY_AUTH_FILE"
pull_as "$SECURE/private/a" "REGISTRY_AUTH_FILE=$WORK/bad.json"
exits 9 "a wrong password"
says "the file is named" "rejected the credentials from '.*bad.json'"
unlike "the password is not shown" "$(cat "$WORK/err")" "WRONG|$(auth user WRONG)"
as_user mkdir -p "$WORK/.docker" "$WORK/bin"
as_user cp "$WORK/good.json" "$WORK/.docker/config.json"
pull_as "$SECURE/private/a"
exits 0 "the .docker/config.json of the home"
cat > "$WORK/bin/docker-credential-test" << 'EOF'
#!/bin/sh
[ "$1" = get ] && read -r server
echo "{\"ServerURL\": \"$server\", \"Username\": \"user\", \"Secret\": \"secret\"}"
EOF
chmod 755 "$WORK/bin/docker-credential-test"
echo '{"credsStore": "test"}' > "$WORK/.docker/config.json"
pull_as "$SECURE/private/a" "PATH=$WORK/bin:/usr/bin:/bin"
exits 0 "a credential helper"
rm "$WORK/.docker/config.json"
skopeo --insecure-policy copy --quiet --src-tls-verify=false --src-creds user:secret \
    "docker://$SECURE/private/a:t" "docker-archive:$WORK/skopeo.tar"
is "it is the image that skopeo gets" "$(archive_config "$WORK/pulled.tar")" \
    "$(archive_config "$WORK/skopeo.tar")"
OPTIONS=(--authfile good.json)
USER_ENV=("${CACHED[@]}")
run push pulled.tar "docker://$SECURE/pushed/a:t" --authfile good.json
exits 0 "push with a password"
OPTIONS=()

# --- No credentials to others
start_proxy other "$PLAIN" <<< '[]'
OTHER=$PORT
start_proxy origin "$PLAIN" << EOF
[{"match": "/manifests/", "do": "status", "status": 401, "headers": {"WWW-Authenticate": "Basic realm=x"}, "times": 1},
 {"match": "/blobs/", "do": "status", "status": 307,
  "headers": {"Location": "http://127.0.0.1:$OTHER/v2/private/a/blobs/$(config_digest "$PLAIN/private/a:t")"}, "times": 1}]
EOF
jq -n --arg host "127.0.0.1:$PORT" --arg auth "$(auth user secret)" \
    '{auths: {($host): {auth: $auth}}}' > "$WORK/origin.json"
OPTIONS=(--authfile origin.json)
pull_as "127.0.0.1:$PORT/private/a"
exits 0 "a redirect to another host"
is "the origin gets the password" "$(requests origin 'blobs/.* auth=Basic')" 2
is "the other host does not" "$(requests other 'auth=-')/$(requests other .)" 1/1
OPTIONS=()

# Where a registry redirects to, somebody may ask for credentials that are not for him.
start_proxy thief-tokens "$PLAIN" << 'EOF'
[{"match": "/token", "do": "status", "status": 200, "body": "{\"token\": \"x\"}"}]
EOF
start_proxy thief "$PLAIN" << EOF
[{"match": "/v2/", "do": "status", "status": 401,
  "headers": {"WWW-Authenticate": "Bearer realm=\"http://127.0.0.1:$PORT/token\",service=\"x\""}}]
EOF
THIEF=$PORT
# robbed NAME STATUS WHAT: a registry that answers a request for a manifest with STATUS, and redirects
# what matches WHAT to the thief.
robbed() {
    start_proxy "$1" "$PLAIN" << EOF
[{"match": "$3", "do": "status", "status": 307, "headers": {"Location": "http://127.0.0.1:$THIEF/v2/private/a/manifests/t"}},
 {"match": "/manifests/", "do": "status", "status": $2}]
EOF
    jq -n --arg host "127.0.0.1:$PORT" --arg auth "$(auth user secret)" \
        '{auths: {($host): {auth: $auth}}}' > "$WORK/robbed.json"
    OPTIONS=(--authfile robbed.json)
    pull_as "127.0.0.1:$PORT/private/a"
    exits 9 "$1"
    OPTIONS=()
}
robbed "a redirect to a host that asks for credentials" 401 /manifests/
robbed "a redirect of the base, after a 404" 404 '/v2/$'
robbed "a redirect of the base, after a 401 without a challenge" 401 '/v2/$'
is "the thief is asked each time" "$(requests thief 'GET ')" 3
is "no credential is sent to where it says" "$(requests thief-tokens .)" 0

# --- Tokens
start_tokens tokens
start_registry token "auth: {token: {realm: 'http://127.0.0.1:$PORT/token',
  service: registry, issuer: tokens, rootcertbundle: $WORK/ca.crt}}"
TOKEN=127.0.0.1:$PORT
jq -n --arg host "$TOKEN/private" --arg auth "$(auth user secret)" \
    '{auths: {($host): {auth: $auth}}}' > "$WORK/good.json"
jq -n --arg host "$TOKEN" --arg auth "$(auth user WRONG)" \
    '{auths: {($host): {auth: $auth}}}' > "$WORK/bad.json"
jq -n --arg host "$TOKEN" '{auths: {($host): {auth: "dTo=", identitytoken: "refresh"}}}' \
    > "$WORK/identity.json"
pull_as "$TOKEN/public/b"
exits 0 "an anonymous token"
is "one token is enough" "$(requests tokens .)" 1
like "only pulling is asked for" "$(cat "$WORK/tokens.log")" "scope=repository%3[Aa]public%2[Ff]b%3[Aa]pull "
pull_as "$TOKEN/private/a"
exits 9 "a private repository without credentials"
says "that there are none is said" "requires credentials, and none were found"
says "the message tells how to log in here, too" "vmbuild login 127.0.0.1"
OPTIONS=(--authfile good.json)
pull_as "$TOKEN/private/a"
exits 0 "a token for user name and password, of a namespace"
OPTIONS=(--authfile identity.json)
pull_as "$TOKEN/private/a"
exits 0 "a token for an identity token"
OPTIONS=(--authfile bad.json)
pull_as "$TOKEN/private/a"
exits 9 "a token server that refuses"
says "its words stand" "incorrect username or password"
run push pulled.tar "docker://$TOKEN/private/pushed:t" --authfile good.json
exits 0 "push with a token"
is "what was pushed is the image" "$(config_digest "$PLAIN/private/pushed:t")" \
    "$(archive_config "$WORK/pulled.tar")"

# --- Mounts that are refused
start_tokens strict --refuse hidden/
start_registry strict-registry "auth: {token: {realm: 'http://127.0.0.1:$PORT/token',
  service: registry, issuer: tokens, rootcertbundle: $WORK/ca.crt}}"
start_proxy strict-log "$PORT" <<< '[]'
STRICT=127.0.0.1:$PORT
jq -n --arg host "$STRICT" --arg auth "$(auth user secret)" '{auths: {($host): {auth: $auth}}}' \
    > "$WORK/strict.json"
make_layout "$WORK/fresh" --layers 2 --size 150000 > "$WORK/fresh.digest"
fresh_cache
run push oci:fresh:x "docker://$STRICT/hidden/a:t" --authfile strict.json
exits 0 "push to a repository that may not be pulled from"
run push oci:fresh:x "docker://$STRICT/open/a:t" --authfile strict.json
exits 0 "push what the token server does not grant to mount"
is "the mount is tried" "$(requests strict '.*hidden.*open|.*open.*hidden')" 2
is "the blobs are sent" "$(requests strict-log 'PATCH /v2/open/')" 3
run push oci:fresh:x "docker://$STRICT/open/b:t" --authfile strict.json
exits 0 "push what it does grant to mount"
is "nothing is sent then" "$(requests strict-log 'POST .*from=open.*201')/$(requests strict-log 'PATCH /v2/open/b/blobs/')" 2/1

# --- Credentials as people write them
# hides NAME: a registry that tells anonymous users that there is nothing, but challenges at /v2/.
start_registry hidden "auth: {htpasswd: {realm: here, path: $WORK/htpasswd}}"
HIDDEN_PORT=$PORT
for status in 403 404; do
    start_proxy "hides$status" "$HIDDEN_PORT" << EOF
[{"match": "GET /v2/private/a/manifests", "do": "status", "status": $status, "times": 1}]
EOF
    jq -n --arg host "127.0.0.1:$PORT" '{auths: {($host): {username: "user", password: "secret"}}}' \
        > "$WORK/hides.json"
    OPTIONS=(--authfile hides.json)
    pull_as "127.0.0.1:$PORT/private/a"
    exits 0 "a registry that answers $status to anonymous users"
    is "$status: it is asked whether it knows users" "$(requests "hides$status" 'GET /v2/ 401')" 1
done
OPTIONS=(--creds user:secret)
pull_as "127.0.0.1:$HIDDEN_PORT/private/a"
exits 0 "--creds"
OPTIONS=(--creds user:WRONG)
pull_as "127.0.0.1:$HIDDEN_PORT/private/a"
exits 9 "--creds with a wrong password"
says "where they are from is said" "credentials from 'the command line'"
unlike "the password of --creds is not shown" "$(cat "$WORK/err")" WRONG
echo secret > "$WORK/password"
INPUT=$WORK/password
OPTIONS=(--creds user --password-stdin)
pull_as "127.0.0.1:$HIDDEN_PORT/private/a"
exits 0 "--password-stdin"
OPTIONS=(--password-stdin)
pull_as "127.0.0.1:$HIDDEN_PORT/private/a"
exits 2 "--password-stdin without a user"
OPTIONS=()
unset INPUT
printf 'user:secret' | base64 | sed 's/./&\n/9' | jq -Rs --arg host "127.0.0.1:$HIDDEN_PORT/v2/" \
    '{auths: {($host): {auth: .}}}' > "$WORK/lines.json"
pull_as "127.0.0.1:$HIDDEN_PORT/private/a" "REGISTRY_AUTH_FILE=$WORK/lines.json"
exits 0 "Base64 in several lines, and a key with the path of the API"


# --- Login and logout
echo secret > "$WORK/password"
echo WRONG > "$WORK/wrong"
fresh_cache
HOST=127.0.0.1:$HIDDEN_PORT
USER_ENV+=("XDG_RUNTIME_DIR=$WORK/run")
FILE=$WORK/run/containers/auth.json
INPUT=$WORK/wrong run login "$HOST" -u user --password-stdin
exits 9 "log in with a wrong password"
unlike "login: no password is shown" "$(cat "$WORK/err")" WRONG
ok "a login that failed leaves no file" test ! -e "$FILE"
INPUT=$WORK/password run login "$HOST" --username user --password-stdin
exits 0 "log in"
is "only the user can read the file" "$(stat -c %a "$FILE")" 600
is "it has the form of others" "$(jq -c . "$FILE")" "{\"auths\":{\"$HOST\":{\"auth\":\"$(auth user secret)\"}}}"
ok "skopeo reads it" skopeo inspect --authfile "$FILE" --tls-verify=false "docker://$HOST/private/a:t"
run pull "docker://$HOST/private/a:t" -o logged-in.tar --no-cache
exits 0 "pull after the login"
run login "https://$HOST/" --username user --password secret
is "logging in again replaces the entry" "$(jq -c '.auths | keys' "$FILE")" "[\"$HOST\"]"
run logout "$HOST"
exits 0 "log out"
is "nothing is left of it" "$(jq -c .auths "$FILE")" "{}"
run logout "$HOST"
exits 3 "log out twice"
run pull "docker://$HOST/private/a:t" -o logged-out.tar --no-cache
exits 9 "pull after the logout"
skopeo login --authfile "$WORK/skopeo-auth.json" --tls-verify=false -u user -p secret "$HOST" > /dev/null
chown $NOBODY "$WORK/skopeo-auth.json"
run pull "docker://$HOST/private/a:t" -o others.tar --no-cache --authfile skopeo-auth.json
exits 0 "pull after skopeo's login"
run logout "$HOST" --authfile skopeo-auth.json
exits 0 "log out of skopeo's login"
run login "$HOST" --username user
exits 2 "a login without a password"
INPUT=$WORK/password run login "no host" --username user --password-stdin
exits 3 "a login to what is not a registry"
jq -n --arg key "https://$HOST/v2/" --arg auth "$(auth user WRONG)" '{auths: {($key): {auth: $auth}}}' \
    > "$WORK/old.json"
chown $NOBODY "$WORK/old.json"
INPUT=$WORK/password run login "$HOST" --username user --password-stdin --authfile old.json
is "a login keeps how an entry is spelled" "$STATUS $(jq -c .auths "$WORK/old.json")" \
    "0 {\"https://$HOST/v2/\":{\"auth\":\"$(auth user secret)\"}}"

# --- Login on a terminal
fresh_cache
cat > "$WORK/type.py" << 'EOF'
"""type.py WORD COMMAND...: runs COMMAND on a terminal, and types WORD when it asks for a password."""
import os, pty, signal, sys
signal.alarm(120)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
try:
    while True:
        asked = b"Password: " in shown
        shown += os.read(terminal, 1024)
        if not asked and b"Password: " in shown:
            os.write(terminal, sys.argv[1].encode() + b"\n")
except OSError:
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOF
typed=$(printf 'long%.0s' {1..1000})
STATUS=0
as_user python3 type.py "$typed" "$VMBUILD" login "127.0.0.1:$PLAIN" --username user --authfile typed.json \
    > "$WORK/out" 2> "$WORK/err" || STATUS=$?
exits 0 "log in on a terminal"
is "a long password is kept whole" "$(jq -r '.auths[].auth' "$WORK/typed.json" | base64 -d)" "user:$typed"
unlike "it is not shown" "$(cat "$WORK/out")" long

# --- Login with a helper, and with tokens
fresh_cache
mkdir "$WORK/helpers"
cat > "$WORK/helpers/docker-credential-keep" << EOF
#!/bin/sh
echo "\$1" >> $WORK/kept.log
case \$1 in
store) cat > $WORK/kept ;;
get) cat $WORK/kept ;;
erase) rm $WORK/kept ;;
esac
EOF
chmod 755 "$WORK/helpers/docker-credential-keep"
HOST=127.0.0.1:$HIDDEN_PORT
jq -n --arg host "$HOST" '{credHelpers: {($host): "keep"}}' > "$WORK/helper.json"
echo secret > "$WORK/password"
chown $NOBODY "$WORK/helper.json"
USER_ENV+=("PATH=$WORK/helpers:/usr/bin:/bin" "REGISTRY_AUTH_FILE=$WORK/helper.json")
INPUT=$WORK/password run login "$HOST" --username user --password-stdin
exits 0 "log in where a helper keeps credentials"
is "the helper has them" "$(jq -c . "$WORK/kept")" \
    "{\"ServerURL\":\"$HOST\",\"Username\":\"user\",\"Secret\":\"secret\"}"
unlike "the file does not" "$(cat "$WORK/helper.json")" auths
run pull "docker://$HOST/private/a:t" -o helped.tar --no-cache
exits 0 "pull with what the helper keeps"
run logout "$HOST"
exits 0 "log out of it"
ok "the helper has forgotten them" test ! -e "$WORK/kept"
INPUT=$WORK/password run login "$HOST/private" --username user --password-stdin
exits 3 "log in to a namespace of a host whose helper knows none"
says "the helper is named" "the credential helper 'keep' of '$HOST'"
INPUT=$WORK/password run login "$HOST" --username user --password-stdin
run logout "$HOST/private"
exits 3 "log out of such a namespace"
ok "the helper keeps those of the host" test -e "$WORK/kept"
printf '#!/bin/sh\necho "credentials not found"\nexit 1\n' > "$WORK/helpers/docker-credential-full"
chmod 755 "$WORK/helpers/docker-credential-full"
jq -n --arg host "$HOST" '{credHelpers: {($host): "full"}}' > "$WORK/full.json"
chown $NOBODY "$WORK/full.json"
INPUT=$WORK/password run login "$HOST" --username user --password-stdin --authfile full.json
exits 9 "log in where the helper does not keep them"

# A helper for all registries.
jq -n --arg host "$HOST" --arg auth "$(auth user WRONG)" \
    '{credsStore: "keep", auths: {($host): {auth: $auth}}}' > "$WORK/store.json"
chown $NOBODY "$WORK/store.json"
run pull "docker://$HOST/private/a:t" -o stored.tar --no-cache --authfile store.json
exits 9 "an entry of the file comes before the helper for all registries"
INPUT=$WORK/password run login "$HOST" --username user --password-stdin --authfile store.json
is "a login to that helper replaces the entry" "$STATUS $(jq -c .auths "$WORK/store.json")" "0 {\"$HOST\":{}}"
run pull "docker://$HOST/private/a:t" -o stored.tar --no-cache --authfile store.json
exits 0 "pull with what this helper keeps"
INPUT=$WORK/password run login "$HOST/private" --username user --password-stdin --authfile store.json
is "the file keeps those of a namespace" "$STATUS $(jq -c .auths "$WORK/store.json")" \
    "0 {\"$HOST\":{},\"$HOST/private\":{\"auth\":\"$(auth user secret)\"}}"
run logout "$HOST" --authfile store.json
is "a logout removes the entry, too" "$STATUS $(jq -c '.auths | keys' "$WORK/store.json")" "0 [\"$HOST/private\"]"
ok "this helper has forgotten them" test ! -e "$WORK/kept"
INPUT=$WORK/password run login "$TOKEN" -u user --password-stdin --authfile tokens.json
exits 0 "log in where a token server decides"
INPUT=$WORK/wrong run login "$TOKEN/private" -u user --password-stdin --authfile tokens.json
exits 9 "a wrong password where a token server decides"
INPUT=$WORK/password run login "$TOKEN/private" -u user --password-stdin --authfile tokens.json
is "a namespace has an entry of its own" "$(jq -c '.auths | keys' "$WORK/tokens.json")" \
    "[\"$TOKEN\",\"$TOKEN/private\"]"

done_testing
