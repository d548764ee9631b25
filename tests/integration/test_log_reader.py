"""A log that nobody reads: what is written there never holds up the chat."""

import contextlib
import os
import re
import subprocess
import urllib.request

import chat
import pytest


class Unread:
    """A chatd whose stderr is a pipe, which nobody reads until told()."""

    def __init__(self, start_chatd, **settings):
        self.reader, writer = os.pipe()
        into_pipe = "bash", "-c", f'exec 2>&{writer} {writer}>&-; exec "$@"', "bash"
        self.node = start_chatd(under=into_pipe, pass_fds=(writer,), wait=False, log_level="debug", **settings)
        os.close(writer)
        self.node.wait_serving()

    def told(self):
        os.set_blocking(self.reader, False)
        found = b""
        try:
            while chunk := os.read(self.reader, 65536):
                found += chunk
        except BlockingIOError:
            pass
        return found.decode()


@pytest.fixture
def unread(start_chatd):
    begun = []

    def begin(**settings):
        begun.append(Unread(start_chatd, **settings))
        return begun[-1]
    yield begin
    for one in begun:
        os.close(one.reader)


def fill(node, client):
    """More lines at debug than a pipe of 64 KiB takes."""
    for n in range(60):
        c = client(at=node)
        for _ in range(20):
            c.ask("users", {})
        for _ in range(20):
            c.expect("error")
        c.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_members_go_on_and_sigterm_ends_it(unread, client, workers):
    full = unread(workers=workers)
    alice, bob = (client(name, join="0", at=full.node) for name in ("alice", "bob"))
    fill(full.node, client)
    alice.say("still here")
    bob.hear("still here")
    assert "event=serving" in full.told()
    client("carol", at=full.node).close()
    full.node.stop()
    assert re.search(r"level=warn .*event=lines_dropped lines=[1-9]", full.told())


def test_it_ends_although_nobody_ever_reads(unread, client):
    full = unread()
    fill(full.node, client)
    full.node.stop()


def test_how_many_are_missing_is_a_metric(unread, client):
    address = f"127.0.0.1:{chat.free_port()}"
    full = unread(http=address)
    fill(full.node, client)
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=chat.PATIENCE) as answer:
        dropped, = re.findall(r"^chatd_log_lines_dropped_total (\d+)$", answer.read().decode(), re.M)
    assert int(dropped) > 0


@pytest.mark.parametrize("argv", [["--no-such-option"], ["--redis=nonsense"], ["--listen=0.0.0.0:0"]])
def test_a_start_that_fails_ends_though_nobody_reads_why(argv):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    done = subprocess.run([os.environ["CHATD_BIN"], "--redis=unix:///nonexistent", *argv], stderr=writer, timeout=20,
                          check=False)
    os.close(reader)
    os.close(writer)
    assert done.returncode == 2
