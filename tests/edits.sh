# shellcheck shell=bash
# Random edits, natively and through vmbuild: the trees must be the same. Sourced after lib.sh.

# same_edits SEED: one test.
same_edits() {
    local seed=$1 dir=$WORK/edits refused
    rm -rf "$dir"
    mkdir -p "$dir"
    python3 "$TOP/tests/edits.py" "$seed" "$dir" "$WORK/edit" || { fail "seed $seed: no edits"; return; }
    chmod a+rX "$dir" "$dir"/*
    if ! unpack "$dir/base.tar" "$dir/native"; then
        fail "seed $seed: umoci does not unpack the base"
        return
    fi
    chroot "$dir/native/rootfs" /edit < "$dir/edits" > "$dir/refused-natively"

    script_spec edits "$(jq -n '{name: "x", fromImage: "edits/base.tar", created: "2030-01-01T00:00:00Z"}')" \
        < <(echo "/edit <<'END'"; cat "$dir/edits"; echo END)
    build edits
    if [ "$STATUS" -ne 0 ]; then
        fail "seed $seed: the build"
        return
    fi
    refused=$(diff <(grep '^refused' "$WORK/err") "$dir/refused-natively" | head -n 5)
    if ! unpack "$WORK/edits.tar" "$dir/through"; then
        fail "seed $seed: umoci does not unpack the image"
        return
    fi
    is "seed $seed: $(wc -l < "$dir/edits") edits" \
        "$refused$(diff <(image tree "$dir/through/rootfs") <(image tree "$dir/native/rootfs") | head -n 20)" ""
}

need_root "umoci unpack with owners"
need jq skopeo umoci "${CC:-gcc}"
"${CC:-gcc}" -std=gnu2x -D_GNU_SOURCE -O2 -static -o "$WORK/edit" "$TOP/tests/edit.c" || skip_all "no static C library"
