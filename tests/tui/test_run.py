"""./run, as somebody types it who has just got the sources: it ends in the client, on a server of its own."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import chattui
from chat import PATIENCE, ROOT, wait_until
from ports import free_port

BUILD = pathlib.Path(os.environ["CHATD_BIN"]).resolve().parents[1]
BUILDING = 120  # ./run looks whether the build is up to date, and another test may be waiting for that, too


class Machine:
    """What a run finds and leaves: the home directory, the place of the data, that of the log."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="run-"))
        self.windows = []
        for name in "tmp", "alice", "bob":
            (self.dir / name).mkdir()

    def env(self, user="alice"):
        """A path of a Unix socket is short, and root's own place of the data is nothing to try on."""
        return {"HOME": str(self.dir / user), "CHATD_REDIS": f"embedded:{self.dir}/data",
                "TMPDIR": str(self.dir / "tmp"), "CHAT_PRESET": BUILD.name, "CHATD_ARGON2_MEMORY": "8k",
                "CHATD_ARGON2_PASSES": "1"}

    def run(self, *args, user="alice"):
        window = chattui.Window([ROOT / "run", *args], cols=120, env=self.env(user))
        self.windows.append(window)
        return window

    def sign_in(self, window):
        """Fills the dialogue in; returns the server's address."""
        address = re.search(r"Server +ws://(\S+)/ws", window.wait(r"Password", timeout=BUILDING))[1]
        window.line(chattui.PASSWORD)
        window.wait_online()
        return address

    def processes(self):
        """Those that have to do with the data."""
        found = subprocess.run(["pgrep", "-af", f"{self.dir}/data"], capture_output=True, text=True, check=False).stdout
        return [line for line in found.splitlines() if "pgrep" not in line]

    def leftovers(self):
        return self.processes() + list((self.dir / "tmp").iterdir())

    def close(self):
        for window in self.windows:
            if not window.is_dead():
                os.kill(window.pid(), signal.SIGTERM)
                window.status()
            window.close()
        found = self.leftovers()
        for line in self.processes():
            os.kill(int(line.split()[0]), signal.SIGTERM)
        shutil.rmtree(self.dir, ignore_errors=True)
        assert not found


@pytest.fixture
def machine():
    if BUILD.parent != ROOT / "build":
        pytest.skip("not run from a build directory of the presets")
    made = Machine()
    yield made
    made.close()


def is_served(address):
    host, port = address.split(":")
    with socket.socket() as s:
        return s.connect_ex((host, int(port))) == 0


def test_it_ends_in_a_chat(machine):
    """The first time, another user's beside it, and the next day."""
    alice = machine.run("--user", "alice", "--listen", "127.0.0.1:0")
    address = machine.sign_in(alice)
    alice.line("anybody here?")
    alice.wait_said("alice", r"anybody here\?")

    bob = machine.run("--user=bob", "--listen", address)
    assert machine.sign_in(bob) == address
    bob.wait_said("alice", r"anybody here\?")
    bob.line("/quit")
    assert bob.status() == 0 and "stopped" not in bob.text() and is_served(address), "it was alice's server"
    assert f"The chat server at {address} goes on: it ran before." in bob.text()

    alice.line("/quit")
    assert alice.status() == 0 and "what was said stays" in alice.text()
    assert not is_served(address) and not machine.leftovers()

    alice = machine.run("--listen", address)  # by the key: neither name nor password is asked for
    alice.wait_said("alice", r"anybody here\?", timeout=BUILDING)
    alice.wait(r"\[alice\]")  # not bob, who was named
    alice.line("/quit")
    assert alice.status() == 0


def test_no_tui_says_how_to_connect(machine):
    address = f"127.0.0.1:{free_port()}"
    server = machine.run("--no-tui", "--listen", address)
    told = server.wait("chatd: serving", timeout=BUILDING)
    lines = re.match(rf"Chat server: +ws://{address}/ws +\(Ctrl-C stops it; .*\)\nIn a terminal: (\S+) --server "
                     rf"ws://{address}/ws\nIn a browser: .* docs/PROTOCOL.md\n", told)
    assert lines, told
    password = machine.dir / "password"
    password.touch(mode=0o600)
    password.write_text(chattui.PASSWORD)
    said = subprocess.run([lines[1], "--server", f"ws://{address}/ws", "--plain", "--user", "alice", "--password-file",
                           password], input="hello\n", env={**os.environ, **machine.env()}, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert said.returncode == 0 and said.stdout.endswith("alice: hello\n"), said.stderr
    server.keys("C-c")
    assert server.status() == 0 and not is_served(address)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_it_is_ended(machine, how):
    window = machine.run("--user", "alice", "--listen", "127.0.0.1:0")
    address = machine.sign_in(window)
    if how == signal.SIGHUP:
        machine.windows.remove(window)
        window.close()  # the terminal goes
    else:
        os.kill(window.pid(), how)
        assert window.status() == 128 + how
    wait_until(lambda: not machine.leftovers(), what="the end of all processes")
    assert not is_served(address)


def test_the_port_is_somebody_elses(machine):
    with socket.create_server(("127.0.0.1", 0)) as other:
        window = machine.run("--listen", f"127.0.0.1:{other.getsockname()[1]}")
        window.wait("Address already in use: --listen HOST:PORT names another address", timeout=BUILDING)
        assert window.status() == 1


FALSE_CHATD = """
import os, socket, sys
os.setuid(65534)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    with listener.accept()[0] as s, s.makefile("rb") as lines:
        while lines.readline().strip():  # all of it: closed before, it would reset the connection
            pass
        s.sendall(b"HTTP/1.1 404 Not Found\\r\\nServer: chatd\\r\\n\\r\\n")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_server_is_not_joined(machine):
    port = free_port()
    with subprocess.Popen(["/usr/bin/python3", "-c", FALSE_CHATD, str(port)]) as other:
        try:
            wait_until(lambda: is_served(f"127.0.0.1:{port}"))
            window = machine.run("--listen", f"127.0.0.1:{port}")
            window.wait(rf"yours: +./run --listen 127.0.0.1:PORT\n.*chattui --server ws://127.0.0.1:{port}/ws",
                        timeout=BUILDING)
            assert window.status() == 1
        finally:
            other.kill()


def test_help_that_cannot_be_written(machine):
    """It ends there, rather than going on to start a server."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([ROOT / "run", "--help"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, **machine.env()}, timeout=BUILDING, check=False)
    assert done.returncode == 1 and "No space left" in done.stderr and "starting" not in done.stderr
