"""The scripts that take messages away, put them back and rename their senders."""

import chat
import pytest
from scripts import ALICE, BOB, CAROL, unchanged
from scripts import channel, heard, run  # noqa: F401 (fixtures)


class Purges:
    """purge.lua and rebuild.lua on a channel that holds 1 … n."""

    def __init__(self, channel, run):
        self.channel, self.r, self.run, self.base = channel, channel.r, run, channel.base
        self.marks, self.lock, self.rebuilt = (self.base + k for k in ("marks", "lock", "restore"))

    def fill(self, n, senders=(ALICE,)):
        self.epoch = [self.channel.store(f"m{i}", sender=senders[i % len(senders)]) for i in range(n)][-1][0]
        return self.r.xrange(self.channel.log)

    def trash(self, purge="P"):
        return self.base + "trash:" + purge

    def purge(self, upto, after=0, batch=100, mode="all", what="", grace=3600000, id="P", epoch=None, announce="",
              history=""):
        keys = [self.channel.log, self.channel.meta, self.trash(id), self.base + "purge:" + id,
                self.base + "purges", self.marks, self.lock]
        return self.run("purge", keys, [id, epoch or self.epoch, after, upto, batch, mode, what, grace,
                                        self.channel.bus, announce, chat.new_uuid(), history])

    def rebuild(self, after="0-0", batch=100, id="R", purge="P", history=""):
        keys = [self.channel.log, self.trash(purge), self.rebuilt, self.lock, self.base + "purge:" + purge,
                self.base + "purges", self.marks, self.base + "replaced", self.channel.meta]
        return self.run("restore", keys, [id, purge, after, batch, chat.new_uuid(), history])

    def rename(self, after="0-0", batch=100, id="N", stream=None, epoch=None, history=""):
        keys = [stream or self.channel.log, self.channel.meta, self.rebuilt, self.lock, self.base + "replaced",
                self.channel.log]
        return self.run("rename", keys, [id, epoch or self.epoch, after, batch, BOB, "nobody", chat.new_uuid(),
                                         history])

    def undo(self, batch=100, purge="P"):
        after, restored = "0-0", 0
        for _ in range(1000):
            state, after, moved, done = self.rebuild(after, batch, purge=purge)
            assert state == 0
            restored += moved
            if done:
                return restored
        raise AssertionError("a restore without end")


@pytest.fixture
def purges(channel, run):
    return Purges(channel, run)


def test_purge_moves_all_up_to_a_seq(purges, channel, redis, heard):
    before = purges.fill(10)
    since = heard(channel.bus)
    assert purges.purge(4) == [0, "4", 4, 1]
    assert channel.seqs() == [5, 6, 7, 8, 9, 10]
    assert redis.r.xrange(purges.trash()) == before[:4]
    assert redis.r.zrange(purges.marks, 0, -1, withscores=True) == [("P 4", 10.0)]
    assert since() == [f"p\n{purges.epoch}\n4\n-"]
    for key in purges.trash(), purges.base + "purge:P", purges.base + "purges":
        assert 0 < redis.r.pttl(key) <= 3600000
    assert not redis.r.exists(purges.lock)
    assert channel.store("next")[1] == 11


def test_purge_in_batches_marks_how_far_it_is(purges, channel, redis, heard):
    purges.fill(10)
    since = heard(channel.bus)
    assert purges.purge(10, batch=4) == [0, "4", 4, 0]
    assert redis.r.get(purges.lock) == "P" and 0 < redis.r.pttl(purges.lock) <= 30000
    assert redis.r.zrange(purges.marks, 0, -1) == ["P 4"] and since() == []
    assert purges.purge(10, after=4, batch=4, announce="1") == [0, "8", 4, 0]
    assert since() == [f"p\n{purges.epoch}\n8\n-"]
    assert purges.purge(10, after=8, batch=4) == [0, "10", 2, 1]
    assert redis.r.zrange(purges.marks, 0, -1) == ["P 10"] and channel.seqs() == []
    assert redis.r.hget(purges.base + "purge:P", "moved") == "10"


def test_purge_that_ends_early_tells_how_far_it_got(purges, channel, redis, heard):
    purges.fill(10)
    purges.purge(10, batch=4)
    since = heard(channel.bus)
    assert purges.purge(10, after=4, batch=0, announce="1") == [0, "4", 0, 0]
    assert since() == [f"p\n{purges.epoch}\n4\n-"] and not redis.r.exists(purges.lock)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_purge_of_a_sender(purges, channel, redis, heard, batch):
    before = purges.fill(9, (ALICE, BOB, CAROL))
    since = heard(channel.bus)
    after = done = 0
    while not done:
        _, after, _, done = purges.purge(9, after=after, batch=batch, mode="from", what=BOB)
    assert channel.seqs() == [1, 3, 4, 6, 7, 9] and redis.r.xlen(purges.trash()) == 3
    assert since() == [f"f\n{purges.epoch}\n9\n{BOB}"], "one event, however many they were"
    assert redis.r.zrange(purges.marks, 0, -1) == [f"P {BOB}:9"]
    assert redis.r.xrange(purges.trash()) == [entry for entry in before if entry[1]["sender"] == BOB]


def test_purge_of_a_sender_tells_how_far_it_is(purges, redis, heard):
    purges.fill(9, (ALICE, BOB, CAROL))
    since = heard(purges.channel.bus)
    assert purges.purge(9, batch=4, mode="from", what=BOB, announce="1") == [0, "4", 1, 0]
    assert since() == [f"f\n{purges.epoch}\n4\n{BOB}"]
    assert purges.purge(9, after=4, batch=2, mode="from", what=BOB) == [0, "6", 1, 0]
    assert since() == [] and redis.r.zrange(purges.marks, 0, -1) == [f"P {BOB}:6"]
    assert purges.purge(9, after=6, batch=0, mode="from", what=BOB, announce="1") == [0, "6", 0, 0]
    assert since() == [f"f\n{purges.epoch}\n6\n{BOB}"] and not redis.r.exists(purges.lock)


def test_purge_of_one_message(purges, channel, redis, heard):
    before = purges.fill(5)
    since = heard(channel.bus)
    assert purges.purge(3, after=2, mode="one", what=before[3][1]["uuid"]) == [0, "3", 0, 1], "another"
    assert purges.purge(3, after=2, mode="one", what=before[2][1]["uuid"]) == [0, "3", 1, 1]
    assert channel.seqs() == [1, 2, 4, 5]
    assert since() == [f"p\n{purges.epoch}\n3\n{before[2][1]['uuid']}"]
    assert redis.r.zrange(purges.marks, 0, -1) == [f"P {before[2][1]['uuid']}"]


def test_purge_without_grace_keeps_nothing(purges, redis):
    purges.fill(5)
    purges.purge(5, grace=0)
    assert not redis.r.exists(purges.trash()) and not redis.r.exists(purges.base + "purges")
    assert redis.r.zrange(purges.marks, 0, -1) == ["P 5"]


def test_purge_of_another_epoch_or_while_locked_writes_nothing(purges, redis, prefix):
    purges.fill(5)
    with unchanged(redis, prefix):
        assert purges.purge(5, epoch=chat.NOBODY) == [2]
    redis.r.set(purges.lock, "other")
    with unchanged(redis, prefix):
        assert purges.purge(5) == [1]
        assert purges.rebuild() == [1]


def test_purge_and_rename_behind_a_restart_write_nothing(purges, channel, redis):
    """The first write begins the new epoch, be it a message or this: it was planned in the old one."""
    purges.epoch = [channel.store(f"m{i}", history="a", sender=BOB) for i in range(5)][-1][0]
    before = redis.r.xrange(channel.log)
    assert purges.purge(5, history="b") == [2]
    assert channel.position()[1:] == ["6", "5"] and channel.lineage() == f"{purges.epoch}:5"
    purges.epoch = channel.position()[0]
    assert purges.purge(2, batch=1, history="b") == [0, "1", 1, 0], "behind the plan of a new one"
    assert purges.purge(2, after=1, batch=1, history="c") == [2], "in the middle"
    redis.r.delete(purges.lock)
    purges.epoch = channel.position()[0]
    assert purges.rename(history="d") == [2]
    assert redis.r.xrange(channel.log) == before[1:]


def test_restore_behind_a_restart_begins_an_epoch(purges, channel):
    purges.fill(5)
    purges.purge(5)
    assert purges.rebuild(history="b") == [0, "5-0", 5, 1]
    assert channel.position()[1:] == ["6", "5"] and channel.lineage() == f"{purges.epoch}:5"


@pytest.mark.parametrize("step", [Purges.rebuild, Purges.rename])
@pytest.mark.parametrize("left", ["2-0", None])
def test_a_rebuild_whose_end_is_lost_does_not_go_on(step, left, purges, channel, redis):
    """Redis came back with less than it had told: what would be copied behind the gap would be all that is kept."""
    before = purges.fill(10, (ALICE, BOB))
    purges.purge(5)
    _, after, _, done = step(purges, batch=3)
    assert not done
    redis.r.delete(purges.rebuilt)
    if left:
        redis.r.xadd(purges.rebuilt, before[1][1], id=left)
    assert step(purges, after, batch=3) == [1]
    assert channel.seqs() == [6, 7, 8, 9, 10] and not redis.r.exists(purges.rebuilt, purges.lock)
    assert purges.undo() == 5 and redis.r.xrange(channel.log) == before, "it begins anew"


def test_marks_are_bounded_and_say_so(purges, channel, redis):
    uuids = [fields["uuid"] for _, fields in purges.fill(3)]
    redis.r.zadd(purges.marks, {f"Q {chat.new_uuid()}": 1 for _ in range(999)})
    purges.purge(1, after=0, mode="one", what=uuids[0])
    assert redis.r.zcard(purges.marks) == 1000 and redis.r.zscore(purges.marks, "lost") is None
    purges.purge(2, after=1, mode="one", what=uuids[1])
    assert redis.r.zcard(purges.marks) == 1000 and redis.r.zscore(purges.marks, "lost") == 1
    assert redis.r.zcount(purges.marks, 3, 3) == 2, "the newest stay"


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("mode", ["all", "from"])
def test_rebuild_puts_back_what_was_purged(purges, channel, redis, batch, mode):
    before = purges.fill(9, (ALICE, BOB, CAROL))
    purges.purge(7, mode=mode, what=BOB if mode == "from" else "")
    channel.store("later")
    assert purges.undo(batch) == (7 if mode == "all" else 2)
    assert redis.r.xrange(channel.log)[:9] == before and channel.seqs() == list(range(1, 11))
    left = {k.removeprefix(purges.base) for k in redis.r.scan_iter(match=purges.base + "*", count=1000)}
    assert {k for k in left if not k.startswith("sent:")} == {"log", "meta"}
    assert redis.r.ttl(channel.log) == -1
    assert channel.store("next")[1] == 11


def test_rebuild_while_messages_come(purges, channel, redis):
    before = purges.fill(20)
    purges.purge(15)
    after, n, done = "0-0", 20, 0
    while not done:
        _, after, _, done = purges.rebuild(after, 3)
        if n < 30:
            n += 1
            channel.store(f"m{n}")
    assert channel.seqs() == list(range(1, n + 1)) and redis.r.xrange(channel.log)[:20] == before


@pytest.mark.parametrize("mode", ["all", "from"])
def test_rebuild_leaves_out_what_retention_drops_meanwhile(purges, channel, redis, mode):
    before = purges.fill(20, (ALICE, BOB))
    purges.purge(10, mode=mode, what=BOB if mode == "from" else "")
    out_of_trash = {id for id, _ in redis.r.xrange(purges.trash())}
    after, done, drop = "0-0", 0, 11
    while not done:
        _, after, _, done = purges.rebuild(after, 3)
        if int(after.split("-")[0]) > 12 and drop < 14:
            redis.r.xtrim(channel.log, minid=f"{drop + 1}-0", approximate=False)
            drop += 1
    gone = [f"{seq}-0" for seq in range(1, 14) if seq > 10 or mode == "from"]
    assert redis.r.xrange(channel.log) == [e for e in before if e[0] in out_of_trash or e[0] not in gone]


def test_a_restore_or_renaming_whose_lock_lapsed_does_not_go_on(purges, channel, redis):
    """Another one may have changed the log since: what was copied is not to be trusted."""
    purges.fill(10, (ALICE, BOB))
    purges.purge(5)
    for step in purges.rebuild, purges.rename:
        _, after, _, done = step(batch=2)
        assert not done
        redis.r.delete(purges.lock)
        assert step(after, batch=2) == [1]
        assert channel.seqs() == [6, 7, 8, 9, 10]
    assert purges.undo() == 5, "it begins anew"


def test_rebuild_of_a_channel_that_was_emptied(purges, channel, redis):
    purges.fill(5)
    purges.purge(3, mode="all")
    purges.purge(5, id="Q")
    assert purges.undo(2, "P") == 3 and channel.seqs() == [1, 2, 3]
    assert redis.r.xinfo_stream(channel.log)["last-generated-id"] == "5-0", "4 and 5 stay spent"
    assert purges.undo(2, "Q") == 2 and channel.seqs() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("lost", [Purges.trash, lambda p: p.base + "purge:P"], ids=["trash", "record"])
def test_rebuild_when_the_time_is_over(lost, purges, channel, redis, prefix):
    purges.fill(5)
    purges.purge(3)
    redis.r.delete(lost(purges))
    with unchanged(redis, prefix):
        assert purges.rebuild() == [2]


def renamed(entries):
    return [(id, {**fields, "name": "nobody"} if fields["sender"] == BOB else fields) for id, fields in entries]


@pytest.mark.parametrize("batch", [1, 2, 3, 9, 100])
def test_rename(purges, channel, redis, batch):
    before = purges.fill(9, (ALICE, BOB, CAROL))
    meta = redis.r.hgetall(channel.meta)
    after, n, done = "0-0", 0, 0
    while not done:
        assert redis.r.xrange(channel.log) == before
        state, after, changed, done = purges.rename(after, batch)
        assert state == 0
        n += changed
    assert n == 3 and redis.r.xrange(channel.log) == renamed(before) != before
    assert redis.r.hgetall(channel.meta) == meta and redis.r.ttl(channel.log) == -1
    left = {k.removeprefix(purges.base) for k in redis.r.scan_iter(match=purges.base + "*", count=1000)}
    assert {k for k in left if not k.startswith("sent:")} == {"log", "meta"}
    assert channel.store("next")[1] == 10
    assert purges.rename()[2] == 0, "they bear that name"


def test_rename_while_messages_come_and_go(purges, channel, redis):
    """What is appended meanwhile comes along, renamed too; what retention drops stays dropped."""
    purges.fill(20, (ALICE, BOB))
    expected = dict(redis.r.xrange(channel.log))
    after, n, done = "0-0", 20, 0
    while not done:
        if n < 30:
            n += 1
            channel.store(f"m{n}", sender=BOB)
            expected |= dict(redis.r.xrange(channel.log))
        _, after, _, done = purges.rename(after, 3)
        if not done:
            redis.r.xdel(channel.log, f"{n - 20}-0")
    first = channel.seqs()[0]
    assert 5 < first < 12 and channel.seqs() == list(range(first, n + 1))
    assert redis.r.xrange(channel.log) == renamed(list(expected.items())[first - 1:])


def test_rename_of_a_channel_that_is_emptied_meanwhile(purges, channel, redis):
    purges.fill(5, (BOB,))
    purges.rename(batch=3)
    redis.r.xtrim(channel.log, maxlen=0)
    assert purges.rename("3-0", 3) == [0, "3-0", 0, 1]
    assert channel.seqs() == [] and channel.store("next")[1] == 6


def test_rename_that_is_given_up_or_refused_changes_nothing(purges, channel, redis, prefix):
    before = purges.fill(5, (BOB,))
    with unchanged(redis, prefix):
        purges.rename(batch=3)
        assert purges.rename("3-0", 0) == [0, "0-0", 0, 0]
    with unchanged(redis, prefix):
        purges.rename(batch=3)
        assert purges.rename("3-0", 3, epoch=chat.NOBODY) == [2]
    with unchanged(redis, prefix):
        assert purges.rename("3-0", 3) == [1], "its lock has lapsed: another may have purged since"
    redis.r.set(purges.lock, "P", px=30000)
    with unchanged(redis, prefix):
        assert purges.rename() == [1]
    assert redis.r.xrange(channel.log) == before


def test_rename_in_the_trash(purges, channel, redis):
    before = purges.fill(9, (ALICE, BOB, CAROL))
    purges.purge(7)
    assert purges.rename(batch=5, stream=purges.trash()) == [0, "5-0", 2, 0]
    assert purges.rename("5-0", 5, stream=purges.trash()) == [0, "7-0", 0, 1]
    assert redis.r.xrange(purges.trash()) == renamed(before[:7])
    assert 0 < redis.r.pttl(purges.trash()) <= 3600000
    assert purges.undo() == 7 and redis.r.xrange(channel.log) == renamed(before[:7]) + before[7:]
    assert purges.rename(stream=purges.trash()) == [0, "0-0", 0, 1], "its time is over"
