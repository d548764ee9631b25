"""Frames of the WebSocket itself: too large, binary, not UTF-8, in pieces, broken. Whatever comes, nothing
is stored (R16) and the neighbour does not notice."""

import os
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


def test_unmasked_frame_is_accepted(client):
    """The one detail of RFC 6455 that is not held; the reference says so."""
    alice = client("alice")
    alice.send_frame(TEXT, chat.request("users"), mask=False)
    alice.expect("users")


# Closing

def test_goodbye_is_answered(client):
    alice = client("alice")
    alice.send_frame(CLOSE, struct.pack(">H", 1000) + b"bye")
    assert alice.expect_close(1000) == []


@pytest.mark.parametrize("payload", [b"", b"\x03", struct.pack(">H", 999), struct.pack(">H", 1005),
                                     struct.pack(">H", 5000), struct.pack(">H", 1000) + b"\xff" * 10,
                                     struct.pack(">H", 4000) + b"x" * 123], ids=["none", "1-byte", "999", "1005",
                                                                                "5000", "not-utf8", "long"])
def test_odd_goodbyes(client, payload):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.send_frame(CLOSE, payload)
    alice.expect_close()
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
], ids=["rsv1", "rsv2", "rsv3", "opcode-3", "opcode-7", "opcode-11", "opcode-15", "long-ping", "fragmented-ping",
        "stray-continuation", "text-inside-text"])
def test_broken_frames_end_the_connection(closes, frames):
    closes(None, *frames)
