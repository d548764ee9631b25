"""Rows of the reliability contract that are tried one by one; README.md says where each of the others is. Sizes
are for a minute of tests; FAULT_FULL=1 runs them in full."""

import datetime
import os
import random
import socket
import statistics
import subprocess
import threading
import time

import chat
import pytest
from clock import Clock
from load import Load, new_seed

FULL = bool(os.environ.get("FAULT_FULL"))


def threes(start_chatd, **settings):
    return [start_chatd(**settings) for _ in range(3)]


# R3

def reset(client):
    client.drop()


def close_write(client):
    client.sock.shutdown(socket.SHUT_WR)
    client.sock.close()


def answer_of(client, uuid):
    while True:
        frame = client.recv()
        if frame.get("requestID") == uuid:
            assert frame["type"] == "channelMessage", frame
            return frame["channelMessage"]


def test_r03_a_retry_stores_one_message_whatever_became_of_the_first_try(client, start_chatd, redis, prefix):
    """The connection ends between write and answer, thousands of times over two nodes (40 times here); the
    same UUID then goes over the other node, one time in two at the very moment of the first."""
    nodes = [start_chatd(), start_chatd()]
    seed = new_seed()
    print(f"CHAT_SEED={seed}")
    rng = random.Random(seed)
    steady = [client("alice", join="0", at=node) for node in nodes]
    for i in range(3000 if FULL else 40):
        uuid, text = chat.new_uuid(), f"m{i}"
        message = chat.request("channelMessage", {"message": text, "UUID": uuid}, requestID=uuid)
        first = chat.Client(nodes[i % 2])
        first.burst(chat.request("channelJoin", {}, **steady[0].pair()), message)
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, 0.004))  # the moment of the cut is what is varied
        rng.choice((reset, close_write))(first)
        again = steady[1 - i % 2]
        again.send_text(message)
        told = answer_of(again, uuid)
        assert (told["seq"], told["UUID"]) == (i + 1, uuid)
    log = redis.r.xrange(f"{prefix}{{c:public}}:log")
    assert [fields["text"] for _, fields in log] == [f"m{i}" for i in range(len(log))]
    assert [entry for entry, _ in log] == [f"{i + 1}-0" for i in range(len(log))]
    assert len(log) == (3000 if FULL else 40)


# R12

@pytest.mark.parametrize("act", ["kick", "ban", "revoke"])
def test_r12_kick_ban_and_revoked_keys_reach_every_node_within_a_second(act, client, start_chatd, ctl):
    nodes = threes(start_chatd)
    mallory = [client("mallory", join="0", at=node) for node in nodes]
    bob = client("bob", join="0", at=nodes[0])
    verb = {"kick": ("user", "kick", "mallory"), "ban": ("user", "ban", "mallory"),
            "revoke": ("session", "revoke", "mallory", "--all")}[act]
    start = time.monotonic()
    ctl(*verb, "--yes")
    for one in mallory:
        if act == "revoke":
            one.expect("unauthorized", timeout=1)
        else:
            one.expect_close(timeout=1)
    assert time.monotonic() - start < 1
    for node, old in zip(nodes, mallory):
        fresh = client(at=node)
        fresh.ask("users", **old.pair())
        assert fresh.expect("error")["name"] in ("bad_key", "banned")
    bob.say("undisturbed")


# R14

def descriptors(node):
    return len(chat.descriptors(node.pid))


def memory(node):
    """Private memory in KiB."""
    rows = subprocess.check_output([*chat.AS_ROOT, "cat", f"/proc/{node.pid}/smaps_rollup"], text=True).splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))


def churn(node, pair, n):
    """n connections come and go, in each of the ways there are."""
    text = chat.request("channelJoin", {}, **pair)
    for i in range(n):
        way = i % 4
        with socket.create_connection((node.host, node.port)) as s:
            if way == 0:  # half a handshake
                s.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
                continue
            s.sendall(chat.handshake() + (chat.ws_frame(chat.TEXT, text) if way > 1 else b""))
            if way > 1:
                s.recv(4096)
            if way == 3:
                s.setsockopt(*chat.LINGER_NOT)


def test_r14_connections_that_come_and_go_leave_nothing(client, start_chatd):
    """100,000 of them in full, 2,000 here. What many at once have cost may be kept for the next; a leak would grow
    every time."""
    node = start_chatd(env={"ASAN_OPTIONS": "quarantine_size_mb=1"})  # else it keeps what is freed
    alice = client("alice", join="0", at=node)
    churn(node, alice.pair(), 1000)  # what is kept for good, is there now
    chat.wait_until(lambda: descriptors(node) < 60, what="closed descriptors")
    fds = descriptors(node)
    for _ in range(4):
        grown = growth_by_a_crowd(node, alice.pair(), 25_000 if FULL else 500)
        chat.wait_until(lambda: descriptors(node) <= fds, what="closed descriptors")
        if grown < 4_000:
            break
    assert grown < 4_000
    alice.say("still here")


def growth_by_a_crowd(node, pair, each):
    """KiB that are still there behind it."""
    kib = memory(node)
    threads = [threading.Thread(target=churn, args=(node, pair, each)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chat.wait_until(lambda: descriptors(node) < 60, what="closed descriptors")
    grown = memory(node) - kib
    print(f"{kib} KiB before, {grown} KiB more behind it")
    return grown


# R15

DAY = 86400


def test_r15_a_clock_that_jumps_by_days_disturbs_neither_order_nor_idempotency(client, start_chatd, redis, prefix):
    clock = Clock()
    nodes = [start_chatd(env=clock.env), start_chatd()]
    try:
        with Load(nodes, redis, prefix) as load:
            alice = client("alice", join="0", at=nodes[0])
            for i, offset in enumerate((DAY, -DAY, 30 * DAY, 0, -400 * DAY, 0)):
                uuid = chat.new_uuid()
                first = sent_again(alice, uuid)
                clock.set(offset)
                assert sent_again(alice, uuid) == first
                behind = chat.new_uuid()
                assert abs(age(sent_again(alice, behind)) + offset) < 60, "it did not jump"
                load.history.sent |= {uuid: "over the jump", behind: "over the jump"}
                load.wait_acked(60)
        load.check()
        assert not load.errors and not load.closes and load.epochs == load.unrecovered == load.signed_out == 0
    finally:
        clock.close()


def age(message):
    return time.time() - datetime.datetime.fromisoformat(message["createdAt"].replace("Z", "+00:00")).timestamp()


def sent_again(client, uuid):
    client.post("over the jump", uuid=uuid, requestID=uuid)
    return answer_of(client, uuid)


# R11

def test_r11_slow_readers_cost_only_themselves(client, start_chatd):
    """Half of the crowd stops reading under a stream of large messages: they are closed, the others' p99 stays
    within twice what it was, and what waits for anybody is bounded."""
    node = start_chatd(max_outbound="256k", env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    speaker = client("speaker", join="0", at=node)
    fast = [client(f"fast{i}", join="0", at=node) for i in range(4)]

    def median_round(rounds):
        took = []
        for _ in range(rounds):
            start = time.monotonic()
            speaker.say("x" * 3000)
            for one in fast:
                one.expect("channelMessage")
            took.append(time.monotonic() - start)
        return statistics.quantiles(took, n=100)[98], statistics.median(took)

    median_round(50)
    before = median_round(300)
    slow = [client(f"slow{i}", join="0", at=node, rcvbuf=4096) for i in range(8)]
    kib = memory(node)
    during = median_round(1800)  # more than a socket's buffers take
    print(f"rounds to 4 readers: p99 {before[0] * 1000:.1f} ms, p50 {before[1] * 1000:.1f} ms alone; beside 8 stopped "
          f"readers p99 {during[0] * 1000:.1f} ms, p50 {during[1] * 1000:.1f} ms; {memory(node) - kib} KiB more")
    assert during[1] < 2 * before[1] + 0.002 and during[0] < 2 * before[0] + 0.02
    assert memory(node) - kib < 8 * 1024 + 20_000
    for one in slow:
        one.expect_close()
        assert one.close_code == 1006 or one.close_code >= 4000, one.close_code
