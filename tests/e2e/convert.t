#!/bin/bash
# Dockerfiles as specs: what `convert` prints, what is warned of, and what is refused with its line.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

as_user mkdir -p app/src assets
echo hello | as_user tee app/src/hello assets/logo > /dev/null
BASE=(--build-context "debian:12=docker-archive:$(base busybox)")

# dockerfile NAME: standard input becomes the file app/NAME.
dockerfile() {
    as_user tee "app/$1" > /dev/null
}

# convert ARGUMENT...: with the base.
convert() {
    run convert "${BASE[@]}" "$@"
}

dockerfile Dockerfile << 'END'
FROM debian:12 AS tools
RUN echo tool > /tool
FROM debian:12
ARG WHO=you
WORKDIR /srv
COPY src .
COPY --from=tools /tool /usr/bin/
RUN echo "$WHO" > who
CMD ["cat", "who"]
END

# --- What is printed

convert app
exits 0 "the Dockerfile of a context"
cp "$WORK/out" "$WORK/app.json"
is "an image for each layer" "$(jq -r '.images | keys_unsorted | join(" ")' "$WORK/out")" \
    "stage-1-1 tools stage-1-2 stage-1-3 stage-1-4 stage-1"
is "it is indented" "$(sed -n 2p "$WORK/out")" '  "images": {'
is "the context, as it was given" "$(jq -r '.images["stage-1-2"].contents[0] | [.source, .path, .target] | join(" ")' \
    "$WORK/out")" "app /src /srv/"
is "the image has the context's name" "$(jq -r '.images["stage-1"].name' "$WORK/out")" app
is "the history" "$(jq -r '.images["stage-1-4"].createdBy' "$WORK/out")" \
    'RUN |1 WHO=you /bin/sh -c echo "$WHO" > who # buildkit'
cp "$WORK/out" "$WORK/printed.json"
run --spec printed.json --dry-run
exits 0 "what was printed is a spec"
is "each image is in the plan" "$(jq '.images | length' "$WORK/out")" 6
run build "${BASE[@]}" --file app/Dockerfile --dry-run app
exits 0 "build --file"
is "the same plan" "$(cat "$WORK/out")" "$(as_user "$VMBUILD" --spec printed.json --dry-run)"
convert --target tools app
is "a stage alone" "$(jq -c '.images | keys' "$WORK/out")" '["tools"]'
convert --target tolos app
exits 2 "an unknown stage"
says "an unknown stage: which one was meant" "did you mean 'tools'"
USER_ENV=(WHO=them)
convert --build-arg WHO app
USER_ENV=()
is "an ARG of the environment" "$(jq -r '.images["stage-1-4"].env.WHO' "$WORK/out")" them
convert -t localhost:5000/team/app:1.2 app
is "a name" "$(jq -r '.images["stage-1"] | [.name, .tag] | join(" ")' "$WORK/out")" "localhost:5000/team/app 1.2"
convert --squash app
is "one layer" "$(jq -c '.images["stage-1"] | .contents, .config.Cmd' "$WORK/out" | tr '\n' ' ')" \
    '[{"image":{"use":"stage-1-layers"},"path":"/"}] ["cat","who"] '
INPUT=$WORK/app/Dockerfile convert -f - app
is "a Dockerfile from standard input" "$(cat "$WORK/out")" "$(cat "$WORK/app.json")"
printf 'FROM debian:12 AS a\nCOPY --from=assets logo /\n' | dockerfile from-context
convert -f app/from-context --build-context assets=assets app
is "a directory of its own" "$(jq -r '.images.a.contents[0].source' "$WORK/out")" assets

# --- What is left out of the context

printf 'FROM debian:12 AS a\nCOPY src /\n' | dockerfile other
echo src/hello | dockerfile .dockerignore
convert -f app/other app
is "the context's file" "$(jq -r '.images.a.contents[0].excludeFile' "$WORK/out")" app/.dockerignore
: | dockerfile other.dockerignore
convert -f app/other app
is "a file of the Dockerfile's own comes first" "$(jq -r '.images.a.contents[0].excludeFile' "$WORK/out")" \
    app/other.dockerignore
rm "$WORK/app/.dockerignore"

# --- Warnings

printf '%s\n' 'FROM debian:12 AS Base' 'MAINTAINER me' 'ENV A $B' 'CMD a' | dockerfile warned
convert -f app/warned app
exits 0 "warnings"
for rule in 1:.StageNameCasing 2:.MaintainerDeprecated 3:.LegacyKeyValueFormat 3:.UndefinedVar \
    4:.JSONArgsRecommended; do
    says "a warning of ${rule#*.}" "^vmbuild: app/warned:$rule: "
done
is "no other" "$(grep -c '^vmbuild: app/warned:' "$WORK/err")" 5
is "the spec is printed all the same" "$(jq -r '.images.base.author' "$WORK/out")" me
convert --check -f app/warned app
exits 3 "convert --check"
is "convert --check: no spec" "$(cat "$WORK/out")" ""
convert --check app
exits 0 "convert --check without a warning"
printf '# check=skip=all\n%s\n' 'FROM debian:12 AS Base' | dockerfile skipping
convert --check -f app/skipping app
exits 0 "rules that are left out"
printf '# check=error=true\n%s\n' 'FROM debian:12 AS Base' | dockerfile strict
convert -f app/strict app
exits 3 "warnings that are errors"
says "warnings that are errors: why" "check 'app/strict': it makes errors of warnings"

jq -n '{name: "arm", architecture: "arm64", contents: ["assets"]}' > "$WORK/arm.json"
build arm
printf 'FROM arm AS a\nCOPY src /\n' | dockerfile arm
run convert --build-context arm=docker-archive:arm.tar -f app/arm app
exits 0 "a base image of another platform"
says "a base image of another platform: a warning" \
    "^vmbuild: app/arm:1: InvalidBaseImagePlatform: the base image 'arm' is for 'linux/arm64', and the build for 'linux/amd64'"
printf 'FROM --platform=linux/aarch64/v8 arm AS arm64\nCOPY src /\n' | dockerfile arm
run convert --check --build-context arm=docker-archive:arm.tar -f app/arm app
says "a base image of the platform that was asked for" "FromPlatformFlagConstDisallowed" # its own is not in the name
unlike "a base image of the platform that was asked for: no warning" "$(cat "$WORK/err")" InvalidBase

# --- What is refused

# refuses NAME LINE REGEX INSTRUCTION...: a Dockerfile with the instructions behind FROM.
refuses() {
    local name=$1 line=$2 regex=$3
    shift 3
    printf '%s\n' 'FROM debian:12' "$@" | dockerfile refused
    convert -f app/refused app
    exits 3 "$name"
    says "$name: file, line and cause" "^vmbuild: read 'app/refused': line $line: $regex"
}

refuses "an image that a variable names" 2 "RUN: '--mount=from=.X,target=/m': 'from=.X' has a variable" \
    'RUN --mount=from=$X,target=/m true'
refuses "an SSH agent" 2 "RUN: '--mount=type=ssh': the type ssh is not supported" 'RUN --mount=type=ssh true'
says "an SSH agent: what to write" "use a key as a secret"
refuses "a cache of an image" 2 "RUN: '--mount=type=cache,.*': a cache with 'from' is not supported" \
    'RUN --mount=type=cache,target=/c,from=debian:12 true'
says "a cache of an image: what to write" "from a mount type=bind"
refuses "a device" 2 "RUN: '--device' is not supported" 'RUN --device=gpu true'
refuses "the host's network" 2 "RUN: '--network=host'" 'RUN --network=host true'
says "the host's network: what to write" "build --allow-network"
refuses "privileges" 2 "RUN: '--security=insecure' is not supported" 'RUN --security=insecure true'
refuses "a repository" 3 "ADD: 'https://h/r.git': Git repositories" 'RUN true' 'ADD https://h/r.git /r'
refuses "an unknown instruction" 2 "unknown instruction 'COPPY'" 'COPPY a b'
says "an unknown instruction: which one was meant" "did you mean 'COPY'"
refuses "a signal" 2 "STOPSIGNAL: unknown signal" 'STOPSIGNAL SIGNOT'
refuses "a mode" 2 "COPY: '--chmod=99'" 'COPY --chmod=99 src /'
refuses "a stage that is not there" 2 "COPY: the stage 7 is not before" 'COPY --from=7 /a /'
printf 'FROM debian:12\nCOPY nothing /\nRUN true\n' | dockerfile missing
run build "${BASE[@]}" -f app/missing -o missing.tar app
exits 3 "a file that is not in the context"
says "a file that is not in the context: which one" "/nothing"
for words in "--platform linux/amd32" "--spec x.json" "-t a -t b"; do
    # shellcheck disable=SC2086 # words
    run build --file app/Dockerfile $words app
    exits 2 "build --file $words"
done
says "two names: what to write" "-o docker-archive:FILE:NAME"
run build --spec x.json --target a
exits 2 "a stage of a spec"
says "a stage of a spec: why" "read option '--target': it needs --file"
run build
exits 2 "neither a spec nor a Dockerfile"
run convert -f app/Dockerfile https://localhost/context.tar
exits 2 "a context that is no directory"
says "a context that is no directory: what to do" "unpack or clone it first"
run convert nowhere
exits 3 "a context that is missing"

# --- Built

REUSE=1 run build "${BASE[@]}" --file app/Dockerfile -o app.tar app
exits 0 "build --file to an archive"
REUSE=1 run --spec printed.json -o printed.tar
exits 0 "the spec that was printed"
ok "it is the same image" cmp "$WORK/app.tar" "$WORK/printed.tar"
unlike "nothing was built twice" "$(cat "$WORK/err")" '(-1-[0-9]|tools): built in'
like "what is in it" "$(layer "$WORK/app.tar" -1)" '/srv/who$| srv/who$'
is "its command" "$(config "$WORK/app.tar" .config.Cmd)" '["cat","who"]'
REUSE=1 run build "${BASE[@]}" --file app/Dockerfile --squash -o squashed.tar app
exits 0 "build --squash"
is "build --squash: one layer" "$(config "$WORK/squashed.tar" '.rootfs.diff_ids | length')" 1
is "build --squash: the same config" "$(config "$WORK/squashed.tar" '.config | del(.Env)')" \
    "$(config "$WORK/app.tar" '.config | del(.Env)')"
printf 'FROM debian:12\nWORKDIR /made\nCMD ["x"]\n' | dockerfile timed
run build "${BASE[@]}" --file app/timed --build-arg SOURCE_DATE_EPOCH=1800000000 -o timed.tar app
exits 0 "SOURCE_DATE_EPOCH"
is "SOURCE_DATE_EPOCH: the time of the image and its history" \
    "$(config "$WORK/timed.tar" '[.created, .history[-1].created, .history[-2].created] | unique')" '["2027-01-15T08:00:00Z"]'
last=$(tar -xOf "$WORK/timed.tar" manifest.json | jq -r '.[0].Layers[-1]')
like "SOURCE_DATE_EPOCH: the time of what is made" \
    "$(tar -xOf "$WORK/timed.tar" "$last" | tar --utc --full-time -tv)" ' 2027-01-15 08:00:00 made/$'
run build "${BASE[@]}" --file app/timed --build-arg SOURCE_DATE_EPOCH=context -o timed.tar app
exits 3 "SOURCE_DATE_EPOCH of the context"
says "SOURCE_DATE_EPOCH of the context: why" "SOURCE_DATE_EPOCH must be a whole number of seconds .*, not 'context'"
printf 'FROM scratch AS one\nENV A=1\nFROM one\nCMD ["x"]\n' | dockerfile nothing
run build --file app/nothing -t nothing:1 -o nothing.tar app
exits 0 "a config alone"
is "a config alone: no layer" "$(config "$WORK/nothing.tar" '[.rootfs.diff_ids, (.history | map(.empty_layer))]')" \
    '[[],[true,true]]'
is "a config alone: the config" "$(config "$WORK/nothing.tar" '[.config.Cmd, .config.Env[-1]]')" '[["x"],"A=1"]'
printf 'FROM nothing\nCOPY src /\n' | dockerfile something
run build --build-context nothing=docker-archive:nothing.tar --file app/something -o something.tar app
exits 0 "a base without a layer"
is "a base without a layer: the files" "$(layer "$WORK/something.tar" | sed 's/.* //')" hello
printf 'FROM debian:12\nRUN echo one > /one\nRUN echo two > /two\n' | dockerfile layers
REUSE=1 run build "${BASE[@]}" --file app/layers -o layers.tar app
exits 0 "two commands"
printf 'FROM debian:12\nRUN echo one > /one\nRUN echo three > /two\n' | dockerfile layers
REUSE=1 run build "${BASE[@]}" --file app/layers -o layers.tar app
exits 0 "the second of two commands changes"
like "the first is not run again" "$(cat "$WORK/err")" "^stage-0-1: cached"
like "the second is" "$(cat "$WORK/err")" "^stage-0: built"
REUSE=1 run build "${BASE[@]}" --file app/layers --no-cache -o layers.tar app
exits 0 "build --file --no-cache"
unlike "build --file --no-cache: nothing is taken from the cache" "$(cat "$WORK/err")" ": cached"
printf 'FROM debian:12\nRUN exit 7\n' | dockerfile failing
run build "${BASE[@]}" --file app/failing -o failing.tar app
exits 5 "a command that fails"
leaves_nothing "a command that fails" "$WORK/failing.tar"

done_testing
