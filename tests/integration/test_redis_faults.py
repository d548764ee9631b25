"""What chatd makes of a Redis that restarts, dies, hangs, fills up, forgets or lies (R1, R5, R8 and
"What is in Redis" of the contract). Under load the history is checked: nothing acknowledged is lost,
nothing comes twice, out of order or not at all."""

import contextlib
import fcntl
import pathlib
import shutil
import termios
import threading
import time

import chat
import pytest
from load import Load
from stopwatch import Stopwatch

WITHIN = 3.0     # seconds until a request is answered, whatever Redis does
RETURN = 5.0     # seconds until service is back behind Redis


@pytest.fixture
def nodes(start_chatd, own_redis, prefix):
    """They may look, and see that it syncs every write: so they know that it lost nothing when it comes back."""
    own_redis.r.execute_command("ACL", "SETUSER", own_redis.user_for("chatd", prefix), "+config|get")
    own_redis.r.execute_command("ACL", "SAVE")
    return [start_chatd(own_redis.uri) for _ in range(2)]


@pytest.fixture
def node(start_chatd, own_redis):
    return start_chatd(own_redis.uri)


def links(server, which):
    """Ids of chatd's connections: "bus", "store" or "" for all."""
    return [c["id"] for c in server.r.client_list() if c["name"].startswith("chatd-") and c["name"].endswith(which)]


def cut(server, which):
    for one in links(server, which):
        server.r.client_kill_filter(_id=one)


def answered(client, type, body=None):
    """The answer to a request and the seconds it took."""
    watch = Stopwatch()
    client.ask(type, body, requestID="timed")
    while True:
        frame = client.recv()
        if frame.get("requestID") == "timed":
            return frame, watch.seconds()


def is_unavailable(frame):
    return frame["type"] == "error" and frame["error"]["name"] == "unavailable"


def back(client):
    """Service is back: seconds until a message is acknowledged, tried again as a client would."""
    watch = Stopwatch()
    uuid = chat.new_uuid()
    while True:
        client.ask("channelMessage", {"message": "back", "UUID": uuid}, requestID=uuid)
        while True:
            frame = client.recv()
            if frame.get("requestID") == uuid:
                break
        if not is_unavailable(frame):
            assert frame["type"] == "channelMessage", frame
            return watch.seconds()
        time.sleep(0.02)


def join_when_back(client, recipient="0"):
    """Both links are back, which takes each its own time."""
    joined = {}

    def try_it():
        frame, _ = answered(client, "channelJoin", {"recipientUUID": recipient})
        joined.update(frame)
        return not is_unavailable(frame)

    chat.wait_until(try_it, RETURN, "service behind Redis' return")
    return joined["channelJoin"]


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


# A Redis that hangs

@pytest.mark.parametrize("request_", [
    ("channelMessage", {"message": "x"}), ("users", None), ("channelMessages", {}), ("channelJoin", {}),
    ("channelJoin", {"since": {"epoch": chat.NOBODY, "seq": 1}}),
    ("signUp", {"username": "late", "password": "x"})], ids=lambda r: f"{r[0]}-{'-'.join(r[1] or ())}")
def test_a_request_to_a_hung_redis_is_unavailable_in_time_and_the_connection_stays(request_, client, node, own_redis):
    kind, body = request_
    alice = client("alice", join="0", at=node) if kind != "signUp" else client(at=node)
    own_redis.pause()
    for _ in range(3):  # the first finds out; the others while it is known, and while chatd tries again
        frame, seconds = answered(alice, kind, body)
        assert is_unavailable(frame), frame
        assert seconds < WITHIN
    own_redis.resume()
    if kind == "signUp":
        watch = Stopwatch()
        chat.wait_until(lambda: answered(alice, kind, body)[0]["type"] == "authorized", RETURN)
        assert watch.seconds() < RETURN
        join_when_back(alice)
    assert back(alice) < RETURN


def test_a_hung_redis_lets_nobody_in(client, node, own_redis):
    """Nothing fails open: neither a right key nor a wrong one."""
    alice = client("alice", at=node)
    fresh, thief = client(at=node), client(at=node)
    own_redis.pause()
    fresh.ask("users", **alice.pair())
    thief.ask("users", userUUID=alice.user, userAccessKey="A" * 43)
    for one in fresh, thief:
        one.expect_error("unavailable", WITHIN)
    own_redis.resume()
    chat.wait_until(lambda: not is_unavailable(answered(alice, "users")[0]), RETURN)
    for one in fresh, thief:
        one.ask("users")
        one.expect_error("not_authorized")
    fresh.ask("users", **alice.pair())
    fresh.expect("users")
    thief.ask("users", userUUID=alice.user, userAccessKey="A" * 43)
    thief.expect_error("bad_key")


def test_joining_a_new_channel_on_a_hung_redis_is_unavailable_in_time(client, node, own_redis):
    """Its bus was not listened to before, so the answer hangs on the other link."""
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.join(bob.user)
    alice.leave(bob.user)
    assert own_redis.r.ping()
    own_redis.pause()
    frame, seconds = answered(bob, "channelJoin", {"recipientUUID": bob.user})
    assert is_unavailable(frame) and seconds < WITHIN
    frame, seconds = answered(alice, "channelJoin", {"recipientUUID": bob.user})
    assert is_unavailable(frame) and seconds < WITHIN
    own_redis.resume()
    assert back(alice) < RETURN


def test_a_burst_to_a_hung_redis_is_answered_in_order(client, node, own_redis):
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    watch = Stopwatch()
    alice.burst(*[chat.request(kind, body, requestID=i) for i, (kind, body) in enumerate([
        ("channelMessage", {"message": "a"}), ("users", None), ("channelMessage", {"message": "b"}),
        ("channelMessages", {}), ("nonsense", None), ("channelJoin", {}), ("channelMessage", {"message": "c"})])])
    frames = [alice.recv() for _ in range(7)]
    assert watch.seconds() < WITHIN
    assert [f["requestID"] for f in frames] == list(range(7))
    assert [f["error"]["name"] for f in frames] == ["unavailable"] * 4 + ["unknown_type"] + ["unavailable"] * 2
    own_redis.resume()
    assert back(alice) < RETURN


def test_connections_that_go_while_redis_hangs_harm_nobody(client, node, own_redis):
    """Their requests wait for answers that come when the socket, or Redis' link, is long gone."""
    bob = client("bob", join="0", at=node)
    requests = [("channelJoin", {"recipientUUID": bob.user}), ("channelMessage", {"message": "x"}), ("users", None),
                ("channelMessages", {}), ("channelLeave", {"recipientUUID": bob.user}), ("signOut", None)]
    for i in range(2 * len(requests)):
        alice = client("alice", join="0", at=node)
        turned = requests[i % len(requests):] + requests[:i % len(requests)]
        own_redis.pause()
        alice.burst(*[chat.request(kind, body) for kind, body in turned])
        carol = client(at=node)
        carol.ask("signIn", {"username": "carol", "password": "x"})
        chat.wait_until(lambda: node_has_read(alice) and node_has_read(carol))
        if i == len(requests):
            alice.expect_error("unavailable")  # once the link is found dead, too
        alice.drop()
        carol.drop()
        own_redis.resume()
        join_when_back(bob)
    names = {u["Username"]: u["OnLine"] for u in bob.users()["users"]}
    assert names["bob"]
    chat.wait_until(lambda: [u["Username"] for u in bob_users(bob) if u["OnLine"]] == ["bob"])


def bob_users(bob):
    frame, _ = answered(bob, "users")
    return frame["users"]["users"]


def node_has_read(client):
    """Nothing of what the client sent waits in the sockets any more."""
    unsent = bytearray(4)
    fcntl.ioctl(client.sock, termios.TIOCOUTQ, unsent)
    return int.from_bytes(unsent, "little") == 0


def test_sigterm_ends_chatd_in_time_while_redis_hangs(client, node, own_redis):
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    alice.post("x", requestID=1)
    watch = Stopwatch()
    node.terminate()
    frames = alice.expect_close(1001)
    assert node.wait() == 0
    assert watch.seconds() < 5
    assert [f["error"]["name"] for f in frames if f["type"] == "error"] == ["unavailable"]
    own_redis.resume()


def test_messages_on_their_way_to_a_hung_redis_are_stored_once_when_they_are_sent_again(client, start_chatd, own_redis):
    """Told as unavailable they may be stored or not; sent again with their UUIDs they are stored once and
    given to everybody once."""
    a, b = start_chatd(own_redis.uri), start_chatd(own_redis.uri)
    alice, bob = client("alice", join="0", at=a), client("bob", join="0", at=b)
    bob.say("before")
    alice.hear("before")
    own_redis.pause()
    uuids = [chat.new_uuid() for _ in range(5)]
    for i, uuid in enumerate(uuids):
        alice.post(f"m{i}", uuid=uuid, requestID=uuid)
    for _ in uuids:
        alice.expect_error("unavailable", WITHIN)
    own_redis.resume()
    watch = Stopwatch()
    answers = []
    for uuid in uuids:
        frame = None
        while frame is None or is_unavailable(frame):
            frame, _ = answered(alice, "channelMessage", {"message": "again", "UUID": uuid})
        answers.append(frame["channelMessage"])
    assert watch.seconds() < RETURN
    assert [m["UUID"] for m in answers] == uuids
    heard = [bob.expect("channelMessage") for _ in uuids]
    assert [m["seq"] for m in heard] == [2, 3, 4, 5, 6]
    assert sorted(heard, key=str) == sorted(answers, key=str)
    assert bob.fence() == []


def test_presence_outlasts_a_redis_that_was_away(client, start_chatd, own_redis, prefix):
    """Nodes are not taken for dead when it was Redis that was silent: nobody is told to have left."""
    nodes = [start_chatd(own_redis.uri) for _ in range(2)]
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    alice.fence(), bob.fence()
    names = f"{prefix}{{presence}}:nodes"
    own_redis.r.zadd(names, {node: 1 for node in own_redis.r.zrange(names, 0, -1)})
    own_redis.pause()  # as if it had been for a minute
    for one in alice, bob:
        assert is_unavailable(answered(one, "users")[0])
    own_redis.resume()
    assert back(alice) < RETURN and back(bob) < RETURN
    alice.hear("back")
    chat.wait_until(lambda: own_redis.r.zcard(names) == 2)
    online = {u["Username"]: u["OnLine"] for u in alice.users()["users"]}
    assert online == {"alice": True, "bob": True}
    for one in alice, bob:
        assert [f for f in one.fence() if f.get("sys", {}).get("type") == "signOut"] == []


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


# A Redis that forgot

def test_flushall_begins_a_new_epoch_and_the_chat_goes_on(client, start_chatd, own_redis):
    a, b = start_chatd(own_redis.uri), start_chatd(own_redis.uri)
    alice, bob = client("alice", join="0", at=a), client("bob", join="0", at=b)
    old = alice.join()
    for i in range(3):
        alice.say(f"before {i}")
        bob.hear(f"before {i}")
    own_redis.r.flushall()
    alice.post("after", requestID=1)
    epochs = []
    for one in alice, bob:
        event = one.expect_event("epoch")
        assert event["epoch"] != old["epoch"] and event["seq"] == 3 and event["recipientUUID"] == "0"
        assert event["follows"] is False
        epochs.append(event["epoch"])
        assert one.hear("after")["seq"] == 4
    assert epochs[0] == epochs[1]
    assert bob.say("and on")["seq"] == 5
    assert alice.hear("and on")["seq"] == 5
    joined = alice.join(since={"epoch": old["epoch"], "seq": 2})
    assert joined["recovered"] is False and joined["epoch"] == epochs[0] and joined["seq"] == 5
    assert [m["message"] for m in joined["messages"]] == ["and on", "after"]


def test_flushall_under_load_begins_one_new_epoch_for_all(nodes, own_redis, prefix):
    with Load(nodes, own_redis, prefix) as load:
        load.wait_acked(150)
        own_redis.r.flushall()
        load.forgive(0, time.monotonic() + 1)  # answers may still be on their way
        load.wait(lambda: load.epochs == len(load.members), "a new epoch for everybody")
        load.wait_acked(150)
    load.check()
    assert not load.errors and not load.closes
    assert len({r.epoch for r in load.history.receptions}) == 2


def test_users_are_online_again_after_flushall(client, node, own_redis, prefix):
    alice = client("alice", join="0", at=node)
    own_redis.r.flushall()
    chat.wait_until(lambda: own_redis.r.zscore(f"{prefix}{{presence}}:online", alice.user) == 1)


def test_a_redis_that_lost_its_newest_data_never_uses_a_number_twice(client, nodes, own_redis):
    """As power loss or a failover does: the same epoch, but a counter behind what was delivered. Without a
    new epoch the next messages would look like repeats, and be dropped."""
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    epoch = bob.join()["epoch"]
    for i in range(1, 9):
        alice.say(f"m{i}")
        bob.hear(f"m{i}")
        if i == 5:
            chat.wait_until(lambda: own_redis.r.info("persistence")["aof_pending_bio_fsync"] == 0)
            here, aside = (pathlib.Path(own_redis.dir, name) for name in ("appendonlydir", "aside"))
            shutil.copytree(here, aside)
    own_redis.kill()
    shutil.rmtree(here)
    aside.rename(here)
    own_redis.start()
    assert back(alice) < RETURN
    event = bob.expect_event("epoch")
    assert event["epoch"] != epoch and event["seq"] == 8 and event["follows"] is False
    assert bob.hear("back")["seq"] == 9
    assert bob.say("on")["seq"] == 10
    assert alice.hear("on")["seq"] == 10
    carol = client("carol", at=nodes[0])
    join_when_back(carol)
    for seq in 5, 8, 9:
        assert carol.join(since={"epoch": epoch, "seq": seq})["recovered"] is False, "6 to 8 are gone"
    assert [m["seq"] for m in carol.join()["messages"]] == [10, 9, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("spoil", [
    lambda r, meta: r.hdel(meta, "seq"),
    lambda r, meta: r.hset(meta, "seq", "abc"),
    lambda r, meta: r.hset(meta, "seq", ""),
    lambda r, meta: r.hset(meta, "seq", "-1"),
    lambda r, meta: r.hset(meta, "seq", "1"),
    lambda r, meta: r.hset(meta, "seq", "9" * 18),
    lambda r, meta: r.hset(meta, "seq", "9" * 30),
    lambda r, meta: r.hdel(meta, "epoch"),
    lambda r, meta: r.hdel(meta, "base"),
    lambda r, meta: r.delete(meta),
], ids=["no-seq", "seq-abc", "seq-empty", "seq-negative", "seq-behind", "seq-large", "seq-huge", "no-epoch",
        "no-base", "no-meta"])
def test_a_spoilt_counter_never_uses_a_number_twice(spoil, client, nodes, own_redis, prefix):
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    epoch = bob.join()["epoch"]
    for i in range(3):
        alice.say(f"m{i}")
        bob.hear(f"m{i}")
    spoil(own_redis.r, f"{prefix}{{c:public}}:meta")
    alice.post("after", requestID=1)
    for one in alice, bob:
        event = one.expect_event("epoch")
        assert event["epoch"] != epoch and event["seq"] == 3
        assert one.hear("after")["seq"] == 4
    assert bob.say("on")["seq"] == 5
    assert alice.hear("on")["seq"] == 5
    carol = client("carol", at=nodes[0])
    joined = carol.join()
    assert [m["seq"] for m in joined["messages"]] == [5, 4, 3, 2, 1] and joined["epoch"] == event["epoch"]
    assert carol.join(since={"epoch": epoch, "seq": 4})["recovered"] is False
    assert [m["seq"] for m in carol.join(since={"epoch": event["epoch"], "seq": 3})["messages"]] == [4, 5]


@pytest.mark.parametrize("part", ["log", "meta", "members"])
def test_a_key_of_the_wrong_type_is_an_internal_error_and_nothing_is_half_written(part, client, node, own_redis,
                                                                                  prefix):
    alice = client("alice", join="0", at=node)
    alice.say("one")
    names = [f"{prefix}{{c:public}}:{one}" for one in ("log", "meta", "members")]
    spoilt = f"{prefix}{{c:public}}:{part}"
    own_redis.r.rename(spoilt, "aside")
    own_redis.r.set(spoilt, "foreign")
    before = {name: own_redis.raw.dump(name) for name in names}
    uuid = chat.new_uuid()
    fresh = client("bob", at=node)
    fresh.ask("channelJoin", {"recipientUUID": "0"})
    fresh.expect_error("internal")
    if part != "members":
        alice.post("two", uuid=uuid)
        alice.expect_error("internal")
        assert own_redis.r.exists(f"{prefix}{{c:public}}:sent:{uuid}") == 0
    assert {name: own_redis.raw.dump(name) for name in names} == before
    own_redis.r.delete(spoilt)
    own_redis.r.rename("aside", spoilt)
    assert alice.say("two", uuid=uuid)["seq"] == 2
    fresh.join()


@pytest.mark.parametrize("way", ["internal", "unavailable"])
def test_a_join_that_failed_leaves_nothing_behind(way, client, node, own_redis, prefix):
    """The connection is as before: not joined, given nothing, and told of private messages."""
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.join(bob.user)
    members = f"{prefix}{{c:dm:{min(alice.user, bob.user)}:{max(alice.user, bob.user)}}}:members"
    if way == "internal":
        own_redis.r.delete(members)
        own_redis.r.set(members, "foreign")
        bob.ask("channelJoin", {"recipientUUID": alice.user})
        bob.expect_error("internal")
        own_redis.r.delete(members)
    else:
        own_redis.pause()
        bob.ask("channelJoin", {"recipientUUID": alice.user})
        bob.expect_error("unavailable")
        own_redis.resume()
        assert back(bob) < RETURN
    alice.fence()
    told = []
    for start in range(0, 1100, 50):  # more than anybody would hold for a join
        alice.burst(*[chat.request("channelMessage", {"recipientUUID": bob.user, "message": f"{i}"})
                      for i in range(start, start + 50)])
        for i in range(start, start + 50):
            alice.hear(f"{i}")
        told += bob.fence()
    assert told and {f["type"] for f in told} == {"sys"}
    assert "unread" in {f["sys"]["type"] for f in told}
    bob.post("x", to=alice.user)
    bob.expect_error("not_joined")
    bob.ask("channelLeave", {"recipientUUID": alice.user})
    bob.expect_error("not_joined")
    assert join_when_back(bob, alice.user)["seq"] == 1100


def test_a_log_that_ends_near_the_largest_number_is_an_internal_error(client, node, own_redis, prefix):
    alice = client("alice", join="0", at=node)
    alice.say("one")
    own_redis.r.xadd(f"{prefix}{{c:public}}:log", {"x": "y"}, id=f"{2**63}-0")
    alice.post("two")
    alice.expect_error("internal")
    assert own_redis.r.xlen(f"{prefix}{{c:public}}:log") == 2


@pytest.mark.parametrize("fields", [
    {"x": "y"}, {"uuid": "no uuid", "sender": chat.NOBODY, "name": "n", "at": "1", "text": "t"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "soon", "text": "t"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "1"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "1", "text": b"\xff\xfe"},
    {"uuid": chat.NOBODY, "sender": chat.NOBODY, "name": "n", "at": "1", "text": "t" * 20000},
], ids=["foreign", "bad-uuid", "bad-time", "no-text", "bad-utf8", "too-long"])
def test_a_malformed_entry_is_skipped(fields, client, nodes, own_redis, prefix):
    """Somebody else wrote into the stream, and moved the counter along: the entry is nobody's message, and the
    messages around it arrive."""
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    start = bob.join()
    alice.say("one")
    bob.hear("one")
    own_redis.raw.xadd(f"{prefix}{{c:public}}:log", fields, id="2-0")
    own_redis.r.hset(f"{prefix}{{c:public}}:meta", "seq", 2)
    assert alice.say("three")["seq"] == 3
    assert bob.hear("three")["seq"] == 3
    assert [m["seq"] for m in bob.history()["messages"]] == [3, 1]
    joined = client("carol", at=nodes[1]).join()
    assert [m["seq"] for m in joined["messages"]] == [3, 1] and joined["seq"] == 3
    again = bob.join(since={"epoch": start["epoch"], "seq": 0})
    assert [m["seq"] for m in again["messages"]] in ([1, 3], [3, 1]), "with or without recovery, never more"


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
