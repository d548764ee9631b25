"""Redis under Sentinel, and Redis Cluster: what holds on one server holds there, and through failovers and
moving slots. The Redis of each kind is shared by a worker's tests, which leave it whole."""

import itertools
import time

import chat
import pytest
from load import Load
from redis_shapes import Cluster, Sentinel
from stopwatch import Stopwatch

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def sentinel():
    with Sentinel() as s:
        yield s


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as c:
        yield c


@pytest.fixture(params=["sentinel", "cluster"])
def shape(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def prefix():
    return f"s{next(NUMBERS)}:"


def test_every_verb(shape, client, start_chatd):
    """Over two nodes, each of which has only Redis to know of the other."""
    one, two = start_chatd(shape.uri), start_chatd(shape.uri)
    alice, bob = client("alice", join="0", at=one), client("bob", at=two)
    joined = bob.join("0")
    assert [(u["username"], u["online"]) for u in joined["users"]] == [("alice", True), ("bob", True)]
    assert alice.say("hello")["seq"] == 1
    assert bob.hear("hello")["seq"] == 1
    alice.join(bob.user)
    bob.join(alice.user)
    for i in range(5):
        assert bob.say(f"m{i}", to=alice.user)["seq"] == i + 1
    for i in range(5):
        assert alice.hear(f"m{i}")["seq"] == i + 1
    assert {u["Username"]: u["OnLine"] for u in alice.users()["users"]} == {"alice": True, "bob": True}
    assert [m["message"] for m in alice.history(bob.user)["messages"]] == [f"m{i}" for i in reversed(range(5))]
    alice.leave(bob.user)
    uuid = chat.new_uuid()
    assert alice.say("again", uuid=uuid) == alice.say("once more", uuid=uuid)
    bob.hear("again")
    again = client(at=two)
    again.ask("channelJoin", {"recipientUUID": "0"}, **alice.pair())
    assert again.expect("channelJoin")["seq"] == 2
    bob.sign_out()


def lose_master(shape):
    """kill -9. Returns what brings it back, as a replica."""
    if isinstance(shape, Sentinel):
        old = shape.kill_master()
        shape.wait_failover(old)
        return lambda: (shape.revive(old), shape.wait_ready())
    old = shape.master_of("{c:public}")
    old.kill()
    shape.wait_failover(old)
    return lambda: (old.start(), shape.wait_ready())


def test_a_master_killed_under_load(shape, start_chatd, prefix):
    """Connections stay, service is back within 5 s of the failover, and no number is used twice: what the
    dead master had for itself alone is lost (D0), and then a new epoch begins."""
    nodes = [start_chatd(shape.uri), start_chatd(shape.uri)]
    with Load(nodes, shape, prefix) as load:
        load.wait_acked(200)
        before = time.monotonic()
        bring_back = lose_master(shape)
        watch = Stopwatch()
        load.wait_acked(50)
        assert watch.seconds() < 5
        load.forgive(before - 0.5, time.monotonic())
        bring_back()
        load.wait_acked(50)
    load.check()
    assert not load.closes and load.signed_out == load.unrecovered == 0
    assert set(load.errors) <= {"unavailable"}
    assert all(m.connections == 1 for m in load.members)


def links(server, kind="store"):
    return [c["name"] for c in server.r.client_list()
            if c["name"].startswith("chatd-") and c["name"].endswith("-" + kind)]


def test_a_master_that_steps_down_under_load(shape, start_chatd, prefix):
    """Asked to: the old master lives on, as a replica that takes no writes. (Sentinel lets it take some for a
    moment longer, which are lost.)"""
    nodes = [start_chatd(shape.uri), start_chatd(shape.uri)]
    with Load(nodes, shape, prefix) as load:
        load.wait_acked(100)
        before = time.monotonic()
        if isinstance(shape, Sentinel):
            old = shape.failover()
            new = shape.wait_failover(old)
            chat.wait_until(lambda: len(links(new)) == 2 and not links(old, "append"), 5,
                            "both nodes on the new master")
            load.forgive(before - 0.5, time.monotonic() + 0.5 + load.late)
        else:
            shape.failover(shape.master_of("{c:public}"))
        load.wait_acked(100)
    load.check()
    assert not load.closes and load.signed_out == load.unrecovered == 0 and set(load.errors) <= {"unavailable"}
    shape.wait_ready()


def acknowledged_is_stored(load, shape, prefix):
    """Whatever epoch it was acknowledged in."""
    stored = {fields["uuid"] for _, fields in shape.r.xrange(f"{prefix}{{c:public}}:log")}
    return not set(load.history.acks) - stored


def test_a_slot_moved_under_load(cluster, start_chatd, prefix):
    """Key by key: ASK and TRYAGAIN meanwhile, MOVED behind it; and back. Messages wait until the slot is whole
    somewhere. Nothing is lost, and everything keeps its order."""
    nodes = [start_chatd(cluster.uri), start_chatd(cluster.uri)]
    slot = cluster.slot_of("{c:public}")
    with Load(nodes, cluster, prefix) as load:
        for _ in range(2):
            load.wait_acked(100)
            owner = cluster.master_of(slot)
            to = next(m for m in cluster.masters() if m is not owner)
            cluster.begin_move(slot, to)
            while cluster.move_keys(slot, owner, to, at_most=20):
                pass
            cluster.end_move(slot, to)
            load.wait_acked(100)
    load.check()
    assert acknowledged_is_stored(load, cluster, prefix)
    assert not load.closes and load.signed_out == load.unrecovered == 0 and set(load.errors) <= {"unavailable"}
