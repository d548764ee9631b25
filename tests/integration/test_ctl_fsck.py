"""chatctl fsck on data broken in each way that it knows, and on data in use, which is not broken."""

import time

import chat
import pytest
from ctl import FAILED, Ctl
from load import Load


class Data:
    """A sound chat, with the means to break it."""

    def __init__(self, ctl, redis, prefix, alice, bob):
        self.r, self.prefix, self.alice, self.bob = redis.r, prefix, alice, bob
        self.user = f"{prefix}{{u:{alice}}}"
        self.public = f"{prefix}{{c:public}}:"

    def key(self, tail):
        return self.prefix + tail


@pytest.fixture
def data(ctl, redis, prefix):
    alice, bob = (ctl.add(name)["uuid"] for name in ("alice", "bob"))
    ctl("message", "send", "public", stdin="one\ntwo\nthree\n")
    ctl("message", "send", "alice,bob", "psst", "--as", "alice")
    ctl("message", "delete", ctl.json("message", "tail")[1]["uuid"], "public", "--yes")
    redis.r.zadd(f"{prefix}{{c:public}}:members", {alice: 5, bob: 5})
    assert ctl("fsck") == "", "sound"
    return Data(ctl, redis, prefix, alice, bob)


def old(r, key):
    r.zadd(key, {"dead": (time.time() - 3600) * 1000})


DAMAGES = {
    "name pointing nowhere": lambda d: d.r.set(d.key("name:carol"), chat.NOBODY),
    "name without a user": lambda d: d.r.set(d.key("name:carol"), "nonsense"),
    "name of another": lambda d: d.r.set(d.key("name:carol"), d.alice),
    "half-claimed name": lambda d: d.r.expire(d.key("name:alice"), 60),
    "user without a name": lambda d: d.r.delete(d.key("name:alice")),
    "user not in the list": lambda d: d.r.zrem(d.key("users"), d.alice),
    "listed user without a record": lambda d: d.r.zadd(d.key("users"), {chat.NOBODY: 1}),
    "orphaned member": lambda d: d.r.zadd(d.public + "members", {chat.NOBODY: 1}),
    "orphaned key": lambda d: d.r.zadd(d.key(f"{{u:{chat.NOBODY}}}:channels"), {"public": 1}),
    "channel not in the list": lambda d: d.r.zrem(d.key("channels"), "public"),
    "listed channel without keys": lambda d: d.r.zadd(d.key("channels"), {f"dm:{d.alice}:{d.alice}": 1}),
    "counter behind the stream": lambda d: d.r.hset(d.public + "meta", "seq", 1),
    "log without a position": lambda d: d.r.delete(d.public + "meta"),
    "will expire": lambda d: d.r.expire(d.public + "log", 60),
    "users of a dead node": lambda d: (old(d.r, d.key("{presence}:nodes")),
                                       d.r.sadd(d.key("{presence}:node:dead"), d.alice),
                                       d.r.zadd(d.key("{presence}:online"), {d.alice: 1})),
    "online on no node": lambda d: d.r.zadd(d.key("{presence}:online"), {d.alice: 1}),
    "no schema version": lambda d: d.r.delete(d.key("schema")),
    "entries that are no messages": lambda d: (say(d, "5-0", text=""), say(d, "6-0", text="x" * 16385),
                                               say(d, "7-0", name="x" * 200),
                                               d.r.xadd(d.public + "log", {"a": "b"}, "7-3"),
                                               d.r.hset(d.public + "meta", "seq", 7)),
    "lineage that is none": lambda d: d.r.hset(d.public + "meta", "prev", f"{chat.NOBODY}:5,{chat.NOBODY}:x"),
    "retention that is no number": lambda d: d.r.hset(d.public + "meta", "max", "abc"),
}

WILD = {
    "a position": lambda d: d.r.hset(d.public + "meta", "seq", 999999999999999),
    "a position and a message": lambda d: (say(d, f"{2**52}-0"), d.r.hset(d.public + "meta", "seq", 2**52)),
    "a message": lambda d: say(d, "999999999999999-0"),
    "the last message": lambda d: say(d, f"{2**64 - 1}-{2**64 - 1}"),
    "a number that is gone": lambda d: (say(d, f"{2**53}-0"), d.r.xdel(d.public + "log", f"{2**53}-0")),
    "a position alone": lambda d: (d.r.hset(d.public + "meta", "seq", 999999999999999), d.r.delete(d.public + "log")),
    "all that is left": lambda d: (d.r.delete(d.public + "log"), say(d, f"{2**60}-0")),
}


def say(d, at, **more):
    fields = {"uuid": chat.new_uuid(), "sender": d.alice, "name": "alice", "at": 5, "text": "hi", **more}
    d.r.xadd(d.public + "log", fields, at)

NEVER_EXPIRES = {
    "sent": lambda d: d.r.set(d.public + "sent:" + chat.NOBODY, "x 1"),
    "fails": lambda d: d.r.set(d.key("fails:name:carol"), 3),
    "lock": lambda d: d.r.set(d.public + "lock", chat.NOBODY),
    "trash": lambda d: d.r.xadd(d.public + "trash:" + chat.NOBODY, {"a": "b"}),
    "info": lambda d: d.r.hset(d.key("{presence}:info:0123"), "a", "b"),
    "keys": lambda d: d.r.zadd(d.user + ":keys", {"x" * 43: (time.time() + 3600) * 1000}),
}

NOT_MENDED = {
    "foreign key": lambda d: d.r.set(d.key("something"), "else"),
    "foreign key in a channel": lambda d: d.r.set(d.public + "logs", "else"),
    "wrong type": lambda d: (d.r.delete(d.public + "members"), d.r.set(d.public + "members", "x")),
    "name of another": lambda d: (d.r.hset(d.key(f"{{u:{d.bob}}}"), "name", "Alice"), d.r.delete(d.key("name:bob"))),
    "user without a name": lambda d: d.r.hdel(d.key(f"{{u:{d.bob}}}"), "name"),
}


def problems(rows):
    return [row["problem"] for row in rows]


def check_mended(ctl, redis, prefix, problem):
    before = chat.digest(redis, prefix)
    rows = ctl.all_formats("fsck", status=FAILED)
    assert problems(rows) == [problem] and rows[0]["fixed"] is False
    ctl("fsck", "--fix", "--dry-run", status=FAILED)
    assert chat.digest(redis, prefix) == before, "only looked at"
    rows = ctl.json("fsck", "--fix")
    assert problems(rows) == [problem] and rows[0]["fixed"] is True
    assert ctl("fsck") == ""


@pytest.mark.parametrize("problem", DAMAGES)
def test_mended(ctl, data, redis, prefix, problem):
    DAMAGES[problem](data)
    check_mended(ctl, redis, prefix, problem)


@pytest.mark.parametrize("what", NEVER_EXPIRES)
def test_never_expires(ctl, data, redis, prefix, what):
    NEVER_EXPIRES[what](data)
    check_mended(ctl, redis, prefix, "never expires")


@pytest.mark.parametrize("what", NOT_MENDED)
def test_not_mended(ctl, data, redis, prefix, what):
    NOT_MENDED[what](data)
    before = chat.digest(redis, prefix)
    rows = ctl.json("fsck", "--fix", status=FAILED)
    assert rows and what.startswith(tuple(problems(rows)))
    assert not any(row["fixed"] for row in rows if what.startswith(row["problem"]))
    if what != "name of another":
        assert chat.digest(redis, prefix) == before


@pytest.mark.parametrize("what", WILD)
def test_a_channel_that_ran_out_of_numbers(ctl, data, redis, prefix, client, what):
    """Nobody could join it any more."""
    WILD[what](data)
    left = 0 if "alone" in what or "left" in what else 2
    check_mended(ctl, redis, prefix, "number too large")
    carol = client("carol", join=None)
    assert len(carol.join()["messages"]) == left
    assert carol.say("next")["seq"] <= 5
    assert ctl("fsck") == ""


BAD_NAMES = {"a\u200bb": "user-", "a:b": "user-", "x" * 40: "user-", "x" * 200: "user-", "": "user-", "a\tb": "user-",
             "deleted user": "user-", "Rene\u0301": "Ren\u00e9"}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_nobody_can_have(ctl, data, redis, prefix, name):
    data.r.hset(data.key(f"{{u:{data.bob}}}"), "name", name)
    folded = BAD_NAMES[name].casefold() if "Rene" in name else name or " "
    data.r.rename(data.key("name:bob"), data.key("name:" + folded))
    rows = ctl.json("fsck", status=FAILED)
    assert "name that can't be" in problems(rows)
    ctl("fsck", "--fix", status=None)
    ctl("fsck", "--fix", status=None)
    assert ctl("fsck") == ""
    names = {u["uuid"]: u["name"] for u in ctl.json("user", "list")}
    assert names[data.bob].startswith(BAD_NAMES[name]) and names[data.alice] == "alice"
    assert ctl.json("user", "show", names[data.bob])["uuid"] == data.bob


GLOBAL = ["users", "channels", "schema", "{presence}:nodes", "{presence}:online"]


@pytest.mark.parametrize("what", [*GLOBAL, "{c:public}:meta", "{c:public}:log", "name:alice", "{u:alice}", "all"])
def test_keys_of_another_type_are_named_and_the_rest_is_looked_at(ctl, data, what):
    names = [name.replace("alice", data.alice) if name == "{u:alice}" else name
             for name in (GLOBAL if what == "all" else [what])]
    for name in names:
        data.r.delete(data.key(name))
        data.r.lpush(data.key(name), "x")
    data.r.set(data.key("name:carol"), chat.NOBODY)
    for words in (["fsck"], ["fsck", "--fix"]):
        rows = ctl.json(*words, status=FAILED)
        assert {row["key"] for row in rows if row["problem"] == "wrong type"} == {data.key(name) for name in names}
        assert "name pointing nowhere" in problems(rows)
    assert "name pointing nowhere" not in problems(ctl.json("fsck", status=FAILED))
    for name in names:
        assert data.r.lrange(data.key(name), 0, -1) == ["x"], "foreign keys stay"


def test_a_chat_under_a_longer_prefix_is_none_of_ours(ctl, data, redis, prefix):
    other = Ctl(redis.uri, prefix + "b:")
    other("import", stdin=ctl("export"))
    assert ctl("fsck") == "" and f"under {prefix}b:" in ctl.err
    assert other("fsck") == ""
    data.r.set(data.key("b:what"), "x")
    assert problems(ctl.json("fsck", status=FAILED)) == ["foreign key"]


def test_nothing(ctl):
    assert ctl.json("fsck") == [] and ctl("fsck", "--fix") == ""


def test_everything_at_once(ctl, data):
    apart = {"half-claimed name", "user without a name", "counter behind the stream", "channel not in the list",
             "online on no node", "will expire"}
    for problem, damage in DAMAGES.items():
        if problem not in apart:
            damage(data)
    for damage in NEVER_EXPIRES.values():
        damage(data)
    assert len(ctl.json("fsck", status=FAILED)) >= 12
    ctl("fsck", "--fix")
    assert ctl("fsck") == ""


def test_numbers_stay_unique_when_a_counter_is_mended(ctl, data, client):
    data.r.hset(data.public + "meta", "seq", 1)
    ctl("fsck", "--fix")
    assert client("carol", join="0").say("next")["seq"] == 4


def test_many_orphans(ctl, data):
    """More than a page, some with one score."""
    ghosts = [chat.new_uuid() for _ in range(1300)]
    data.r.zadd(data.public + "members", {ghost: 7 + i // 700 for i, ghost in enumerate(ghosts)})
    assert len(ctl.json("fsck", status=FAILED)) == 1300
    assert len(ctl.json("fsck", "--fix")) == 1300
    assert ctl("fsck") == ""


def test_a_chat_in_use_is_sound(ctl, start_chatd, redis, prefix):
    with Load([start_chatd(), start_chatd()], redis, prefix) as load:
        load.wait_acked(200)
        chat.wait_until(lambda: redis.r.zscore(prefix + "channels", "public"))
        for _ in range(5):
            assert ctl.json("fsck") == []
        assert ctl.json("fsck", "--fix") == []
        load.wait_acked(100)
    load.check()
