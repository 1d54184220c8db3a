# shellcheck shell=bash
# Random edits, natively and through vmbuild: what the edits see and the trees must be the same, as
# umoci unpacks the image and as it is exported. Sourced after lib.sh.

# same_edits SEED: one test.
same_edits() {
    local seed=$1 dir=$WORK/edits said
    rm -rf "$dir"
    mkdir -p "$dir"
    python3 "$TOP/tests/edits.py" "$seed" "$dir" "$WORK/edit" || { fail "seed $seed: no edits"; return; }
    chmod a+rX "$dir" "$dir"/*
    if ! unpack "$dir/base.tar" "$dir/native"; then
        fail "seed $seed: umoci does not unpack the base"
        return
    fi
    chroot "$dir/native/rootfs" /edit < "$dir/edits" > "$dir/said-natively"

    script_spec edits "$(jq -n '{name: "x", fromImage: "edits/base.tar", created: "2200-01-01T00:00:00Z"}')" \
        < <(echo "/edit <<'END'"; cat "$dir/edits"; echo END)
    build edits
    if [ "$STATUS" -ne 0 ]; then
        fail "seed $seed: the build"
        return
    fi
    said=$(diff <(grep -E '^(refused|list) ' "$WORK/err") "$dir/said-natively" | head -n 5)
    if ! unpack "$WORK/edits.tar" "$dir/through"; then
        fail "seed $seed: umoci does not unpack the image"
        return
    fi
    run export edits.tar --output edits.rootfs.tar
    mkdir "$dir/exported"
    # Of times that seem odd to it tar says so.
    tar -C "$dir/exported" --xattrs --xattrs-include='*' --numeric-owner -xpf "$WORK/edits.rootfs.tar" 2> "$dir/tar.log"
    # No layer can hold a socket.
    image tree "$dir/native/rootfs" | grep -v '^s ' > "$dir/native.tree"
    is "seed $seed: $(wc -l < "$dir/edits") edits" "$said$(
        diff <(image tree "$dir/through/rootfs") "$dir/native.tree" | head -n 20
        diff <(image tree "$dir/exported") "$dir/native.tree" | head -n 20)" ""
}

need_root "umoci unpack with owners"
need jq skopeo umoci "${CC:-gcc}"
"${CC:-gcc}" -std=gnu2x -D_GNU_SOURCE -O2 -static -o "$WORK/edit" "$TOP/tests/edit.c" || skip_all "no static C library"
