#!/bin/bash
# The manual pages and completions that are installed with the program: complete, the same each time,
# and every command of their EXAMPLES works.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"

need jq docker-registry skopeo

SHARE=$(dirname "$(dirname "$VMBUILD")")/share
PAGE=$SHARE/man/man1/vmbuild.1
SPEC_PAGE=$SHARE/man/man5/vmbuild-spec.5
COMPLETIONS=("$SHARE/bash-completion/completions/vmbuild" "$SHARE/zsh/site-functions/_vmbuild"
    "$SHARE/fish/vendor_completions.d/vmbuild.fish")
for file in "$PAGE" "$SPEC_PAGE" "${COMPLETIONS[@]}"; do
    ok "${file#"$SHARE/"} is installed" test -s "$file"
done

# plain FILE: a page without the marks of hyphens and the like.
plain() {
    sed -e 's/\\-/-/g' -e 's/\\e/\\/g' -e 's/\\&//g' -e "s/\\\\(aq/'/g" "$1"
}

# lacks WHERE WORD...: says which words are not on standard input as words of their own.
lacks() {
    local where=$1 text word missing=()
    shift
    text=$(cat)
    for word; do
        grep -qwF -e "$word" <<< "$text" || missing+=("$word")
    done
    is "$where: all of $# are there" "${missing[*]}" ""
}

# --- Commands and options

run --help
mapfile -t commands < <(sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' "$WORK/out")
is "there are commands" "$((${#commands[@]} >= 10))" 1
options=()
for command in "${commands[@]}"; do
    run "$command" --help
    mapfile -t -O ${#options[@]} options < <(sed -n 's/^ *\(-[a-z], \)\{0,1\}--\([a-z-]*\).*/\2/p' "$WORK/out")
done
mapfile -t options < <(printf '%s\n' "${options[@]}" | sort -u)
is "there are options" "$((${#options[@]} >= 20))" 1
lacks "vmbuild(1), commands" "${commands[@]/#/Ic }" < <(plain "$PAGE")
lacks "vmbuild(1), options" "${options[@]/#/Fl -}" < <(plain "$PAGE")
for file in "${COMPLETIONS[@]}"; do
    lacks "${file##*/}, commands" "${commands[@]}" < "$file"
    lacks "${file##*/}, options" "${options[@]}" < "$file"
done

# --- Keys of the spec

run schema
mapfile -t keys < <(jq -r '.properties | del(.images) | keys[]' "$WORK/out")
is "there are keys" "$((${#keys[@]} >= 20))" 1
lacks "vmbuild-spec(5), keys" "${keys[@]/#/It Cm }" < <(plain "$SPEC_PAGE")
for file in "${COMPLETIONS[@]}"; do
    lacks "${file##*/}, keys" "${keys[@]/%/=}" < "$file"
done

# --- Exit codes and environment variables

mapfile -t codes < <(sed -n 's/^ *EXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' "$TOP/host/lib/error.h")
is "there are exit codes" "$((${#codes[@]} >= 12))" 1
lacks "vmbuild(1), exit codes" "${codes[@]}" \
    < <(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It//p' "$PAGE")

# What looks like a variable in the sources that read some.
mapfile -t variables < <(grep -lr 'getenv(' "$TOP/host" --include='*.c' |
    xargs grep -hoE '"([A-Z]+(_[A-Z]+)+|HOME|PATH|TMPDIR)"' | tr -d '"' | sort -u)
lacks "variables are found" HOME PATH TMPDIR VMBUILD_QEMU HTTPS_PROXY DOCKER_CONFIG <<< "${variables[*]}"
lacks "the pages, variables" "${variables[@]}" < <(grep -hE '^\.(It )?Ev ' "$PAGE" "$SPEC_PAGE")

# --- The same each time

for name in vmbuild.1 vmbuild-spec.5 vmbuild-cookbook.7 vmbuild-dockerfile.7 vmbuild.bash vmbuild.zsh vmbuild.fish; do
    "$TOP/build/manual/generate" "$TOP/host/manual/$name.in" > "$WORK/again"
    ok "$name does not depend on when it is made" cmp "$TOP/build/manual/$name" "$WORK/again"
done
if command -v mandoc > /dev/null; then
    for page in "$PAGE" "$SPEC_PAGE" "$SHARE"/man/man7/vmbuild-{cookbook,dockerfile}.7; do
        is "${page##*/}: valid mdoc" "$(mandoc -Tlint -Wwarning "$page" 2>&1)" ""
    done
else
    skip "valid mdoc" "no mandoc here"
fi

# --- EXAMPLES

# examples FILE: the literal displays of its EXAMPLES, each with a NUL behind it.
examples() {
    plain "$1" | awk '/^\.Sh/ { wanted = /EXAMPLES/ } /^\.Ed/ && wanted { inside = 0; printf "%c", 0 }
        inside { print } /^\.Bd/ && wanted { inside = 1 }'
}

start_registry own
ok "the base is in the registry" skopeo copy --insecure-policy --quiet --dest-tls-verify=false \
    "docker-archive:$(base debian)" "docker://127.0.0.1:$PORT/debian:12"
as_user mkdir home home/public home/packages
echo hello | as_user tee home/public/index.html > /dev/null
tar -C "$WORK/home" -czf "$WORK/conf.tar.gz" public
as_user cp conf.tar.gz home
echo true | as_user tee home/install.sh > /dev/null
echo token | as_user tee .token > /dev/null
specs=()
while IFS= read -r -d '' text; do
    text=${text//localhost:5000/localhost:$PORT}
    name=$(jq -r '.name | split("/")[-1]' <<< "$text").json
    as_user tee "home/$name" <<< "$text" > /dev/null
    specs+=("$name")
done < <(examples "$SPEC_PAGE")
is "all specs were found" "${#specs[@]}" 4
# shellcheck disable=SC2034 # for as_user
USER_ENV=(PATH="$(dirname "$VMBUILD"):/usr/bin:/bin" "XDG_CACHE_HOME=$WORK/cache" CI_TOKEN=token)
lines=0
while IFS= read -r -d '' text; do
    while IFS= read -r line; do
        line=${line//localhost:5000/localhost:$PORT}
        STATUS=0
        terminal=()
        [[ $line != *"--on-failure shell"* ]] || terminal=("$TOP/tests/terminal.py" 24 80 "$WORK/shown")
        as_user "${terminal[@]}" bash -o pipefail -c "cd home && $line" \
            > "$WORK/out" 2> "$WORK/err" < /dev/null || STATUS=$?
        exits 0 "$line"
        lines=$((lines + 1))
    done < <(sed '/^$/d' <<< "$text")
done < <(examples "$PAGE")
is "all commands were found" "$lines" 18
for made in debian.tar.gz hello.tar.gz checked.tar.gz hello.oci/index.json rootfs.tar; do
    ok "$made was made" test -s "$WORK/home/$made"
done
for name in "${specs[@]}"; do
    run --spec "home/$name" --dry-run
    exits 0 "the example $name"
done
as_user sh -c 'cd home && vmbuild --spec site.json' > "$WORK/out" 2> "$WORK/err"
like "site.json: its layer" "$(layer "$WORK/home/site.tar.gz")" ' index\.html$'

done_testing
