#!/bin/bash
# The smaller commands and options: merge, tarsum, schema, --help, --version, --dry-run, --set,
# --spec -, --check.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq
on_busybox=$(jq -n --arg base "$(base busybox)" '{name: "x", fromImage: $base}')

mkdir -p "$WORK/one/etc" "$WORK/two/etc" "$WORK/two/bin"
echo one > "$WORK/one/etc/one"
echo one > "$WORK/one/etc/both"
echo two > "$WORK/two/etc/both"
echo run > "$WORK/two/bin/run"
chmod 750 "$WORK/two/bin/run"
ln -s ../etc/both "$WORK/two/bin/link"
ln "$WORK/two/bin/run" "$WORK/two/bin/same"
find "$WORK/one" "$WORK/two" -exec touch -h -d 2001-01-01T00:00:00Z {} +
tar -C "$WORK/two" -czf "$WORK/two.tar.gz" .
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY:$NOBODY "$WORK/one" "$WORK/two"
jq '. + {runAsRoot: "true", contents: "one", extraCommands: "true"}' <<< "$on_busybox" > "$WORK/plan.json"
image make "$WORK/layers.tar" <<'END'
{"layers": [[
    {"path": "bin/", "type": "dir", "mode": "1777"},
    {"path": "bin/tool", "mode": "4755", "uid": 3, "gid": 4, "data": "tool\n",
     "xattrs": {"user.b": "6232", "user.a": "61", "security.capability": "0100000200040000"}},
    {"path": "bin/link", "type": "link", "to": "tool"},
    {"path": "bin/hard", "type": "hard", "to": "bin/tool"},
    {"path": "null", "type": "char", "major": 1, "minor": 3, "mode": "666"},
    {"path": "pipe", "type": "fifo"},
    {"path": "größe", "size": 100000},
    {"path": "a-long-name/a-long-name/a-long-name/a-long-name/a-long-name/a-long-name/a-long-name/a-long-name/a-long-name/x", "data": "x"}]]}
END
tar -xOf "$WORK/layers.tar" --wildcards '*/layer.tar' > "$WORK/own.tar"

# --- --version, --help

run --version
exits 0 "--version"
like "--version: the program's" "$(cat "$WORK/out")" '^vmbuild [0-9]+\.[0-9]+\.[0-9]+$'
is "--version: nothing else" "$(cat "$WORK/err")" ""
run --help
exits 0 "--help"
commands=$(sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' "$WORK/out")
is "--help: every command" "$(tr '\n' ' ' <<< "$commands")" \
    "build convert graph shell run resume export pull push copy login logout merge tarsum inspect doctor cache schema "
for command in $commands; do
    run "$command" --help
    exits 0 "$command --help"
    like "$command --help: its synopsis" "$(head -n 1 "$WORK/out")" "^Usage: vmbuild $command "
    # Each option of the help is one that the parser knows.
    mapfile -t options < <(sed -n 's/^ *\(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' "$WORK/out")
    for option in "${options[@]}"; do
        run "$command" "$option=" --help
        unlike "$command $option is known" "$(cat "$WORK/err")" "no such option"
    done
done
run export
exits 2 "a missing argument"
says "a missing argument: which" "^vmbuild: .*IMAGE is missing"

# --- merge

run merge -o merged one two.tar.gz
exits 0 "merge"
is "merge: its contents" "$(cd "$WORK/merged" && find . -mindepth 1 -printf '%P %M %l\n' | sort)" \
    "$(cd "$WORK" && { find one two -mindepth 2 -printf '%P %M %l\n'; find one two -mindepth 1 \
        -maxdepth 1 -printf '%P %M %l\n'; } | sort -u)"
is "merge: the last source wins" "$(cat "$WORK/merged/etc/both")" two
is "merge: times are kept" "$(stat -c %Y "$WORK/merged/etc/one")" 978307200
ok "merge: hard links are kept" test "$WORK/merged/bin/run" -ef "$WORK/merged/bin/same"
ok "merge: the sources are copied, not shared" test ! "$WORK/merged/etc/one" -ef "$WORK/one/etc/one"
tar -C "$WORK/two" -cf "$WORK/bare.tar" bin/run
run merge -o bare/ bare.tar
exits 0 "merge: a new directory, with a trailing slash"
is "merge: directories that a tarball does not name have a fixed time" "$(stat -c '%a %Y' "$WORK/bare/bin")" "755 0"
image make "$WORK/device.docker" <<< '{"layers": [[{"path": "null", "type": "char", "major": 1, "minor": 3}]]}'
tar -xOf "$WORK/device.docker" --wildcards '*/layer.tar' > "$WORK/device.tar"
run merge -o nothing device.tar
exits 1 "merge: what only root can make"
says "merge: what only root can make: why" "^vmbuild: create 'null': .*Operation not permitted"
head -c 20000 /dev/zero > "$WORK/two/large"
STATUS=0
(ulimit -f 10 && as_user "$VMBUILD" merge -o nothing two 2> "$WORK/err") || STATUS=$?
exits 6 "merge: a file beyond the user's limit"
says "merge: a file beyond the user's limit: why" "^vmbuild: create 'large': .*File too large"
rm "$WORK/two/large"
run merge -o merged one
ok "merge: an existing directory is refused" test "$STATUS" -ne 0
is "merge: an existing directory is left alone" "$(cat "$WORK/merged/etc/both")" two
mkdir -p "$WORK/sealed/store/deep"
echo sealed > "$WORK/sealed/store/deep/program"
[ "$(id -u)" -ne 0 ] || chown -R $NOBODY:$NOBODY "$WORK/sealed"
chmod 6755 "$WORK/sealed/store/deep/program"
chmod 555 "$WORK/sealed/store/deep" "$WORK/sealed/store"
run merge -o opened sealed
exits 0 "merge: read-only directories"
is "merge: their modes are kept, setuid and setgid too" \
    "$(cd "$WORK/opened" && find . -mindepth 1 -printf '%P %m\n' | sort)" \
    "store 555
store/deep 555
store/deep/program 6755"
run merge -o merged sealed
exits 1 "merge: read-only directories, into an existing directory"
leaves_nothing "merge: read-only directories, into an existing directory"
run merge -o nothing one nowhere
exits 3 "merge: a source that does not exist"
says "merge: a source that does not exist: which" "'nowhere': No such file"
leaves_nothing "merge: a source that does not exist" "$WORK/nothing"
image make "$WORK/evil" <<< '{"layers": [[{"path": "../outside", "data": "x"}]]}'
tar -xOf "$WORK/evil" --wildcards '*/layer.tar' > "$WORK/evil.tar"
run merge -o nothing evil.tar
ok "merge: a tarball with a path outside: refused" test "$STATUS" -eq 3
is "merge: a tarball with a path outside: nothing is written there" "$(find "$WORK" -name nothing -o -name outside)" ""
# As contents: a directory goes where a symlink of an earlier source leads.
mkdir -p "$WORK"/{linked/usr/bin,laid/bin,dangling}
ln -s usr/bin "$WORK/linked/bin"
ln -s nowhere "$WORK/dangling/bin"
echo x > "$WORK/laid/bin/new"
chmod -R a+rX "$WORK"/{linked,laid,dangling}
run merge -o through linked laid
exits 0 "merge: through a symlink"
is "merge: through a symlink: where it leads" "$(readlink "$WORK/through/bin") $(cat "$WORK/through/usr/bin/new")" \
    "usr/bin x"
run merge -o nothing dangling laid
exits 3 "merge: through a dangling symlink"
says "merge: through a dangling symlink: both paths" \
    "lay 'bin' of '.*/laid': '/bin' is a symlink to 'nowhere', which does not exist"
leaves_nothing "merge: through a dangling symlink" "$WORK/nothing"
run merge -o list one two.tar.gz --only-deps
exits 0 "merge --only-deps"
is "merge --only-deps: the paths" "$(cat "$WORK/list")" "$WORK/one"$'\n'"$WORK/two.tar.gz"

# --- tarsum

# As docker's tarsum specification describes it, on Python's own reading of the tar.
cat > "$WORK/tarsum.py" <<'END'
import hashlib
import sys
import tarfile


def tarsum(path, version):
    sums = []
    with tarfile.open(path, "r:*", errors="surrogateescape") as tar:
        for member in tar:
            fields = [("name", member.name + ("/" if member.isdir() else "")),
                      ("mode", str(member.mode)), ("uid", str(member.uid)), ("gid", str(member.gid)),
                      ("size", str(member.size)), ("mtime", str(int(member.mtime))),
                      ("typeflag", member.type.decode()), ("linkname", member.linkname),
                      ("uname", member.uname), ("gname", member.gname),
                      ("devmajor", str(member.devmajor)), ("devminor", str(member.devminor))]
            if version != "v0":
                fields = [field for field in fields if field[0] != "mtime"]
                prefix = "SCHILY.xattr."
                fields += sorted((key[len(prefix):], value) for key, value in
                                 member.pax_headers.items() if key.startswith(prefix))
            digest = hashlib.sha256("".join(k + v for k, v in fields).encode("utf-8", "surrogateescape"))
            if member.isreg():
                digest.update(tar.extractfile(member).read())
            sums.append(digest.hexdigest())
    label = {"v0": "tarsum", "v1": "tarsum.v1", "dev": "tarsum.dev"}[version]
    return label + "+sha256:" + hashlib.sha256("".join(sorted(sums)).encode()).hexdigest()


print(tarsum(sys.argv[1], sys.argv[2]))
END
tar -C "$WORK/two" --format=gnu -cf "$WORK/gnu.tar" .
truncate -s 1M "$WORK/hole" "$WORK/holes"
for ((at = 0; at < 40; at++)); do
    printf %d $at | dd of="$WORK/holes" bs=1 seek=$((at * 65536)) conv=notrunc status=none
done
tar -C "$WORK" -S --format=gnu -cf "$WORK/sparse-gnu.tar" hole holes
tar -C "$WORK" -S --format=pax -cf "$WORK/sparse-pax.tar" hole holes
tar -C "$WORK" -S --format=pax --sparse-version=0.0 -cf "$WORK/sparse-0.0.tar" hole holes
tar -C "$WORK" -S --format=pax --sparse-version=0.1 -cf "$WORK/sparse-0.1.tar" hole holes
for tar in own gnu sparse-gnu sparse-pax sparse-0.0 sparse-0.1; do
    for version in v0 v1 dev; do
        run tarsum --version $version $tar.tar
        is "tarsum $version of $tar.tar" "$(cat "$WORK/out")" \
            "$(python3 "$WORK/tarsum.py" "$WORK/$tar.tar" $version)"
    done
done
run tarsum own.tar
sum=$(cat "$WORK/out")
is "tarsum: v1 is the default" "$sum" "$(python3 "$WORK/tarsum.py" "$WORK/own.tar" v1)"
is "tarsum: of standard input" "$(as_user "$VMBUILD" tarsum < "$WORK/own.tar")" "$sum"
for compressor in gzip xz zstd bzip2; do
    is "tarsum: compressed with $compressor" \
        "$($compressor -qc < "$WORK/own.tar" | as_user "$VMBUILD" tarsum)" "$sum"
done
head -c 1500 "$WORK/own.tar" > "$WORK/cut.tar"
run tarsum cut.tar
exits 3 "tarsum: a truncated tar"
run tarsum nowhere.tar
exits 3 "tarsum: a file that does not exist"
run tarsum one
exits 3 "tarsum: a directory"
says "tarsum: a directory: which" "^vmbuild: read tar 'one': Is a directory"

# --- schema

run schema
exits 0 "schema"
cp "$WORK/out" "$WORK/schema.json"

# validates: whether the JSON on standard input is valid by the schema.
validates() {
    # Debian's own Python has python3-jsonschema.
    /usr/bin/python3 -c 'if True:
        import json, jsonschema, sys
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin)))
        sys.exit(errors[0].message if errors else 0)' "$WORK/schema.json"
}

# agree NAME CODE: the schema and the program agree on the spec on standard input;
# CODE is the program's exit code (0 or 3).
agree() {
    local valid=0
    spec agree
    run --spec agree.json --dry-run
    exits "$2" "$1"
    validates < "$WORK/agree.json" > "$WORK/valid" 2>&1 || valid=3
    is "$1: the schema agrees" "$valid" "$2" || diag < "$WORK/valid"
}
if /usr/bin/python3 -c 'import jsonschema' 2> /dev/null; then
    echo 'echo hi' > "$WORK/script"
    echo "$WORK/one" > "$WORK/list"
    echo '{"images": {"a": {}, "b": {}}}' > "$WORK/agree2.json"
    agree "a spec with every key" 0 <<'END'
{"timeout": 60, "architecture": "amd64", "created": "2016-04-01T00:00:00Z", "env": {"A": "b"},
 "shares": [{"target": "/a", "source": "one"}], "network": true, "cpus": 1, "memory": 256,
 "diskSize": 100, "shadowSetup": true, "stillClock": true, "postUmount": "true", "postMount": "true", "preMount": "true",
 "extraCommands": "true", "runAsRoot": {"file": "script"}, "config": {"Cmd": "/bin/sh", "Env": ["A=b"]},
 "annotations": {"a.b": "c", "d": null}, "createdBy": "c", "author": "a", "closure": {"file": "list"}, "contents": ["one", "two.tar.gz",
  {"source": "one", "target": "/a/b", "owner": "7:8", "mode": "0755", "exclude": ["*.pyc"]},
  {"source": "one", "target": null, "owner": "keep", "mode": "+w"}], "fromImageTag": "t",
 "fromImageName": "n", "fromImage": "docker-archive:layers.tar", "tag": "t", "name": "a/b"}
END
    agree "what Nix writes of arguments that were left out" 0 <<'END'
{"name": "redis", "tag": null, "fromImage": null, "fromImageName": null, "fromImageTag": null,
 "contents": null, "config": null, "diskSize": 1024, "extraCommands": "", "runAsRoot": null}
END
    agree "a list of closure paths and one of contents" 0 <<< '{"name": "x", "contents": "one", "closure": []}'
    agree "a command" 0 <<< '{"name": "x", "run": "true", "runAsRoot": null}'
    agree "a list of words" 0 <<< '{"name": "x", "run": ["true", ""]}'
    agree "the kernel's name of an architecture" 0 <<< '{"name": "x", "architecture": "x86_64"}'
    agree "bases and parts that are built" 0 <<'END'
{"name": "x", "fromImage": {"runAsRoot": "true", "fromImage": {"spec": "agree2.json", "use": "b"}}, "contents": [
 {"image": {"spec": "agree2.json", "use": "a"}, "path": "/x", "target": "/y/", "exclude": ["*.pyc"]},
 {"image": {"contents": "one"}, "path": "/", "owner": "1:2", "mode": "keep"}, "one"]}
END
    agree "elements of contents of each kind" 0 <<'END'
{"name": "x", "contents": [{"directory": "/a/b", "owner": "7:adm", "mode": "u=rwX,go=rX"},
 {"text": "a", "name": "b", "target": "/c/", "owner": "www-data"}, {"text": "a", "target": "/d"},
 {"source": ".", "path": "/on*", "target": "/e/", "ignore": ["a", "!b"], "excludeFile": "list", "mode": "+x"},
 {"image": {"contents": "one"}, "path": "/a/./*", "ignore": ["**/a"], "parents": true},
 {"url": "https://localhost:5000/a", "checksum": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
  "unpack": true, "target": "/b/"}]}
END
    agree "an element of contents with null for what it has not" 0 <<'END'
{"name": "x", "contents": [{"source": "one", "image": null, "path": null},
 {"image": {"contents": "one"}, "path": "/", "source": null}]}
END
    agree "several images" 0 <<'END'
{"images": {"a": {}, "b": {"fromImage": {"use": "a"}, "tag": null}}}
END
    agree "no image" 3 <<< '{"images": {}}'
    agree "images beside a key" 3 <<< '{"images": {"a": {}}, "tag": "x"}'
    agree "images beside a name" 3 <<< '{"images": {"a": {}}, "name": "x"}'
    agree "no name" 3 <<< '{}'
    agree "an unknown key" 3 <<< '{"name": "x", "nam": "y"}'
    for value in '"tag": 1' '"contents": [1]' '"contents": {}' '"closure": "list"' '"config": []' \
        '"runAsRoot": {"path": "script"}' '"runAsRoot": 1' '"run": 1' '"run": []' '"run": [1]' '"author": 1' '"createdBy": []' '"shadowSetup": "yes"' '"diskSize": "1024"' \
        '"memory": 1' '"cpus": 0' '"cpus": 1.5' '"shares": [{"source": "one"}]' '"shares": {}' \
        '"env": {"A": 1}' '"env": ["A=b"]' '"timeout": 0' '"network": 1' '"architecture": 1' \
        '"created": 0' '"annotations": {"a": 1}' '"annotations": ["a"]' \
        '"fromImage": {"name": "y"}' '"fromImage": {"use": "x", "memory": 300}' '"fromImage": {"spec": 1}' \
        '"contents": [{"image": {}}]' '"contents": [{"image": {}, "source": "one", "path": "/"}]' \
        '"contents": [{"image": {}, "path": "x"}]' '"contents": [{"image": null, "path": "/"}]' \
        '"contents": [{}]' '"contents": [{"target": "/a"}]' '"contents": [{"source": 1}]' \
        '"contents": [{"source": "one", "path": "a"}]' '"contents": [{"source": "one", "target": "a"}]' \
        '"contents": [{"source": "one", "target": "/a/.."}]' '"contents": [{"source": "one", "owner": "a:b:c"}]' \
        '"contents": [{"directory": "/a", "target": "/b"}]' '"contents": [{"text": "a", "name": "b/c"}]' \
        '"contents": [{"source": "one", "mode": "u+y"}]' '"contents": [{"source": "one", "text": "a"}]' \
        '"contents": [{"url": "ftp://localhost/a"}]' '"contents": [{"url": "http://u:p@localhost/a"}]' \
        '"contents": [{"url": "http://localhost/a", "checksum": "sha256:1"}]' '"contents": [{"text": "a", "name": "b", "unpack": true}]' \
        '"contents": [{"source": "one", "ignore": "a"}]' '"contents": [{"path": "/a"}]' \
        '"contents": [{"source": "one", "mode": "10000"}]' '"contents": [{"source": "one", "mode": 493}]' \
        '"contents": [{"source": "one", "exclude": "*"}]' '"contents": [{"source": "one", "exclude": ["/"]}]'; do
        agree "$value" 3 <<< "{\"name\": \"x\", $value}"
    done
else
    skip "specs against the schema" "no python3-jsonschema here"
fi

# --- --dry-run, --set, --spec -

run --spec plan.json --dry-run --memory 300 --set tag=2 --set 'env={"A": "b"}' --set contents=two
exits 0 "--dry-run"
is "--dry-run: the steps" "$(jq -c .steps "$WORK/out")" \
    '["unpack","contents","mount","runAsRoot","unmount","extraCommands","pack"]'
is "--memory and --set" "$(jq -c '[.tag, .vm.memory, .contents]' "$WORK/out")" \
    "[\"2\",300,[\"$WORK/two\"]]"
is "--dry-run: what scripts see" "$(jq -c '[.vm.env, .vm.stillClock, .vm.shadowSetup]' "$WORK/out")" \
    '[{"A":"b"},false,false]'
is "--dry-run: no output" "$(find "$WORK" -name 'x.tar*')" ""
STATUS=0
as_user "$VMBUILD" --spec - --dry-run <<< '{"name": "x", "contents": "one"}' \
    > "$WORK/out" 2> "$WORK/err" || STATUS=$?
exits 0 "--spec -"
is "--spec -: no VM for contents" "$(jq -c '[.vm, .steps]' "$WORK/out")" '[null,["contents"]]'
is "--spec -: paths are taken from the working directory" "$(jq -c .contents "$WORK/out")" "[\"$WORK/one\"]"

# Standard streams that are closed are not confused with the files that are opened first.
spec closed <<< '{"name": "closed", "contents": "one"}'
build closed
exits 0 "a pure layer"
as_user sh -c '"$@" <&- >&- 2>&-' sh "$VMBUILD" --spec closed.json -o silent.tar --compression none
ok "closed standard streams change nothing" cmp "$WORK/closed.tar" "$WORK/silent.tar"

# --- doctor

USER_ENV=(VMBUILD_QEMU=/nowhere VMBUILD_APPLIANCE=/nowhere "XDG_CACHE_HOME=/proc/nowhere" TMPDIR=/nowhere)
run doctor --accel kvm
USER_ENV=()
exits 4 "doctor: nothing works"
checks=$(grep -c '^[a-zA-Z]' "$WORK/out")
is "doctor: why each thing matters" "$(grep -c '^ *why: ' "$WORK/out")" "$checks"
# A device that this user may open, but is not KVM (lib.sh hides the real one so), is not a matter of permissions.
fix_kvm=sudo
if as_user test -w /dev/kvm; then
    fix_kvm=vmbuild.--accel.auto
fi
for bad in "QEMU /nowhere unset.VMBUILD_QEMU" "appliance /nowhere unset.VMBUILD_APPLIANCE" \
    "accelerator kvm $fix_kvm" "scratch /nowhere export.TMPDIR=" "cache /proc/nowhere export.XDG_CACHE_HOME="; do
    read -r name found fix <<< "$bad"
    like "doctor: $name: what was found" "$(cat "$WORK/out")" "^BAD *$name .*$found"
    like "doctor: $name: how to fix it" "$(grep -A 2 "^BAD *$name" "$WORK/out")" "fix: $fix"
done

printf '#!/bin/sh\necho "QEMU emulator version $VERSION (Debian)"\n' > "$WORK/qemu"
chmod 755 "$WORK/qemu"
while read -r version state; do
    sed -i "s/version .* (/version $version (/" "$WORK/qemu"
    USER_ENV=(VMBUILD_QEMU="$WORK/qemu" VMBUILD_APPLIANCE=/nowhere)
    run doctor
    like "doctor: QEMU $version" "$(cat "$WORK/out")" "^$state  QEMU  .*version $version \(Debian\)"
    is "doctor: QEMU $version: whether it has a network" \
        "$(grep -c '^weak  QEMU .*; scripts with "network" need 7\.2$' "$WORK/out")" "$([ "$state" = good ] && echo 0 || echo 1)"
done <<< $'6.2.0 weak\n7.1.99 weak\n7.2.0 good\n10.0.1 good'
USER_ENV=()

run doctor
like "doctor: what confines QEMU" "$(cat "$WORK/out")" '^(good|weak)  confinement  .*'

# --- Standard output and error

for words in "inspect $(base busybox)" schema --version --help "cache path" "cache list" doctor "tarsum own.tar" \
    "--spec plan.json --dry-run" "export $(base busybox) -o -"; do
    read -ra words <<< "$words"
    STATUS=0
    as_user "$VMBUILD" "${words[@]}" > /dev/full 2> "$WORK/err" || STATUS=$?
    exits 6 "${words[0]} to a full disk"
    says "${words[0]} to a full disk: the message" "^vmbuild: write .*: No space left on device"
    STATUS=0
    as_user "$VMBUILD" "${words[@]}" >&- 2> "$WORK/err" || STATUS=$?
    exits 1 "${words[0]} to nowhere"
done
mkdir -p "$WORK/merged/full"
for words in "inspect nowhere" "merge -o merged one" nonsense "--nonsense" inspect "--spec nowhere" \
    "pull docker://localhost:1/x" "tarsum nowhere" "cache nonsense"; do
    read -ra words <<< "$words"
    run "${words[@]}" --progress json
    ok "${words[*]}: its error is an event" jq -es 'map(select(.event == "error" and .code > 0)) | length == 1' "$WORK/err"
done

for words in "--spec pure.json -o -" "export $(base busybox) -o -" "export $(base busybox) -o rootfs" "merge -o again one"; do
    echo '{"name": "x", "contents": "one"}' > "$WORK/pure.json"
    read -ra words <<< "$words"
    run "${words[@]}" --progress json
    ok "${words[*]}: its result is the last event" jq -es '.[-1] | .event == "done" and .output != null' "$WORK/err"
done

# --- Options before and after, in each form

for words in "--spec plan.json --dry-run" "--dry-run --spec=plan.json" "build --spec plan.json --dry-run" \
    "--dry-run build --spec plan.json" "-v --dry-run --spec nowhere --spec plan.json" "--dry --spec plan.json --"; do
    read -ra words <<< "$words"
    run "${words[@]}"
    is "${words[*]}" "$STATUS $(jq -r .name "$WORK/out")" "0 x"
done
run --spec ''
exits 2 "an empty option"
run inspect ''
exits 3 "an empty argument"
run --cache-dir "$WORK/c" inspect -- "$(base busybox)"
exits 0 "an option before the command, an argument after --"

# --- --check

script_spec same "$on_busybox" <<< 'mkdir /data; echo x > /data/file; date +%F > /date; uname -a > /uname'
build same --check
exits 0 "--check of a reproducible spec"
ok "--check: the image is there" image check "$WORK/same.tar"
says "--check: it is told that both are the same" "^vmbuild: check 'same.tar': both builds are the same"
script_spec random "$on_busybox" <<'END'
id=$(cat /proc/sys/kernel/random/uuid)
mkdir /data
printf 'one\n%s\nthree\n' "$id" > /data/random
head -c 100 /dev/urandom > /data/bytes
ln -s "$id" /data/link
touch "/data/$id"
END
build random --check
exits 10 "--check of a spec that is not reproducible"
says "--check of a spec that is not reproducible: the path and the field" \
    "^vmbuild: layer 2: 'data/random': content: sha256:[0-9a-f]+ in the first build, sha256:"
says "--check of a spec that is not reproducible: the lines of a text" '^  \| -[0-9a-f-]{36}$'
says "--check of a spec that is not reproducible: its other lines" '^  \|  three$'
says "--check of a spec that is not reproducible: bytes" "^vmbuild: layer 2: 'data/bytes': content: "
says "--check of a spec that is not reproducible: a link" "^vmbuild: layer 2: 'data/link': link: "
is "--check of a spec that is not reproducible: what only one has" \
    "$(grep -cE "'data/[0-9a-f-]{36}': presence: " "$WORK/err")" 2
says "--check of a spec that is not reproducible: how many" "^vmbuild: check 'random.tar': the two builds differ in 5 places"
leaves_nothing "--check of a spec that is not reproducible"
run --spec random.json --check --format layer -o random --progress=json
exits 10 "--check of a layer that is not reproducible"
is "--check of a layer that is not reproducible: events" \
    "$(jq -rs 'map(select(.event == "difference")) | map(.field) | sort | join(" ")' < "$WORK/err" | tr -s ' ')" \
    "content content link presence presence value value"

done_testing
