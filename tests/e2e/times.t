#!/bin/bash
# The times of a layer's entries: never after the later of `created` and the base's own creation.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

# times FILE PATH...: the mtimes of these entries of the image's last layer, in seconds since 1970.
times() {
    PYTHONPATH=$TOP/tests python3 -c 'import image, sys
times = {info.name: int(info.mtime) for info in image.Archive(sys.argv[1]).layer()}
print(*(times[name] for name in sys.argv[2:]))' "$@"
}

# Its config and files are of 2024, some files older.
debian=$(base debian)
made=$(date -d 2024-01-01T00:00:00Z +%s)
env_time=$(tar -xOf "$debian" --wildcards '*/layer.tar' | tar -tvf - --full-time --utc ./usr/bin/env |
    awk '{ print $4 "T" $5 "Z" }')
env_time=$(date -d "$env_time" +%s)

mkdir "$WORK/files"
touch -d 2023-06-01T00:00:00Z "$WORK/files/older"
touch -d 2030-01-01T00:00:00Z "$WORK/files/newer"
script_spec changed "$(jq -n --arg base "$debian" '{name: "x", fromImage: $base, contents: "files"}')" <<'END'
chown 7:7 /usr/bin/env
touch -d 2029-01-01T00:00:00 /later
touch -d 2023-06-01T00:00:00 /earlier
rm /usr/bin/tac
END
build changed
exits 0 "a script that changes the base"
ok "the base's file is older than the base (${env_time:-none})" test "${env_time:-0}" -gt 1
is "a file of the base whose owner was changed keeps its time" "$(times "$WORK/changed.tar" usr/bin/env)" "$env_time"
is "what is newer than the base gets the base's time" "$(times "$WORK/changed.tar" later)" "$made"
is "what is older keeps its own" "$(times "$WORK/changed.tar" earlier)" 1685577600
is "a whiteout has the base's" "$(times "$WORK/changed.tar" usr/bin/.wh.tac)" "$made"
is "contents likewise" "$(times "$WORK/changed.tar" older newer)" "1685577600 $made"
is "the image's own time is still that of the spec" "$(config "$WORK/changed.tar" .created)" '"1970-01-01T00:00:01Z"'

# The base of a base: that image's own time is of 1970, but not all of its files are.
script_spec again '{"name": "x", "fromImage": "changed.tar"}' <<'END'
chown 8:8 /usr/bin/env
touch -d 2029-01-01T00:00:00 /later
date +%s > /clock
END
build again
exits 0 "an image on that image"
is "an image on that image: times are kept" "$(times "$WORK/again.tar" usr/bin/env later)" "$env_time $made"
ok "an image on that image: the clock is not before them" test "$(file_of "$WORK/again.tar" clock)" -ge "$made"

jq '.created = "2025-01-01T00:00:00Z"' "$WORK/changed.json" > "$WORK/later.json"
build later
exits 0 "a spec that is later than the base"
is "a spec that is later than the base: its time counts" "$(times "$WORK/later.tar" later newer)" "1735689600 1735689600"

# Without a VM.
USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)
jq 'del(.runAsRoot)' "$WORK/changed.json" > "$WORK/pure.json"
build pure
exits 0 "contents without a VM"
is "contents without a VM: the same times" "$(times "$WORK/pure.tar" older newer)" "1685577600 $made"
jq 'del(.fromImage)' "$WORK/pure.json" > "$WORK/alone.json"
build alone
is "contents without a base: clamped to created" "$(times "$WORK/alone.tar" older newer)" "1 1"

done_testing
