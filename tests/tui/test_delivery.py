"""Honest delivery of what was entered in a window, as the server's history tells it."""

import os

from chat import PATIENCE


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
