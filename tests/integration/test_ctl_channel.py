"""chatctl channel …: what there is, what is purged, who hears of it, and how it comes back."""

import time

import chat
import pytest
from ctl import CONFLICT, NOT_FOUND, REFUSED, USAGE, interrupt
from load import Load


@pytest.fixture
def talk(client):
    """talk(12): alice has said m1 … m12 in the public channel. talk.alice is she."""
    def go(n, **options):
        alice = client("alice", join="0", **options)
        alice.burst(*[chat.request("channelMessage", {"message": f"m{i}"}) for i in range(1, n + 1)])
        go.said = [alice.hear(f"m{i}") for i in range(1, n + 1)]
        go.alice = alice
        return alice

    return go


def seqs(redis, prefix, channel="public"):
    return [int(id.split("-")[0]) for id, _ in redis.r.xrange(f"{prefix}{{c:{channel}}}:log")]


def kept(client):
    return [m["seq"] for m in client.history(limit=99)["messages"]][::-1]


# list, show, members, retention

def test_list(ctl, client, redis, prefix):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.join(bob.user)
    for i in range(3):
        alice.say(f"m{i}", bob.user)
    bob.say("hello")
    chat.wait_until(lambda: redis.r.zcard(prefix + "channels") == 2)
    rows = ctl.all_formats("channel", "list", "--sort", "size")
    assert [(r["channel"], r["messages"], r["members"], r["seq"]) for r in rows] == [
        ("alice,bob" if alice.user < bob.user else "bob,alice", 3, 2, 3), ("public", 1, 2, 1)]
    assert [r["channel"] for r in ctl.json("channel", "list", "--sort", "size", "--limit", "1")] == [rows[0]["channel"]]
    assert len(ctl.json("channel", "list", "--limit", "0")) == 2
    by_activity = ctl.json("channel", "list")
    assert [r["activity"] for r in by_activity] == sorted((r["activity"] for r in by_activity), reverse=True)


def test_list_of_nothing(ctl):
    assert ctl.json("channel", "list") == []
    assert ctl("channel", "list") == ""


def test_show(ctl, talk, client):
    talk(5)
    shown = ctl.all_formats("channel", "show", "public")
    assert (shown["channel"], shown["seq"], shown["first"], shown["messages"], shown["members"]) == \
        ("public", 5, 1, 5, 1)
    assert shown["epoch"] == talk.alice.history()["epoch"] and shown["restorable"] == 0
    bob = client("bob")
    for name in f"alice,{bob.user}", "bob,alice", "dm:" + ":".join(sorted([talk.alice.user, bob.user])):
        assert ctl.json("channel", "show", name)["messages"] == 0
    ctl("channel", "show", "alice,nobody", status=NOT_FOUND)


def test_members(ctl, client):
    client("alice", join="0")
    client("bob", join="0").close()
    chat.wait_until(lambda: [m["online"] for m in ctl.json("channel", "members", "public")] == [True, False])
    rows = ctl.all_formats("channel", "members", "public")
    assert [m["username"] for m in rows] == ["alice", "bob"]
    assert len(ctl.json("channel", "members", "public", "--limit", "1")) == 1


def test_retention(ctl, talk, redis, prefix):
    talk(10)
    shown = ctl.json("channel", "retention", "public")
    assert (shown["max"], shown["maxAgeMs"]) == (None, None)
    ctl("channel", "retention", "public", "--max", "3", "--age", "2d", "--dry-run")
    assert ctl.json("channel", "retention", "public")["max"] is None
    ctl("channel", "retention", "public", "--max", "3", "--age", "2d", "--yes")
    shown = ctl.all_formats("channel", "retention", "public")
    assert (shown["max"], shown["maxAgeMs"]) == (3, 2 * 86400000)
    ctl("channel", "retention", "public", "--max", "0", "--age", "1s", "--yes")
    time.sleep(1.1)
    talk.alice.say("new")
    assert seqs(redis, prefix) == [11]


# What goes

@pytest.mark.parametrize("choice,left", [
    ([], []),
    (["--keep", "3"], [10, 11, 12]),
    (["--keep", "0"], []),
    (["--keep", "12"], list(range(1, 13))),
    (["--keep", "100"], list(range(1, 13))),
    (["--before", "2001-01-01"], list(range(1, 13))),
    (["--before", "2100-01-01"], []),
    (["--older-than", "1h"], list(range(1, 13))),
    (["--from", "alice"], []),
    (["--from", "bob"], list(range(1, 13))),
])
def test_purge_choices(ctl, talk, client, redis, prefix, choice, left):
    talk(12)
    client("bob")
    would = ctl.json("channel", "purge", "public", *choice, "--dry-run")
    assert sum(row["messages"] for row in would) == 12 - len(left)
    assert seqs(redis, prefix) == list(range(1, 13)), "--dry-run"
    rows = ctl.json("channel", "purge", "public", *choice, "--yes")
    assert [r["messages"] for r in rows] == [r["messages"] for r in would]
    assert seqs(redis, prefix) == left and kept(talk.alice) == left
    assert talk.alice.say("next")["seq"] == 13, "numbers stay spent"


def test_purge_before_a_message(ctl, talk, redis, prefix):
    talk(20)
    log = f"{prefix}{{c:public}}:log"
    entries = redis.r.xrange(log)
    redis.r.delete(log)
    for i, (id, fields) in enumerate(entries):  # an hour between each
        redis.r.xadd(log, {**fields, "at": 1714500000000 + i * 3600000}, id=id)
    redis.r.xdel(log, "3-0", "7-0", "8-0")
    ctl("channel", "purge", "public", "--before", "2024-05-01T03:00:00Z", "--yes")
    first = redis.r.xrange(log, count=1)[0]
    assert int(first[1]["at"]) >= 1714532400000 > int(first[1]["at"]) - 3600000 * 3


def test_purge_of_one_of_two(ctl, client, redis, prefix):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    for i in range(6):
        (alice, bob)[i % 2].post(f"m{i}")
        alice.hear(f"m{i}")
        bob.hear(f"m{i}")
    assert ctl.json("channel", "purge", "public", "--from", "bob", "--yes") == [
        {"channel": "public", "messages": 3, "upTo": 6}]
    assert seqs(redis, prefix) == [1, 3, 5]
    told = [f["sys"] for f in alice.fence() if f["type"] == "sys" and f["sys"]["type"].startswith("purge")]
    assert told == [{"type": "purgeFrom", "recipientUUID": "0", "epoch": alice.history()["epoch"],
                     "senderUUID": bob.user, "upTo": 6}]


def test_purge_asks(ctl, talk, redis, prefix):
    talk(3)
    ctl("channel", "purge", "public", status=REFUSED)
    ctl("channel", "purge", "--all", "--yes", status=REFUSED)
    ctl("channel", "purge", "--all", "--yes", "--confirm", "other:", status=REFUSED)
    for args in [], ["public", "--all"], ["public", "--keep", "1", "--before", "1d"], ["public", "--apply", "x"]:
        ctl("channel", "purge", *args, status=USAGE)
    ctl("channel", "purge", "alice,nobody", "--yes", status=NOT_FOUND)
    ctl("channel", "purge", "public", "--from", "nobody", "--yes", status=NOT_FOUND)
    assert seqs(redis, prefix) == [1, 2, 3]


def test_purge_of_all_channels(ctl, talk, client, redis, prefix):
    talk(3)
    bob = client("bob")
    talk.alice.join(bob.user)
    talk.alice.say("psst", bob.user)
    chat.wait_until(lambda: redis.r.zcard(prefix + "channels") == 2)
    rows = ctl.json("channel", "purge", "--all", "--yes", "--confirm", prefix)
    assert sorted(r["messages"] for r in rows) == [1, 3]
    assert ctl.json("channel", "list")[0]["messages"] == 0


# Plans

def test_plan_and_apply(ctl, talk, redis, prefix, tmp_path):
    talk(10)
    plan = tmp_path / "plan.jsonl"
    ctl("channel", "purge", "public", "--keep", "4", "--plan", plan)
    assert seqs(redis, prefix) == list(range(1, 11))
    talk.alice.say("later")
    ctl("channel", "purge", "--apply", plan, status=REFUSED)
    assert ctl.json("channel", "purge", "--apply", plan, "--dry-run") == [
        {"channel": "public", "messages": 6, "upTo": 6}]
    ctl("channel", "purge", "--apply", plan, "--yes")
    assert seqs(redis, prefix) == [7, 8, 9, 10, 11], "what was planned, not what would be now"


def test_plan_of_another_epoch(ctl, talk, redis, prefix, tmp_path):
    talk(5)
    plan = tmp_path / "plan.jsonl"
    ctl("channel", "purge", "public", "--plan", plan)
    redis.r.hset(f"{prefix}{{c:public}}:meta", "epoch", chat.new_uuid())
    ctl("channel", "purge", "--apply", plan, "--yes", status=CONFLICT)
    assert seqs(redis, prefix) == [1, 2, 3, 4, 5]


def test_plan_that_is_none(ctl, tmp_path):
    bad = tmp_path / "plan"
    bad.write_text('{"id":"public"}\n')
    ctl("channel", "purge", "--apply", bad, "--yes", status=USAGE)
    ctl("channel", "purge", "--apply", tmp_path / "none", "--yes", status=1)


# Who hears of it

def test_the_connected_hear_of_it(ctl, talk, client, start_chatd):
    talk(10)
    bob = client("bob", at=start_chatd())
    bob.join()
    ctl("channel", "purge", "public", "--keep", "2", "--yes")
    for one in talk.alice, bob:
        event = one.expect_event("purge")
        assert (event["upTo"], event["recipientUUID"]) == (8, "0")
    talk.alice.say("next")
    assert bob.hear("next")["seq"] == 11


def test_both_sides_of_a_private_channel_hear_of_it(ctl, client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    bob.join(alice.user)
    said = alice.say("psst", bob.user)
    bob.hear("psst")
    ctl("message", "delete", said["UUID"], "alice,bob", "--yes")
    assert alice.expect_event("purge")["recipientUUID"] == bob.user
    assert bob.expect_event("purge")["recipientUUID"] == alice.user


def resume(client, who, since, epoch, to="0"):
    back = client()
    back.ask("channelJoin", {"recipientUUID": to, "since": {"epoch": epoch, "seq": since}}, **who.pair())
    body = back.expect("channelJoin")
    return back, body, [f["sys"] for f in back.fence() if f["type"] == "sys" and f["sys"]["type"].startswith("purge")]


@pytest.mark.parametrize("since,recovered", [(3, False), (7, False), (8, True), (9, True), (10, True)])
def test_who_comes_back_learns_of_a_purge(ctl, talk, client, since, recovered):
    talk(10)
    epoch = talk.alice.history()["epoch"]
    ctl("channel", "purge", "public", "--keep", "2", "--yes")
    _, body, told = resume(client, talk.alice, since, epoch)
    assert body["recovered"] is recovered
    assert [e["upTo"] for e in told] == [8]


def test_who_comes_back_learns_of_a_deleted_message(ctl, talk, client):
    talk(10)
    epoch = talk.alice.history()["epoch"]
    ctl("message", "delete", talk.said[4]["UUID"], "public", "--yes")
    _, body, told = resume(client, talk.alice, 10, epoch)
    assert body["recovered"] is True and [e["UUID"] for e in told] == [talk.said[4]["UUID"]]
    _, body, told = resume(client, talk.alice, 2, epoch)
    assert body["recovered"] is False and len(told) == 1
    talk.alice.say("m11")
    _, body, told = resume(client, talk.alice, 11, epoch)
    assert body["recovered"] is True and told == [], "it was there, or came back, since"


def test_all_of_a_sender_is_told_at_once(ctl, talk, client):
    talk(120)
    epoch = talk.alice.history()["epoch"]
    ctl("channel", "purge", "public", "--from", "alice", "--yes")
    _, body, told = resume(client, talk.alice, 120, epoch)
    assert body["recovered"] is True
    assert told == [{"type": "purgeFrom", "recipientUUID": "0", "epoch": epoch, "senderUUID": talk.alice.user,
                     "upTo": 120}]


def test_a_node_that_had_not_heard_all_goes_on(ctl, talk, client, redis, prefix):
    """Purged before it was delivered: the next message must not wait for what is gone."""
    talk(5)
    for _ in range(3):
        redis.r.xadd(f"{prefix}{{c:public}}:log", {"spoilt": 1},
                     id=f"{redis.r.hincrby(f'{prefix}{{c:public}}:meta', 'seq', 1)}-0")
    ctl("channel", "purge", "public", "--yes")
    assert talk.alice.say("next")["seq"] == 9


def test_a_node_that_was_deaf_learns_of_it(ctl, talk, chatd, redis):
    """Its subscriptions are lost, and what is published meanwhile with them."""
    talk(10)
    chatd.pause()
    redis.r.client_kill_filter(_type="pubsub")
    ctl("channel", "purge", "public", "--keep", "5", "--yes")
    ctl("message", "delete", talk.said[7]["UUID"], "public", "--yes")
    chatd.resume()
    told = [talk.alice.expect_event("purge") for _ in range(2)]
    assert {(e.get("upTo"), e.get("UUID")) for e in told} == {(5, None), (None, talk.said[7]["UUID"])}
    assert talk.alice.say("next")["seq"] == 11


# Interrupted

def fill(redis, prefix, n):
    pipe = redis.r.pipeline(transaction=False)
    for i in range(1, n + 1):
        pipe.xadd(f"{prefix}{{c:public}}:log", {"uuid": chat.new_uuid(), "sender": chat.NOBODY, "name": "nobody",
                                                "at": i, "text": f"m{i}"}, id=f"{i}-0")
    pipe.hset(f"{prefix}{{c:public}}:meta", mapping={"epoch": chat.NOBODY, "base": 1, "seq": n})
    pipe.execute()
    return redis.r.xrange(f"{prefix}{{c:public}}:log")


def test_an_interrupted_purge_is_whole(ctl, redis, prefix):
    before = fill(redis, prefix, 50000)
    err = interrupt(ctl, lambda: redis.r.keys(f"{prefix}*:trash:*"), "channel", "purge", "public", "--yes")
    left = len(seqs(redis, prefix))
    assert 0 < left < 50000 and f"{50000 - left} messages are purged" in err
    assert ctl.json("channel", "purges", "public")[0]["what"] == f"up to {50000 - left}"
    interrupt(ctl, lambda: redis.r.keys(f"{prefix}*:rebuild"), "channel", "restore", "public")
    assert len(seqs(redis, prefix)) == left, "all or nothing"
    assert not redis.r.keys(f"{prefix}*:rebuild") and not redis.r.keys(f"{prefix}*:lock")
    ctl("channel", "restore", "public")
    assert redis.r.xrange(f"{prefix}{{c:public}}:log") == before


# Restore

def test_restore(ctl, talk, redis, prefix):
    talk(12)
    before = redis.r.xrange(f"{prefix}{{c:public}}:log")
    ctl("channel", "purge", "public", "--keep", "2", "--yes")
    listed = ctl.all_formats("channel", "purges", "public")
    assert [(p["what"], p["messages"]) for p in listed] == [("up to 10", 10)]
    talk.alice.say("m13")
    ctl("channel", "restore", "public", "--dry-run")
    assert ctl.json("channel", "restore", "public") == {
        "channel": "public", "messages": 10, "purge": listed[0]["purge"]}
    assert redis.r.xrange(f"{prefix}{{c:public}}:log")[:12] == before
    assert kept(talk.alice) == list(range(1, 14)) and talk.alice.say("m14")["seq"] == 14
    ctl("channel", "restore", "public", status=NOT_FOUND)
    assert ctl.json("channel", "purges", "public") == []


def test_restore_undoes_one_purge_at_a_time(ctl, talk, redis, prefix):
    talk(6)
    ctl("channel", "purge", "public", "--keep", "4", "--yes")
    time.sleep(0.01)
    ctl("message", "delete", talk.said[4]["UUID"], "--yes")
    first = ctl.json("channel", "purges", "public")[0]["purge"]
    assert seqs(redis, prefix) == [3, 4, 6]
    ctl("channel", "restore", "public")
    assert seqs(redis, prefix) == [3, 4, 5, 6], "the newest first"
    ctl("channel", "restore", "public", "--purge", chat.NOBODY, status=NOT_FOUND)
    ctl("channel", "restore", "public", "--purge", first)
    assert seqs(redis, prefix) == [1, 2, 3, 4, 5, 6]


def test_who_comes_back_after_a_restore_is_not_told(ctl, talk, client):
    talk(10)
    epoch = talk.alice.history()["epoch"]
    ctl("channel", "purge", "public", "--keep", "2", "--yes")
    ctl("channel", "restore", "public")
    _, body, told = resume(client, talk.alice, 3, epoch)
    assert body["recovered"] is True and len(body["messages"]) == 7 and told == []


def test_grace(ctl, talk, redis, prefix):
    talk(4)
    ctl("channel", "purge", "public", "--keep", "3", "--grace", "0s", "--yes")
    ctl("channel", "restore", "public", status=NOT_FOUND)
    ctl("channel", "purge", "public", "--grace", "1s", "--yes")
    chat.wait_until(lambda: not redis.r.keys(f"{prefix}*:trash:*"), what="the end of the grace time")
    ctl("channel", "restore", "public", status=NOT_FOUND)
    assert seqs(redis, prefix) == []


def test_locked(ctl, talk, redis, prefix):
    talk(4)
    redis.r.set(f"{prefix}{{c:public}}:lock", chat.NOBODY, px=60000)
    ctl("channel", "purge", "public", "--yes", status=CONFLICT)
    assert seqs(redis, prefix) == [1, 2, 3, 4]


# Under load

def test_purges_and_restores_under_load(ctl, start_chatd, redis, prefix):
    """Nobody loses, doubles or reorders anything but what was purged; what was restored is all back."""
    with Load([start_chatd(), start_chatd()], redis, prefix) as load:
        for _ in range(3):
            load.wait_acked(200)
            ctl("channel", "purge", "public", "--keep", "50", "--yes")
            load.wait_acked(100)
            ctl("channel", "restore", "public")
    load.check()
    assert load.history.stored[0][0] == 1 and load.history.stored[-1][0] == len(load.history.stored)


def test_purge_under_load_that_stays(ctl, start_chatd, redis, prefix):
    with Load([start_chatd(), start_chatd()], redis, prefix) as load:
        load.wait_acked(500)
        rows = ctl.json("channel", "purge", "public", "--keep", "20", "--yes")
        load.wait_acked(200)
    h = load.history
    up_to = rows[0]["upTo"]
    assert h.stored[0][0] == up_to + 1
    h.acks = {uuid: ack for uuid, ack in h.acks.items() if ack.seq > up_to}
    load.check()


def test_retention_that_would_remove_asks(ctl):
    ctl("message", "send", "public", stdin="a\nb\nc\n")
    for words in (["--max", "2"], ["--age", "1ms"]):
        ctl("channel", "retention", "public", *words, status=REFUSED)
        assert "messages are over this" in ctl.err
        assert ctl.json("channel", "retention", "public")["max"] is None
        ctl("channel", "retention", "public", *words, "--dry-run")
    ctl("channel", "retention", "public", "--max", "100", "--age", "30d")
    assert ctl.json("channel", "retention", "public", "--max", "2", "--yes")["max"] == 2


def test_a_purge_says_for_how_long_it_can_be_undone(ctl):
    for grace, said in (("90s", "90 s"), ("30m", "30 min"), ("2h", "2 h"), ("1500ms", "1500 ms")):
        ctl("message", "send", "public", "x")
        ctl("channel", "purge", "public", "--grace", grace, "--yes")
        assert f"back for {said}\n" in ctl.err
