"""Every Lua script of common/scripts against a real Redis, held to what its own header says: replies, what
is written and published, and what is not. Each runs through EVAL as chatd runs it, what it uses in
front."""

import contextlib
import re
import time

import pytest
from redis.exceptions import ResponseError

import chat

SCRIPTS = chat.ROOT / "common/redis/scripts"
ALICE, BOB, CAROL = (f"{n}0000000-0000-4000-8000-00000000000{n}" for n in "abc")
NODE = "0123456789abcdef"
NOW = 1714564800123
STORED, REPEAT, FAILED = 0, 1, 2


def body(name):
    text = (SCRIPTS / f"{name}.lua").read_text(encoding="utf-8")
    for used in re.findall(r"^-- uses (\w+)$", text, re.MULTILINE):
        text = (SCRIPTS / f"{used}.lua").read_text(encoding="utf-8") + text
    return text


@pytest.fixture
def run(redis):
    """run("join", [keys], [args])"""
    def call(name, keys, args):
        return redis.r.eval(body(name), len(keys), *keys, *args)
    return call


@pytest.fixture
def heard(redis):
    """heard(bus) begins to listen; calling what it gives returns what was published since."""
    opened = []

    def listen(bus):
        p = redis.r.connection_pool.make_connection()  # sharded pub/sub, which the library doesn't know
        opened.append(p)
        p.send_command("SSUBSCRIBE", bus)
        assert p.read_response()[0] == "ssubscribe"

        def since():
            mark = chat.new_uuid()
            redis.r.execute_command("SPUBLISH", bus, mark)
            found = []
            while True:
                assert p.can_read(chat.PATIENCE), "the mark did not come"
                _, _, data = p.read_response()
                if data == mark:
                    return found
                found.append(data)
        return since

    yield listen
    for p in opened:
        p.disconnect()


@contextlib.contextmanager
def unchanged(server, prefix):
    """No key may be stored, changed or removed, those of presence included."""
    def state():
        return {k: server.raw.dump(k) for k in server.raw.scan_iter(match=prefix + "*", count=1000)}
    before = state()
    yield
    assert state() == before


# --- Channels

class Channel:
    """A channel's keys, and the scripts that work on them."""

    def __init__(self, server, prefix):
        self.r = server.r
        self.base = prefix + "{c:public}:"
        self.log, self.meta, self.members, self.bus = (self.base + k for k in
                                                       ("log", "meta", "members", "bus"))

    def sent(self, uuid):
        return self.base + "sent:" + uuid

    def append_raw(self, messages, spare=None, keep=600, history=""):
        keys, args = [], [NODE, keep, spare or chat.new_uuid(), history]
        for m in messages:
            keys += [self.log, self.meta, self.sent(m["uuid"])]
            known = m.get("known", ("", 0))
            args += [self.bus, known[0], known[1], m.get("retry", "1"), m["uuid"], m.get("sender", ALICE),
                     m.get("at", NOW), m.get("name", "Alice"), m.get("text", "hello")]
        return self.r.eval(body("append"), len(keys), *keys, *args)

    def append(self, text="hello", uuid=None, **more):
        spare, history = more.pop("spare", None), more.pop("history", "")
        return self.append_raw([{"text": text, "uuid": uuid or chat.new_uuid(), **more}], spare,
                               history=history)[0]

    def store(self, *args, **more):
        """Appends what must be stored; (epoch, seq)."""
        status, epoch, seq, _ = self.append(*args, **more)
        assert status == STORED
        return epoch, int(seq)

    def join(self, user=ALICE, peer="", event="joined", told=1000, listed=100, spare=None, known=("", 0),
             history=""):
        return self.r.eval(body("join"), 3, self.log, self.meta, self.members, user, peer, NOW,
                           spare or chat.new_uuid(), self.bus, event, told, listed, *known, history)

    def position(self):
        return self.r.hmget(self.meta, "epoch", "base", "seq")

    def seqs(self):
        return [int(id.removesuffix("-0")) for id, _ in self.r.xrange(self.log)]


@pytest.fixture
def channel(redis, prefix):
    return Channel(redis, prefix)


def wrong_type(r, key):
    """Puts something there that no script of ours takes."""
    r.delete(key)
    if key.endswith((":log", ":meta", ":members", ":keys", ":online", ":nodes")):
        r.set(key, "not what you think")
    else:
        r.lpush(key, "not what you think")


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
    assert redis.r.hmget(channel.meta, "base", "prev") == ["4", epoch]
    assert channel.store(history="1") == (spare, 5), "once"


def test_a_join_on_a_promoted_server_begins_a_new_epoch(channel, redis):
    epoch, _ = channel.store(history="1")
    assert channel.join(history="1")[0] == epoch
    promote(redis, channel)
    spare = chat.new_uuid()
    reply = channel.join(spare=spare, history="1")
    assert reply[:3] == [spare, "2", "1"] and reply[5] == epoch


def test_another_server_begins_a_new_epoch(channel):
    """Named by its run id: one that restarted may have lost what it had answered."""
    epoch = [channel.store(history="aa") for _ in range(2)][-1][0]
    first, second = chat.new_uuid(), chat.new_uuid()
    assert channel.store(spare=first, history="bb") == (first, 3)
    assert channel.r.hmget(channel.meta, "base", "prev") == ["3", epoch]
    assert channel.join(spare=second, history="bb")[0] == first
    assert channel.join(spare=second, history="cc")[:3] == [second, "4", "3"]
    assert channel.store(history="cc", known=(first, 9)) == (second, 4)
    assert channel.store() == (second, 5), "no doubt where nothing is compared"


def test_one_server_goes_on_with_its_epoch(channel, redis):
    epoch, _ = channel.store(history="1")
    promote(redis, channel)
    assert channel.store() == (epoch, 2)


@pytest.mark.parametrize("after, n, given", [(0, 10, [1, 2, 3, 4, 5]), (2, 2, [3, 4]), (5, 10, [])])
def test_read(channel, run, after, n, given):
    epoch = [channel.store() for _ in range(5)][-1][0]
    position, entries, oldest = run("read", [channel.log, channel.meta], [f"{after + 1}-0", n])
    assert position == [epoch, "1", "5", ""]
    assert [entry[0] for entry in entries] == [f"{seq}-0" for seq in given]
    assert oldest == ["1-0"]


def test_read_of_nothing(channel, redis, run, prefix):
    with unchanged(redis, prefix):
        assert run("read", [channel.log, channel.meta], ["1-0", 10]) == [[None] * 4, [], []]


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


def test_join_a_private_channel(channel, heard):
    since = heard(channel.bus)
    assert channel.join(ALICE, BOB)[3:5] == [2, [BOB, ALICE]]
    assert channel.join(BOB, ALICE, event="bob came")[3] == 2  # a member since alice opened it
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

    def announce(event, most, leaver=""):
        return run("announce", [channel.members], [channel.bus, event, most, leaver])

    assert announce("three", 3) == 1
    assert announce("too many", 2) == 1
    assert announce("nobody is told", 0) == 1
    assert since() == ["three"]
    assert announce("carol goes", 3, CAROL) == 1
    assert announce("carol goes again", 3, CAROL) == 0
    assert since() == ["carol goes"]
    assert set(redis.r.zrange(channel.members, 0, -1)) == {ALICE, BOB}
    assert announce("bob goes", 1, BOB) == 1  # gone, though too many to be told
    assert since() == []
    wrong_type(redis.r, channel.members)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        announce("x", 3, ALICE)
    assert since() == []


# --- Users

class User:
    def __init__(self, server, prefix, run, uuid=ALICE):
        self.r, self.run, self.uuid = server.r, run, uuid
        self.record = prefix + "{u:" + uuid + "}"
        self.keys, self.bus = self.record + ":keys", self.record + ":bus"

    def create(self, name="Alice", key="key 1", expiry=None, lapse=60):
        return self.run("user_create", [self.record, self.keys],
                        [name, "$argon2id$x", NOW, key, expiry or self.now() + 10**6, lapse])

    def add(self, key, expiry, now=None, most=5, verified="", rehashed=""):
        return self.run("key_add", [self.record, self.keys],
                        [key, expiry, now or self.now(), most, verified, rehashed])

    def now(self):
        s, us = self.r.time()
        return s * 1000 + us // 1000

    def held(self):
        return set(self.r.zrange(self.keys, 0, -1))


@pytest.fixture
def user(redis, prefix, run):
    return User(redis, prefix, run)


@pytest.fixture
def name(redis, prefix, run):
    class Name:
        key = prefix + "name:alice"

        def claim(self, uuid, holder="", lapse=60):
            return run("name_claim", [self.key], [uuid, holder, lapse])

        def confirm(self, uuid):
            return run("name_confirm", [self.key], [uuid])

    return Name()


def test_name_claim(redis, name):
    assert name.claim(ALICE) == 1
    assert redis.r.get(name.key) == ALICE
    assert 50 < redis.r.ttl(name.key) <= 60
    assert name.claim(BOB) == 0
    assert name.claim(ALICE) == 0  # even the same user: who claims has made a fresh uuid
    assert redis.r.get(name.key) == ALICE


def test_name_claim_of_a_holder_without_a_record(redis, name):
    redis.r.set(name.key, CAROL)
    assert name.claim(BOB, ALICE) == 0  # it was another's by now
    assert name.claim(BOB, CAROL) == 1
    assert redis.r.get(name.key) == BOB
    assert redis.r.ttl(name.key) > 0
    redis.r.delete(name.key)
    assert name.claim(BOB, CAROL) == 0  # the holder's name is gone meanwhile: look again


def test_name_claim_lapses(redis, name):
    assert name.claim(ALICE, lapse=1) == 1
    chat.wait_until(lambda: not redis.r.exists(name.key), what="the lapse of a claim")
    assert name.claim(BOB) == 1


def test_name_confirm(redis, name):
    name.claim(ALICE)
    assert name.confirm(BOB) == 0
    assert redis.r.ttl(name.key) > 0
    assert name.confirm(ALICE) == 1
    assert redis.r.ttl(name.key) == -1
    assert name.confirm(ALICE) == 1  # again: no harm
    redis.r.delete(name.key)
    assert name.confirm(BOB) == 1    # lapsed, and nobody took it
    assert redis.r.get(name.key) == BOB


def test_name_release(redis, name, run):
    release = lambda uuid: run("name_release", [name.key], [uuid])
    assert release(ALICE) == 0
    name.claim(ALICE)
    assert release(BOB) == 0 and redis.r.get(name.key) == ALICE
    assert release(ALICE) == 1 and not redis.r.exists(name.key)


def test_names_of_the_wrong_type(redis, prefix, name):
    wrong_type(redis.r, name.key)
    with unchanged(redis, prefix):
        for act in (lambda: name.claim(ALICE), lambda: name.confirm(ALICE)):
            with pytest.raises(ResponseError, match="WRONGTYPE"):
                act()


def test_user_change(redis, user, run):
    change = lambda *pairs: run("user_change", [user.record], pairs)
    assert change("name", "Alicia") == 0 and not redis.r.exists(user.record)
    user.create(expiry=user.now() + 10**6)
    assert change("name", "Alicia", "banned", "5", "ban-reason", "x") == 1
    assert change("banned", "", "nothing", "") == 1
    assert redis.r.hgetall(user.record) == {"name": "Alicia", "hash": "$argon2id$x", "created": str(NOW),
                                            "ban-reason": "x"}
    assert redis.r.ttl(user.record) > 0, "unconfirmed stays so"


def test_user_change_of_the_wrong_type(redis, prefix, user, run):
    wrong_type(redis.r, user.record)
    with unchanged(redis, prefix):
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            run("user_change", [user.record], ["name", "x"])


def test_user_create_without_a_key(redis, user, run):
    """By an administrator: nobody signs in."""
    assert run("user_create", [user.record, user.keys], ["Alice", "$argon2id$x", NOW, "", 0, 60]) == 1
    assert redis.r.hget(user.record, "name") == "Alice" and not redis.r.exists(user.keys)


def test_user_create(redis, user):
    expiry = user.now() + 10**6
    assert user.create(expiry=expiry) == 1
    assert redis.r.hgetall(user.record) == {"name": "Alice", "hash": "$argon2id$x", "created": str(NOW)}
    assert redis.r.zrange(user.keys, 0, -1, withscores=True) == [("key 1", expiry)]
    assert 50 < redis.r.ttl(user.record) <= 60  # nothing stays if the node is killed now
    assert 50 < redis.r.ttl(user.keys) <= 60
    assert user.create("Bob", "key 2") == 0
    assert redis.r.hget(user.record, "name") == "Alice"
    assert user.held() == {"key 1"}


@pytest.mark.parametrize("key", ["record", "keys"])
def test_user_create_of_wrong_types_writes_nothing(redis, user, prefix, key):
    wrong_type(redis.r, getattr(user, key))
    with unchanged(redis, prefix), contextlib.suppress(ResponseError):
        assert user.create() == 0


def test_key_add(redis, user):
    assert user.add("key", user.now() + 10**6) == 0  # no such user
    assert not redis.r.exists(user.record, user.keys)
    user.create()
    expiry = user.now() + 2 * 10**6
    assert user.add("key 2", expiry) == 1
    assert redis.r.ttl(user.record) == -1  # confirmed
    assert user.held() == {"key 1", "key 2"}
    assert abs(redis.r.pttl(user.keys) - 2 * 10**6) < 5000


def test_key_add_of_a_banned_user(redis, user):
    """The ban came while the password was checked."""
    user.create(expiry=user.now() + 10**6)
    before = redis.r.zrange(user.keys, 0, -1)
    redis.r.hset(user.record, "banned", user.now() + 10**5)
    assert user.add("key 2", user.now() + 10**6) == 2 and redis.r.zrange(user.keys, 0, -1) == before
    redis.r.hset(user.record, "banned", user.now() - 1)
    assert user.add("key 2", user.now() + 10**6) == 1
    redis.r.hset(user.record, "banned", "nonsense")
    assert user.add("key 3", user.now() + 10**6) == 1


def test_key_add_of_another_password(redis, user, prefix):
    """It was changed while the old one was checked."""
    user.create(expiry=user.now() + 10**6)
    with unchanged(redis, prefix):
        assert user.add("key 2", user.now() + 10**6, verified="$argon2id$old", rehashed="$argon2id$y") == 3
    assert user.add("key 2", user.now() + 10**6, verified="$argon2id$x") == 1
    assert redis.r.hget(user.record, "hash") == "$argon2id$x"
    assert user.add("key 3", user.now() + 10**6, verified="$argon2id$x", rehashed="$argon2id$y") == 1
    assert redis.r.hget(user.record, "hash") == "$argon2id$y"


def test_key_add_drops_the_expired(redis, user):
    user.create(expiry=user.now() + 10**6)
    now = user.now()
    redis.r.zadd(user.keys, {"expired": now - 1, "just now": now, "soon": now + 1})
    assert user.add("new", now + 10**6, now) == 1
    assert user.held() == {"key 1", "soon", "new"}


def test_key_add_keeps_so_many(redis, user):
    user.create(expiry=user.now() + 1000000)
    for n in range(2, 9):
        assert user.add(f"key {n}", user.now() + 1000000 + n * 1000, most=5) == 1
    assert user.held() == {f"key {n}" for n in range(4, 9)}
    assert user.add("last", user.now() + 10**7, most=1) == 1
    assert user.held() == {"last"}


def test_key_add_never_drops_the_new_one(redis, user):
    """Keys live shorter than they did when the old ones were made."""
    user.create(expiry=user.now() + 10**8)
    for n in range(2, 6):
        user.add(f"key {n}", user.now() + 10**8, most=5)
    assert user.add("new", user.now() + 10**6, most=5) == 1
    assert "new" in user.held() and len(user.held()) == 5
    assert redis.r.pttl(user.keys) > 10**7  # and the others live on


def test_key_add_of_wrong_types_writes_nothing(redis, user, prefix):
    user.create()
    wrong_type(redis.r, user.keys)
    with unchanged(redis, prefix), pytest.raises(ResponseError, match="WRONGTYPE"):
        user.add("key", user.now() + 10**6)
    assert redis.r.ttl(user.record) > 0


def test_key_revoke(redis, user, run, heard):
    since = heard(user.bus)
    user.create()
    user.add("key 2", user.now() + 10**6)

    def revoke(key):
        return run("key_revoke", [user.keys], [key, user.bus, f"k\n{key}"])

    assert revoke("key 1") == 1
    assert user.held() == {"key 2"}
    assert revoke("key 1") == 0
    assert since() == ["k\nkey 1", "k\nkey 1"]  # told each time: a node may have missed it
    wrong_type(redis.r, user.keys)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        revoke("key 2")


# --- Presence

class Presence:
    def __init__(self, server, prefix, run):
        self.r, self.run, self.base = server.r, run, prefix + "{presence}:"
        self.nodes, self.online_key = self.base + "nodes", self.base + "online"

    def users_of(self, node):
        return self.base + "node:" + node

    def beat(self, node, alive_ms=60000):
        return self.run("beat", [self.nodes], [node, alive_ms])

    def online(self, node, step, *users):
        return self.run("online", [self.online_key, self.users_of(node)], [step, *users])

    def reap(self, node, most=100):
        more, gone = self.run("reap", [self.nodes, self.online_key, self.users_of(node)], [node, most])
        return more, sorted(gone)

    def die(self, node):
        self.beat(node, 0)
        chat.wait_until(lambda: self.beat("looks on")[1].count(node), what="the death of a node")

    def counts(self):
        return {user: int(n) for user, n in self.r.zrange(self.online_key, 0, -1, withscores=True)}


@pytest.fixture
def presence(redis, prefix, run):
    return Presence(redis, prefix, run)


def test_beat(presence, redis):
    assert presence.beat("one") == [0, []]  # nobody knew it
    assert presence.beat("one") == [1, []]
    assert presence.beat("two") == [0, []]
    s, us = redis.r.time()
    assert abs(redis.r.zscore(presence.nodes, "one") - (s * 1000 + us // 1000 + 60000)) < 5000


def test_beat_tells_of_the_dead(presence):
    for n in range(15):
        presence.beat(f"dead {n:02}", 0)
    presence.beat("alive")
    time.sleep(0.002)  # Redis' clock must go on by a millisecond
    known, dead = presence.beat("alive")
    assert known == 1
    assert len(dead) == 10 and all(d.startswith("dead") for d in dead)


def test_online_counts_nodes(presence, redis):
    assert presence.online("one", 1, ALICE) == [1]
    assert presence.online("one", 1, ALICE) == [0]  # told twice: counted once
    assert presence.online("two", 1, ALICE) == [0]
    assert presence.counts() == {ALICE: 2}
    assert presence.online("one", -1, ALICE) == [0]
    assert presence.online("one", -1, ALICE) == [0]
    assert presence.counts() == {ALICE: 1}
    assert presence.online("two", -1, ALICE) == [1]
    assert presence.counts() == {}
    assert presence.online("two", -1, ALICE) == [0]
    assert not redis.r.exists(presence.users_of("one"), presence.users_of("two"), presence.online_key)


def test_online_of_many(presence, redis):
    presence.online("two", 1, BOB)
    users = [f"user {n}" for n in range(500)]
    assert presence.online("one", 1, ALICE, BOB, CAROL, ALICE, *users) == [1, 0, 1, 0] + [1] * 500
    assert presence.counts()[BOB] == 2
    assert redis.r.scard(presence.users_of("one")) == 503
    assert presence.online("one", -1, *users, ALICE, BOB, CAROL) == [1] * 500 + [1, 0, 1]
    assert presence.online("one", 1) == []


@pytest.mark.parametrize("key", ["online_key", "users"])
@pytest.mark.parametrize("step", [1, -1])
def test_online_of_wrong_types_writes_nothing(presence, redis, prefix, key, step):
    presence.online("one", 1, ALICE)
    key = presence.users_of("one") if key == "users" else presence.online_key
    wrong_type(redis.r, key)
    with unchanged(redis, prefix), pytest.raises(ResponseError, match="WRONGTYPE"):
        presence.online("one", step, ALICE, BOB)


def test_reap(presence, redis):
    presence.beat("one")
    presence.beat("two")
    presence.online("one", 1, ALICE, BOB)
    presence.online("two", 1, BOB, CAROL)
    assert presence.reap("one") == (0, [])  # it lives
    presence.die("one")
    assert presence.reap("one") == (0, [ALICE])  # bob is on another node
    assert presence.counts() == {BOB: 1, CAROL: 1}
    assert not redis.r.exists(presence.users_of("one"))
    assert redis.r.zscore(presence.nodes, "one") is None
    assert presence.reap("one") == (0, [])  # another node did it at the same time
    assert presence.counts() == {BOB: 1, CAROL: 1}


def test_reap_in_batches(presence, redis):
    users = sorted(f"user {n:03}" for n in range(250))
    presence.beat("one")
    presence.online("one", 1, *users)
    presence.die("one")
    gone = []
    for more_expected in (1, 1, 0):
        more, some = presence.reap("one", 100)
        assert more == more_expected
        gone += some
    assert sorted(gone) == users
    assert presence.counts() == {}


def test_reap_of_a_node_that_nobody_knows(presence):
    presence.online("one", 1, ALICE)  # Redis lost the list of nodes
    assert presence.reap("one") == (0, [ALICE])


def test_a_reaped_node_comes_back(presence):
    presence.beat("one")
    presence.online("one", 1, ALICE, BOB)
    presence.die("one")
    presence.reap("one")
    assert presence.beat("one")[0] == 0  # it learns that it must register everyone
    assert presence.online("one", 1, ALICE, BOB) == [1, 1]
    assert presence.counts() == {ALICE: 1, BOB: 1}
    assert presence.beat("one")[0] == 1


def test_a_node_comes_back_in_the_middle_of_being_reaped(presence):
    """Some of its users have been taken offline already: it must register everyone, too."""
    presence.beat("one")
    presence.online("one", 1, ALICE, BOB, CAROL)
    presence.die("one")
    more, gone = presence.reap("one", 2)
    assert more == 1 and len(gone) == 2
    assert presence.beat("one")[0] == 0
    assert presence.reap("one", 2) == (0, [])  # lives again
    assert sorted(presence.online("one", 1, ALICE, BOB, CAROL)) == [0, 1, 1]
    assert presence.counts() == {ALICE: 1, BOB: 1, CAROL: 1}


@pytest.mark.parametrize("key", ["nodes", "online_key", "users"])
def test_reap_of_wrong_types_writes_nothing(presence, redis, prefix, key):
    presence.beat("one")
    presence.online("one", 1, ALICE, BOB)
    presence.die("one")
    wrong_type(redis.r, presence.users_of("one") if key == "users" else getattr(presence, key))
    with unchanged(redis, prefix), pytest.raises(ResponseError, match="WRONGTYPE"):
        presence.reap("one")


# --- Purges

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

    def purge(self, upto, after=0, batch=100, mode="all", what="", grace=3600000, id="P", epoch=None, announce=""):
        keys = [self.channel.log, self.channel.meta, self.trash(id), self.base + "purge:" + id,
                self.base + "purges", self.marks, self.lock]
        return self.run("purge", keys, [id, epoch or self.epoch, after, upto, batch, mode, what, grace,
                                        self.channel.bus, announce])

    def rebuild(self, after="0-0", batch=100, id="R", purge="P"):
        keys = [self.channel.log, self.trash(purge), self.rebuilt, self.lock, self.base + "purge:" + purge,
                self.base + "purges", self.marks, self.base + "replaced"]
        return self.run("restore", keys, [id, purge, after, batch])

    def rename(self, after="0-0", batch=100, id="N", stream=None, epoch=None):
        keys = [stream or self.channel.log, self.channel.meta, self.rebuilt, self.lock, self.base + "replaced"]
        return self.run("rename", keys, [id, epoch or self.epoch, after, batch, BOB, "nobody"])

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
    gone = [fields["uuid"] for _, fields in before if fields["sender"] == BOB]
    assert channel.seqs() == [1, 3, 4, 6, 7, 9] and redis.r.xlen(purges.trash()) == 3
    assert since() == [f"p\n{purges.epoch}\n{seq}\n{uuid}" for seq, uuid in zip((2, 5, 8), gone)]
    assert set(redis.r.zrange(purges.marks, 0, -1)) == {f"P {uuid}" for uuid in gone}


def test_purge_of_one_message(purges, channel):
    before = purges.fill(5)
    assert purges.purge(3, after=2, mode="one", what=before[3][1]["uuid"]) == [0, "3", 0, 1], "another"
    assert purges.purge(3, after=2, mode="one", what=before[2][1]["uuid"]) == [0, "3", 1, 1]
    assert channel.seqs() == [1, 2, 4, 5]


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


def test_marks_are_bounded_and_say_so(purges, channel, redis):
    purges.fill(3)
    redis.r.zadd(purges.marks, {f"Q {chat.new_uuid()}": 1 for _ in range(999)})
    purges.purge(1, after=0, mode="from", what=ALICE)
    assert redis.r.zcard(purges.marks) == 1000 and redis.r.zscore(purges.marks, "lost") is None
    purges.purge(2, after=1, mode="from", what=ALICE)
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


# --- All

def test_every_script_is_run_here():
    text = (chat.ROOT / "tests/integration/test_scripts.py").read_text(encoding="utf-8")
    names = {path.stem for path in SCRIPTS.glob("*.lua")} - {"position", "copying"}
    assert names and {n for n in names if f'body("{n}")' not in text and f'run("{n}"' not in text} == set()
