#!/bin/bash
# What real scripts write, in two builds: the files that differ are all listed here, so that neither
# what is the same nor what is not can change unnoticed. README tells what to do about the latter.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

# differs NAME SPEC EXPECTED: the layer's files whose content differs between two builds of SPEC.json:
# on one processor and on two, with and without what is cached, a script waiting for a second and
# for many, by which neither is late on a loaded machine. A random name is shown as NAME.*.
differs() {
    local name=$1 spec=$2 expected=$3 seconds options=()
    for seconds in 1 20; do
        echo $seconds > "$WORK/delay/seconds"
        build "$spec" "${options[@]}"
        options=(--cpus 2 --no-cache)
        exits 0 "$name, $seconds"
        image sums "$WORK/$spec.tar" | grep -v -e /fontconfig/ -e fontconfig.log |
            sed -E 's,/drawn\.[^/]+$,/drawn.*,' | sort > "$WORK/$seconds.sums"
    done
    is "$name: what differs" "$(comm -3 "$WORK/1.sums" "$WORK/20.sums" | awk '{ print $2 }' | sort -u)" "$expected"
}

mkdir "$WORK/delay"
delay=$(jq -n --arg source "$WORK/delay" '{source: $source, target: "/delay"}')
on_debian=$(jq -n --arg base "$(base debian)" --argjson delay "$delay" \
    '{name: "x", fromImage: $base, created: "2024-06-01T00:00:00Z", shares: [$delay]}')

# --- What the base's own tools write

script_spec tools "$on_debian" <<'END'
mkdir /times /drawn
date '+%F %R' > /times/date-at-the-start
sleep "$(cat /delay/seconds)"

date > /times/date-later
echo text > /times/text
cp /times/text /times/gzip; gzip /times/gzip
cp /times/text /times/gzip-n; gzip -n /times/gzip-n
tar -C /times -cf /times/tar.tar text
tar -C /times --mtime="@$SOURCE_DATE_EPOCH" -cf /times/tar-mtime.tar text
cp -L /lib/x86_64-linux-gnu/libz.so.1 /usr/local/lib/
ldconfig
update-alternatives --install /usr/bin/lister lister /bin/ls 10
useradd --create-home user
cp /etc/shadow /times/shadow

hash='my %h = map { $_ => 1 } 1 .. 20; print keys %h'
perl -e "$hash" > /drawn/perl-hash
PERL_HASH_SEED=0 perl -e "$hash" > /drawn/perl-hash-seeded
perl -e 'print {}' > /drawn/address
mktemp /drawn/drawn.XXXXXX > /drawn/mktemp
cat /proc/sys/kernel/random/uuid > /drawn/uuid
echo user:secret | chpasswd
echo $$ > /drawn/process
nproc > /drawn/processors
END
drawn="drawn/mktemp
drawn/perl-hash
drawn/processors
drawn/uuid
etc/shadow"
differs "tools" tools "$drawn
times/date-later
times/gzip.gz
times/tar.tar
var/cache/ldconfig/aux-cache
var/log/alternatives.log"
jq '.stillClock = true' "$WORK/tools.json" > "$WORK/still.json"
differs "tools, with a clock that stands still" still "$drawn"

# --- Packages with maintainer scripts

packages=$("$TOP/tests/packages.sh" "$(base debian)" python3-minimal man-db fontconfig fonts-dejavu-core \
    dbus ca-certificates nano) || {
    skip "packages" "they could not be fetched"
    done_testing
    exit
}
script_spec packages "$(jq --arg packages "$packages" '.stillClock = true |
    .shares += [{source: $packages, target: "/packages"}]' <<< "$on_debian")" <<'END'
export DEBIAN_FRONTEND=noninteractive
sleep "$(cat /delay/seconds)"
apt-get -qq -o APT::Sandbox::User=root install --yes --no-install-recommends /packages/*.deb
mkdir -p /python/module
echo 'WORDS = {"one", "two", "three"}' > /python/module/words.py
python3 -m py_compile /python/module/words.py
PYTHONPYCACHEPREFIX=/python/imported PYTHONPATH=/python/module python3 -c 'import words'
python3 -c 'print({str(i) for i in range(20)})' > /python/set
PYTHONHASHSEED=0 python3 -c 'print({str(i) for i in range(20)})' > /python/set-seeded
python3 -c 'print(object())' > /python/address
END
differs "packages" packages "python/set
var/lib/dbus/machine-id"
for file in var/log/dpkg.log var/log/apt/history.log var/cache/man/index.db var/cache/ldconfig/aux-cache \
    etc/ssl/certs/ca-certificates.crt python/imported/ var/cache/debconf/templates.dat; do
    like "packages: there is /$file" "$(cat "$WORK/20.sums")" " $file"
done

done_testing
