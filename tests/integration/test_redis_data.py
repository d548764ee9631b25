"""What chatd makes of a Redis that forgot, or holds what nobody wrote there ("What is in Redis" of the contract)."""

import pathlib
import shutil
import time

import chat
import pytest
from load import Load
from redis_faults import back, join_when_back, node, nodes, RETURN  # noqa: F401 (fixtures)


def test_flushall_begins_a_new_epoch_and_the_chat_goes_on(client, start_chatd, own_redis):
    a, b = start_chatd(own_redis.uri), start_chatd(own_redis.uri)
    alice, bob = client("alice", join="0", at=a), client("bob", join="0", at=b)
    old = alice.join()
    for i in range(3):
        alice.say(f"before {i}")
        bob.hear(f"before {i}")
    own_redis.r.flushall()
    alice.post("after", requestID=1)
    epochs = []
    for one in alice, bob:
        event = one.expect_event("epoch")
        assert event["epoch"] != old["epoch"] and event["seq"] == 3 and event["recipientUUID"] == "0"
        assert event["follows"] is False
        epochs.append(event["epoch"])
        assert one.hear("after")["seq"] == 4
    assert epochs[0] == epochs[1]
    assert bob.say("and on")["seq"] == 5
    assert alice.hear("and on")["seq"] == 5
    joined = alice.join(since={"epoch": old["epoch"], "seq": 2})
    assert joined["recovered"] is False and joined["epoch"] == epochs[0] and joined["seq"] == 5
    assert [m["message"] for m in joined["messages"]] == ["and on", "after"]


def test_flushall_under_load_begins_one_new_epoch_for_all(nodes, own_redis, prefix):
    with Load(nodes, own_redis, prefix) as load:
        load.wait_acked(150)
        own_redis.r.flushall()
        load.forgive(0, time.monotonic() + 1)  # answers may still be on their way
        load.wait(lambda: load.epochs == len(load.members), "a new epoch for everybody")
        load.wait_acked(150)
    load.check()
    assert not load.errors and not load.closes
    assert len({r.epoch for r in load.history.receptions}) == 2


def test_users_are_online_again_after_flushall(client, node, own_redis, prefix):
    alice = client("alice", join="0", at=node)
    own_redis.r.flushall()
    chat.wait_until(lambda: own_redis.r.zscore(f"{prefix}{{presence}}:online", alice.user) == 1)


def test_a_redis_that_lost_its_newest_data_never_uses_a_number_twice(client, nodes, own_redis):
    """As power loss or a failover does: the same epoch, but a counter behind what was delivered. Without a
    new epoch the next messages would look like repeats, and be dropped."""
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    epoch = bob.join()["epoch"]
    for i in range(1, 9):
        alice.say(f"m{i}")
        bob.hear(f"m{i}")
        if i == 5:
            chat.wait_until(lambda: own_redis.r.info("persistence")["aof_pending_bio_fsync"] == 0)
            here, aside = (pathlib.Path(own_redis.dir, name) for name in ("appendonlydir", "aside"))
            shutil.copytree(here, aside)
    own_redis.kill()
    shutil.rmtree(here)
    aside.rename(here)
    own_redis.start()
    assert back(alice) < RETURN
    event = bob.expect_event("epoch")
    assert event["epoch"] != epoch and event["seq"] == 8 and event["follows"] is False
    assert bob.hear("back")["seq"] == 9
    assert bob.say("on")["seq"] == 10
    assert alice.hear("on")["seq"] == 10
    carol = client("carol", at=nodes[0])
    join_when_back(carol)
    for seq in 5, 8, 9:
        assert carol.join(since={"epoch": epoch, "seq": seq})["recovered"] is False, "6 to 8 are gone"
    assert [m["seq"] for m in carol.join()["messages"]] == [10, 9, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("spoil", [
    lambda r, meta: r.hdel(meta, "seq"),
    lambda r, meta: r.hset(meta, "seq", "abc"),
    lambda r, meta: r.hset(meta, "seq", ""),
    lambda r, meta: r.hset(meta, "seq", "-1"),
    lambda r, meta: r.hset(meta, "seq", "1"),
    lambda r, meta: r.hset(meta, "seq", "9" * 18),
    lambda r, meta: r.hset(meta, "seq", "9" * 30),
    lambda r, meta: r.hdel(meta, "epoch"),
    lambda r, meta: r.hdel(meta, "base"),
    lambda r, meta: r.delete(meta),
], ids=["no-seq", "seq-abc", "seq-empty", "seq-negative", "seq-behind", "seq-large", "seq-huge", "no-epoch",
        "no-base", "no-meta"])
def test_a_spoilt_counter_never_uses_a_number_twice(spoil, client, nodes, own_redis, prefix):
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    epoch = bob.join()["epoch"]
    for i in range(3):
        alice.say(f"m{i}")
        bob.hear(f"m{i}")
    spoil(own_redis.r, f"{prefix}{{c:public}}:meta")
    alice.post("after", requestID=1)
    for one in alice, bob:
        event = one.expect_event("epoch")
        assert event["epoch"] != epoch and event["seq"] == 3
        assert one.hear("after")["seq"] == 4
    assert bob.say("on")["seq"] == 5
    assert alice.hear("on")["seq"] == 5
    carol = client("carol", at=nodes[0])
    joined = carol.join()
    assert [m["seq"] for m in joined["messages"]] == [5, 4, 3, 2, 1] and joined["epoch"] == event["epoch"]
    assert carol.join(since={"epoch": epoch, "seq": 4})["recovered"] is False
    assert [m["seq"] for m in carol.join(since={"epoch": event["epoch"], "seq": 3})["messages"]] == [4, 5]


@pytest.mark.parametrize("part", ["log", "meta", "members"])
def test_a_key_of_the_wrong_type_is_an_internal_error_and_nothing_is_half_written(part, client, node, own_redis,
                                                                                  prefix):
    alice = client("alice", join="0", at=node)
    alice.say("one")
    names = [f"{prefix}{{c:public}}:{one}" for one in ("log", "meta", "members")]
    spoilt = f"{prefix}{{c:public}}:{part}"
    own_redis.r.rename(spoilt, "aside")
    own_redis.r.set(spoilt, "foreign")
    before = {name: own_redis.raw.dump(name) for name in names}
    uuid = chat.new_uuid()
    fresh = client("bob", at=node)
    fresh.ask("channelJoin", {"recipientUUID": "0"})
    fresh.expect_error("internal")
    if part != "members":
        alice.post("two", uuid=uuid)
        alice.expect_error("internal")
        assert own_redis.r.exists(f"{prefix}{{c:public}}:sent:{uuid}") == 0
    assert {name: own_redis.raw.dump(name) for name in names} == before
    own_redis.r.delete(spoilt)
    own_redis.r.rename("aside", spoilt)
    assert alice.say("two", uuid=uuid)["seq"] == 2
    fresh.join()


@pytest.mark.parametrize("way", ["internal", "unavailable"])
def test_a_join_that_failed_leaves_nothing_behind(way, client, node, own_redis, prefix):
    """The connection is as before: not joined, given nothing, and told of private messages."""
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.join(bob.user)
    members = f"{prefix}{{c:dm:{min(alice.user, bob.user)}:{max(alice.user, bob.user)}}}:members"
    if way == "internal":
        own_redis.r.delete(members)
        own_redis.r.set(members, "foreign")
        bob.ask("channelJoin", {"recipientUUID": alice.user})
        bob.expect_error("internal")
        own_redis.r.delete(members)
    else:
        own_redis.pause()
        bob.ask("channelJoin", {"recipientUUID": alice.user})
        bob.expect_error("unavailable")
        own_redis.resume()
        assert back(bob) < RETURN
    alice.fence()
    told = []
    for start in range(0, 1100, 50):  # more than anybody would hold for a join
        alice.burst(*[chat.request("channelMessage", {"recipientUUID": bob.user, "message": f"{i}"})
                      for i in range(start, start + 50)])
        for i in range(start, start + 50):
            alice.hear(f"{i}")
        told += bob.fence()
    assert told and {f["type"] for f in told} == {"sys"}
    assert "unread" in {f["sys"]["type"] for f in told}
    bob.post("x", to=alice.user)
    bob.expect_error("not_joined")
    bob.ask("channelLeave", {"recipientUUID": alice.user})
    bob.expect_error("not_joined")
    assert join_when_back(bob, alice.user)["seq"] == 1100


def test_a_log_that_ends_near_the_largest_number_is_an_internal_error(client, node, own_redis, prefix):
    alice = client("alice", join="0", at=node)
    alice.say("one")
    own_redis.r.xadd(f"{prefix}{{c:public}}:log", {"x": "y"}, id=f"{2**63}-0")
    alice.post("two")
    alice.expect_error("internal")
    assert own_redis.r.xlen(f"{prefix}{{c:public}}:log") == 2


@pytest.mark.parametrize("fields", [
    {"x": "y"}, {"uuid": "no uuid", "sender": chat.NOBODY, "name": "n", "at": "1", "text": "t"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "soon", "text": "t"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "1"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "1", "text": b"\xff\xfe"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "1", "text": "t" * 20000},
], ids=["foreign", "bad-uuid", "bad-time", "no-text", "bad-utf8", "too-long"])
def test_a_malformed_entry_is_skipped(fields, client, nodes, own_redis, prefix):
    """Somebody else wrote into the stream, and moved the counter along: the entry is nobody's message, and the
    messages around it arrive."""
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    start = bob.join()
    alice.say("one")
    bob.hear("one")
    own_redis.raw.xadd(f"{prefix}{{c:public}}:log", fields, id="2-0")
    own_redis.r.hset(f"{prefix}{{c:public}}:meta", "seq", 2)
    assert alice.say("three")["seq"] == 3
    assert bob.hear("three")["seq"] == 3
    assert [m["seq"] for m in bob.history()["messages"]] == [3, 1]
    joined = client("carol", at=nodes[1]).join()
    assert [m["seq"] for m in joined["messages"]] == [3, 1] and joined["seq"] == 3
    again = bob.join(since={"epoch": start["epoch"], "seq": 0})
    assert [m["seq"] for m in again["messages"]] in ([1, 3], [3, 1]), "with or without recovery, never more"
