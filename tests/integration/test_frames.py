"""Frames of the WebSocket itself: too large, binary, not UTF-8, in pieces, broken. Whatever comes, nothing
is stored (R16) and the neighbour does not notice."""

import os
import socket
import struct
import time

import chat
import pytest
from chat import BINARY, CLOSE, PING, PONG, TEXT, ws_frame
from stopwatch import Deadline

CONTINUATION = 0
MESSAGE = chat.request("channelMessage", {"message": "x" * 100})


@pytest.fixture
def closes(client, unchanged):
    """closes(code, bytes…): a signed-in, joined connection that sends them is closed with this code."""
    def check(code, *frames):
        alice, bob = client("alice", join="0"), client("bob", join="0")
        alice.fence()
        with unchanged():
            try:
                alice.send_bytes(b"".join(frames))
            except OSError:
                pass  # closed while it was still sending
            assert [f for f in alice.expect_close(code) if f["type"] != "sys"] == []
        assert bob.say("still here")["seq"] == 1
    return check


# What is refused

def test_binary(closes):
    closes(1003, ws_frame(BINARY, MESSAGE), ws_frame(TEXT, MESSAGE))


def test_empty_binary(closes):
    closes(1003, ws_frame(BINARY, b""))


def test_binary_in_pieces(closes):
    closes(1003, ws_frame(BINARY, b"x", fin=False), ws_frame(CONTINUATION, b"y"))


def padded(size):
    """A message request of exactly so many bytes, most of them white space."""
    return MESSAGE + " " * (size - len(MESSAGE))


def test_largest_frame(client):
    alice = client("alice", join="0")
    alice.send_text(padded(65536))
    assert alice.expect("channelMessage")["seq"] == 1


@pytest.mark.parametrize("size", [65537, 70000, 1 << 20])
def test_frame_too_large(closes, size):
    closes(1009, ws_frame(TEXT, padded(size)))


def test_too_large_in_pieces(closes):
    pieces = [ws_frame(TEXT, padded(30000), fin=False)]
    pieces += [ws_frame(CONTINUATION, b" " * 30000, fin=False)] * 2
    closes(1009, *pieces)


def test_too_large_in_many_small_pieces(closes):
    closes(1009, ws_frame(TEXT, b"{", fin=False), *[ws_frame(CONTINUATION, b" " * 100, fin=False)] * 700)


def test_max_frame_is_a_setting(client, start_chatd):
    node = start_chatd(max_frame="2k")
    alice = client("alice", join="0", at=node)
    alice.send_text(padded(2048))
    alice.expect("channelMessage")
    alice.send_text(padded(2049))
    alice.expect_close(1009)


@pytest.mark.parametrize("announced", [2**20, 2**31, 2**62, 2**63 - 1])
def test_a_huge_length_is_not_waited_for(client, announced):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.send_bytes(b"\x81\xff" + struct.pack(">Q", announced) + os.urandom(4) + b"x" * 2000)
    alice.expect_close()
    bob.say("still here")


BAD_UTF8 = {
    "lone-continuation": b"\x80", "ff": b"\xff", "overlong-2": b"\xc0\xaf", "overlong-3": b"\xe0\x80\xaf",
    "overlong-4": b"\xf0\x80\x80\xaf", "overlong-nul": b"\xc0\x80", "surrogate": b"\xed\xa0\x80",
    "surrogate-pair": b"\xed\xa0\xbd\xed\xb8\x80", "above-10ffff": b"\xf4\x90\x80\x80",
    "5-bytes": b"\xf8\x88\x80\x80\x80",
    "truncated-2": b"\xc3", "truncated-3": b"\xe2\x82", "truncated-4": b"\xf0\x9f\x90", "latin-1": b"caf\xe9 x",
}


@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8)
def test_invalid_utf8(closes, bad):
    closes(1007, ws_frame(TEXT, b'{"type":"channelMessage","channelMessage":{"message":"' + bad + b'"}}'))


def test_invalid_utf8_at_the_end(closes):
    closes(1007, ws_frame(TEXT, b"\xf0\x9f\x90"))


def test_invalid_utf8_in_pieces(closes):
    closes(1007, ws_frame(TEXT, b'{"x":"\xc3', fin=False), ws_frame(CONTINUATION, b'\xc3"}'))


# What is fine

def test_a_request_in_pieces(client):
    """Even where the cut goes through a character, and with a ping in between."""
    alice = client("alice", join="0")
    text = chat.json.dumps({"type": "channelMessage", "channelMessage": {"message": "\U0001f40e é"}},
                           ensure_ascii=False).encode()
    for cut in range(len(text) + 1):
        alice.send_bytes(ws_frame(TEXT, text[:cut], fin=False) + ws_frame(PING, b"p") +
                         ws_frame(CONTINUATION, text[cut:]))
        alice.hear("\U0001f40e é")


def test_a_request_byte_by_byte_frame(client):
    alice = client("alice")
    frames = [ws_frame(TEXT, b"", fin=False)]
    frames += [ws_frame(CONTINUATION, bytes([b]), fin=False) for b in b'{"type":"users"}']
    alice.send_bytes(b"".join(frames) + ws_frame(CONTINUATION, b""))
    alice.expect("users")


def test_ping_is_answered_with_its_payload(client):
    c = client()
    for payload in b"", b"hello", bytes(range(125)):
        c.send_frame(PING, payload)
        assert c.recv_frame() == (PONG, payload)


def test_unasked_pong_is_ignored(client):
    alice = client("alice")
    alice.send_frame(PONG, b"x")
    alice.users()


PINGS = [b"%d" % i for i in range(50)]


def pongs(c, n):
    return [c.recv_frame() for _ in range(n)]


def test_pings_in_one_segment_are_all_answered(client):
    c = client()
    c.send_bytes(b"".join(ws_frame(PING, payload) for payload in PINGS))
    assert pongs(c, 50) == [(PONG, payload) for payload in PINGS]


def test_pings_around_a_request(client):
    c = client()
    c.send_bytes(ws_frame(PING, b"1") + ws_frame(TEXT, chat.request("users")) + ws_frame(PING, b"2"))
    frames = [c.recv_frame() for _ in range(3)]
    assert [payload for opcode, payload in frames if opcode == PONG] == [b"1", b"2"]
    assert b"not_authorized" in next(payload for opcode, payload in frames if opcode == TEXT)


def test_a_ping_in_front_of_a_goodbye(client):
    c = client()
    c.send_bytes(ws_frame(PING, b"1") + ws_frame(CLOSE, struct.pack(">H", 1000)))
    assert c.recv_frame() == (PONG, b"1")
    assert c.recv_frame() == (CLOSE, struct.pack(">H", 1000))


def test_pings_are_answered_when_the_client_reads_again(client):
    """While it doesn't read it isn't read from."""
    alice = client("alice", join="0", rcvbuf=4096)
    for i in range(60):
        alice.post("x" * 4000)
    for _ in range(20):
        alice.ask("channelMessages", {"limit": 60})
    for payload in PINGS:
        alice.send_frame(PING, payload)
    answers = []
    while len(answers) < len(PINGS):
        opcode, payload = alice.recv_frame()
        answers += [payload] if opcode == PONG else []
    assert answers == PINGS


# A request in front of the end

ENDS = {"goodbye": (ws_frame(CLOSE, struct.pack(">H", 1000)), 1000), "1013": (ws_frame(CLOSE, b"\x03\xf5"), 1013),
        "long-ping": (ws_frame(PING, b"x" * 126), 1002), "reserved-bit": (ws_frame(TEXT, "{}", rsv=4), 1002),
        "unmasked": (ws_frame(TEXT, "{}", mask=False), 1002), "binary": (ws_frame(BINARY, b"x"), 1003),
        "not-utf8": (ws_frame(TEXT, b"\xff"), 1007), "too-large": (ws_frame(TEXT, b" " * 65537), 1009)}


def message(text):
    return ws_frame(TEXT, chat.request("channelMessage", {"message": text}))


@pytest.mark.parametrize("end,code", ENDS.values(), ids=ENDS)
def test_requests_in_front_of_the_end_are_answered(client, end, code):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.fence()
    alice.send_bytes(b"".join(message(f"m{i}") for i in range(3)) + end)
    answers = [f["channelMessage"]["message"] for f in alice.expect_close(code) if f["type"] == "channelMessage"]
    assert answers == ["m0", "m1", "m2"]
    for i in range(3):
        bob.hear(f"m{i}")


def test_a_sign_in_in_front_of_a_goodbye_is_answered(client):
    """Its password takes a while to hash."""
    c = client()
    sign_in = chat.request("signIn", {"username": "alice", "password": "correct horse"})
    c.send_bytes(ws_frame(TEXT, sign_in) + ws_frame(CLOSE, b""))
    assert c.expect("authorized")["username"] == "alice"
    c.expect_close(1005)


def test_a_sign_in_in_front_of_a_half_close_is_answered(client):
    c = client()
    c.send_frame(TEXT, chat.request("signIn", {"username": "alice", "password": "correct horse"}))
    c.sock.shutdown(socket.SHUT_WR)
    assert c.expect("authorized")["username"] == "alice"
    c.expect_close(1000)


def test_a_goodbye_in_front_of_a_half_close_is_answered(client):
    alice = client("alice", join="0")
    alice.fence()
    alice.send_bytes(message("my last") + ws_frame(CLOSE, struct.pack(">H", 3001)))
    alice.sock.shutdown(socket.SHUT_WR)
    alice.hear("my last")
    alice.expect_close(3001)


def test_a_client_that_only_reads_on_is_answered(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.fence()
    alice.post("my last")
    alice.sock.shutdown(socket.SHUT_WR)
    alice.hear("my last")
    alice.expect_close(1000)
    bob.hear("my last")


def test_a_client_that_ends_without_a_word_is_told_goodbye(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.sock.shutdown(socket.SHUT_WR)
    alice.expect_close(1000)
    assert bob.expect_event("signOut")["username"] == "alice"


# Closing

def test_goodbye_is_answered(client):
    alice = client("alice")
    alice.send_frame(CLOSE, struct.pack(">H", 1000) + b"bye")
    assert alice.expect_close(1000) == []


def code_of(number, reason=b""):
    return struct.pack(">H", number) + reason


@pytest.mark.parametrize("payload,answer", [
    (b"", 1005), (b"\x03", 1002), (code_of(1005), 1002), (code_of(1000, b"\xff"), 1007),
    (code_of(4000, b"x" * 124), 1002), (code_of(1000, b"x" * 123), 1000),
    *[(code_of(number), 1002) for number in (0, 999, 1004, 1006, 1015, 1016, 2999, 5000)],
    *[(code_of(number), number) for number in (1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999)]], ids=repr)
def test_goodbyes_and_their_answers(client, payload, answer):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.send_frame(CLOSE, payload)
    alice.expect_close(answer)
    bob.say("still here")


def test_what_follows_a_goodbye_is_ignored(client, unchanged):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    with unchanged():
        alice.send_bytes(ws_frame(CLOSE, struct.pack(">H", 1000)) + ws_frame(TEXT, MESSAGE) * 3)
        alice.expect_close()
    bob.say("still here")


def test_half_a_message_then_a_reset_stores_nothing(client, unchanged, chatd):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    with unchanged():
        alice.send_bytes(ws_frame(TEXT, MESSAGE)[:-10])
        alice.drop()
        chat.wait_until(lambda: [u["OnLine"] for u in bob.users()["users"] if u["Username"] == "alice"] == [False])
    bob.say("still here")


def test_what_waits_behind_the_refused_frame_is_not_carried_out(closes):
    closes(1009, ws_frame(TEXT, b" " * 70000), ws_frame(TEXT, MESSAGE))


def test_a_client_that_ignores_the_close_is_dropped(client):
    alice = client("alice")
    alice.send_frame(BINARY, b"x")
    opcode, payload = alice.recv_frame()
    assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 1003))
    with pytest.raises(chat.Closed):
        alice.recv_frame(timeout=8)


def test_a_client_that_goes_on_sending_is_dropped(client):
    """lws must not be left to gather what nobody reads any more; it is hung up on in the same time."""
    alice, bob = client("alice"), client("bob", join="0")
    alice.send_frame(BINARY, b"x")
    flood = (ws_frame(TEXT, b"y" * 5000) + ws_frame(PING, b"z" * 125) + ws_frame(PONG, b"z" * 125)) * 20
    deadline = Deadline(8)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while deadline.left():
            alice.send_bytes(flood)
    bob.say("still here")


# Broken frames

@pytest.mark.parametrize("frames", [
    [ws_frame(TEXT, MESSAGE, rsv=4)], [ws_frame(TEXT, MESSAGE, rsv=2)], [ws_frame(TEXT, MESSAGE, rsv=1)],
    [ws_frame(3, MESSAGE)], [ws_frame(7, b"")], [ws_frame(11, b"x")], [ws_frame(15, b"")],
    [ws_frame(PING, b"x" * 126)], [ws_frame(PING, b"x", fin=False)],
    [ws_frame(CONTINUATION, MESSAGE)],
    [ws_frame(TEXT, b"{", fin=False), ws_frame(TEXT, MESSAGE)],
    [ws_frame(TEXT, MESSAGE, mask=False)],
    [b"\x81\xfe\x00\x02\0\0\0\0{}"], [b"\x81\xff\0\0\0\0\0\0\x00\x02\0\0\0\0{}"], [b"\x81\xff" + b"\xff" * 12],
], ids=["rsv1", "rsv2", "rsv3", "opcode-3", "opcode-7", "opcode-11", "opcode-15", "long-ping", "fragmented-ping",
        "stray-continuation", "text-inside-text", "unmasked", "2-in-16-bits", "2-in-64-bits", "2^64-1"])
def test_broken_frames_end_the_connection(closes, frames):
    closes(1002, *frames)
