"""sys events: who comes and goes, and what waits unread."""

import chat
from stopwatch import Stopwatch


def about(user, recipient="0"):
    return {"recipientUUID": recipient, "userUUID": user.user, "username": user.name}


def test_joining_is_told_to_the_other_members(client):
    alice, bob = client("alice", join="0"), client("bob")
    bob.join("0")
    assert alice.expect_event("channelJoin") == {"type": "channelJoin", **about(bob)}
    bob.join("0")
    carol = client("carol", join="0")
    assert alice.expect_event("channelJoin") == {"type": "channelJoin", **about(carol)}, "once"
    events = [f["sys"] for f in bob.fence() if f["type"] == "sys"]
    assert all(event["userUUID"] != bob.user for event in events), "nobody is told of themselves"


def test_coming_online_and_going_offline(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.expect_event("channelJoin")
    bob.close()
    assert alice.expect_event("signOut") == {"type": "signOut", **about(bob)}
    client("bob")
    assert alice.expect_event("signIn") == {"type": "signIn", **about(bob)}


def test_only_the_first_and_the_last_connection_count(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.expect_event("channelJoin")
    second = client("bob")
    bob.close()
    second.sign_out()
    assert alice.expect_event("signOut") == {"type": "signOut", **about(bob)}
    assert alice.heard() == [] and not [e for e in alice.events if e["type"] == "signOut"], "once"


def test_a_lost_connection_is_a_sign_out(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    bob.drop()
    assert alice.expect_event("signOut") == {"type": "signOut", **about(bob)}


def test_sign_out_is_told(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    bob.sign_out()
    assert alice.expect_event("signOut") == {"type": "signOut", **about(bob)}


def test_nothing_is_said_of_those_who_come_back_at_once(client, start_chatd):
    """… however often: who hears of them could be many."""
    node = start_chatd(presence_delay="3s")
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.expect_event("channelJoin")
    pair = bob.pair()
    bob.close()
    for _ in range(50):
        again = client(at=node)
        again.ask("users", **pair)
        again.expect("users")
        assert alice.users(online=True)["total"] == 2, "online all the time"
        again.drop()
    assert alice.fence() == []
    watch = Stopwatch()
    assert alice.expect_event("signOut") == {"type": "signOut", **about(bob)}
    assert watch.wall() > 1.5
    assert alice.users(online=True)["total"] == 1


def test_a_sign_out_is_told_at_once_on_request(client, start_chatd):
    node = start_chatd(presence_delay=0)
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.expect_event("channelJoin")
    bob.close()
    watch = Stopwatch()
    alice.expect_event("signOut")
    assert watch.seconds() < 0.9


def test_leaving_has_a_rate(client, start_chatd):
    """Members are told of each leaving, and of the join behind it."""
    node = start_chatd(limit_loopback=True, max_rate=0, max_rate_user=0)
    alice, bob = client("alice", at=node), client("bob", at=node)
    bob.join(alice.user)
    refused = 0
    for _ in range(40):
        alice.join(bob.user)
        alice.ask("channelLeave", {"recipientUUID": bob.user})
        frame = alice.expect_any("channelLeave", "error")
        if frame["type"] == "error":
            assert frame["error"]["name"] == "rate_limited" and frame["error"]["retryAfterMs"] <= 100
            refused += 1
    assert refused >= 10
    events = [f["sys"]["type"] for f in bob.fence() if f["type"] == "sys"]
    assert events.count("channelLeave") == 40 - refused, "each that was carried out is told"


def test_private_channel_is_named_by_each_side(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    bob.join(alice.user)
    bob.leave(alice.user)
    assert alice.expect_event("channelLeave") == {"type": "channelLeave", **about(bob, bob.user)}
    bob.join(alice.user)
    assert alice.expect_event("channelJoin") == {"type": "channelJoin", **about(bob, bob.user)}
    bob.close()
    assert alice.expect_event("signOut") == {"type": "signOut", **about(bob, bob.user)}


def test_events_reach_only_connections_that_joined(client):
    alice, joined = client("alice"), client("joined", join="0")
    bob = client("bob", join="0")
    joined.expect_event("channelJoin")
    bob.close()
    joined.expect_event("signOut")
    assert alice.fence() == []


def test_no_events_in_large_channels(client, start_chatd):
    node = start_chatd(event_members=2)
    alice = client("alice", join="0", at=node)
    bob = client("bob", join="0", at=node)
    assert alice.expect_event("channelJoin") == {"type": "channelJoin", **about(bob)}
    carol = client("carol", join="0", at=node)
    carol.close()
    bob.close()
    chat.wait_until(lambda: alice.users(online=True)["total"] == 1)
    assert alice.fence() == [], "three members are too many"


def test_no_events_at_all(client, start_chatd):
    node = start_chatd(event_members=0)
    alice = client("alice", join="0", at=node)
    bob = client("bob", join="0", at=node)
    bob.close()
    chat.wait_until(lambda: alice.users(online=True)["total"] == 1)
    assert alice.fence() == []


# unread

def test_unread_tells_who_has_not_joined(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    for seq in 1, 2:
        alice.say(f"m{seq}", bob.user)
        assert bob.expect_event("unread") == {
            "type": "unread", "recipientUUID": alice.user, "senderUUID": alice.user, "senderUsername": "alice",
            "seq": seq}
    assert [m["message"] for m in bob.join(alice.user)["messages"]] == ["m2", "m1"]


def test_unread_goes_to_every_connection(client):
    alice, bob = client("alice"), [client("bob"), client("bob", join="0")]
    alice.join(bob[0].user)
    alice.say("psst", bob[0].user)
    for connection in bob:
        assert connection.expect_event("unread")["seq"] == 1


def test_no_unread_for_those_who_joined(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    bob.join(alice.user)
    alice.say("psst", bob.user)
    bob.hear("psst")
    alice.say("psst again", bob.user)
    bob.hear("psst again")
    bob.fence()
    bob.say("yes", alice.user)
    assert not [e for e in bob.events if e["type"] == "unread"]


def test_no_unread_for_notes_to_self_or_public_messages(client):
    alice, elsewhere = client("alice", join="0"), client("alice")
    alice.join(alice.user)
    alice.say("note", alice.user)
    alice.say("hello")
    bob = client("bob")
    bob.join(alice.user)
    bob.say("psst", alice.user)
    assert elsewhere.expect_event("unread")["senderUUID"] == bob.user, "and nothing before it"


def test_no_unread_for_the_sender(client):
    alice, elsewhere, bob = client("alice"), client("alice"), client("bob")
    alice.join(bob.user)
    alice.say("psst", bob.user)
    bob.expect_event("unread")
    assert elsewhere.fence() == []


def test_a_repeat_is_not_unread_again(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    uuid = chat.new_uuid()
    alice.say("psst", bob.user, uuid=uuid)
    alice.say("psst", bob.user, uuid=uuid)
    alice.say("next", bob.user)
    assert [bob.expect_event("unread")["seq"] for _ in range(2)] == [1, 2]
