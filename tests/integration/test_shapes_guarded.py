"""Sentinel and Cluster as they are run in earnest: behind a password, with the users of least privilege that are
shipped, and with --durability replicated."""

import itertools

import chat
import pytest
from ctl import UNAVAILABLE, Ctl
from redis_shapes import Cluster, Sentinel, wait_until

NUMBERS = itertools.count(1)
PASSWORD = "p@ss:w/rd%"
OPTIONS = {"appendfsync": "always", "min-replicas-to-write": "1"}


@pytest.fixture(scope="module", params=[Sentinel, Cluster], ids=["sentinel", "cluster"])
def shape(request):
    with request.param(password=PASSWORD, **OPTIONS) as s:
        for program in "chatd", "chatctl":
            rules, = (line.split()[2:] for line in chat.ACL.read_text().splitlines()
                      if line.startswith(f"user {program} "))
            for server in s.servers:
                server.r.execute_command("ACL", "SETUSER", program, *[rule.replace("chat:*", "g*") for rule in rules],
                                         f">{PASSWORD}")
        yield s


@pytest.fixture
def prefix():
    return f"g{next(NUMBERS)}:"


def public_master(shape):
    return shape.master() if isinstance(shape, Sentinel) else shape.master_of("{c:public}")


def test_the_shipped_users_are_enough(shape, start_chatd, client, prefix):
    one, two = (start_chatd(shape.uri_as("chatd", PASSWORD)) for _ in range(2))
    ctl = Ctl(shape.uri_as("chatctl", PASSWORD), prefix, user=None)
    alice, bob = client("alice", join="0", at=one), client("bob", join="0", at=two)
    assert alice.say("hello")["seq"] == bob.hear("hello")["seq"] == 1
    alice.join(bob.user)
    bob.join(alice.user)
    assert bob.say("psst", to=alice.user)["seq"] == alice.hear("psst")["seq"] == 1
    assert [row[0] for row in ctl.tsv("user", "list")] == ["alice", "bob"]
    ctl("--yes", "user", "kick", "bob")
    bob.expect_close()
    for node in one, two:
        assert PASSWORD not in node.log() and "p%40ss" not in node.log()


def test_a_wrong_password_is_refused_and_said(shape, prefix):
    node = chat.Chatd(shape.uri_as("chatd", "wrong"), wait=False, prefix=prefix)
    try:
        assert node.wait() == 1
        assert "WRONGPASS" in node.log()
    finally:
        node.destroy()
    ctl = Ctl(shape.uri_as("chatctl", "wrong"), prefix, user=None)
    ctl("user", "list", status=UNAVAILABLE)
    assert "WRONGPASS" in ctl.err or "password" in ctl.err


def test_replicated_what_is_acknowledged_survives_the_master(shape, start_chatd, client, prefix):
    """And what no replica has is `unconfirmed`, until one has it."""
    node = start_chatd(shape.uri, durability="replicated")
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    for i in range(20):
        assert alice.say(f"m{i}")["seq"] == i + 1
        bob.hear(f"m{i}")
    master, uuid = public_master(shape), chat.new_uuid()
    replicas = shape.replicas() if isinstance(shape, Sentinel) else shape.replicas_of(master)
    for replica in replicas:
        replica.pause()
    try:
        alice.post("m20", uuid=uuid, requestID="x")
        frame = alice.recv(3)
        assert frame["error"]["name"] == "unconfirmed" and frame["requestID"] == "x"
    finally:
        for replica in replicas:
            replica.resume()
    shape.wait_ready()
    bob.hear("m20")
    alice.hear("m20")
    assert alice.say("m20", uuid=uuid)["seq"] == 21
    master.kill()
    shape.wait_failover(master)
    if isinstance(shape, Sentinel):
        shape.revive(master)  # the new master serves nobody before it has a replica
    else:
        master.start()
    shape.wait_ready()
    chat.wait_until(lambda: is_answered(alice), what="service behind the failover")
    assert [m["message"] for m in reversed(alice.history("0", limit=21)["messages"])] == [f"m{i}" for i in range(21)]


def is_answered(client):
    client.ask("channelMessages", {"recipientUUID": "0", "limit": 1})
    return client.expect_any("channelRead", "error")["type"] == "channelRead"


def test_replicated_is_refused_by_servers_that_do_not_wait_for_replicas(shape, prefix):
    for server in shape.servers:
        server.r.config_set("min-replicas-to-write", 0)
    try:
        node = chat.Chatd(shape.uri, wait=False, prefix=prefix, durability="replicated")
        try:
            assert node.wait() == 1
            assert "set min-replicas-to-write 1" in node.log()
        finally:
            node.destroy()
    finally:
        for server in shape.servers:
            server.r.config_set("min-replicas-to-write", 1)
    wait_until(shape.servers[0].r.ping, "an answer")
