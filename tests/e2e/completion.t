#!/bin/bash
# Completion in real shells: commands, options, the words that a value may be, keys of the spec.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

SHARE=$(dirname "$(dirname "$VMBUILD")")/share
# Nothing of the user's own is to be completed.
mkdir -p "$WORK/files/folder"
touch "$WORK/files/image.tar"

# words TEXT: its words, sorted, on a line.
words() {
    tr -s ' \n' '\n' <<< "$1" | sed '/^$/d' | LC_ALL=C sort | tr '\n' ' '
}

# check SHELL: what complete_SHELL offers for command lines.
check() {
    local shell=$1 line expected
    while IFS='|' read -r line expected; do
        is "$shell: $line" "$(words "$(cd "$WORK/files" && "complete_$shell" "$line" 2>&1)")" "$(words "$expected")"
    done <<'END'
vmbuild |build convert graph shell run resume export pull push copy login logout merge tarsum inspect list-tags doctor cache schema
vmbuild ex|export
vmbuild --form|--format
vmbuild pull --pl|--plain-http --platform
vmbuild --plain-http pu|pull push
vmbuild --cache-dir build pu|pull push
vmbuild export --me|
vmbuild --format |docker-archive oci-archive oci layer
vmbuild --spec x --format oc|oci oci-archive
vmbuild --compression z|zstd
vmbuild graph --format |json dot make slurm
vmbuild doctor --accel |auto auto,uml kvm tcg uml
vmbuild schema --progress |auto tty plain json none
vmbuild tarsum --version |v0 v1 dev
vmbuild cache |list prune verify path
vmbuild cache --limit |
vmbuild inspect --platform arm|arm arm64
vmbuild convert --build-|--build-arg --build-context
vmbuild convert --sq|--squash
vmbuild --set fromImage|fromImage= fromImageName= fromImageTag=
vmbuild --spec im|image.tar
vmbuild export im|image.tar
vmbuild push image.tar do|docker://
vmbuild push image.tar docker://a/b do|docker://
vmbuild copy image.tar oci|oci-archive: oci:
vmbuild export oci|oci-archive: oci:
vmbuild merge im|image.tar
END
}

# --- bash

# Splits LINE as bash does, and has its own completion called as bash would.
complete_bash() {
    bash --norc --noprofile -c '
        . "$1"
        line=$2
        read -r -a COMP_WORDS <<< "${line//[:=]/ & }"
        [[ $line != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
        eval "$(complete -p vmbuild | sed "s/.*-F \([^ ]*\) .*/\1/")"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$SHARE/bash-completion/completions/vmbuild" "$1"
}

check bash
is "bash: --format=" "$(words "$(complete_bash 'vmbuild --format=oc')")" "oci oci-archive "
is "bash: --format= at its end" "$(words "$(complete_bash 'vmbuild --format=')")" \
    "docker-archive layer oci oci-archive "
is "bash: behind a value with a colon" "$(words "$(complete_bash 'vmbuild pull docker://host:1/x --dig')")" "--digest "
is "bash: behind a value with =" "$(words "$(complete_bash 'vmbuild --set a=b --dry')")" "--dry-run "
is "bash: directories" "$(words "$(cd "$WORK/files" && complete_bash 'vmbuild --cache-dir f')")" "folder "

# --- zsh

# In a terminal of its own, with the matches written down as they are added.
complete_zsh() {
    python3 - "$SHARE/zsh/site-functions" "$1" <<'END'
import os
import pty
import select
import sys
import tempfile
import time

functions, line = sys.argv[1:]
hits = tempfile.NamedTemporaryFile()
setup = f"""
PS1='ready> '
fpath=({functions} $fpath)
autoload -Uz compinit
compinit -u -D
zstyle ':completion:*' list-prompt ''
zstyle ':completion:*' menu no
LISTMAX=10000
compadd() {{
    builtin compadd "$@"
    local -a found
    [[ ${{@[(I)-[OAD]*]}} -gt 0 ]] || {{
        builtin compadd -O found "$@"
        print -lr -- $found >> {hits.name}
    }}
    return 0
}}
list() {{ zle list-choices; print done >> {hits.name} }}
zle -N list
bindkey '^T' list
"""
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", HOME="/nonexistent")
    os.execvp("zsh", ["zsh", "-f", "-i"])


shown = b""


def read_until(condition):
    global shown
    end = time.monotonic() + 300
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"zsh does not go on: {shown[-2000:]!r}")
        if select.select([terminal], [], [], 0.05)[0]:
            shown += os.read(terminal, 65536)


with tempfile.NamedTemporaryFile("w") as script:
    script.write(setup)
    script.flush()
    os.write(terminal, f". {script.name}\n".encode())
    read_until(lambda: b"ready> " in shown)
    os.write(terminal, line.encode() + b"\x14")
    read_until(lambda: "done\n" in open(hits.name).read())
os.write(terminal, b"\x03exit\n")
os.close(terminal)
os.waitpid(pid, 0)
print("\n".join(word for word in dict.fromkeys(open(hits.name).read().split("\n")) if word != "done"))
END
}

if command -v zsh > /dev/null; then
    check zsh
else
    skip "completion in zsh" "no zsh here"
fi

# --- fish

# Also offers words that have the last one of LINE in their middle, in newer versions.
complete_fish() {
    HOME=$WORK/files fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
        "$SHARE/fish/vendor_completions.d/vmbuild.fish" "$1" | cut -f 1 |
        awk -v last="${1##* }" 'index($0, last) == 1'
}

if command -v fish > /dev/null; then
    check fish
    is "fish: --format=" "$(words "$(complete_fish 'vmbuild --format=oc')")" "--format=oci --format=oci-archive "
else
    skip "completion in fish" "no fish here"
fi

done_testing
