#!/bin/bash
# What a script's output and a hostile guest are allowed: how much is shown, what reaches a terminal,
# what the log keeps, and who writes to the layer's port. And hosts that lack something.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

on_busybox=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, timeout: 600, diskSize: 256}')

# limited COMMANDS NAME [OPTION...]: as build, after the shell COMMANDS.
limited() {
    local commands=$1 name=$2
    shift 2
    STATUS=0
    as_user sh -c "$commands; exec \"\$@\"" sh "$VMBUILD" --spec "$name.json" --output "$name.tar" \
        --compression none "$@" > "$WORK/out" 2> "$WORK/err" < /dev/null || STATUS=$?
}

# --- Escape sequences
esc=$'\033'
odd="printf '\\033[31mred\\033[0m \\033]0;title\\007 caf\\303\\251 \\377 a\\bb\\r\\n'"
build_script odd "$on_busybox" --log odd.log <<< "$odd"
exits 0 "escape sequences in the output"
shown='\^\[\[31mred\^\[\[0m \^\[\]0;title\^G café M-\^\? a\^Hb'
like "they are shown as cat -v shows them" "$(cat "$WORK/err")" "^$shown$"
unlike "no escape reaches standard error" "$(cat "$WORK/err")" "$esc"
like "nor the log" "$(cat "$WORK/odd.log")" "^$shown\\^M$"
build_script odd "$on_busybox" --log odd.log --raw-output <<< "$odd"
like "--raw-output shows them unchanged" "$(cat "$WORK/err")" "^$esc\\[31mred$esc\\[0m $esc\\]0;title"
is "and keeps them unchanged" "$(od -An -c "$WORK/odd.log")" "$(as_user sh -c "$odd" | od -An -c)"
build_script odd "$on_busybox" --progress json <<< "$odd"
is "in events, too" "$(jq -r 'select(.event == "output").line' "$WORK/err")" \
    "^[[31mred^[[0m ^[]0;title^G café M-^? a^Hb"
build_script odd "$on_busybox" --progress json --raw-output <<< "$odd"
like "--raw-output in events" "$(jq -r 'select(.event == "output").line' "$WORK/err")" "^$esc\\[31mred"

# --- The limit
build_script much "$on_busybox" --log-limit 1 --log much.log \
    <<< 'yes | head -c 3000000; echo; echo last 1>&2; exit 3'
exits 5 "a script that fails after much output"
size=$(grep -c '^y$' "$WORK/err")
is "1 MiB of it is shown" "$size" 524288
says "the rest is counted" '^vmbuild: left out 1951430 bytes of the script.s output, .* 1 MiB .*--log-limit'
is "the log of the failed script has all of it" "$(wc -c < "$WORK/much.log") $(tail -n 1 "$WORK/much.log")" \
    "3000006 last"
leaves_nothing "a script that fails after much output" "$WORK/much.tar"

two=$(jq -n --argjson a "$on_busybox" '$a + {extraCommands: "yes | head -c 1000000"}')
build_script two "$two" --log-limit 1 <<< 'yes | head -c 1000000'
unlike "each script has a limit of its own" "$(cat "$WORK/err")" 'left out'
build_script none "$on_busybox" --log-limit 0 <<< 'echo hidden'
exits 0 "--log-limit 0"
is "--log-limit 0 shows nothing, and tells so" "$(grep -E 'hidden|left out' "$WORK/err")" \
    "vmbuild: left out 7 bytes of the script's output, of which at most 0 MiB are shown: --log-limit shows more, and --log keeps all"
build_script none "$on_busybox" --log-limit -1 <<< 'echo hidden'
exits 2 "--log-limit must be a number"

# --- The log
as_user sh -c 'echo precious > precious; ln -s precious link.log'
build_script log "$on_busybox" --log link.log <<< 'printf "no newline"'
exits 0 "--log in the place of a symlink"
is "--log replaces a symlink" "$(cat "$WORK/link.log") $(test -L "$WORK/link.log" || echo plain)" "no newline plain"
is "and does not write to its target" "$(cat "$WORK/precious")" precious
build_script log "$on_busybox" --log log.tar <<< 'true'
exits 2 "--log must not be the output"
build_script log "$on_busybox" --log /dev/full <<< 'echo x; sleep 100'
exits 6 "a log that cannot be written"
says "a log that cannot be written: the message" "^vmbuild: run script 'runAsRoot': keep the log: write '/dev/full': No space left"
leaves_nothing "a log that cannot be written"
build_script log "$on_busybox" --log missing/x <<< 'true'
exits 1 "a log in a directory that does not exist"
build_script log "$on_busybox" --log grows.log <<< 'echo first; sleep 1000' &
wait_for grep -q first "$WORK/grows.log"
is "the log can be followed" "$(cat "$WORK/grows.log")" first
# shellcheck disable=SC2046 # numbers
kill $(processes_left | awk '/--log grows.log/ { print $1 }')
wait
is "it stays if the build is interrupted" "$(cat "$WORK/grows.log")" first
leaves_nothing "an interrupted build with a log"

# --- The guest's ports
build_script ports "$on_busybox" <<'END'
mkdir -p /sys; mount -t sysfs none /sys 2> /dev/null || true
window=/sys/class/misc/mmapper line=/sys/class/tty/ttyS0
test -e $window || line= # under QEMU it is the console, and anybody's
for port in /sys/class/virtio-ports/* $window $line; do
    test -e $port/dev || continue
    mknod /port c $(tr : ' ' < $port/dev)
    if (echo bad > /port) 2> /refused; then echo "wrote to $port"; else cat /refused; fi
    rm /port
done
touch /made
END
exits 0 "a script that makes nodes for the host's ports"
# Under UML all of them are one line and the window.
is "none of them can be opened" "$(grep -c 'resource busy' "$WORK/err")" "$(under_uml && echo 2 || echo 4)"
unlike "none of them can be written to" "$(cat "$WORK/err")" '^wrote to'
like "its layer is whole" "$(layer "$WORK/ports.tar")" ' made$'

# --- Hosts that lack something
build_script plain "$on_busybox" <<< 'touch /made'
HIDDEN=/proc
build_script hidden "$on_busybox" --no-cache <<< 'touch /made'
HIDDEN=
exits 0 "a host without /proc"
ok "a host without /proc: the same image" cmp "$WORK/plain.tar" "$WORK/hidden.tar"

script_spec mask "$on_busybox" <<< 'touch /made'
limited 'umask 777' mask --no-cache --log mask.log
exits 0 "umask 777"
ok "umask 777: the same image" cmp "$WORK/plain.tar" "$WORK/mask.tar"
is "umask 777: only its owner may use it" "$(stat -c %a "$WORK/mask.tar" "$WORK/mask.log")" $'600\n600'
leaves_nothing "umask 777"

# --- Not enough memory
lacks="^vmbuild: start the VM under (TCG|UML): the host has not enough memory for a VM of"
build_script large "$on_busybox" --memory 4194304 --no-cache <<< 'true'
exits 4 "more memory than there is"
says "more memory than there is: the message" "$lacks 4194304 MiB: [0-9]+ MiB of [0-9]+ MiB are free"
limited 'ulimit -v 900000' large --memory 1024
exits 4 "a limit on the address space"
says "a limit on the address space: the message" \
    "$lacks 1024 MiB: .* the limit on the address space \(ulimit -v\) is 878 MiB"
leaves_nothing "a limit on the address space"

# --- A small stack
# deep N: an image with a file N directories deep.
deep() {
    python3 - "$WORK/contents.tar" "$1" <<'END'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    entry = tarfile.TarInfo("a/" * int(sys.argv[2]) + "f")
    entry.size = 4
    tar.addfile(entry, io.BytesIO(b"deep"))
END
    python3 - "$WORK" <<'END'
import hashlib, json, os, sys, tarfile
os.chdir(sys.argv[1])
digest = hashlib.sha256(open("contents.tar", "rb").read()).hexdigest()
with open("config.json", "w") as config:
    json.dump({"architecture": "amd64", "os": "linux", "config": {},
               "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}}, config)
with open("manifest.json", "w") as manifest:
    json.dump([{"Config": "config.json", "RepoTags": ["deep:1"], "Layers": ["contents.tar"]}], manifest)
with tarfile.open("deep.tar", "w") as tar:
    for name in "config.json", "manifest.json", "contents.tar":
        tar.add(name)
END
    [ "$(id -u)" -ne 0 ] || chown "$NOBODY" "$WORK"/*.tar
}

# export_deep: exports it.
export_deep() {
    STATUS=0
    as_user sh -c 'ulimit -s 256; exec "$@"' sh "$VMBUILD" export deep.tar -o out.tar \
        > "$WORK/out" 2> "$WORK/err" || STATUS=$?
}

jq -n '{name: "x", contents: ["contents.tar"]}' | spec deep
deep 4000
limited 'ulimit -s 256' deep -o deep-out.tar
exits 0 "4,000 directories on a small stack"
export_deep
exits 0 "4,000 directories on a small stack: export"
is "4,000 directories on a small stack: the path" "$(tar -tf "$WORK/out.tar" | tail -n 1 | wc -c)" 8002
deep 30000
limited 'ulimit -s 256' deep -o deep-out.tar
exits 3 "30,000 directories on a small stack"
says "30,000 directories on a small stack: the message" "has more than 65536 bytes or 8192 directories"
export_deep
exits 3 "30,000 directories on a small stack: export"
says "30,000 directories on a small stack: the message of export" "nested more than 8192 deep"

done_testing
