#!/bin/bash
# A guest that does nothing, for which the host waits for minutes: all of these lies at once.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/hostile/hostile.sh
. "$(dirname "$0")/hostile.sh"

# play NAME CODE,CODE TIMEOUT MESSAGE: writes what there is to report.
play() {
    start_lie "$1" "$3"
    await_lie "$1"
    wrong "$1" "$2" "$4" > "$WORK/$1/wrong"
    echo "$STATUS $TOOK $PEAK" > "$WORK/$1/report"
}

names=()
while IFS=$'\t' read -r name code timeout message; do
    is_chosen_lie "$name" || continue
    (trap - EXIT; play "$name" "$code" "$timeout" "$message") &
    names+=("$name")
done < <(lies slow)
wait
for name in "${names[@]}"; do
    read -r STATUS TOOK PEAK < "$WORK/$name/report"
    report "$name" "$(cat "$WORK/$name/wrong")"
done
[ ${#names[@]} -eq 0 ] || is "nothing is left of them" "$(left)" ""
end_lies
