#!/bin/bash
# Invalid specs: exit code 3, one line that names the place and the cause.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# refuses NAME REGEX: the spec on standard input.
refuses() {
    spec bad
    build bad
    exits 3 "$1"
    says "$1: the message" "^vmbuild: .*$2"
    leaves_nothing "$1" "$WORK/bad.tar"
}

# --- Specs
refuses "not JSON" 'line 3, column [0-9]+' <<'END'
{
  "name": "x",
  "tag" "latest"
}
END
refuses "cut off" 'line 1' <<< '{"name": "x"'
refuses "empty" 'bad\.json' < /dev/null
says "empty: what is wrong" '^vmbuild: the file is empty'
refuses "YAML" 'line 1' <<< $'name: x\nfromImage: debian.tar'
says "YAML: what to do" '^vmbuild: .*YAML'
refuses "a line end in a string" 'line 2, column 24' <<< $'{"name": "x",\n "runAsRoot": "echo one\necho two"}'
says "a line end in a string: what to do" '^vmbuild: .*\\n.*"file"'
refuses "a comma too many" 'line 1, column 13' <<< '{"name": "x",}'
says "a comma too many: what to do" '^vmbuild: leave out the comma'
printf '\xef\xbb\xbf{"name": "x"}' | spec marked
build marked
exits 0 "a byte order mark"
refuses "a key of config" 'Cmd' <<< '{"name": "x", "Cmd": ["x"]}'
says "a key of config: where it belongs" "did you mean 'Cmd' in 'config'"
refuses "a key of another program" 'copyToRoot' <<< '{"name": "x", "copyToRoot": []}'
says "a key of another program: what it is here" "did you mean 'contents'"
refuses "ExposedPorts as a list" 'config.ExposedPorts' <<< '{"name": "x", "config": {"ExposedPorts": ["80/tcp"]}}'
says "ExposedPorts as a list: an example" '^vmbuild: such as "ExposedPorts": \{"NAME"'
refuses "something after the end" 'line 2' <<< $'{"name": "x"}\n{"name": "y"}'
refuses "an array" 'object' <<< '["name"]'
refuses "not UTF-8" 'UTF-8|utf8|invalid' < <(printf '{"name": "\xff\xfe"}')
refuses "a wrong type" "line 2.*memory|memory.*line 2" <<'END'
{ "name": "x",
  "memory": "much" }
END
refuses "a wrong type in a list" 'contents' <<< '{"name": "x", "contents": ["a", 7]}'
refuses "an unknown key, with the nearest" 'runAsRot.*' <<< '{"name": "x", "runAsRot": "true"}'
says "the nearest known key" "runAsRoot"
refuses "a key given twice" 'tag' <<< '{"name": "x", "tag": "a", "tag": "b"}'
refuses "no name" 'name' <<< '{"tag": "x"}'
refuses "an invalid name" 'UPPER' <<< '{"name": "UPPER/Case"}'
refuses "an invalid tag" 'tag' <<< '{"name": "x", "tag": "a tag"}'
refuses "a fraction where a whole number belongs" 'cpus' <<< '{"name": "x", "cpus": 1.5}'
refuses "a number too large" 'memory' <<< '{"name": "x", "memory": 99999999999999999999}'
refuses "no memory at all" 'memory' <<< '{"name": "x", "memory": 0}'
refuses "an invalid time" 'created' <<< '{"name": "x", "created": "yesterday"}'
refuses "a base that does not exist" 'missing\.tar.*No such file' \
    <<< '{"name": "x", "fromImage": "missing.tar", "runAsRoot": "true"}'
refuses "contents that do not exist" 'nowhere.*No such file' <<< '{"name": "x", "contents": "nowhere"}'
refuses "a script that does not exist" 'nothing\.sh.*No such file' \
    <<< '{"name": "x", "runAsRoot": {"file": "nothing.sh"}}'

# --- A spec that is not there, or too deep
run --spec nowhere.json --output x.tar
exits 3 "a spec that does not exist"
says "a spec that does not exist: the message" "^vmbuild: .*nowhere\.json.*No such file"

# Each opens 100 MB of arrays or objects.
for open in '[' '{"a":'; do
    python3 -c 'import sys; sys.stdout.write(sys.argv[1] * (100_000_000 // len(sys.argv[1])))' "$open" |
        spec deep
    build deep
    exits 3 "100 MB of nested '$open'"
    says "100 MB of nested '$open': the message" '^vmbuild: .*deep\.json'
    is "100 MB of nested '$open': one short message" \
        "$(($(wc -c < "$WORK/err") < 1000))" 1
done
rm "$WORK/deep.json"

# --- The command line
run
exits 2 "no command"
run --no-such-option
exits 2 "an unknown option"
run no-such-command
exits 2 "an unknown command"
says "an unknown command: the message" 'no-such-command'
for word in help version; do
    run "$word"
    exits 2 "the command $word"
    says "the command $word: what is meant" "did you mean 'vmbuild --$word'"
done
run app.json
exits 2 "a spec in the place of a command"
says "a spec in the place of a command: what is meant" "did you mean 'vmbuild --spec app.json'"
run build --output x app.json
exits 2 "a spec as an argument"
spec good <<< '{"name": "x"}'
run --spec good.json other.json
exits 2 "a further spec"
says "a further spec: the message" "the spec has no image 'other.json'"
run inspect docker.io/debian:12
exits 3 "a registry's image without its transport"
says "a registry's image without its transport: what is meant" \
    "use docker://docker.io/library/debian:12"
spec plain <<< '{"name": "x", "fromImage": "debian:12"}'
run --spec plain.json
exits 3 "the same as fromImage"
says "the same as fromImage: what is meant" "use docker://docker.io/library/debian:12"
run --spec good.json --memory much
exits 2 "an option's value of the wrong kind"

done_testing
