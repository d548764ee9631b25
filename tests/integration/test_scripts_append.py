"""append.lua, renew.lua: numbers, repeats, and the counter that is lost, spoilt or behind."""

import contextlib

import chat
import pytest
from redis.exceptions import ResponseError
from scripts import ALICE, BOB, FAILED, NODE, NOW, REPEAT, STORED, Channel, unchanged, wrong_type
from scripts import channel, heard, run  # noqa: F401 (fixtures)


# append

def test_append_numbers(channel, redis):
    spare, uuid = chat.new_uuid(), chat.new_uuid()
    assert channel.append("one", uuid, spare=spare) == [STORED, spare, "1", 0]
    assert redis.r.xrange(channel.log) == [("1-0", {"uuid": uuid, "sender": ALICE, "name": "Alice",
                                                    "at": str(NOW), "text": "one"})]
    assert channel.position() == [spare, "1", "1"]
    assert redis.r.get(channel.sent(uuid)) == f"{spare} 1"
    assert 590 < redis.r.ttl(channel.sent(uuid)) <= 600
    for n in range(2, 50):
        assert channel.store() == (spare, n)
    assert channel.seqs() == list(range(1, 50))


def test_append_publishes(channel, heard):
    since = heard(channel.bus)
    text, uuid = "two\nlines \u202e\U0001F469 \"'\\", chat.new_uuid()
    status, epoch, seq, receivers = channel.append(text, uuid, sender=BOB, name="Bob B.")
    assert (status, seq, receivers) == (STORED, "1", 1)
    assert since() == [f"m\n{epoch}\n1\n{NODE}\n{uuid}\n{BOB}\n{NOW}\nBob B.\n{text}"]


def test_append_many_in_one_call(channel, heard):
    since = heard(channel.bus)
    messages = [{"uuid": chat.new_uuid(), "text": f"m{n}"} for n in range(32)]
    replies = channel.append_raw(messages)
    assert [(r[0], int(r[2])) for r in replies] == [(STORED, n + 1) for n in range(32)]
    assert len({r[1] for r in replies}) == 1
    assert [p.rpartition("\n")[2] for p in since()] == [m["text"] for m in messages]
    assert [f["text"] for _, f in channel.r.xrange(channel.log)] == [m["text"] for m in messages]


def test_append_repeat(channel, heard):
    uuid = chat.new_uuid()
    epoch, seq = channel.store("first", uuid)
    channel.store("between")
    since = heard(channel.bus)
    fields = ["uuid", uuid, "sender", ALICE, "name", "Alice", "at", str(NOW), "text", "first"]
    for _ in range(3):
        assert channel.append("other text", uuid, sender=BOB) == [REPEAT, epoch, str(seq), fields]
    assert since() == []
    assert channel.seqs() == [1, 2]


def test_append_repeat_within_one_call(channel):
    uuid = chat.new_uuid()
    first, second = channel.append_raw([{"uuid": uuid, "text": "a"}, {"uuid": uuid, "text": "b"}])
    assert (first[0], second[0]) == (STORED, REPEAT)
    assert first[1:3] == second[1:3]
    assert channel.seqs() == [1]


def test_append_without_a_clients_uuid_is_never_a_repeat(channel, redis):
    uuid = chat.new_uuid()
    channel.store("a", uuid, retry="")
    channel.store("b", uuid, retry="")
    assert channel.seqs() == [1, 2]
    assert not redis.r.exists(channel.sent(uuid))


def test_append_repeat_of_what_is_gone(channel, redis):
    uuid = chat.new_uuid()
    epoch, seq = channel.store("first", uuid)
    redis.r.xdel(channel.log, f"{seq}-0")
    assert channel.append("again", uuid) == [REPEAT, epoch, str(seq), []]
    assert channel.seqs() == []


def test_append_repeat_in_an_epoch_that_the_caller_has_yet_to_hear_of(channel):
    """Its number would be taken for one of the epoch before; that of an earlier epoch is in the caller's history."""
    old, uuid = chat.new_uuid(), chat.new_uuid()
    before, _ = channel.store("old", old, history="one")
    epoch, seq = channel.store("new", uuid, history="another", known=(before, 1))
    assert epoch != before
    status, error = channel.append("new", uuid, known=(before, 1))
    assert status == FAILED and error.startswith("TRYAGAIN ")
    assert channel.append("new", uuid, known=(epoch, seq))[:3] == [REPEAT, epoch, str(seq)]
    assert channel.append("old", old, known=(epoch, seq))[:3] == [REPEAT, before, "1"]
    assert channel.append("old", old, known=(before, 1))[:3] == [REPEAT, before, "1"]
    assert channel.seqs() == [1, 2]


def test_append_repeat_across_a_lost_log(channel, redis):
    """What stands at that place now is another message, and must not be taken for the first."""
    uuid = chat.new_uuid()
    epoch, seq = channel.store("first", uuid)
    redis.r.delete(channel.log, channel.meta)
    channel.store("of the new epoch", sender=BOB)
    assert channel.append("first", uuid) == [REPEAT, epoch, str(seq), []]


@pytest.mark.parametrize("key", ["log", "meta", "sent"])
def test_append_to_wrong_types_writes_nothing(channel, redis, prefix, heard, key):
    uuid = chat.new_uuid()
    for fresh in (False, True):
        redis.r.delete(channel.log, channel.meta, channel.sent(uuid))
        if not fresh:
            channel.store()
        wrong_type(redis.r, channel.sent(uuid) if key == "sent" else getattr(channel, key))
        since = heard(channel.bus)
        with unchanged(redis, prefix):
            status, error = channel.append("x", uuid)
        assert status == FAILED and error.startswith("WRONGTYPE")
        assert since() == []


@pytest.mark.parametrize("value", ["", "x", "epoch", f"{ALICE}", f"{ALICE} x", f"{ALICE} -1", f"{ALICE} 1 2"])
def test_append_with_a_malformed_sent_key(channel, redis, prefix, value):
    uuid = chat.new_uuid()
    channel.store()
    redis.r.set(channel.sent(uuid), value)
    with unchanged(redis, prefix):
        assert channel.append("x", uuid)[0] == FAILED


def test_append_one_fails_and_the_others_do_not(channel, redis):
    bad = chat.new_uuid()
    wrong_type(redis.r, channel.sent(bad))
    replies = channel.append_raw([{"uuid": chat.new_uuid()}, {"uuid": bad}, {"uuid": chat.new_uuid()}])
    assert [r[0] for r in replies] == [STORED, FAILED, STORED]
    assert channel.seqs() == [1, 2]


def test_append_when_redis_is_full(own_redis, prefix):
    channel = Channel(own_redis, prefix)
    channel.store()
    fresh = Channel(own_redis, prefix + "fresh:")
    own_redis.r.config_set("maxmemory", "1")
    with unchanged(own_redis, prefix):
        for c in (channel, fresh):
            status, error = c.append()
            assert status == FAILED and error.startswith("OOM"), error
            with pytest.raises(ResponseError, match="OOM|maxmemory"):
                c.join()
    own_redis.r.config_set("maxmemory", "0")
    assert channel.store()[1] == 2


# the counter

GARBAGE = ["abc", "", "-5", "1e3", "0x10", " 5", "5.0", "inf", "nan", "9007199254740991", "9223372036854775807",
           "18446744073709551616"]


@pytest.mark.parametrize("seq", [None, *GARBAGE])
def test_a_spoilt_counter_begins_an_epoch(channel, redis, seq):
    first = [channel.store() for _ in range(5)]
    if seq is None:
        redis.r.hdel(channel.meta, "seq")
    else:
        redis.r.hset(channel.meta, "seq", seq)
    spare = chat.new_uuid()
    then = [channel.store(spare=spare), channel.store()]
    assert then == [(spare, 6), (spare, 7)]
    assert channel.position() == [spare, "6", "7"]
    assert len(set(first + then)) == 7


@pytest.mark.parametrize("field", ["epoch", "base"])
@pytest.mark.parametrize("value", [None, "", "abc", "two words", "line\nbreak", "9007199254740993"])
def test_a_spoilt_epoch_or_base_begins_an_epoch(channel, redis, field, value):
    channel.store()
    if value is None:
        redis.r.hdel(channel.meta, field)
    else:
        redis.r.hset(channel.meta, field, value)
    spare = chat.new_uuid()
    assert channel.store(spare=spare) == (spare, 2)
    assert channel.position() == [spare, "2", "2"]


@pytest.mark.parametrize("behind", ["0", "3", "9", "00003"])
def test_a_counter_behind_the_stream(channel, redis, behind):
    old = [channel.store() for _ in range(10)]
    redis.r.hset(channel.meta, "seq", behind)
    spare = chat.new_uuid()
    assert channel.store(spare=spare) == (spare, 11)
    assert channel.store() == (spare, 12)
    assert channel.position() == [spare, "11", "12"]
    assert old[0][0] != spare


def test_a_counter_behind_a_trimmed_stream(channel, redis):
    """The stream is empty, but remembers what its last number was."""
    for _ in range(10):
        channel.store()
    redis.r.xtrim(channel.log, maxlen=0, approximate=False)
    redis.r.hset(channel.meta, "seq", "4")
    spare = chat.new_uuid()
    assert channel.store(spare=spare) == (spare, 11)


def test_a_counter_ahead_of_the_stream(channel, redis):
    epoch, _ = channel.store()
    redis.r.hset(channel.meta, "seq", "41")
    assert channel.store() == (epoch, 42)


def test_a_lost_log(channel, redis):
    epoch, _ = channel.store()
    redis.r.delete(channel.log)
    assert channel.store() == (epoch, 2)  # numbers go on, so that none is used twice


def test_lost_meta(channel, redis):
    old, _ = channel.store()
    redis.r.delete(channel.meta)
    spare = chat.new_uuid()
    assert channel.store(spare=spare) == (spare, 2)


def test_everything_lost(channel, redis):
    old, _ = channel.store()
    redis.r.delete(channel.log, channel.meta)
    spare = chat.new_uuid()
    assert channel.store(spare=spare) == (spare, 1)


def test_foreign_entries_in_the_stream(channel, redis):
    epoch, _ = channel.store()
    redis.r.xadd(channel.log, {"who": "knows"}, id="1714564800123-5")
    spare = chat.new_uuid()
    assert channel.store(spare=spare) == (spare, 1714564800124)
    assert channel.store() == (spare, 1714564800125)


def test_the_end_of_numbers(channel, redis, prefix):
    """Beyond 15 digits Lua's numbers would not be exact: an error, for good, rather than a number twice."""
    epoch, _ = channel.store()
    redis.r.hset(channel.meta, "seq", "999999999999998")
    assert channel.store() == (epoch, 999999999999999)
    used = {(epoch, 999999999999999)}
    with contextlib.suppress(AssertionError):
        used.add(channel.store())
    with unchanged(redis, prefix):
        for _ in range(3):
            status, error = channel.append()
            assert status == FAILED and "largest number" in error
        with pytest.raises(ResponseError, match="largest number"):
            channel.join()


def test_a_stream_near_the_largest_id(channel, redis, prefix):
    channel.store()
    redis.r.xadd(channel.log, {"x": "y"}, id="18446744073709551614-0")
    with unchanged(redis, prefix):
        assert channel.append()[0] == FAILED


def test_a_lost_tail(channel):
    """Redis came back with less than this node has delivered: those numbers are not used again."""
    epoch = [channel.store() for _ in range(5)][-1][0]
    assert channel.store(known=(epoch, 5)) == (epoch, 6)
    spare = chat.new_uuid()
    assert channel.store(known=(epoch, 9), spare=spare) == (spare, 10)
    assert channel.position() == [spare, "10", "10"]
    assert channel.store(known=(epoch, 9)) == (spare, 11)  # another node that knows only the old epoch
    assert channel.store(known=("", 0)) == (spare, 12)
    assert channel.store(known=(chat.new_uuid(), 10**6)) == (spare, 13)


@pytest.mark.parametrize("known", [4, 5, 6, 9])
def test_renew(channel, run, known):
    epoch = [channel.store() for _ in range(5)][-1][0]
    spare = chat.new_uuid()
    assert run("renew", [channel.log, channel.meta], [spare, epoch, known, ""]) == 1
    if known <= 5:
        assert channel.position() == [epoch, "1", "5"]
    else:
        assert channel.position() == [spare, str(known + 1), str(known)]
        assert channel.store() == (spare, known + 1)


@pytest.mark.parametrize("key", ["log", "meta"])
def test_renew_of_wrong_types(channel, redis, run, prefix, key):
    channel.store()
    if key == "log":
        redis.r.delete(channel.meta)
    wrong_type(redis.r, getattr(channel, key))
    with unchanged(redis, prefix), pytest.raises(ResponseError, match="WRONGTYPE"):
        run("renew", [channel.log, channel.meta], [chat.new_uuid(), ALICE, 9, ""])


def promote(redis, channel):
    """As if another server had been promoted: the channel was last numbered in its history."""
    redis.r.hset(channel.meta, "history", "0" * 40)


def test_a_promoted_server_begins_a_new_epoch(channel, redis):
    """R7: whoever comes first there may not know what the master before it had acknowledged last."""
    epoch = [channel.store(history="1") for _ in range(3)][-1][0]
    promote(redis, channel)
    spare = chat.new_uuid()
    assert channel.store(spare=spare, history="1") == (spare, 4)
    assert redis.r.hmget(channel.meta, "base", "prev") == ["4", f"{epoch}:3"]
    assert channel.store(history="1") == (spare, 5), "once"


def test_a_join_on_a_promoted_server_begins_a_new_epoch(channel, redis):
    epoch, _ = channel.store(history="1")
    assert channel.join(history="1")[0] == epoch
    promote(redis, channel)
    spare = chat.new_uuid()
    reply = channel.join(spare=spare, history="1")
    assert reply[:3] == [spare, "2", "1"] and reply[5] == f"{epoch}:1"


def test_another_server_begins_a_new_epoch(channel):
    """Named by its run id: one that restarted may have lost what it had answered."""
    epoch = [channel.store(history="aa") for _ in range(2)][-1][0]
    first, second = chat.new_uuid(), chat.new_uuid()
    assert channel.store(spare=first, history="bb") == (first, 3)
    assert channel.r.hmget(channel.meta, "base", "prev") == ["3", f"{epoch}:2"]
    assert channel.join(spare=second, history="bb")[0] == first
    assert channel.join(spare=second, history="cc")[:3] == [second, "4", "3"]
    assert channel.store(history="cc", known=(first, 9)) == (second, 4)
    assert channel.store() == (second, 5), "no doubt where nothing is compared"


def test_one_server_goes_on_with_its_epoch(channel, redis):
    epoch, _ = channel.store(history="1")
    promote(redis, channel)
    assert channel.store() == (epoch, 2)


def test_either_name_of_a_server_is_its_own(channel, redis):
    """chatctl doesn't know by which of its names the nodes call it."""
    run_id, replication = redis.r.info("server")["run_id"], redis.r.info("replication")["master_replid"]
    epoch, _ = channel.store(history=run_id)
    assert channel.store(history="2") == (epoch, 2)
    redis.r.hset(channel.meta, "history", replication)
    assert channel.store(history="2") == (epoch, 3) and channel.store(history="1") == (epoch, 4)
    redis.r.hset(channel.meta, "history", "0" * 40)
    spare = chat.new_uuid()
    assert channel.store(history="2", spare=spare) == (spare, 5) and channel.store(history=run_id) == (spare, 6)


def test_lineage(channel):
    """Which places of earlier epochs are in this one's history: those that it held when each was left."""
    epochs = []
    for restart in range(20):
        epoch, seq = channel.store(history=f"run{restart}", spare=chat.new_uuid())
        assert seq == restart + 1
        assert channel.lineage() == " ".join(f"{e}:{kept}" for kept, e in reversed(list(enumerate(epochs, 1))[-16:]))
        epochs.append(epoch)


def test_lineage_of_an_older_copy(channel, redis):
    """What came after the copy was made is not in it, nor are its epochs."""
    for _ in range(5):
        epoch, _ = channel.store(history="a")
    copy = {key: redis.raw.dump(key) for key in (channel.log, channel.meta)}
    lost, _ = channel.store(history="b")
    for key, data in copy.items():
        redis.raw.restore(key, 0, data, replace=True)
    anew, seq = channel.store(history="c")
    assert seq == 6 and anew not in (epoch, lost) and channel.lineage() == f"{epoch}:5"


def test_lineage_where_numbers_were_lost(channel):
    """4 and 5 were seen, and are gone: who has up to 3 lacks them, but what it has is right. It goes no further."""
    for _ in range(3):
        epoch, _ = channel.store(history="a")
    assert channel.store(history="b", known=(epoch, 5))[1] == 6
    assert channel.lineage() == f"{epoch}:3"
    second, _ = channel.store(history="b")
    assert channel.store(history="c")[1] == 8 and channel.lineage() == f"{second}:7"


@pytest.mark.parametrize("damage", [
    lambda c: c.r.hset(c.meta, "seq", 2), lambda c: c.r.hset(c.meta, "seq", "x"), lambda c: c.r.hdel(c.meta, "base"),
    lambda c: c.r.hset(c.meta, "epoch", "x"), lambda c: c.r.delete(c.log),
    lambda c: c.r.execute_command("XSETID", c.log, "9-0")], ids=["behind", "seq", "base", "epoch", "log", "top"])
def test_damage_has_no_lineage(damage, channel):
    for _ in range(3):
        channel.store(history="a")
    damage(channel)
    channel.store(history="b")
    assert channel.lineage() == ""


def test_a_loss_on_the_same_server_has_no_lineage(channel):
    """Nobody knows since when it is another history."""
    epoch, _ = channel.store(history="a")
    assert channel.store(history="a", known=(epoch, 4))[1] == 5 and channel.lineage() == ""


@pytest.mark.parametrize("before", ["", chat.NOBODY], ids=["none", "of 0.1"])
def test_a_lineage_goes_on_from_none(before, channel, redis):
    epoch, _ = channel.store(history="a")
    redis.r.hset(channel.meta, "prev", before)
    channel.store(history="b")
    assert channel.lineage() == f"{epoch}:1"
