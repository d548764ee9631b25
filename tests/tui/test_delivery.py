"""Honest delivery of what was entered in a window, as the server's history tells it."""

import os
import shutil

from chat import PATIENCE
from chattui import PASSWORD


def said(client, recipient="0"):
    """The texts of all messages, oldest first."""
    found, before = [], {}
    while page := client.history(recipient, limit=99, **before)["messages"]:
        found += [m["message"] for m in page]
        before = {"before": page[-1]["seq"]}
    return found[::-1]


def test_a_window_killed_with_lines_unsent(tui, client, start_chatd):
    node = start_chatd()
    w = tui("alice", at=node)
    w.line("stored")
    w.wait_said("alice", "stored")
    node.stop()
    w.wait("(?i)offline|again|connect")
    for i in range(5):
        w.line(f"unsent {i}")
    w.wait("unsent 4")
    os.kill(int(w.ask("#{pane_pid}")), 9)
    again = start_chatd(listen=node.address)
    w = tui("alice", at=again)
    w.wait_said("alice", "unsent 4", timeout=3 * PATIENCE)
    assert said(client("bob", at=again)) == ["stored"] + [f"unsent {i}" for i in range(5)]


def test_signing_in_as_somebody_else_finds_what_they_left(tui, client, start_chatd, home):
    """The files of whoever signs in are read: what conversations are open, and what was not sent."""
    node = start_chatd()
    client("carol", at=node)
    w = tui("bob", at=node)
    w.line("/join carol")
    w.wait(r"(?m)^ 2 +carol")
    node.stop()
    w.wait("reconnecting")
    w.line("of bob, unsent")
    w.wait("of bob, unsent")
    os.kill(w.pid(), 9)
    again = start_chatd(listen=node.address)
    shutil.copytree(home("bob") / ".local", home("alice") / ".local")  # one state directory for both
    w = tui("alice", at=again)
    w.line("of alice")
    w.wait_said("alice", "of alice")
    w.line("/signout")
    w.wait("signed out")
    w.keys("Up", "C-u")
    w.type("bob")
    w.keys("Tab")
    w.type(PASSWORD)
    w.keys("Enter")
    w.wait(r"(?m)^ 2 +carol")
    w.keys("M-2")
    w.wait_said("bob", "of bob, unsent")
    assert said(client("carol", at=again), client("bob", at=again).user) == ["of bob, unsent"]
