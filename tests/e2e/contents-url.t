#!/bin/bash
# Elements of contents that are files of the network: as ADD of a Dockerfile fetches them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/registry.sh
. "$(dirname "$0")/../registry.sh"
need jq python3 openssl

mkdir -p "$WORK/www/d"
printf 'hello\n' > "$WORK/www/f.txt"
printf 'spaces\n' > "$WORK/www/a b"
tar -C "$WORK/www" --owner=7 --group=8 --mode=640 -czf "$WORK/www/t.tgz" f.txt
touch -d 2001-02-03T04:05:06Z "$WORK"/www/*
(
    cd "$WORK" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=localhost" -keyout key -out crt \
        -addext 'subjectAltName=IP:127.0.0.1'
    chmod 644 key
) > "$WORK/openssl.log" 2>&1

# A server with what is in www, over http and https. /to/URL redirects, /short/ sends less than it
# announces, /busy/ is busy for the first time.
cat > "$WORK/server.py" << 'END'
import http.server, ssl, sys, threading

folder, key, certificate = sys.argv[1:]
busy = set()

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def __init__(self, *arguments):
        super().__init__(*arguments, directory=folder)
    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path.startswith("/to/"):
            self.answer(302, {"Location": self.path[4:]})
        elif self.path.startswith("/short/"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x")
            self.close_connection = True
        elif self.path.startswith("/busy/") and self.path not in busy:
            busy.add(self.path)
            self.answer(503, {"Retry-After": "0"})
        else:
            self.path = self.path.removeprefix("/busy")
            super().do_GET()

def serve(tls):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]

print(serve(False), serve(True), flush=True)
threading.Event().wait()
END
python3 "$WORK/server.py" "$WORK/www" "$WORK/key" "$WORK/crt" > "$WORK/ports" 2> "$WORK/server.log" &
SERVER_PIDS+=($!)
wait_for test -s "$WORK/ports"
read -r plain tls < "$WORK/ports"
http=http://127.0.0.1:$plain https=https://127.0.0.1:$tls

USER_ENV=(VMBUILD_QEMU=/no/such/qemu VMBUILD_APPLIANCE=/no/such/appliance)
fresh_cache
REUSE=1

# fetches ELEMENT [OPTION...]: builds of the element, a jq expression.
fetches() {
    local element=$1
    shift
    : > "$WORK/server.log"
    spec url <<< "$(jq -n "{name: \"x\", created: \"2010-01-01T00:00:00Z\", contents: [$element]}")"
    build url "$@"
}
entries() { layer "$WORK/url.tar" | sed 's,/$,,' | grep -v ' \.$'; }
digest=$(sha256sum < "$WORK/www/f.txt") digest=sha256:${digest%% *}

fetches "{url: \"$http/f.txt?a=b\", target: \"/d/\"}"
exits 0 "a file"
is "a file: its owner, mode and name" "$(entries)" "dir 0755 0:0 d
file 0600 0:0 d/f.txt"
is "a file: its bytes" "$(file_of "$WORK/url.tar" d/f.txt)" hello
is "a file: its time" "$(tar -xOf "$WORK/url.tar" --wildcards '*/layer.tar' | TZ=UTC tar -tv --full-time d/f.txt |
    awk '{ print $4, $5 }')" "2001-02-03 04:05:06"
fetches "{url: \"$http/f.txt?a=b\", target: \"/d/\"}"
is "without a checksum, it is fetched each time" "$(requests server GET)" 1
like "the same bytes build nothing" "$(cat "$WORK/err")" cached
printf 'other\n' > "$WORK/www/f.txt"
fetches "{url: \"$http/f.txt?a=b\", target: \"/d/\"}"
like "other bytes do" "$(cat "$WORK/err")" 'contents changed: d/f.txt'
is "other bytes are in the layer" "$(file_of "$WORK/url.tar" d/f.txt)" other
fetches "{url: \"$http/f.txt\", target: \"/d/\", checksum: \"$digest\"}"
exits 3 "another checksum"
like "another checksum: the message" "$(cat "$WORK/err")" "fetch '$http/f.txt': the file has the digest sha256:"
printf 'hello\n' > "$WORK/www/f.txt"
fetches "{url: \"$http/f.txt\", target: \"/e\", owner: \"7:8\", mode: \"u+x,g=u\", checksum: \"$digest\"}"
exits 0 "a checksum, and a name"
is "a checksum: owner, mode and name" "$(entries)" "file 0770 7:8 e"
rm "$WORK/www/f.txt"
fetches "{url: \"$http/f.txt\", target: \"/f\", checksum: \"$digest\"}"
exits 0 "a checksum: what was fetched before"
is "a checksum: no request" "$(requests server GET)" 0
fetches "{url: \"$http/f.txt\", target: \"/f\"}"
exits 9 "a file that is gone"
like "a file that is gone: the message" "$(cat "$WORK/err")" "fetch '$http/f.txt': the server refused the request \(status 404\)"
fetches "{url: \"$http/a%20b\"}"
is "an escaped name" "$(entries)" 'file 0600 0:0 a\040b'
fetches "{url: \"$http/d/\"}"
exits 3 "a URL without a name"
like "a URL without a name: the message" "$(cat "$WORK/err")" "the URL ends without a file's name"
fetches "{url: \"$http/t.tgz\"}"
is "a tarball is a file" "$(entries)" "file 0600 0:0 t.tgz"
fetches "{url: \"$http/t.tgz\", unpack: true, target: \"/u\", owner: \"9\"}"
is "a tarball that is unpacked" "$(entries)" "dir 0755 9:9 u
file 0640 7:8 u/f.txt"
fetches "{url: \"$http/busy/t.tgz\"}"
exits 0 "a server that is busy"
is "a server that is busy is asked again" "$(requests server GET)" 2
fetches "{url: \"$http/to/$http/t.tgz\"}"
exits 0 "a redirect"
is "a redirect: the name is the first URL's" "$(entries)" "file 0600 0:0 t.tgz"
fetches "{url: \"$https/t.tgz\"}"
exits 9 "a certificate of an unknown authority"
USER_ENV+=(SSL_CERT_FILE="$WORK/crt")
fetches "{url: \"$https/t.tgz\"}"
exits 0 "TLS"
fetches "{url: \"$https/to/$http/t.tgz\"}"
exits 9 "a redirect from TLS to plain HTTP"
fetches "{url: \"$http/short/f\"}" --registry-timeout 5
ok "less than was announced is an error" test "$STATUS" -eq 9 -o "$STATUS" -eq 8

done_testing
