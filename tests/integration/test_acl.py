"""Redis lets chatd do less than it needs."""


import pytest

import chat
from stopwatch import Stopwatch
from test_ctl_doctor import granted, limited


@pytest.fixture
def tcp_redis():
    server = chat.Redis(tcp=True)
    yield server
    server.destroy()


def test_a_join_whose_subscription_is_refused_is_answered(tcp_redis, start_chatd, client, prefix):
    tcp_redis.r.execute_command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all",
                                "resetchannels", f"&{prefix}bus", f"&{prefix}{{u:*")
    uri = tcp_redis.tcp_uri.replace("redis://", "redis://limited:secret@", 1)
    node = start_chatd(redis_uri=uri, prefix=prefix)
    alice = client("alice", at=node)
    for _ in range(2):  # the next one is not stuck behind the first
        watch = Stopwatch()
        alice.send({"type": "channelJoin", "channelJoin": {"recipientUUID": "0"}})
        assert alice.expect("error")["name"] == "unavailable"
        assert watch.seconds() < 3
    assert alice.users()["received"] == 1


# At the start

def refusal(node):
    """What it says when it ends since it is not permitted something."""
    assert node.wait() == 1
    assert node.process.stdout.read() == b""
    return next(line for line in node.log().splitlines() if "event=redis_refused" in line)


@pytest.mark.parametrize("missing", sorted(granted()["chatd"]))
def test_the_command_that_is_missing_is_named(own_redis, start_chatd, prefix, missing):
    limited(own_redis, "chatd", prefix, missing)
    said = refusal(start_chatd(own_redis.uri, wait=False))
    assert f"user chatd-{prefix} may not: {missing} " in said or f"'{missing}' command" in said
    assert set(own_redis.r.keys("*")) <= {f"{prefix}schema"}, "asking leaves nothing behind"


def test_of_several_the_first_is_named(own_redis, start_chatd, prefix):
    limited(own_redis, "chatd", prefix, "xadd", "hset", "spublish")
    assert "may not: hset " in refusal(start_chatd(own_redis.uri, wait=False))


@pytest.mark.parametrize("rules", [["resetkeys", "~other:*"], ["resetchannels", "&other:*"]], ids=["keys", "channels"])
def test_foreign_keys_and_channels(own_redis, start_chatd, prefix, rules):
    name = own_redis.user_for("chatd", prefix)
    own_redis.r.execute_command("ACL", "SETUSER", name, *rules)
    said = refusal(start_chatd(own_redis.uri, wait=False))
    assert "may not: " in said and ("key" in said or "channel" in said)


def test_a_right_that_is_taken_away_and_given_back(own_redis, start_chatd, client, prefix):
    """A chatd that serves says what is missing when its link comes back, keeps its clients, and goes on as soon as it
    may."""
    node = start_chatd(own_redis.uri)
    alice = client("alice", join="0", at=node)
    name = own_redis.user_for("chatd", prefix)
    own_redis.r.execute_command("ACL", "SETUSER", name, "-xadd")
    for one in own_redis.r.client_list():
        if one["user"] == name:
            own_redis.r.client_kill_filter(_id=one["id"])
    node.wait_log("may not: xadd ")
    alice.post("x")
    alice.expect_error("unavailable")
    own_redis.r.execute_command("ACL", "SETUSER", name, "+xadd")

    def goes_on():
        alice.post("again")
        return alice.expect_any("channelMessage", "error")["type"] == "channelMessage"
    chat.wait_until(goes_on)


def test_what_is_missing_within_a_script_is_named(client, start_chatd, own_redis):
    """Redis says ERR of it, and neither the command nor the key."""
    node = start_chatd(own_redis.uri)
    alice = client("alice", at=node)
    user, = own_redis.users.values()
    own_redis.r.execute_command("ACL", "SETUSER", user, "-zremrangebyrank")
    other = client(at=node)
    other.ask("signIn", {"username": "alice", "password": "correct horse"})
    other.expect_error("internal")
    node.wait_log("NOPERM: ZREMRANGEBYRANK in key_add (1 record, 2 keys)")
    alice.close()
