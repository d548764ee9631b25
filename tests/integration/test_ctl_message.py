"""chatctl message …: tail, send, search, delete."""

import json
import os
import signal
import subprocess

import chat
import pytest
from ctl import CONFLICT, DONE, INTERRUPTED, NOT_FOUND, REFUSED, USAGE, Ctl, check_sanitizers

NASTY = "tab\there, \\ and \x1b[31mred\x1b[0m, \u202eback, \U0001f40e"


def texts(rows):
    return [r["message"] for r in rows]


def send(ctl, *lines):
    return ctl.jsonl("message", "send", "public", stdin="".join(line + "\n" for line in lines))


class Following:
    """message tail --follow in the background."""

    def __init__(self, ctl, *args):
        self.process = subprocess.Popen([ctl.binary, "--format=jsonl", "message", "tail", "-f", *args], env=ctl.env(),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def next(self):
        return json.loads(self.process.stdout.readline())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=chat.PATIENCE)
        check_sanitizers(err)
        return self.process.returncode, err


# send

def test_send_reaches_the_connected(ctl, client):
    alice = client("alice", join="0")
    answer = ctl.json("message", "send", "public", "It is late.")
    heard = alice.hear("It is late.")
    assert answer == [{"seq": 1, "uuid": heard["UUID"], "repeat": False}]
    nobody = "00000000-0000-0000-0000-000000000000"
    assert (heard["senderUsername"], heard["senderUUID"], heard["server"]) == ("server", nobody, True)
    own = alice.say("so it is")
    assert own["seq"] == 2 and "server" not in own
    later = client("bob")
    for messages in later.join()["messages"], later.history()["messages"]:
        assert [m.get("server") for m in sorted(messages, key=lambda m: m["seq"])] == [True, None]


def test_send_as_a_user(ctl, client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    ctl("message", "send", "public", "from a script", "--as", "bob")
    assert alice.hear("from a script")["senderUUID"] == bob.user
    ctl("message", "send", "public", "x", "--as", "nobody", status=NOT_FOUND)


def test_send_to_a_private_channel(ctl, client):
    alice, bob = client("alice"), client("bob")
    client("carol")
    ctl("message", "send", "alice,bob", "x", status=USAGE)
    ctl("message", "send", "alice,bob", "x", "--as", "carol", status=USAGE)
    ctl("message", "send", "alice,bob", "psst", "--as", "alice")
    assert bob.expect_event("unread")["senderUUID"] == alice.user
    joined = bob.join(alice.user)
    assert texts(joined["messages"]) == ["psst"] and joined["usersTotal"] == 2


def test_send_lines(ctl, client):
    alice = client("alice", join="0")
    rows = send(ctl, "one", "", "two", "{ no json", '{"message":"three"}', NASTY)
    assert [r["seq"] for r in rows] == [1, 2, 3, 4, 5]
    for text in "one", "two", "{ no json", "three", NASTY:
        alice.hear(text)


def test_send_again_is_stored_once(ctl, client):
    alice = client("alice", join="0")
    lines = [json.dumps({"message": f"m{i}", "UUID": chat.new_uuid()}) for i in range(5)]
    first, second = send(ctl, *lines[:3]), send(ctl, *lines)
    assert [(r["seq"], r["repeat"]) for r in first + second] == [
        (1, False), (2, False), (3, False), (1, True), (2, True), (3, True), (4, False), (5, False)]
    assert [alice.hear(f"m{i}")["seq"] for i in range(5)] == [1, 2, 3, 4, 5]
    one = chat.new_uuid()
    for repeat in False, True:
        assert ctl.json("message", "send", "public", "x", "--uuid", one)[0]["repeat"] is repeat


@pytest.mark.parametrize("line", [
    "x" * 4097, '{"text":"no message"}', '{"message":""}', '{"message":"x","UUID":"1"}', '{"message":"x","as":1}'])
def test_send_stops_at_a_wrong_line(ctl, line):
    ctl("message", "send", "public", stdin=f"good\n{line}\nnever\n", status=USAGE)
    assert "line 2" in ctl.err and "1 messages are sent" in ctl.err
    assert texts(ctl.json("message", "tail")) == ["good"]


def test_send_dry_run(ctl):
    ctl("message", "send", "public", "x", "--dry-run")
    assert ctl.json("message", "tail") == []


# tail

def test_tail(ctl, client):
    alice = client("alice", join="0")
    said = [alice.say(f"m{i}") for i in range(15)]
    rows = ctl.all_formats("message", "tail")
    assert texts(rows) == [f"m{i}" for i in range(5, 15)]
    assert rows[-1]["uuid"] == said[-1]["UUID"] and rows[-1]["sender"] == "alice" and rows[-1]["seq"] == 15
    assert texts(ctl.json("message", "tail", "-n", "2", "public")) == ["m13", "m14"]
    assert ctl.json("message", "tail", "-n", "0") == []


def test_tail_in_a_terminal_is_safe_and_exact_elsewhere(ctl):
    send(ctl, NASTY)
    assert texts(ctl.json("message", "tail")) == [NASTY]
    assert ctl.tsv("message", "tail")[0][3] == NASTY
    assert "\x1b" not in "".join(ctl.table("message", "tail"))


def test_tail_of_nothing(ctl):
    assert ctl.json("message", "tail") == []


@pytest.mark.parametrize("format", ["tsv", "table", "json", "jsonl"])
def test_nothing_acts_on_a_terminal_behind_a_pipe(ctl, format):
    text = "a\x1b[31mb\x07c\u009b31md\x7f\u0085é"
    ctl("message", "send", "public", text)
    shown = ctl("--format", format, "message", "tail")
    assert not any(c in shown for c in "\x1b\x07\u009b\x7f\u0085") and "é" in shown
    if "json" in format:
        assert ctl.json("message", "tail")[0]["message"] == text


def test_follow_goes_on_behind_a_restart(own_redis):
    ctl = Ctl(own_redis.uri, "x:", user=None)
    ctl("message", "send", "public", "before")
    tail = Following(ctl, "public")
    assert tail.next()["message"] == "before"
    own_redis.restart()
    ctl("message", "send", "public", "behind")
    while tail.next()["message"] != "behind":
        pass
    assert tail.interrupt()[0] == INTERRUPTED


def test_follow(ctl, client):
    alice, bob = client("alice", join="0"), client("bob")
    alice.join(bob.user)
    alice.say("before")
    tail = Following(ctl, "public", "alice,bob")
    assert tail.next()["message"] == "before"
    alice.say("after")
    assert tail.next()["message"] == "after"
    alice.say("psst", bob.user)
    row = tail.next()
    assert row["message"] == "psst" and "," in row["channel"]
    assert tail.interrupt()[0] == INTERRUPTED


def test_follow_into_a_new_epoch(ctl, client, redis, prefix):
    send(ctl, "one", "two")
    tail = Following(ctl)
    assert [tail.next()["message"] for _ in range(2)] == ["one", "two"]
    for key in redis.r.keys(prefix + "*"):
        redis.r.delete(key)
    send(ctl, "anew")
    assert tail.next() ["message"] == "anew"
    assert "began anew" in tail.interrupt()[1]


def test_follow_before_anything_was_said(ctl):
    tail = Following(ctl)
    send(ctl, "first")
    assert tail.next()["message"] == "first"
    tail.interrupt()


def test_cursor(ctl, tmp_path):
    cursor = tmp_path / "cursor"
    seen = []
    for i in range(5):
        send(ctl, *[f"{i}.{k}" for k in range(i * 300)])
        seen += texts(ctl.jsonl("message", "tail", "--last", "10000", "--cursor-file", cursor))
    assert seen == [f"{i}.{k}" for i in range(5) for k in range(i * 300)]
    assert ctl("message", "tail", "--cursor-file", cursor) == ""
    cursor.write_text("nonsense\n")
    ctl("message", "tail", "--cursor-file", cursor, status=1)


def test_cursor_over_a_purge(ctl, tmp_path):
    cursor = tmp_path / "cursor"
    send(ctl, "m1")
    ctl("message", "tail", "--cursor-file", cursor)
    send(ctl, "m2", "m3", "m4")
    ctl("channel", "purge", "public", "--keep", "1", "--yes")
    assert texts(ctl.jsonl("message", "tail", "--cursor-file", cursor)) == ["m4"]
    assert "2 to 3 are gone" in ctl.err


def test_cursor_of_a_follower_that_was_killed(ctl, tmp_path):
    cursor = tmp_path / "cursor"
    send(ctl, "m1")
    tail = Following(ctl, "--cursor-file", str(cursor))
    tail.next()
    send(ctl, "m2")
    tail.next()
    chat.wait_until(lambda: cursor.exists() and cursor.read_text().endswith(" 2\n"))
    tail.process.kill()
    tail.process.communicate()
    send(ctl, "m3")
    assert texts(ctl.jsonl("message", "tail", "--cursor-file", cursor)) == ["m3"]


def test_a_pipe_closed_early(ctl):
    send(ctl, *[f"m{i} " + "x" * 1000 for i in range(2000)])
    done = subprocess.run(["bash", "-c", f"set -euo pipefail; {ctl.binary} message search m | head -1"],
                          env=ctl.env(PATH=os.environ["PATH"]), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("\n") == 1 and done.stderr == ""


# search

def test_search(ctl, client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.join(bob.user)
    alice.say("The printer is on fire")
    bob.say("which PRINTER?")
    alice.expect("channelMessage")
    alice.say("private printer", bob.user)
    rows = ctl.all_formats("message", "search", "printer", "public", "alice,bob")
    assert texts(rows) == ["The printer is on fire", "private printer"]
    rows = ctl.json("message", "search", "printer", "public", "-i")
    assert texts(rows) == ["which PRINTER?", "The printer is on fire"]
    assert texts(ctl.json("message", "search", "printer", "public", "-i", "--from", "bob")) == ["which PRINTER?"]
    assert ctl.json("message", "search", "printer", "public", "--before", "1h") == []
    assert len(ctl.json("message", "search", "printer", "public", "--since", "1h")) == 1
    assert len(ctl.json("message", "search", "p", "public", "-i", "--limit", "1")) == 1
    assert ctl.json("message", "search", "no such text", "public") == []


def test_search_over_pages(ctl):
    send(ctl, *[f"m{i}" for i in range(1, 1301)])
    assert texts(ctl.json("message", "search", "m7")) == [f"m{i}" for i in range(1300, 0, -1) if str(i).startswith("7")]


# delete

def test_delete(ctl, client, redis, prefix):
    alice = client("alice", join="0")
    said = [alice.say(f"m{i}") for i in range(5)]
    ctl("message", "delete", said[2]["UUID"], status=REFUSED)
    ctl("message", "delete", said[2]["UUID"], "--dry-run")
    assert len(ctl.json("message", "tail")) == 5
    assert ctl.json("message", "delete", said[2]["UUID"], "--yes") == {
        "channel": "public", "seq": 3, "uuid": said[2]["UUID"]}
    assert alice.expect_event("purge")["UUID"] == said[2]["UUID"]
    assert [m["seq"] for m in alice.history()["messages"]] == [5, 4, 2, 1]
    ctl("message", "delete", said[2]["UUID"], "--yes", status=NOT_FOUND)
    ctl("message", "delete", "three", "--yes", status=USAGE)
    ctl("channel", "restore", "public")
    assert [m["seq"] for m in alice.history()["messages"]] == [5, 4, 3, 2, 1]


def test_delete_while_locked(ctl, client, redis, prefix):
    said = client("alice", join="0").say("x")
    redis.r.set(f"{prefix}{{c:public}}:lock", chat.NOBODY, px=60000)
    ctl("message", "delete", said["UUID"], "--yes", status=CONFLICT)


def test_what_is_no_text_is_not_sent(ctl, redis, prefix):
    ctl.add("alice")
    for line in b"a\0b\n", b"\xff\n":
        done = subprocess.run([ctl.binary, "message", "send", "public", "--as", "alice", "-"], input=line,
                              env=ctl.env(), capture_output=True, check=False)
        assert done.returncode != DONE and b"UTF-8" in done.stderr, line
    assert not redis.r.exists(f"{prefix}{{c:public}}:log")
