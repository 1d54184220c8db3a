#!/bin/bash
# The same spec and inputs give the same bytes, whoever builds, wherever and whenever.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

# A job twice: in directories of different names, created in another order, with times that are not preserved.
make_job() {
    local folder=$1 name
    shift
    mkdir -p "$folder/contents/d"
    for name; do echo "$name" > "$folder/contents/d/$name"; done
    ln "$folder/contents/d/a" "$folder/contents/d/z"
    chmod 600 "$folder/contents/d/b"
    touch -d 2005-05-05 "$folder/contents/d"/* "$folder/contents/d" "$folder/contents"
    touch -d 1999-01-01 "$folder/contents/d/a"
}
make_job "$WORK/one" b a c
make_job "$WORK/another folder" c b a

# What a script can read of its surroundings without looking at how much time has passed: the
# environment, names, numbers and times of files (those of change too, to the second), their order.
script='
find / -mindepth 1 -xdev ! -path "/dev*" ! -path "/proc*" ! -path /files \
    -printf "%p %D %i %n %u %g %m %s %b %C@ %T@\n" | sed -E "s/\.[0-9]{10}//g" > /files
env | sort > /env
id > /id
umask > /umask
pwd > /pwd
ulimit -a > /limits
hostname > /hostname
uname -a > /uname
ls -l /proc/self/fd/0 | cut -d " " -f 10- > /input
cat /proc/version /proc/cmdline /proc/mounts /proc/filesystems > /kernel
grep -E "^(model|flags|cpu MHz|bogomips)" /proc/cpuinfo | sort -u > /processor
date +%F > /date
stat -c "%n %Y %Z" /proc /sys /dev > /special
ls -U /usr/bin > /order
useradd --create-home user
mkdir /many
for i in $(seq 300); do echo $i > /many/$i; done
rm -r /many
ldconfig
stat -f / > /free
'
jq -n --arg base "$(base debian)" --arg script "$script" '{name: "x", fromImage: $base, contents: "contents",
    created: "2021-03-04T05:06:07Z", runAsRoot: $script}' | tee "$WORK/another folder/job.json" > "$WORK/one/job.json"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY "$WORK/one" "$WORK/another folder"

# show_difference IMAGE OTHER: what differs, as far as that can be shown.
show_difference() {
    cmp "$1" "$2" 2>&1 | diag
    diff <(image sums "$1") <(image sums "$2") | head -n 20 | diag
    diff <(layer "$1") <(layer "$2") | head -n 20 | diag
    diff <(config "$1" | jq .) <(config "$2" | jq .) | head -n 20 | diag
}

expected=
# same NAME FOLDER [OPTION...]
same() {
    local name=$1 folder=$2 digest
    shift 2
    rm -f "$WORK/job.tar"
    run --spec "$folder/job.json" --output job.tar --compression none "$@"
    exits 0 "$name"
    digest=$(sha256sum < "$WORK/job.tar" | cut -c 1-64)
    if [ -z "$expected" ]; then
        expected=$digest
        cp "$WORK/job.tar" "$WORK/first.tar"
        return
    fi
    is "$name: the same bytes" "$digest" "$expected"
    [ "$digest" = "$expected" ] || show_difference "$WORK/first.tar" "$WORK/job.tar"
}

same "a first build, with the cache in its present state" one
same "with a warm cache" one
same "with a cold cache" one --no-cache
same "two CPUs" one --cpus 2
USER_ENV=(TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 USER=somebody LOGNAME=somebody
    TMPDIR="$WORK/another folder" SHELL=/bin/false TERM=dumb PWD=/ COLUMNS=10 GZIP=-9 LD_BIND_NOW=1)
umask 077
same "another folder, time zone, locale, TMPDIR, umask, environment" "another folder"
umask 022
USER_ENV=()

if [ "$(id -u)" -eq 0 ]; then
    NOBODY=12345
    chown -R $NOBODY "$WORK"
    USER_ENV=(XDG_CACHE_HOME="$WORK/tmp")
    same "another user, with a separate cache" one
    rm -rf "$WORK/tmp/vmbuild"
    NOBODY=65534
    chown -R $NOBODY "$WORK"
else
    skip "another user" "it needs root"
fi

# Another date on the host; only the wall clock is faked, or no time limit would be right.
if ${CC:-gcc} -D_GNU_SOURCE -shared -fPIC -o "$WORK/clock.so" "$TOP/tests/clock_stand_in.c" 2> "$WORK/cc.log"; then
    chmod 755 "$WORK/clock.so"
    USER_ENV=(LD_PRELOAD="$WORK/clock.so"
        CLOCK_STAND_IN_AHEAD_S=$(($(date -u -d "2038-02-03 04:05:06" +%s) - $(date +%s))))
    is "the host's date differs" "$(as_user date -u +%F)" 2038-02-03
    same "on another day" one
else
    fail "on another day" "$(cat "$WORK/cc.log")"
fi

# SOURCE_DATE_EPOCH of the same value as `created`.
for folder in one "another folder"; do
    jq 'del(.created)' "$WORK/$folder/job.json" > "$WORK/job.json"
    cat "$WORK/job.json" > "$WORK/$folder/job.json"
done
USER_ENV=(SOURCE_DATE_EPOCH=1614834367)
same "SOURCE_DATE_EPOCH in place of created" one
USER_ENV=()

is "no time stamp is newer than created and the base" "$(PYTHONPATH=$TOP/tests python3 -c 'import image, sys
print(max(int(info.mtime) for info in image.Archive(sys.argv[1]).layer()))' "$WORK/first.tar")" "$(date -d 2024-01-01T00:00:00Z +%s)"

# Memory; without the part of the script that reads its size.
jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, runAsRoot: "useradd user; ldconfig; ulimit -a > /limits"}' \
    > "$WORK/one/job.json"
expected=
same "the same memory" one
same "more memory" one --memory 900

# Another processor, as another accelerator would show it.
printf '#!/bin/bash\nargs=("$@")\nfor i in "${!args[@]}"; do [ "${args[i]}" != -cpu ] || args[i+1]=Nehalem; done\nexec "%s" "${args[@]}"\n' \
    "$(command -v qemu-system-x86_64)" > "$WORK/other-processor"
chmod 755 "$WORK/other-processor"
jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, runAsRoot: "useradd user; ldconfig; uname -a > /uname
    echo hello | sha256sum > /sum; perl -e \"print sqrt(2) . exp(1)\" > /numbers; touch /done; ls -lR /etc > /list; cat /proc/cpuinfo > /cpuinfo"}' > "$WORK/one/job.json"
expected=
same "the same processor" one
USER_ENV=(VMBUILD_QEMU="$WORK/other-processor")
same "another processor" one
USER_ENV=()

# Every format and compression; without the part of the script that counts processors.
jq '.runAsRoot |= sub("; cat /proc/cpuinfo > /cpuinfo"; "")' "$WORK/one/job.json" > "$WORK/uncounted.json"
mv "$WORK/uncounted.json" "$WORK/one/job.json"
for format in docker-archive oci-archive; do
    for compression in gzip zstd; do
        options=(--format "$format" --compression "$compression")
        rm -f "$WORK/one.out" "$WORK/other.out"
        run --spec one/job.json --output one.out "${options[@]}"
        exits 0 "$format, $compression"
        run --spec one/job.json --output other.out "${options[@]}" --no-cache --cpus 2
        exits 0 "$format, $compression, with a cold cache"
        if cmp -s "$WORK/one.out" "$WORK/other.out"; then
            pass "$format, $compression: the same bytes"
        else
            fail "$format, $compression: the same bytes"
            show_difference "$WORK/one.out" "$WORK/other.out"
        fi
    done
done

# Without a VM.
jq -n '{name: "x", contents: "contents"}' | tee "$WORK/another folder/job.json" > "$WORK/one/job.json"
expected=
same "contents alone" one
USER_ENV=(TZ=Asia/Tokyo LC_ALL=C)
umask 077
same "contents alone, elsewhere" "another folder"
umask 022
USER_ENV=()

done_testing
