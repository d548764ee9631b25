"""SIGTERM: no new connections, what is in flight is answered, goAway, close 1001, exit 0 within 5 s (R10)."""

import signal

import chat
import pytest
from stopwatch import Stopwatch


def test_everybody_is_told_and_closed_with_1001(client, start_chatd):
    node = start_chatd()
    crowd = [client(at=node), client("alice", at=node), *[client(f"user{i}", join="0", at=node) for i in range(8)]]
    watch = Stopwatch()
    node.terminate()
    waits = []
    for c in crowd:
        waits.append(c.expect_event("goAway")["retryAfterMs"])
        c.expect_close(1001)
        assert c.close_reason == "the server is shutting down"
    assert node.wait() == 0 and watch.seconds() < 5
    assert len(set(waits)) > 1, "not all at the same time"
    assert all(0 < ms <= 10_000 for ms in waits)


def test_new_connections_are_refused_while_it_drains(client, start_chatd, own_redis):
    """It waits for a Redis that hangs."""
    node = start_chatd(own_redis.uri, drain_timeout="60s")
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    alice.post("kept in flight")
    chat.wait_until(lambda: unread_bytes(node) == 0, what="chatd having read it")
    node.terminate()
    alice.expect_event("goAway")
    with pytest.raises((ConnectionError, chat.Refused)):
        client(at=node)
    own_redis.resume()
    alice.expect_close(1001)
    assert node.wait() == 0


def test_what_is_in_flight_is_answered(client, start_chatd, own_redis):
    """Requests are with a Redis that hangs for a moment when the signal comes."""
    node = start_chatd(own_redis.uri)
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    alice.burst(*[chat.request("channelMessage", {"message": f"m{i}"}, requestID=i) for i in range(20)])
    chat.wait_until(lambda: unread_bytes(node) == 0, what="chatd having read it all")
    node.terminate()
    alice.expect_event("goAway")
    own_redis.resume()
    for i in range(20):
        assert alice.hear(f"m{i}")["seq"] == i + 1 and alice.last["requestID"] == i
    assert alice.expect_close(1001) == []
    assert node.wait() == 0
    assert own_redis.r.xlen("{}{{c:public}}:log".format(prefix_of(own_redis))) == 20


def prefix_of(server):
    key, = server.r.scan_iter(match="*{c:public}:log")
    return key.split("{")[0]


def unread_bytes(node):
    """Bytes that wait in the receive queues of chatd's connections."""
    port = f":{node.port:04X}"
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(port) and row[3] == "01")


def test_requests_after_the_signal_are_not_carried_out(client, start_chatd, unchanged):
    node = start_chatd()
    alice = client("alice", join="0", at=node)
    with unchanged():
        node.terminate()
        alice.expect_event("goAway")
        try:
            alice.post("too late")
        except OSError:
            pass
        assert alice.expect_close() == []
        assert node.wait() == 0


def test_a_client_that_does_not_answer_the_close_holds_nothing_up(client, start_chatd):
    node = start_chatd(drain_timeout="1s")
    alice = client("alice", at=node)
    watch = Stopwatch()
    node.terminate()
    assert node.wait() == 0
    assert watch.seconds() < 5
    alice.expect_event("goAway")
    alice.expect_close(1001)


def test_a_client_that_does_not_read_holds_nothing_up(client, start_chatd):
    node = start_chatd(max_outbound="1M")
    alice = client("alice", join="0", at=node)
    slow = client("slow", at=node, rcvbuf=4096)
    slow.join("0")
    for _ in range(300):
        alice.say("x" * 2000)
    watch = Stopwatch()
    node.terminate()
    assert node.wait() == 0
    assert watch.seconds() < 5.5


def test_second_sigterm_ends_it_at_once(client, start_chatd, own_redis):
    node = start_chatd(own_redis.uri, drain_timeout="60s")
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    alice.post("m")
    chat.wait_until(lambda: unread_bytes(node) == 0)
    node.terminate()
    alice.expect_event("goAway")
    watch = Stopwatch()
    node.terminate()
    assert node.wait() == 0 and watch.seconds() < 2


def test_sigint_is_the_same(client, start_chatd):
    node = start_chatd()
    alice = client("alice", at=node)
    node.process.send_signal(signal.SIGINT)
    alice.expect_event("goAway")
    alice.expect_close(1001)
    assert node.wait() == 0


def test_nobody_is_online_afterwards(client, start_chatd, redis, prefix):
    node = start_chatd()
    alice = client("alice", at=node)
    chat.wait_until(lambda: redis.r.zcard(f"{prefix}{{presence}}:online") == 1)
    node.terminate()
    alice.expect_close(1001)
    assert node.wait() == 0
    left = list(redis.r.scan_iter(match=f"{prefix}{{presence}}*"))
    assert [key for key in left if redis.r.ttl(key) < 0] == [], "but for what goes by itself"


def test_sigterm_while_it_waits_for_redis(start_chatd):
    node = start_chatd("unix:///nonexistent/redis.sock", wait=False)
    node.wait_log("redis_down")
    watch = Stopwatch()
    node.stop()
    assert watch.seconds() < 5


def test_sigpipe_and_sighup_do_not_kill_it_by_surprise(client, start_chatd):
    node = start_chatd()
    node.process.send_signal(signal.SIGPIPE)
    client("alice", at=node).users()


def test_sign_ups_that_wait_do_not_hold_up_the_end(client, start_chatd):
    """Each would be hashed for some tenths of a second; those behind them in each connection, too."""
    node = start_chatd(argon2_memory="64M", argon2_passes=3, kdf_threads=1, drain_timeout="1s", max_rate=0)
    crowd = [client(at=node) for _ in range(20)]
    for n, c in enumerate(crowd):
        c.burst(*[chat.request("signIn", {"username": f"u{n}x{i}", "password": "x"}) for i in range(20)])
    chat.wait_until(lambda: threads_hash(node), what="a hash under way")
    watch = Stopwatch()
    node.terminate()
    assert node.wait(120) == 0 and watch.seconds() < 6


def threads_hash(node):
    with open(f"/proc/{node.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) > 60_000
