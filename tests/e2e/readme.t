#!/bin/bash
# Every block of README.md, in its order, in one directory: json and bash blocks become files, the lines
# of sh blocks are run, those of console blocks have to print what stands below them. The registries and
# the package archive that README names are on the loopback: those of Docker and Debian behind a proxy,
# the user's own on any port, in the place of 5000. `make demo` is run as it stands; `make check` runs this.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
# shellcheck source=tests/archive.sh
. "$(dirname "$0")/../archive.sh"

need docker-registry openssl python3

# --- The hosts that README names

# certificate NAME...: $WORK/server.crt and server.key for hosts NAME, of an authority in ca.crt.
certificate() {
    local names
    names=$(printf ',DNS:%s' "$@")
    cd "$WORK" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=authority" -keyout ca.key -out ca.crt
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
        -out server.crt -extfile <(echo "subjectAltName=${names#,}")
}

# docker.io/library/debian:12
start_registry plain
push_debian "127.0.0.1:$PORT/library/debian:12"

(certificate registry-1.docker.io auth.docker.io) > "$WORK/openssl.log" 2>&1
start_tokens tokens --public library/ --tls
TOKENS=$PORT
start_registry docker "  tls: {certificate: $WORK/server.crt, key: $WORK/server.key}
auth: {token: {realm: 'https://auth.docker.io/token', service: registry.docker.io, issuer: tokens,
  rootcertbundle: $WORK/ca.crt}}"
DOCKER=$PORT
add_package "$WORK" usr/sbin/nginx-light
list_packages "$WORK"
start_files files "$WORK"
FILES=$PORT
start_internet internet "registry-1.docker.io=$DOCKER" "auth.docker.io=$TOKENS" "packages.example=$FILES"
PROXY=http://127.0.0.1:$PORT
start_registry own
OWN=localhost:$PORT

# What README calls the user's own: nothing in it but the blocks.
as_user mkdir "$WORK/home"
# shellcheck disable=SC2034 # for as_user
USER_ENV=(PATH="$(dirname "$VMBUILD"):/usr/bin:/bin" "HTTPS_PROXY=$PROXY" "http_proxy=$PROXY"
    "SSL_CERT_FILE=$WORK/ca.crt")

# --- The blocks

# run_line LINE: of a block; its standard output and error.
run_line() {
    local line=${1//localhost:5000/$OWN}
    case $line in
    docker\ *) (cd "$WORK/home" && read -ra words <<< "$line" && "${words[@]}") ;;
    *) as_user sh -c "cd home && $line" < /dev/null ;;
    esac
}

# check_line LINE EXPECTED: LINE prints EXPECTED.
check_line() {
    COUNT=$((COUNT + 1))
    if [[ $1 == docker\ * ]] && [ "$(id -u)" -ne 0 ]; then
        skip "$1" "the Docker Engine of the tests needs root"
    else
        is "$1" "$(run_line "$1" 2>&1)" "$2"
    fi
}

# console: the block on standard input, of commands and what they print.
console() {
    local line command='' expected=''
    while IFS= read -r line; do
        if [[ $line == '$ '* ]]; then
            [ -z "$command" ] || check_line "$command" "$expected"
            command=${line#'$ '} expected=
        else
            expected+=${expected:+$'\n'}$line
        fi
    done
    check_line "$command" "$expected"
}

# commands: the block on standard input, each line a command.
commands() {
    local line
    while IFS= read -r line; do
        run_line "$line" > "$WORK/out" 2> "$WORK/err"
        is "$line" "$?" 0
        COUNT=$((COUNT + 1))
    done
}

COUNT=0 FILES_MADE=0
language='' BLOCK='' file=''
while IFS= read -r text; do
    case $language/$text in
    /\`\`\`*) language=${text#\`\`\`} language=${language:-none} BLOCK='' ;;
    /*)
        # The file that is mentioned last before a block is the block's.
        name=$(grep -o '`[a-z]*\.\(json\|sh\)`' <<< "$text" | tail -n 1 | tr -d '`')
        file=${name:-$file}
        ;;
    json/\`\`\` | bash/\`\`\`)
        as_user tee "home/$file" <<< "$BLOCK" > /dev/null
        FILES_MADE=$((FILES_MADE + 1)) language=
        ;;
    sh/\`\`\`) commands <<< "$BLOCK"; language= ;;
    console/\`\`\`) console <<< "$BLOCK"; language= ;;
    */\`\`\`) language= ;;
    *) BLOCK+=${BLOCK:+$'\n'}$text ;;
    esac
done < "$TOP/README.md"
is "all commands were found" "$COUNT" 35
is "all files were found" "$FILES_MADE" 7
for made in debian.tar.gz hello.tar.gz rootfs.tar hello.tar hello-layout/index.json site.tar.gz \
    web.tar.gz tool.tar.gz app.tar.gz events.json; do
    ok "$made was made" test -s "$WORK/home/$made"
done
ok "the pushed image is there" skopeo inspect --tls-verify=false "docker://$OWN/hello:1"
is "hello-layout is the same image" "$(skopeo inspect --config --raw "oci:$WORK/home/hello-layout:latest" | jq .rootfs)" \
    "$(skopeo inspect --config --raw "docker-archive:$WORK/home/hello.tar" | jq .rootfs)"
like "hello: the setuid program" "$(layer "$WORK/home/hello.tar")" '^file 4755 0:0 usr/bin/app-id$'
like "site: the file" "$(layer "$WORK/home/site.tar.gz")" ' srv/www/index\.html$'
like "web: the package" "$(layer "$WORK/home/web.tar.gz")" ' usr/sbin/nginx-light$'
like "tool: what the hook made" "$(layer "$WORK/home/tool.tar.gz")" ' etc/tool-version$'
unlike "tool: no trace of the share" "$(layer "$WORK/home/tool.tar.gz")" ' src(/|$)'
is "app: made with the tool" "$(file_of "$WORK/home/app.tar.gz" etc/motd)" "hello, world"
is "events: the last one" "$(tail -n 1 "$WORK/home/events.json" | jq -r .output)" hello.tar.gz
is "no other host was asked for" "$(requests internet ' 502 ')" 0

ok "make demo" env -u MAKEFLAGS -u MAKELEVEL make -C "$TOP" demo

done_testing
