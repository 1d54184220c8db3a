#!/usr/bin/env python3
"""Servers and images for the tests of registries. Everything listens on loopback only.

usage: registry.py layout DIR [--layers N] [--size BYTES] [--tar]
           makes an OCI layout with one image, tagged "x", of random but always the same bytes;
           prints the digest of its manifest
       registry.py proxy PORT_FILE TARGET FAULTS LOG
           passes requests on to http://TARGET and makes the faults that FAULTS lists (see Fault);
           LOG gets a line for each request: METHOD PATH STATUS range=R auth=SCHEME, where R is the
           request's Range or Content-Range
       registry.py tokens PORT_FILE KEY CERTIFICATE LOG [--public PREFIX]
                          [--refuse PREFIX] [--tls]
           a token server (distribution's "Token Authentication"): user "user" with password
           "secret", or refresh token "refresh"; anyone else may pull from PREFIX* (public/);
           it refuses every request to pull, and only pull, from a repository REFUSE*, whatever else is
           requested at the same time;
           with --tls it speaks HTTPS, with the same key and certificate
       registry.py internet PORT_FILE LOG NAME=PORT...
           a client's HTTP proxy, in front of an Internet that consists of the hosts NAME, which are
           servers on the loopback; it refuses all others

A server writes its port to PORT_FILE when it is ready.
"""

import argparse
import base64
import gzip
import hashlib
import http.client
import http.server
import io
import json
import os
import random
import re
import select
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse

OCI = "application/vnd.oci.image."


def put(folder, data):
    """Writes a blob. Its digest."""
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(folder, "blobs/sha256", name), "wb") as file:
        file.write(data)
    return "sha256:" + name


def random_layer(seed, size):
    """A tar with one file of random bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("file%d" % seed)
        info.size = size
        tar.addfile(info, io.BytesIO(random.Random(seed).randbytes(size)))
    return out.getvalue()


def layout(arguments):
    folder = arguments.dir
    os.makedirs(os.path.join(folder, "blobs/sha256"))
    layers, diff_ids = [], []
    for i in range(arguments.layers):
        tar = random_layer(i, arguments.size)
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
        blob = tar if arguments.tar else gzip.compress(tar, 1, mtime=0)
        layers.append({"mediaType": OCI + "layer.v1.tar" + ("" if arguments.tar else "+gzip"),
                       "digest": put(folder, blob), "size": len(blob)})
    # Spaces and escapes that a rewritten document would not have: its digest shows the difference.
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh", "-c", "a <b>"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": "a && b"}] * arguments.layers,
    }).replace("&&", "\\u0026\\u0026").encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": {"mediaType": OCI + "config.v1+json", "digest": put(folder, config),
                   "size": len(config)},
        "layers": layers}, indent=1).encode()
    digest = put(folder, manifest)
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [
            {"mediaType": OCI + "manifest.v1+json", "digest": digest, "size": len(manifest),
             "annotations": {"org.opencontainers.image.ref.name": "x"}}]}, file)
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    print(digest)


class Fault:
    """One of a JSON list: {"match": REGEX of "METHOD PATH", "do": WHAT, "times": N (always)}.
    Of a request for a part, the regular expression is that of "METHOD PATH range=PART".

    WHAT: status (status, headers, body)   answers in the registry's place
          cut (after)                      ends the connection so many bytes into the answer's body
          cut-request (after)              ... into the request's body, whose bytes are passed on
          shorten (after)                  the registry gets so many bytes of the request's body, and
                                           the client no answer; from then on that upload's URL means
                                           where the registry is, as with registries that keep the
                                           state of uploads themselves
          corrupt                          changes a byte of the answer's body
          headers (headers)                sets headers of the answer
          instead (status, without)        the registry's answer, with another status, and without the
                                           headers that are listed
          drip                             a byte of the answer's body every half second
          no-range                         the registry never sees the Range
          flood (status)                   a body without end
    """

    def __init__(self, description):
        self.match = re.compile(description["match"])
        self.what = description["do"]
        self.left = description.get("times", -1)
        self.status = description.get("status")
        self.headers = description.get("headers", {})
        self.body = description.get("body", "").encode()
        self.after = description.get("after", 0)
        self.without = [name.lower() for name in description.get("without", [])]


class Faults:
    def __init__(self, path):
        with open(path) as file:
            self.faults = [Fault(description) for description in json.load(file)]
        self.lock = threading.Lock()

    def take(self, request):
        """The first fault for a request, used up once more, or None."""
        with self.lock:
            for fault in self.faults:
                if fault.left != 0 and fault.match.search(request):
                    fault.left -= 1
                    return fault
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def record(self, status):
        scheme = self.headers.get("Authorization", "-").split()[0]
        sent = self.headers.get("Range", self.headers.get("Content-Range", "-"))
        with self.server.log_lock, open(self.server.log_path, "a") as log:
            log.write("%s %s %s range=%s auth=%s\n" % (
                self.command, self.path, status, sent, scheme))

    def answer(self, status, headers, body):
        self.record(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Proxy(Handler):
    def pass_on(self):
        part = self.headers.get("Range")
        request = "%s %s" % (self.command, self.path)
        fault = self.server.faults.take(request if part is None else "%s range=%s" % (request, part))
        what = fault.what if fault else None
        length = int(self.headers.get("Content-Length", 0))
        if what == "status":
            self.rfile.read(length)
            self.answer(fault.status, fault.headers, fault.body)
        elif what == "flood":
            self.flood(fault.status or 200)
        else:
            self.forward(fault, what, length)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = pass_on

    def flood(self, status):
        self.record(status)
        self.close_connection = True
        self.send_response(status)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 20))
        except OSError:
            pass

    def shorten(self, fault, length):
        upload = self.path.partition("?")[0]
        body = self.rfile.read(length)[:fault.after]
        target = http.client.HTTPConnection(self.server.target, timeout=60)
        target.request(self.command, self.path, body, {"Content-Type": "application/octet-stream"})
        location = urllib.parse.urlsplit(target.getresponse().getheader("Location"))
        self.server.moved[upload] = upload + "?" + location.query
        target.close()
        self.record("shortened")
        self.close_connection = True

    def forward(self, fault, what, length):
        if what == "shorten":
            self.shorten(fault, length)
            return
        path = self.server.moved.pop(self.path.partition("?")[0], self.path)
        target = http.client.HTTPConnection(self.server.target, timeout=60)
        target.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            # The registry makes its URLs from the Host that the client knows.
            if name.lower() != "connection" and not (what == "no-range" and name == "Range"):
                target.putheader(name, value)
        target.endheaders()
        sent = 0
        while sent < length:
            piece = self.rfile.read(min(65536, length - sent))
            if what == "cut-request" and sent + len(piece) > fault.after:
                target.send(piece[:fault.after - sent])
                self.record("cut")
                self.end_early(target)
                self.close_connection = True
                return
            target.send(piece)
            sent += len(piece)
        self.give_back(target.getresponse(), fault, what)
        target.close()

    @staticmethod
    def end_early(target):
        """Ends a connection in the middle of a request, and waits until TARGET has noticed."""
        target.sock.shutdown(socket.SHUT_WR)
        try:
            while target.sock.recv(65536):
                pass
        except OSError:
            pass
        target.close()

    def give_back(self, response, fault, what):
        status = fault.status if what == "instead" else response.status
        self.record(status)
        headers = {name: value for name, value in response.getheaders()
                   if name.lower() not in ("connection", "transfer-encoding", "date")}
        if what == "headers":
            headers.update(fault.headers)
        if what == "instead":
            headers = {name: value for name, value in headers.items()
                       if name.lower() not in fault.without and
                       (status != 204 or name.lower() != "content-length")}
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        sent = 0
        while piece := response.read(1 if what == "drip" else 65536):
            if what == "drip":
                time.sleep(0.5)
            if what == "corrupt" and sent == 0:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            if what == "cut" and sent + len(piece) > fault.after:
                self.wfile.write(piece[:fault.after - sent])
                self.close_connection = True
                return
            self.wfile.write(piece)
            sent += len(piece)


def base64_url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tokens(Handler):
    def sign(self, subject, access, service):
        with open(self.server.certificate) as file:
            certificate = "".join(file.read().split("-----")[2].split())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
        now = int(time.time())
        claims = {"iss": "tokens", "sub": subject, "aud": service, "exp": now + 300,
                  "nbf": now - 10, "iat": now, "jti": "1", "access": access}
        text = ".".join(base64_url(json.dumps(part).encode()) for part in (header, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.server.key],
                                   input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
        return text + "." + base64_url(signature)

    def grant(self, user, scopes, service):
        refused = self.server.refused
        if refused and any(re.match("repository:%s[^:]*:pull$" % refused, scope)
                           for scope in scopes):
            self.answer(403, {"Content-Type": "application/json"}, b'{"details": "denied"}')
            return
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            actions = [action for action in actions.split(",")
                       if user or (action == "pull" and name.startswith(self.server.public))]
            access.append({"type": kind, "name": name, "actions": actions})
        body = json.dumps({"token": self.sign(user, access, service)}).encode()
        self.answer(200, {"Content-Type": "application/json"}, body)

    def refuse(self):
        self.answer(401, {"Content-Type": "application/json"},
                    b'{"details": "incorrect username or password"}')

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user = ""
        if "Authorization" in self.headers:
            scheme, _, value = self.headers["Authorization"].partition(" ")
            if scheme != "Basic" or base64.b64decode(value) != b"user:secret":
                self.refuse()
                return
            user = "user"
        self.grant(user, query.get("scope", []), query["service"][0])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = urllib.parse.parse_qs(body)
        if form["grant_type"] != ["refresh_token"] or form["refresh_token"] != ["refresh"]:
            self.refuse()
            return
        self.grant("user", form["scope"][0].split(" "), form["service"][0])


class Internet(Handler):
    def find(self, host, port):
        """A connection to HOST, or None: the answer is given then."""
        if host in self.server.names:
            return socket.create_connection(("127.0.0.1", self.server.names[host]))
        self.answer(502, {}, b"no such host: %s:%d\n" % (host.encode(), port))
        return None

    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        other = self.find(host, int(port))
        if other is None:
            return
        self.record(200)
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        ends = {self.connection: other, other: self.connection}
        while True:
            for end in select.select(list(ends), [], [])[0]:
                piece = end.recv(65536)
                if not piece:
                    other.close()
                    return
                ends[end].sendall(piece)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        other = self.find(url.hostname, url.port or 80)
        if other is None:
            return
        client = http.client.HTTPConnection(url.hostname)
        client.sock = other
        headers = {name: value for name, value in self.headers.items()
                   if not name.lower().startswith("proxy-")}
        client.request("GET", urllib.parse.urlunsplit(("", "", *url[2:])), headers=headers)
        response = client.getresponse()
        headers = {name: value for name, value in response.getheaders()
                   if name.lower() not in ("connection", "transfer-encoding", "content-length", "date")}
        self.answer(response.status, headers, response.read())
        client.close()


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # connections that a loaded machine has not accepted yet


def serve(handler, port_file, log, **attributes):
    server = Server(("127.0.0.1", 0), handler)
    if attributes.get("tls"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(attributes["certificate"], attributes["key"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.log_path, server.log_lock = log, threading.Lock()
    open(log, "a").close()
    for name, value in attributes.items():
        setattr(server, name, value)
    with open(port_file + ".new", "w") as file:
        file.write(str(server.server_port))
    os.rename(port_file + ".new", port_file)
    server.serve_forever()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("layout")
    command.add_argument("dir")
    command.add_argument("--layers", type=int, default=3)
    command.add_argument("--size", type=int, default=3 << 20)
    command.add_argument("--tar", action="store_true")
    command = commands.add_parser("proxy")
    for name in ("port_file", "target", "faults", "log"):
        command.add_argument(name)
    command = commands.add_parser("tokens")
    for name in ("port_file", "key", "certificate", "log"):
        command.add_argument(name)
    command.add_argument("--public", default="public/")
    command.add_argument("--refuse", default="")
    command.add_argument("--tls", action="store_true")
    command = commands.add_parser("internet")
    for name in ("port_file", "log"):
        command.add_argument(name)
    command.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "layout":
        layout(arguments)
    elif arguments.command == "proxy":
        serve(Proxy, arguments.port_file, arguments.log, target=arguments.target,
              faults=Faults(arguments.faults), moved={})
    elif arguments.command == "tokens":
        serve(Tokens, arguments.port_file, arguments.log, key=arguments.key,
              certificate=arguments.certificate, public=arguments.public,
              refused=arguments.refuse, tls=arguments.tls)
    else:
        names = dict(name.split("=") for name in arguments.names)
        serve(Internet, arguments.port_file, arguments.log,
              names={name: int(port) for name, port in names.items()})


if __name__ == "__main__":
    sys.exit(main())
