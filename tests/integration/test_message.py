"""channelMessage: what is said is heard, once, by whoever joined."""

import re
import time

import chat
import pytest


def test_hello(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    said = alice.say("hello", requestID=7)
    assert alice.last["requestID"] == 7
    assert (said["senderUUID"], said["senderUsername"], said["recipientUUID"], said["message"],
            said["seq"]) == (alice.user, "alice", "0", "hello", 1)
    assert bob.hear("hello") == said and "requestID" not in bob.last


def test_created_at_is_now(client):
    before = time.time()
    stamp = client("alice", join="0").say("hi")["createdAt"]
    text, ms = stamp[:-1].split(".")
    at = time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")) - time.timezone + int(ms) / 1000
    assert before - 0.002 <= at <= time.time() + 0.002


def test_sender_gets_it_once_and_so_do_their_other_connections(client):
    alice, elsewhere = client("alice", join="0"), client("alice", join="0")
    alice.say("one")
    alice.say("two")
    assert alice.fence() == []
    elsewhere.hear("one")
    elsewhere.hear("two")
    assert elsewhere.heard() == []


@pytest.mark.parametrize("request_id", ["x", "", "é" * 32, 'a"b\\c\n\x1b\u2028', 0, -1, 2**53 - 1, -(2**53 - 1)])
def test_request_id_comes_back(client, request_id):
    alice = client("alice", join="0")
    alice.say("hi", requestID=request_id)
    assert alice.last["requestID"] == request_id and type(alice.last["requestID"]) is type(request_id)
    alice.post("", requestID=request_id)
    alice.expect_error("too_large")
    assert alice.last["requestID"] == request_id


def test_not_joined(client, unchanged):
    alice, bob = client("alice"), client("bob", join="0")
    with unchanged():
        for recipient in "0", bob.user, alice.user, chat.NOBODY:
            alice.post("x", recipient, requestID=recipient)
            assert alice.expect_error("not_joined")["code"] == 12
            assert alice.last["requestID"] == recipient
    assert bob.heard() == []


# The text comes as it was sent

NASTY = {
    "controls": "\x01\x07\b\t\n\x0b\r\x1b]52;c;x\x07\x7f\u009b2J",
    "bidi": "\u202egnp.exe\u2066\u200f",
    "separators": "a\u2028b\u2029c",
    "json": '"\\/</script>{}[]\\u0041',
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "decomposed": "e\u0301 is not é",
    "zalgo": "e" + "\u0301" * 1000,
    "spaces": "   ",
    "bom": "\ufeffx",
    "format": "%s%n %d {x} $(x) `x`",
    "crlf-redis": "\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "emoji": "\U0001f469\u200d\U0001f4bb",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_text_comes_as_it_was_sent(client, text):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.say(text)
    assert alice.last["channelMessage"]["message"] == text
    bob.hear(text)
    assert bob.history()["messages"][0]["message"] == text
    assert client("carol").join()["messages"][0]["message"] == text


def test_control_characters_are_escaped_on_the_wire(client):
    alice = client("alice", join="0")
    alice.post("\x1b\x7f\u2028\u2029")
    opcode, payload = alice.recv_frame()
    assert opcode == chat.TEXT
    assert not re.search("[\x00-\x1f\x7f\u2028\u2029]", payload.decode())


@pytest.mark.parametrize("text", ["x" * 4096, "\U0001f40e" * 4096, "\x01" * 4096], ids=["ascii", "4-byte", "escaped"])
def test_longest_text(client, text):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.send_text(chat.json.dumps({"type": "channelMessage", "channelMessage": {"message": text}},
                                    ensure_ascii=False))
    assert alice.expect("channelMessage")["message"] == text
    bob.hear(text)


@pytest.mark.parametrize("text", ["", "x" * 4097, "\U0001f40e" * 4097], ids=["empty", "4097", "4-byte"])
def test_too_large(client, unchanged, text):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    with unchanged():
        alice.send_text(chat.json.dumps({"type": "channelMessage", "requestID": 1,
                                         "channelMessage": {"message": text}}, ensure_ascii=False))
        assert alice.expect_error("too_large")["code"] == 14 and alice.last["requestID"] == 1
    assert alice.say("fine")["seq"] == 1
    bob.hear("fine")


# A UUID makes it safe to try again

def test_own_uuid_is_kept(client):
    alice = client("alice", join="0")
    uuid = chat.new_uuid()
    assert alice.say("hi", uuid=uuid)["UUID"] == uuid
    assert alice.history()["messages"][0]["UUID"] == uuid


def test_repeat_stores_nothing_and_answers_with_the_first(client, unchanged):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    uuid = chat.new_uuid()
    first = alice.say("hi", uuid=uuid, requestID=1)
    bob.hear("hi")
    with unchanged():
        for i, text in enumerate(["hi", "another text"]):
            assert alice.say(text, uuid=uuid.upper(), requestID=f"again {i}") == first
            assert alice.last["requestID"] == f"again {i}"
    assert alice.say("next")["seq"] == 2
    bob.hear("next")


def test_repeat_from_another_connection(client):
    """As after a broken connection: the other has it all the same, once."""
    alice, bob = client("alice", join="0"), client("bob", join="0")
    uuid = chat.new_uuid()
    first = alice.say("hi", uuid=uuid)
    alice.drop()
    again = client("alice", join="0")
    assert again.say("hi", uuid=uuid) == first
    bob.hear("hi")
    assert bob.heard() == []


def test_repeats_in_one_burst(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    uuid = chat.new_uuid()
    body = {"message": "hi", "UUID": uuid}
    alice.burst(*[chat.request("channelMessage", body, requestID=i) for i in range(20)])
    answers = []
    for i in range(20):
        answers.append(alice.expect("channelMessage"))
        assert alice.last["requestID"] == i
    assert answers == [answers[0]] * 20
    assert alice.say("next")["seq"] == 2
    bob.hear("hi")
    bob.hear("next")


def test_uuid_of_somebody_elses_message(client, unchanged):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    uuid = alice.say("mine", uuid=chat.new_uuid())["UUID"]
    bob.hear("mine")
    with unchanged():
        bob.post("stolen", uuid=uuid, requestID=4)
        assert bob.expect_error("uuid_taken")["code"] == 15 and bob.last["requestID"] == 4
    assert bob.say("own")["seq"] == 2
    alice.hear("own")


def test_uuid_counts_by_channel(client):
    alice, bob = client("alice", join="0"), client("bob")
    alice.join(bob.user)
    uuid = chat.new_uuid()
    assert alice.say("to all", uuid=uuid)["recipientUUID"] == "0"
    private = alice.say("to bob", bob.user, uuid=uuid)
    assert (private["message"], private["seq"]) == ("to bob", 1)


def test_repeat_after_the_memory_has_gone_is_a_new_message(client, start_chatd, redis, prefix):
    alice = client("alice", join="0", at=start_chatd(remember="1s"))
    uuid = chat.new_uuid()
    first = alice.say("hi", uuid=uuid)
    chat.wait_until(lambda: not list(redis.r.scan_iter(match=f"{prefix}*sent:*")))
    assert alice.say("hi", uuid=uuid)["seq"] == first["seq"] + 1


def test_uuid_is_remembered_for_ten_minutes(client, redis, prefix):
    alice = client("alice", join="0")
    start = time.monotonic()
    alice.say("hi", uuid=chat.new_uuid())
    key, = redis.r.scan_iter(match=f"{prefix}*sent:*")
    left = redis.r.ttl(key)
    assert 598 - (time.monotonic() - start) < left <= 600
