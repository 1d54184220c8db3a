#!/bin/bash
# What the user sees while vmbuild works: on a terminal, in a log, as events, and with --quiet.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq python3
/usr/bin/python3 -c 'import jsonschema, pyte' || skip_all "python3-jsonschema or python3-pyte is missing"

# The script waits until $WORK/gate/open exists, so that there is time to look.
mkdir "$WORK/gate"
chmod 777 "$WORK/gate"
SCRIPT='i=1; while [ $i -le 30 ]; do echo "line $i"; i=$((i + 1)); done
echo "wide 漢字 $(head -c 100 /dev/zero | tr "\\0" x)"
printf "\\033[31mred\\n10%%\\r20%%\\r"
until [ -e /gate/open ]; do sleep 0.1; done
printf "30%%\\n"'
WAITING=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base,
    shares: [{source: "gate", target: "/gate"}]}')
script_spec good "$WAITING" <<< "$SCRIPT"
script_spec bad "$WAITING" <<< "$SCRIPT; exit 3"
script_spec killed "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" <<< 'kill -9 $$'

# on_terminal NAME ROWS COLUMNS COMMAND < STEPS: the shell COMMAND on a terminal of that size, in which
# $VMBUILD is the program. The transcript is $WORK/NAME.
on_terminal() {
    STATUS=0
    rm -f "$WORK/gate/open"
    as_user env "TERM=${TERMINAL-xterm}" "VMBUILD=$VMBUILD" "WORK=$WORK" "$TOP/tests/terminal.py" \
        "$2" "$3" "$WORK/$1" bash -c "$4" 2> "$WORK/err" || STATUS=$?
    if [ "$STATUS" = 99 ]; then
        fail "$1: all steps" "$(tail -c 3000 "$WORK/$1" | cat -v)"
    else
        pass "$1: all steps"
    fi
}

# screen NAME ROWS COLUMNS [MARK]: what such a terminal shows at the end, or where MARK appears.
screen() {
    "$TOP/tests/screen.py" "$2" "$3" "${@:4}" < "$WORK/$1"
}

# settle: standard input with durations and sizes that are the same each time. A base has a size only
# the first time.
settle() {
    sed -E 's/[0-9]+ min [0-9]+ s|[0-9.]+ s\b/N s/; s/[0-9.]+ [kMG]B/N B/; s/^(x: built in N s) .*/\1/
        s/^(.*base.* N s),?  ?N B$/\1/'
}

cat > "$WORK/validate.py" << 'END'
import json, jsonschema, sys
with open(sys.argv[1]) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for line in sys.stdin:
    for error in validator.iter_errors(json.loads(line)):
        print(line, error.message)
END
# valid NAME: standard error has events, as the schema has them, and the first is a start.
valid() {
    is "$1: events as the schema has them" \
        "$(/usr/bin/python3 "$WORK/validate.py" "$TOP/host/manual/events.schema.json" < "$WORK/err" 2>&1)" ""
    ok "$1: it begins with a start" jq -es '.[0] | .event == "start" and .version == 1' "$WORK/err"
}

# --- A terminal

on_terminal bad.screen 24 80 "\$VMBUILD --accel tcg --spec bad.json -o bad.tar; echo EN''D \$?" << 'END'
expect 20%
do touch $WORK/gate/open
expect END 5
END
is "a script: its last lines, in a window" \
    "$(screen bad.screen 24 80 20% | sed -n '/▸/,$p' | settle)" \
    "▸ runAsRoot     N s
  │ line 28
  │ line 29
  │ line 30
  │ wide 漢字 $(printf '%065d' 0 | tr 0 x)
  │ ^[[31mred
  │ 20%"
shown=$(screen bad.screen 24 80)
is "a script that fails: all of its lines" "$(grep -c '^line [0-9]*$' <<< "$shown")" 30
like "a script that fails: the last state of a line" "$shown" $'\n30%\n'
is "a script that fails: nothing is left of the window" "$(grep -c '│' <<< "$shown")" 0
is "a script that fails: its stage" "$(grep '^✗' <<< "$shown" | settle)" "✗ runAsRoot     N s"
like "a script that fails: the error is last" "$shown" $'\nvmbuild: run script .*\nEND 5$'
like "a script that fails: the error stands out" "$(cat "$WORK/bad.screen")" $'\033\\[1;31mvmbuild: run script'

on_terminal good.screen 24 80 "\$VMBUILD --accel tcg --spec good.json -o good.tar; echo EN''D \$?" << 'END'
expect 20%
do touch $WORK/gate/open
expect END 0
END
is "a build: what stays" "$(screen good.screen 24 80 | grep -v unpack | settle)" \
    "✓ base          N s
✓ launch        N s
✓ mount         N s
✓ runAsRoot     N s
✓ unmount       N s
✓ pack          N s  N B
✓ output        N s  N B
x: built in N s
good.tar
END 0"

USER_ENV=(LC_ALL=C NO_COLOR=1)
on_terminal ascii 12 40 "\$VMBUILD --accel tcg --spec good.json -o good.tar --rebuild; echo EN''D \$?" << 'END'
expect 20%
do touch $WORK/gate/open
expect END 0
END
USER_ENV=()
is "12 rows, 40 columns, ASCII" "$(screen ascii 12 40 20% | sed -n '/^>/,$p' | settle)" \
    "> runAsRoot     N s
  | wide M-fM-<M-\"M-eM--M-^W xxxxxxxxxx
  | ^[[31mred
  | 20%"
is "NO_COLOR: no colours" "$(grep -c $'\033\\[[0-9;]*m' "$WORK/ascii")" 0
is "no UTF-8: ASCII" "$(LC_ALL=C grep -c $'[\x80-\xff]' "$WORK/ascii")" 0

TERMINAL=dumb on_terminal dumb 24 80 "\$VMBUILD --accel tcg --spec good.json -o good.tar; echo EN''D \$?" << 'END'
do touch $WORK/gate/open
expect END 0
END
is "a dumb terminal: no control functions" "$(grep -c $'\033' "$WORK/dumb")" 0

# --- A terminal that changes, and keys

on_terminal keys 24 80 'PS1="READY> " HISTFILE= exec bash --norc -i' << 'END'
expect READY> 
send $VMBUILD --accel tcg --spec good.json -o good.tar --rebuild\r
expect (?s)x{65}.*20%
resize 16 40
expect x{25}\x1b\[m\x1b\[K
resize 24 80
expect x{65}\x1b\[m\x1b\[K
send \x1a
expect Stopped
expect READY> 
send echo m''ark; bg\r
expect mark
expect READY> 
send fg\r
expect 20%
send \x03
expect interrupted; nothing is left behind
expect READY> 
send exit\r
END
shown=$(screen keys 24 80 Stopped)
is "Ctrl-Z: nothing is left of what was live" "$(grep -cE '│|▸' <<< "$shown")" 0
shown=$(screen keys 24 80)
like "Ctrl-C: the last lines stay above the error" "$shown" $'\n  │ 20%\nvmbuild: run command .build.: interrupted; nothing is left behind\nREADY> exit'
is "Ctrl-C: once" "$(grep -c '│ 20%' <<< "$shown")" 1
leaves_nothing "keys"

# --- A log

touch "$WORK/gate/open"
build good --rebuild --accel tcg
exits 0 "a log"
is "a log: standard output is empty" "$(cat "$WORK/out")" ""
is "a log: a line for each stage, and the script's" "$(grep -vE '^line|^wide|red$' "$WORK/err" | settle)" \
    "base: N s
launch: N s
mount: N s
runAsRoot:
10%^M20%^M30%
runAsRoot: N s
unmount: N s
pack: N s, N B
output: N s, N B
x: built in N s
good.tar"
build bad
exits 5 "a log of a failure"
is "a log of a failure: the stage" "$(grep '^runAsRoot: failed' "$WORK/err" | settle)" "runAsRoot: failed after N s"

# --- Quiet

build good --rebuild --quiet
is "--quiet: the image's ID" "$(cat "$WORK/out" "$WORK/err")" \
    "sha256:$(image members "$WORK/good.tar" | grep -oE '^[0-9a-f]{64}\.json$' | cut -c -64)"
build bad --quiet
exits 5 "--quiet: a failure"
is "--quiet: a failure: the error alone" "$(head -n 1 "$WORK/err" | cut -d : -f 1-2)$(cat "$WORK/out")" "vmbuild: run script 'runAsRoot'"
run --spec good.json -o - --compression none --quiet
is "--quiet: an image on standard output" "$(tar -tf "$WORK/out" manifest.json)" manifest.json

# --- Events

is "the schema refuses what it does not know" "$(
    echo '{"event":"note","time":"2026-01-01T00:00:00.000000Z","text":"x","more":1}' |
        /usr/bin/python3 "$WORK/validate.py" "$TOP/host/manual/events.schema.json" | grep -c Unevaluated)" 1

run --spec good.json -o good.oci --format oci --rebuild --progress json -v
exits 0 "events of a build"
valid "events of a build"
is "events of a build: the digests" \
    "$(jq -rs '.[-1] | .digest, .config, .layers[-1]' "$WORK/err")" \
    "$(jq -r '.manifests[0].digest' "$WORK/good.oci/index.json"
    echo "sha256:$(skopeo inspect --config --raw "oci:$WORK/good.oci" | sha256sum | cut -c 1-64)"
    skopeo inspect --config --raw "oci:$WORK/good.oci" | jq -r '.rootfs.diff_ids[-1]')"
is "events of a build: the output's stage and stream" \
    "$(jq -r 'select(.event == "output") | .stage + " " + .stream' "$WORK/err" | sort -u)" "runAsRoot stdout"
run --spec bad.json -o bad.tar --progress json
exits 5 "events of a failure"
valid "events of a failure"
is "events of a failure: stage and status" "$(jq -cs '.[-1] | [.event, .stage, .status]' "$WORK/err")" \
    '["error","runAsRoot",3]'
is "events of a failure: the stage has failed" "$(jq -rs '.[-2] | .stage + " " + .state' "$WORK/err")" "runAsRoot failed"
run --spec killed.json -o bad.tar --progress json
is "events of a script that was killed: the signal" "$(jq -cs '.[-1] | [.stage, .signal]' "$WORK/err")" '["runAsRoot",9]'
valid "events of a script that was killed"
run --nonsense --progress json
valid "events of a wrong option"

# --- Two streams

script_spec streams "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, cpus: 2}')" << 'END'
#!/bin/bash
i=1
while [ $i -le 2000 ]; do echo "$i"; echo "$i" >&2; i=$((i + 1)); done
printf 'one '; echo error >&2; echo line
test -t 1 || test -t 2 || echo 'no terminal'
sh -c 'echo anew > /dev/stderr'
echo secret-token; printf 'secret-' >&2; echo token >&2
set -x
true
seq 100000 > /dev/null; head -c 300000 /dev/zero | tr '\0' x; echo
exit 3
END
printf secret-token > "$WORK/token"
run --spec streams.json -o x.tar --secret id=t,src="$WORK/token" --log streams.log --progress json
exits 5 "two streams"
valid "two streams"
jq -r 'select(.event == "output" and .stage == "runAsRoot") | .stream + " " + .line' "$WORK/err" > "$WORK/lines"
is "two streams: the order of 4000 lines" "$(head -n 4000 "$WORK/lines")" \
    "$(for ((i = 1; i <= 2000; i++)); do echo "stdout $i"; echo "stderr $i"; done)"
is "two streams: lines stay whole, and what scripts see" "$(sed -n '4001,4008p' "$WORK/lines")" \
    "stderr error
stdout one line
stdout no terminal
stderr anew
stdout ***
stderr ***
stderr + true
stderr + seq 100000"
is "two streams: large writes" "$(grep -o '^stdout x*$' "$WORK/lines" | cut -d ' ' -f 2 | tr -d '\n' | wc -c)" 300000
is "two streams: the log has both" "$(grep -c '^[0-9][0-9]*$' "$WORK/streams.log")" 4000
is "two streams: the error has the last lines of both" \
    "$(jq -rs '.[-1].details' "$WORK/err" | grep -cE '^  (x{100}|\+ exit 3$)')" 2

script_spec socket "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base}')" \
    <<< "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"/srv/s\", Listen => 1) or die'"
run --spec socket.json -o x.tar --progress json
exits 0 "a note of the guest's"
valid "a note of the guest's"
is "a note of the guest's: its stream" \
    "$(jq -r 'select(.event == "output") | .stage + " " + .stream + " " + .line' "$WORK/err")" \
    "pack stderr vmbuild: left a socket out of the layer: 'srv/s'"

# --- Two streams of a VM that stands still
# Nothing is written for about as long as the guest waits for it, and QEMU is stopped then: what comes
# next is there when that wait ends.
script_spec still "$(jq -n --arg base "$(base debian)" '{name: "x", fromImage: $base, cpus: 2}')" << 'END'
#!/bin/bash
i=1
while [ $i -le 2000 ]; do
    echo "$i"; echo "$i" >&2
    [ $((i % 100)) -ne 0 ] || sleep 0.09$((i / 100 % 10))
    i=$((i + 1))
done
END
start --spec still.json -o x.tar --progress json
while kill -0 "$RUN_PID" 2> /dev/null; do
    qemu=$(processes_left | grep -E '^[0-9]+ [^ ]*qemu' | cut -d ' ' -f 1)
    # shellcheck disable=SC2086 # two of them, or none
    [ -z "$qemu" ] || kill -STOP $qemu 2> /dev/null
    sleep 0.13
    # shellcheck disable=SC2086
    [ -z "$qemu" ] || kill -CONT $qemu 2> /dev/null
    sleep 0.05
done
finish
exits 0 "a VM that stands still"
is "a VM that stands still: the order of 4000 lines" \
    "$(jq -r 'select(.event == "output" and .stage == "runAsRoot") | .stream + " " + .line' "$WORK/err")" \
    "$(for ((i = 1; i <= 2000; i++)); do echo "stdout $i"; echo "stderr $i"; done)"

# --- Events of images

start_registry plain
make_layout "$WORK/oci" > /dev/null
skopeo_push "$WORK/oci" "$PORT/a/b:t"
run pull "docker://127.0.0.1:$PORT/a/b:t" -o pulled --format oci --progress json
exits 0 "events of a pull"
valid "events of a pull"
is "events of a pull: the digest" "$(jq -rs '.[-1].digest' "$WORK/err")" "$(jq -r '.manifests[0].digest' "$WORK/pulled/index.json")"
ok "events of a pull: bytes and their total" jq -es 'map(select(.event == "progress" and .total > 0)) | length > 0' "$WORK/err"
run copy pulled "oci-archive:$WORK/copied.tar" --progress json
exits 0 "events of a copy"
valid "events of a copy"

# --- The compilation of the guest's kernel, which takes minutes

as_user sh -c 'mkdir objects && touch objects/a.o objects/b.o'
rm -f "$WORK/gate/open"
on_terminal objects 24 80 "$TOP/initramfs/watch.sh kernel objects sh -c \"
    until [ -e gate/open ]; do sleep 0.1; done; exit 3\"; echo EN''D \$?" << 'END'
expect \x1b\[Kkernel: 0 min .. s, 2 objects compiled\r
do touch $WORK/gate/open
expect END 3
END
STATUS=0
as_user env INTERVAL=1 "$TOP/initramfs/watch.sh" kernel objects \
    sh -c 'until grep -q compiled err; do sleep 0.1; done' 2> "$WORK/err" || STATUS=$?
exits 0 "a compilation in a log"
says "a compilation in a log: a line now and then" '^kernel: 0 min .. s, 2 objects compiled$'

done_testing
