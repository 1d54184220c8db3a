#!/bin/bash
# shell and run: sessions of the user's in an image or a build, on a real pseudo-terminal and
# without one.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need python3 jq

DEBIAN=$(base debian)
BUSYBOX=$(base busybox)

# on_terminal NAME COMMAND < STEPS: the shell COMMAND on a terminal of 24 rows and 80 columns, in
# which $VMBUILD is the program. Every step succeeds. The transcript is $WORK/NAME.
on_terminal() {
    local name=$1
    STATUS=0
    as_user env TERM=xterm "VMBUILD=$VMBUILD" "WORK=$WORK" \
        "$TOP/tests/terminal.py" 24 80 "$WORK/$name" bash -c "$2" 2> "$WORK/err" || STATUS=$?
    if [ "$STATUS" = 99 ]; then
        fail "$name: all steps" "$(tail -c 3000 "$WORK/$name" | cat -v)"
    else
        pass "$name: all steps"
    fi
}

# The terminal's state, as a line that begins with AFTER; a program that has left it raw or is still
# in the foreground shows up in it.
STATE='echo "AF""TER $?:" $(stty -a | tr " ;" "\n\n" |
    grep -xE -- "-?(isig|icanon|echo|opost|icrnl)" | sort)'
COOKED='echo icanon icrnl isig opost'

# cooked NAME: in the transcript NAME, the terminal's state is the usual one, each time it is shown.
cooked() {
    is "$1: the terminal is as it was before" \
        "$(tr -d '\r' < "$WORK/$1" | grep -ao 'AFTER [0-9]*: .*' | sed 's/[^:]*: //' | sort -u)" "$COOKED"
}

# --- a command without a terminal

printf 'from\0outside\n' > "$WORK/input"
INPUT=$WORK/input run run -q "$BUSYBOX" -- sh -c 'echo "[$(id -u)]"; echo aside >&2; cat; exit 7'
exits 7 "run: the command's own exit code"
is "run: its standard output, and standard input as it is" "$(od -c < "$WORK/out")" \
    "$(printf '[0]\nfrom\0outside\n' | od -c)"
is "run: its standard error" "$(cat "$WORK/err")" aside
leaves_nothing "run"

run run -q "$BUSYBOX" sh -c 'test -t 0 || test -t 1 || test -t 2 || echo none; tty; ls / | tr "\n" " "
    echo; env | sort'
like "run: options after the image are the command's; it has no terminal" "$(cat "$WORK/out")" '^none$'
like "run: it sees what runAsRoot sees" "$(cat "$WORK/out")" '^HOME=/root$'
unlike "run: no TERM without a terminal" "$(cat "$WORK/out")" '^TERM='

run run "$BUSYBOX" /no/such/program --version
exits 127 "run: a command that is not in the image"
says "run: a command that is not in the image: why" "^vmbuild: run '/no/such/program': No such file"
# shellcheck disable=SC2016 # for the guest
run run -q "$BUSYBOX" -- sh -c 'kill -9 $$'
exits 137 "run: a command that a signal has killed"
for status in 75 130 143 255; do
    run run -q "$BUSYBOX" -- sh -c "exit $status"
    exits "$status" "run: a status that vmbuild uses itself"
    is "run: status $status: nothing is added" "$(cat "$WORK/err")" ""
done

# shellcheck disable=SC2016 # for the guest
run run -q "$BUSYBOX" -- sh -c 'dd if=/dev/zero bs=64k count=160 2> /dev/null; echo end >&2'
is "run: large output is whole" "$(stat -c %s "$WORK/out")" $((160 << 16))
head -c 3000000 /dev/urandom > "$WORK/input"
INPUT=$WORK/input run run -q "$BUSYBOX" -- sh -c 'sleep 1; cat'
ok "run: large input is whole, though the command reads it late" cmp "$WORK/input" "$WORK/out"
INPUT=$WORK/input run run -q "$BUSYBOX" -- true
exits 0 "run: a command that does not read its input"
run run -q --timeout 2 "$BUSYBOX" -- sleep 1000
exits 8 "run: a time limit"

run run
exits 2 "run without an image"
run run "$BUSYBOX"
exits 2 "run without a command"

# --- what a command leaves becomes an image

run run --commit "$WORK/kept.tar" --compression none "$BUSYBOX" -- sh -c 'echo new > /added; rm /etc/passwd'
exits 0 "run --commit"
like "run --commit: the layer holds what is new" "$(layer "$WORK/kept.tar")" '^file 0644 0:0 added$'
is "run --commit: and a whiteout" "$(layer "$WORK/kept.tar" | grep -c '\.wh\.passwd')" 1
run run --commit "$WORK/failed.tar" "$BUSYBOX" -- sh -c 'echo new > /added; exit 3'
exits 5 "run --commit: a command that fails"
says "run --commit: a command that fails: why" "exited with status 3; nothing is stored"
leaves_nothing "run --commit: a command that fails" "$WORK/failed.tar"
run run -q "$WORK/kept.tar" cat /added
is "run: in the image that was written" "$(cat "$WORK/out")" new

# --- shell without a terminal

INPUT=$(mktemp "$WORK/XXXXXX")
printf 'cd /etc\npwd\nexit 4\n' > "$INPUT"
run shell -q "$BUSYBOX"
exits 4 "shell: commands from a pipe: its exit code"
is "shell: commands from a pipe" "$(cat "$WORK/out")" /etc
unset INPUT

run shell "$WORK/kept.tar" --spec x.json
exits 2 "shell: an image and a spec"
run shell
exits 2 "shell: neither an image nor a spec"
run shell "$BUSYBOX" --before runAsRoot
exits 2 "shell: --before without a spec"

# --- at a step of a spec

spec steps <<END
{"name": "steps", "fromImage": "$BUSYBOX", "env": {"COLOUR": "blue"},
 "preMount": "echo pre > layer/pre", "runAsRoot": "echo root > /root-was-here",
 "postMount": "test -e mnt/root-was-here && echo post > mnt/post",
 "extraCommands": "echo extra > extra"}
END
# at OPTIONS: which of the scripts have run, in the shell's own view.
at() {
    run shell -q --spec steps.json "$@"
}
INPUT=$WORK/input
cat > "$WORK/input" <<'END'
echo "$COLOUR $PWD $(cd / && ls -d pre root-was-here post extra 2> /dev/null | tr '\n' ' ')"
echo "$(cd layer 2> /dev/null && ls | tr '\n' ' ')"
ls /dev/vmbuild /job 2> /dev/null | tr '\n' ' '
END
at
is "shell --spec: before runAsRoot, in the image" "$(cat "$WORK/out")" \
    "blue / pre "$'\n\n'"/dev/vmbuild: runAsRoot "
at --after runAsRoot
like "shell --after runAsRoot" "$(cat "$WORK/out")" '^blue / pre root-was-here $'
at --before preMount
like "shell --before preMount: the builder's environment" "$(cat "$WORK/out")" '^blue /disk $'
like "shell --before preMount: an empty layer" "$(cat "$WORK/out")" '^$'
like "shell --before preMount: the scripts" "$(cat "$WORK/out")" 'preMount'
at --after postMount
like "shell --after postMount: the layer" "$(cat "$WORK/out")" '^post pre root-was-here $'
at --before extraCommands
like "shell --before extraCommands: in the layer" "$(cat "$WORK/out")" '^blue /disk/layer $'
at --after postUmount
exits 2 "shell --after a script that the spec lacks"
at --before postUmount
exits 0 "shell --before a script that the spec lacks"
at --before contents
exits 2 "shell --before something else"
at --before runAsRoot --after runAsRoot
exits 2 "shell: --before and --after"
echo 'echo mine > /mine; exit 9' > "$WORK/input"
run shell --spec steps.json --after runAsRoot --commit steps.tar --compression none
exits 9 "shell --commit: the shell's exit code"
like "shell --commit: its changes" "$(layer "$WORK/steps.tar")" ' mine'
like "shell --commit: those of the scripts before" "$(layer "$WORK/steps.tar")" ' root-was-here'
unlike "shell --commit: not those of the scripts after" "$(layer "$WORK/steps.tar")" ' (post|extra)'
unset INPUT

# --- a terminal

# A key is typed when the program that it is for has said that it runs, since a shell could still be
# about to start it; nor while dash starts another program, by vfork(2), when it cannot be stopped. A
# line is typed after the prompt: bash throws away what was typed before it noticed that Ctrl-C has
# killed its child.

on_terminal terminal "$STATE; \$VMBUILD shell '$DEBIAN'; $STATE" << 'END'
expect AFTER 0: (.*)\n
expect root@vmbuild:/# 
send stty size; tty; echo $TERM; echo $BASH_VERSION\r
expect 24 80\r\n/dev/pts/0\r\nxterm\r\n5
send echo re''ady; cat\r
expect ready\r\n
send line one\r
expect line one\r\nline one\r\n
send \x03
expect root@vmbuild:/# 
send echo int''errupted $?\r
expect interrupted 130
expect root@vmbuild:/# 
send sh -c 'trap "echo con""tinued" CONT; sleep 1000 & echo re""ady; while :; do wait; done'\r
expect ready\r\n
send \x1a
expect Stopped
expect root@vmbuild:/# 
send jobs; fg\r
expect continued\r\n
send \x03
expect root@vmbuild:/# 
send sh -c 'trap "echo win""ched" WINCH; sleep 1000 & echo re""ady; while :; do wait; done'\r
expect ready\r\n
resize 33 101
expect winched\r\n
send \x03
expect root@vmbuild:/# 
send stty size\r
expect 33 101
expect root@vmbuild:/# 
send echo re''ady; cat -v\r
expect ready\r\n
send \x1d\x1d\r
expect (?s)\^\]\^\].*\^\]\^\]
send \x04
expect root@vmbuild:/# 
send exit 3\r
expect AFTER 3: .*\n
END
exits 0 "a terminal: the shell around it goes on"
cooked terminal
leaves_nothing "a terminal"

# --- full-screen programs, in an image without a shell

printf 'root:x:0:0::/:/bin/sh\n' > "$WORK/passwd"
seq 200 > "$WORK/lines"
spec bare << END
{"name": "bare", "contents": [{"source": "passwd", "target": "/etc"}, "lines"]}
END
build bare
exits 0 "an image without a shell"
run shell bare.tar
exits 127 "shell: an image without a shell"
says "shell: an image without a shell: why" 'with --rescue'
on_terminal screen "\$VMBUILD shell --rescue bare.tar; $STATE" << 'END'
expect [/~] # 
send less /lines\r
expect (?s)22\r\n.*23\r\n
send G
expect (?s)199\r\n.*200
send q
expect [/~] # 
send vi /etc/passwd\r
expect root:x:0:0
send ohello from vi
expect I /etc/passwd
send \x1b
expect - /etc/passwd \[Modified\]
send :wq\r
expect [/~] # 
send cat /etc/passwd; stty -a | grep -o icanon\r
expect hello from vi\r\n
send exit\r
expect AFTER 0:
END

# --- the terminal after a violent end

# The process of this test's program whose command line matches.
cat > "$WORK/kill" << 'END'
#!/bin/bash
for process in /proc/[0-9]*; do
    if tr '\0' ' ' 2> /dev/null < "$process/cmdline" | grep -qE "$1" &&
        tr '\0' '\n' 2> /dev/null < "$process/${3-environ}" | grep -qF "$WORK"; then
        kill -"${2-9}" "${process##*/}"
        exit
    fi
done
exit 1
END
chmod 755 "$WORK/kill"
# violently NAME STEP: STEP is done while a shell is open.
violently() {
    on_terminal "$1" "$STATE; \$VMBUILD shell '$BUSYBOX'; $STATE" << END
expect AFTER 0: .*\n
expect / # 
$2
expect AFTER [0-9]+: .*\n
END
    cooked "$1"
    leaves_nothing "$1"
}
violently qemu-killed "do \$WORK/kill '^[^ ]*(qemu-system|uml-machine)' 9 cmdline"
like "qemu-killed: why" "$(cat -v "$WORK/qemu-killed")" 'vmbuild: run the shell: the VM ended'
violently escape 'send \x1d\x1d\x1d'
like "escape: why" "$(cat -v "$WORK/escape")" 'vmbuild: .*the session was ended'
violently terminated "do \$WORK/kill 'vmbuild shell' TERM"

# --- a shell after a failure

spec fails << END
{"name": "fails", "fromImage": "$BUSYBOX", "runAsRoot": "echo begun > /begun\ntest -e /missing\n",
 "extraCommands": "echo hook; test -e fixed"}
END
on_terminal on-failure "\$VMBUILD --spec fails.json -o fails.tar --on-failure shell; $STATE" << 'END'
expect run script 'runAsRoot'.*status 1
expect / # 
send cat /begun /dev/vmbuild/runAsRoot\r
expect begun\r\necho begun > /begun\r\ntest -e /missing\r\n
expect / # 
send sh -c 'echo in"ter"rupted; exec sleep 1000'\r
expect interrupted\r\n
send \x03
expect / # 
send touch /missing; exit 0\r
expect running 'runAsRoot' again
expect hook\r\n
expect run script 'extraCommands'.*status 1
expect /disk/layer # 
send sed -i 's/test.*/echo mended > mended/' /job/extraCommands; exit 0\r
expect AFTER 0: .*\n
END
cooked on-failure
like "on-failure: what the shell did is in the layer" "$(layer "$WORK/fails.tar")" ' missing$'
like "on-failure: the script ran as the shell had left it" "$(layer "$WORK/fails.tar")" ' mended$'
on_terminal giving-up "\$VMBUILD --spec fails.json -o none.tar --on-failure shell; $STATE" << 'END'
expect / # 
send exit 3\r
expect AFTER 5: .*\n
END
cooked giving-up
like "giving up: the script's error" "$(cat "$WORK/giving-up")" "run script 'runAsRoot'.*status 1"
leaves_nothing "giving up" "$WORK/none.tar"
run --spec fails.json -o none.tar --on-failure shell
exits 2 "on-failure: a shell without a terminal"

done_testing
