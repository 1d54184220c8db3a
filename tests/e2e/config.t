#!/bin/bash
# The image config: the base's inherited, the spec's laid over it, and what other programs make of it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq skopeo

image make "$WORK/base.tar" << 'EOF'
{"layers": [[{"path": "a", "data": "a"}]], "config": {
    "Env": ["PATH=/bin", "A=base", "B=base", "EMPTY="], "Cmd": ["/base"], "Entrypoint": ["/entry"],
    "Labels": {"a": "base", "b": "base", "c": "base"}, "Volumes": {"/base": {}, "/gone": {}},
    "ExposedPorts": {"80/tcp": {}}, "User": "base", "WorkingDir": "/base", "StopSignal": "SIGINT",
    "OnBuild": ["RUN base"], "Healthcheck": {"Test": ["NONE"]}, "Unknown": {"kept": [1, 2.50]}}}
EOF

# merged SPEC_CONFIG JQ: a part of the config that comes out.
merged() {
    jq -n --argjson config "$1" '{name: "x", fromImage: "base.tar", config: $config}' > "$WORK/merged.json"
    build merged
    [ "$STATUS" = 0 ] || cat "$WORK/err"
    config "$WORK/merged.tar" ".config | $2"
}

is "nothing given: all is inherited" "$(merged '{}' .)" "$(config "$WORK/base.tar" .config)"
is "Env: by name, in place, new ones at the end" "$(merged '{"Env": ["B=over=1", "C=new", "A="]}' .Env)" \
    '["PATH=/bin","A=","B=over=1","EMPTY=","C=new"]'
is "Labels: by key" "$(merged '{"Labels": {"b": "over", "d": "", "c": null}}' .Labels)" \
    '{"a":"base","b":"over","d":""}'
is "Volumes and ExposedPorts: by key" \
    "$(merged '{"Volumes": {"/new": {}, "/gone": null}, "ExposedPorts": {"53/udp": {}}}' '[.Volumes, .ExposedPorts]')" \
    '[{"/base":{},"/new":{}},{"80/tcp":{},"53/udp":{}}]'
is "Entrypoint clears Cmd" "$(merged '{"Entrypoint": ["/over"]}' '[.Entrypoint, .Cmd]')" '[["/over"],null]'
is "Entrypoint and Cmd" "$(merged '{"Entrypoint": ["/over"], "Cmd": ["x"]}' '[.Entrypoint, .Cmd]')" '[["/over"],["x"]]'
is "a command line as Cmd, with an Entrypoint" "$(merged '{"Cmd": "x y"}' '[.Entrypoint, .Cmd]')" '[["/entry"],["x y"]]'
is "a command line as Cmd, with an Entrypoint: no note" "$(grep -c 'will not start' "$WORK/err")" 0
is "a command line as Cmd" "$(merged '{"Entrypoint": null, "Cmd": "nginx -g off"}' .Cmd)" '["nginx -g off"]'
says "a command line as Cmd: a note" "^vmbuild: config.Cmd: .*will not start.*'nginx -g off'"
is "a command line as Entrypoint" "$(merged '{"Entrypoint": ["a b"]}' .Entrypoint)" '["a b"]'
says "a command line as Entrypoint: a note" "^vmbuild: config.Entrypoint: .*will not start"
is "a name that is nearly known" "$(merged '{"Entrypiont": ["x"]}' .Entrypiont)" '["x"]'
says "a name that is nearly known: a note" "^vmbuild: config.Entrypiont: .*did you mean 'Entrypoint'"
is "Cmd alone" "$(merged '{"Cmd": "x"}' '[.Entrypoint, .Cmd]')" '[["/entry"],["x"]]'
is "an empty Entrypoint" "$(merged '{"Entrypoint": []}' '[.Entrypoint, .Cmd]')" '[[],null]'
is "null removes" "$(merged '{"Entrypoint": null, "Env": null, "Labels": null, "Healthcheck": null, "User": null}' \
    '[.Entrypoint, .Cmd, has("Env"), has("Labels"), has("Healthcheck"), has("User")]')" \
    '[null,["/base"],false,false,false,false]'
for wrong in '{"Env": ["A"]}' '{"Env": {"A": "b"}}' '{"Cmd": 1}' '{"Cmd": [1]}' '{"Labels": {"a": 1}}' '{"Labels": []}' \
    '{"ExposedPorts": ["80"]}' '{"Volumes": {"/a": true}}' '{"Healthcheck": "x"}' '{"StopTimeout": "1"}' \
    '{"env": []}' '{"User": 1}'; do
    merged "$wrong" . > /dev/null
    exits 3 "$wrong"
    says "$wrong: where" "line [0-9]*, column [0-9]*: key 'config\\."
done

# --- Every key of Docker's, through every program
all='{"Hostname": "h", "Domainname": "d", "User": "1:2", "ExposedPorts": {"1/tcp": {}}, "Env": ["PATH=/bin", "X=ü \"q\""],
    "Cmd": ["-c", "a <b> & c"], "Healthcheck": {"Test": ["CMD", "/a"], "Interval": 30000000000, "Timeout": 1000000000,
    "StartPeriod": 5000000000, "Retries": 3}, "ArgsEscaped": true, "Volumes": {"/v": {}}, "WorkingDir": "/w",
    "Entrypoint": ["/entry"], "OnBuild": ["RUN x"], "Labels": {"k.l": "v"}, "StopSignal": "SIGRTMIN+3", "StopTimeout": 10,
    "Shell": ["/bin/sh", "-c"]}'
jq -n --argjson config "$all" '{name: "test/config", tag: "t", contents: "base.tar", config: $config}' > "$WORK/all.json"
build all
exits 0 "every key"
is "every key is there" "$(config "$WORK/all.tar" '.config | tojson | fromjson' | jq -Sc .)" "$(jq -Sc . <<< "$all")"
run --spec all.json --format oci -o all
for form in docker-archive:all.tar oci:all:t; do
    run inspect "$form"
    is "inspect $form" "$(jq -Sc .config "$WORK/out")" "$(jq -Sc . <<< "$all")"
    # (skopeo knows the keys of OCI only.)
    is "skopeo inspect $form" "$(cd "$WORK" && skopeo inspect --config "$form" |
        jq -Sc '.config | [.User, .Env, .Cmd, .Entrypoint, .Volumes, .WorkingDir, .Labels, .StopSignal, .ExposedPorts]')" \
        "$(jq -Sc '[.User, .Env, .Cmd, .Entrypoint, .Volumes, .WorkingDir, .Labels, .StopSignal, .ExposedPorts]' <<< "$all")"
done
if [ "$(id -u)" -eq 0 ]; then
    ok "docker load" docker load --quiet --input "$WORK/all.tar"
    is "docker inspect" "$(docker inspect test/config:t | jq -Sc '.[0].Config | with_entries(select(.key as $k |
        ["AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Image"] | index($k) | not))')" \
        "$(jq -Sc . <<< "$all")"
    docker save --output "$WORK/saved.tar" test/config:t
    chmod a+r "$WORK/saved.tar"
    run inspect saved.tar
    is "what docker saves is the same image" "$(jq -r .id "$WORK/out")" \
        "sha256:$(config "$WORK/all.tar" . > /dev/null; image config "$WORK/all.tar" | sha256sum | cut -c 1-64)"
else
    skip "docker load" "the Docker Engine needs root"
fi

done_testing
