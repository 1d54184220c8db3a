#!/bin/bash
# Images that are made of others: bases that are built, parts of other images, several images in one
# spec; each once, several at a time, and the same bytes as by hand.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

REUSE=yes
USER_ENV=("XDG_CACHE_HOME=$WORK/cache")
BUSYBOX=$(base busybox)

# graph NAME [OPTION...]: runs the spec $WORK/NAME.json in an empty directory, $WORK/NAME.
graph() {
    local name=$1
    shift
    run --spec "$name.json" "$@"
}
# same NAME ONE OTHER: the files have the same bytes.
same() {
    ok "$1: the same bytes" cmp "$WORK/$2" "$WORK/$3"
}
# state NAME IMAGE REGEX: the image's line.
state() {
    like "$1: $2: $3" "$(cat "$WORK/err")" "^$2: $3"
}

# --- a chain: an application on a runtime on a base

base_of() {
    jq -n --arg base "$BUSYBOX" '{fromImage: $base, config: {Env: ["LEVEL=1"]},
        runAsRoot: "mkdir /opt && echo base > /opt/base && ln -s base /opt/link && chown -h 7:8 /opt/link"}'
}
runtime_of() {
    jq -n '{runAsRoot: "test $LEVEL = 1; cat /opt/base > /opt/runtime; rm /opt/base",
        config: {Env: ["RUNTIME=yes"], Labels: {a: "b"}}}'
}
app_of() {
    jq -n '{contents: ["files"], tag: "1", config: {Cmd: ["/app"]}}'
}
mkdir "$WORK/files"
echo application > "$WORK/files/app"

spec chain < <(jq -n --argjson base "$(base_of)" --argjson runtime "$(runtime_of)" --argjson app "$(app_of)" \
    '{images: {base: $base, runtime: ($runtime + {fromImage: {use: "base"}}),
        app: ($app + {fromImage: {use: "runtime"}})}}')
graph chain --compression none
exits 0 "a chain"
for image in base runtime app; do
    state "a chain" "$image" "built in [0-9.]+ s"
done
is "a chain: only the last is written" "$(cd "$WORK" && ls -- *.tar)" app.tar
is "a chain: the config is of all" "$(config "$WORK/app.tar" '[.config.Env[-2:], .config.Cmd, .config.Labels]')" \
    '[["LEVEL=1","RUNTIME=yes"],["/app"],{"a":"b"}]'
like "a chain: lines have the name of their image" "$(cat "$WORK/err")" '^runtime: runAsRoot'
unlike "a chain: all of them" "$(cat "$WORK/err")" '^(vmbuild: |launch|runAsRoot)'
leaves_nothing "a chain"
cp "$WORK/app.tar" "$WORK/first.tar"

graph chain --compression none
exits 0 "a chain again"
for image in base runtime app; do
    state "a chain again" "$image" cached
done
same "a chain again" app.tar first.tar

# by_hand FORMAT EXTENSION: the same as three specs, with files between.
by_hand() {
    local -a options=(--no-cache --format "$1")
    spec hand1 < <(base_of | jq '.name = "base"')
    spec hand2 < <(runtime_of | jq --arg base "hand1.$2" '.name = "runtime" | .fromImage = $base')
    spec hand3 < <(app_of | jq --arg base "hand2.$2" '.name = "app" | .fromImage = $base')
    for i in 1 2 3; do
        run --spec "hand$i.json" --output "hand$i.$2" "${options[@]}" "${@:3}"
        exits 0 "by hand: $1, image $i"
    done
}
by_hand docker-archive tar --compression none
same "a docker-archive by hand" hand3.tar first.tar
by_hand oci-archive oci.tar
graph chain --format oci-archive --output chain.oci.tar
exits 0 "a chain as an oci-archive"
same "an oci-archive by hand" hand3.oci.tar chain.oci.tar
graph chain --no-cache --jobs 2 --output cold.tar --compression none
exits 0 "a chain without a cache"
same "a chain without a cache" cold.tar first.tar

# --- what changes is built again, and what is made of it

jq '.images.runtime.runAsRoot += "; :"' "$WORK/chain.json" > "$WORK/changed.json"
graph changed --compression none
exits 0 "a change in the middle"
state "a change in the middle" base cached
state "a change in the middle" runtime "built in .*\(runAsRoot changed\)"
state "a change in the middle" app cached # the runtime's layer is the same
graph chain --compression none --rebuild
state "--rebuild" runtime cached
state "--rebuild" app "built in .*\(--rebuild\)"
graph chain --compression none --rebuild=all
state "--rebuild=all" base "built in .*\(--rebuild\)"
state "--rebuild=all" runtime "built in .*\(--rebuild\)"
same "--rebuild=all" app.tar first.tar
graph chain --set app.tag=1.2 --set runtime.config='{"Labels": null}' --compression none
exits 0 "--set of an image"
is "--set of an image: a tag" "$(image name "$WORK/app.tar" 2> /dev/null || tar -xOf "$WORK/app.tar" manifest.json |
    jq -r '.[0].RepoTags[0]')" app:1.2
graph chain --dry-run
exits 0 "--dry-run"
is "--dry-run: what needs what" "$(jq -c '.images | map_values([.needs[], .written])' "$WORK/out")" \
    '{"base":[false],"runtime":["base",false],"app":["runtime",true]}'

# --- which images

rm -f "$WORK"/*.tar
graph chain base runtime --compression none
exits 0 "two that are named"
is "two that are named: they are written" "$(cd "$WORK" && ls -- *.tar)" $'base.tar\nruntime.tar'
unlike "two that are named: the other is not built" "$(cat "$WORK/err")" '^app'
graph chain bsae
exits 2 "an unknown image"
says "an unknown image: its name" "the spec has no image 'bsae'"
says "an unknown image: the one that was meant" "did you mean 'base'"
graph chain base runtime --output both.tar
exits 2 "two images and one file"
graph chain --set tag=2
exits 2 "--set without an image"
says "--set without an image: advice" "as in --set base.tag="

# --- a diamond, with parts of two images, in several files

mkdir "$WORK/specs"
jq -n --arg base "$BUSYBOX" '{name: "tools", fromImage: $base,
    runAsRoot: "mkdir -p /out/bin /out/empty && echo tool > /out/bin/tool && chown 5:6 /out/bin/tool && chmod 4751 /out/bin/tool &&
        ln /out/bin/tool /out/bin/hard && ln -s tool /out/bin/soft &&
        ln -s /out/bin /way && echo single > /out/single && touch -d @0 /out/single"}' > "$WORK/specs/tools.json"
jq -n '{images: {
    left: {fromImage: {spec: "specs/tools.json"}, runAsRoot: "echo left > /left"},
    right: {fromImage: {spec: "specs/tools.json"}, runAsRoot: "echo right > /right"},
    app: {contents: [
        {image: {use: "left"}, path: "/left", target: "/etc/sides/"},
        {image: {use: "right"}, path: "/right", target: "/etc/sides/other"},
        {image: {spec: "specs/tools.json"}, path: "/way", target: "/usr/bin"},
        {image: {spec: "specs/tools.json"}, path: "/out", target: "/all", owner: "1:2", exclude: ["bin/h*"]},
        {image: {contents: ["files"]}, path: "app", target: "/placed"}]}}}' > "$WORK/diamond.json"
graph diamond
exits 3 "a path that is not absolute"
sed -i 's/"app",$/"\/app",/' "$WORK/diamond.json"
graph diamond --jobs 2 --compression none
exits 0 "a diamond"
is "a diamond: each once" "$(grep -cE ': (cached|built in)' "$WORK/err")" 5
state "a diamond" "app.contents" "built in"
like "a diamond: a file by its name" "$(layer "$WORK/app.tar")" '^file 0644 0:0 etc/sides/left'
like "a diamond: a file by another name" "$(layer "$WORK/app.tar")" '^file 0644 0:0 etc/sides/other'
is "a diamond: its bytes" "$(file_of "$WORK/app.tar" etc/sides/other)" right
like "a diamond: through a symlink, with owner and mode" "$(layer "$WORK/app.tar")" '4751 5:6 usr/bin/(hard|tool)( |$)'
like "a diamond: a hard link" "$(layer "$WORK/app.tar")" 'usr/bin/(hard|tool) = usr/bin/(hard|tool)$'
like "a diamond: a symlink" "$(layer "$WORK/app.tar")" 'usr/bin/soft -> tool$'
like "a diamond: an empty directory, with another owner" "$(layer "$WORK/app.tar")" '1:2 all/empty'
unlike "a diamond: what is excluded" "$(layer "$WORK/app.tar")" 'all/bin/hard'
is "a diamond: of an image in place" "$(file_of "$WORK/app.tar" placed)" application
cp "$WORK/app.tar" "$WORK/diamond1.tar"
graph diamond --no-cache --jobs 1 --compression none
same "a diamond, one at a time, without a cache" app.tar diamond1.tar
graph diamond --compression none
is "a diamond again: all is cached" "$(grep -cE ': cached' "$WORK/err")" 5

# An image that exists, in a spec of its own, with and without a VM.
run --spec diamond.json left --output left.tar
jq -n '{name: "own", contents: [{image: "left.tar", path: "/out/bin", target: "/bin"},
    {image: "left.tar", path: "/out/bin/soft", target: "/name"}]}' > "$WORK/own.json"
build own
exits 0 "of an image in a file"
is "of an image in a file: a symlink leads to its file" "$(file_of "$WORK/own.tar" name)" tool
jq --arg base "$BUSYBOX" '.fromImage = $base | .runAsRoot = "test -u /bin/tool; cp -p /bin/tool /copy"' \
    "$WORK/own.json" > "$WORK/guest.json"
build guest
exits 0 "of an image, in a VM"
like "of an image, in a VM: it is there" "$(layer "$WORK/guest.tar")" '4751 5:6 copy'
jq '.contents[0].path = "/missing"' "$WORK/own.json" > "$WORK/missing.json"
build missing
exits 3 "a path that is not in the image"
says "a path that is not in the image: a message" "read image '.*left.tar': copy '/missing': the image has nothing there"

# --- secrets and variables of the command line

printf 'a-token-of-some-length\n' > "$WORK/token"
jq -n '{images: {first: {name: "first"}, unused: {name: "unused"}}}' > "$WORK/lib.json"
jq -n --arg base "$BUSYBOX" '{images: {
    one: {fromImage: $base, runAsRoot: "cat /run/secrets/t; wc -c < /run/secrets/t; echo $LEVEL"},
    two: {fromImage: $base, runAsRoot: "wc -c < /run/secrets/t; echo $LEVEL",
        contents: [{image: {spec: "lib.json", use: "first"}, path: "/"}]}}}' > "$WORK/given.json"
graph given --secret "id=t,src=$WORK/token" --env LEVEL=7
exits 0 "a secret and a variable"
says "a secret and a variable: it is masked" '^one: \*\*\*$'
for image in one two; do
    says "a secret and a variable: $image has the secret" "^$image: 23\$"
    says "a secret and a variable: $image has the variable" "^$image: 7\$"
done
graph given --secret "id=t,src=$WORK/missing"
exits 3 "a secret that is missing"
unlike "a secret that is missing: nothing was started" "$(cat "$WORK/err")" '^(one|two): '

# --- failures

jq '.images.runtime.runAsRoot = "echo before; exit 7"' "$WORK/chain.json" > "$WORK/fails.json"
rm -f "$WORK/app.tar"
graph fails
exits 5 "a failure in the middle"
says "a failure in the middle: whose it is" "^vmbuild: build image 'runtime': run script 'runAsRoot': .*7"
says "a failure in the middle: advice" '--trace shows each command of the script'
says "a failure in the middle: its output" '^runtime: before$'
state "a failure in the middle" base cached
leaves_nothing "a failure in the middle" "$WORK/app.tar"
jq -n --arg base "$BUSYBOX" '{images: {
    long: {fromImage: $base, runAsRoot: "echo started; sleep 600"},
    fails: {fromImage: $base, runAsRoot: "exit 3"}}}' > "$WORK/ended.json"
graph ended --jobs 2
exits 5 "a failure beside another"
says "a failure beside another: what is ended" '^vmbuild: long: ended, since fails failed'
leaves_nothing "a failure beside another" "$WORK/long.tar"

# A signal ends all.
start --spec ended.json long
wait_for has_said '^long: started'
kill -TERM "$RUN_PID"
finish
exits 143 "a signal"
leaves_nothing "a signal" "$WORK/long.tar"

# --- errors of the graph

# refused NAME REGEX < SPEC
refused() {
    spec refused
    graph refused
    exits 3 "$1"
    says "$1: a message" "$2"
}
refused "a cycle" "line 2, column 32: key 'fromImage': an image must not need itself: 'a' needs 'b' needs 'a'" << 'EOF'
{"images": {"a": {"fromImage": {"use": "b"}},
            "b": {"fromImage": {"use": "a"}}}}
EOF
refused "an image of itself" "an image must not need itself: 'a' needs 'a'" << 'EOF'
{"images": {"a": {"contents": [{"image": {"use": "a"}, "path": "/"}]}}}
EOF
refused "an unknown name" "line 1, column 39: key 'fromImage': unknown image 'bsae'" << 'EOF'
{"images": {"a": {"fromImage": {"use":"bsae"}}, "base": {}}}
EOF
says "an unknown name: the one that was meant" "did you mean 'base'"
refused "a file of its own" "an image must not need itself" << 'EOF'
{"name": "a", "fromImage": {"spec": "refused.json"}}
EOF
refused "a name in place" "line 1, column 38: key 'name': an image in place has none" << 'EOF'
{"name": "a", "fromImage": {"name":  "b"}}
EOF
refused "a mistake in place" "line 1, column 40: unknown key 'runAsRoto'" << 'EOF'
{"name": "a", "fromImage":{"runAsRoto":"x"}}
EOF
refused "a key beside images" "line 1, column 23: key 'tag': must not stand beside 'images'" << 'EOF'
{"images": {}, "tag": "1"}
EOF
refused "no images" "key 'images': must not be empty" << 'EOF'
{"images": {}}
EOF
refused "several images in a file" "the file has several images" << 'EOF'
{"name": "a", "fromImage": {"spec": "chain.json"}}
EOF
spec several << 'EOF'
{"name": "several", "fromImage": {"spec": "chain.json", "use": "runtime"}}
EOF
build several
exits 0 "one image of another file"
says "one image of another file: it is the same" '^chain.json:runtime: cached'
refused "source and image" "'source' and 'image' exclude each other" << 'EOF'
{"name": "a", "contents": [{"image": "x", "source": "y", "path": "/"}]}
EOF
jq -n 'reduce range(300) as $i ({name: "deep"}; {name: "deep", fromImage: (. | del(.name))})' > "$WORK/deep.json"
graph deep
exits 3 "too deep"
says "too deep: a message" "more than 255 images are made of one another|nested more than"
graph chain --log log
exits 2 "--log of several images"
graph chain --on-failure keep=file
exits 2 "--on-failure of several images"

# --- events

graph chain --progress json --compression none
exits 0 "events"
is "events: one for each image" "$(jq -c 'select(.event == "image") | [.image, .state]' "$WORK/err")" \
    '["base","cached"]
["runtime","cached"]
["app","cached"]'
is "events: each stage has its image" "$(jq -c 'select(.event == "stage" and .image == null)' "$WORK/err")" ""
is "events: the end" "$(jq -c 'select(.event == "done") | [.image, .output]' "$WORK/err")" '["app","app.tar"]'
done_testing
