"""Many come back at once: their joins stand in line at the node, and hold up nobody's messages."""


import chat
import pytest
from stopwatch import Stopwatch

CROWD = 150     # more than twice as many as are let in at once
PLACES = 64     # chatd/op/admission.h
WITHIN = 3.0    # seconds until a request is answered, whatever Redis does


@pytest.fixture
def crowd(start_chatd, own_redis):
    """(alice, who is joined to a channel with herself; connections that have yet to come in with her key)"""
    node = start_chatd(own_redis.uri)
    alice = chat.Client(node)
    alice.sign_in("alice")
    alice.join(alice.user)
    clients = [chat.Client(node) for _ in range(CROWD)]
    yield alice, clients
    for c in [alice, *clients]:
        c.close()


def ask_all(alice, clients):
    """All have asked to join, and the node has read it."""
    for c in clients:
        c.ask("channelJoin", {"recipientUUID": "0"}, **alice.pair())
        c.send_frame(chat.PING)
    for c in clients:
        assert c.recv_frame()[0] == chat.PONG


def test_message_passes_joins_by(crowd, own_redis):
    alice, clients = crowd
    with own_redis.r.monitor() as monitor:
        own_redis.pause()
        ask_all(alice, clients)
        alice.post("first", to=alice.user)
        alice.send_frame(chat.PING)
        assert alice.recv_frame()[0] == chat.PONG
        own_redis.resume()
        joins = 0
        for command in monitor.listen():
            joins += command["command"].startswith("ZSCORE")  # the look at a key, which each begins with
            if "first" in command["command"]:
                break
    assert 0 < joins <= PLACES
    alice.hear("first")
    for c in clients:
        c.expect("channelJoin")


def test_those_who_leave_the_line(crowd, own_redis):
    alice, clients = crowd
    own_redis.pause()
    ask_all(alice, clients)
    for c in clients[::2]:
        c.drop()
    alice.fence()
    own_redis.resume()
    for c in clients[1::2]:
        c.expect("channelJoin")
    for _ in range(2):  # nobody has taken a place along
        for c in clients[1::2]:
            c.ask("users")
        for c in clients[1::2]:
            c.expect("users")


def test_line_when_redis_hangs(crowd, own_redis):
    alice, clients = crowd
    own_redis.pause()
    watch = Stopwatch()
    ask_all(alice, clients)
    for c in clients:
        c.expect_error("unavailable", timeout=2 * WITHIN)
    assert watch.seconds() < WITHIN
    own_redis.resume()
    for c in clients:
        chat.wait_until(lambda: joins(alice, c), what="service")


def joins(alice, c):
    c.ask("channelJoin", {"recipientUUID": "0"}, **alice.pair())
    return c.expect_any("channelJoin", "error")["type"] == "channelJoin"
