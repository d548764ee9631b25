"""chatctl on Redis under Sentinel and on Redis Cluster: the same words, whatever is underneath."""

import itertools
import json
import subprocess

import pytest

import chat
from ctl import UNAVAILABLE, Ctl
from redis_shapes import Cluster, Sentinel

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module", params=[Sentinel, Cluster], ids=["sentinel", "cluster"])
def shape(request):
    with request.param() as s:
        yield s


@pytest.fixture
def prefix():
    return f"c{next(NUMBERS)}:"


@pytest.fixture
def ctl(shape, prefix):
    return Ctl(shape.uri, prefix, user=None)


def test_every_noun(shape, ctl, start_chatd, client, tmp_path):
    node = start_chatd(shape.uri)
    for name in "alice", "bob", "carol":
        ctl.add(name, "a good password")
    alice = client(at=node)
    alice.sign_in("alice", "a good password")
    alice.join("0")
    assert [row[0] for row in ctl.tsv("user", "list")] == ["alice", "bob", "carol"]
    ctl("message", "send", "public", "--as", "bob", "-", stdin="one\ntwo\n")
    assert [alice.hear(text)["seq"] for text in ("one", "two")] == [1, 2]
    ctl("message", "send", "alice,carol", "--as", "carol", "-", stdin="psst\n")
    assert {",".join(sorted(row[0].split(","))) for row in ctl.tsv("channel", "list")} == {"public", "alice,carol"}
    assert len(ctl.tsv("node", "list")) == 1 and ctl.tsv("stats")
    lines = ctl("--format", "jsonl", "message", "tail", "public").splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["one", "two"]
    ctl("--yes", "user", "kick", "alice")
    alice.expect_close()
    ctl("--yes", "channel", "purge", "public")
    assert "0" == str(len(ctl.tsv("message", "tail", "public")))
    ctl("channel", "restore", "public")
    assert len(ctl.tsv("message", "tail", "public")) == 2
    ctl("fsck")
    rows = ctl.tsv("doctor")
    assert {row[0] for row in rows} >= {"connection", "version", "role", "schema", "acl"}
    assert sum(row[0] == "role" and row[1] == "ok" for row in rows) == (3 if isinstance(shape, Cluster) else 1), rows


def test_export_and_import(shape, ctl, prefix):
    for i in range(8):
        ctl.add(f"user{i}")
    for i in range(8):
        ctl("message", "send", f"user{i},user{(i + 1) % 8}" if i < 7 else "public", "--as", f"user{i}", "-",
            stdin="".join(f"m{n}\n" for n in range(20)))
    exported = ctl("export")
    other = Ctl(shape.uri, f"other{prefix}", user=None)
    other("import", stdin=exported)
    assert other("export") == exported and exported.count('"message":') == 160
    other("fsck")


def test_tail_of_several_channels(shape, ctl):
    for name in "alice", "bob":
        ctl.add(name, "a good password")
    ctl("message", "send", "alice,bob", "--as", "bob", "-", stdin="zero\n")
    tail = subprocess.Popen([ctl.binary, "--format", "jsonl", "message", "tail", "-f", "public", "alice,bob"],
                            env=ctl.env(), stdout=subprocess.PIPE)
    try:
        ctl("message", "send", "public", "--as", "bob", "-", stdin="one\n")
        ctl("message", "send", "alice,bob", "--as", "alice", "-", stdin="two\n")
        assert {json.loads(tail.stdout.readline())["message"] for _ in range(3)} == {"zero", "one", "two"}
    finally:
        tail.kill()
        tail.wait()
        tail.stdout.close()


def test_behind_a_failover(shape, ctl):
    """A dead master: unavailable in time; the next one: as before."""
    ctl.add("alice")
    if isinstance(shape, Sentinel):
        old = shape.kill_master()
        shape.wait_failover(old)
        assert ctl.tsv("user", "list")
        shape.revive(old)
    else:
        old = shape.masters()[0]
        old.kill()
        shape.wait_failover(old)
        assert ctl.tsv("user", "list")
        old.start()
    shape.wait_ready()


def test_nobody_there(ctl):
    for uri in "sentinel://127.0.0.1:1,127.0.0.1:2/chat", "cluster://127.0.0.1:1":
        Ctl(uri, "x:", user=None)("--timeout", "1s", "user", "list", status=UNAVAILABLE)
