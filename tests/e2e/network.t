#!/bin/bash
# network: none unless requested; with it, a script reaches the package archive as the host does, and
# nothing that was provided for it stays in the image.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq python3 apt-get

on_debian=$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base}')

# with JSON: $on_debian with changes.
with() {
    jq -n --argjson a "$on_debian" --argjson b "$1" '$a + $b'
}

# The archive that this machine's own apt uses; the release itself is enough.
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # apt's own variables
sources=$(apt-get indextargets --format '$(ORIGIN)|deb $(SITE) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | sed -n "s/^Debian|\\(.* $release .*\\)/\\1/p" | sort -u)
site=$(awk 'NR == 1 { print $2 }' <<< "$sources")
host=${site#*://}
host=${host%%[:/]*}
[ -n "$host" ] || skip_all "apt has no sources here"

# --- Off
build_script off "$(with "$(jq -n --arg host "$host" '{env: {ARCHIVE: $host}}')")" <<'END'
echo "interfaces: $(echo /sys/class/net/*)"
if getent hosts "$ARCHIVE"; then exit 1; fi
if bash -c ': < /dev/tcp/10.0.2.2/80' 2> /dev/null; then exit 1; fi
echo "proxy: ${http_proxy-none}"
END
exits 0 "no network unless requested"
says "no network: no interface but lo" '^interfaces: /sys/class/net/lo$'
says "no network: no proxy either" '^proxy: none$'

# --- Packages
# How this machine reaches the archive, which a clean environment does not contain.
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE; do
    [ -z "${!name-}" ] || USER_ENV+=("$name=${!name}")
done
apt_configuration=$(apt-config dump Acquire::http Acquire::https | grep -i -E 'proxy|verify|cainfo' || true)
build_script apt "$(with "$(jq -n --arg sources "$sources" --arg configuration "$apt_configuration" '{
    network: true, memory: 1024,
    env: {SOURCES: $sources, CONFIGURATION: $configuration, SECRET: "marker-of-env"}}')")" <<'END'
printf '%s\n' "$SOURCES" > /tmp/sources.list
printf '%s\n' "$CONFIGURATION" > /tmp/apt.conf
export APT_CONFIG=/tmp/apt.conf DEBIAN_FRONTEND=noninteractive
options="-q -o Dir::Etc::SourceList=/tmp/sources.list -o Dir::Etc::SourceParts=/dev/null"
apt-get $options -o Acquire::Languages=none update
apt-get $options install -y --no-install-recommends hello
hello
rm -rf /tmp/sources.list /tmp/apt.conf /var/lib/apt/lists/*
END
exits 0 "a package from the archive"
says "a package from the archive: it runs" '^Hello, world!$'
listing=$(layer "$WORK/apt.tar")
like "a package from the archive: it is in the layer" "$listing" ' usr/bin/hello$'
unlike "the network leaves no trace in /etc" "$listing" ' etc/(\.wh\.)?(resolv\.conf|hosts)( |$)'
unlike "the network leaves no trace in /run" "$listing" ' run/vmbuild'
is "nothing of env is stored" "$(grep -c marker-of-env "$WORK/apt.tar")" 0

# --- What the network provides
# Proxies (one on the host's loopback included), the CA bundle, name resolution.
mkdir "$WORK/www"
echo "from the host" > "$WORK/www/file"
python3 -u -m http.server --bind 127.0.0.1 --directory "$WORK/www" 0 > "$WORK/server" 2>&1 &
server=$!
trap 'kill $server; remove_work' EXIT
for _ in $(seq 50); do
    port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$WORK/server")
    [ -z "$port" ] || break
    sleep 0.1
done
echo "marker-of-bundle" > "$WORK/bundle.crt"
USER_ENV=("http_proxy=http://127.0.0.1:$port" "HTTPS_PROXY=http://me:marker-of-proxy@proxy.invalid:1"
    no_proxy=marker-of-no-proxy "SSL_CERT_FILE=$WORK/bundle.crt")
build_script lent "$(with '{"network": true, "env": {"HTTP_PROXY": "mine"}}')" <<'END'
#!/bin/bash -e
echo "proxies: $http_proxy $HTTPS_PROXY $no_proxy $HTTP_PROXY"
echo "bundle: $(cat "$SSL_CERT_FILE") $(cat "$CURL_CA_BUNDLE")"
echo "resolver: $(head -n 1 /etc/resolv.conf)"
address=${http_proxy#http://}
exec 3<> "/dev/tcp/${address%:*}/${address#*:}"
printf 'GET /file HTTP/1.0\r\n\r\n' >&3
cat <&3
END
exits 0 "what the network provides"
says "proxies: one on the loopback is that of the host, env comes first" \
    "^proxies: http://10\.0\.2\.2:$port http://me:marker-of-proxy@proxy\.invalid:1 marker-of-no-proxy mine\$"
says "a server on the host's loopback" '^from the host'
says "the CA bundle" '^bundle: marker-of-bundle marker-of-bundle$'
says "the resolver" '^resolver: nameserver 10\.0\.2\.3$'
is "none of it is stored" "$(grep -c marker-of "$WORK/lent.tar")" 0
is "the layer is empty" "$(layer "$WORK/lent.tar" | grep -cv ' \./\?$')" 0

# --- A dangling resolv.conf
# A resolv.conf that points to a service which does not exist, as on a system with systemd-resolved.
USER_ENV=()
build_script link "$on_debian" <<< 'ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf'
build_script linked '{"name": "x", "fromImage": "link.tar", "network": true}' <<'END'
grep -q nameserver /etc/resolv.conf
test -L /etc/resolv.conf
END
exits 0 "a resolv.conf that points to nothing"
is "a resolv.conf that points to nothing: no trace" \
    "$(layer "$WORK/linked.tar" | grep -E 'run|resolv')" ""

done_testing
