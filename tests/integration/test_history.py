"""channelMessages: reading what was said, by offset and by position."""

import chat
import pytest


@pytest.fixture
def talk(client):
    """A client who has said m1 … m30 in the public channel."""
    alice = client("alice", join="0")
    alice.burst(*[chat.request("channelMessage", {"message": f"m{i}"}) for i in range(1, 31)])
    for i in range(1, 31):
        alice.hear(f"m{i}")
    return alice


def page(first, last):
    """m<first> down to m<last>."""
    return [f"m{i}" for i in range(first, last - 1, -1)]


@pytest.mark.parametrize("fields,expected", [
    ({}, page(30, 21)),
    ({"limit": 1}, page(30, 30)),
    ({"limit": 99}, page(30, 1)),
    ({"offset": 0, "limit": 2}, page(30, 29)),
    ({"offset": 1, "limit": 1}, page(29, 29)),
    ({"offset": 25}, page(5, 1)),
    ({"offset": 29}, page(1, 1)),
    ({"offset": 30}, []),
    ({"offset": 4294967295}, []),
    ({"before": 31, "limit": 3}, page(30, 28)),
    ({"before": 30, "limit": 3}, page(29, 27)),
    ({"before": 2}, page(1, 1)),
    ({"before": 1}, []),
    ({"before": 9007199254740991, "limit": 2}, page(30, 29)),
    ({"after": 1, "limit": 3}, page(4, 2)),
    ({"after": 27}, page(30, 28)),
    ({"after": 29}, page(30, 30)),
    ({"after": 30}, []),
    ({"after": 9007199254740991}, []),
    ({"offset": None, "limit": None, "before": None, "after": None}, page(30, 21)),
], ids=str)
def test_pages(talk, fields, expected):
    answer = talk.history(**fields)
    assert [m["message"] for m in answer["messages"]] == expected
    assert answer["messagesReceived"] == len(expected)
    assert (answer["messagesTotal"], answer["seq"], answer["recipientUUID"]) == (30, 30, "0")


def test_messages_are_those_that_were_sent(client):
    alice = client("alice", join="0")
    said = [alice.say(f"m{i}") for i in range(3)]
    assert alice.history()["messages"] == said[::-1]


def test_type_and_body_are_those_of_the_seed(talk):
    talk.ask("channelMessages", {"recipientUUID": 0, "offset": 1, "limit": 1}, requestID="r")
    talk.expect("channelRead")
    assert set(talk.last) == {"type", "channelMessages", "requestID"} and talk.last["requestID"] == "r"


def test_walking_with_before_meets_each_message_once(talk):
    seen, position = [], {}
    while True:
        messages = talk.history(limit=7, **position)["messages"]
        if not messages:
            break
        seen += [m["seq"] for m in messages]
        position = {"before": messages[-1]["seq"]}
    assert seen == list(range(30, 0, -1))


def test_epoch_is_that_of_the_join(client):
    alice = client("alice")
    joined = alice.join("0")
    assert alice.history()["epoch"] == joined["epoch"]


def test_reading_needs_no_join(client, talk):
    bob = client("bob")
    assert bob.history(limit=1)["messages"][0]["message"] == "m30"
    talk.say("m31")
    assert bob.heard() == [], "and does not join"


def test_private_history_is_for_the_two(client):
    alice, bob, carol = client("alice"), client("bob"), client("carol")
    alice.join(bob.user)
    said = alice.say("psst", bob.user)
    assert bob.history(alice.user)["messages"] == [said]
    assert bob.history(alice.user)["recipientUUID"] == alice.user
    assert alice.history(bob.user)["messages"] == [said]
    for recipient in alice.user, bob.user, carol.user, "0":
        assert carol.history(recipient)["messages"] == []


def test_channel_that_nobody_has_used(client, unchanged):
    alice, bob = client("alice"), client("bob")
    with unchanged():
        for recipient in "0", alice.user, bob.user:
            answer = alice.history(recipient)
            assert (answer["messages"], answer["messagesTotal"], answer["messagesReceived"],
                    answer["seq"]) == ([], 0, 0, 0)
            assert answer["epoch"] == "00000000-0000-0000-0000-000000000000"


def test_unknown_user(client):
    alice = client("alice")
    for recipient in chat.NOBODY, "bob", "1":
        alice.ask("channelMessages", {"recipientUUID": recipient})
        alice.expect_error("not_found")


def test_large_messages_make_short_pages_but_none_is_left_out(client):
    """99 × 16 KiB would not fit into what a session may have waiting."""
    alice = client("alice", join="0")
    for i in range(40):
        alice.say(f"{i:04}" + "\U0001f40e" * 4090)
    seen, position = [], {}
    while True:
        answer = alice.history(limit=99, **position)
        if not answer["messages"]:
            break
        assert answer["messagesReceived"] == len(answer["messages"]) < 40
        seen += [m["seq"] for m in answer["messages"]]
        position = {"before": seen[-1]}
    assert seen == list(range(40, 0, -1))
    after = alice.history(limit=99, after=1)["messages"]
    assert [m["seq"] for m in after] == list(range(after[0]["seq"], after[-1]["seq"] - 1, -1))
    assert after[-1]["seq"] == 2, "those nearest to the one named"


def watch(monitor, node, clients, ask):
    """What the clients get when their requests reach the node together, and how often it reads a log."""
    node.pause()
    for i, c in enumerate(clients):
        ask(i, c)
    node.resume()
    answers = [c.expect_any("channelRead") for c in clients]
    clients[0].say("the end")
    reads = 0
    for command in monitor.listen():
        reads += command["command"].startswith("XREVRANGE")
        if "the end" in command["command"]:
            return answers, reads


def test_a_page_that_several_ask_for_at_once_is_read_once(own_redis, start_chatd):
    node = start_chatd(own_redis.uri)
    clients = [chat.Client(node) for _ in range(8)]
    for i, c in enumerate(clients):
        c.sign_in(f"user{i}")
        c.join("0")
    clients[0].say("hello")
    for c in clients:
        c.fence()
    gone = chat.Client(node)
    gone.sign_in("gone")

    def ask(i, c):
        if i == 0:  # asks first and doesn't stay
            gone.ask("channelMessages", {"recipientUUID": "0", "limit": 50})
            gone.drop()
        c.ask("channelMessages", {"recipientUUID": "0", "limit": 50 if i < 6 else 20}, requestID=i)

    with own_redis.r.monitor() as monitor:
        answers, reads = watch(monitor, node, clients, ask)
    assert [a["requestID"] for a in answers] == list(range(8))
    assert all([m["message"] for m in a["channelMessages"]["messages"]] == ["hello"] for a in answers)
    assert reads == 2, "one for each size of page"


def test_who_asks_later_gets_a_page_of_their_own(own_redis, start_chatd):
    """It may be another one: somebody may have had an acknowledgement since the first was read."""
    node = start_chatd(own_redis.uri)
    alice, bob, carol = (chat.Client(node) for _ in range(3))
    for c, name in (alice, "alice"), (bob, "bob"), (carol, "carol"):
        c.sign_in(name)
    with own_redis.r.monitor() as monitor:
        own_redis.pause()
        alice.ask("channelMessages", {"recipientUUID": "0", "limit": 50})
        alice.send_frame(chat.PING)
        assert alice.recv_frame()[0] == chat.PONG
        carol.fence()  # a turn has ended
        bob.ask("channelMessages", {"recipientUUID": "0", "limit": 50})
        own_redis.resume()
        for c in alice, bob:
            c.expect("channelRead")
        own_redis.r.set("the", "end")
        reads = 0
        for command in monitor.listen():
            reads += command["command"].startswith("XREVRANGE")
            if command["command"] == "SET the end":
                break
    assert reads == 2
