#!/bin/bash
# Disks that are full, broken or read-only, under the output, the cache, the scratch disk and the run
# directory; homes that are missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults/faults.sh
. "$(dirname "$0")/faults.sh"
need jq
need_root "a small file system"

compile interpose -shared -fPIC -ldl
prepare

full='^vmbuild: .*No space left on device'
eio='^vmbuild: .*Input/output error'
quota='^vmbuild: .*Disk quota exceeded'
read_only='^vmbuild: .*Read-only file system'

# --- What is full

# output_on SIZE [OPTION...], tmp_on, cache_on, log_on: what lies on a file system of SIZE.
output_on() {
    OUTPUT=small/job.tar
    job_on "$@"
}
layout_on() {
    OUTPUT=small/layout
    job_on "$@"
}
tmp_on() {
    USER_ENV=(TMPDIR="$WORK/small")
    job_on "$@"
}
cache_on() {
    USER_ENV=(XDG_CACHE_HOME="$WORK/small")
    job_on "$@"
}
log_on() {
    job_on "$1" --log "$WORK/small/log"
}

fault full-output 6 "$full" output_on size=1m
fault full-output-late 6 "$full" output_on size=10m
fault full-output-of-inodes 6 "$full" output_on nr_inodes=2
fault full-output-of-a-layout 6 "$full" layout_on size=1m --format oci
fault full-tmp 6 "$full" tmp_on size=16k
fault full-tmp-in-a-script 6 "$full" tmp_on size=6m
fault full-tmp-of-inodes 6 "$full" tmp_on nr_inodes=2
fault full-tmp-without-cache 6 "$full" tmp_on size=6m --no-cache
fault full-cache 6 "$full" cache_on size=64k
fault full-cache-of-blobs 6 "$full" cache_on size=1m
fault full-cache-of-disks 6 "$full" cache_on size=4m
fault full-cache-of-inodes 6 "$full" cache_on nr_inodes=12
fault full-log 6 "$full" log_on size=4k,nr_inodes=1
fault full-log-device 6 "$full" job --log /dev/full

# --- What is broken

# cold FAULT: on a cache that has nothing yet.
cold() {
    job_fault "$1" --cache-dir "$WORK/cold"
    rm -rf "$WORK/cold"
}

fault eio-spec-read 3 "$eio" job_fault 'read:*/job.json:5'
fault eio-base-read 1 "$eio" cold "read:$(base busybox):5"
fault eio-output-open 1 "$eio" job_fault 'open:*/.vmbuild-out.*:5'
fault eio-output-write 1 "$eio" job_fault 'write:*/.vmbuild-out.*:5'
fault eio-output-rename 1 "$eio" job_fault 'rename:*/job.tar:5'
fault eio-cache-mkdir 1 "$eio" cold 'mkdir:*/cold/*:5'
fault eio-cache-open 1 "$eio" cold 'open:*/cold/*:5'
fault eio-cache-lock 1 "$eio" cold 'open:*/cold/lock/*:5'
fault eio-cache-write 1 "$eio" cold 'write:*/cold/sessions/*:5'
fault eio-cache-rename 1 "$eio" cold 'rename:*/cold/*:5'
fault eio-cache-read-of-blobs '0|1' '' job_fault 'read:*/blobs/*:5'
fault eio-cache-read-of-disks '0|1' '' job_fault 'read:*/disks/*:5'
fault eio-cache-read-of-snapshots '0|1' '' job_fault 'read:*/snapshots/*:5'
fault eio-cache-read-of-records '0|1' '' job_fault 'read:*/records/*:5'
fault eio-cache-read-of-facts '0|1' '' job_fault 'read:*/facts/*:5'
fault eio-run-directory 1 "$eio" job_fault 'mkdir:*/.vmbuild-run.*:5'
fault eio-scratch-open 1 "$eio" job_fault 'open:*/.scratch.*:5'
fault eio-scratch-write 1 "$eio" job_fault 'write:*/.scratch.*:5'
fault eio-layer-open 1 "$eio" job_fault 'open:*/.layer.*:5'
fault eio-layer-write 1 "$eio" job_fault 'write:*/.layer.*:5'
fault eio-log-write 1 "$eio" job_fault 'write:*/job.log:5' --log "$WORK/job.log"
fault quota-output 6 "$quota" job_fault 'write:*/.vmbuild-out.*:122'
fault quota-cache 6 "$quota" cold 'write:*/cold/sessions/*:122'
fault quota-layer 6 "$quota" job_fault 'write:*/.layer.*:122'
fault quota-scratch 6 "$quota" job_fault 'write:*/.scratch.*:122'
fault enospc-rename 6 "$full" job_fault 'rename:*/job.tar:28'
fault enospc-cache-rename 6 "$full" cold 'rename:*/cold/*:28'

# --- What is read-only or missing

fault read-only-output 1 "$read_only" output_on ro
fault read-only-tmp 1 "$read_only" tmp_on ro
fault read-only-cache 0 "$read_only" cache_on ro
fault read-only-cache-requested 1 "$read_only" job_on ro --cache-dir "$WORK/small/cache"
fault read-only-cache-after-use '0|1' '' job_fault 'open:*/vmbuild/sessions/*:30'
fault missing-tmp 1 'No such file or directory' job_with TMPDIR="$WORK/none"
fault file-as-tmp 1 'Not a directory' job_with TMPDIR="$WORK/job.json"
fault missing-output 1 'No such file or directory' eval 'OUTPUT=none/job.tar; job'
fault missing-home 0 '' job_with HOME=/none XDG_CACHE_HOME=
fault no-home 0 '' job_under env -u HOME -u XDG_CACHE_HOME --
fault file-as-home 0 '' job_with HOME="$WORK/job.json" XDG_CACHE_HOME=
fault relative-home 0 '' job_with HOME=here XDG_CACHE_HOME=
fault read-only-home 0 '' job_with HOME=/proc XDG_CACHE_HOME=
fault relative-cache 0 '' job_with XDG_CACHE_HOME=here

end_faults
