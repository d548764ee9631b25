"""Several chatd on one Redis are one chat."""

import threading
import time

import chat
import pytest
from load import Load

OFFLINE_WITHIN = 30  # seconds until the users of a killed node are offline


@pytest.fixture
def nodes(start_chatd):
    return [start_chatd() for _ in range(2)]


def online(client):
    return {u["Username"]: u["OnLine"] for u in client.users()["users"]}


# Messages

def test_messages_cross(client, start_chatd):
    three = [start_chatd() for _ in range(3)]
    people = [client(f"user{i}", join="0", at=node) for i, node in enumerate(three)]
    for i, speaker in enumerate(people):
        said = speaker.say(f"from {i}")
        assert said["seq"] == i + 1
        for other in people:
            if other is not speaker:
                assert other.hear(f"from {i}") == said
    for i, node in enumerate(three):
        joined = client(f"late{i}", at=node).join()
        assert [m["message"] for m in joined["messages"]] == ["from 2", "from 1", "from 0"] and joined["seq"] == 3


def test_private_messages_cross(client, nodes):
    alice, bob = client("alice", at=nodes[0]), client("bob", at=nodes[1])
    epoch = alice.join(bob.user)["epoch"]
    assert bob.join(alice.user)["epoch"] == epoch
    said = alice.say("psst", to=bob.user)
    heard = bob.hear("psst")
    assert heard == said and heard["recipientUUID"] == bob.user
    bob.say("yes?", to=alice.user)
    assert alice.hear("yes?")["recipientUUID"] == alice.user


def test_the_senders_other_connection_on_another_node_gets_the_message_once(client, nodes):
    here, there = client("alice", join="0", at=nodes[0]), client("alice", join="0", at=nodes[1])
    said = here.say("hello", requestID=1)
    assert there.hear("hello") == said and "requestID" not in there.last
    assert here.fence() == there.fence() == []


def test_a_private_message_is_told_as_unread_on_another_node_unless_the_channel_is_joined(client, nodes):
    alice, bob = client("alice", at=nodes[0]), client("bob", at=nodes[1])
    alice.join(bob.user)
    told = []

    def unread():  # a hint: what comes right behind the sign-in may still miss the user
        seq = alice.say("psst", to=bob.user)["seq"]
        told.extend(f["sys"] for f in bob.fence())
        return {"type": "unread", "recipientUUID": alice.user, "senderUUID": alice.user,
                "senderUsername": "alice", "seq": seq} in told

    chat.wait_until(unread)
    bob.join(alice.user)
    bob.fence()
    alice.say("again", to=bob.user)
    bob.hear("again")
    assert bob.fence() == []


def test_a_retry_on_another_node_stores_nothing_new(client, nodes):
    alice = client("alice", join="0", at=nodes[0])
    bob = client("bob", join="0", at=nodes[0])
    uuid = chat.new_uuid()
    first = alice.say("once", uuid=uuid)
    bob.hear("once")
    again = client(at=nodes[1])
    again.join(**alice.pair())
    assert again.say("with another text", uuid=uuid, requestID=2) == first and again.last["requestID"] == 2
    assert again.say("once more", uuid=uuid) == first
    assert again.history()["messagesTotal"] == 1
    assert bob.fence() == []


@pytest.mark.parametrize("rounds", [30])
def test_the_same_message_sent_on_two_nodes_at_once_is_one_message(rounds, client, nodes):
    """One of the two is told that it repeats, perhaps before the message itself comes to it."""
    here, there = (client("alice", join="0", at=node) for node in nodes)
    bob = client("bob", join="0", at=nodes[0])
    copies = {here: [], there: []}  # those that came by themselves
    for i in range(rounds):
        uuid = chat.new_uuid()
        for one in here, there:
            one.post(f"m{i}", uuid=uuid, requestID=uuid)
        answers = []
        for one in here, there:
            message = one.expect("channelMessage")
            while "requestID" not in one.last:
                copies[one].append(message["seq"])
                message = one.expect("channelMessage")
            assert message["UUID"] == uuid
            answers.append(message)
        assert answers[0] == answers[1] == bob.hear(f"m{i}") and answers[0]["seq"] == i + 1
    assert [f for f in bob.fence() if f["type"] != "sys"] == []

    def everything_came():
        for one in here, there:
            copies[one] += [f["channelMessage"]["seq"] for f in one.fence() if f["type"] != "sys"]
        return sum(map(len, copies.values())) >= rounds

    chat.wait_until(everything_came, what="a copy for whoever was told of a repeat")
    assert sorted(copies[here] + copies[there]) == list(range(1, rounds + 1)), "one, each time"
    assert all(seqs == sorted(seqs) for seqs in copies.values())


def test_senders_racing_on_three_nodes_see_one_order(start_chatd, redis, prefix):
    three = [start_chatd() for _ in range(3)]
    with Load(three, redis, prefix, senders=6, receivers=3, rate=2000) as load:
        load.wait_acked(3000)
    load.check()
    assert not load.errors and not load.resent


def test_each_channel_has_an_order_of_its_own(client, nodes):
    """Two private channels and the public one, filled from both nodes at once."""
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    alice.join(bob.user)
    bob.join(alice.user)
    n = 60

    def fill(one, other):
        one.burst(*[chat.request("channelMessage", {"recipientUUID": ("0", other.user)[i % 2],
                                                    "message": f"{one.name} {i}"}) for i in range(n)])

    threads = [threading.Thread(target=fill, args=pair) for pair in ((alice, bob), (bob, alice))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    heard = {}
    for one in alice, bob:
        messages = [one.expect("channelMessage") for _ in range(2 * n)]
        for public in True, False:
            part = [m for m in messages if (m["recipientUUID"] == "0") == public]
            assert [m["seq"] for m in part] == list(range(1, n + 1))
            for name in "alice", "bob":
                texts = [int(m["message"].split()[1]) for m in part if m["senderUsername"] == name]
                assert texts == sorted(texts) and len(texts) == n // 2
            heard.setdefault(public, []).append(part)
    assert heard[True][0] == heard[True][1] and heard[False][0] == heard[False][1]


def test_requests_of_a_connection_that_is_gone_are_carried_out_and_harm_nobody(client, nodes):
    """What fails at once, behind what takes a while, behind which the socket is already closed."""
    bob = client("bob", join="0", at=nodes[0])
    for i in range(20):
        alice = client("alice", join="0", at=nodes[0])
        alice.burst(chat.request("users"), chat.request("channelMessage", {"message": f"last words {i}"}),
                    chat.request("channelLeave", {"recipientUUID": bob.user}), chat.request("nonsense"),
                    chat.request("channelMessage", {"message": "to nobody", "recipientUUID": bob.user}))
        alice.drop()
    watcher = client("carol", at=nodes[1])
    chat.wait_until(lambda: not online(watcher)["alice"])
    heard = [f["channelMessage"] for f in bob.fence() if f["type"] != "sys"]
    assert [m["seq"] for m in heard] == list(range(1, len(heard) + 1))
    assert len({m["message"] for m in heard}) == len(heard)


# Who is there

def test_presence_crosses(client, nodes):
    bob = client("bob", join="0", at=nodes[1])
    alice = client("alice", join="0", at=nodes[0])
    event = bob.expect_event("channelJoin")
    assert (event["userUUID"], event["username"], event["recipientUUID"]) == (alice.user, "alice", "0")
    assert online(bob) == {"alice": True, "bob": True}
    alice.close()
    event = bob.expect_event("signOut")
    assert (event["userUUID"], event["username"], event["recipientUUID"]) == (alice.user, "alice", "0")
    assert online(bob) == {"alice": False, "bob": True}
    again = client("alice", at=nodes[0])
    assert bob.expect_event("signIn")["userUUID"] == again.user
    again.sign_out()
    assert bob.expect_event("signOut")["userUUID"] == again.user


def test_nothing_is_said_of_those_who_go_on_elsewhere(client, start_chatd):
    nodes = [start_chatd(presence_delay="2s") for _ in range(2)]
    bob = client("bob", join="0", at=nodes[1])
    alice = client("alice", join="0", at=nodes[0])
    bob.fence()
    bob.events.clear()
    alice.close()
    there = client("alice", at=nodes[1])
    time.sleep(3)
    assert bob.fence() == [] and bob.events == [] and online(bob)["alice"]
    there.close()
    assert bob.expect_event("signOut")["userUUID"] == alice.user


def test_leaving_a_private_channel_crosses(client, nodes):
    alice, bob = client("alice", at=nodes[0]), client("bob", at=nodes[1])
    alice.join(bob.user)
    bob.join(alice.user)
    alice.leave(bob.user)
    event = bob.expect_event("channelLeave")
    assert (event["userUUID"], event["recipientUUID"]) == (alice.user, alice.user)


def test_a_user_on_two_nodes_is_offline_when_the_last_connection_ends(client, nodes):
    bob = client("bob", join="0", at=nodes[1])
    here, there = client("alice", join="0", at=nodes[0]), client("alice", join="0", at=nodes[1])
    bob.fence()
    here.close()
    chat.wait_until(lambda: nodes[0].process.poll() is None)
    third = client("alice", at=nodes[0])
    third.close()
    assert online(bob)["alice"]
    assert [f for f in bob.fence() if f["type"] == "sys"] == [], "nobody came and nobody went"
    there.close()
    assert bob.expect_event("signOut")["userUUID"] == there.user
    assert not online(bob)["alice"]


def test_sign_out_on_one_node_signs_out_the_connections_with_this_key_on_all(client, nodes):
    alice = client("alice", join="0", at=nodes[0])
    same_key, other_key = client(at=nodes[1]), client("alice", join="0", at=nodes[1])
    same_key.join(**alice.pair())
    bob = client("bob", join="0", at=nodes[1])
    alice.sign_out()
    assert same_key.expect("unauthorized") == {"userUUID": alice.user}
    assert "requestID" not in same_key.last
    same_key.post("x")
    same_key.expect_error("not_authorized")
    bob.say("who hears?")
    other_key.hear("who hears?")
    assert other_key.say("still here")["seq"] == 2
    assert [f for f in same_key.fence() if f["type"] != "sys"] == []


# Nodes that end

def test_users_of_a_killed_node_go_offline_by_themselves(client, start_chatd, nodes):
    alice = client("alice", join="0", at=nodes[0])
    twice = client("carol", join="0", at=nodes[0]), client("carol", join="0", at=nodes[1])
    bob = client("bob", join="0", at=nodes[1])
    bob.fence()
    nodes[0].kill()
    event = bob.expect_event("signOut", timeout=OFFLINE_WITHIN)
    assert (event["userUUID"], event["username"], event["recipientUUID"]) == (alice.user, "alice", "0")
    assert online(bob) == {"alice": False, "bob": True, "carol": True}
    assert [f for f in bob.fence() if f["type"] == "sys"] == [], "carol is still on the other node"
    twice[1].close()
    assert bob.expect_event("signOut")["userUUID"] == twice[1].user


def test_users_of_a_killed_node_are_offline_behind_its_restart(client, start_chatd, redis, prefix):
    """The only node there is: nobody else is there to notice, so the next one does."""
    first = start_chatd()
    client("alice", join="0", at=first)
    first.kill()
    bob = client("bob", join="0", at=start_chatd())
    chat.wait_until(lambda: not online(bob)["alice"], OFFLINE_WITHIN, "alice offline")
    chat.wait_until(lambda: redis.r.zcard(f"{prefix}{{presence}}:nodes") == 1)
    assert len(list(redis.r.scan_iter(f"{prefix}{{presence}}:node:*"))) == 1
    assert redis.r.zscore(f"{prefix}{{presence}}:online", bob.user) == 1


def test_users_of_a_stopped_node_are_offline_at_once(client, nodes):
    alice = client("alice", join="0", at=nodes[0])
    bob = client("bob", join="0", at=nodes[1])
    bob.fence()
    nodes[0].terminate()
    assert alice.expect_close(1001)[-1]["sys"]["type"] == "goAway"
    assert bob.expect_event("signOut", timeout=2)["userUUID"] == alice.user
    assert online(bob) == {"alice": False, "bob": True}
    assert nodes[0].wait() == 0


def test_a_node_that_was_only_held_up_has_its_users_online_again(client, start_chatd, redis, prefix):
    """Taken for dead (which takes as long as a kill; here Redis is told so) it comes back."""
    a, b = start_chatd(), start_chatd()
    alice, bob = client("alice", join="0", at=a), client("bob", join="0", at=b)
    bob.fence()
    a.pause()
    try:
        names = f"{prefix}{{presence}}:nodes"
        mine = next(n for n in redis.r.zrange(names, 0, -1)
                    if redis.r.sismember(f"{prefix}{{presence}}:node:{n}", alice.user))
        redis.r.zadd(names, {mine: 1})
        assert bob.expect_event("signOut", timeout=15)["userUUID"] == alice.user
    finally:
        a.resume()
    chat.wait_until(lambda: online(bob)["alice"])
    assert redis.r.zscore(f"{prefix}{{presence}}:online", alice.user) == 1
    said = bob.say("welcome back")
    assert alice.hear("welcome back") == said
