"""Members and servers that mean harm, judged by the bytes that reach the terminal."""

import json
import re
import socket

import pytest

from fake_server import EPOCH, ME, FakeServer, uuid_of

NASTY = {
    "clipboard": "\x1b]52;c;aGFjaw==\x07",
    "title": "\x1b]0;owned\x07",
    "title-c1": "\x9d0;owned\x9c",
    "clear": "\x1b[2J\x1b[H",
    "csi-c1": "\x9b2J",
    "overwrite": "harmless\rroot: I agree",
    "backspaces": "abc\b\b\bxyz",
    "bell": "\x07\x07\x07",
    "bidi": "\u202eevil\u202c \u2066x\u2069",
    "tags": "a\U000e0041\U000e0042b",
    "charset": "\x0e\x1b(0lqk\x0f",
    "query": "\x1b[6n\x1b[c\x1b]10;?\x07",
    "keys": "\x1b[21~\x1bP$q\"p\x1b\\",
    "marks": "a" + "\u0301" * 1000 + "b",
    "separators": "a\u2028b\u2029c",
    "tab": "a\tb\t\tc",
    "long": "x" * 16000,
    "64 kB": "y" * 64000,
}
OSC = re.compile(rb"\x1b\]|\xc2\x9d|\x1bP|\xc2\x90|\x1b_|\x1b\^")


@pytest.fixture
def server():
    one = FakeServer()
    yield one
    one.close()


def acts(data):
    """Control strings and what no picture of ours needs."""
    found = OSC.findall(data)
    for word in (b"\x07", b"\xe2\x80\xae", b"\xe2\x81\xa6", b"\xf3\xa0\x81", b"\xc2\x9b", b"\x1b[6n", b"\x1b[c",
                 b"\x1b[2J\x1b[H\x1b"):
        if word in data:
            found.append(word)
    return found


@pytest.mark.parametrize("name", NASTY)
def test_a_message(pty, server, name):
    t = pty("alice", at=server.url)
    server.joined.wait(10)
    t.read(0.2)
    start = len(t.out)
    server.say(server.message(NASTY[name]))
    server.say(server.message("and then a harmless one", name="carol"))
    t.wait("harmless one")
    t.read(0.2)
    assert not acts(t.out[start:]), t.out[start:]


@pytest.mark.parametrize("name", ["title", "overwrite", "bidi", "csi-c1"])
def test_a_name(pty, server, name):
    """A server may send names that chatd would refuse."""
    t = pty("alice", at=server.url)
    server.joined.wait(10)
    t.read(0.2)
    start = len(t.out)
    evil = NASTY[name]
    server.say({"type": "sys", "sys": {"type": "channelJoin", "recipientUUID": "0", "userUUID": uuid_of(9),
                                       "username": evil}})
    server.say(server.message("hello alice", name=evil, sender=uuid_of(9)))
    server.say({"type": "sys", "sys": {"type": "unread", "recipientUUID": uuid_of(9), "senderUUID": uuid_of(9),
                                       "senderUsername": evil, "seq": 1}})
    server.say(server.message("a harmless one", name="carol"))
    t.wait("harmless one")
    t.read(0.2)
    found = [x for x in acts(t.out[start:]) if x != b"\x07"]  # the bell rings for the private message
    notices = t.out[start:].count(b"\x1b]") == t.out[start:].count(b"\x1b]9;")
    assert not found or all(x == b"\x1b]" for x in found) and notices, found


def test_overwriting_is_seen_for_what_it_is(tui, server):
    w = tui("alice", at=server.url)
    server.joined.wait(10)
    server.say(server.message("harmless\rroot: I agree"))
    w.wait(r"mallory │ harmless\^Mroot: I agree")


HUGE = 2**70
FRAMES = {
    "unknown type": {"type": "surprise", "surprise": [1, 2, 3]},
    "unknown event": {"type": "sys", "sys": {"type": "party", "recipientUUID": "0"}},
    "no type": {"hello": 1},
    "array": [1, 2],
    "huge seq": {"type": "channelMessage", "channelMessage": {
        "UUID": uuid_of(5), "senderUUID": uuid_of(7), "senderUsername": "m", "recipientUUID": "0",
        "message": "x", "createdAt": "2026-11-25T10:00:00.000Z", "seq": HUGE}},
    "negative seq": {"type": "channelMessage", "channelMessage": {
        "UUID": uuid_of(5), "senderUUID": uuid_of(7), "senderUsername": "m", "recipientUUID": "0",
        "message": "x", "createdAt": "2026-11-25T10:00:00.000Z", "seq": -5}},
    "wrong types": {"type": "channelMessage", "channelMessage": {"UUID": 5, "message": None, "seq": "x"}},
    "far future": {"type": "channelMessage", "channelMessage": {
        "UUID": uuid_of(5), "senderUUID": uuid_of(7), "senderUsername": "m", "recipientUUID": "0",
        "message": "x", "createdAt": "9999-12-31T23:59:59.999Z", "seq": 1}},
    "purge of everything": {"type": "sys", "sys": {"type": "purge", "recipientUUID": "0", "epoch": EPOCH,
                                                   "upTo": 2**53}},
    "answer to nothing": {"type": "authorized", "authorized": {"userUUID": uuid_of(66), "accessKey": "z" * 43,
                                                               "username": "root"}, "requestID": 4711},
    "unauthorized": {"type": "users", "users": {"total": 2**60, "received": 1, "users": [{}]}},
    "ten thousand members": {"type": "users", "users": {"total": 10000, "received": 10000, "users": [
        {"UUID": uuid_of(i + 10), "Username": f"member{i}", "OnLine": True} for i in range(10000)]}},
    "deep": None,
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_without_sense(tui, server, name):
    w = tui("alice", at=server.url)
    server.joined.wait(10)
    server.say(FRAMES[name] if name != "deep" else b'{"type":' + b"[" * 50000 + b"]" * 50000 + b"}")
    server.joined.wait(10)
    w.type("still typing")
    w.wait("still typing")
    assert not w.is_dead()
    w.keys("F1")
    w.wait("Alt\\+a")
    w.keys("F1")


def test_many_members(tui, server):
    def join(s, frame):
        s.answer(frame, {"type": "channelJoin", "channelJoin": {
            "recipientUUID": "0", "messages": [], "epoch": EPOCH, "seq": 0, "usersTotal": 10000,
            "users": [{"UUID": uuid_of(i + 10), "username": f"member{i}", "online": i % 2 == 0}
                      for i in range(1000)]}})
        s.joined.set()

    server.on["channelJoin"] = join
    w = tui("alice", at=server.url)
    w.wait("member")
    w.line("/names")
    w.type("alive")
    w.wait("alive")


def test_endless_fragments(tui, server):
    w = tui("alice", at=server.url)
    server.joined.wait(10)
    server.say(b'{"type":"', fin=False)
    try:
        for _ in range(300):
            server.say(b"a" * 60000, opcode=0, fin=False)
    except OSError:
        pass  # it hung up, as it should
    w.type("still typing")
    w.wait("still typing")


@pytest.mark.parametrize("where", ["message", "name"])
def test_invalid_bytes(pty, server, where):
    """No text frame may hold them: the connection is given up, nothing of it acts, and the client stays."""
    t = pty("alice", at=server.url)
    server.joined.wait(10)
    t.read(0.2)
    start = len(t.out)
    message = server.message("MARK", name="mallory") if where == "message" else server.message("x", name="MARK")
    frame = json.dumps(message)
    server.say(frame.encode().replace(b"MARK", b"\xff\xfe\x9b2J\xc0\xaf\x1b[2J"))
    t.wait("reconnecting")
    t.read(0.2)
    assert not acts(t.out[start:]), t.out[start:]


def test_a_server_that_is_none(tui):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        w = tui("alice", at=f"ws://127.0.0.1:{listener.getsockname()[1]}/ws", ready=False)
        conn, _ = listener.accept()
        conn.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + b"\x1b]0;owned\x07" * 100)
        conn.close()
        w.wait("reconnecting")
