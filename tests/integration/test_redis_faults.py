"""What chatd makes of a Redis that restarts, dies, fills up or drops what it publishes (R1, R5 and R8 of the contract).
Under load the history is checked: nothing acknowledged is lost, nothing comes twice, out of order or not at all."""

import contextlib
import threading
import time

import chat
import pytest
from load import Load
from redis_faults import answered, cut, is_unavailable, links, node, nodes, RETURN, WITHIN  # noqa: F401 (fixtures)


# Under load

def stopped_and_started(server):
    server.restart()


def killed_and_started(server):
    server.kill()
    server.start()


def without_bus_links(server):
    cut(server, "-bus")


def without_store_links(server):
    cut(server, "-store")


def without_links(server):
    cut(server, "")


def without_scripts(server):
    server.r.script_flush()


def held_up(server):
    server.r.execute_command("CLIENT", "PAUSE", 700, "ALL")


def held_up_for_writes(server):
    server.r.execute_command("CLIENT", "PAUSE", 700, "WRITE")


def with_no_room_for_pubsub(server):
    """Redis drops whoever is told more than the 16 KiB that it doesn't count, again and again."""
    server.r.config_set("client-output-buffer-limit", "pubsub 1 1 1")
    first = set(links(server, "-bus"))

    def all_dropped():
        for channel in server.r.execute_command("PUBSUB", "SHARDCHANNELS", "*bus"):
            server.r.execute_command("SPUBLISH", channel, "x" * 100_000)
        return not first & set(links(server, "-bus"))

    chat.wait_until(all_dropped, what="the end of all subscriptions")
    server.r.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")


@pytest.mark.parametrize("fault,times", [
    (stopped_and_started, 2), (killed_and_started, 3), (without_bus_links, 6), (without_store_links, 6),
    (without_links, 4), (without_scripts, 10), (held_up, 2), (held_up_for_writes, 2),
    (with_no_room_for_pubsub, 3)], ids=lambda v: getattr(v, "__name__", ""))
def test_nothing_is_lost_or_doubled_when_redis_is(fault, times, nodes, own_redis, prefix):
    with Load(nodes, own_redis, prefix) as load:
        for _ in range(times):
            load.wait_acked(100)
            fault(own_redis)
        load.wait_acked(100)
    load.check()
    assert set(load.errors) <= {"unavailable"}
    assert load.slowest < WITHIN
    restarts = times if fault in (stopped_and_started, killed_and_started) else 0
    assert bool(restarts) <= load.epochs <= restarts * len(load.members)
    assert not load.closes and load.signed_out == load.breaks == load.unrecovered == 0, "connections stay"


def test_nothing_is_lost_or_doubled_when_redis_hangs_for_seconds(nodes, own_redis, prefix):
    with Load(nodes, own_redis, prefix) as load:
        load.wait_acked(100)
        own_redis.pause()
        load.wait(lambda: load.errors["unavailable"] >= 3, "error unavailable", timeout=4)
        frozen = load.acked
        stuck = time.monotonic()
        chat.wait_until(lambda: time.monotonic() - stuck > 2)
        assert load.acked == frozen
        own_redis.resume()
        load.wait_acked(1, timeout=RETURN)
        load.wait_acked(100)
    load.check()
    assert set(load.errors) == {"unavailable"} and load.slowest < WITHIN
    assert not load.closes and load.signed_out == load.breaks == load.unrecovered == 0


def test_many_faults_at_random(nodes, own_redis, prefix):
    """Seeded: whatever comes together, comes together."""
    faults = [without_bus_links, without_store_links, without_links, without_scripts, held_up_for_writes,
              killed_and_started]
    with Load(nodes, own_redis, prefix, senders=4, receivers=4) as load:
        rng = load.members[0].rng
        for _ in range(12):
            load.wait_acked(rng.randrange(5, 150))
            rng.choice(faults)(own_redis)
    load.check()
    assert set(load.errors) <= {"unavailable"} and load.slowest < WITHIN
    assert not load.closes and load.signed_out == load.breaks == load.unrecovered == 0


@pytest.mark.parametrize("fault", [stopped_and_started, killed_and_started])
def test_a_redis_that_may_have_lost_something_begins_new_epochs_and_nobody_misses_what_it_kept(fault, start_chatd,
                                                                                               prefix):
    """It doesn't say "always", so nobody can know: no number is used again, and those who are connected
    get all that is stored."""
    server = chat.Redis(appendfsync="no")
    try:
        with Load([start_chatd(server.uri) for _ in range(2)], server, prefix) as load:
            for _ in range(3):
                load.wait_acked(100)
                fault(server)
            load.wait_acked(100)
        load.check()
        assert set(load.errors) <= {"unavailable"} and not load.closes
        epochs = {r.epoch for r in load.history.receptions}
        assert len(epochs) == 4 and load.epochs == 3 * len(load.members)
        own = [r for r in load.history.receptions if r.who == "m0#1"]
        stored = [seq for seq, _, _ in load.history.stored if seq > own[0].start]
        assert sorted({d.seq for r in own for d in r.deliveries}) == stored
        assert stored == list(range(own[0].start + 1, stored[-1] + 1))
    finally:
        server.destroy()


@contextlib.contextmanager
def scripts_flushed_all_the_time(server):
    over = threading.Event()

    def flush():
        while not over.wait(0.003):
            server.raw.script_flush()

    flusher = threading.Thread(target=flush)
    flusher.start()
    try:
        yield
    finally:
        over.set()
        flusher.join()


def test_order_is_kept_when_scripts_are_flushed_all_the_time(nodes, own_redis, prefix):
    with scripts_flushed_all_the_time(own_redis):
        with Load(nodes, own_redis, prefix, senders=6, receivers=2, rate=1500) as load:
            load.wait_acked(1500)
    load.check()
    assert not load.errors


def test_every_request_works_while_scripts_are_flushed_all_the_time(client, nodes, own_redis):
    """Answers of scripts come behind those of plain commands that were sent later: nothing may rely on it."""
    bob = client("bob", join="0", at=nodes[1])
    with scripts_flushed_all_the_time(own_redis):
        for i in range(25):
            alice = client(at=nodes[i % 2])
            alice.sign_up(f"user{i}")
            joined = alice.join()
            assert joined["seq"] == i and f"user{i}" in {u["username"] for u in joined["users"]}
            assert is_mine(alice, joined)
            assert alice.join(bob.user)["seq"] == 0
            assert alice.say("psst", to=bob.user)["seq"] == 1
            assert alice.say(f"m{i}")["seq"] == i + 1
            assert alice.join(since={"epoch": joined["epoch"], "seq": 0})["recovered"] is True
            assert alice.history(limit=1)["messages"][0]["message"] == f"m{i}"
            alice.leave(bob.user)
            assert alice.users()["total"] == i + 2
            alice.sign_out() if i % 3 else alice.drop()
            bob.hear(f"m{i}")
    chat.wait_until(lambda: [u["Username"] for u in bob.users()["users"] if u["OnLine"]] == ["bob"])


def is_mine(client, joined):
    return {u["UUID"]: u["online"] for u in joined["users"]}[client.user]


# A Redis that is full

def test_a_full_redis_is_unavailable_and_recovers_with_nothing_half_written(client, node, own_redis, prefix):
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.say("one")
    bob.hear("one")
    uuid = chat.new_uuid()
    own_redis.r.config_set("maxmemory", 1)
    before = chat.digest(own_redis, prefix)
    for kind, body in [("channelMessage", {"message": "two", "UUID": uuid}), ("channelMessage", {"message": "two"}),
                       ("channelJoin", {"recipientUUID": bob.user})]:
        frame, _ = answered(alice, kind, body)
        assert is_unavailable(frame), frame
    fresh = client(at=node)
    for kind in "signUp", "signIn":
        frame, _ = answered(fresh, kind, {"username": "carol", "password": "x"})
        assert is_unavailable(frame), frame
    assert [m["message"] for m in alice.history()["messages"]] == ["one"], "reading goes on"
    assert chat.digest(own_redis, prefix) == before
    own_redis.r.config_set("maxmemory", 0)
    assert alice.say("two", uuid=uuid)["seq"] == 2
    assert bob.hear("two")["UUID"] == uuid
    fresh.sign_up("carol")


def test_nothing_is_lost_or_doubled_when_redis_is_full_now_and_then(nodes, own_redis, prefix):
    with Load(nodes, own_redis, prefix) as load:
        for _ in range(3):
            load.wait_acked(100)
            refused = load.errors["unavailable"]
            own_redis.r.config_set("maxmemory", 1)
            load.wait(lambda: load.errors["unavailable"] > refused, "error unavailable")
            own_redis.r.config_set("maxmemory", 0)
        load.wait_acked(100)
    load.check()
    assert not load.closes and load.epochs == 0


# Pub/sub that lies

def payloads(epoch):
    good = f"m\n{epoch}\n2\n0123456789abcdef\n{chat.new_uuid()}\n{chat.new_uuid()}\n1\nname\ntext"
    return [b"", b"\n", b"m", b"m\n", b"?\n1", b"m\n" * 20, b"\x00" * 100, b"\xff" * 100, b"x" * 2**20,
            b"m\n" + b"\n" * 2**20, good.replace("\n2\n", "\n-2\n").encode(), good.replace("\n2\n", "\n0\n").encode(),
            good.replace("\n2\n", "\n" + "9" * 40 + "\n").encode(), good.replace(epoch, "e").encode(),
            good.replace("name", "n" * 1000).encode(), good.replace("text", "t" * 2**20).encode(),
            good.replace("text", "").encode(), good.encode() + b"\xff", b"s\nsignIn\n", b"s\nnothing\n" + b"0" * 36,
            b"p\n" + epoch.encode(), b"u\n", b"k\nshort", b"c\nabc", b"f\n"]


@pytest.mark.parametrize("kept", [3, 1])
def test_what_retention_took_before_it_got_here_is_told(kept, client, redis, prefix):
    """Stored while the node heard nothing, and trimmed before it could look."""
    alice = client("alice", join="0")
    alice.say("first")
    log, meta = f"{prefix}{{c:public}}:log", f"{prefix}{{c:public}}:meta"
    for seq in range(2, 8):
        redis.r.xadd(log, {"uuid": chat.new_uuid(), "sender": alice.user, "name": "alice", "at": 1, "text": f"m{seq}"},
                     id=f"{seq}-0")
    redis.r.hset(meta, "seq", 7)
    redis.r.xtrim(log, minid=f"{8 - kept}-0", approximate=False)
    alice.post("behind")
    told = [alice.recv() for _ in range(kept + 2)]
    assert told[0]["sys"] == {
        "type": "purge", "recipientUUID": "0", "epoch": redis.r.hget(meta, "epoch"), "upTo": 7 - kept}
    assert [frame["channelMessage"]["seq"] for frame in told[1:]] == list(range(8 - kept, 9))


def test_foreign_payloads_on_the_bus_are_dropped(client, nodes, own_redis, prefix):
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    epoch = alice.join()["epoch"]
    alice.join(bob.user)
    alice.say("one")
    bob.hear("one")
    for bus in (f"{prefix}{{c:public}}:bus", f"{prefix}{{u:{alice.user}}}:bus", f"{prefix}bus",
                f"{prefix}{{c:dm:{min(alice.user, bob.user)}:{max(alice.user, bob.user)}}}:bus"):
        for payload in payloads(epoch):
            own_redis.raw.execute_command("SPUBLISH", bus, payload)
    assert alice.say("two")["seq"] == 2
    assert bob.hear("two")["seq"] == 2
    assert [f for one in (alice, bob) for f in one.fence() if f["type"] != "sys"] == []


def test_a_message_on_the_bus_that_is_not_in_the_stream_yet_stops_nothing(client, nodes, own_redis, prefix):
    """Well formed, from the future: what is stored goes on arriving, in order."""
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    epoch = alice.join()["epoch"]
    own_redis.raw.execute_command("SPUBLISH", f"{prefix}{{c:public}}:bus",
                                  f"m\n{epoch}\n50\n0123456789abcdef\n{chat.new_uuid()}\n"
                                  f"{chat.new_uuid()}\n1\nname\nfrom the future".encode())
    own_redis.raw.execute_command("SPUBLISH", f"{prefix}{{c:public}}:bus",
                                  f"m\n{chat.new_uuid()}\n1\n0123456789abcdef\n{chat.new_uuid()}\n"
                                  f"{chat.new_uuid()}\n1\nname\nfrom another epoch".encode())
    for i in range(1, 11):
        assert alice.say(f"m{i}")["seq"] == i
        assert bob.hear(f"m{i}")["seq"] == i


@contextlib.contextmanager
def tiny_pubsub_buffer(server):
    server.r.config_set("client-output-buffer-limit", "pubsub 20kb 10kb 1")
    yield
    server.r.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")


def test_a_node_too_slow_for_pubsub_is_cut_off_and_repairs_itself(start_chatd, client, own_redis, prefix):
    """One node stands still while the other is busy: Redis drops its subscription; behind that it has
    missed nothing."""
    busy, slow = start_chatd(own_redis.uri), start_chatd(own_redis.uri)
    bob = client("bob", join="0", at=slow)
    with tiny_pubsub_buffer(own_redis):
        with Load([busy], own_redis, prefix, text=2000) as load:
            slow.pause()
            try:
                own_redis.r.config_set("tcp-keepalive", 0)
                load.wait(lambda: len(links(own_redis, "-bus")) == 1, "the end of the slow node's subscription")
            finally:
                slow.resume()
            load.wait_acked(100)
        load.check()
        stored = [uuid for _, uuid, _ in load.history.stored]
        assert [bob.expect("channelMessage")["UUID"] for _ in stored] == stored
