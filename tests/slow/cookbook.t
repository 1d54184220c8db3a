#!/bin/bash
# Every block of vmbuild-cookbook(7), in its order, in one directory: displays after the name of a file
# become that file, all others are run, line by line. The packages are Debian's own, from an archive on
# the loopback, where an index for pip, a registry for npm and a private archive are as well.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
# shellcheck source=tests/archive.sh
. "$(dirname "$0")/../archive.sh"

need docker-registry make python3 zstd

PAGE=$TOP/build/manual/vmbuild-cookbook.7
PASSWORD=Rt5wQ8zLm2Xc9v

packages=$("$TOP/tests/packages.sh" "$(base debian)" nginx-light python3-venv gcc libc6-dev) ||
    skip_all "Debian's packages could not be fetched"

# --- What the jobs find around them

as_user mkdir home home/src home/app home/public home/runtime
mkdir -p "$WORK/files/debian/pool" "$WORK/sources/etc"
# A colon in a name would not be the same in an address.
for package in "$packages"/*.deb; do
    name=${package##*/}
    cp "$package" "$WORK/files/debian/pool/${name//%3a/.}"
done
list_packages "$WORK/files"
add_package "$WORK/private" usr/bin/in-house-tool in-house
list_packages "$WORK/private"
source_of private.example | as_user tee home/private.list > /dev/null
echo "machine http://private.example/ login ci password $PASSWORD" | as_user tee home/private.conf > /dev/null

python3 - "$WORK/files" "$WORK/home/app" << 'END'
import base64, hashlib, io, json, os, sys, tarfile, zipfile

files, app = sys.argv[1:]
os.makedirs(files + "/simple/greeting")
os.makedirs(files + "/npm")
os.makedirs(files + "/tarballs")
wheel = "greeting-1.0-py3-none-any.whl"
with zipfile.ZipFile(files + "/tarballs/" + wheel, "w") as archive:
    archive.writestr("greeting.py", "print('hello from a wheel')\n")
    archive.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    archive.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    archive.writestr("greeting-1.0.dist-info/RECORD", "greeting.py,,\n")
with open(files + "/simple/greeting/index.html", "w") as page:
    page.write(f'<!DOCTYPE html><a href="/tarballs/{wheel}">{wheel}</a>')

package = {"name": "greeting", "version": "1.0.0", "main": "index.js"}
members = {"package.json": json.dumps(package), "index.js": "module.exports = 'hello from a package';\n"}
tarball = io.BytesIO()
with tarfile.open(fileobj=tarball, mode="w:gz") as archive:
    for name, text in members.items():
        entry = tarfile.TarInfo("package/" + name)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball.getvalue()).digest()).decode()
address = "http://packages.example/tarballs/greeting-1.0.0.tgz"
with open(files + "/tarballs/greeting-1.0.0.tgz", "wb") as file:
    file.write(tarball.getvalue())
version = dict(package, dist={"tarball": address, "integrity": integrity})
with open(files + "/npm/greeting", "w") as file:
    json.dump({"name": "greeting", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}, file)
own = {"name": "app", "version": "1.0.0", "dependencies": {"greeting": "1.0.0"}}
with open(app + "/package.json", "w") as file:
    json.dump(own, file)
with open(app + "/package-lock.json", "w") as file:
    json.dump({"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": {
        "": own, "node_modules/greeting": {"version": "1.0.0", "resolved": address, "integrity": integrity}}}, file)
with open(app + "/main.js", "w") as file:
    file.write("console.log(require('greeting'));\n")
END
echo greeting | as_user tee home/src/requirements.txt > /dev/null
printf '#include <stdio.h>\nint main(void) { puts("hello from C"); }\n' | as_user tee home/src/hello.c > /dev/null
echo '<h1>hello</h1>' | as_user tee home/public/index.html > /dev/null
as_user mkdir home/runtime/bin
printf '#!/bin/sh\necho "started with $*"\n' | as_user tee home/runtime/bin/start > /dev/null

# The archive that wants a password.
cat > "$WORK/private.py" << 'END'
import base64, functools, http.server, sys

WANTED = "Basic " + base64.b64encode(("ci:" + sys.argv[2]).encode()).decode()

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") == WANTED:
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
print("serves at port", server.server_port, "now", flush=True)
server.serve_forever()
END
python3 -u "$WORK/private.py" "$WORK/private" "$PASSWORD" > "$WORK/private.log" 2>&1 &
SERVER_PIDS+=($!)
wait_for grep -q ' port ' "$WORK/private.log"
PRIVATE=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$WORK/private.log")
start_files files "$WORK/files"
FILES=$PORT
start_internet internet "packages.example=$FILES" "private.example=$PRIVATE"
PROXY=http://127.0.0.1:$PORT

printf '[global]\ntrusted-host = packages.example\n' > "$WORK/sources/etc/pip.conf"
start_registry own
REGISTRY=$PORT
push_debian "127.0.0.1:$REGISTRY/debian:12"

# The host's own node, if it has one.
NODE=$(readlink -f "$(command -v npm)" | sed -n 's,/lib/node_modules/npm/bin/npm-cli.js$,,p')
if [ -n "$NODE" ] && [ -x "$NODE/bin/node" ]; then
    tar -C / -cf "$WORK/node-files.tar" "${NODE#/}/bin/node" "${NODE#/}/bin/npm" "${NODE#/}/lib/node_modules/npm"
    jq -n --arg path "$NODE/bin:/usr/sbin:/usr/bin:/sbin:/bin" '{name: "node", fromImage: "debian.tar",
        contents: "node-files.tar", config: {Env: ["PATH=" + $path]}}' > "$WORK/node.json"
    run --spec node.json -o home/node.tar.gz
    exits 0 "an image with node"
fi

# shellcheck disable=SC2034 # for as_user
USER_ENV=(PATH="$(dirname "$VMBUILD"):/usr/bin:/bin" "http_proxy=$PROXY"
    PIP_INDEX_URL=http://packages.example/simple NPM_CONFIG_REGISTRY=http://packages.example/npm/)

# --- The blocks

COUNT=0 FILES_MADE=0

# run_line LINE: of a block. One that keeps a failed step fails as its script does; a build whose
# output is for a terminal has one.
run_line() {
    local line=${1//localhost:5000/localhost:$REGISTRY} expected=0
    local -a terminal=()
    [[ $line != *keep=* ]] || expected=5
    [[ $line != *--log* ]] || terminal=("$TOP/tests/terminal.py" 24 80 "$WORK/shown")
    STATUS=0
    as_user "${terminal[@]}" bash -o pipefail -c "cd home && $line" > "$WORK/out" 2> "$WORK/err" < /dev/null ||
        STATUS=$?
    exits "$expected" "$line"
    COUNT=$((COUNT + 1))
    case $line in
    *'nginx -t') like "nginx: its own check" "$(cat "$WORK/err")" 'test is successful' ;;
    *'python -m greeting') is "python: the package" "$(cat "$WORK/out")" "hello from a wheel" ;;
    *'node /srv/app/main.js') is "npm: the package" "$(cat "$WORK/out")" "hello from a package" ;;
    *'/usr/local/bin/hello') is "compile: the program" "$(cat "$WORK/out")" "hello from C" ;;
    'vmbuild graph --spec all.json') is "many images: nothing is cached" \
        "$(jq -c '.images | map_values(.cached)' "$WORK/out")" '{"system":false,"fetch":null,"store":null}' ;;
    *keep=*) says "a failure: where" "line 2: .*status 1" ;;
    "echo 'ls "*) like "a kept step: what is there" "$(cat "$WORK/out")" ' app$' ;;
    esac
}

# block TEXT FILE: a display; FILE was named before it, or is empty.
block() {
    local line
    if [ -n "$2" ]; then
        as_user tee "home/$2" <<< "$1" > /dev/null
        FILES_MADE=$((FILES_MADE + 1))
        return
    fi
    if [[ $1 == *npm.json* ]] && [ ! -e "$WORK/home/node.tar.gz" ]; then
        skip "npm" "there is no npm on this host"
        COUNT=$((COUNT + $(wc -l <<< "$1")))
        return
    fi
    while IFS= read -r line; do
        run_line "$line"
    done <<< "$1"
}

file='' text='' inside=false
while IFS= read -r line; do
    case $inside/$line in
    false/.Pa\ *\ :) file=${line#.Pa } file=${file% :} ;;
    false/.Bd*) inside=true text='' ;;
    true/.Ed) block "$text" "$file"; inside=false file='' ;;
    true/*) text+=${text:+$'\n'}$line ;;
    esac
done < <(sed 's/\\-/-/g; s/\\e/\\/g' "$PAGE")
is "all commands were found" "$COUNT" 22
is "all files were found" "$FILES_MADE" 17

# --- What came of them

like "nginx: the program" "$(layer "$WORK/home/web.tar.gz")" ' usr/sbin/nginx$'
is "site: the file alone" "$(layer "$WORK/home/site.tar.gz" | grep -c '^file')" 1
is "a chain of three: its layers" "$(config "$WORK/home/service.tar.gz" '.rootfs.diff_ids | length')" 5
is "compile: nothing but the program" "$(layer "$WORK/home/hello.tar.gz" | grep -v '^dir' | awk '{ print $4 }')" \
    usr/local/bin/hello
like "a private token: the package" "$(layer "$WORK/home/private.tar.gz")" ' usr/bin/in-house-tool$'
is "many images: both are built" "$(file_of "$WORK/home/fetch.tar.gz" etc/job)$(file_of "$WORK/home/store.tar.gz" etc/job)" \
    fetchstore
unlike "a private token: not its place" "$(layer "$WORK/home/private.tar.gz")" 'auth\.conf\.d/private'
is "a private token: nowhere in the image" "$(zcat "$WORK/home/private.tar.gz" | grep -caF "$PASSWORD")" 0
like "a mended script: its file" "$(layer "$WORK/home/broken.tar.gz")" ' srv/app/config$'
is "a large layer" "$(zstd -dcq "$WORK/home/large.tar.zst" | wc -c | awk '{ print ($1 > 2 ^ 31) }')" 1
like "apt: the log has its output" "$(cat "$WORK/home/apt.log")" '^Setting up nginx-light'
like "apt: a line each in a log" "$(cat "$WORK/home/plain.log")" '^Setting up nginx-light'
like "apt: on a terminal" "$(cat -v "$WORK/shown")" '(Unpacking|Setting up) '

done_testing
