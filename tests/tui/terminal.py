"""Terminals to test in: tmux, whose screen can be looked at, and a bare pty, whose bytes can."""

import contextlib
import fcntl
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

from chat import PATIENCE, wait_until
from stopwatch import Deadline

ENVIRONMENT = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "INPUTRC": "/dev/null",
               "PATH": os.environ["PATH"], "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}


def quoted(argv):
    return " ".join(shlex.quote(str(word)) for word in argv)


class Tmux:
    """A tmux server of its own with one window in which `argv` runs, `cols` by `rows`; as a job of a
    shell if `shell`. The pane stays when the program ends; its status is then in status()."""

    def __init__(self, argv, cols=80, rows=24, env=None, shell=False):
        self.dir = tempfile.mkdtemp(prefix="tmux-")
        self.socket = os.path.join(self.dir, "socket")
        self.env = {**ENVIRONMENT, "HOME": self.dir, "TERM": "screen-256color", **(env or {})}
        self.conf = os.path.join(self.dir, "conf")
        pathlib.Path(self.conf).write_text(
            "set -g default-terminal tmux-256color\nset -g remain-on-exit on\nset -g status off\n"
            "set -g escape-time 0\nset -g focus-events on\nset -g history-limit 1000\n")
        command = "PS1='$ ' bash --norc --noprofile -i" if shell else quoted(argv)
        self.tmux("-f", self.conf, "new-session", "-d", "-x", str(cols), "-y", str(rows),
                  "-s", "t", "exec env " + command)
        if shell:
            self.wait(r"\$")
            self.line(quoted(argv))

    def tmux(self, *args, check=True, stdin=None):
        done = subprocess.run(["tmux", "-S", self.socket, *args], env=self.env, input=stdin, cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
        assert not check or done.returncode == 0, f"tmux {args}: {done.stdout.decode()}"
        return done.stdout.decode("utf-8", "replace")

    def ask(self, what, pane="t"):
        return self.tmux("display-message", "-p", "-t", pane, what).strip()

    def split(self, argv, env=None):
        """A second pane below; returns its id for the functions that take a pane."""
        return self.tmux("split-window", "-P", "-F", "#{pane_id}", "-t", "t", *[
            option for name, value in (env or {}).items() for option in ("-e", f"{name}={value}")],
            "exec " + quoted(argv)).strip()

    def screen(self, pane="t", attributes=False):
        """The lines as they are seen."""
        return self.tmux("capture-pane", "-p", *(["-e"] if attributes else []), "-t", pane).split("\n")[:-1]

    def text(self, pane="t"):
        return "\n".join(self.screen(pane))

    def cursor(self):
        """(column, row, is it visible)."""
        x, y, flag = self.ask("#{cursor_x} #{cursor_y} #{cursor_flag}").split()
        return int(x), int(y), flag == "1"

    def wait(self, pattern, pane="t", timeout=PATIENCE, absent=False):
        """Waits until the regular expression is found (or no longer) on the screen; returns the text."""
        text = ""

        def look():
            nonlocal text
            text = self.text(pane)
            return bool(re.search(pattern, text)) != absent

        deadline = Deadline(timeout)
        while not look():
            assert deadline.left(), (
                f"{pattern!r} {'stays' if absent else 'is not'} on the screen:\n{text}")
            time.sleep(0.02)
        return text

    def keys(self, *names, pane="t"):
        """tmux' names: Enter, M-1, C-n, PageUp, F1 …"""
        self.tmux("send-keys", "-t", pane, *names)

    def type(self, text, pane="t"):
        self.tmux("send-keys", "-t", pane, "-l", "--", text)

    def line(self, text, pane="t"):
        self.type(text, pane)
        self.keys("Enter", pane=pane)

    def paste(self, text, pane="t", bracketed=True):
        self.tmux("load-buffer", "-", stdin=text.encode())
        self.tmux("paste-buffer", *(["-p"] if bracketed else []), "-r", "-t", pane)

    def resize(self, cols, rows):
        self.tmux("resize-window", "-t", "t", "-x", str(cols), "-y", str(rows))

    def pid(self, pane="t"):
        return int(self.tmux("display-message", "-p", "-t", pane, "#{pane_pid}"))

    def is_dead(self, pane="t"):
        return self.tmux("display-message", "-p", "-t", pane, "#{pane_dead}").strip() == "1"

    def status(self, pane="t"):
        """Waits for the program's end; returns its status (None: by a signal)."""
        wait_until(lambda: self.is_dead(pane), what="the end of the program")
        # tmux hears of the closed terminal first, and of how the program ended a little later. tmux 3.3a now
        # and then loses that SIGCHLD under load, and leaves a zombie until the next one: it is given one.
        server = int(self.ask("#{pid}"))

        def told():
            os.kill(server, signal.SIGCHLD)
            return self.ask("#{pane_dead_status}/#{pane_dead_signal}", pane).strip("/ ")

        wait_until(told, what="how the program ended")
        status = self.ask("#{pane_dead_status}", pane).strip()
        return int(status) if status else None

    def alternate(self):
        return self.ask("#{alternate_on}") == "1"

    def close(self):
        self.tmux("kill-server", check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


class Pty:
    """A bare pty as the controlling terminal of `argv`. All that the program writes gathers in `out`."""

    def __init__(self, argv, cols=80, rows=24, env=None):
        self.master, self.slave = os.openpty()
        self.home = tempfile.mkdtemp(prefix="pty-")
        self.resize(cols, rows)
        self.before = termios.tcgetattr(self.slave)
        self.out = b""

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, close_fds=True, cwd=self.home,
            env={**ENVIRONMENT, "HOME": self.home, "TERM": "xterm-256color", **(env or {})},
            preexec_fn=take_terminal)

    @property
    def pid(self):
        return self.process.pid

    def resize(self, cols, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, timeout=0.0):
        """What has come by now, or comes within the time; also appended to `out`."""
        found = b""
        while select.select([self.master], [], [], timeout)[0]:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                break
            if not chunk:
                break
            found += chunk
            timeout = 0
        self.out += found
        return found

    def wait(self, wanted, timeout=PATIENCE):
        """Waits until these bytes have come since the last wait(); returns what came up to then."""
        if isinstance(wanted, str):
            wanted = wanted.encode()
        start = getattr(self, "seen", 0)
        deadline = Deadline(timeout)
        while wanted not in self.out[start:]:
            assert deadline.left(), f"{wanted!r} did not come: …{self.out[-1500:]!r}"
            self.read(0.05)
        self.seen = self.out.index(wanted, start) + len(wanted)
        return self.out[start:self.seen]

    def send(self, data):
        os.write(self.master, data.encode() if isinstance(data, str) else data)

    def end(self, timeout=PATIENCE):
        """Waits for the program's end, reading all the while; returns the status (-N: signal N)."""
        deadline = Deadline(timeout)
        while self.process.poll() is None:
            assert deadline.left(), f"it does not end: …{self.out[-1500:]!r}"
            self.read(0.02)
        self.read()
        return self.process.returncode

    def modes(self):
        return termios.tcgetattr(self.slave)

    def check_restored(self):
        """The terminal is as it was: line discipline, main screen, cursor, no paste, focus, mouse mode."""
        assert self.modes() == self.before, "stty has changed"
        for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?2004h", b"\x1b[?2004l"),
                        (b"\x1b[?1004h", b"\x1b[?1004l"), (b"\x1b[?1000h", b"\x1b[?1000l"),
                        (b"\x1b[?1006h", b"\x1b[?1006l"), (b"\x1b[?1h", b"\x1b[?1l")):
            assert self.out.rfind(off) >= self.out.rfind(on), f"{on!r} is left on"
        assert self.out.rfind(b"\x1b[?25l") <= max(self.out.rfind(b"\x1b[?25h"),
                                                  self.out.rfind(b"\x1b[34h\x1b[?25h")), "no cursor"

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        with contextlib.suppress(OSError):
            os.close(self.slave)
        shutil.rmtree(self.home, ignore_errors=True)
