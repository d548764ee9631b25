"""Requests of one connection are carried out and answered in the order sent, however they are sent."""

import chat
import pytest


def opening(name="alice", messages=10):
    """signIn, users, channelJoin, messages, channelMessages: as text, with their numbers as requestID."""
    bodies = [("signIn", {"username": name, "password": "x"}), ("users", None),
              ("channelJoin", {"recipientUUID": 0})]
    bodies += [("channelMessage", {"recipientUUID": 0, "message": f"m{i}"}) for i in range(messages)]
    bodies += [("channelMessages", {"recipientUUID": 0, "limit": 99})]
    return [chat.request(type, body, requestID=i) for i, (type, body) in enumerate(bodies)]


def check_opening(c, messages=10):
    types = ["authorized", "users", "channelJoin"] + ["channelMessage"] * messages + ["channelRead"]
    for i, type in enumerate(types):
        c.expect(type)
        assert c.last["requestID"] == i
    read = c.last["channelMessages"]
    assert [m["message"] for m in read["messages"]] == [f"m{i}" for i in reversed(range(messages))]


def test_burst_in_one_write(client):
    c = client()
    c.burst(*opening())
    check_opening(c)
    assert c.fence() == []


def test_first_frame_in_the_segment_of_the_handshake(client):
    c = client(early=opening()[:1])
    assert c.expect("authorized")["username"] == "alice"


@pytest.mark.parametrize("frames", [2, 3, 5, 8, 13])
def test_burst_in_the_segment_of_the_handshake(client, frames):
    c = client(early=opening()[:frames])
    for i in range(frames):
        assert c.recv()["requestID"] == i


def test_whole_burst_in_the_segment_of_the_handshake(client):
    c = client(early=opening())
    check_opening(c)


def test_byte_by_byte(client):
    c = client()
    for byte in b"".join(chat.ws_frame(chat.TEXT, text) for text in opening(messages=2)):
        c.send_bytes(bytes([byte]))
    check_opening(c, messages=2)


def test_slow_password_hash_holds_the_order(client, start_chatd):
    node = start_chatd(argon2_memory="32M", argon2_passes=2)
    c = client(at=node)
    c.burst(*opening())
    check_opening(c)


@pytest.mark.parametrize("max_requests", [1, 2, 64])
def test_a_long_burst_loses_nothing(client, start_chatd, max_requests):
    """Beyond max-requests the connection is not read from; nothing is dropped."""
    node = start_chatd(max_requests=max_requests)
    c, bob = client(at=node), client("bob", join="0", at=node)
    n = 600
    c.burst(*opening(messages=0), *[chat.request("channelMessage", {"message": f"m{i}"}, requestID=i)
                                    for i in range(n)])
    for type in "authorized", "users", "channelJoin", "channelRead":
        c.expect(type)
    for i in range(n):
        assert c.hear(f"m{i}")["seq"] == i + 1 and c.last["requestID"] == i
    for i in range(n):
        assert bob.hear(f"m{i}")["seq"] == i + 1


def test_a_failing_request_stops_nothing(client):
    c = client()
    c.burst(chat.request("users", requestID=0),
            chat.request("signIn", {"username": "alice", "password": "x"}, requestID=1),
            chat.request("channelMessage", {"message": "too early"}, requestID=2),
            "{",
            chat.request("channelJoin", {}, requestID=4),
            chat.request("nonsense", {}, requestID=5),
            chat.request("channelMessage", {"message": ""}, requestID=6),
            chat.request("channelJoin", {"recipientUUID": chat.NOBODY}, requestID=7),
            chat.request("channelMessage", {"message": "in time"}, requestID=8),
            chat.request("channelLeave", {}, requestID=9))
    frames = [c.recv() for _ in range(10)]
    assert [f.get("requestID") for f in frames] == [0, 1, 2, None, 4, 5, 6, 7, 8, 9]
    assert [f["error"]["name"] if f["type"] == "error" else f["type"] for f in frames] == [
        "not_authorized", "authorized", "not_joined", "bad_json", "channelJoin", "unknown_type", "too_large",
        "not_found", "channelMessage", "public_channel"]


def test_every_request_sees_what_those_before_it_did(client):
    alice, bob = client("alice"), client("bob")
    bob.join(alice.user)
    alice.burst(chat.request("channelJoin", {"recipientUUID": bob.user}),
                chat.request("channelMessage", {"recipientUUID": bob.user, "message": "one"}),
                chat.request("channelMessages", {"recipientUUID": bob.user}),
                chat.request("channelLeave", {"recipientUUID": bob.user}),
                chat.request("channelMessage", {"recipientUUID": bob.user, "message": "two"}),
                chat.request("channelJoin", {"recipientUUID": bob.user}),
                chat.request("signOut"),
                chat.request("users"),
                chat.request("signIn", {"username": "carol", "password": "x"}),
                chat.request("channelMessage", {"recipientUUID": bob.user, "message": "three"}))
    alice.expect("channelJoin")
    alice.hear("one")
    assert alice.expect("channelRead")["messagesTotal"] == 1
    alice.expect("channelLeave")
    alice.expect_error("not_joined")
    assert alice.expect("channelJoin")["messages"][0]["message"] == "one"
    alice.expect("unauthorized")
    alice.expect_error("not_authorized")
    alice.expect("authorized")
    alice.expect_error("not_joined")
    bob.hear("one")
    assert [f for f in bob.fence() if f["type"] == "channelMessage"] == []


def test_messages_to_several_channels_in_one_burst(client):
    alice = client("alice", join="0")
    others = [client(f"user{i}") for i in range(3)]
    for other in others:
        alice.join(other.user)
        other.join(alice.user)
    targets = ["0"] + [other.user for other in others]
    alice.burst(*[chat.request("channelMessage", {"recipientUUID": to, "message": f"m{i}"}, requestID=4 * i + k)
                  for i in range(25) for k, to in enumerate(targets)])
    for i in range(25):
        for k, to in enumerate(targets):
            message = alice.hear(f"m{i}")
            assert (message["recipientUUID"], message["seq"]) == (to, i + 1)
            assert alice.last["requestID"] == 4 * i + k
    for other in others:
        assert [other.expect("channelMessage")["seq"] for _ in range(25)] == list(range(1, 26))


def test_many_senders_one_order(client):
    """Everybody sees the same messages in the same order, numbered without a gap."""
    crowd = [client(f"user{i}", join="0") for i in range(6)]
    each = 50
    for k, c in enumerate(crowd):
        c.burst(*[chat.request("channelMessage", {"message": f"{k} {i}"}) for i in range(each)])
    views = [[c.expect("channelMessage") for _ in range(each * len(crowd))] for c in crowd]
    assert all(view == views[0] for view in views)
    assert [m["seq"] for m in views[0]] == list(range(1, each * len(crowd) + 1))
    for k in range(len(crowd)):
        own = [m["message"] for m in views[0] if m["message"].startswith(f"{k} ")]
        assert own == [f"{k} {i}" for i in range(each)]


def test_requests_of_a_connection_that_is_gone_do_no_harm(client):
    """Sent, and hung up without reading: what had arrived may be carried out, and nothing breaks."""
    bob = client("bob", join="0")
    for i in range(10):
        c = client()
        c.burst(*opening(f"user{i}", messages=20))
        c.drop()
    carol = client("carol", join="0")
    carol.say("still here")
    while bob.expect("channelMessage")["message"] != "still here":
        pass
