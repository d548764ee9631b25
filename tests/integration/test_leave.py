"""channelLeave: no more messages, no longer a member."""

import chat


def test_leave(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    bob.join(alice.user)
    assert alice.leave(bob.user, requestID=2) == {"recipientUUID": bob.user}
    assert alice.last["requestID"] == 2
    bob.say("are you there?", alice.user)
    assert alice.heard() == []
    alice.post("yes", bob.user)
    alice.expect_error("not_joined")


def test_leaving_ends_the_membership(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    bob.join(alice.user)
    bob.leave(alice.user)
    assert alice.join(bob.user)["usersTotal"] == 2, "the one who joins makes both members again"


def test_member_while_another_connection_is_joined(client, redis, prefix):
    first, second, bob = client("alice"), client("alice"), client("bob")
    first.join(bob.user)
    second.join(bob.user)
    members = f"{prefix}{{c:dm:{':'.join(sorted([first.user, bob.user]))}}}:members"
    first.leave(bob.user)
    assert redis.r.zscore(members, first.user) is not None
    second.say("still here", bob.user)
    second.leave(bob.user)
    assert redis.r.zrange(members, 0, -1) == [bob.user]


def test_coming_back(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    alice.say("one", bob.user)
    alice.leave(bob.user)
    assert [m["message"] for m in alice.join(bob.user)["messages"]] == ["one"]
    assert alice.say("two", bob.user)["seq"] == 2


def test_leaving_notes_to_self(client):
    alice = client("alice")
    alice.join(alice.user)
    alice.say("note", alice.user)
    alice.leave(alice.user)
    assert alice.history(alice.user)["messagesTotal"] == 1


def test_nothing_stays_that_holds_nothing(client, redis, prefix):
    """Joining a stranger and leaving again, nothing being said."""
    alice = client("alice")
    strangers = [client(f"stranger{n}") for n in range(10)]
    before = set(redis.r.scan_iter(prefix + "*"))
    for stranger in strangers:
        alice.join(stranger.user)
        alice.leave(stranger.user)
    alice.join(alice.user)
    alice.leave(alice.user)
    assert set(redis.r.scan_iter(prefix + "*")) == before
    alice.join(strangers[0].user)  # and what goes on goes on
    strangers[0].join(alice.user)
    alice.leave(strangers[0].user)
    alice.join(strangers[0].user)
    alice.say("hello", strangers[0].user)
    assert strangers[0].hear("hello")["seq"] == 1
    alice.leave(strangers[0].user)
    strangers[0].leave(alice.user)
    assert [m["message"] for m in client("stranger0").join(alice.user)["messages"]] == ["hello"]


def test_not_joined(client, unchanged):
    alice, bob = client("alice", join="0"), client("bob")
    with unchanged():
        for recipient in bob.user, alice.user, chat.NOBODY:
            alice.ask("channelLeave", {"recipientUUID": recipient})
            alice.expect_error("not_joined")


def test_leaving_twice(client):
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    alice.leave(bob.user)
    alice.ask("channelLeave", {"recipientUUID": bob.user})
    alice.expect_error("not_joined")


def test_nobody_leaves_the_public_channel(client, unchanged):
    alice = client("alice", join="0")
    with unchanged():
        for body in {"recipientUUID": 0}, {"recipientUUID": "0"}, {"recipientUUID": ""}, {}:
            alice.ask("channelLeave", body, requestID=1)
            assert alice.expect_error("public_channel")["code"] == 13
            assert alice.last["requestID"] == 1
    assert alice.say("still here")["seq"] == 1


def test_malformed_recipient(client):
    alice = client("alice")
    alice.ask("channelLeave", {"recipientUUID": "bob"})
    alice.expect_error("not_found")
