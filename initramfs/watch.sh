#!/bin/bash
# Runs a long compilation, and shows that it goes on: how long it has taken, and how many objects
# there are. On a terminal that is a line that is rewritten each second, elsewhere one a minute.
#
# usage: watch.sh NAME DIRECTORY COMMAND...    the objects are below DIRECTORY, once it exists
#
# INTERVAL: seconds between two lines that are not rewritten.
set -eu
export LC_ALL=C

name=$1 folder=$2
shift 2

describe() {
    local seconds=$1 objects
    objects=$(find "$folder" -name '*.o' 2> /dev/null | wc -l)
    printf '%s: %d min %02d s, %d objects compiled' "$name" $((seconds / 60)) $((seconds % 60)) "$objects"
}

watch() {
    local start=$SECONDS shown=$SECONDS
    while sleep 1; do
        [ -d "$folder" ] || continue
        if [ -t 2 ] && [ "${TERM-dumb}" != dumb ]; then
            printf '\033[K%s\r' "$(describe $((SECONDS - start)))" >&2
        elif [ $((SECONDS - shown)) -ge "${INTERVAL:-60}" ]; then
            shown=$SECONDS
            printf '%s\n' "$(describe $((SECONDS - start)))" >&2
        fi
    done
}

watch &
watcher=$!
# shellcheck disable=SC2064 # the process that it is now
trap "kill $watcher" EXIT
status=0
"$@" || status=$?
if [ -t 2 ] && [ "${TERM-dumb}" != dumb ]; then
    printf '\033[K' >&2
fi
exit "$status"
