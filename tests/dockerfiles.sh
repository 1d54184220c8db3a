# shellcheck shell=bash
# For tests that compare what vmbuild makes of Dockerfiles with what Docker does, sourced after
# tests/lib.sh. The Dockerfiles are those of tests/dockerfiles/cases.txt. The engine's BuildKit is asked
# through its API, since Debian's client has no part for it.

need curl docker jq python3
need_root "a Docker Engine"

CASES=$TOP/tests/dockerfiles/cases.txt
DIFFERENCES=$TOP/tests/dockerfiles/differences.txt
CONTEXT=$WORK/context

# make_context: what the Dockerfiles copy.
make_context() {
    mkdir -p "$CONTEXT"/{dir/sub,dir/empty,links/folder,nested/deep,ignored-folder} "$WORK/tree/top/sub"
    (
        cd "$CONTEXT" || exit
        echo a > a.txt
        echo b > b.txt
        echo spaces > "with space.txt"
        printf '#!/bin/sh\necho run\n' > run.sh
        echo private > private
        echo one > dir/one
        echo two > dir/two
        echo hidden > dir/.hidden
        echo three > dir/sub/three
        echo linked > links/folder/file
        ln -s folder/file links/to-file
        ln -s folder links/to-folder
        ln -s nowhere links/broken
        ln -s /etc/passwd links/absolute
        echo x > ignored.log
        echo x > ignored-folder/file
        echo x > nested/kept
        echo x > nested/left.tmp
        echo x > nested/deep/left.tmp
        echo x > nested/deep/kept.tmp
        echo no archive > broken.tar.gz
        printf '%s\n' '# left out' 'ignored*' '**/*.tmp' '!nested/deep/kept.tmp' > .dockerignore
        chmod 755 run.sh
        chmod 600 private
        chmod 4711 dir/two
        chmod 700 dir/sub
        chmod 1777 dir/empty
    )
    echo top > "$WORK/tree/top/file"
    echo sub > "$WORK/tree/top/sub/file"
    ln -s file "$WORK/tree/top/link"
    ln "$WORK/tree/top/file" "$WORK/tree/top/hard"
    chmod 640 "$WORK/tree/top/sub/file"
    chown -R 12:34 "$WORK/tree/top/sub"
    find "$WORK/tree" -exec touch -h -d 2011-12-13T14:15:16Z {} +
    local kind
    tar -C "$WORK/tree" --sort=name -cf "$CONTEXT/tree.tar" top
    for kind in gzip:gz bzip2:bz2 xz:xz; do
        "${kind%:*}" -c "$CONTEXT/tree.tar" > "$CONTEXT/tree.tar.${kind#*:}"
    done
    find "$CONTEXT" -exec touch -h -d 2012-01-02T03:04:05Z {} +
    chown -R "$NOBODY:$NOBODY" "$CONTEXT"
}

# case_names: all of them.
case_names() {
    sed -n 's/^=== \([^ ]*\).*/\1/p' "$CASES"
}

# as_form NAME: standard input with the ends of lines, or the mark at the beginning, that the case has.
as_form() {
    case $(words "$1" form) in
    crlf) sed 's/$/\r/' ;;
    bom) printf '\xef\xbb\xbf' && cat ;;
    *) cat ;;
    esac
}

# part NAME [ENGINE]: the Dockerfile of the case; with ENGINE, the one that the engine gets.
part() {
    awk -v name="$1" -v engine="${2-}" '
        /^=== / { inside = $2 == name; is_other = 0; next }
        /^--- docker$/ { is_other = 1; next }
        inside { text[is_other] = text[is_other] $0 "\n" }
        END { printf "%s", engine && text[1] != "" ? text[1] : text[0] }' "$CASES" | as_form "$1"
}

# words NAME KEY: the values of KEY in the head of the case.
words() {
    sed -n "s/^=== $1\( .*\)\{0,1\}$/\1/p" "$CASES" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# engine_api PATH [CURL-OPTION...]
engine_api() {
    local path=$1
    shift
    curl --silent --show-error --max-time 600 --unix-socket "$VMBUILD_TESTS/docker/socket" "$@" \
        "http://localhost/$path"
}

# engine_build NAME [PARAMETER...]: what the engine makes of the case NAME becomes $WORK/NAME.docker.tar. With
# the parameter builder=classic it is made by its classic builder, whose client sends what .dockerignore
# leaves of the context.
engine_build() (
    local name=$1 file=$WORK/$1.Dockerfile answer parameters
    shift
    # Tests that run at the same time have the same images.
    exec 8> "$VMBUILD_TESTS/docker/builds"
    flock 8
    part "$name" engine > "$file"
    if [[ " $* " == *" builder=classic "* ]]; then
        answer=$(DOCKER_BUILDKIT=0 docker build --network none --tag "$name" --file - "$CONTEXT" < "$file" 2>&1)
    else
        parameters=$(printf '&%s' version=2 networkmode=none "t=$name" "dockerfile=${file##*/}" "$@")
        answer=$(tar -c --owner=0 --group=0 --numeric-owner -C "$CONTEXT" . -C "$WORK" "${file##*/}" |
            engine_api "build?${parameters#&}" -H 'Content-Type: application/x-tar' --data-binary @- |
            grep -v '"id":"moby.buildkit.trace"')
    fi
    # The newer engine's answer of success is the image's ID alone.
    if [[ $answer != *"Successfully tagged"* && $answer != *'"id":"moby.image.id"'* ]]; then
        echo "$answer" | tail -n 5
        return 1
    fi
    docker save -o "$WORK/$name.docker.tar" "$name"
)

# engine_parameters NAME: those of the case.
engine_parameters() {
    local -a arguments
    mapfile -t arguments < <(words "$1" arg)
    words "$1" builder | sed 's/^/builder=/'
    words "$1" target | sed 's/^/target=/'
    [ ${#arguments[@]} -eq 0 ] || echo "buildargs=$(printf '%s\n' "${arguments[@]}" |
        jq -Rsr 'split("\n") | map(select(. != "") | split("=") | {(.[0]): .[1:] | join("=")}) | add | @json | @uri')"
}

# make_bases: the images that the Dockerfiles start from, in the engine and as $WORK/NAME.docker.tar.
make_bases() {
    local name
    docker load --quiet --input "$(base busybox)" > /dev/null || return
    for name in base with-cmd with-triggers; do
        engine_build "$name" || return
        mv "$WORK/$name.docker.tar" "$WORK/$name.tar"
        chmod 644 "$WORK/$name.tar"
    done
}

# prepare_dockerfiles: makes all that the cases need, or ends the test.
prepare_dockerfiles() {
    docker version > /dev/null 2>&1 || skip_all "no Docker Engine starts here"
    make_context
    echo token > "$WORK/token"
    ok "the images to start from" make_bases
}

# own_build NAME: what vmbuild makes of the case becomes $WORK/NAME.tar. Its messages go to $WORK/NAME.err.
own_build() {
    local name=$1 word
    local -a options=()
    while IFS= read -r word; do options+=(--target "$word"); done < <(words "$name" target)
    while IFS= read -r word; do options+=(--build-arg "$word"); done < <(words "$name" arg)
    for word in base with-cmd with-triggers; do
        options+=(--build-context "$word=docker-archive:$WORK/$word.tar")
    done
    part "$name" > "$WORK/$name.own"
    as_user "$VMBUILD" build --file "$WORK/$name.own" "${options[@]}" --secret "id=token,src=$WORK/token" \
        --output "docker-archive:$WORK/$name.tar" --compression none "$CONTEXT" > "$WORK/$name.out" 2> "$WORK/$name.err"
}

# unexpected NAME LINE...: the lines, differences of the case, that no rule of $DIFFERENCES is about. A rule is
# a pattern for names, a regular expression, and a reason.
unexpected() {
    local name=$1 line pattern expression
    shift
    for line; do
        while IFS=$'\t' read -r pattern expression _; do
            # shellcheck disable=SC2053 # it is a pattern
            [[ -z $expression || $pattern == \#* || ! $name == $pattern || ! $line =~ $expression ]] || continue 2
        done < "$DIFFERENCES"
        echo "$line"
    done
}

# compare NAME: builds the case by both, and compares what they have made.
compare() {
    local name=$1
    local -a parameters timed lines
    mapfile -t parameters < <(engine_parameters "$name")
    mapfile -t timed < <(words "$name" timed)
    # Other instructions, or another builder, have another history.
    if [ "$(part "$name")" != "$(part "$name" engine)" ] || [ -n "$(words "$name" builder)" ]; then
        timed+=(--no-history)
    fi
    ok "$name: the engine builds it" engine_build "$name" "${parameters[@]}"
    if own_build "$name"; then
        pass "$name: vmbuild builds it"
    else
        fail "$name: vmbuild builds it" "$(tail -n 20 "$WORK/$name.err")"
        return
    fi
    mapfile -t lines < <("$TOP/tests/dockerfiles/compare.py" "$WORK/$name.docker.tar" "$WORK/$name.tar" "${timed[@]}" 2>&1)
    is "$name: they are the same" "$(unexpected "$name" "${lines[@]}")" ""
    rm -f "$WORK/$name".{docker.tar,tar}
}

# compare_all PATTERN...: each case whose name matches one.
compare_all() {
    local name pattern
    while read -r name; do
        for pattern; do
            # shellcheck disable=SC2053 # it is a pattern
            [[ $name != $pattern ]] || compare "$name"
        done
    done < <(case_names)
}
