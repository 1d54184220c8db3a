#!/bin/bash
# Consecutive steps of a build have one VM: each layer is what a VM of its own makes of the step, and
# nothing else of a step reaches the next.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

REUSE=yes
mkdir -m 755 "$WORK/app"
BASE=(--build-context "base=docker-archive:$(base debian)")

# in_cache NAME: the cache of what follows.
in_cache() {
    USER_ENV=("XDG_CACHE_HOME=$WORK/$1")
}
# steps NAME: builds app/Dockerfile to NAME.tar.
steps() {
    run build "${BASE[@]}" --file app/Dockerfile --progress json -o "$1.tar" --compression none app
}
launches() {
    grep -c '"stage":"launch","state":"start"' "$WORK/err"
}
# one_by_one: builds app/recipe to alone.tar, each of its lines once those before it were built.
one_by_one() {
    local number count
    count=$(wc -l < "$WORK/app/recipe")
    for ((number = 2; number <= count; number++)); do
        head -n "$number" "$WORK/app/recipe" > "$WORK/app/Dockerfile"
        steps alone
        exits 0 "a VM for the instruction $((number - 1))"
    done
}

# same NAME FILE: what its last step has written to FILE is the same in group.tar as in alone.tar, and
# so is all else.
same() {
    file_of "$WORK/group.tar" "$2" > "$WORK/group.$2"
    file_of "$WORK/alone.tar" "$2" > "$WORK/alone.$2"
    is "$1: the same to a script" "$(diff "$WORK/alone.$2" "$WORK/group.$2" | head -n 20)" ""
    ok "$1: the same image" cmp "$WORK/group.tar" "$WORK/alone.tar"
}

# What a script can tell of the machine, but for what never stays the same.
cat > "$WORK/app/see" << 'EOF'
{
    cat /proc/mounts /proc/net/route /proc/modules /proc/swaps
    cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg
    ls -A /dev/shm /dev/mqueue /sys/class/net /sys/block
    ls -lR --time-style=+ /dev
    for process in /proc/[0-9]*/comm; do
        read -r name < "$process" && echo "$name"
    done
    cat /proc/sys/vm/swappiness /proc/sys/kernel/core_pattern
    tail -n +2 /proc/net/tcp | wc -l
    find /d /home /opt /root /srv /usr /var -xdev -path /usr/lib/modules -prune -o \
        -exec stat -c '%n %i %d %f %h %s %u:%g %Y %Z' {} +
    find /etc /run /tmp -mindepth 1 -exec stat -c '%n %f %h %s %u:%g' {} +
    cat /etc/hosts /etc/resolv.conf
    mount -t binfmt_misc none /mnt && ls /mnt && umount /mnt
} > "$1" 2>&1
EOF

# both_ways: runs the steps of the recipe with a VM each, then together; either on a cache that has none of them.
both_ways() {
    in_cache alone
    one_by_one
    cp "$WORK/app/recipe" "$WORK/app/Dockerfile"
    in_cache group
    steps group
}

# --- the same layers

cat > "$WORK/app/recipe" << 'EOF'
FROM base
RUN --network=none mkdir -p /d/many /d/gone /d/opaque/x /d/moved/in && for i in $(seq 300); do echo $i > /d/many/$i; done
COPY see /bin/see
RUN --network=none ln /d/many/1 /d/hard && ln -s many /d/soft && mknod /d/null c 1 3 && mkfifo /d/pipe && chown 7:8 /d/many/2
RUN --network=none rm -r /d/gone /d/many/3 /d/many/4? && rm -r /d/opaque && mkdir -m 700 /d/opaque && echo y > /d/opaque/y
RUN --network=none mv /d/moved /d/away && echo more >> /d/hard && touch -d 2001-02-03 /d/many/5 && sh /bin/see /seen.1
COPY see /d/many/3
RUN --network=none rm /d/soft && mkdir /d/soft && cp -a /d/many/1 /d/soft && chmod 4755 /d/many/6 && setcap cap_net_raw+ep /d/many/7 || true
USER 7:8
WORKDIR /d/work
RUN --network=none id > /tmp/id && pwd >> /tmp/id
USER root
RUN --network=none sh /bin/see /seen.2; find /d -newer /d/many/5 > /newer; ls -U /d /d/many > /order
EOF

both_ways
exits 0 "all steps, on a base never seen"
same "all steps, on a base never seen" seen.2
run build "${BASE[@]}" --file app/Dockerfile --progress json -o group.tar --compression none --rebuild=all app
exits 0 "all steps"
is "all steps: one VM" "$(launches)" 1
same "all steps" seen.2

# --- nothing is left for the next step

cat > "$WORK/app/recipe" << 'EOF'
FROM base
COPY see /bin/see
RUN true
RUN sleep 1000 & mount -t binfmt_misc none /mnt && echo ':x:M::XYZ::/bin/sh:' > /mnt/register && mount -t tmpfs none /mnt && echo x > /mnt/x && echo x > /dev/shm/x && ipcmk -M 4096 && ipcmk -Q && mknod /dev/left c 1 3 && hostname other && echo 1 > /proc/sys/net/ipv4/ip_forward && umask 077 && echo x > /x
RUN head -c 300M /dev/zero > /dev/shm/hog & tail -c 200M /dev/zero > /dev/null & sleep 1; head -c 50M /dev/zero > /tmp/big; rm /tmp/big
RUN sh /bin/see /seen; hostname >> /seen; cat /proc/sys/net/ipv4/ip_forward >> /seen
EOF
both_ways
exits 0 "steps that leave something"
is "steps that leave something: one VM" "$(launches)" 1
same "steps that leave something" seen
unlike "steps that leave something: no process" "$(cat "$WORK/group.seen")" '^sleep$'

# dirty NAME SCRIPT: what SCRIPT leaves in the kernel is not there for the next step.
dirty() {
    printf 'FROM base\nRUN true\nRUN %s && echo "%s" > /made\nRUN cat /made\nRUN true\n' "$2" "$1" \
        > "$WORK/app/Dockerfile"
    steps dirty
    exits 0 "$1"
    is "$1: another VM" "$(launches)" 2
}
dirty "a setting" 'echo 7 > /proc/sys/vm/swappiness'
dirty "a loop device" 'truncate -s 1M /image && losetup -f /image'
dirty "a cgroup" 'mount -t cgroup2 none /mnt && mkdir /mnt/left'

# --- a base that several images are made of

in_cache shared
cat > "$WORK/app/Dockerfile" << 'EOF'
FROM base AS one
COPY see /one
RUN cp /one /two
FROM base AS other
COPY see /other
RUN cp /other /more
FROM other
COPY --from=one /two /two
EOF
steps shared
exits 0 "two stages on a base never seen"
is "two stages on a base never seen: it is unpacked once" "$(
    jq -s '[.[] | select(.stage == "unpack" and .state == "done" and .bytes > 50000000)] | length' \
        "$WORK/err"
)" 1

# --- failures

printf 'FROM base\nRUN true\nRUN echo 1 > /1\nRUN echo 2 > /2\nRUN exit 7\nRUN true\n' \
    > "$WORK/app/Dockerfile"
steps failed
exits 5 "a step that fails"
says "a step that fails: its image" "build image 'stage-0-4'"
sed -i 's/exit 7/true/' "$WORK/app/Dockerfile"
steps mended
exits 0 "a step that is mended"
is "a step that is mended: those before it were kept" \
    "$(grep -c '"event":"image".*"state":"cached"' "$WORK/err")" 3
is "a step that is mended: one VM" "$(launches)" 1

done_testing
