"""Scrolling, activity, what is unread, connections that come and go, and what was sent meanwhile."""

import os
import re
import signal

from chat import wait_until
from ctl import Ctl


def fill(client, n, name="bob", text="message {}"):
    c = client(name, join="0")
    for i in range(n):
        c.say(text.format(i))
    return c


def test_scrolling_loads_older_history(tui, client):
    fill(client, 300)
    w = tui("alice")
    w.wait("message 299")
    for _ in range(60):
        if re.search(r"message 0\b", w.text()):
            break
        w.keys("PageUp")
        w.wait("Alt\\+End")
    w.wait(r"message 0\b")
    w.wait("beginning")
    w.keys("M-End")
    w.wait("message 299")


def test_the_view_is_never_yanked(tui, client):
    bob = fill(client, 100)
    w = tui("alice")
    w.wait("message 99")
    w.keys("PageUp")
    before = w.wait("Alt\\+End")
    numbers = re.findall(r"message (\d+)", before)
    for i in range(7):
        bob.say(f"new {i}")
    after = w.wait("7 new below")
    assert re.findall(r"message (\d+)", after) == numbers
    w.keys("M-End")
    w.wait("new 6")
    w.wait("new below", absent=True)


def test_unread_line_and_day(tui, client):
    w = tui("alice")
    w.line("read by now")
    w.wait_said("alice", "read by now")
    w.line("/join alice")
    w.wait("notes to yourself")
    fill(client, 3)
    w.wait(r"(?m)^ 1 +public +3")
    w.keys("M-1")
    w.wait(r"── unread ─.*\n.*message 0")
    w.wait(r"── \w+day \d{4}-\d\d-\d\d ─")


def test_what_came_since_an_earlier_run_is_unread_behind_a_restart_of_redis(tui, client, own_redis, start_chatd):
    """Its read mark is in another epoch, which this one follows; more came than an answer to a join shows."""
    node = start_chatd(own_redis.uri)
    w = tui("alice", at=node)
    w.line("read by now")
    w.wait_said("alice", "read by now")
    w.line("/quit")
    wait_until(w.is_dead)
    node.stop()
    own_redis.restart()
    node = start_chatd(own_redis.uri, listen=node.address)
    fill(lambda name, **options: client(name, at=node, **options), 13)
    w = tui("alice", at=node, rows=40)
    text = w.wait(r"── unread ─.*\n.*message 0")
    assert "read by now" in text and "message 12" in text and "anew" not in text


def test_activity_levels(tui, client):
    bob = client("bob", join="0")
    w = tui("alice")
    w.line("/join alice")
    w.wait("notes to yourself")
    bob.say("just talk")
    w.wait(r"(?m)^ 1 +public +1")
    bob.say("alice: look here")
    w.wait(r"(?m)^ 1 +public +@2")
    w.wait(r"new: 1 public@2")
    w.keys("M-a")
    w.wait(r"bob @ alice: look here")
    w.wait(r"(?m)^ 1 +public +@", absent=True)


def test_server_killed_for_a_while(tui, client, start_chatd):
    node = start_chatd()
    port = node.port
    w = tui("alice", at=node)
    w.line("before")
    w.wait_said("alice", "before")
    node.kill()
    w.wait("reconnecting")
    w.line("in between")
    w.wait("in between")
    w.wait("1 unsent")
    again = start_chatd(listen=f"127.0.0.1:{port}")
    w.wait_online(timeout=40)
    text = w.wait_said("alice", "in between")
    assert text.count("in between") == 1 and text.count("before") == 1
    bob = client("bob", at=again)
    texts = [m["message"] for m in bob.join("0")["messages"]]
    assert texts == ["in between", "before"]


def test_killed_client_keeps_its_outbox(tui, client, start_chatd):
    node = start_chatd()
    port = node.port
    w = tui("alice", at=node)
    node.kill()
    w.wait("reconnecting")
    for i in range(3):
        w.line(f"unsent {i}")
    w.wait("3 unsent")
    os.kill(w.pid(), signal.SIGKILL)
    wait_until(w.is_dead)
    again = start_chatd(listen=f"127.0.0.1:{port}")
    w = tui("alice", at=again)
    w.wait_said("alice", "unsent 2")
    w.wait("unsent$", absent=True)
    bob = client("bob", at=again)
    assert [m["message"] for m in bob.join("0")["messages"]] == ["unsent 2", "unsent 1", "unsent 0"]


def test_failure_is_shown_with_a_way_to_retry(tui):
    w = tui("alice")
    w.line("x" * 100)
    w.wait_said("alice", "x" * 20)


def test_what_a_purged_sender_said_goes_from_the_screen(tui, client, redis, prefix):
    bob, carol = client("bob", join="0"), client("carol", join="0")
    for i in range(3):
        bob.say(f"from bob {i}")
        carol.say(f"from carol {i}")
    w = tui("alice")
    w.wait("from carol 2")
    assert "from bob 1" in w.text()
    Ctl(redis.uri, prefix)("channel", "purge", "public", "--yes", "--from", "bob")
    w.wait(r"removed|purged")
    assert "from bob" not in w.text() and w.text().count("from carol") == 3


def test_purged_history_is_said(tui, client, redis, prefix):
    fill(client, 20)
    w = tui("alice")
    w.wait("message 19")
    Ctl(redis.uri, prefix)("channel", "purge", "public", "--yes", "--keep", "5")
    w.wait(r"removed|purged")
    w.wait("message 19")
    w.wait("message 3\\b", absent=True)
