#!/bin/bash
# Builds the specs in specs/ with the program in program/ in the VM of nested-host.sh, as root
# there; vmbuild runs as uid 65534, with one cache for each accelerator. All it uses is copied to
# the VM's own disk: on 9p, each look-up of a file gives another inode, which rules of Landlock do
# not cover.
#
# usage: build-all.sh
#
# Of specs/NAME.json it leaves ACCELERATOR/NAME.tar, .err, .status and .seconds.
set -u
share=$PWD
kvm_group=$(sed -n 's/^kvm:[^:]*:\([0-9]*\).*/\1/p' /etc/group)
export TMPDIR=/var/tmp
chown 65534:65534 /var/tmp
cp -a program specs /var/tmp/
cd /var/tmp/specs || exit

# build NAME DIRECTORY CACHE GROUPS OPTION...
build() {
    local name=$1 directory=$share/$2 cache=/var/tmp/cache-$3 groups=$4 status=0 start
    shift 4
    install -d -o 65534 -g 65534 "$cache"
    mkdir -p "$directory"
    start=$SECONDS
    setpriv --reuid=65534 --regid=65534 "$groups" --no-new-privs --bounding-set=-all \
        --inh-caps=-all env HOME=/nonexistent XDG_CACHE_HOME="$cache" \
        /var/tmp/program/bin/vmbuild --spec "$name.json" --output /var/tmp/out.tar \
        --compression none "$@" > "$directory/$name.err" 2>&1 < /dev/null || status=$?
    cp /var/tmp/out.tar "$directory/$name.tar"
    rm -f /var/tmp/out.tar
    echo "$status" > "$directory/$name.status"
    echo $((SECONDS - start)) > "$directory/$name.seconds"
}

# Before the user may use KVM; what libguestfs then remembers must not count afterwards.
build bare denied kvm --clear-groups
for spec in *.json; do
    name=$(basename "$spec" .json)
    if [ "$name" = bare ]; then
        build "$name" kvm kvm "--groups=$kvm_group"
    else
        build "$name" kvm kvm "--groups=$kvm_group" --accel kvm
    fi
    build "$name" tcg tcg --clear-groups --accel tcg
done
