"""channelJoin: what the answer holds, and which channel is meant."""

import chat
import pytest

NIL = "00000000-0000-0000-0000-000000000000"


def texts(answer):
    return [m["message"] for m in answer["messages"]]


def member(client, online=True):
    return {"UUID": client.user, "username": client.name, "online": online}


def test_first_join_of_the_public_channel(client):
    alice = client("alice")
    answer = alice.join("0", requestID=9)
    assert alice.last["requestID"] == 9
    assert answer["recipientUUID"] == "0" and answer["messages"] == [] and answer["seq"] == 0
    assert answer["users"] == [member(alice)] and answer["usersTotal"] == 1
    assert answer["epoch"] != NIL and "recovered" not in answer


@pytest.mark.parametrize("body", [{"recipientUUID": 0}, {"recipientUUID": "0"}, {"recipientUUID": ""},
                                  {"recipientUUID": None}, {}, {"recipientUUID": 0.0}, {"recipientUUID": -0}])
def test_ways_to_name_the_public_channel(client, body):
    alice = client("alice")
    alice.ask("channelJoin", body)
    assert alice.expect("channelJoin")["recipientUUID"] == "0"
    alice.ask("channelMessage", {**body, "message": "hi"})
    assert alice.expect("channelMessage")["recipientUUID"] == "0"
    alice.ask("channelMessages", body)
    assert alice.expect("channelRead")["recipientUUID"] == "0"


def test_newest_ten_newest_first(client):
    alice = client("alice", join="0")
    said = [alice.say(f"message {i}") for i in range(12)]
    answer = client("bob").join("0")
    assert texts(answer) == [f"message {i}" for i in range(11, 1, -1)]
    assert answer["seq"] == 12
    newest = answer["messages"][0]
    assert newest.pop("created_at") == newest["createdAt"]
    assert newest == said[-1]


def test_what_follows_the_answer_has_the_next_number(client):
    alice, bob = client("alice", join="0"), client("bob")
    alice.say("before")
    seq = bob.join("0")["seq"]
    alice.say("after")
    assert bob.hear("after")["seq"] == seq + 1


def test_members_stay_and_those_online_come_first(client):
    gone = client("gone", join="0")
    gone.close()
    alice, bob = client("alice", join="0"), client("bob")
    chat.wait_until(lambda: alice.users(online=True)["total"] == 2, what="one gone")
    answer = bob.join("0")
    assert answer["usersTotal"] == 3
    assert {str(u) for u in answer["users"][:2]} == {str(member(alice)), str(member(bob))}
    assert answer["users"][2] == member(gone, online=False)


def test_at_most_a_hundred_members_are_listed(client, redis, prefix):
    bob = client("bob", join="0")
    for i in range(120):
        uuid = f"00000000-0000-4000-8000-{i:012}"
        redis.r.hset(f"{prefix}{{u:{uuid}}}", mapping={"name": f"user{i}", "hash": "x", "created": i})
        redis.r.zadd(f"{prefix}{{c:public}}:members", {uuid: i})
    answer = client("alice").join("0")
    assert (answer["usersTotal"], len(answer["users"])) == (122, 100)
    assert sorted(u["username"] for u in answer["users"] if u["online"]) == ["alice", "bob"]
    assert [u["online"] for u in answer["users"]] == [True, True] + [False] * 98
    assert member(bob) in answer["users"][:2]


def test_joining_twice_is_fine_and_messages_still_come_once(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.say("one")
    bob.hear("one")
    again = bob.join("0")
    assert texts(again) == ["one"] and again["usersTotal"] == 2
    alice.say("two")
    alice.say("three")
    bob.hear("two")
    bob.hear("three")


# Private channels

def test_private_channel_is_one_from_both_sides(client):
    alice, bob = client("alice"), client("bob")
    from_alice, from_bob = alice.join(bob.user), bob.join(alice.user)
    assert from_alice["recipientUUID"] == bob.user and from_bob["recipientUUID"] == alice.user
    assert from_alice["epoch"] == from_bob["epoch"]
    said = alice.say("psst", bob.user)
    assert bob.hear("psst") == said and said["recipientUUID"] == bob.user
    back = bob.say("yes?", alice.user)
    assert alice.hear("yes?") == back and back["recipientUUID"] == alice.user
    assert [m["seq"] for m in (said, back)] == [1, 2]


def test_both_are_members_as_soon_as_one_joins(client):
    alice, bob = client("alice"), client("bob")
    answer = alice.join(bob.user)
    assert answer["usersTotal"] == 2
    assert sorted(u["username"] for u in answer["users"]) == ["alice", "bob"]


def test_nobody_else_hears_a_private_message(client):
    alice, bob, carol = client("alice"), client("bob"), client("carol", join="0")
    alice.join(bob.user)
    bob.join(alice.user)
    carol.join(alice.user)
    carol.join(bob.user)
    alice.say("psst", bob.user)
    bob.hear("psst")
    assert carol.history(bob.user)["messages"] == carol.history(alice.user)["messages"] == []
    assert carol.heard() == []


def test_notes_to_self(client):
    alice = client("alice")
    answer = alice.join(alice.user)
    assert answer["recipientUUID"] == alice.user
    assert answer["users"] == [member(alice)] and answer["usersTotal"] == 1
    note = alice.say("buy milk", alice.user)
    assert note["senderUUID"] == note["recipientUUID"] == alice.user
    elsewhere = client("alice")
    assert texts(elsewhere.join(alice.user)) == ["buy milk"]
    alice.say("and bread", alice.user)
    elsewhere.hear("and bread")


def test_uuid_in_upper_case_is_the_same(client):
    alice, bob = client("alice"), client("bob")
    assert alice.join(bob.user.upper())["recipientUUID"] == bob.user
    alice.say("hi", bob.user)


@pytest.mark.parametrize("recipient", [chat.NOBODY, NIL, "bob", "1", "00", " 0", "0 ", "x" * 1000,
                                       "{9999}", chat.NOBODY + "0", chat.NOBODY.replace("-", "")])
def test_nobody_of_that_name(client, unchanged, recipient):
    alice = client("alice", join="0")
    with unchanged():
        for type in "channelJoin",:
            alice.ask(type, {"recipientUUID": recipient}, requestID=1)
            error = alice.expect_error("not_found")
            assert error["request"] == type and alice.last["requestID"] == 1


def test_a_connection_joins_many_channels_and_each_has_its_own_numbers(client):
    alice = client("alice", join="0")
    others = [client(f"user{i}") for i in range(5)]
    for other in others:
        alice.join(other.user)
        other.join(alice.user)
    for i, other in enumerate(others):
        assert alice.say(f"to {i}", other.user)["seq"] == 1
        other.hear(f"to {i}")
        assert other.say(f"from {i}", alice.user)["seq"] == 2
        alice.hear(f"from {i}")
    assert alice.say("to all")["seq"] == 1


def test_a_new_connection_has_joined_nothing(client):
    alice = client("alice", join="0")
    other = client("alice")
    alice.say("hi")
    other.post("hi")
    other.expect_error("not_joined")
