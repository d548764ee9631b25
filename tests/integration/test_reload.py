"""SIGHUP: the settings anew, all of them or none; and the form of the log, which is one of them."""

import json
import os
import pathlib
import re
import signal
import subprocess

import chat
import pytest
from test_service import manager  # noqa: F401 (a fixture)


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "chatd.conf"

    def write(**settings):
        path.write_text("".join(f"{k.replace('_', '-')} = {v}\n" for k, v in settings.items()))
        return str(path)
    return write


def reload(node, expected="event=reloaded"):
    before = node.log().count(expected)
    node.process.send_signal(signal.SIGHUP)
    chat.wait_until(lambda: node.log().count(expected) > before, what=expected)


def test_what_changes_for_those_who_are_connected_and_those_who_come(start_chatd, client, conf):
    node = start_chatd(config=conf(max_joins=1, max_frame="2k"))
    alice, bob = client("alice", join="0", at=node), client("bob", at=node)
    alice.ask("channelJoin", {"recipientUUID": bob.user})
    alice.expect_error("limit")
    conf(max_joins=2, max_frame="3k", sign_in_creates="no", log_level="debug")
    reload(node)
    alice.join(bob.user)
    alice.send_text(chat.request("users") + " " * 2500)
    alice.expect("users")
    carol = client(at=node)
    assert carol.ready["limits"]["frameBytes"] == 3072
    carol.ask("signIn", {"username": "carol", "password": "x"})
    carol.expect_error("bad_credentials")
    assert "changed=4 restart_needed=0" in node.log()


def test_a_new_cost_of_passwords(start_chatd, client, conf, redis, prefix):
    """Settings of argv win over the file, so these stand in the file alone."""
    common = {"listen": '"127.0.0.1:0"', "redis": f"'{redis.uri}'", "prefix": f"'{prefix}'", "argon2_passes": 1}
    node = start_chatd(argv=["--config", conf(argon2_memory="8k", **common)])
    alice = client("alice", at=node)
    assert "m=8," in stored_hash(redis, prefix, alice)
    conf(argon2_memory="16k", **common)
    reload(node)
    client("alice", at=node)
    chat.wait_until(lambda: "m=16," in stored_hash(redis, prefix, alice), what="the new hash")


def stored_hash(redis, prefix, c):
    return next(text for key in redis.r.scan_iter(f"{prefix}*{c.user}*") if redis.r.type(key) == "hash"
                for text in redis.r.hgetall(key).values() if text.startswith("$argon2id$"))


@pytest.mark.parametrize("wrong,said", [
    ({"max_requests": "x"}, r":2: max-requests: expected a number"), ({"no_such": "1"}, r":2: no such option"),
    ({"origin": '"open'}, r":2: a quote is opened"), ({"listen": "nowhere"}, r"listen: expected"),
    ({"prefix": '"a b"'}, r"prefix: expected")], ids=str)
def test_what_is_wrong_changes_nothing(start_chatd, client, conf, redis, prefix, wrong, said):
    common = {"listen": '"127.0.0.1:0"', "redis": f"'{redis.uri}'", "prefix": f"'{prefix}'", "argon2_memory": "8k",
              "argon2_passes": 1}
    path = conf(max_joins=1, **common)
    node = start_chatd(argv=["--config", path])
    alice, bob = client("alice", join="0", at=node), client("bob", at=node)
    conf(max_joins=2, **{**wrong, **{k: v for k, v in common.items() if k not in wrong}})
    reload(node, "event=reload_failed")
    failed = next(line for line in node.log().splitlines() if "reload_failed" in line)
    assert re.search(said, failed), failed
    alice.ask("channelJoin", {"recipientUUID": bob.user})
    alice.expect_error("limit")
    conf(max_joins=2, **common)
    reload(node)
    alice.join(bob.user)


def test_what_needs_a_restart_is_named_and_its_value_is_not(start_chatd, client, conf):
    node = start_chatd(config=conf(kdf_queue=5, max_joins=1))
    conf(kdf_queue=6, max_joins=2)
    reload(node)
    assert "event=restart_needed setting=kdf-queue" in node.log()
    assert "changed=1 restart_needed=1" in node.log()
    client("alice", at=node).users()


def test_many_reloads_and_none_with_a_change(start_chatd, client, conf):
    node = start_chatd(config=conf(max_joins=1))
    alice = client("alice", at=node)
    for _ in range(20):
        reload(node)
    assert "restart_needed=1" not in node.log()
    alice.users()


def test_a_file_that_would_block_changes_nothing(start_chatd, client, conf):
    """One that is empty by now, as <(…) is, would be all defaults."""
    path = conf(max_joins=1)
    node = start_chatd(config=path)
    os.unlink(path)
    os.mkfifo(path)
    reload(node, "event=reload_failed")
    assert f"{path}: is no regular file" in node.log()
    client("alice", at=node).users()


DEAD_MOUNT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#define OPEN(name)                                                                         \\
    int name(const char *path, int flags, ...) {                                           \\
        if (strstr(path, "chatd.conf") && access("dead", F_OK) == 0)                       \\
            pause();                                                                       \\
        return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name))(path, flags, 0600); \\
    }
OPEN(open)
OPEN(open64)
"""


def test_a_dead_mount_stops_nobody(start_chatd, client, conf, tmp_path):
    """Whoever opens the file waits for ever: chatd serves on, says so, reloads again when it can, and ends."""
    source, shim = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(DEAD_MOUNT)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    env = {"LD_PRELOAD": str(shim), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    node = start_chatd(config=conf(max_joins=1), env=env)
    alice, dead = client("alice", at=node), pathlib.Path(node.dir, "dead")
    dead.touch()
    node.process.send_signal(signal.SIGHUP)
    alice.users()
    node.wait_log("can't be read in time")
    dead.unlink()
    reload(node)
    dead.touch()
    node.process.send_signal(signal.SIGHUP)
    alice.users()
    node.terminate()
    assert node.wait(10) == 0


def test_workers_reload_too(start_chatd, conf):
    node = start_chatd(workers=2, config=conf(max_joins=1))
    conf(max_joins=2)
    node.process.send_signal(signal.SIGHUP)
    chat.wait_until(lambda: node.log().count("event=reloaded changed=1") == 2)


def test_the_service_manager_is_told(start_chatd, manager):  # noqa: F811
    node = start_chatd(env={"NOTIFY_SOCKET": manager.path})
    manager.wait_for("READY")
    node.process.send_signal(signal.SIGHUP)
    said = manager.hear()
    assert said["RELOADING"] == "1" and int(said["MONOTONIC_USEC"]) > 0
    assert manager.hear()["READY"] == "1"


# The form of the log

def test_json(start_chatd, client):
    node = start_chatd(log_format="json", log_level="debug")
    client("alice", at=node).close()
    node.stop()
    events = [json.loads(line) for line in node.log().splitlines()]
    assert all(re.fullmatch(r"\d{4}-.*Z", e["ts"]) and e["level"] and e["event"] for e in events)
    serving = next(e for e in events if e["event"] == "serving")
    assert serving["address"] == node.address


def test_priorities_for_the_journal(start_chatd):
    """stderr is what $JOURNAL_STREAM names: the file that the harness opens, seen from a shell."""
    node = start_chatd("unix:///nonexistent/redis.sock", wait=False, under=[
        "bash", "-c", "JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec \"$0\" \"$@\""])
    node.wait_log("event=redis_down")
    node.stop()
    assert "<4>ts=" in node.log() and "<6>ts=" in node.log()
    assert all(re.match(r"<[3467]>ts=", line) for line in node.log().splitlines())
