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

# What the base has; none if nothing.
base_conf=$(tar -xOf "$(base debian)" --wildcards '*/layer.tar' | tar -xO ./etc/resolv.conf 2> "$WORK/err" || true)

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

# --- Localhost
# Offline, too; the base has no /etc/hosts.
build_script local "$on_debian" <<'END'
getent hosts localhost
getent hosts "$(hostname)" | grep '^127\.'
mkdir /unchanged
END
exits 0 "localhost and the guest's own name resolve"
is "localhost: nothing of it is stored" "$(layer "$WORK/local.tar" | grep -v ' \./\?$')" "dir 0755 0:0 unchanged"
build_script own "$on_debian" <<'END'
echo '10.1.1.1 mine' >> /etc/hosts
cp /etc/hosts /etc/hosts.copy
sed -i 's/mine/ours/' /etc/hosts
getent hosts ours
getent hosts localhost
END
exits 0 "a script changes /etc/hosts"
is "a script changes /etc/hosts: its line stays" "$(file_of "$WORK/own.tar" etc/hosts)" "10.1.1.1 ours"
is "a script changes /etc/hosts: that of its copy as well" \
    "$(file_of "$WORK/own.tar" etc/hosts.copy)" "10.1.1.1 mine"
mkdir -p "$WORK/tree/etc"
echo '10.1.1.1 theirs' > "$WORK/tree/etc/hosts"
chmod -R a+rX "$WORK/tree"
build_script theirs "$(with '{"contents": "tree"}')" <<< 'getent hosts localhost; getent hosts theirs'
exits 0 "localhost beside the contents' /etc/hosts"
is "the contents' /etc/hosts stays as it was" "$(file_of "$WORK/theirs.tar" etc/hosts)" "10.1.1.1 theirs"

# --- Replaced
# As any other file, /etc/resolv.conf and /etc/hosts can be replaced; the guest's name server stays out.
USER_ENV=()
build_script replaced "$(with '{"network": true}')" <<'END'
original=$(cat /etc/resolv.conf)
cp /etc/resolv.conf /etc/copy.conf
echo 'options edns0' >> /etc/resolv.conf
cp /etc/resolv.conf /etc/appended.conf
sed -i 's/edns0/rotate/' /etc/resolv.conf
mv /etc/resolv.conf /etc/moved.conf
mkdir /run/mine
echo 'nameserver 192.0.2.1' > /run/mine/resolv.conf
ln -sf ../run/mine/resolv.conf /etc/resolv.conf
rm /etc/hosts
rm -rf /run/vmbuild
END
exits 0 "/etc/resolv.conf and /etc/hosts are replaced"
listing=$(layer "$WORK/replaced.tar")
like "replaced: the link is in the layer" "$listing" ' etc/resolv\.conf -> \.\./run/mine/resolv\.conf$'
is "replaced: what a script wrote is, too" "$(file_of "$WORK/replaced.tar" run/mine/resolv.conf)" "nameserver 192.0.2.1"
unlike "replaced: a file that only the build showed leaves no whiteout" "$listing" '\.wh\.|etc/hosts|vmbuild'
is "replaced: a copy is one of the image's file" "$(file_of "$WORK/replaced.tar" etc/copy.conf)" "$base_conf"
is "replaced: so is one with a further line" "$(file_of "$WORK/replaced.tar" etc/appended.conf)" \
    "${base_conf:+$base_conf$'\n'}options edns0"
is "replaced: and the file itself, moved away" "$(file_of "$WORK/replaced.tar" etc/moved.conf)" \
    "${base_conf:+$base_conf$'\n'}options rotate"
is "replaced: the guest's name server is nowhere" "$(grep -c '10\.0\.2\.3' "$WORK/replaced.tar")" 0

# --- Locked, linked, moved
# What is in the layer, but for the root directory.
stored() {
    layer "$WORK/$1.tar" | grep -v ' \./\?$' | sed 's/ 0[0-7]* 0:0//'
}
build_script locked "$(with '{"network": true}')" <<'END'
echo '10.1.1.1 mine' >> /etc/hosts
echo 'options edns0' >> /etc/resolv.conf
touch /etc/x
chattr +i /etc/hosts /etc/resolv.conf /etc
END
exits 0 "a script makes /etc and its files immutable"
is "immutable: the layer" "$(stored locked)" $'dir etc\nfile etc/hosts\nfile etc/resolv.conf\nfile etc/x'
is "immutable: /etc/hosts" "$(file_of "$WORK/locked.tar" etc/hosts)" "10.1.1.1 mine"
is "immutable: /etc/resolv.conf" "$(file_of "$WORK/locked.tar" etc/resolv.conf)" \
    "${base_conf:+$base_conf$'\n'}options edns0"
build_script linked "$on_debian" <<'END'
ln /etc/hosts /etc/hosts.link
ln /etc/hosts /root/hosts
echo '10.1.1.1 mine' >> /root/hosts
END
exits 0 "a script makes hard links to /etc/hosts"
is "links: the layer" "$(stored linked)" \
    $'dir etc\nfile etc/hosts\nhard etc/hosts.link = etc/hosts\ndir root\nhard root/hosts = etc/hosts'
is "links: what they are" "$(file_of "$WORK/linked.tar" etc/hosts)" "10.1.1.1 mine"
build_script moved "$(with '{"network": true}')" <<'END'
mkdir /usr/etc
cp -p /etc/passwd /etc/hosts /etc/resolv.conf /usr/etc
rm -rf /etc
ln -s /usr/etc /etc
getent hosts localhost
END
exits 0 "a script moves /etc"
is "moved: the layer" "$(stored moved)" \
    $'link etc -> /usr/etc\ndir usr\ndir usr/etc\nfile usr/etc/hosts\nfile usr/etc/passwd\nfile usr/etc/resolv.conf'
is "moved: /etc/hosts" "$(file_of "$WORK/moved.tar" usr/etc/hosts)" ""
is "moved: /etc/resolv.conf" "$(file_of "$WORK/moved.tar" usr/etc/resolv.conf)" "$base_conf"
build_script moved2 "$(with "$(jq -n --arg base "$WORK/moved.tar" '{fromImage: $base}')")" <<'END'
cp /etc/hosts /etc/hosts.copy
echo '10.1.1.1 mine' >> /etc/hosts
END
exits 0 "a script in an image whose /etc is a link"
is "a link in the image: the layer" "$(stored moved2)" \
    $'dir usr\ndir usr/etc\nfile usr/etc/hosts\nfile usr/etc/hosts.copy'
is "a link in the image: /etc/hosts" "$(file_of "$WORK/moved2.tar" usr/etc/hosts)" "10.1.1.1 mine"
is "a link in the image: a copy" "$(file_of "$WORK/moved2.tar" usr/etc/hosts.copy)" ""
# That link means the guest's own /etc to those who follow it from outside the layer.
build_script loop "$(with '{"extraCommands": "grep localhost /etc/hosts; ls"}')" <<< 'rm -rf /etc; ln -s /etc /etc'
exits 0 "a script makes /etc a link to itself"
is "link to itself: the layer" "$(stored loop)" "link etc -> /etc"
build_script gone "$on_debian" <<< 'rm -rf /etc'
exits 0 "a script removes /etc"
is "removed: the layer" "$(stored gone)" "file .wh.etc"

# --- Resolvconf
packages=$("$TOP/tests/packages.sh" "$(base debian)" resolvconf)
build_script resolvconf "$(with "$(jq -n --arg packages "$packages" '{network: true, memory: 1024,
    shares: [{source: $packages, target: "/packages"}], env: {DEBIAN_FRONTEND: "noninteractive"}}')")" <<'END'
dpkg -i /packages/*.deb
test -L /etc/resolv.conf
END
exits 0 "resolvconf is installed"
like "resolvconf: its link is in the layer" "$(layer "$WORK/resolvconf.tar")" ' etc/resolv\.conf -> .*run/resolvconf/resolv\.conf$'
is "resolvconf: it stores no name server of the guest" "$(grep -c '10\.0\.2\.3' "$WORK/resolvconf.tar")" 0

# --- An archive in a share
# Offline, the guest's clock is earlier than the archive's date. The two remedies that vmbuild-spec(5) names.
mkdir "$WORK/archive"
: > "$WORK/archive/Packages"
{
    echo "Suite: ./"
    LC_ALL=C date -u '+Date: %a, %d %b %Y %H:%M:%S UTC'
    echo "SHA256:"
    echo " $(sha256sum < "$WORK/archive/Packages" | cut -d ' ' -f 1) 0 Packages"
} > "$WORK/archive/Release"
chmod -R a+rX "$WORK/archive"
shared='"shares": [{"source": "archive", "target": "/archive"}]'
cat > "$WORK/update" <<'END'
echo "deb [trusted=yes] file:/archive ./" > /etc/apt/sources.list
rm -f /etc/apt/sources.list.d/*
mkdir -p /tmp/lists/partial
update() {
    apt-get -o Dir::State::lists=/tmp/lists -o APT::Update::Error-Mode=any "$@" update
}
END
{
    cat "$WORK/update"
    echo 'if update > /log 2>&1; then exit 1; fi; cat /log; update -o Acquire::Check-Date=false'
} > "$WORK/unchecked"
build_script unchecked "$(with "{$shared}")" < "$WORK/unchecked"
exits 0 "an archive of today, offline, with Check-Date=false"
says "an archive of today, offline: what apt says without it" 'not valid yet'
echo update >> "$WORK/update"
build_script later "$(with "{$shared, \"created\": \"now\"}")" < "$WORK/update"
exits 0 "an archive of today, offline, with created: now"

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
wait_for grep -q ' port ' "$WORK/server"
port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$WORK/server")
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
