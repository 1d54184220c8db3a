# shellcheck shell=bash
# Random edits, natively and through vmbuild: what the edits see and the trees must be the same, as
# umoci unpacks the image and as it is exported. Sourced after lib.sh.

# same_edits SEED: one test.
same_edits() {
    local seed=$1 dir=$WORK/edits said clamp=7258118400
    rm -rf "$dir"
    mkdir -p "$dir"
    python3 "$TOP/tests/edits.py" "$seed" "$dir" "$WORK/edit" || { fail "seed $seed: no edits"; return; }
    chmod a+rX "$dir" "$dir"/*
    if ! unpack "$dir/base.tar" "$dir/native"; then
        fail "seed $seed: umoci does not unpack the base"
        return
    fi
    chroot "$dir/native/rootfs" /edit < "$dir/edits" > "$dir/said-natively"

    script_spec edits "$(jq -n --argjson created "$clamp" \
        '{name: "x", fromImage: "edits/base.tar", created: ($created | todate)}')" \
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
    # tar warns about times that seem odd to it.
    tar -C "$dir/exported" --xattrs --xattrs-include='*' --numeric-owner -xpf "$WORK/edits.rootfs.tar" 2> "$dir/tar.log"
    # No layer can hold a socket.
    image tree "$dir/native/rootfs" "$clamp" | grep -v '^s ' > "$dir/native.tree"
    is "seed $seed: $(wc -l < "$dir/edits") edits" "$said$(
        diff <(image tree "$dir/through/rootfs" "$clamp") "$dir/native.tree" | head -n 20
        diff <(image tree "$dir/exported" "$clamp") "$dir/native.tree" | head -n 20)" ""
}

# read_back SEED: one more test, after same_edits: the next build on the image sees the same.
read_back() {
    local dir=$WORK/edits
    mv "$WORK/edits.tar" "$dir/edited.tar"
    build_script again '{"name": "x", "fromImage": "edits/edited.tar"}' <<< 'echo "list t" | /edit'
    # What the edits saw at their end.
    awk '$4 == "t" { lines = "" } /^list / && !/^list 14/ { lines = lines $0 "\n" } END { printf "%s", lines }' \
        "$dir/said-natively" > "$dir/last-said"
    is "seed $1: $(wc -l < "$dir/last-said") files read back" "$(grep '^list ' "$WORK/err" | diff - "$dir/last-said" | head -n 20)" ""
}

need_root "umoci unpack with owners"
need jq skopeo umoci "${CC:-gcc}"
"${CC:-gcc}" -std=gnu2x -D_GNU_SOURCE -O2 -static -o "$WORK/edit" "$TOP/tests/edit.c" || skip_all "no static C library"
