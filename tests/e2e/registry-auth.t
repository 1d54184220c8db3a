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
says "the message tells how to log in" "skopeo login 127.0.0.1"
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
says "the message tells how to log in here, too" "skopeo login 127.0.0.1"
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

done_testing
