#!/bin/bash
# Entries of the cache, of each kind, that are damaged or are something else.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults/faults.sh
. "$(dirname "$0")/faults.sh"
need jq python3

prepare

entries() {
    find "$CACHE/vmbuild/$1" -type f -size +0
}

# damaged KIND HOW: all entries of the kind.
damaged() {
    local file
    local -a files=()
    mapfile -t files < <(entries "$1")
    [ ${#files[@]} -gt 0 ] || { STATUS="no entry"; return; }
    [ "$2" != flip ] || python3 "$TOP/tests/rot.py" flip "${files[@]}"
    for file in "${files[@]}"; do
        case $2 in
        cut) chmod u+w "$file"; truncate -s 100 "$file" ;;
        empty) chmod u+w "$file"; : > "$file" ;;
        unreadable) chmod 000 "$file" ;;
        directory) rm "$file"; mkdir "$file" ;;
        fifo) rm "$file"; mkfifo "$file" ;;
        link) ln -sf /dev/zero "$file" ;;
        esac
    done
    [ "$(id -u)" -ne 0 ] || chown -hR "$NOBODY" "$CACHE"
    job
}

for kind in blobs disks snapshots facts records; do
    for how in flip cut empty unreadable directory fifo link; do
        fault "$how-in-$kind" 0 '' damaged "$kind" "$how"
    done
done

end_faults
