"""A client written from the seed document alone, word for word: its bodies, its spelling, its pair in
every request. What the server adds to the seed's answers must not get in its way."""

import json

import chat
import pytest


class SeedClient:
    """Knows nothing but the seed. Frames are sent as the seed's examples are written."""

    def __init__(self, chatd):
        self.ws = chat.Client(chatd, ready=False)
        ready = self.next("ready")
        self.suuid = ready["ready"]["sessionUUID"]

    def next(self, type):
        frame = self.ws.recv()
        while frame["type"] == "sys":  # a type it does not know
            frame = self.ws.recv()
        assert frame["type"] == type, frame
        return frame

    def send(self, text, **values):
        for name, value in {"SUUID": self.suuid, **values}.items():
            text = text.replace(f"<{name}>", value if isinstance(value, str) else json.dumps(value))
        self.ws.send_text(text)

    def sign(self, text):
        self.send(text)
        answer = self.next("authorized")["authorized"]
        self.user, self.key = answer["userUUID"], answer["accessKey"]
        assert isinstance(self.user, str) and isinstance(self.key, str)
        return answer

    def sign_in(self, name, password):
        return self.sign('''{
    "SUUID": "<SUUID>",
    "type": "signIn",
    "signId": {
        "username": "%s",
        "password": "%s"
    }
}''' % (name, password))

    def sign_up(self, name, password):
        return self.sign('''{
    "SUUID":"<SUUID>",
    "type": "signUp",
    "signUp": {
        "username": "%s",
        "password": "%s"
    }
}''' % (name, password))

    def ask(self, text, **values):
        self.send(text, user=self.user, key=self.key, **values)

    def sign_out(self):
        self.ask('''{
    "SUUID": "<SUUID>",
    "type": "signOut",
    "userUUID": "<user>",
    "userAccessKey": "<key>"
}''')
        return self.next("unauthorized")["unauthorized"]

    def users(self):
        self.ask('''{
    "SUUID": "<SUUID>",
    "type": "users",
    "userUUID": "<user>",
    "userAccessKey": "<key>"
}''')
        return self.next("users")["users"]

    def channel(self, type, recipient, rest=""):
        recipient = 0 if recipient == 0 else json.dumps(recipient)
        self.ask('''{
    "SUUID": "<SUUID>",
    "userUUID": "<user>",
    "userAccessKey": "<key>",
    "type": "<type>",
    "<type>": {
        "recipientUUID": <recipient><rest>
    }
}''', type=type, recipient=recipient, rest=rest)

    def join(self, recipient=0):
        self.channel("channelJoin", recipient)
        return self.next("channelJoin")["channelJoin"]

    def message(self, text, recipient=0):
        self.channel("channelMessage", recipient, ', "message": ' + json.dumps(text))
        return self.next("channelMessage")["channelMessage"]

    def read(self, recipient=0, offset=1, limit=1):
        self.channel("channelMessages", recipient, f', "offset": {offset}, "limit": {limit}')
        return self.next("channelRead")["channelMessages"]

    def leave(self, recipient):
        self.channel("channelLeave", recipient)


@pytest.fixture
def seed(chatd):
    clients = []

    def connect():
        clients.append(SeedClient(chatd))
        return clients[-1]

    yield connect
    for c in clients:
        c.ws.close()


def test_a_whole_conversation(seed):
    alice, bob = seed(), seed()
    alice.sign_in("User name", "User password")
    bob.sign_up("Bob", "User password")
    users = alice.users()
    assert users["total"] == users["received"] == 2
    assert {(u["UUID"], u["Username"], u["OnLine"]) for u in users["users"]} == {
        (alice.user, "User name", True), (bob.user, "Bob", True)}

    joined = alice.join()
    assert joined["messages"] == []
    assert [(u["UUID"], u["username"]) for u in joined["users"]] == [(alice.user, "User name")]
    bob.join()

    said = alice.message("Message text")
    assert (said["senderUUID"], said["recipientUUID"], said["message"]) == (alice.user, "0", "Message text")
    heard = bob.next("channelMessage")["channelMessage"]
    assert heard["UUID"] == said["UUID"] and heard["message"] == "Message text"
    bob.message("hello")
    alice.next("channelMessage")

    late = seed()
    late.sign_in("Carol", "x")
    for message in late.join()["messages"]:
        assert {"UUID", "senderUUID", "recipientUUID", "message", "created_at"} <= set(message)
    read = late.read(offset=1, limit=1)
    assert (read["messagesTotal"], read["messagesReceived"]) == (2, 1)
    assert read["messages"][0]["message"] == "Message text", "ordered from new to older, one skipped"
    assert {"senderUUID", "recipientUUID", "message", "createdAt"} <= set(read["messages"][0])

    assert alice.sign_out() == {"userUUID": alice.user}
    alice.channel("channelJoin", 0)
    assert alice.next("error")["error"].keys() >= {"code", "message"}


def test_private_conversation(seed):
    alice, bob = seed(), seed()
    alice.sign_in("Alice", "x")
    bob.sign_in("Bob", "x")
    alice.join(bob.user)
    bob.join(alice.user)
    assert alice.message("psst", bob.user)["recipientUUID"] == bob.user
    assert bob.next("channelMessage")["channelMessage"]["message"] == "psst"
    assert bob.read(alice.user, offset=0)["messages"][0]["message"] == "psst"
    alice.leave(bob.user)
    assert alice.next("channelLeave")["channelLeave"] == {"recipientUUID": bob.user}
    alice.leave(0)
    assert alice.next("error")["error"]["code"] == 13


def test_sign_up_of_a_name_that_exists(seed):
    seed().sign_in("Alice", "x")
    other = seed()
    other.send('{"SUUID":"<SUUID>", "type": "signUp", "signUp": {"username": "Alice", "password": "x"}}')
    error = other.next("error")["error"]
    assert isinstance(error["code"], int) and error["message"]


def test_read_defaults(seed):
    """"default if 10", "default is 0"."""
    alice = seed()
    alice.sign_in("Alice", "x")
    alice.join()
    for i in range(12):
        alice.message(f"m{i}")
    alice.channel("channelMessages", 0)
    read = alice.next("channelRead")["channelMessages"]
    assert [m["message"] for m in read["messages"]] == [f"m{i}" for i in range(11, 1, -1)]


def test_coming_back_with_the_pair_alone(seed):
    alice = seed()
    alice.sign_in("Alice", "x")
    again = seed()
    again.user, again.key = alice.user, alice.key
    again.join()
    assert again.message("back")["senderUUID"] == alice.user


def test_placeholders_left_as_they_are(seed):
    """Who sends "User UUID" without a key, as copied, is not signed in by it."""
    c = seed()
    c.send('{"SUUID": "<SUUID>", "type": "users", "userUUID": "User UUID", "userAccessKey": ""}')
    assert c.next("error")["error"]["name"] == "not_authorized"
    c.send('{"SUUID": "<SUUID>", "type": "users", "userUUID": "User UUID", "userAccessKey": "User Access Key"}')
    assert c.next("error")["error"]["name"] == "bad_key"


def test_a_burst_without_waiting(seed):
    c = seed()
    c.ws.burst('{"SUUID": "%s", "type": "signIn", "signId": {"username": "A", "password": "x"}}' % c.suuid,
               '{"SUUID": "%s", "type": "users"}' % c.suuid,
               '{"SUUID": "%s", "type": "channelJoin", "channelJoin": {"recipientUUID": 0}}' % c.suuid)
    for type in "authorized", "users", "channelJoin":
        c.next(type)
