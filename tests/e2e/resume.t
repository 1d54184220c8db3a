#!/bin/bash
# Failed steps that are kept in a file, and opened elsewhere.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq tar zstd

cp "$(base busybox)" "$WORK/base.tar"
echo content > "$WORK/content"
SCRIPT='echo begun; rm /etc/passwd; rm -r /var; mkdir /var; echo n > /new; chmod 4755 /new
echo last-words >&2; test -e /fixed; echo after > /after'
# specify NAME SCRIPT
specify() {
    jq -n --arg script "$2" '{name: "kept", fromImage: "base.tar", contents: "content",
        env: {COLOUR: "blue"}, preMount: "echo beside > beside; echo pre > layer/pre",
        runAsRoot: $script, extraCommands: "cat ../beside > extra"}' > "$WORK/$1.json"
}
specify fails "$SCRIPT"
# The script with its mistake mended.
specify mended "${SCRIPT/test -e \/fixed;/}"

build fails --on-failure keep=failed.step
exits 5 "keep: the build fails as usual"
says "keep: how it goes on" "'vmbuild resume failed.step' opens"
leaves_nothing "keep" "$WORK/fails.tar"
is "keep: what is in the file" "$(tar -tf "$WORK/failed.step" | tr '\n' ' ')" "step.json log disk "
ok "keep: it is small" test "$(stat -c %s "$WORK/failed.step")" -lt 200000
is "keep: the log" "$(tar -xOf "$WORK/failed.step" log)" $'begun\nlast-words'
is "keep: the step, the script" \
    "$(tar -xOf "$WORK/failed.step" step.json | jq -r '.step + ": " + .spec.runAsRoot')" "runAsRoot: $SCRIPT"

# --- a shell in it, elsewhere

# Another user's directory, with an empty cache.
mkdir "$WORK/elsewhere" "$WORK/elsewhere/tmp"
mv "$WORK/failed.step" "$WORK/elsewhere"
if [ "$(id -u)" -eq 0 ]; then
    NOBODY=65533
    chown -R $NOBODY:$NOBODY "$WORK/elsewhere/tmp" "$WORK/elsewhere"
    chown 65534 "$WORK/elsewhere/failed.step"
fi
cat > "$WORK/input" <<'END'
echo "$COLOUR $(cat /new /pre /content | tr '\n' ' ')"; stat -c %a /new
ls /var /etc/passwd 2>&1; ls /dev/vmbuild
touch /fixed; exit 6
END
USER_ENV=("XDG_CACHE_HOME=$WORK/elsewhere" "TMPDIR=$WORK/elsewhere/tmp")
INPUT=$WORK/input run resume elsewhere/failed.step
exits 6 "resume: the shell's exit code"
is "resume: the layer as it was" "$(cat "$WORK/out")" \
    $'blue n pre content \n4755\nls: /etc/passwd: No such file or directory\n/var:\nrunAsRoot'
says "resume: why it failed" "what failed then: .*runAsRoot.*status 1"
leaves_nothing "resume"
is "resume: nor with the other user" "$(find "$WORK/elsewhere/tmp" -mindepth 1)" ""
NOBODY=65534 USER_ENV=()

# --- run again

build mended
exits 0 "the mended spec, in one go"
mv "$WORK/base.tar" "$WORK/moved.tar"
run resume elsewhere/failed.step --retry
exits 3 "resume: the base is missing"
run resume elsewhere/failed.step --retry --set "fromImage=$(base debian)"
exits 3 "resume: another base"
says "resume: another base: why" "its layers are not those"
run resume elsewhere/failed.step --retry --set "fromImage=$WORK/moved.tar" -o again.tar
exits 5 "resume --retry: the same script fails again"
leaves_nothing "resume --retry: the same script fails again" "$WORK/again.tar"
run resume elsewhere/failed.step --retry --set "fromImage=$WORK/moved.tar" \
    --set "runAsRoot=echo after > /after" -o again.tar --compression none
exits 0 "resume --retry: a mended script"
# (The history has the first line of the script, which is another one now.)
is "resume --retry: the same image as of a build in one go" \
    "$(config "$WORK/again.tar" 'del(.history[-1].created_by)')" "$(config "$WORK/mended.tar" 'del(.history[-1].created_by)')"
is "resume --retry: the history" "$(config "$WORK/again.tar" '.history[-1].created_by')" \
    '"contents: content in /; preMount: echo beside > beside; echo pre > layer/pre; runAsRoot: echo after > /after; extraCommands: cat ../beside > extra"'
leaves_nothing "resume --retry"

# --- with its base

mv "$WORK/moved.tar" "$WORK/base.tar"
jq '.postMount = .runAsRoot | .postMount = "cat mnt/after; false" | .runAsRoot = "echo after > /after"' \
    "$WORK/fails.json" > "$WORK/hook.json"
build hook --on-failure keep=hook.step --self-contained --log hook.log
exits 5 "keep: a hook, with the base"
is "keep: a hook: the log" "$(tar -xOf "$WORK/hook.step" log)" "$(cat "$WORK/hook.log")"
rm "$WORK/base.tar"
echo 'pwd; cat mnt/after beside' > "$WORK/input"
INPUT=$WORK/input run resume hook.step
exits 0 "resume: a hook, without the base's file"
is "resume: a hook: its view" "$(cat "$WORK/out")" $'/disk\nafter\nbeside'

# --- what is refused

cp "$(base busybox)" "$WORK/base.tar"
run resume mended.tar
exits 3 "resume: an image"
says "resume: an image: why" "read the kept step 'mended.tar': it is not one"
head -c 1000 "$WORK/elsewhere/failed.step" > "$WORK/cut.step"
run resume cut.step
exits 3 "resume: a file that was cut"
run resume none.step
exits 3 "resume: no file"
build mended --on-failure keep=none/x.step
exits 2 "keep: in a directory that is missing"
build mended --on-failure keep=
exits 2 "keep: no file"
build mended --on-failure other
exits 2 "on-failure: an unknown action"
build mended --self-contained
exits 2 "--self-contained alone"
build mended --on-failure keep=x.step --check
exits 2 "keep: with --check"
leaves_nothing "what is refused"

done_testing
