"""chatctl doctor and chatd ask Redis about every command that they send, wherever they send it from, and the shipped
users may do that and no more: one table, common/redis/grants.c, held against the sources."""

import os
import subprocess

import pytest

import chat
import commands
from ctl import DONE, FAILED, Ctl

DOCTORS = {"acl|list", "config|get"}  # what may not be looked at is said, and nothing else depends on it
TO_ASK = {"multi", "exec", "discard"}  # permissions are asked for in a transaction that is discarded


def granted():
    """{"chatd": {"zadd", ...}, ...} from the shipped file."""
    rows = [line.split() for line in chat.ACL.read_text().splitlines() if line.startswith("user ")]
    return {row[1]: {word[1:] for word in row if word.startswith("+")} for row in rows}


@pytest.mark.parametrize("program", ["chatd", "chatctl"])
def test_what_is_sent_is_granted(program):
    sent = commands.sent()[program]
    assert len(sent) > 40
    assert sent - granted()[program] - DOCTORS == set()


@pytest.mark.parametrize("program", ["chatd", "chatctl"])
def test_what_is_granted_is_sent(program):
    assert granted()[program] - commands.sent()[program] - TO_ASK == set()


def test_the_shipped_file_is_what_chatd_prints():
    """UPDATE_GOLDEN=1 writes it anew."""
    done = subprocess.run([os.environ["CHATD_BIN"], "--print-acl"], capture_output=True, text=True, check=True)
    lines = chat.ACL.read_text().splitlines(keepends=True)
    comments = "".join(line for line in lines if line.startswith("#"))
    if os.environ.get("UPDATE_GOLDEN"):
        chat.ACL.write_text(comments + done.stdout)
    assert chat.ACL.read_text() == comments + done.stdout


@pytest.fixture
def shipped(own_redis):
    """A Redis with the shipped users, and may("chatd", "FLUSHALL")."""
    for line in chat.ACL.read_text().splitlines():
        if line.startswith("user "):
            own_redis.r.execute_command("ACL", "SETUSER", *line.split()[1:])

    def may(user, *command):
        return own_redis.r.execute_command("ACL", "DRYRUN", user, *command) in ("OK", b"OK")
    return may


@pytest.mark.parametrize("user", ["chatd", "chatctl"])
def test_the_shipped_users_may_do_no_harm(shipped, user):
    assert shipped(user, "GET", "chat:users") and shipped(user, "SPUBLISH", "chat:bus", "x")
    for command in ("FLUSHALL", "FLUSHDB", "EVAL return 0", "CONFIG GET *", "CONFIG SET dir /", "MONITOR", "KEYS *",
                    "RESTORE chat:x 0 x", "DUMP chat:x", "MIGRATE h 1 k 0 1", "SHUTDOWN", "REPLICAOF h 1",
                    "DEBUG SLEEP 1", "ACL LIST", "ACL SETUSER x on", "CLIENT LIST", "CLIENT KILL ID 1", "SCRIPT FLUSH",
                    "MODULE LIST", "FUNCTION LIST", "SAVE", "BGSAVE",
                    "SWAPDB 0 1", "MOVE chat:x 1", "COPY chat:x y", "SORT chat:x",
                    "PSUBSCRIBE *", "SLOWLOG GET", "LATENCY RESET", "OBJECT FREQ chat:x", "RANDOMKEY", "SYNC",
                    "PSYNC ? -1", "GET other:users", "SET chat x", "ZADD other: 1 m", "XADD other:log * f v",
                    "SPUBLISH other:bus x", "PUBLISH chat:bus x"):
        assert not shipped(user, *command.split()), command


def test_the_shipped_users_have_no_password(own_redis, shipped):
    for attempt in ("", "chatd", "password"):
        # newer redis-py leaves the word out
        with pytest.raises(Exception, match="WRONGPASS|invalid username-password pair"):
            own_redis.r.execute_command("AUTH", "chatd", attempt)


def limited(server, program, prefix, *without):
    """That program's user but for some commands; returns the URI."""
    name = server.user_for(program, prefix)
    server.r.execute_command("ACL", "SETUSER", name, *(f"-{command}" for command in without))
    return chat.as_user(server.uri, program, prefix)


@pytest.mark.parametrize("missing", ["zadd", "xinfo|stream", "multi", "exec", "evalsha", "scan", "hset", "discard"])
def test_doctor_names_what_is_missing(own_redis, prefix, missing):
    ctl = Ctl(own_redis.uri, prefix)
    before = own_redis.r.keys("*")
    assert "may do all" in ctl("doctor")
    limited(own_redis, "chatctl", prefix, missing)
    row, = (row for row in ctl.tsv("doctor", status=FAILED) if row[0] == "acl")
    assert row[1] == "fail" and row[2].endswith(f"may not: {missing}")
    assert own_redis.r.keys("*") == before, "asking leaves nothing behind"


def test_doctor_names_all_that_is_missing(own_redis, prefix):
    ctl = Ctl(own_redis.uri, prefix)
    limited(own_redis, "chatctl", prefix, "zadd", "xadd", "memory|usage")
    row, = (row for row in ctl.tsv("doctor", status=FAILED) if row[0] == "acl")
    assert row[2].split("may not: ")[1].split() == ["memory|usage", "zadd", "xadd"]


@pytest.mark.parametrize("size,advice", [(4096, True), (2048, False), (0, True), (100, False)])
def test_doctor_knows_what_a_small_channel_costs(own_redis, prefix, size, advice):
    own_redis.raw.config_set("stream-node-max-bytes", size)
    row, = (row for row in Ctl(own_redis.uri, prefix, user=None).tsv("doctor") if row[0] == "streams")
    assert row[1] == "ok" and f"stream-node-max-bytes {size}" in row[2] and ("with 2048" in row[2]) == advice


OTHERS = {
    "on nopass ~* &* +@all": "other (no password)",
    "on >pw &* -@all +spublish": "other",
    "on >pw resetchannels &c* +@pubsub": "other",
    "on >pw resetchannels &PREFIXbus +@all -get": "other",
    "on >pw resetchannels (&PREFIX* +spublish)": "other",
    "off >pw ~* &* +@all": None,
    "on >pw ~* &* +@all -spublish": None,
    "on >pw ~* resetchannels +@all": None,
    "on >pw ~* resetchannels &else* &other:bus +@all": None,
    "on >pw ~* resetchannels +@all (&PREFIX* +get)": None,
}


@pytest.mark.parametrize("rights", OTHERS)
def test_doctor_names_who_may_publish_on_our_channels(own_redis, rights):
    plain, _, selector = rights.replace("PREFIX", "chat:").partition("(")
    own_redis.r.execute_command("ACL", "SETUSER", "other", "reset", *plain.split(), *["(" + selector] * bool(selector))
    row, = (row for row in Ctl(own_redis.uri, "chat:", user=None).tsv("doctor") if row[0] == "users")
    names = ["default (no password)", *filter(None, [OTHERS[rights]])]
    assert row[1:] == ["warn", "may publish on our channels, in anybody's name: " + ", ".join(names)]


def test_doctor_is_content_where_nobody_else_may_publish(own_redis, prefix):
    own_redis.r.execute_command("ACL", "SETUSER", "admin", "on", ">pw", "~*", "resetchannels", "+@all")
    uri = own_redis.uri.replace("://", "://admin:pw@")
    own_redis.r.execute_command("ACL", "SETUSER", "default", "resetchannels")
    row, = (row for row in Ctl(uri, prefix, user=None).tsv("doctor", status=None) if row[0] == "users")
    assert row[1:] == ["ok", "nobody else may publish on our channels"]


def test_doctor_knows_an_open_redis(own_redis, prefix):
    row, = (row for row in Ctl(own_redis.uri, prefix, user=None).tsv("doctor") if row[0] == "users")
    assert row[1] == "warn" and row[2].endswith("default (no password)")


def test_doctor_as_the_default_user_looks_at_everything(own_redis, prefix):
    rows = Ctl(own_redis.uri, prefix, user=None).tsv("doctor", status=DONE)
    assert {row[0] for row in rows} >= {"connection", "version", "acl", "pubsub", "memory"}
    assert not [row for row in rows if "not permitted" in row[2]]
