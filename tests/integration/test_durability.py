"""--durability: a promise that Redis isn't set up to keep is refused, and what is promised is kept."""

import os
import time

import pytest
import redis

import chat
from redis_shapes import Server, server_options, wait_until
from stopwatch import Stopwatch


def refused(uri, status=1, **settings):
    """chatd ends at its start; returns what it said."""
    node = chat.Chatd(uri, wait=False, **settings)
    try:
        assert node.wait() == status
        return node.log()
    finally:
        node.destroy()


def as_default(server):
    """For a user who may CONFIG GET, which chatd's own may not."""
    return f"unix://default:@{server.socket}"


GOOD = {"appendonly": "yes", "appendfsync": "always", "min-replicas-to-write": "0"}


@pytest.mark.parametrize("level, options, change", [
    ("everysec", {"appendonly": "no"}, "set appendonly yes"),
    ("everysec", {"appendfsync": "no"}, "set appendfsync everysec or always"),
    ("always", {"appendonly": "no"}, "set appendonly yes"),
    ("always", {"appendfsync": "everysec"}, "set appendfsync always"),
    ("replicated", {"appendfsync": "everysec"}, "set appendfsync always"),
    ("replicated", {}, "set min-replicas-to-write 1"),
])
def test_a_promise_that_redis_cannot_keep_is_refused(own_redis, level, options, change):
    for name, value in {**GOOD, **options}.items():
        own_redis.r.config_set(name, value)
    log = refused(as_default(own_redis), durability=level)
    assert f"durability {level}: " in log and change in log


@pytest.mark.parametrize("level", ["redis", "everysec", "always"])
def test_a_promise_that_redis_can_keep(own_redis, start_chatd, level):
    for name, value in GOOD.items():
        own_redis.r.config_set(name, value)
    node = start_chatd(as_default(own_redis), durability=level)
    assert "little_durability" not in node.log()


def test_little_durability_that_nobody_asked_for_is_told(own_redis, start_chatd):
    own_redis.r.config_set("appendonly", "no")
    start_chatd(own_redis.uri).wait_log("little_durability")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_throws_data_away_is_refused_or_told(own_redis, start_chatd, policy):
    start_chatd(own_redis.uri).stop()
    own_redis.r.config_set("maxmemory-policy", policy)
    assert "redis_evicts" not in (harmless := start_chatd(own_redis.uri)).log()  # it is never full
    harmless.stop()
    own_redis.r.config_set("maxmemory", "1gb")
    node = start_chatd(own_redis.uri)
    node.wait_log("event=redis_evicts")
    assert f"set maxmemory-policy noeviction (it is {policy})" in node.log()
    assert f"it is {policy}" in refused(as_default(own_redis), durability="everysec")


def test_what_cannot_be_looked_at_is_not_promised(own_redis, prefix):
    own_redis.user_for("chatd", prefix)  # may not CONFIG GET; INFO tells that there is an append-only file
    uri = chat.as_user(own_redis.uri, "chatd", prefix)
    assert "+config|get" in refused(uri, prefix=prefix, durability="always")


def test_embedded_is_set_up_for_what_is_asked(tmp_path, start_chatd):
    start_chatd(f"embedded:{tmp_path}/r", durability="always")
    r = redis.Redis(unix_socket_path=f"{tmp_path}/r/redis.sock", decode_responses=True)
    assert r.config_get("appendfsync")["appendfsync"] == "always"
    r.close()


def test_embedded_has_no_replicas(tmp_path):
    assert "replicas" in refused(f"embedded:{tmp_path}/r", status=2, durability="replicated")


# Replicated

@pytest.fixture
def pair():
    """A master, and its replica in step."""
    options = server_options(None, {"appendfsync": "always", "min-replicas-to-write": "1"})
    master = Server({**options})
    replica = Server({**options, "replicaof": f"127.0.0.1 {master.port}"})
    wait_until(lambda: master.r.info("replication").get("slave0", {}).get("state") == "online", "the replica")
    yield master, replica
    for one in replica, master:
        one.destroy()


@pytest.fixture
def node(pair, start_chatd):
    return start_chatd(f"redis://{pair[0].address}", durability="replicated")


def test_an_acknowledged_message_is_on_the_replica(pair, node, client, prefix):
    alice = client("alice", join="0", at=node)
    for i in range(50):
        assert alice.say(f"m{i}")["seq"] == i + 1
        assert pair[1].r.xlen(f"{prefix}{{c:public}}:log") == i + 1


def test_what_no_replica_has_is_unconfirmed_and_a_retry_gives_the_stored_message(pair, node, client, start_chatd):
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    assert alice.say("before")["seq"] == 1
    bob.hear("before")
    uuid = chat.new_uuid()
    pair[1].pause()
    try:
        alice.post("in between", uuid=uuid, requestID="x")
        frame = alice.recv(3)
        assert frame["error"]["name"] == "unconfirmed" and frame["requestID"] == "x"
        assert bob.hear("in between")["seq"] == 2, "it is stored all the same"
        alice.hear("in between")
        alice.post("in between", uuid=uuid, requestID="y")
        assert alice.recv(3)["error"]["name"] == "unconfirmed", "it still is on no replica"
        assert [u["Username"] for u in bob.users()["users"]], "others aren't held up"
    finally:
        pair[1].resume()
    wait_until(lambda: pair[0].r.wait(1, 500), "the replica is back")
    assert alice.say("in between", uuid=uuid)["seq"] == 2
    assert alice.say("behind")["seq"] == 3
    bob.hear("behind")
    assert bob.heard() == []


def test_many_that_wait_for_a_replica_are_answered_in_time(pair, node, client):
    """More than go to Redis in one call, and to several channels, which a connection's messages take turns for: the
    last do not wait for all the calls before theirs."""
    crowd = [client(f"user{i}", join="0", at=node) for i in range(10)]
    for one in crowd:
        one.join(one.user)
    pair[1].pause()
    try:
        watch = Stopwatch()
        for one in crowd:
            one.burst(*[chat.request("channelMessage", {"message": f"m{i}", "recipientUUID": ("0", one.user)[i % 2]},
                                     requestID=i) for i in range(40)])
        for one in crowd:
            left = set(range(40))
            while left:
                frame = one.recv(5)
                if frame["type"] == "error":
                    assert frame["error"]["name"] in ("unconfirmed", "unavailable"), frame
                    left.remove(frame["requestID"])
        assert watch.seconds() < 3.5
    finally:
        pair[1].resume()


def test_without_any_replica_nothing_is_stored(pair, node, client, prefix):
    alice = client("alice", join="0", at=node)
    pair[1].kill()
    wait_until(lambda: pair[0].r.info("replication")["connected_slaves"] == 0, "the replica's end")
    alice.post("lost?", requestID="x")
    assert alice.recv(3)["error"]["name"] == "unavailable"
    assert pair[0].r.xlen(f"{prefix}{{c:public}}:log") == 0


def test_a_new_epoch_waits_for_what_is_not_confirmed_yet(pair, node, client, start_chatd, prefix):
    """A promotion while a message waits for its replica: those who are joined get it before the new numbering."""
    two = start_chatd(f"redis://{pair[0].address}", durability="replicated")
    alice, carol, bob = (client(name, join="0", at=at) for name, at in (("alice", node), ("carol", node), ("bob", two)))
    log, meta = (f"{prefix}{{c:public}}:{part}" for part in ("log", "meta"))
    new = chat.new_uuid()
    pair[1].pause()
    try:
        alice.post("not confirmed", requestID="x")
        wait_until(lambda: pair[0].r.xlen(log) == 1, "the message in the stream")
        old = pair[0].r.hget(meta, "epoch")
        pair[0].r.hset(meta, mapping={"epoch": new, "prev": f"{old}:1", "base": 2})
        bob.post("behind", requestID="y")
        wait_until(lambda: pair[0].r.xlen(log) == 2, "the message behind it")
    finally:
        pair[1].resume()
    assert carol.hear("not confirmed")["seq"] == 1
    told = carol.expect_event("epoch")
    assert (told["epoch"], told["seq"]) == (new, 1)
    assert carol.hear("behind")["seq"] == 2
    assert alice.hear("not confirmed")["seq"] == 1


def test_a_redis_that_takes_no_writes_is_told_of_once(start_chatd, client, own_redis):
    """With its own words, however many messages and beats it refuses; what is there is read."""
    node = start_chatd(own_redis.uri)
    alice = client("alice", at=node, join="0")
    alice.say("hi")
    r = own_redis.r
    os.mkdir(os.path.join(r.config_get("dir")["dir"], r.config_get("dbfilename")["dbfilename"]))
    r.config_set("save", "3600 1000000")
    r.bgsave()
    chat.wait_until(lambda: r.info("persistence")["rdb_last_bgsave_status"] == "err")
    for _ in range(5):
        alice.ask("channelMessage", {"message": "more", "UUID": chat.new_uuid()})
        alice.expect_error("unavailable")
    assert alice.history()["messages"][0]["message"] == "hi"
    node.wait_log("event=redis_refuses")  # the node's next beat is refused, too, and many more
    for _ in range(3):
        client(at=node).ask("signIn", {"username": "bob", "password": "x"})
    time.sleep(5)
    told = [line for line in node.log().splitlines() if "event=redis_refuses" in line]
    assert len(told) == 1 and 'reason="MISCONF Redis is configured to save' in told[0] and "disk" in told[0]
    r.config_set("save", "")
    r.config_set("stop-writes-on-bgsave-error", "no")
    alice.say("again")
