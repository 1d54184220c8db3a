#!/bin/bash
# The commands of guest/README.md: the console, the appliance booted by hand, a shell in place of init,
# and gdb.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need gdb strings

# What stands at the root of the repository, after `make`

mkdir -p "$WORK/build/appliance" "$WORK/build/guest"
cp "$(dirname "$VMBUILD")"/../lib/vmbuild/* "$WORK/build/appliance/"
cp "$TOP/build/guest/init.debug" "$WORK/build/guest/"
ln -s "$VMBUILD" "$WORK/vmbuild"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY:$NOBODY "$WORK/build"

# block LANGUAGE N: the Nth block of that language.
block() {
    awk -v wanted="$1 $2" '!/^```/ { if (here == wanted) print; next }
        here != "" { here = ""; next }
        { language = substr($0, 4); here = language " " ++count[language] }' "$TOP/guest/README.md"
}

# boot VARIABLE=VALUE...: boots the appliance by hand, with the console in boot.out and what stands in the
# pipe boot.in as typed there.
boot() {
    rm -f "$WORK/boot.in"
    mkfifo "$WORK/boot.in"
    block sh 2 > "$WORK/boot"
    : > "$WORK/boot.out"
    become_user env "$@" sh boot <> "$WORK/boot.in" >> "$WORK/boot.out" 2>&1 &
}

# halt: ends QEMU.
halt() {
    local pid
    for pid in $(machines); do
        kill "$pid"
    done
    wait
}
trap 'halt; remove_work' EXIT

# --- The console

block sh 1 > "$WORK/console"
as_user sh -e console > "$WORK/out" 2> "$WORK/err" < /dev/null
STATUS=$?
exits 0 "the console is shown"
says "the console has the kernel's messages" '^vmbuild: guest: .*Run /init as init process'
says "the script runs" '^hello$'

# --- By hand

mounted='EXT4-fs .*mounted filesystem.* with writeback data mode'
boot
ok "init mounts the scratch disk" wait_for grep -qE "$mounted" "$WORK/boot.out"
{ block console 1; block console 2; } > "$WORK/session"
while read -r line; do
    case $line in
    '$ '*)
        as_user timeout 600 bash -c "${line#??}" > "$WORK/answer" 2> "$WORK/err"
        is "${line#??}" "$?" 0
        ;;
    *) is "it answers '$line'" "$(sed 's/^ *//' "$WORK/answer")" "$line" ;;
    esac
done < "$WORK/session"
halt

# --- A shell in place of init

boot APPEND=rdinit=/bin/sh
ok "a shell starts" wait_for grep -q "can't access tty" "$WORK/boot.out"
echo 'exec /init' > "$WORK/boot.in"
ok "it starts init" wait_for grep -qE "$mounted" "$WORK/boot.out"
halt

# --- gdb

boot OPTIONS="-S -gdb unix:gdb,server=on,wait=off"
wait_for test -S "$WORK/build/boot/gdb"
as_user timeout 600 sh -c "$(block sh 3)" > "$WORK/out" 2>&1 < /dev/null
like "gdb stops init at the gate" "$(cat "$WORK/out")" '^Breakpoint 1, gate_pass .*guest/call/gate\.c'
halt

done_testing
