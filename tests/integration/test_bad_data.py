"""What should not be in Redis: an error that says so, nothing half-written, and the server goes on."""

import chat
import pytest


def public(prefix, what):
    return f"{prefix}{{c:public}}:{what}"


@pytest.mark.parametrize("what", ["log", "meta"])
def test_key_of_another_type(client, redis, prefix, unchanged, what):
    alice, bob = client("alice", join="0"), client("bob")
    alice.join(bob.user)
    redis.r.delete(public(prefix, what))
    redis.r.set(public(prefix, what), "not what it should be")
    with unchanged():
        alice.post("x", requestID=1)
        assert alice.expect_error("internal")["code"] == 21 and alice.last["requestID"] == 1
        bob.ask("channelMessages", {})
        bob.expect_error("internal")
    assert alice.say("elsewhere all is well", bob.user)["seq"] == 1


def test_own_record_of_another_type(client, redis, prefix):
    alice = client("alice")
    key = f"{prefix}{{u:{alice.user}}}"
    redis.r.delete(key)
    redis.r.rpush(key, "x")
    fresh = client()
    fresh.ask("signIn", {"username": "alice", "password": "correct horse"})
    fresh.expect_error("internal")
    fresh.sign_in("bob")


def test_absurd_password_costs_are_refused(client, redis, prefix):
    """A record that would take 64 GiB to check."""
    alice = client("alice")
    key = f"{prefix}{{u:{alice.user}}}"
    stored = redis.r.hget(key, "hash")
    redis.r.hset(key, "hash", stored.replace("m=8,", "m=67108864,"))
    assert "m=67108864" in redis.r.hget(key, "hash")
    fresh = client()
    fresh.ask("signIn", {"username": "alice", "password": "correct horse"})
    assert fresh.expect("error")["name"] in ("bad_credentials", "internal", "busy")
    fresh.sign_in("bob")


def test_stream_entries_that_are_no_messages_are_skipped(client, redis, prefix):
    alice = client("alice", join="0")
    alice.say("one")
    redis.r.xadd(public(prefix, "log"), {"foo": "bar"}, id="2-0")
    redis.r.hset(public(prefix, "meta"), "seq", 2)
    assert alice.say("three")["seq"] == 3
    assert [m["message"] for m in client("bob").history()["messages"]] == ["three", "one"]
    assert [m["message"] for m in client("carol").join("0")["messages"]] == ["three", "one"]


@pytest.mark.parametrize("value", [None, "abc", "-1", "9007199254740993", "1", "99999999999999999999999", ""])
def test_a_spoilt_counter_never_reuses_a_number(client, redis, prefix, value):
    """A new epoch, or an error; and never a seq twice in one epoch."""
    alice = client("alice")
    epoch = alice.join("0")["epoch"]
    for i in range(3):
        alice.say(f"m{i}")
    if value is None:
        redis.r.hdel(public(prefix, "meta"), "seq")
    else:
        redis.r.hset(public(prefix, "meta"), "seq", value)
    alice.post("after")
    frame = alice.expect_any("channelMessage", "error")
    read = client("bob").history(limit=99)
    seqs = [m["seq"] for m in read["messages"]]
    assert len(set(seqs)) == len(seqs)
    if frame["type"] == "channelMessage":
        assert frame["channelMessage"]["seq"] > 3 and read["epoch"] != epoch


@pytest.mark.parametrize("payload", ["", "x", "m\n", "m\nx\ny\nz", "\0\xff", "x" * 1_000_000, "m" + "\n" * 8,
                                     "{\"type\":\"channelMessage\"}"], ids=lambda p: ascii(p[:20]))
def test_foreign_payloads_on_the_bus_are_dropped(client, redis, prefix, payload):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    for channel in public(prefix, "bus"), f"{prefix}{{u:{bob.user}}}:bus", f"{prefix}bus":
        assert redis.r.execute_command("SPUBLISH", channel, payload) == 1
    alice.say("hello")
    bob.hear("hello")
    assert bob.heard() == []


def test_everything_flushed_while_it_runs(client, own_redis, start_chatd):
    """New epochs, and no number twice for those who are joined."""
    node = start_chatd(own_redis.uri)
    alice = client("alice", at=node)
    epoch = alice.join("0")["epoch"]
    alice.say("before")
    own_redis.r.flushall()
    alice.post("after")
    frame = alice.expect_any("channelMessage", "error")
    assert frame["type"] == "channelMessage"
    assert alice.history()["epoch"] != epoch
    client("bob", at=node).users()
