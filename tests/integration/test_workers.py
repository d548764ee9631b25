"""--workers N: processes that share a port, and the supervisor that looks after them."""

import os
import pathlib
import re
import signal
import tempfile

import chat
import pytest
from test_drain import unread_bytes
from test_embedded import alive, children


def workers(node):
    """{number: pid} of the workers that run, by their command lines."""
    found = {}
    for pid in children(node):
        try:
            argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except FileNotFoundError:
            continue
        found.update({int(word.partition("=")[2]): pid for word in argv if word.startswith("--worker=")})
    return found


def worker_of(c, node):
    """The number of the worker that this client's connection is with."""
    local = c.sock.getsockname()[1]
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    inode, = [row[9] for row in rows if row[2].endswith(f":{local:04X}") and row[3] == "01"
              and row[1].endswith(f":{node.port:04X}")]
    for number, pid in workers(node).items():
        if f"socket:[{inode}]" in chat.descriptors(pid):
            return number
    raise AssertionError("no worker has this connection")


def one_on_each(client, node, n=2):
    """A client, joined to the public channel, on each of n workers; the kernel deals them out."""
    found = {}
    for i in range(100):
        c = client(at=node)
        number = worker_of(c, node)
        if number in found:
            c.close()
            continue
        c.sign_in(f"user{number}")
        c.place = c.join("0")
        found[number] = c
        if len(found) == n:
            return found
    raise AssertionError(f"100 connections, and all with workers {sorted(found)}")


def test_they_are_one_chat_on_one_port(start_chatd, client):
    node = start_chatd(workers=2)
    crowd = one_on_each(client, node)
    for number, c in crowd.items():
        said = c.say(f"from {number}")
        for other in crowd.values():
            if other is not c:
                assert other.hear(f"from {number}")["seq"] == said["seq"]
    assert node.output.count(b"\n") == 1
    for number in 1, 2:
        assert re.search(rf"worker={number} event=serving", node.log())


def test_a_killed_worker_is_replaced_and_its_clients_resume(start_chatd, client):
    node = start_chatd(workers=2)
    crowd = one_on_each(client, node)
    lost, stays = crowd[1], crowd[2]
    first = lost.say("one")
    stays.hear("one")
    victim = workers(node)[1]
    os.kill(victim, signal.SIGKILL)
    lost.expect_close(1006)
    stays.say("two")
    chat.wait_until(lambda: workers(node).get(1) not in (None, victim), what="a new worker 1")
    back = client(at=node)
    back.ask("channelJoin", {"recipientUUID": "0", "since": {"epoch": lost.place["epoch"], "seq": first["seq"]}},
             **lost.pair())
    answer = back.expect("channelJoin")
    assert answer["recovered"] and [m["message"] for m in answer["messages"]] == ["two"]
    assert f"event=worker_ended worker=1 pid={victim} status=0 signal=9" in node.log()
    chat.wait_until(lambda: node.log().count("worker=1 event=serving") == 2, what="the new worker serving")
    one_on_each(client, node)


def test_sigterm_drains_all_of_them(start_chatd, client):
    node = start_chatd(workers=2)
    crowd = one_on_each(client, node)
    pids = workers(node).values()
    node.terminate()
    for c in crowd.values():
        c.expect_event("goAway")
        c.expect_close(1001)
    assert node.wait() == 0
    assert not any(alive(pid) for pid in pids)


def test_ctrl_c_reaches_each_worker_once(start_chatd, client, own_redis):
    """The terminal's SIGINT goes to the whole process group; two signals would end a worker at once."""
    node = start_chatd(own_redis.uri, workers=2)
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    alice.post("in flight")
    chat.wait_until(lambda: unread_bytes(node) == 0, what="chatd having read it")
    os.killpg(node.pid, signal.SIGINT)
    alice.expect_event("goAway")
    own_redis.resume()
    alice.hear("in flight")
    alice.expect_close(1001)
    assert node.wait() == 0


def test_a_crash_loop_backs_off(start_chatd):
    node = start_chatd(workers=2)
    for deaths in range(1, 5):
        pid = chat.wait_until(lambda: workers(node).get(2), what="worker 2")
        os.kill(pid, signal.SIGKILL)
        chat.wait_until(lambda: node.log().count("event=worker_restarts worker=2") == deaths)
    delays = re.findall(r"event=worker_restarts worker=2 restart_ms=(\d+)", node.log())
    assert delays == ["100", "200", "400", "800"]


def test_a_worker_that_hangs_is_killed_at_the_end(start_chatd, client):
    node = start_chatd(workers=2, drain_timeout=0)
    hung = workers(node)[1]
    os.kill(hung, signal.SIGSTOP)
    node.terminate()
    assert node.wait() == 1
    assert not alive(hung) and "event=workers_killed" in node.log()


def test_workers_end_with_their_supervisor(start_chatd, client):
    node = start_chatd(workers=2)
    alice = client("alice", at=node)
    pids = workers(node).values()
    node.kill()
    alice.expect_event("goAway")
    alice.expect_close(1001)
    chat.wait_until(lambda: not any(alive(pid) for pid in pids), what="the workers' end")


def test_the_embedded_redis_is_the_supervisors(start_chatd, client):
    with tempfile.TemporaryDirectory(prefix="chat-e-") as where:
        node = start_chatd(f"embedded:{where}/data", workers=2)
        alice = client("alice", join="0", at=node)
        alice.say("kept")
        redis_pid, = [pid for pid, name in children(node).items() if name == "redis-server"]
        for pid in workers(node).values():
            os.kill(pid, signal.SIGKILL)
        alice.expect_close(1006)
        chat.wait_until(lambda: len(workers(node)) == 2, what="new workers")
        assert alive(redis_pid)
        chat.wait_until(lambda: "kept" in [m["message"] for m in heard_again(client, node)])
        node.stop()
        assert not alive(redis_pid)


def heard_again(client, node):
    try:
        c = client("alice", at=node)
    except (ConnectionError, chat.Refused):
        return []
    return c.history()["messages"]


def test_what_is_wrong_is_said_once(start_chatd, redis, prefix):
    node = start_chatd(workers=3, prefix="a b", wait=False)
    assert node.wait() == 2 and node.log().count("prefix:") == 1
    redis.r.set(f"{prefix}schema", "x")
    node = start_chatd(workers=3, wait=False)
    assert node.wait() == 1 and node.log().count("event=redis_refused") == 1


@pytest.mark.parametrize("count", [1, 2])
def test_the_port_is_theirs_alone(start_chatd, count):
    first = start_chatd(workers=2)
    second = start_chatd(workers=count, listen=first.address, wait=False)
    assert second.wait() == 1 and "Address already in use" in second.log()


def test_sigterm_while_it_waits_for_redis(start_chatd):
    node = start_chatd("unix:///nonexistent/redis.sock", workers=2, wait=False)
    node.wait_log("worker=1 event=redis")
    node.stop()
