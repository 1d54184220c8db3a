#!/bin/bash
# Scripts that fail, and scripts that attack what runs them: the right exit code, a message that
# names the script and the cause, and nothing left behind.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

on_busybox=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 60, diskSize: 256}')

# with JSON: $on_busybox with changes.
with() {
    jq -n --argjson a "$on_busybox" --argjson b "$1" '$a + $b'
}

# --- How a script ends
build_script seven "$on_busybox" <<< 'echo before; exit 7; echo after'
exits 5 "a script that exits 7"
says "a script that exits 7: the message names it and its status" "^vmbuild: .*'runAsRoot'.*7"
says "a script that exits 7: its output until then" '^before$'
unlike "a script that exits 7: nothing after it" "$(cat "$WORK/err")" '^after$'
leaves_nothing "a script that exits 7" "$WORK/seven.tar"

build_script fails "$on_busybox" <<< $'true\nfalse\necho after'
exits 5 "the first command that fails ends the script"

build_script signal "$on_busybox" <<< 'kill -SEGV $$'
exits 5 "a script that dies of a signal"
says "a script that dies of a signal: the message names it" "'runAsRoot'.*(signal 11|SIGSEGV|Segmentation)"

# --- Which line, and why
build_script line "$on_busybox" <<< $'echo one\necho two &&\\\n  ls /nowhere\necho three'
exits 5 "a command that fails"
says "a command that fails: the line in the message, and the time" \
    "^vmbuild: run script 'runAsRoot': line 3: it exited with status 1 after [0-9.]+ seconds$"
says "a command that fails: the line itself" '^  \| line 3: echo two && ls /nowhere$'
says "a command that fails: the end of its output" '^  \|   two$'
says "a command that fails: what to do next" '^vmbuild: .*--trace'
unlike "a command that fails: nothing of a console" "$(cat "$WORK/err")" 'console'

# The file is what it is to the script, whatever reads it.
build_script own "$on_busybox" <<'END'
test -f "$0"
test "$(wc -l < "$0")" -eq 5
sed -n 's/^# payload //p' "$0" > /payload
ls -A /dev/vmbuild > /names
# payload 42
END
exits 0 "a script that reads itself"
is "a script that reads itself: it is whole" "$(file_of "$WORK/own.tar" payload)" 42
is "a script that reads itself: it is alone" "$(file_of "$WORK/own.tar" names)" runAsRoot

build_script exec "$on_busybox" <<< $'echo one\nexec sh -c "exit 3"\necho never'
exits 5 "a script that becomes another program"
says "a script that becomes another program: the line" "line 2: it exited with status 3"

# 300 lines of more than a page, and a last one without its end.
{
    printf ': %05000d\n' {1..300}
    printf 'exit 9'
} | build_script long "$on_busybox"
exits 5 "a long script"
says "a long script: the line" "line 301: it exited with status 9"

build_script hook "$(with '{"preMount": "true\nfalse\n"}')" <<< 'true'
exits 5 "a hook that fails"
says "a hook that fails: the line" "'preMount': line 2: it exited with status 1"

debian=$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, timeout: 120}')
build_script bash "$debian" <<< $'#!/usr/bin/env bash\nset -e\nfor i in a b; do\n  nosuch\ndone'
exits 5 "bash"
says "bash: the line that it names itself, within a loop" "line 4: it exited with status 127"
says "bash: the likely cause" "^vmbuild: the image lacks a program"

build_script names "$debian" <<< $'echo one\ngetent hosts example.com'
exits 5 "a script that looks up a name, without a network"
says "a script that looks up a name, without a network: what to do" '^vmbuild: .*"network": true'

build_script bashism "$debian" <<< 'words=(one two)'
exits 5 "what only bash understands"
says "what only bash understands: what to do" '^vmbuild: .*"#!/bin/bash"'

build_script returns "$on_busybox" <<< $'echo one\r\nls /etc\r\n'
exits 5 "line ends of Windows without a #! line"
says "line ends of Windows without a #! line: a note, and what to do" '^vmbuild: .*CR and LF.*sed'
is "line ends of Windows without a #! line: both" "$(grep -c 'CR and LF' "$WORK/err")" 2

# --- --trace
debian=$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, timeout: 120}')
build_script trace "$on_busybox" --trace <<< $'x=1\necho $x > /out'
exits 0 "--trace"
says "--trace: each command" '^\+ echo 1$'
is "--trace: the script does the same" "$(file_of "$WORK/trace.tar" out)" 1
build_script trace "$debian" --trace <<< $'#!/usr/bin/env -S bash -e\necho one\nfalse\necho two'
exits 5 "--trace: a shell that env runs"
says "--trace: a shell that env runs: each command" '^\+ false$'
unlike "--trace: no advice to use it" "$(cat "$WORK/err")" '^vmbuild: --trace'
build_script trace "$debian" --trace <<< $'#!/usr/bin/perl\nprint "perl\\n";'
exits 0 "--trace: another interpreter"
says "--trace: another interpreter: it runs" '^perl$'

# --- Interpreters
build_script missing "$on_busybox" <<< $'#!/no/such/interpreter\n'
exits 5 "an interpreter that does not exist"
says "an interpreter that does not exist: the message" "^vmbuild: .*'runAsRoot'"

build_script windows "$on_busybox" <<< $'#!/bin/sh\r\necho x > /x\r\n'
exits 5 "an interpreter with a carriage return"
says "an interpreter with a carriage return: the message" "^vmbuild: run 'runAsRoot': a carriage return follows its interpreter '/bin/sh'; "

build_script interpreter "$on_busybox" <<< $'#!/usr/bin/awk -f\nBEGIN { print "awk ran" > "/awk" }'
exits 0 "a #! line is honoured"
like "a #! line is honoured: by its interpreter" "$(layer "$WORK/interpreter.tar")" ' awk$'

# --- Attacks on what runs the script
# What the script can see: its own processes, and any others, should there be some.
build_script kills "$on_busybox" <<'END'
touch /made
ls -l /proc/1/fd > /descriptors
trap '' TERM
kill -TERM -1 2> /dev/null || true
kill -9 -1 2> /dev/null || true
echo alive
END
exits 0 "a script that kills all it can see"
like "a script that kills all it can see: its layer" "$(layer "$WORK/kills.tar")" ' made$'
unlike "its init has none of the guest's ports and disks" "$(file_of "$WORK/kills.tar" descriptors)" \
    'vport|/dev/[sv]d'

build_script background "$on_busybox" <<'END'
touch /made
(trap '' HUP TERM; while true; do echo x >> /growing; sleep 0.1; done) > /dev/null 2>&1 &
until [ -s /growing ]; do sleep 0.1; done
END
exits 0 "a script that leaves a process running"
like "a script that leaves a process running: its layer" "$(layer "$WORK/background.tar")" ' growing$'

build_script remounts "$on_busybox" <<'END'
touch /before
mount -o remount,ro / && echo remounted
touch /after 2> /dev/null || echo "cannot write"
true
END
exits 0 "a script that remounts / read-only"
like "a script that remounts / read-only: what it wrote before" "$(layer "$WORK/remounts.tar")" ' before$'

build_script unmounts "$on_busybox" <<'END'
umount -l /proc || true
umount -l /dev || true
umount -l /sys || true
mount -t tmpfs none /mnt 2> /dev/null || mkdir /mnt && mount -t tmpfs none /mnt
echo hidden > /mnt/hidden
mount --bind /etc /tmp
touch /made
END
exits 0 "a script that mounts and unmounts"
listing=$(layer "$WORK/unmounts.tar")
like "a script that mounts and unmounts: its layer" "$listing" ' made$'
unlike "a script that mounts and unmounts: nothing of its mounts" "$listing" 'hidden|tmp/passwd'

build_script forks "$on_busybox" <<'END'
touch /made
bomb() { bomb | bomb & }
bomb 2> /dev/null
sleep 3
END
ok "a fork bomb: it ends, one way or another" test "$STATUS" -eq 0 -o "$STATUS" -eq 5 -o "$STATUS" -eq 7 -o "$STATUS" -eq 8
leaves_nothing "a fork bomb"

# --- Limits: disk, memory, time
build_script full "$on_busybox" <<< 'dd if=/dev/zero of=/large bs=1M count=400'
exits 6 "a script that fills the disk"
says "a script that fills the disk: the message names the disk" "^vmbuild: .*disk"
says "a script that fills the disk: what to do" 'diskSize'
leaves_nothing "a script that fills the disk" "$WORK/full.tar"

build_script inodes "$(with '{"diskSize": 64, "timeout": 600}')" <<'END'
i=0
while [ $i -lt 2000000 ]; do
    mkdir /d$i
    j=0
    while [ $j -lt 1000 ]; do : > /d$i/$j; j=$((j + 1)); done
    i=$((i + 1))
done
END
exits 6 "a script that uses up the inodes"

build_script memory "$(with '{"memory": 256}')" <<< "awk 'BEGIN { s = \"x\"; while (1) s = s s }'"
exits 7 "a script that eats all memory"
says "a script that eats all memory: what to do" 'memory'
leaves_nothing "a script that eats all memory" "$WORK/memory.tar"

before=$(date +%s)
build_script sleeps "$(with '{"timeout": 10}')" <<'END'
touch /made
trap '' TERM INT HUP
sleep 1000
END
took=$(($(date +%s) - before))
exits 8 "a script that sleeps past its timeout"
says "a script that sleeps past its timeout: which, where, and how long" "'runAsRoot': line 3: .*10 s"
ok "a script that sleeps past its timeout: ended before it would end itself ($took s)" test "$took" -lt 1000
leaves_nothing "a script that sleeps past its timeout" "$WORK/sleeps.tar"

build_script spins "$(with '{"timeout": 3, "cpus": 1}')" <<< 'while true; do :; done'
exits 8 "a script that spins past its timeout"

# --- A crash
build_script panic "$on_busybox" <<< 'echo c > /proc/sysrq-trigger; sleep 60'
ok "a script that crashes the kernel, if it can" test "$STATUS" -eq 4 -o "$STATUS" -eq 5
leaves_nothing "a script that crashes the kernel" "$WORK/panic.tar"

# --- Output
build_script output "$on_busybox" <<< 'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i + 1)); done'
exits 0 "a script with much output"
is "a script with much output: all of it, in order" \
    "$(grep -c '^line [0-9]*$' "$WORK/err") $(grep '^line' "$WORK/err" | tail -n 1)" "20000 line 19999"

build_script partial "$on_busybox" <<< 'printf "no newline"'
exits 0 "output without a newline"
says "output without a newline: it is shown" '^no newline$'

# --- The previous output
# A failed build does not touch the previous output.
echo previous > "$WORK/kept.tar"
build_script kept "$on_busybox" <<< 'exit 1'
exits 5 "a failed build"
is "a failed build leaves the previous output" "$(cat "$WORK/kept.tar")" previous
build_script kept "$on_busybox" <<< 'true'
exits 0 "a good build"
ok "a good build replaces it" image check "$WORK/kept.tar"

# --- Loop devices
# Nodes appear with the devices; what a script does to /dev is its own affair.
build_script loops "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base,
    postMount: "echo gone > /dev/null; test -c /dev/null; test ! -e /dev/mine; ls /dev > ls"}')" <<'END'
truncate -s 8M /disk
# One partition of 4 MiB, from 1 MiB on.
printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\040\0\0' | dd of=/disk bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=/disk bs=1 seek=510 conv=notrunc status=none
loop=$(losetup -f --show -P /disk)
test "$(blockdev --getsize64 "${loop}p1")" -eq 4194304
losetup -d "$loop"
test ! -e "${loop}p1"
for i in $(seq 12); do
    losetup -f --show /disk
done
losetup -D
rm /disk
touch /dev/mine
rm -rf /dev/null /dev/zero /dev/loop*
END
exits 0 "loop devices"
says "loop devices: more than eight" '^/dev/loop11$'

done_testing
