"""The tools of these tests see what they are there to see."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import chat
import pytest
from ports import free_port, free_ports
from stopwatch import Deadline, Stopwatch

GOOD = {"type": "unauthorized", "unauthorized": {"userUUID": chat.NOBODY}}


def test_a_frame_that_does_not_fit_the_schema_fails():
    assert chat.check_frame(json.dumps(GOOD)) == GOOD
    for bad in {**GOOD, "extra": 1}, {**GOOD, "type": "authorized"}, {"type": "unauthorized"}, [], "x":
        with pytest.raises(AssertionError):
            chat.check_frame(json.dumps(bad))
    with pytest.raises(AssertionError, match="twice"):
        chat.check_frame('{"type":"x","type":"y"}')


@pytest.mark.parametrize("change", [
    lambda r, p: r.set(p + "new", 1), lambda r, p: r.delete(p + "hash"), lambda r, p: r.hset(p + "hash", "a", 2),
    lambda r, p: r.expire(p + "hash", 100), lambda r, p: r.zadd(p + "zset", {"m": 2}),
    lambda r, p: r.xadd(p + "log", {"a": "b"}), lambda r, p: r.xdel(p + "log", "1-0")])
def test_the_digest_sees_every_change(redis, prefix, unchanged, change):
    redis.r.hset(prefix + "hash", "a", 1)
    redis.r.zadd(prefix + "zset", {"m": 1})
    redis.r.xadd(prefix + "log", {"a": "b"}, id="1-0")
    with unchanged():
        redis.r.set("elsewhere:" + prefix, 1)
        redis.r.set(prefix + "{presence}:x", 1)
        redis.r.hset(prefix + "hash", "a", 1)
    with pytest.raises(AssertionError, match=prefix):
        with unchanged():
            change(redis.r, prefix)


def test_a_complaint_of_a_sanitizer_fails(start_chatd):
    node = start_chatd()
    with open(node.stderr_path, "a") as log:
        log.write("x.c:1:1: runtime error: planted\n")
    with pytest.raises(AssertionError, match="planted"):
        node.stop()
    node.stderr_path.write_text("")


def test_a_crash_fails(start_chatd):
    node = start_chatd()
    node.process.kill()
    with pytest.raises(AssertionError):
        node.stop()


def test_masks_are_undone():
    for n in 0, 1, 4, 5, 125, 126, 65536:
        payload = bytes(i % 251 for i in range(n))
        frame = chat.ws_frame(chat.TEXT, payload)
        key, masked = frame[-n - 4:len(frame) - n], frame[len(frame) - n:]
        assert bytes(b ^ key[i % 4] for i, b in enumerate(masked)) == payload


# Ports and time limits on a machine with other work

def test_ports_are_in_a_row_below_those_that_the_system_picks_and_no_other_process_gets_them():
    script = "from ports import free_ports; print(*free_ports(40)); input()"
    with subprocess.Popen([sys.executable, "-c", script], cwd=chat.ROOT / "tests/integration", stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as other:
        theirs = [int(port) for port in other.stdout.readline().split()]
        ours = [port for _ in range(20) for port in free_ports(20)]
        other.communicate("\n")
    assert theirs == list(range(theirs[0], theirs[0] + 40))
    assert not set(theirs) & set(ours)
    picked = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(theirs + ours) < picked


def test_a_port_that_somebody_took_is_passed_over():
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        assert all(port + 1 not in free_ports(3) for _ in range(300))


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_thread_that_ended_is_remembered():
    """Else what others compute is not seen until it is as much as that one's."""
    thread = threading.Thread(target=compute, args=[1])
    thread.start()
    while thread.is_alive():
        Stopwatch()
        thread.join(0.05)
    watch = Stopwatch()
    compute(0.5)
    assert watch.wall() >= 0.5 and watch.seconds() < 0.3



def test_what_waits_for_a_processor_is_not_counted_and_what_sleeps_is():
    watch = Stopwatch()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4 * os.cpu_count())]
    time.sleep(2)
    assert watch.wall() >= 2 and watch.seconds() < 1
    for process in busy:
        process.kill()
        process.wait()
    idle = Stopwatch(of=[os.getpid()])
    time.sleep(1)
    assert 0.5 < idle.seconds() <= idle.wall()
    deadline = Deadline(0.2)
    chat.wait_until(lambda: not deadline.left())
    assert deadline.wall() >= 0.2
