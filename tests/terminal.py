#!/usr/bin/env python3
"""Runs a command on a pseudo-terminal and does to it what standard input says.

usage: terminal.py ROWS COLUMNS TRANSCRIPT COMMAND... < STEPS

A step is a line:

    expect REGEX         waits until the output since the last match has one
    send TEXT            types TEXT, in which Python's escapes stand for other characters
    resize ROWS COLUMNS  gives the terminal another size
    do COMMAND           runs a shell command beside it

TRANSCRIPT gets all that was shown. The exit code is the command's; 99 if a step fails or the output
ends before a match, with the reason on standard error.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 300  # seconds; only a command that hangs takes that long


class Failure(Exception):
    pass


class Terminal:
    def __init__(self, rows, columns, transcript, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self.set_size(0, rows, columns)
            os.execvp(command[0], command)
        self.transcript = transcript
        self.shown = b""  # since the last match
        self.ended = False

    @staticmethod
    def set_size(fd, rows, columns):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return
        try:
            got = os.read(self.fd, 65536)
        except OSError:  # the last process has closed it
            got = b""
        self.ended = not got
        self.shown += got
        self.transcript.write(got)
        self.transcript.flush()

    def expect(self, regex):
        deadline = time.monotonic() + PATIENCE
        while True:
            match = re.search(regex.encode(), self.shown)
            if match:
                self.shown = self.shown[match.end():]
                return
            if self.ended or time.monotonic() > deadline:
                raise Failure(f"expect {regex}: {self.shown[-2000:]!r}")
            self.read(1)

    def send(self, text):
        data = text.encode().decode("unicode_escape").encode("latin-1")
        while data:
            data = data[os.write(self.fd, data):]

    def finish(self):
        deadline = time.monotonic() + PATIENCE
        while not self.ended:
            if time.monotonic() > deadline:
                raise Failure("the command does not end")
            self.read(1)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def take_step(terminal, line):
    name, _, rest = line.rstrip("\n").partition(" ")
    if name == "expect":
        terminal.expect(rest)
    elif name == "send":
        terminal.send(rest)
    elif name == "resize":
        terminal.set_size(terminal.fd, *map(int, rest.split()))
    elif name == "do":
        if subprocess.run(rest, shell=True, check=False).returncode != 0:
            raise Failure(f"do {rest}: it failed")
    else:
        raise Failure(f"unknown step {line!r}")


def main():
    rows, columns, transcript, *command = sys.argv[1:]
    with open(transcript, "wb") as file:
        terminal = Terminal(int(rows), int(columns), file, command)
        try:
            for line in sys.stdin:
                if line.strip():
                    take_step(terminal, line)
            return terminal.finish()
        except Failure as failure:
            print(failure, file=sys.stderr)
            os.close(terminal.fd)
            return 99


sys.exit(main())
