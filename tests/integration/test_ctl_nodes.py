"""What chatctl does reaches the living: bans, kicks, revoked keys and new names on every node within a second (R12),
and stay so; what chatctl shows of nodes."""

import threading
import time

import chat
import pytest
from stopwatch import Stopwatch

WITHIN = 1.0  # seconds


@pytest.fixture
def nodes(start_chatd):
    return [start_chatd() for _ in range(2)]


@pytest.fixture
def alices(client, nodes):
    """One user on two nodes, with two sessions on the second."""
    return [client("alice", join="0", at=nodes[0]), client("alice", join="0", at=nodes[1]),
            client("alice", at=nodes[1])]


def in_time(watch):
    took = watch.seconds()
    assert took < WITHIN, f"took {took:.3f} s"


def test_a_ban_closes_everywhere_and_is_kept(ctl, client, nodes, alices):
    bob = client("bob", join="0", at=nodes[0])
    watch = Stopwatch()
    done = ctl.json("user", "ban", "alice", "--reason", "x")
    for c in alices:
        c.expect_close(4005, WITHIN)
    in_time(watch)
    assert done["nodes"] == 2
    for node in nodes:
        c = client(at=node)
        c.ask("signIn", {"username": "alice", "password": "correct horse"})
        c.expect_error("banned")
        c.expect_close(4005)
        c = client(at=node)
        c.ask("users", None, **alices[0].pair())
        c.expect_error("bad_key")
    assert bob.say("peace")["seq"] == 1
    ctl("user", "unban", "alice")
    client("alice", at=nodes[1])


def test_a_kick_closes_everywhere_and_its_keys_are_refused(ctl, client, nodes, alices):
    watch = Stopwatch()
    assert ctl.json("user", "kick", "alice")["nodes"] == 2
    for c in alices:
        c.expect_close(4004, WITHIN)
    in_time(watch)
    c = client(at=nodes[0])
    c.ask("users", None, **alices[1].pair())
    c.expect_error("bad_key")
    c.sign_in("alice")


def test_a_kick_that_keeps_sessions_lets_programs_come_back(ctl, client, nodes, alices):
    ctl("user", "kick", "alice", "--keep-sessions")
    for c in alices:
        c.expect_close(4004, WITHIN)
    c = client(at=nodes[0])
    c.join(**alices[0].pair())
    assert ctl("user", "kick", "alice", "--format=table").startswith("name:  alice")


def test_a_revoked_session_is_signed_out_on_its_node_alone(ctl, client, nodes, alices):
    sessions = {s["session"]: s for s in ctl.json("session", "list", "alice")}
    before = set(sessions)
    fourth = client("alice", at=nodes[0])
    mine = ({s["session"] for s in ctl.json("session", "list", "alice")} - before).pop()
    also = client(at=nodes[1])
    also.join(**fourth.pair())
    watch = Stopwatch()
    ctl("session", "revoke", "alice", mine)
    for c in fourth, also:
        assert c.expect("unauthorized", WITHIN) == {"userUUID": fourth.user}
    in_time(watch)
    also.post("x")
    also.expect_error("not_authorized")
    assert alices[0].say("others stay")["message"] == "others stay"


def test_a_sign_in_under_way_does_not_slip_past_a_ban(ctl, client, nodes, redis, prefix):
    """Many sign-ins while bans come and go: behind a ban nobody is online."""
    client("alice", at=nodes[0])
    for _ in range(3):
        stop = threading.Event()

        def sign_in(node):
            for _ in range(60):
                if stop.is_set():
                    return
                try:
                    client(at=node).sign_in("alice")
                except (AssertionError, chat.Closed, OSError):
                    return  # banned

        threads = [threading.Thread(target=sign_in, args=(node,)) for node in nodes]
        for t in threads:
            t.start()
        time.sleep(0.1)
        user = ctl.json("user", "ban", "alice")["uuid"]
        time.sleep(0.3)
        stop.set()
        for t in threads:
            t.join()
        chat.wait_until(lambda: not redis.r.zscore(f"{prefix}{{presence}}:online", user), 2)
        ctl("user", "unban", "alice")


def test_a_new_name_reaches_both_nodes(ctl, client, nodes, alices):
    bob = client("bob", join="0", at=nodes[0])
    ctl("user", "rename", "alice", "Alicia")
    for c in alices[:2]:
        chat.wait_until(lambda: c.say("hello")["senderUsername"] == "Alicia", WITHIN)
    alices[0].drain()
    bob.drain()
    assert {"Alicia", "bob"} == {u["Username"] for u in bob.users()["users"]}
    assert {u["username"] for u in bob.join()["users"]} == {"Alicia", "bob"}


def test_a_deleted_user_is_out_on_both_nodes(ctl, client, nodes, alices, redis, prefix):
    watch = Stopwatch()
    ctl("user", "delete", "alice", "--yes")
    for c in alices:
        c.expect_close(4004, WITHIN)
    in_time(watch)
    c = client(at=nodes[1])
    c.ask("users", None, **alices[0].pair())
    c.expect_error("bad_key")
    fresh = client("alice", at=nodes[0])
    assert fresh.user != alices[0].user


def test_node_list(ctl, nodes, alices):
    chat.wait_until(lambda: sum(n["connections"] or 0 for n in ctl.json("node", "list")) == 3)
    rows = sorted(ctl.json("node", "list"), key=lambda row: row["connections"])
    assert [(r["alive"], r["users"], r["connections"]) for r in rows] == [(True, 1, 1), (True, 1, 2)]
    assert {r["pid"] for r in rows} == {n.pid for n in nodes}
    assert all(len(r["node"]) == 16 and r["listen"] for r in rows)
    assert len(ctl.tsv("node", "list")) == 2 and len(ctl.table("node", "list")) == 3
    nodes[0].stop()
    chat.wait_until(lambda: len(ctl.json("node", "list")) == 1)


def test_a_picked_port_is_the_one_that_is_shown(ctl, start_chatd):
    node = start_chatd(listen="127.0.0.1:0")
    assert [row["listen"] for row in ctl.json("node", "list")] == [node.address]


def test_a_killed_node_is_shown_as_dead(ctl, start_chatd, redis, prefix):
    node = start_chatd()
    chat.wait_until(lambda: ctl.json("node", "list") and ctl.json("node", "list")[0]["pid"])
    node.kill()
    name = redis.r.zrange(f"{prefix}{{presence}}:nodes", 0, -1)[0]
    redis.r.zadd(f"{prefix}{{presence}}:nodes", {name: 1000})
    redis.r.delete(f"{prefix}{{presence}}:info:{name}")
    row = ctl.all_formats("node", "list")[0]
    assert row["alive"] is False and row["pid"] is None and row["listen"] is None
    assert ctl.all_formats("node", "list")[0]["alive_until"] == "1970-01-01T00:00:01.000Z"


def test_stats(ctl, client, redis):
    assert ctl.json("stats")["users"] == 0
    alice, bob = client("alice", join="0"), client("bob")
    alice.join(bob.user)
    for i in range(3):
        alice.say(f"{i}")
    alice.say("psst", to=bob.user)
    stats = chat.wait_until(lambda: (s := ctl.json("stats"))["channels"] == 2 and s)
    version = redis.r.info("server")["redis_version"]
    assert stats.pop("memory_bytes") > 100000 and stats.pop("keys") > 5
    assert stats == {"users": 2, "online": 2, "channels": 2, "messages": 4, "nodes": 1, "redis_version": version}
    assert len(ctl.tsv("stats")[0]) == 8 and len(ctl.table("stats")) == 8
