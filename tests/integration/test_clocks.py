"""A node, or a chatctl, whose own clock is wrong: what expires does so by Redis' clock."""

import calendar
import os
import subprocess
import time

import chat
import pytest

DAY_S = 86400
SHIFTED = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *t) {
    long rc = syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_REALTIME)
        t->tv_sec += atol(getenv("SHIFT_S"));
    return (int)rc;
}
"""


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    """shifted(seconds): the environment of a process whose clock is so far ahead."""
    where = tmp_path_factory.mktemp("clock")
    (where / "clock.c").write_text(SHIFTED)
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", where / "clock.so", where / "clock.c"],
                   check=True)
    return lambda seconds: {"LD_PRELOAD": str(where / "clock.so"), "SHIFT_S": str(seconds),
                            "ASAN_OPTIONS": "verify_asan_link_order=0"}


@pytest.mark.parametrize("days", [40, -40])
def test_keys_are_good_everywhere(start_chatd, client, shifted, days):
    right, wrong = start_chatd(), start_chatd(env=shifted(days * DAY_S))
    chat.wait_until(lambda: "event=clocks_differ" in wrong.log(), what="the node noticing")
    assert "event=clocks_differ" not in right.log()
    pair = client("alice", at=right).pair()
    for node in wrong, right:
        client(at=node).ask("users", {}, **pair)
    theirs = client("alice", at=wrong).pair()  # another key: those that expired are dropped
    for node in wrong, right, wrong:
        for one in pair, theirs:
            c = client(at=node)
            c.ask("users", {}, **one)
            c.expect("users")


def test_bans_end_by_it(start_chatd, client, ctl, shifted):
    wrong = start_chatd(env=shifted(40 * DAY_S))
    client("alice", at=wrong).close()
    ctl("user", "ban", "alice", "--for", "1h")
    alice = client(at=wrong)
    alice.ask("signIn", {"username": "alice", "password": "correct horse"})
    alice.expect_error("banned")


def wall(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


@pytest.mark.parametrize("days", [40, -40])
def test_chatctl_goes_by_it(client, ctl, shifted, days):
    """Bans, sessions, purges, and the times of what it says."""
    alice = client("alice", join="0")
    alice.say("just now")
    wrong = shifted(days * DAY_S)
    ctl("message", "send", "public", "from there", env=wrong)
    assert abs(wall(alice.hear("from there")["createdAt"]) - time.time()) < 60
    assert len(ctl("session", "list", "alice", env=wrong).splitlines()) == 1
    for age in ("--older-than", "1h"), ("--before", "1h"):
        ctl("channel", "purge", "public", *age, "--yes", env=wrong)
    assert len(alice.history()["messages"]) == 2
    ctl("channel", "purge", "public", "--keep", "1", "--yes", env=wrong)
    ctl("channel", "restore", "public", env=wrong)
    assert len(alice.history()["messages"]) == 2
    ctl("user", "ban", "alice", "--for", "1h", env=wrong)
    banned = client()
    banned.ask("signIn", {"username": "alice", "password": "correct horse"})
    banned.expect_error("banned")
    row = ctl.json("user", "show", "alice", env=wrong)
    assert abs(wall(row["banned_until"]) - time.time() - 3600) < 60
    assert "alice" in ctl("user", "list", "--banned", env=wrong)
