#!/bin/bash
# `graph --format slurm` on a real Slurm of two nodes, with a real registry between them: each image is
# built once, also if a node fails, and the result is that of one machine.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
# shellcheck source=tests/slurm.sh
. "$(dirname "$0")/../slurm.sh"

need_root "slurmd with jobs of another user"
need docker-registry skopeo jq ip munged slurmctld slurmd sbatch
# Slurm's ports are fixed, and its daemons listen at all addresses.
if [ -z "${SLURM_NAMESPACE-}" ]; then
    unshare --net --pid --fork --mount-proc true 2> /dev/null || skip_all "no namespaces here"
    rm -rf "$WORK"
    # BASH_EXECUTION_STRING: the part of this file that tests/run chose, if it did.
    SLURM_NAMESPACE=1 exec unshare --net bash ${BASH_EXECUTION_STRING:+-c "$BASH_EXECUTION_STRING"} "$0"
fi
ip link set lo up
ip address add 192.0.2.1/32 dev lo # without another address, "localhost" has none for Slurm
trap 'stop_slurm; stop_servers; remove_work' EXIT

REUSE=yes
BUSYBOX=$(base busybox)
start_registry shared
REGISTRY=127.0.0.1:$PORT
CACHES=(--cache-from "$REGISTRY/cache" --cache-to "$REGISTRY/cache")
USER_ENV=("XDG_CACHE_HOME=$WORK/cache" "VMBUILD=$VMBUILD")
start_slurm node1 node2

# submit ARGUMENT...: submits what the last run printed. $WORK/jobs has the lines "JOB IMAGE".
submit() {
    cp "$WORK/out" "$WORK/submit.sh"
    STATUS=0
    as_user sh submit.sh "$@" > "$WORK/jobs" 2> "$WORK/err" || STATUS=$?
}
# job_of IMAGE: its number.
job_of() {
    sed -n "s/^\([0-9]*\) $1\$/\1/p" "$WORK/jobs"
}
log_has() {
    grep -q "$2" "$WORK/slurm-$(job_of "$1").out"
}
ends() {
    wait_for jobs_are_done
    cat "$WORK"/slurm-*.out > "$WORK/err"
}
# states: how the jobs ended, and how many did.
states() {
    local number
    while read -r number _; do
        job "$number" JobState
    done < "$WORK/jobs" | sort | uniq -c | awk '{print $2 "=" $1}' | xargs
}

# --- twenty images on two nodes, of which one fails
# The script of the image "slow" waits as long as its secret tells it to, which is not part of its key.
echo "wait-5b1c8e0f2d" > "$WORK/gate"
jq -n --arg base "$BUSYBOX" '
    {base: {fromImage: $base, runAsRoot: "echo base > /base"},
     slow: {fromImage: {use: "base"}, secrets: [{id: "gate"}],
        runAsRoot: "if grep -q ^wait /run/secrets/gate; then echo slow waits; sleep 100000; fi; echo slow > /part"}}
    + ([range(8) | {key: "part\(.)", value: {fromImage: {use: "base"}, runAsRoot: "echo part\(.) > /part"}}] | from_entries)
    + ([range(8) | {key: "app\(.)", value: {fromImage: {use: "part\(.)"}, runAsRoot: "cat /base /part > /app"}}] | from_entries)
    + {late: {fromImage: {use: "slow"}, runAsRoot: "cat /base /part > /app"},
       sum: {contents: [("late", (range(8) | "app\(.)")) | {image: {use: .}, path: "/app", target: "/all/\(.)"}]}}
    | {images: .}' > "$WORK/twenty.json"
run graph --spec twenty.json --format slurm --compression none --secret id=gate,src=gate "${CACHES[@]}" sum app0
exits 0 "a script for Slurm"
is "a script for Slurm: a job for each image" "$(grep -c '^exec ' "$WORK/out")" 20
is "a script for Slurm: memory and processors" "$(grep -oE -- '--job-name=.*vmbuild (base|sum).*--mem=[^ ]*' "$WORK/out")" \
    "--job-name='vmbuild base' --cpus-per-task=1 --mem=672M
--job-name='vmbuild sum' --cpus-per-task=1 --mem=160M"
submit
exits 0 "submission"
is "submission: a line for each" "$(wc -l < "$WORK/jobs")" 20
wait_for log_has slow 'slow waits'
FAILED=$(job "$(job_of slow)" NodeList)
echo "pass-77aa10c3b4" > "$WORK/gate"
kill_node "$FAILED"
wait_for job_is "$(job_of slow)" PENDING
# By itself, Slurm starts it again after two minutes.
scontrol update JobId="$(job_of slow)" StartTime=now
ends
is "all succeed" "$(states)" COMPLETED=20
is "the job that was killed ran again" "$(job "$(job_of slow)" Restarts)" 1
unlike "it ran on the other node" "$(job "$(job_of slow)" NodeList)" "^$FAILED$"
is "both nodes had jobs" "$(cut -d ' ' -f 1 "$WORK/jobs" | while read -r number; do job "$number" NodeList; done |
    sort -u | xargs)" "node1 node2"
is "each was built once" "$(grep -oE '^[a-z0-9]+: built in' "$WORK/err" | sort | uniq -c | awk '{print $1}' | xargs)" \
    "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"
is "the registry has each layer" \
    "$(skopeo list-tags --tls-verify=false "docker://$REGISTRY/cache" | jq '.Tags | length')" 20
mkdir "$WORK/slurm-made"
mv "$WORK"/*.tar "$WORK/slurm-made"
is "two images were asked for" "$(cd "$WORK/slurm-made" && echo *)" "app0.tar sum.tar"
leaves_nothing "twenty images"

USER_ENV[0]=XDG_CACHE_HOME=$WORK/one
run --spec twenty.json --compression none --secret id=gate,src=gate sum app0
exits 0 "one machine"
for name in sum app0; do
    ok "one machine: the same $name" cmp "$WORK/$name.tar" "$WORK/slurm-made/$name.tar"
done
USER_ENV[0]=XDG_CACHE_HOME=$WORK/cache

# --- a script that fails
rm -f "$WORK"/slurm-*.out
jq -n --arg base "$BUSYBOX" '{images: {
    fails: {fromImage: $base, runAsRoot: "false"},
    next: {fromImage: {use: "fails"}, runAsRoot: "true"},
    last: {fromImage: {use: "next"}, runAsRoot: "true"}}}' > "$WORK/fails.json"
run graph --spec fails.json --format slurm "${CACHES[@]}"
submit
ends
is "a script that fails: what needs it never runs" "$(states)" "CANCELLED=2 FAILED=1"
is "a script that fails: its exit code" "$(job "$(job_of fails)" ExitCode)" 5:0

# --- a job that cannot be submitted
submit --partition=none
ok "an unknown partition" test "$STATUS" -ne 0
ok "an unknown partition: no job is left" jobs_are_done
# The second one.
sed 's/^submit --job-name=.vmbuild next./& --partition=none/' "$WORK/submit.sh" > "$WORK/out"
submit --hold
ok "the second cannot be submitted" test "$STATUS" -ne 0
is "the second cannot be submitted: the first was" "$(wc -l < "$WORK/jobs")" 1
wait_for jobs_are_done
is "the second cannot be submitted: the first is cancelled" "$(states)" CANCELLED=1

# A signal comes while the second one is submitted, which then is.
mkdir "$WORK/bin"
cat > "$WORK/bin/sbatch" << END
#!/bin/sh
case "\$*" in
*'vmbuild next'*) echo waits > '$WORK/waits'; while [ ! -e '$WORK/goes-on' ]; do sleep 0.1; done ;;
esac
exec $(command -v sbatch) "\$@"
END
chmod 755 "$WORK/bin/sbatch"
sed 's/ --partition=none//' "$WORK/out" > "$WORK/submit.sh"
for signal in HUP TERM; do
    rm -f "$WORK"/{waits,goes-on}
    as_user env "PATH=$WORK/bin:/usr/bin:/bin" sh -c 'echo $$ > pid && exec sh submit.sh --hold' \
        > "$WORK/jobs" 2> "$WORK/err" &
    wait_for test -s "$WORK/waits"
    kill "-$signal" "$(cat "$WORK/pid")"
    touch "$WORK/goes-on"
    STATUS=0
    wait $! || STATUS=$?
    exits "$((128 + $(kill -l "$signal")))" "SIG$signal while the second is submitted"
    wait_for jobs_are_done
    is "SIG$signal while the second is submitted: the first was" "$(wc -l < "$WORK/jobs")" 1
    is "SIG$signal while the second is submitted: it is cancelled" "$(states)" CANCELLED=1
done

# --- several platforms
rm -f "$WORK"/slurm-*.out
OTHER=386
[ ! -e "${VMBUILD%/bin/*}/lib/vmbuild/arm64" ] || OTHER=arm64
mkdir -p "$WORK/tree/opt"
echo text > "$WORK/tree/opt/text"
jq -n '{images: {
    base: {contents: ["tree"], extraCommands: "uname -m > machine"},
    app: {fromImage: {use: "base"}, tag: "1", extraCommands: "uname -m > app-machine; mkfifo pipe; chmod 4711 app-machine"}}}' \
    > "$WORK/platforms.json"
run graph --spec platforms.json --platform "amd64,$OTHER" --format slurm "${CACHES[@]}" -o oci-archive:index.tar \
    -o "docker://$REGISTRY/app:slurm"
exits 0 "several platforms: a script"
is "several platforms: a job for each image and one for the index" "$(grep -c '^exec ' "$WORK/out")" 5
submit
exits 0 "several platforms: submission"
is "several platforms: what is submitted, in order" "$(awk '{ print $2 }' "$WORK/jobs" | tail -n 1)" index
ends
is "several platforms: all succeed" "$(states)" COMPLETED=5
built=$(grep -oE '^[a-z0-9@]+: built in' "$WORK/err" | cut -d: -f1 | sort)
is "several platforms: none was built twice" "$(uniq -d <<< "$built")" ""
expected=({app,base}@amd64)
if [ "$OTHER" = 386 ]; then
    # What runs in the same guest makes the same layers: who comes second may find them.
    built=$(sort -u <<< "${built//@386/@amd64}")
else
    expected+=({app,base}@"$OTHER")
fi
is "several platforms: each was built" "$(xargs <<< "$built")" "$(printf '%s\n' "${expected[@]}" | sort | xargs)"
unlike "several platforms: the index is made of what the others have built" \
    "$(cat "$WORK/slurm-$(job_of index).out")" 'built in'
mv "$WORK/index.tar" "$WORK/slurm-made.tar"
USER_ENV[0]=XDG_CACHE_HOME=$WORK/platforms
run --spec platforms.json --platform "amd64,$OTHER" -o oci-archive:index.tar -o "docker://$REGISTRY/app:one"
exits 0 "several platforms on one machine"
USER_ENV[0]=XDG_CACHE_HOME=$WORK/cache
ok "several platforms on one machine: the same index" cmp "$WORK/index.tar" "$WORK/slurm-made.tar"
is "several platforms on one machine: the same in the registry" \
    "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:slurm")" \
    "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:one")"
is "several platforms: the index" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:slurm" |
    jq -r '[.manifests[].platform.architecture] | join(" ")')" "amd64 $OTHER"

# One that fails: there is no index.
rm -f "$WORK"/slurm-*.out "$WORK/index.tar"
run graph --spec platforms.json --platform "amd64,$OTHER" --format slurm "${CACHES[@]}" -o oci-archive:index.tar \
    --set app.extraCommands=false
submit
ends
is "several platforms, one fails: the index never runs" "$(job "$(job_of index)" JobState)" CANCELLED
ok "several platforms, one fails: no index" test ! -e "$WORK/index.tar"

# --- names, paths and values that mean something to a shell
rm -f "$WORK"/slurm-*.out
ODD="it's \$HOME \$(touch \$\$) # \"ä\" 100% a:b=c;|&*?~\\"
mkdir -p "$WORK/$ODD" "$WORK/tree/opt"
echo text > "$WORK/tree/opt/text"
jq -n --arg odd "$ODD" '{images: {
    ($odd): {name: "odd", contents: ["../tree"], config: {Labels: {odd: $odd}}},
    "END": {name: "end", fromImage: {use: $odd}, contents: ["../tree"]}}}' > "$WORK/$ODD/$ODD.json"
odd() {
    run "$@" --spec "$ODD/$ODD.json" --compression none --set "END.config={\"Labels\": {\"a\": \"$(jq -nr --arg odd "$ODD" '$odd | @json[1:-1]')\"}}"
}
odd graph --format slurm "${CACHES[@]}"
exits 0 "a script of odd names"
submit
exits 0 "submission of odd names"
ends
is "odd names: all succeed" "$(states)" COMPLETED=2
is "odd names: the name of the job" "$(squeue --noheader --states all --format %j | grep -cFx "vmbuild $ODD")" 1
mv "$WORK/end.tar" "$WORK/slurm-made"
odd build
exits 0 "odd names on one machine"
ok "odd names on one machine: the same bytes" cmp "$WORK/end.tar" "$WORK/slurm-made/end.tar"

done_testing
