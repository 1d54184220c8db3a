#!/bin/bash
# The same spec and inputs give the same bytes, whoever builds, wherever and whenever.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

mkdir -p "$WORK/one/contents/d" "$WORK/another folder"
for name in b a c; do echo $name > "$WORK/one/contents/d/$name"; done
ln "$WORK/one/contents/d/a" "$WORK/one/contents/d/z"
chmod 600 "$WORK/one/contents/d/b"
jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, contents: "contents",
    created: "2021-03-04T05:06:07Z", runAsRoot: "
date > /date
useradd --create-home user
hostname > /hostname
env | sort > /env
ls -U /usr/bin > /order
ls -i /etc | head -n 3 > /inodes
mkdir /many
for i in $(seq 300); do echo $i > /many/$i; done
rm -r /many
cat /proc/sys/kernel/random/boot_id > /dev/null
uname -a > /uname
id > /id; umask > /umask; pwd > /pwd
"}' > "$WORK/one/job.json"
(cd "$WORK/one/contents/d" && touch -d 1999-01-01 a)
# A copy elsewhere, made in another order, with other times.
cp -r "$WORK/one/job.json" "$WORK/another folder/"
mkdir -p "$WORK/another folder/contents/d"
for name in c b a; do echo $name > "$WORK/another folder/contents/d/$name"; done
ln "$WORK/another folder/contents/d/a" "$WORK/another folder/contents/d/z"
chmod 600 "$WORK/another folder/contents/d/b"
touch -d 1999-01-01 "$WORK/another folder/contents/d/a"
chmod -R a+rX "$WORK/one" "$WORK/another folder"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK/one" "$WORK/another folder"
# Times are part of what contents give: all but `a` have the same again.
find "$WORK/one/contents" "$WORK/another folder/contents" ! -name a ! -name z -exec touch -d 2005-05-05 {} +

expected=
# same NAME FOLDER [OPTION...]
same() {
    local name=$1 folder=$2
    shift 2
    rm -f "$WORK/job.tar.gz"
    run --spec "$folder/job.json" --output job.tar.gz "$@"
    exits 0 "$name"
    local digest
    digest=$(sha256sum < "$WORK/job.tar.gz" | cut -c 1-64)
    if [ -z "$expected" ]; then
        expected=$digest
        cp "$WORK/job.tar.gz" "$WORK/first.tar.gz"
        return
    fi
    is "$name: the same bytes" "$digest" "$expected"
    if [ "$digest" != "$expected" ]; then
        diff <(image sums "$WORK/first.tar.gz") <(image sums "$WORK/job.tar.gz") | head -n 20 | diag
        diff <(layer "$WORK/first.tar.gz") <(layer "$WORK/job.tar.gz") | head -n 20 | diag
        diff <(config "$WORK/first.tar.gz" | jq .) <(config "$WORK/job.tar.gz" | jq .) | head -n 20 | diag
    fi
}

same "the first build" one
same "again, with a warm cache" one
same "with a cold cache" one --no-cache
same "two CPUs, more memory" one --cpus 2 --memory 700
USER_ENV=(TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 USER=somebody LOGNAME=somebody
    TMPDIR="$WORK/another folder" SHELL=/bin/false TERM=dumb PWD=/ COLUMNS=10)
umask 077
same "another folder, time zone, locale, TMPDIR, umask, environment" "another folder"
umask 022
USER_ENV=()
if [ "$(id -u)" -eq 0 ]; then
    NOBODY=12345
    chown -R $NOBODY "$WORK"
    USER_ENV=(XDG_CACHE_HOME="$WORK/tmp")
    same "another user" one
    USER_ENV=()
    rm -rf "$WORK/tmp/vmbuild"
    NOBODY=65534
    chown -R $NOBODY "$WORK"
else
    skip "another user" "it needs root"
fi

# SOURCE_DATE_EPOCH of the same value as `created`.
jq 'del(.created)' "$WORK/one/job.json" > "$WORK/one/job2.json"
mv "$WORK/one/job2.json" "$WORK/one/job.json"
chmod a+r "$WORK/one/job.json"
USER_ENV=(SOURCE_DATE_EPOCH=1614834367)
same "SOURCE_DATE_EPOCH in place of created" one
USER_ENV=()

is "no time stamp is newer than created" "$(PYTHONPATH=$TOP/tests python3 -c 'import image, sys
print(max(int(info.mtime) for info in image.Archive(sys.argv[1]).layer()))' "$WORK/first.tar.gz")" 1614834367

# Without a VM.
jq -n '{name: "x", contents: "contents"}' > "$WORK/one/job.json"
cp "$WORK/one/job.json" "$WORK/another folder/job.json"
chmod a+r "$WORK"/*/job.json
expected=
same "contents alone" one
same "contents alone, again" one
USER_ENV=(TZ=Asia/Tokyo LC_ALL=C)
umask 077
same "contents alone, elsewhere" "another folder"
umask 022
USER_ENV=()

done_testing
