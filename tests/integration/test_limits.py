"""Every cap of chatd: what is beyond it is refused, and nobody else notices."""

import contextlib
import os
import select
import socket
import subprocess
import threading
import time

import chat
import pytest
import test_http
from stopwatch import Stopwatch

TEXT_4K = "x" * 4096


def users(client, n, **options):
    return [client(f"user{i}", **options) for i in range(n)]


# Joins

def test_one_join_too_many(client, start_chatd):
    node = start_chatd(max_joins=2)
    alice = client("alice", join="0", at=node)
    bob, carol = users(client, 2, at=node)
    alice.join(bob.user)
    alice.ask("channelJoin", {"recipientUUID": carol.user}, requestID=1)
    error = alice.expect_error("limit")
    assert error["code"] == 16 and alice.last["requestID"] == 1
    alice.join("0")  # again is not more
    alice.leave(bob.user)
    alice.join(carol.user)
    client("alice", at=node).join(bob.user)  # counted by connection


# Connections

def test_max_connections(client, start_chatd):
    node = start_chatd(max_connections=3)
    crowd = [client(at=node) for _ in range(3)]
    with pytest.raises((chat.Refused, ConnectionError)):
        client(at=node)
    crowd[0].close()
    chat.wait_until(lambda: connects(client, node))
    crowd[1].sign_in("alice")


def connects(client, node):
    try:
        return client(at=node)
    except (chat.Refused, ConnectionError):
        return None


def test_max_per_address(client, start_chatd):
    node = start_chatd(max_per_address=2, limit_loopback=True)
    first, second = client(at=node), client(at=node)
    for _ in range(3):
        with pytest.raises((chat.Refused, ConnectionError)):
            client(at=node)
    first.drop()
    chat.wait_until(lambda: connects(client, node))
    second.sign_in("alice")


# Before the sign-in a connection may cost little

LARGE = chat.request("channelMessage", {"message": "é" * 4000})


def test_large_frames_are_for_those_who_are_signed_in(client):
    stranger = client()
    stranger.send_bytes(chat.ws_frame(chat.TEXT, LARGE))
    stranger.expect_close(1009)
    stranger = client()
    stranger.send_frame(chat.TEXT, "x" * 3000, fin=False)
    stranger.send_frame(0, "x" * 3000)
    stranger.expect_close(1009)
    stranger = client()
    stranger.send_bytes(chat.ws_frame(chat.TEXT, chat.request("x" * 4000)))
    stranger.expect_error("unknown_type")


def test_large_heads_that_do_not_end_are_few(client, start_chatd):
    """256 of over 4 KiB; the others' heads are as long as ever when they come whole."""
    node = start_chatd()
    half = chat.handshake(node.address, Cookie="x" * 5000)[:-2]
    crowd = [socket.create_connection((node.host, node.port)) for _ in range(270)]
    for s in crowd:
        s.sendall(half)
    refused = select.select(crowd, [], [], chat.PATIENCE)[0]
    assert refused and refused[0].recv(100).startswith(b"HTTP/1.1 431 ")
    client("alice", at=node, headers={"Cookie": "x" * 5000}).users()
    chat.wait_until(lambda: len(select.select(crowd, [], [], 0)[0]) == 14)
    for s in crowd:
        s.close()


def test_a_large_frame_behind_a_sign_in_waits_for_its_answer(client):
    alice = client("alice", join="0")
    again, wrong = client(), client()
    sign_in = chat.request("signIn", {"username": "alice", "password": "correct horse"})
    join = chat.request("channelJoin", {"recipientUUID": "0"})
    again.send_bytes(b"".join(chat.ws_frame(chat.TEXT, text) for text in (sign_in, join, LARGE, LARGE)))
    assert again.expect("authorized")["username"] == "alice"
    again.expect("channelJoin")
    for _ in range(2):
        again.hear("é" * 4000)
    wrong.send_bytes(b"".join(chat.ws_frame(chat.TEXT, text) for text in
                              (sign_in.replace("correct", "wrong"), LARGE)))
    wrong.expect_error("bad_credentials")
    wrong.expect_close(1009)
    alice.hear("é" * 4000)


def refused_with(node):
    """Status and Retry-After of the answer to a handshake."""
    with socket.create_connection((node.host, node.port)) as s:
        s.settimeout(10)
        s.sendall(chat.handshake(node.address))
        text = b"".join(iter(lambda: s.recv(4096), b"")).decode()
    headers = dict(line.split(": ", 1) for line in text.partition("\r\n\r\n")[0].split("\r\n")[1:])
    return int(text.split()[1]), int(headers["Retry-After"])


def test_those_who_find_no_room_are_told(client, start_chatd):
    full = start_chatd(max_connections=1)
    client(at=full)
    assert refused_with(full) == (503, 5)
    crowded = start_chatd(max_per_address=1, limit_loopback=True)
    client(at=crowded)
    assert refused_with(crowded) == (429, 30)


def test_strangers_leave_descriptors_for_the_link_to_redis(client, start_chatd, redis):
    """Half of 200. Those who don't find room are told, and the page of an operator's monitor is there."""
    node = start_chatd(under=["prlimit", "--nofile=200"], http="127.0.0.1:0")
    crowd = [socket.create_connection((node.host, node.port)) for _ in range(400)]
    for s in crowd:
        s.sendall(chat.handshake(node.address))
    heads = []
    for s in crowd:
        s.settimeout(10)
        with contextlib.suppress(ConnectionResetError):  # those for whom no answer was left
            heads.append(s.recv(4096)[:13])
    assert heads.count(b"HTTP/1.1 101 ") == 100 and b"HTTP/1.1 503 " in heads
    redis.restart()
    chat.wait_until(lambda: node.log().count("event=redis_up") >= 2, what="the link to Redis")
    chat.wait_until(lambda: refused_with(node) == (503, 5), what="an answer")
    assert test_http.get(node, "/healthz") == (200, "alive\n")
    assert test_http.metrics(node)['chatd_refused_connections_total{limit="total"}'] >= 300
    for s in crowd:
        s.close()
    chat.wait_until(lambda: connects(client, node)).sign_in("alice")
    assert node.log().count("event=few_files") == 1 and node.log().count("event=accept_failed") <= 1


def test_the_loopback_is_not_counted_by_default(client, start_chatd):
    node = start_chatd(max_per_address=2)
    assert len([client(at=node) for _ in range(10)]) == 10


def test_half_a_handshake_counts_and_is_given_back(client, start_chatd):
    node = start_chatd(max_connections=2)
    half = [socket.create_connection((node.host, node.port)) for _ in range(2)]
    for s in half:
        s.sendall(b"GET /ws HTTP/1.1\r\n")
    chat.wait_until(lambda: not (c := connects(client, node)) or c.sock.close())
    for s in half:
        s.close()
    chat.wait_until(lambda: connects(client, node)).sign_in("alice")


# Time

def test_sign_in_timeout(client, start_chatd):
    node = start_chatd(sign_in_timeout="1s")
    alice = client("alice", at=node)
    idle = client(at=node)
    talking = client(at=node)
    talking.ask("users")
    talking.expect_error("not_authorized")
    for c in idle, talking:
        assert c.expect_close(4001) == []
    alice.users()
    alice.sign_out()
    alice.expect_close(4001)


def test_handshake_timeout(start_chatd, client):
    node = start_chatd(handshake_timeout="1s")
    with socket.create_connection((node.host, node.port)) as silent, \
            socket.create_connection((node.host, node.port)) as half:
        half.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
        for s in silent, half:
            s.settimeout(8)
            assert s.recv(1) == b""
    client("alice", at=node)


def test_a_silent_connection_is_pinged_and_kept(client, start_chatd):
    node = start_chatd(ping_interval="1s")
    alice = client("alice", at=node)
    with pytest.raises(chat.Silence):
        alice.recv(3.5)
    assert alice.pings >= 2
    alice.users()


def test_a_dead_connection_is_dropped(client, start_chatd):
    node = start_chatd(ping_interval="1s")
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    bob.answer_pings = False
    watch = Stopwatch()
    assert alice.expect_event("signOut")["username"] == "bob"  # alice answers her pings meanwhile
    assert watch.wall() > 1.5 and watch.seconds() < 6
    bob.expect_close()


def test_who_talks_is_not_pinged(client, start_chatd):
    node = start_chatd(ping_interval="2s")
    alice = client("alice", at=node)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        alice.users()
        time.sleep(0.05)
    assert alice.pings == 0


# Rate

def test_rate_limited_then_fine_again(client, start_chatd):
    node = start_chatd(limit_loopback=True, max_rate=20)
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.burst(*[chat.request("channelMessage", {"message": f"m{i}"}, requestID=i) for i in range(50)])
    frames = []
    while len(frames) < 50:
        frames += [f for f in [alice.recv()] if f["type"] != "sys"]
    assert [f["requestID"] for f in frames] == list(range(50)), "each is answered, in order"
    refused = [f for f in frames if f["type"] == "error"]
    assert 25 <= len(refused) <= 35
    assert all(f["error"]["name"] == "rate_limited" and 0 < f["error"]["retryAfterMs"] <= 50 for f in refused)
    time.sleep(refused[-1]["error"]["retryAfterMs"] / 1000)  # what it was told
    alice.say("slower")
    bob.say("not my fault")


def test_flood_closes_the_connection(client, start_chatd):
    node = start_chatd(limit_loopback=True, max_rate=1, max_rate_address=0)
    bob, mallory = client("bob", at=node), client(at=node)
    mallory.burst(*[chat.request("users")] * 1200)
    assert mallory.expect("error")["name"] == "not_authorized"
    for _ in range(999):
        mallory.expect_error("rate_limited")
    assert mallory.expect_error("flood")["code"] == 25
    mallory.expect_close(4006)
    chat.wait_until(lambda: bob.ask("users") or bob.recv()["type"] == "users", what="bob's second")


def test_no_rate_limit(client, start_chatd):
    node = start_chatd(**rates())
    c = client(at=node)
    c.burst(*[chat.request("users")] * 3000)
    for _ in range(3000):
        c.expect_error("not_authorized")


def rates(**settings):
    return {"limit_loopback": True, "max_rate": 0, "max_rate_user": 0, "max_rate_address": 0, **settings}


def refusals(*clients, n=60):
    """How many of n requests, a client at a time in turn, are refused for their rate."""
    for c in clients:
        c.burst(*[chat.request("fence")] * (n // len(clients)))
    return sum(c.expect("error")["name"] == "rate_limited" for c in clients for _ in range(n // len(clients)))


def test_a_user_with_many_connections_is_one_user(client, start_chatd):
    node = start_chatd(**rates(max_rate_user=20))
    alice = [client("alice", at=node) for _ in range(3)]
    assert refusals(*alice) >= 30
    assert refusals(client("bob", at=node), n=15) == 0, "another user is not meant"
    assert refusals(client(at=node), n=60) == 0, "nor is who isn't signed in"


def test_many_users_from_one_address_are_one_address(client, start_chatd):
    node = start_chatd(**rates(max_rate_address=20))
    crowd = [client(at=node) for _ in range(6)]
    assert refusals(*crowd) >= 30


def test_rates_do_not_hold_on_the_loopback_by_default(client, start_chatd):
    node = start_chatd(max_rate=1, max_rate_user=1, max_rate_address=1)
    assert refusals(client("alice", at=node)) == 0


def test_a_flooded_server_serves_the_others(client, start_chatd):
    """Four connections that send as much as the socket takes, and come back when they are closed."""
    node = start_chatd(**rates(max_rate=100), max_per_address=100)
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    stop, closed = threading.Event(), []

    def flood():
        frames = b"".join(chat.ws_frame(chat.TEXT, chat.request("users")) for _ in range(200))
        while not stop.is_set():
            try:
                with chat.Client(node).sock as s:
                    s.settimeout(0.1)
                    while not stop.is_set():
                        s.sendall(frames)
                        s.recv(1 << 16)
            except OSError:
                closed.append(1)
    crowd = [threading.Thread(target=flood) for _ in range(4)]
    for thread in crowd:
        thread.start()
    try:
        times = []
        for i in range(150):
            watch = Stopwatch(of=[node.pid])
            alice.say(f"m{i}")
            bob.hear(f"m{i}")
            times.append(watch.seconds())
            time.sleep(0.011)
    finally:
        stop.set()
        for thread in crowd:
            thread.join()
    print(f"p50 {sorted(times)[75] * 1000:.1f} ms, p99 {sorted(times)[148] * 1000:.1f} ms; closed {len(closed)} times")
    assert closed, "the flood was noticed"
    assert sorted(times)[148] < 1, "p99, with sanitizers and four threads of a test on two cores"


def test_the_bench_of_floods_runs():
    """tests/bench/flood, which says in figures what is held here: every kind, for a moment."""
    done = subprocess.run([chat.ROOT / "tests/bench/flood", "--chatd", os.environ["CHATD_BIN"], "--seconds", "0.3",
                           "messages", "half"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["none", "messages", "half"]


# Slow readers

def test_a_slow_reader_holds_little_and_is_seen(client, start_chatd):
    """The kernel would take 4 MB for it before the cap of 256 KiB acted."""
    node = start_chatd(log_level="info", http="127.0.0.1:0")
    alice, slow = client("alice", join="0", at=node), client("slow", at=node, rcvbuf=4096)
    slow.join("0")
    posted, seen = 0, {}
    while "slow_consumer" not in node.log() and posted < 1000:
        alice.say(f"{posted:04}" + TEXT_4K[4:])
        posted += 1
        if not seen.get("chatd_slow_readers"):
            seen = test_http.metrics(node)
    assert "slow_consumer" in node.log() and posted < 200, f"{posted * 4} KiB were held"
    assert seen["chatd_slow_readers"] == 1 and seen["chatd_outbound_queue_bytes"] > 64 * 1024


def test_slow_reader_is_cut_off_and_others_are_not(client, start_chatd):
    """R11: it costs only itself, and may resume."""
    node = start_chatd(log_level="info")
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    slow = client("slow", at=node, rcvbuf=4096)
    joined = slow.join("0")
    for i in range(1500):
        if "slow_consumer" in node.log():
            break
        alice.say(f"{i:04}" + TEXT_4K[4:])
        bob.expect("channelMessage")
    assert "slow_consumer" in node.log()
    frames = slow.expect_close(4000)
    got = [f["channelMessage"]["seq"] for f in frames if f["type"] == "channelMessage"]
    assert got == list(range(1, len(got) + 1)), "what it got had no hole"
    alice.say("still here")
    bob.hear("still here")
    again = client("slow", at=node)
    resumed = again.join("0", since={"epoch": joined["epoch"], "seq": got[-1]})
    assert resumed["seq"] == alice.last["channelMessage"]["seq"]


def test_max_outbound_bounds_what_waits(client, start_chatd):
    """Ten readers that read nothing: the memory that chatd takes stays small."""
    node = start_chatd(max_outbound="256k")
    alice = client("alice", join="0", at=node)
    slow = [client(f"slow{i}", at=node, rcvbuf=4096) for i in range(10)]
    for c in slow:
        c.join("0")
    for i in range(1500):
        if node.log().count("slow_consumer") == len(slow):
            break
        alice.say(TEXT_4K)
    assert node.log().count("slow_consumer") == len(slow)
    alice.say("still here")


# Requests

@pytest.mark.parametrize("max_requests", [1, 5])
def test_back_pressure_loses_nothing(client, start_chatd, max_requests):
    """Far more requests than may wait, while the first takes its time: the connection isn't read from."""
    node = start_chatd(max_requests=max_requests, argon2_memory="64M", argon2_passes=2)
    alice = client(at=node)
    n = 3000
    alice.burst(chat.request("signIn", {"username": "alice", "password": "x"}),
                *[chat.request("users", {"limit": 1}, requestID=i) for i in range(n)])
    alice.expect("authorized")
    for i in range(n):
        alice.expect("users")
        assert alice.last["requestID"] == i


# Rates hold over connections

def stored(redis, prefix):
    return redis.r.xlen(f"{prefix}{{c:public}}:log")


def test_a_user_who_comes_again_and_again_gets_no_more(client, start_chatd, redis, prefix):
    """Key pair and messages in one write, and away: what is carried out in a user's name is charged."""
    node = start_chatd(limit_loopback=True, max_rate_user=20, max_rate_address=0, max_connects_address=0)
    pair = client("alice", at=node).pair()
    watch = Stopwatch()
    for turn in range(20):
        c = client(at=node)
        c.burst(chat.request("channelJoin", {"recipientUUID": "0"}, **pair),
                *[chat.request("channelMessage", {"recipientUUID": "0", "message": f"{turn} {i}"}) for i in range(50)])
        for _ in range(51):
            c.expect_any("channelJoin", "channelMessage", "error")
        c.close()
    assert 0 < stored(redis, prefix) <= 20 * (watch.seconds() + 2)


def test_an_address_that_comes_again_and_again_gets_no_more(client, start_chatd):
    node = start_chatd(limit_loopback=True, max_rate_address=20, max_connects_address=0)
    watch, taken = Stopwatch(), 0
    for _ in range(20):
        c = client(at=node)
        c.burst(*[chat.request("users") for _ in range(20)])
        taken += sum(c.expect("error")["name"] != "rate_limited" for _ in range(20))
        c.close()
    assert 0 < taken <= 20 * (watch.seconds() + 2)


def test_connections_of_an_address_have_a_rate(client, start_chatd):
    node = start_chatd(limit_loopback=True, max_connects_address=5)
    watch, came = Stopwatch(), 0
    for _ in range(40):
        c = connects(client, node)
        came += c is not None
        if c:
            c.close()
    assert 5 <= came <= 5 * (watch.seconds() + 2)
