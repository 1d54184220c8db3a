#!/bin/bash
# The command `graph`: what the images of a spec are made of, their keys and what is cached; and a
# Makefile that builds each by a command of its own.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need docker-registry skopeo jq make

REUSE=yes
BUSYBOX=$(base busybox)
start_registry shared
REGISTRY=127.0.0.1:$PORT

# Two bases, one of them in place, another file's image, a part of an image, and one without a layer.
mkdir -p "$WORK/tree/opt" "$WORK/specs"
echo text > "$WORK/tree/opt/text"
jq -n '{name: "tools", contents: ["../tree"]}' > "$WORK/specs/tools.json"
jq -n --arg base "$BUSYBOX" '{images: {
    app: {
        fromImage: {fromImage: $base, runAsRoot: "echo base > /base", memory: 300, cpus: 2},
        contents: [{image: {spec: "specs/tools.json"}, path: "/opt", target: "/usr/local"}]
    },
    alias: {fromImage: {use: "app"}, config: {Cmd: ["/bin/true"]}},
    other: {fromImage: {use: "app"}, runAsRoot: "cat /base > /other"}}}' > "$WORK/stack.json"
NAMES=(app.fromImage specs/tools.json app alias other)

# graph [ARGUMENT...]: prints the graph of the spec.
graph() {
    run graph --spec stack.json "$@"
}
# of JQ: what the JSON of the last run has.
of() {
    jq -c "$1" "$WORK/out"
}
tags() {
    skopeo list-tags --tls-verify=false "docker://$REGISTRY/$1" 2> /dev/null | jq -r '.Tags[]'
}
# built NAME...: each was built by the last run once, and nothing else was.
built() {
    is "$1" "$(grep -oE '^[^ ]+: built in' "$WORK/err" | sed 's/: built in//' | sort | xargs)" "${*:2}"
}

# make_images ARGUMENT...: has make build the images by the Makefile that the last run printed.
make_images() {
    cp "$WORK/out" "$WORK/Makefile"
    rm -f "$WORK"/*.tar
    STATUS=0
    as_user make VMBUILD="$VMBUILD" "$@" > "$WORK/out" 2> "$WORK/err" || STATUS=$?
}

# --- keys, needs and what is cached
fresh_cache
graph
exits 0 "nothing is cached"
leaves_nothing "nothing is cached"
is "the order: each after what it needs" "$(of '.images | keys_unsorted | join(" ")')" "\"app.fromImage specs/tools.json app alias other\""
is "what each needs" "$(of '.images | map_values(.needs | join(" "))')" \
    '{"app.fromImage":"","specs/tools.json":"","app":"app.fromImage specs/tools.json","alias":"app","other":"app"}'
is "which are written" "$(of '[.images | to_entries[] | select(.value.written).key]')" '["alias","other"]'
is "their virtual machines" "$(of '.images | map_values(.vm)')" \
    '{"app.fromImage":{"memory":300,"cpus":2},"specs/tools.json":null,"app":null,"alias":null,"other":{"memory":512,"cpus":1}}'
is "nothing is cached: what is known" "$(of '.images | map_values([.cached, (.key | type)])')" \
    '{"app.fromImage":[false,"string"],"specs/tools.json":[false,"string"],"app":[null,"null"],"alias":[null,"null"],"other":[null,"null"]}'
like "a key" "$(of '.images["app.fromImage"].key')" '^"[0-9a-f]{64}"$'
is "of one image: what it needs" \
    "$(graph app.fromImage; of '.images | map_values(.written)')" '{"app.fromImage":true}'

run --spec stack.json --no-output --cache-to "$REGISTRY/keys" -- app
exits 0 "--no-output"
built "--no-output: what is needed is built" app app.fromImage specs/tools.json
is "--no-output: nothing is written" "$(cd "$WORK" && ls -- *.tar* 2> /dev/null)" ""
graph
is "some are cached" "$(of '.images | map_values(.cached)')" \
    '{"app.fromImage":true,"specs/tools.json":true,"app":true,"alias":true,"other":false}'
is "the keys are those of the shared cache" \
    "$(of '[.images[] | select(.cached and .key).key] | sort | .[]' | tr -d '"')" "$(tags keys | sort)"
is "an image without a layer has no key" "$(of '.images.alias.key')" null
cp "$WORK/out" "$WORK/before.json"
run --spec stack.json --no-output other
built "what was cached is not built" other
graph
is "all are cached" "$(of '.images | map(.cached) | unique')" '[true]'
is "the key was known before" "$(of .images.other.key)" "$(jq -c .images.other.key "$WORK/before.json")"

graph --set app.fromImage.runAsRoot=true
is "a change of the base: what is known" "$(of '.images | map_values(.cached)')" \
    '{"app.fromImage":false,"specs/tools.json":true,"app":null,"alias":null,"other":null}'
graph --set other.cpus=2 --env STEP=1
is "a change of all keys of scripts: what is known" "$(of '.images | map_values(.cached)')" \
    '{"app.fromImage":false,"specs/tools.json":true,"app":null,"alias":null,"other":null}'
fresh_cache
graph --cache-from "$REGISTRY/keys"
is "a shared cache" "$(of '.images | map_values(.cached)')" \
    '{"app.fromImage":true,"specs/tools.json":true,"app":true,"alias":true,"other":false}'
is "a shared cache: the keys are the same" "$(of '.images | map_values(.key)')" \
    "$(jq -c '.images | map_values(.key)' "$WORK/before.json")"
leaves_nothing "a shared cache"

graph --format dot
exits 0 "a picture"
key() {
    jq -r --arg name "$1" '.images[$name].key[:12]' "$WORK/before.json"
}
is "a picture" "$(cat "$WORK/out")" "digraph images {
    node [shape=box];
    n3 [label=\"app.fromImage\\n$(key app.fromImage)\", style=filled];
    n4 [label=\"specs/tools.json\\n$(key specs/tools.json)\", style=filled];
    n0 [label=\"app\\n$(key app)\", style=filled];
    n3 -> n0;
    n4 -> n0;
    n1 [label=\"alias\", style=filled, peripheries=2];
    n0 -> n1;
    n2 [label=\"other\\n$(key other)\", peripheries=2];
    n0 -> n2;
}"

# --- images in place and of other files, by their names
fresh_cache
for name in "${NAMES[@]::2}"; do
    run --spec stack.json --compression none --output part.tar -- "$name"
    exits 0 "$name by its name"
    built "$name by its name" "$name"
    ok "$name by its name: it is written" image check "$WORK/part.tar"
done
run --spec stack.json specs/tool.json
exits 2 "a file that the spec does not name"
says "a file that the spec does not name: the one that was meant" "did you mean 'specs/tools.json'"
run --spec stack.json --no-output -o app.tar app
exits 2 "--no-output and --output"

# --- a Makefile
fresh_cache
run --spec stack.json --compression none
exits 0 "one build of all"
mkdir "$WORK/one"
mv "$WORK"/*.tar "$WORK/one"
fresh_cache
graph --format make --compression none --cache-from "$REGISTRY/make" --cache-to "$REGISTRY/make"
exits 0 "a Makefile"
make_images -j2
exits 0 "make -j2"
built "make -j2: each once" alias app app.fromImage other specs/tools.json
leaves_nothing "make -j2"
for name in alias other; do
    ok "make -j2: $name is that of one build" cmp "$WORK/$name.tar" "$WORK/one/$name.tar"
done
is "make -j2: nothing else is written" "$(cd "$WORK" && echo *.tar)" "alias.tar other.tar"
is "make -j2: the registry has each layer" "$(tags make | wc -l)" 4
fresh_cache
cp "$WORK/Makefile" "$WORK/out"
make_images other
exits 0 "make, of another user, for one image"
built "make, of another user: nothing is built"
is "make, of another user: the bytes" "$(sha256sum < "$WORK/other.tar")" "$(sha256sum < "$WORK/one/other.tar")"
graph --format make --compression none --set other.runAsRoot=false
make_images -k
exits 2 "a script that fails"
ok "a script that fails: the others are built" test -e "$WORK/alias.tar"
ok "a script that fails: no output" test ! -e "$WORK/other.tar"

# --- several platforms
jq -n '{images: {base: {contents: "tree"}, app: {fromImage: {use: "base"}, contents: "tree", tag: "1"}}}' > "$WORK/platforms.json"
fresh_cache
run graph --spec platforms.json --platform amd64,arm64
is "several platforms: needs" "$(of '.images | map_values(.needs)')" \
    '{"base@amd64":[],"app@amd64":["base@amd64"],"base@arm64":[],"app@arm64":["base@arm64"]}'
run graph --spec platforms.json --platform arm64 --format dot
exits 0 "a picture for one platform"
like "a picture for one platform: the names are plain" "$(cat "$WORK/out")" '"app"'
run --spec platforms.json --platform amd64,arm64 -o oci-archive:one.tar
exits 0 "several platforms: one build of all"
mkdir -p "$WORK/one"
mv "$WORK/one.tar" "$WORK/one/index.tar"
fresh_cache
run graph --spec platforms.json --platform amd64,arm64 --format make -o oci-archive:made.tar
exits 0 "a Makefile for several platforms"
make_images -j2
exits 0 "make for several platforms"
is "make for several platforms: the same files are one layer" \
    "$(sed -n 's/@[a-z0-9]*: built in.*//p' "$WORK/err" | sort | xargs)" "app base"
ok "make for several platforms: the index of one build" cmp "$WORK/made.tar" "$WORK/one/index.tar"
run graph --spec platforms.json --platform amd64,arm64 --format make
exits 2 "a Makefile of an index without a name"
run graph --spec platforms.json --platform arm64 --format make --compression none
make_images
exits 0 "make for one other platform"
is "make for one other platform: the image" "$(config "$WORK/app.tar" .architecture)" '"arm64"'

# --- names, paths and values that mean something to a shell or to make
fresh_cache
ODD="it's \$HOME \$(touch \$\$) # \"ä\" 100% a:b=c;|&*?~\\"
mkdir "$WORK/$ODD"
jq -n --arg odd "$ODD" '{images: {
    ($odd): {name: "odd", contents: ["../tree"], config: {Labels: {odd: $odd}}},
    ".all": {name: "first", fromImage: {use: $odd}, contents: ["../tree"]},
    "all": {name: "all", fromImage: {use: ".all"}},
    "-all": {name: "last", fromImage: {use: "all"}}}}' > "$WORK/$ODD/$ODD.json"
odd() {
    run "$@" --spec "$ODD/$ODD.json" --compression none --set "-all.config={\"Labels\": {\"a\": \"$(jq -nr --arg odd "$ODD" '$odd | @json[1:-1]')\"}}"
}
odd build
exits 0 "odd names"
cp "$WORK/last.tar" "$WORK/one"
is "odd names: the label" "$(config "$WORK/last.tar" .config.Labels.a)" "$(jq -nc --arg odd "$ODD" '$odd')"
fresh_cache
odd graph --format make
exits 0 "a Makefile of odd names"
make_images -j2
exits 0 "make of odd names"
# Those that have a layer.
is "make of odd names: each once" "$(grep -cE "^(it's .*|\.all): built in" "$WORK/err")" 2
ok "make of odd names: the bytes" cmp "$WORK/last.tar" "$WORK/one/last.tar"
odd graph
is "odd names in JSON" "$(of '.images | keys_unsorted')" "$(jq -nc --arg odd "$ODD" '[$odd, ".all", "all", "-all"]')"
odd graph --format dot
exits 0 "odd names in a picture"
jq '.images |= with_entries(if .key == "all" then .key = "a\nll" else . end) | .images["-all"].fromImage.use = "a\nll"' \
    "$WORK/$ODD/$ODD.json" > "$WORK/$ODD/lines.json"
for format in make slurm; do
    run graph --spec "$ODD/lines.json" --format $format --cache-from "$REGISTRY/odd" --cache-to "$REGISTRY/odd"
    exits 3 "a line break in a name: $format"
    says "a line break in a name: $format: why" "has a line break"
done

# --- the time of images that are made now
jq '.images.app.created = "now"' "$WORK/stack.json" > "$WORK/now.json"
fresh_cache
run graph --spec now.json --format make --compression none
cp "$WORK/out" "$WORK/Makefile"
# shellcheck disable=SC2016 # for the inner shell
wait_for sh -c '[ "$(date +%s)" -gt "$0" ]' "$(date +%s)"
make_images
exits 0 "created: now"
built "created: now: each once" alias app app.fromImage other specs/tools.json
USER_ENV+=(SOURCE_DATE_EPOCH=1234567890)
graph --format make --compression none
unset 'USER_ENV[-1]'
make_images
is "SOURCE_DATE_EPOCH of the graph is that of the builds" "$(config "$WORK/alias.tar" .created)" '"2009-02-13T23:31:30Z"'

# --- what a graph cannot be of
INPUT=$WORK/stack.json run graph --spec - --format make
exits 2 "a Makefile of a spec on standard input"
INPUT=$WORK/stack.json run graph --spec - alias
exits 0 "the graph of a spec on standard input"
graph --format make -o one.tar
exits 2 "one output for two images"
graph --format slurm
exits 2 "Slurm without shared caches"
says "Slurm without shared caches: why" "--cache-from and --cache-to are needed"
graph nothing
exits 2 "an unknown image"
graph --format png
exits 2 "an unknown format"
jq -n --arg base "$BUSYBOX" '{name: "one", fromImage: $base, runAsRoot: ":"}' > "$WORK/one.json"
run graph --spec one.json
is "a spec of one image" "$(of '.images | map_values([.cached, .written])')" '{"one":[false,true]}'
run graph --spec one.json --format make
make_images
exits 0 "make of a spec of one image"
built "make of a spec of one image" one

done_testing
