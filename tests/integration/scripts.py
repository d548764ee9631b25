"""What the tests of the Lua scripts of common/redis/scripts have in common. Each script is run against a real Redis and
held to what its own header says: replies, what is written and published, and what is not; through EVAL, as chatd runs
it, what it uses in front."""

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

    def lineage(self):
        return self.r.hget(self.meta, "prev")

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
