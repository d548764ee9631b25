"""Redis lets chatd do less than it needs."""

import time

import pytest

import chat


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
        start = time.monotonic()
        alice.send({"type": "channelJoin", "channelJoin": {"recipientUUID": "0"}})
        assert alice.expect("error")["name"] == "unavailable"
        assert time.monotonic() - start < 3
    assert alice.users()["received"] == 1
