#!/bin/bash
# The program, the guest's init and the initramfs are the same files wherever and by whom they are
# built. (So is the kernel, which takes too long for this: it is copied.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

FILES=(vmbuild build/vmbuild-confine build/guest/init build/appliance/initramfs.x86_64.img)
other="$WORK/another/folder/vmbuild"
mkdir -p "$other"
(cd "$TOP" && tar -c Makefile host guest initramfs scripts tests/rules.mk tests/coverage/rules.mk \
    build/kernel.key build/modules build/appliance/vmlinuz.x86_64) | tar -x -C "$other"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY:$NOBODY "$WORK"
umask 077
if as_user env TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 HOME=/nowhere make -s -C "$other" "${FILES[@]}" > "$WORK/log" 2>&1; then
    pass "a build in another directory, by another user"
    for file in "${FILES[@]}"; do
        ok "$file: the same bytes" cmp "$TOP/$file" "$other/$file"
    done
else
    fail "a build in another directory, by another user" "$(tail -n 5 "$WORK/log")"
fi

done_testing
