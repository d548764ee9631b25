"""The scripts of presence: nodes, and who is online."""

import time

import chat
import pytest
from redis.exceptions import ResponseError
from scripts import ALICE, BOB, CAROL, unchanged, wrong_type
from scripts import run  # noqa: F401 (fixtures)


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
