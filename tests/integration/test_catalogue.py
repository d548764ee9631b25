"""Bad input and what it gets: tests/CATALOGUE.md has a row for each kind, and the tests that send it. What a raw
socket can say before and below JSON is sent here, on one server: whatever comes, the data stay as they are, the
neighbour notices nothing, the log has one plain line of it, and no sanitizer complains. Most other rows are tried in
the files of their subject."""

import contextlib
import os
import pathlib
import re
import socket
import struct
import subprocess

import chat
import pytest
from chat import BINARY, CLOSE, PING, PONG, TEXT, ws_frame
from stopwatch import Deadline, Stopwatch
from test_config import refused
from test_http import metrics

CONTINUATION = 0
PREFIX = "catalogue:"
MESSAGE = chat.request("channelMessage", {"message": "x" * 100})


@pytest.fixture(scope="module")
def server(worker_redis):
    node = chat.Chatd(worker_redis.uri, prefix=PREFIX, handshake_timeout="1s", http="127.0.0.1:0")
    yield node
    node.destroy()


@pytest.fixture(scope="module")
def bob(server):
    one = chat.Client(server)
    one.sign_in("bob")
    one.join("0")
    yield one
    one.close()


@pytest.fixture
def prefix():
    return PREFIX


def told(node, before):
    """The lines about clients that the log got since."""
    lines = node.log()[before:].splitlines()
    return [line for line in lines if "event=handshake_refused" in line or "event=client_closed" in line]


@pytest.fixture
def beside(server, bob, unchanged):
    """with beside(1): what happens inside changes nothing, bob talks on, and the log has so many lines of it."""
    @contextlib.contextmanager
    def watch(lines):
        bob.fence()
        before = len(server.log())
        with unchanged():
            yield
            chat.wait_until(lambda: len(told(server, before)) >= lines, what="a line in the log")
        assert len(told(server, before)) == lines
        assert re.fullmatch(r"[\x20-\x7e\n]*", server.log()[before:]), "plain, one line an event"
        bob.say("still here")
        server.check_sanitizers()
    return watch


# HTTP

def exchange(node, data):
    """The status of the answer, 0 without one; the connection must end."""
    with socket.create_connection((node.host, node.port)) as s:
        s.settimeout(chat.PATIENCE)
        got = b""
        with contextlib.suppress(ConnectionError):
            s.sendall(data)
            while piece := s.recv(4096):
                got += piece
    return int(got.split()[1]) if got.startswith(b"HTTP/") else 0


def head(line=b"GET /ws HTTP/1.1", more=b"", **headers):
    data = chat.handshake("localhost", **headers)
    return line + data[data.index(b"\r\n"):-2] + more + b"\r\n"


HTTP = {
    "no-upgrade": ({404, 426}, b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no-upgrade-elsewhere": ({404}, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "upgrade-foo": ({400}, head(Upgrade="foo")),
    "upgrade-h2c": ({400}, head(Upgrade="h2c")),
    "upgrade-h2c-too": ({400}, head(Upgrade="h2c, websocket")),
    "h2-preface": ({400}, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "version-8": ({400}, head(Sec_WebSocket_Version="8")),
    "no-version": ({400}, head(Sec_WebSocket_Version=None)),
    "no-key": ({400}, head(Sec_WebSocket_Key=None)),
    "short-key": ({400}, head(Sec_WebSocket_Key="c2hvcnQ=")),
    "two-keys": ({400}, head(more=b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")),
    "post": ({400, 404, 405}, head(b"POST /ws HTTP/1.1")),
    "http-1.0": ({400}, head(b"GET /ws HTTP/1.0")),
    "http-0.9": ({400}, b"GET /ws\r\n\r\n"),
    "origin": ({403}, head(Origin="https://evil.example")),
    "origin-twice": ({403}, head(more=b"Origin: http://localhost\r\nOrigin: https://evil.example\r\n")),
    "two-versions": ({400}, head(more=b"Sec-WebSocket-Version: 13\r\n")),
    "origin-twice-the-other-way": ({403}, head(more=b"Origin: https://evil.example\r\nOrigin: http://localhost\r\n")),
    "header-of-17kB": ({431}, head(more=b"A: " + b"b" * 17000 + b"\r\n")),
    "uri-of-17kB": ({431}, head(b"GET /ws" + b"x" * 17000 + b" HTTP/1.1")),
    "uri-of-5kB": ({404}, head(b"GET /ws" + b"x" * 5000 + b" HTTP/1.1")),
    "300-headers": ({400}, head(more=b"A: b\r\n" * 300)),
    "content-length-x": ({400}, head(more=b"Content-Length: x\r\n")),
    "content-length-negative": ({400}, head(more=b"Content-Length: -1\r\n")),
    "content-length-huge": ({400}, head(more=b"Content-Length: 99999999999999999999\r\n")),
    "content-length-twice": ({400}, head(more=b"Content-Length: 0\r\nContent-Length: 5\r\n")),
    "content-length-5": ({400}, head(more=b"Content-Length: 5\r\n")),
    "transfer-encoding": ({400}, head(more=b"Transfer-Encoding: chunked\r\n")),
    "no-host": ({400}, head(Host=None)),
    "two-hosts": ({400}, head(more=b"Host: evil.example\r\n")),
    "folded-header": ({400}, head(more=b"A: b\r\n Sec-WebSocket-Version: 8\r\n")),
    "nul-in-header": ({400}, head(more=b"A: \0\r\n")),
    "escape-in-header": ({400}, head(more=b"A: \x1b[2J\r\n")),
    "lone-line-feeds": ({0}, chat.handshake("localhost").replace(b"\r\n", b"\n")),
    "tls-hello-on-the-plain-port": ({400}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500),
    "a-redis-command": ({400}, b"*1\r\n$4\r\nPING\r\n\r\n"),
    "key-in-the-query-string": ({404}, head(b"GET /ws?userAccessKey=hush-hush HTTP/1.1")),
    "silent": ({0}, b""),
    "half": ({0}, b"GET /ws HTTP/1.1\r\nHost: x\r\n"),
}


@pytest.mark.parametrize("name", HTTP)
def test_http(server, beside, name):
    """Refused and closed; the silent and the half ones when the handshake's time is over."""
    statuses, data = HTTP[name]
    with beside(1):
        assert exchange(server, data) in statuses
    assert "hush" not in server.log()


def test_http_dripped(server, beside):
    """A byte now and then prolongs nothing."""
    with beside(1), socket.create_connection((server.host, server.port)) as s:
        s.settimeout(0.05)
        watch, ended = Stopwatch(), False
        for byte in b"GET /ws HTTP/1.1\r\nHost: " + b"x" * 2000:
            with contextlib.suppress(TimeoutError):
                s.send(bytes([byte]))
                ended = s.recv(1) == b""
            if ended:
                break
        assert ended and watch.seconds() < 5


# Frames: the code of the close frame, 1006 for none, lines in the log, and what is sent

def close_frame(code, reason=b""):
    return ws_frame(CLOSE, struct.pack(">H", code) + reason)


def long_frame(size):
    return b"\x81\xff" + struct.pack(">Q", size) + os.urandom(4) + b"x" * 2000


FRAMES = {
    "rsv1": (1002, 1, [ws_frame(TEXT, MESSAGE, rsv=4)]),
    "rsv2": (1002, 1, [ws_frame(TEXT, MESSAGE, rsv=2)]),
    "rsv3": (1002, 1, [ws_frame(TEXT, MESSAGE, rsv=1)]),
    "opcode-3": (1002, 1, [ws_frame(3, MESSAGE)]),
    "opcode-7": (1002, 1, [ws_frame(7)]),
    "opcode-11": (1002, 1, [ws_frame(11, b"x")]),
    "opcode-15": (1002, 1, [ws_frame(15)]),
    "long-ping": (1002, 1, [ws_frame(PING, b"x" * 126)]),
    "fragmented-ping": (1002, 1, [ws_frame(PING, b"x", fin=False)]),
    "stray-continuation": (1002, 1, [ws_frame(CONTINUATION, MESSAGE)]),
    "text-inside-a-fragment": (1002, 1, [ws_frame(TEXT, b"{", fin=False), ws_frame(TEXT, MESSAGE)]),
    "bad-utf8": (1007, 1, [ws_frame(TEXT, b'{"x":"\xff"}')]),
    "overlong-utf8": (1007, 1, [ws_frame(TEXT, b'{"x":"\xc0\xaf"}')]),
    "surrogate-in-utf8": (1007, 1, [ws_frame(TEXT, b'{"x":"\xed\xa0\x80"}')]),
    "truncated-utf8": (1007, 1, [ws_frame(TEXT, b'{"x":"\xf0\x9f\x90')]),
    "close-of-1-byte": (1002, 0, [ws_frame(CLOSE, b"\x03")]),
    "close-999": (1002, 0, [close_frame(999)]),
    "close-1005": (1002, 0, [close_frame(1005)]),
    "close-5000": (1002, 0, [close_frame(5000)]),
    "close-not-utf8": (1007, 0, [close_frame(1000, b"\xff")]),
    "close-too-long": (1002, 1, [close_frame(1000, b"x" * 124)]),
    "length-2^62": (1009, 1, [long_frame(2**62)]),
    "length-2^63": (1002, 1, [long_frame(2**63)]),
    "over-64-KiB": (1009, 1, [ws_frame(TEXT, MESSAGE + " " * 65536)]),
    "over-64-KiB-in-fragments": (1009, 1, [ws_frame(TEXT, b" " * 30000, fin=False),
                                           *[ws_frame(CONTINUATION, b" " * 30000, fin=False)] * 2]),
    "thousands-of-empty-fragments": (1008, 1, [ws_frame(TEXT, b"", fin=False),
                                               *[ws_frame(CONTINUATION, b"", fin=False)] * 5000]),
    "binary": (1003, 1, [ws_frame(BINARY, MESSAGE)]),
    "data-after-close": (1000, 0, [close_frame(1000), ws_frame(TEXT, MESSAGE) * 3]),
    "requests-behind-a-broken-frame": (1002, 1, [ws_frame(3, b""), ws_frame(TEXT, MESSAGE) * 3]),
}


@pytest.fixture
def mallory(server, client):
    one = client("mallory", join="0", at=server)
    one.fence()
    return one


@pytest.mark.parametrize("name", FRAMES)
def test_frame(mallory, beside, name):
    code, lines, frames = FRAMES[name]
    with beside(lines):
        with contextlib.suppress(ConnectionError):
            mallory.send_bytes(b"".join(frames))
        assert [f for f in mallory.expect_close(code) if f["type"] != "sys"] == []
        mallory.sock.close()


def test_first_frame_in_the_segment_of_the_handshake(server, client):
    one = client(at=server, early=[chat.request("signIn", {"username": "carol", "password": "x"})])
    one.expect("authorized")


def test_reset_in_the_middle_of_a_message(mallory, beside, bob):
    with beside(0):
        mallory.send_bytes(ws_frame(TEXT, MESSAGE)[:-10])
        mallory.drop()
        bob.expect_event("signOut")


@pytest.fixture
def limited(worker_redis):
    """A server that limits the loopback, too."""
    node = chat.Chatd(worker_redis.uri, prefix=PREFIX, limit_loopback=True, ping_interval="1s", max_per_address=3)
    yield node
    node.destroy()


@pytest.mark.parametrize("opcode,payload", [(PING, b"x"), (PING, b""), (PONG, b"x"), (PONG, b"")],
                         ids=["ping", "empty-ping", "pong", "empty-pong"])
def test_ping_flood(limited, client, unchanged, opcode, payload):
    mallory = client("mallory", at=limited)
    mallory.sock.settimeout(1)
    flood, deadline = ws_frame(opcode, payload) * 2000, Deadline(chat.PATIENCE)
    with unchanged():
        with pytest.raises(OSError):
            while deadline.left():
                mallory.send_bytes(flood)
                mallory.sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while mallory.sock.recv(1 << 20):
                        pass
                mallory.sock.settimeout(0.5)
        limited.wait_log("event=client_closed code=4006")
    client("alice", join="0", at=limited).say("undisturbed")


def test_half_a_frame_then_silence(limited, client, unchanged):
    """Nothing can be answered in the middle of a frame, so a ping finds out."""
    mallory = client("mallory", at=limited)
    mallory.answer_pings = False
    with unchanged():
        mallory.send_bytes(ws_frame(TEXT, MESSAGE)[:-10])
        assert mallory.expect_close(1006) == []
    client("alice", join="0", at=limited).say("undisturbed")


def test_one_connection_too_many_from_an_address(limited, client, unchanged):
    crowd = [client(at=limited) for _ in range(3)]
    with unchanged(), pytest.raises((chat.Refused, ConnectionError)):
        client(at=limited)
    limited.wait_log("event=connection_refused address=127.0.0.1")
    crowd[0].sign_in("alice")


# What is answered is told at log-level debug, a plain line each

def test_a_request_that_is_refused_is_a_line_at_debug(worker_redis, client):
    node = chat.Chatd(worker_redis.uri, prefix=PREFIX, log_level="debug")
    try:
        one = client(at=node)
        before = len(node.log())
        one.send_text('{"type":"\x1b]0;owned\x07"}')
        one.expect_error("bad_json")
        one.send_text('{"type":"\\u001b]0;owned\\u0007 event=forged"}')
        one.expect_error("unknown_type")
        lines = [line for line in node.log()[before:].splitlines() if "event=request_refused" in line]
        assert len(lines) == 2 and "error=bad_json" in lines[0] and "error=unknown_type" in lines[1]
        assert re.fullmatch(r"[\x20-\x7e\n]*", node.log()) and "owned" not in node.log()
    finally:
        node.destroy()


# What is in Redis

def counter(node, name):
    return sum(value for key, value in metrics(node).items() if key.startswith(name))


def test_foreign_entries_and_payloads_are_counted(server, worker_redis, client):
    alice = client("alice", join="0", at=server)
    last = alice.say("one")["seq"]
    entries, events = counter(server, "chatd_bad_entries_total"), counter(server, "chatd_bad_events_total")
    worker_redis.r.xadd(f"{PREFIX}{{c:public}}:log", {"x": "y"}, id=f"{last + 1}-0")
    worker_redis.r.hset(f"{PREFIX}{{c:public}}:meta", "seq", last + 1)
    worker_redis.r.execute_command("SPUBLISH", f"{PREFIX}{{c:public}}:bus", "nonsense")
    alice.say("three")
    alice.history()
    chat.wait_until(lambda: counter(server, "chatd_bad_entries_total") > entries)
    chat.wait_until(lambda: counter(server, "chatd_bad_events_total") > events)


def test_a_wrong_type_is_counted(server, worker_redis, client):
    alice, dave = client("alice", at=server), client("dave", at=server)
    before = counter(server, 'chatd_errors_total{name="internal"}')
    alice.join(dave.user)
    ends = sorted([alice.user, dave.user])
    key = f"{PREFIX}{{c:dm:{ends[0]}:{ends[1]}}}:log"
    worker_redis.r.delete(key)
    worker_redis.r.set(key, "no stream")
    alice.post("x", dave.user)
    alice.expect_error("internal")
    assert counter(server, 'chatd_errors_total{name="internal"}') == before + 1


# Configuration

def test_a_low_limit_of_open_files_is_a_warning_with_the_number(worker_redis, client):
    under = ["bash", "-c", "ulimit -n 200; exec \"$0\" \"$@\""]
    node = chat.Chatd(worker_redis.uri, prefix=PREFIX, under=under)
    try:
        assert "level=warn event=few_files limit=200 " in node.log()
        client("alice", at=node).users()
    finally:
        node.destroy()


@pytest.mark.parametrize("flag", ["--password=x", "--redis-password=x", "--redis=redis://:sesame@127.0.0.1"])
def test_passwords_on_the_command_line(flag):
    assert "sesame" not in refused(flag)


# The build

@pytest.mark.parametrize("program", ["chatd", "chatctl", "chattui"])
def test_hardened(program):
    binary = pathlib.Path(os.environ["CHATD_BIN"]).with_name(program)
    said = subprocess.run(["readelf", "-hldW", binary], capture_output=True, text=True, check=True).stdout
    assert "DYN (Position-Independent Executable file)" in said and "GNU_RELRO" in said and "BIND_NOW" in said
    assert re.search(r"GNU_STACK .* RW +0x", said), "no executable stack"


# The index itself

TESTS = chat.ROOT / "tests"


def exists(folder, test):
    """Is there such a test, "test_x.py::test_y[id]"? The id is looked for as text."""
    name, _, rest = test.partition("::")
    function, _, id = rest.partition("[")
    path = TESTS / folder / name
    text = path.read_text() if path.exists() else ""
    return (re.search(rf"\b{function}\(", text) if function else text) and id.removesuffix("]") in text


def test_every_row_of_the_catalogue_names_tests_that_exist():
    rows = [line for line in (TESTS / "CATALOGUE.md").read_text().splitlines()
            if line.startswith("| ") and not line.startswith(("| what", "|-"))]
    assert len(rows) > 100
    for row in rows:
        tests = re.findall(r"`([^`]+)`", row.rpartition(" | ")[2])
        assert tests, f"no test in {row}"
        for test in tests:
            folder, _, name = test.rpartition("/") if "/" in test else ("integration", "", test)
            assert exists(folder, name), f"{test} is not there"
