"""The scripts of a channel but append: reading, retention, joining, announcing."""

import contextlib
import time

import chat
import pytest
from redis.exceptions import ResponseError
from scripts import ALICE, BOB, CAROL, FAILED, NOW, REPEAT, unchanged, wrong_type
from scripts import channel, heard, run  # noqa: F401 (fixtures)


@pytest.fixture
def read(channel, run):
    """read(known, n): as a node that stands there. Gives (position, seqs, oldest)."""
    def call(known, n=10, uuid="", spare=None, history=""):
        position, entries, oldest = run("read", [channel.log, channel.meta],
                                        [n, spare or chat.new_uuid(), *known, uuid, history])
        return position, [int(id.removesuffix("-0")) for id, _ in entries], oldest
    return call


@pytest.mark.parametrize("known, n, given", [(0, 10, [1, 2, 3, 4, 5]), (2, 3, [2, 3, 4]), (5, 10, [5])])
def test_read(channel, read, known, n, given):
    epoch = [channel.store() for _ in range(5)][-1][0]
    assert read((epoch, known), n) == ([epoch, "1", "5", ""], given, ["1-0"])


def test_read_of_nothing(read, redis, prefix):
    with unchanged(redis, prefix):
        assert read((chat.NOBODY, 3)) == ([None] * 4, [], [])


def test_read_begins_an_epoch_where_data_was_lost(channel, read):
    epoch = [channel.store(history="a") for _ in range(5)][-1][0]
    spare = chat.new_uuid()
    assert read((epoch, 5), history="a")[0][0] == epoch
    assert read((epoch, 7), history="a", spare=spare) == ([spare, "8", "7", ""], [], ["1-0"])
    assert read((epoch, 7), history="a")[0][0] == spare, "once"


def test_read_begins_an_epoch_behind_a_restart(channel, read):
    epoch = [channel.store(history="a") for _ in range(5)][-1][0]
    spare = chat.new_uuid()
    assert read((epoch, 4), history="b", spare=spare) == ([spare, "6", "5", f"{epoch}:5"], [4, 5], ["1-0"])


def test_read_begins_an_epoch_where_the_log_alone_lost_its_end(channel, read, redis):
    """By itself it was put back: the meta knows of what is gone."""
    for _ in range(3):
        channel.store(history="a")
    copy = redis.raw.dump(channel.log)
    epoch = [channel.store(history="a") for _ in range(2)][-1][0]
    redis.r.xdel(channel.log, "5-0", "4-0")
    assert read((epoch, 3), history="a")[0] == [epoch, "1", "5", ""], "what was removed is not lost"
    redis.raw.restore(channel.log, 0, copy, replace=True)
    spare = chat.new_uuid()
    assert read((epoch, 3), history="a", spare=spare)[0] == [spare, "6", "5", ""]
    assert read((epoch, 3), history="a")[0][0] == spare, "once"
    assert channel.store(history="a") == (spare, 6)


def test_read_compares_the_message_that_was_given_last(channel, read, redis):
    """The same server, put back beneath us: the same epoch and number, another message."""
    uuids = [chat.new_uuid() for _ in range(5)]
    for uuid in uuids:
        epoch, _ = channel.store(uuid=uuid, history="a")
    spare = chat.new_uuid()
    for known, uuid in (3, uuids[2]), (3, ""):
        assert read((epoch, known), uuid=uuid, history="a")[0][0] == epoch
    redis.r.xdel(channel.log, "2-0")
    assert read((epoch, 2), uuid=chat.new_uuid(), history="a")[0][0] == epoch, "nothing is there"
    assert read((epoch, 3), uuid=chat.new_uuid(), history="a", spare=spare)[0] == [spare, "6", "5", ""]


def test_a_number_that_was_seen_in_whatever_epoch_is_not_used_again(channel, redis):
    """What is new has a number that whoever knew more hasn't had."""
    for key in channel.log, channel.meta:
        redis.r.delete(key)
    assert channel.store(known=(chat.NOBODY, 7))[1] == 8
    assert channel.store(known=(chat.NOBODY, 20))[1] == 9, "but where there is no new epoch"


# retention

def test_retention(channel, redis):
    epoch, _ = channel.store()
    redis.r.hset(channel.meta, "max", "50")
    uuid = chat.new_uuid()
    channel.store("long ago", uuid)
    for start in range(0, 1000, 20):
        channel.append_raw([{"uuid": chat.new_uuid(), "retry": ""} for _ in range(20)])
    seqs = channel.seqs()
    assert 50 <= len(seqs) < 50 + 200  # trimmed in whole nodes of the stream
    assert seqs == list(range(1003 - len(seqs), 1003))
    assert channel.append("again", uuid) == [REPEAT, epoch, "2", []]


def test_without_retention_all_is_kept(channel):
    for start in range(0, 1000, 20):
        channel.append_raw([{"uuid": chat.new_uuid(), "retry": ""} for _ in range(20)])
    assert channel.seqs() == list(range(1, 1001))


@pytest.mark.parametrize("limit", ["abc", "-1", ""])
def test_a_spoilt_retention_stores_nothing(channel, redis, prefix, limit):
    channel.store()
    redis.r.hset(channel.meta, "max", limit)
    with unchanged(redis, prefix):
        status, error = channel.append()
        assert status == FAILED and error.startswith("ERR")


def test_append_drops_what_is_too_old(channel, redis):
    now = int(time.time() * 1000)
    for i in range(50):
        channel.store(f"old {i}", at=now - 3600000)
    channel.store("young", at=now)
    redis.r.hset(channel.meta, "age", 60000)
    channel.store("a", at=now)
    assert channel.seqs()[0] == 21, "a few at a time"
    for text in "bcd":
        channel.store(text, at=now)
    assert channel.seqs() == [51, 52, 53, 54, 55]


# join

def test_join(channel, redis, heard):
    since = heard(channel.bus)
    spare = chat.new_uuid()
    assert channel.join(spare=spare) == [spare, "1", "0", 1, [ALICE], ""]
    assert channel.store() == (spare, 1)
    assert channel.join(BOB, event="bob came")[2:5] == ["1", 2, [BOB, ALICE]]
    assert channel.join(BOB, event="again")[3:5] == [2, [BOB, ALICE]]
    assert [p for p in since() if not p.startswith("m\n")] == ["joined", "bob came"]
    assert redis.r.zscore(channel.members, ALICE) == NOW


def test_join_a_private_channel(channel, redis, heard):
    since = heard(channel.bus)
    assert channel.join(ALICE, BOB)[3:5] == [2, [ALICE, BOB]]
    assert redis.r.zscore(channel.members, BOB) == 0
    assert channel.join(BOB, ALICE, event="bob came")[3] == 2  # a member since alice opened it
    assert redis.r.zscore(channel.members, BOB) == redis.r.zscore(channel.members, ALICE) == NOW
    assert channel.join(CAROL, CAROL)[3] == 3                  # notes to self: once
    assert since() == ["joined", "joined"]


def test_join_lists_and_tells_as_many_as_asked(channel, redis, heard):
    since = heard(channel.bus)
    for n in range(20):
        channel.join(f"user {n:02}", told=10, event=f"event {n}")
        redis.r.zadd(channel.members, {f"user {n:02}": n})
    reply = channel.join("user 00", listed=3)
    assert reply[3:5] == [20, ["user 19", "user 18", "user 17"]]
    assert since() == [f"event {n}" for n in range(10)]
    assert channel.join("user 00", listed=0)[4] == []


@pytest.mark.parametrize("key", ["log", "meta", "members"])
@pytest.mark.parametrize("fresh", [True, False])
def test_join_of_wrong_types_writes_nothing(channel, redis, prefix, heard, key, fresh):
    if not fresh:
        channel.store()
        channel.join(BOB)
    wrong_type(redis.r, getattr(channel, key))
    since = heard(channel.bus)
    with unchanged(redis, prefix), pytest.raises(ResponseError, match="WRONGTYPE"):
        channel.join()
    assert since() == []


def test_join_after_a_lost_tail(channel):
    epoch = [channel.store() for _ in range(5)][-1][0]
    spare = chat.new_uuid()
    assert channel.join(spare=spare, known=(epoch, 9))[:3] == [spare, "10", "9"]


# announce

def test_announce(channel, redis, run, heard):
    since = heard(channel.bus)
    for user in (ALICE, BOB, CAROL):
        redis.r.zadd(channel.members, {user: 1})

    def announce(event, most):
        return run("announce", [channel.members], [channel.bus, event, most])

    assert announce("three", 3) == 1
    assert announce("too many", 2) == 1
    assert announce("nobody is told", 0) == 1
    assert since() == ["three"]
    wrong_type(redis.r, channel.members)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        announce("x", 3)
    assert since() == []


# leave

@pytest.fixture
def leave(channel, run):
    def call(user, event, most=3):
        return run("leave", [channel.members, channel.log, channel.meta], [user, channel.bus, event, most])
    return call


def test_leave(channel, redis, heard, leave):
    channel.store()
    for user in (ALICE, BOB, CAROL):
        redis.r.zadd(channel.members, {user: 1})
    since = heard(channel.bus)
    assert leave(CAROL, "carol goes") == 1
    assert leave(CAROL, "carol goes again") == 0
    assert since() == ["carol goes"]
    assert set(redis.r.zrange(channel.members, 0, -1)) == {ALICE, BOB}
    assert leave(BOB, "bob goes", 1) == 1  # gone, though too many to be told
    assert since() == []
    assert leave(ALICE, "alice goes") == 1 and redis.r.exists(channel.log, channel.meta) == 2
    for key in channel.members, channel.log, channel.meta:
        channel.join(ALICE, BOB)
        wrong_type(redis.r, key)
        with pytest.raises(ResponseError, match="WRONGTYPE") if key != channel.log else contextlib.nullcontext():
            leave(ALICE, "x")
        redis.r.delete(key)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_leave_of_a_channel_that_nothing_was_said_in(channel, redis, heard, leave, left):
    """It goes with the last who came by himself, unless something was said or set."""
    channel.join(ALICE, BOB)
    assert leave(ALICE, "alice goes") == 2
    assert not redis.r.exists(channel.members, channel.log, channel.meta)
    channel.join(ALICE, BOB)
    channel.join(BOB, ALICE)
    assert leave(ALICE, "alice goes") == 1
    assert redis.r.zrange(channel.members, 0, -1) == [BOB]
    if left == 1:
        channel.store()
    elif left == 2:
        redis.r.hset(channel.meta, "max", 10)
    assert leave(BOB, "bob goes") == (2 if left == 0 else 1)
    assert redis.r.exists(channel.meta) == (left > 0)


# relog

@pytest.mark.parametrize("batch, more", [(2, [1, 1, 0]), (5, [1, 0]), (100, [0])])
def test_relog(channel, redis, run, batch, more):
    """Its last id is that of its newest entry again, whatever there was and was deleted, and no copy is left."""
    for _ in range(5):
        channel.store()
    before = redis.r.xrange(channel.log)
    redis.r.xadd(channel.log, {"x": "y"}, id=f"{2**63}-0")
    redis.r.xdel(channel.log, f"{2**63}-0")
    copy = channel.base + "rebuild"
    redis.r.xadd(copy, {"left": "by another"}, id="4-0")
    lock, work, after, done = channel.base + "lock", chat.new_uuid(), "0-0", []
    for _ in more:
        assert redis.r.exists(lock) == (after != "0-0")
        state, after, _, last = run("relog", [channel.log, copy, lock], [work, after, batch])
        assert state == 0
        done.append(1 - last)
    assert done == more
    assert redis.r.xrange(channel.log) == before and not redis.r.exists(copy)
    assert redis.r.xinfo_stream(channel.log)["last-generated-id"] == "5-0" and redis.r.ttl(channel.log) == -1
    redis.r.xtrim(channel.log, maxlen=0)
    assert run("relog", [channel.log, copy, lock], [work, "0-0", batch]) == [0, "0-0", 0, 1]
    assert not redis.r.exists(channel.log, copy, lock)


def test_relog_beside_a_restore(channel, redis, run):
    """Both would put the log together in the same place."""
    channel.store()
    lock, copy = channel.base + "lock", channel.base + "rebuild"
    redis.r.set(lock, chat.new_uuid())
    redis.r.xadd(copy, {"left": "by another"}, id="4-0")
    assert run("relog", [channel.log, copy, lock], [chat.new_uuid(), "0-0", 100]) == [1]
    assert redis.r.xlen(copy) == 1 and channel.seqs() == [1]
