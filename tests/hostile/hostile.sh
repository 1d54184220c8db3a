# shellcheck shell=bash
# For tests with a hostile guest, sourced after tests/lib.sh. A lie is a row of a table of
# tests/hostile/*_lies.c. It is played in a VM of its own, whose init is built from these and from the
# guest's own wire code. It is right if
#   - the program ends with one of the lie's exit codes, within the time that the kernel of a
#     loaded machine takes, and a line of standard error matches the lie's message;
#   - standard error has no byte that controls a terminal, and is not long;
#   - neither of the program's processes has used more than $MEMORY_MAX KiB of memory;
#   - the output is there, as a whole image, if the exit code is 0, and not at all if it is not;
#   - no process and no temporary is left.
# Each lie prints one line: its name, exit code, time and memory, and what is left.
#
# LIES chooses lies: "ci" a fixed third of each kind, else those whose names match.

HOSTILE=$TOP/build/tests/hostile
MEMORY_MAX=$((160 << 10)) # KiB
ERRORS_MAX=$((4 << 20))   # bytes of standard error: a script's output has a limit of its own
LIE_SECONDS=1200          # in which each lie has to end, on the most loaded machine
LIE_NUMBER=0

need jq bsdtar

# lies KIND: their lines, without the kind.
lies() {
    "$HOSTILE/init" | sed -n "s/^$1\t//p"
}

# is_chosen_lie NAME
is_chosen_lie() {
    LIE_NUMBER=$((LIE_NUMBER + 1))
    is_chosen "${LIES-}" "$LIE_NUMBER" "$1"
}

# start_lie NAME TIMEOUT: starts a build whose guest tells it, in $WORK/NAME; sets LIE_PID. The guest
# finds its name in a second archive behind that of its initramfs.
start_lie() {
    local folder=$WORK/$1 progress=auto
    case $1 in
    streams-*) progress=json ;; # in which a script has two
    esac
    mkdir -p "$folder/appliance"
    printf %s "$1" > "$folder/lie"
    cp "$(dirname "$VMBUILD")/../lib/vmbuild/vmlinuz.x86_64" "$folder/appliance/"
    [ "${VMBUILD_ACCEL-}" != uml ] ||
        cp "$(dirname "$VMBUILD")/../lib/vmbuild/linux.x86_64" "$folder/appliance/"
    {
        cat "$HOSTILE/initramfs.img"
        (cd "$folder" && bsdtar -cf - --format=newc lie)
    } > "$folder/appliance/initramfs.x86_64.img"
    jq -n --argjson timeout "$2" \
        '{name: "x", extraCommands: "true", diskSize: 64, memory: 256, timeout: $timeout}' > "$folder/job.json"
    [ "$(id -u)" -ne 0 ] || chown -R "$NOBODY" "$folder"
    # shellcheck disable=SC2034 # for lib.sh
    USER_ENV=(VMBUILD_APPLIANCE="$folder/appliance")
    become_user "$VMBUILD" --spec "$1/job.json" --output "$1/out.tar" --compression none --no-cache --log-limit 1 \
        --progress "$progress" \
        > "$folder/out" 2> "$folder/err" < /dev/null &
    LIE_PID=$!
}

# peak_of PID: the most memory that the process has used so far, KiB.
peak_of() {
    local name value _
    while read -r name value _; do
        [ "$name" != VmHWM: ] || echo "$value"
    done 2> /dev/null < "/proc/$1/status"
}

# await_lie NAME: waits for its end; sets STATUS, "late" if it has to be ended, PEAK and TOOK.
await_lie() {
    local start=$SECONDS now worker='' late=''
    local began
    began=$(date +%s%N)
    PEAK=0
    while kill -0 "$LIE_PID" 2> /dev/null; do
        read -r worker _ 2> /dev/null < "/proc/$LIE_PID/task/$LIE_PID/children"
        for now in $(peak_of "$LIE_PID") $(peak_of "${worker:-none}"); do
            [ "$now" -le "$PEAK" ] || PEAK=$now
        done
        if [ $((SECONDS - start)) -ge "$LIE_SECONDS" ]; then
            late=late
            kill -9 "$LIE_PID"
        fi
        sleep 0.05
    done
    STATUS=0
    wait "$LIE_PID" || STATUS=$?
    STATUS=${late:-$STATUS}
    TOOK=$((($(date +%s%N) - began) / 10000000))
}

# wrong NAME CODE,CODE MESSAGE: what is wrong with the lie that has ended, one thing a line.
wrong() {
    local folder=$WORK/$1
    case ,$2, in
    *,"$STATUS",*) ;;
    *) echo "the exit code is $STATUS, not one of $2" ;;
    esac
    grep -aqE -e "$3" "$folder/err" || [ -z "$3" ] || echo "no line matches: $3"
    ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$folder/err" || echo "standard error has control characters"
    [ "$(stat -c %s "$folder/err")" -le "$ERRORS_MAX" ] || echo "standard error is too long"
    [ "$PEAK" -le "$MEMORY_MAX" ] || echo "$PEAK KiB of memory were used"
    if [ "$STATUS" = 0 ]; then
        image layer "$folder/out.tar" > "$folder/layer" 2>&1 || cat "$folder/layer"
    elif [ -e "$folder/out.tar" ]; then
        echo "there is an output"
    fi
}

# left: processes and temporaries.
left() {
    what_stays processes_left
    find "$WORK/tmp" -mindepth 1
    find "$WORK" -name '.*' ! -path "$WORK" ! -path "$WORK/.cache"
}

# report NAME FAULTS
report() {
    local line
    line="$1: exit $STATUS, $((TOOK / 100)).$(printf %02d $((TOOK % 100))) s, $((PEAK >> 10)) MiB"
    if [ -z "$2" ]; then
        pass "$line, nothing is left"
    else
        cp "$WORK/$1/err" "$WORK/err"
        fail "$line" "$2"
    fi
}

# play_lies KIND: one after the other.
play_lies() {
    local name code timeout message
    while IFS=$'\t' read -r name code timeout message <&7; do
        is_chosen_lie "$name" || continue
        start_lie "$name" "$timeout"
        await_lie "$name"
        report "$name" "$(wrong "$name" "$code" "$message"; left)"
        rm -rf "${WORK:?}/$name"
    done 7< <(lies "$1")
    end_lies
}

end_lies() {
    [ "$TEST_NUMBER" -gt 0 ] || skip_all "no lie matches '$LIES'"
    done_testing
}
