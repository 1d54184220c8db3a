#!/bin/bash
# Hooks and extraCommands: their order, their directories, their tools, their errors.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq

mkdir "$WORK/contents"
echo contents > "$WORK/contents/from-contents"
chmod -R a+rX "$WORK/contents"
# --- All hooks, in order
jq -n --arg base "$(base busybox)" '{
    name: "x", fromImage: $base, contents: "contents", env: {GREETING: "hello"},
    preMount: "
        echo pre $GREETING $(pwd); ls
        test -d layer && test -d image && test -f image/bin/busybox && test -f layer/from-contents
        test -z \"$(ls mnt)\"
        echo pre >> layer/order",
    runAsRoot: "
        test -f /from-contents
        test ! -e /image && test ! -e /layer
        echo run >> /order
        rm /etc/group",
    postMount: "
        test -f mnt/from-contents && test -f mnt/bin/busybox && test ! -e mnt/etc/group
        echo post >> mnt/order",
    postUmount: "
        test -z \"$(ls mnt)\"
        test -f layer/order
        echo umounted >> layer/order",
    extraCommands: "
        echo extra $(pwd)
        test -f from-contents
        echo extra >> order
        mkdir -p usr/local; ln -s /from-contents usr/local/link"
}' > "$WORK/job.json"
build job
exits 0 "all hooks"
is "all hooks: in their order" "$(file_of "$WORK/job.tar" order)" $'pre\nrun\npost\numounted\nextra'
says "all hooks: env is theirs too" '^pre hello '
listing=$(layer "$WORK/job.tar")
like "extraCommands work in the layer" "$listing" '^link 0777 0:0 usr/local/link -> /from-contents$'
like "a file deleted in the image" "$listing" 'etc/\.wh\.group$'
unlike "nothing of the hooks' directory" "$listing" ' (image|layer|mnt|work)(/| |$)'

# --- Hooks that fail
for hook in preMount postMount postUmount extraCommands; do
    jq -n --arg base "$(base busybox)" --arg hook $hook \
        '{name: "x", fromImage: $base, runAsRoot: "true", ($hook): "exit 3"}' > "$WORK/fails.json"
    build fails
    exits 5 "$hook fails"
    says "$hook fails: the message names it" "^vmbuild: .*'$hook'.*3"
    leaves_nothing "$hook fails" "$WORK/fails.tar"
done

# --- extraCommands alone
# extraCommands without a base and without a script: still in the guest.
spec pure <<< '{"name": "x", "contents": "contents", "extraCommands": "mv from-contents renamed; chown 5:6 renamed"}'
build pure
exits 0 "extraCommands of a layer without a script"
like "extraCommands of a layer without a script: its layer" "$(layer "$WORK/pure.tar")" '^file 0664 5:6 renamed$'

# --- shadowSetup
# What is missing, and nothing else.
image make "$WORK/bare.tar" <<END
{"layers": [[{"path": "bin/sh", "mode": "755", "hex": "$(xxd -p < /bin/busybox | tr -d '\n')"},
  {"path": "etc/login.defs", "data": "mine"}]]}
END
chmod a+r "$WORK/bare.tar"
script_spec shadow '{"name": "x", "fromImage": "bare.tar", "shadowSetup": true}' \
    <<< 'read root < /etc/passwd; [ "${root%%:*}" = root ]; read mine < /etc/login.defs || [ "$mine" = mine ]'
build shadow
exits 0 "shadowSetup"
listing=$(layer "$WORK/shadow.tar")
for file in etc/passwd etc/shadow etc/group etc/gshadow etc/pam.d/other; do
    like "shadowSetup: $file" "$listing" " $file\$"
done
like "shadowSetup: secrets are root's own" "$listing" '^file 0600 0:0 etc/shadow$'
unlike "shadowSetup: what the base has stays" "$listing" ' etc/login.defs$'

# --- shares
# Read-only, and gone from the layer.
mkdir "$WORK/shared"
echo shared > "$WORK/shared/file"
chmod -R a+rX "$WORK/shared"
jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base,
    shares: [{source: "shared", target: "/nix/store"}],
    runAsRoot: "cp /nix/store/file /copied; if echo x > /nix/store/file; then exit 1; fi"}' > "$WORK/shares.json"
build shares
exits 0 "shares"
is "shares: read" "$(file_of "$WORK/shares.tar" copied)" shared
unlike "shares: no trace" "$(layer "$WORK/shares.tar")" ' nix'
is "shares: read-only" "$(cat "$WORK/shared/file")" shared

# --- network
build_script offline "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')" \
    <<< 'ip -o link | grep -v " lo:" && exit 1; true'
exits 0 "no network unless requested"
build_script online "$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base, network: true}')" <<'END'
ip -o -4 addr | grep -v ' lo '
ip route | grep default
test -s /etc/resolv.conf
END
exits 0 "a network if requested"
unlike "a network leaves no trace" "$(layer "$WORK/online.tar")" 'etc/(resolv|hosts)'

done_testing
