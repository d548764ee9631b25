"""What surrounds a request: type, SUUID, requestID, members that nobody knows."""

import re

import chat
import pytest


def test_ready_comes_first_and_tells_the_limits(client):
    c = client()
    assert c.ready["server"] == "chatd" and re.fullmatch(r"\d+\.\d+\.\d+", c.ready["version"])
    assert c.ready["limits"] == {"frameBytes": 65536, "messageCharacters": 4096, "messageBytes": 16384,
                                 "historyPage": 99, "usersPage": 1000, "resumeMessages": 500}


def test_limits_follow_the_settings(client, start_chatd):
    assert client(at=start_chatd(max_frame="32k")).ready["limits"]["frameBytes"] == 32768


def test_sessions_differ(client):
    assert len({client().session for _ in range(10)}) == 10


def test_own_session(client):
    alice = client("alice", join="0")
    for suuid in alice.session, alice.session.upper(), "", None:
        alice.say("hi", SUUID=suuid)


def test_another_session(client, unchanged):
    other, alice = client(), client("alice", join="0")
    with unchanged():
        for suuid in other.session, chat.NOBODY, "x", alice.session + "0", "Session UUID":
            alice.post("hi", SUUID=suuid, requestID=1)
            assert alice.expect_error("bad_session")["code"] == 4 and alice.last["requestID"] == 1
            alice.ask("signUp", {"username": "x", "password": "x"}, SUUID=suuid)
            alice.expect_error("bad_session")


def test_session_of_the_last_connection(client):
    """A client that comes back and forgot to take the new one is told so."""
    first = client("alice")
    first.close()
    again = client()
    again.ask("users", SUUID=first.session, **first.pair())
    again.expect_error("bad_session")
    again.ask("users")
    again.expect_error("not_authorized")


@pytest.mark.parametrize("type", ["", "nonsense", "SignIn", "signin", "ready", "authorized", "channelRead",
                                  "signId", "x" * 5000, "\x1b[2J", "users\n", "é"], ids=repr)
def test_unknown_type(client, type):
    alice = client("alice")
    alice.ask(type, {}, requestID="r")
    error = alice.expect_error("unknown_type")
    assert error["code"] == 2 and "request" not in error and alice.last["requestID"] == "r"
    assert len(error["message"]) < 200
    alice.users()


def test_members_are_matched_with_their_case(client):
    c = client()
    c.send({"Type": "signIn", "signIn": {"username": "a", "password": "b"}})
    assert "type" in c.expect_error("bad_field")["message"]
    c.send({"type": "signIn", "SignIn": {"username": "a", "password": "b"}})
    assert "signIn" in c.expect_error("bad_field")["message"]
    c.send({"type": "signIn", "signIn": {"Username": "a", "password": "b"}})
    assert "username" in c.expect_error("bad_field")["message"]


def test_unknown_members_are_ignored(client):
    """So that newer clients work with older servers."""
    alice = client()
    alice.send({"type": "signIn", "signIn": {"username": "alice", "password": "x", "otp": [1, {"a": None}]},
                "signUp": 7, "error": {}, "": "", "future": [[]]})
    alice.expect("authorized")
    alice.send({"type": "channelJoin", "channelJoin": {"recipientUUID": "0", "limit": "?", "Since": 1}})
    alice.expect("channelJoin")


def test_sign_in_body_wins_over_sign_id(client):
    alice = client()
    alice.send({"type": "signIn", "signIn": {"username": "alice", "password": "x"},
                "signId": {"username": "mallory", "password": "x"}})
    assert alice.expect("authorized")["username"] == "alice"
    other = client()
    other.send({"type": "signIn", "signIn": None, "signId": {"username": "bob", "password": "x"}})
    assert other.expect("authorized")["username"] == "bob"


@pytest.mark.parametrize("type", ["users", "channelJoin", "channelMessage", "channelMessages", "channelLeave",
                                  "signOut"])
def test_sign_in_first(client, unchanged, type):
    c = client()
    with unchanged():
        c.ask(type, {"recipientUUID": "0", "message": "x"}, requestID=1)
        error = c.expect_error("not_authorized")
    assert (error["code"], error["request"], c.last["requestID"]) == (5, type, 1)


def test_white_space_around_json(client):
    alice = client("alice")
    alice.send_text(' \t\r\n{ "type" :\n"users" } \n')
    alice.expect("users")


def test_escaped_names_are_names(client):
    alice = client("alice")
    alice.send_text(r'{"\u0074ype":"\u0075sers"}')
    alice.expect("users")


def test_error_of_a_request_says_which(client):
    alice = client("alice")
    alice.ask("channelMessages", {"limit": 0}, requestID="r")
    error = alice.expect_error("bad_field")
    assert error["request"] == "channelMessages" and error["message"].startswith("a field is missing or wrong")
    assert "channelMessages.limit" in error["message"] and alice.last["requestID"] == "r"
