# shellcheck shell=bash
# For tests that run the same script natively (chroot, as root) and through vmbuild, and compare the
# trees as umoci unpacks them. Sourced after lib.sh.
#
# Every case works in a separate directory, so that one build serves a whole file.

need_root "a native chroot"
need jq skopeo umoci xxd "${CC:-gcc}"
"${CC:-gcc}" -std=gnu2x -D_GNU_SOURCE -O2 -static -o "$WORK/edit" "$TOP/tests/edit.c" || skip_all "no static C library"

CASES=()
: > "$WORK/script"
: > "$WORK/layers"

# What every base starts with, as entries of image.py's first layer.
tools() {
    cat <<END
{"path": "dev", "type": "dir"},
{"path": "dev/null", "type": "char", "mode": "666", "major": 1, "minor": 3},
{"path": "dev/zero", "type": "char", "mode": "666", "major": 1, "minor": 5},
{"path": "bin", "type": "dir"},
{"path": "bin/busybox", "mode": "755", "hex": "$(xxd -p < /bin/busybox | tr -d '\n')"},
{"path": "edit", "mode": "755", "hex": "$(xxd -p < "$WORK/edit" | tr -d '\n')"},
$(/bin/busybox --list | grep -vx busybox | sed 's,.*,{"path": "bin/&"\, "type": "link"\, "to": "busybox"},' | paste -sd,)
END
}

# in_base FOLDER LAYER < ENTRIES: entries for the base's layer LAYER (from 0), paths below FOLDER.
in_base() {
    sed "s,\"path\": \",&$1/,; s/^/$2 /" >> "$WORK/layers"
}

# case_of NAME < SCRIPT: the case NAME; its script runs in the directory NAME.
case_of() {
    CASES+=("$1")
    { echo "mkdir -p /$1; cd /$1"; cat; } >> "$WORK/script"
}

# Builds and unpacks both; each case becomes one test. What the script made gets one fixed time, except
# below /times.
compare_cases() {
    local count description=''
    count=$(awk '{ if ($1 > max) max = $1 } END { print max + 0 }' "$WORK/layers")
    for layer in $(seq 0 "$count"); do
        description+="${description:+,}[$([ "$layer" -ne 0 ] || tools; [ "$layer" -ne 0 ] || ! grep -q '^0 ' "$WORK/layers" || echo ,
            sed -n "s/^$layer //p" "$WORK/layers" | paste -sd,)]"
    done
    echo "{\"layers\": [$description]}" | image make "$WORK/base.tar"
    chmod a+r "$WORK/base.tar"
    cat >> "$WORK/script" <<'END'
cd /
find / -xdev -newer /edit ! -path '/times*' ! -path '/dev/*' ! -path '/proc*' ! -path '/sys*' -exec touch -h -d @1300000000 {} +
END
    mkdir "$WORK/native"
    ok "umoci unpacks the base" unpack "$WORK/base.tar" "$WORK/native"
    # With the PATH and umask of a build.
    (umask 022 && env -i PATH=/bin HOME=/root "$(command -v chroot)" "$WORK/native/rootfs" /bin/sh -e < "$WORK/script") \
        > "$WORK/native.log" 2>&1 || fail "the script, natively" "$(tail -n 5 "$WORK/native.log")"

    script_spec job '{"name": "x", "fromImage": "base.tar", "created": "2200-01-01T00:00:00Z", "env": {"PATH": "/bin"}}' \
        < "$WORK/script"
    build job
    exits 0 "the script, through the guest"
    ok "umoci unpacks the image" unpack "$WORK/job.tar" "$WORK/through"
    image tree "$WORK/native/rootfs" > "$WORK/native.tree"
    image tree "$WORK/through/rootfs" > "$WORK/through.tree"
    for name in "${CASES[@]}"; do
        is "$name" "$(grep -E "^[^ ]+ [^ ]+ [^ ]+ $name(/| |\$)" "$WORK/through.tree")" \
            "$(grep -E "^[^ ]+ [^ ]+ [^ ]+ $name(/| |\$)" "$WORK/native.tree")"
    done
    is "and all the rest" "$(diff "$WORK/native.tree" "$WORK/through.tree" | head -n 20)" ""
}
