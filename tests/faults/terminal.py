#!/usr/bin/env python3
"""Runs a command as the foreground job of a new terminal, and does to it what users and terminals do.

usage: terminal.py DO STOPS COMMAND [ARGUMENT...]

What the command shows goes to standard error. Once that contains "started", DO happens:
    suspend   Ctrl-Z; when all processes that name STOPS have stopped, the job goes on
    stop      Ctrl-S; when the command has slept for a while, Ctrl-Q
    hang-up   the terminal is closed
    resize    its size changes, to nothing and to very much
    interrupt Ctrl-C
    quit      Ctrl-\\
Exits as the command does, with 128 and the signal's number if one has killed it.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

WAIT = 600


def code_of(status):
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def lead(command, stopped, go_on):
    """The session's leader, as a shell with job control: gives the exit code."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(command[0], command)
    signal.signal(signal.SIGHUP, lambda *_: os.killpg(job, signal.SIGHUP))
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return code_of(status)
        os.write(stopped, b"s")
        os.read(go_on, 1)
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)


def states(name):
    """The states of the processes that have NAME in their environment or arguments."""
    found = []
    for process in os.listdir("/proc"):
        if not process.isdigit() or int(process) in (os.getpid(), os.getppid()):
            continue
        try:
            with open("/proc/%s/cmdline" % process, "rb") as file:
                arguments = file.read()
            with open("/proc/%s/stat" % process) as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if name in arguments and b"terminal.py" not in arguments:
            found.append(state)
    return found


def resize(terminal):
    for rows, columns in ((0, 0), (1, 1), (65535, 65535), (24, 80)):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Session:
    def __init__(self, do, name, command):
        self.do, self.name = do, name.encode()
        self.stopped, child_stopped = os.pipe()
        child_go_on, self.go_on = os.pipe()
        self.leader, self.terminal = pty.fork()
        if self.leader == 0:
            os._exit(lead(command, child_stopped, child_go_on))
        os.close(child_stopped)
        self.shown, self.acted = b"", False

    def act(self):
        if self.do == "suspend":
            os.write(self.terminal, b"\x1a")
        elif self.do == "stop":
            os.write(self.terminal, b"\x13")
            time.sleep(2)
            os.write(self.terminal, b"\x11")
        elif self.do == "interrupt":
            os.write(self.terminal, b"\x03")
        elif self.do == "quit":
            os.write(self.terminal, b"\x1c")
        elif self.do == "resize":
            resize(self.terminal)
        elif self.do == "hang-up":
            os.close(self.terminal)
            self.terminal = -1

    def resume(self):
        if not os.read(self.stopped, 1):
            time.sleep(0.05)  # the session ends
            return
        end = time.monotonic() + WAIT
        while set(states(self.name)) - {"T", "Z"}:
            if time.monotonic() > end:
                sys.exit("terminal.py: not all of them stop: %s" % states(self.name))
            time.sleep(0.05)
        sys.stderr.write("all %d stopped\n" % len(states(self.name)))
        os.write(self.go_on, b"g")

    def show(self):
        try:
            piece = os.read(self.terminal, 65536)
        except OSError:
            piece = b""
        if not piece:
            os.close(self.terminal)
            self.terminal = -1
        sys.stderr.buffer.write(piece)
        sys.stderr.flush()
        self.shown += piece
        if not self.acted and b"started" in self.shown:
            self.acted = True
            self.act()

    def run(self):
        while self.terminal >= 0:
            for ready in select.select([self.terminal, self.stopped], [], [])[0]:
                if ready == self.stopped:
                    self.resume()
                elif self.terminal >= 0:
                    self.show()
        return code_of(os.waitpid(self.leader, 0)[1])


if __name__ == "__main__":
    sys.exit(Session(sys.argv[1], sys.argv[2], sys.argv[3:]).run())
