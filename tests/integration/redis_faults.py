"""What the tests of a Redis that fails share: nodes on a Redis of their own, and how long an answer takes."""

import time

import chat
import pytest
from stopwatch import Stopwatch

WITHIN = 3.0     # seconds until a request is answered, whatever Redis does
RETURN = 5.0     # seconds until service is back behind Redis


@pytest.fixture
def nodes(start_chatd, own_redis, prefix):
    """They may look, and see that it syncs every write: so they know that it lost nothing when it comes back."""
    own_redis.r.execute_command("ACL", "SETUSER", own_redis.user_for("chatd", prefix), "+config|get")
    own_redis.r.execute_command("ACL", "SAVE")
    return [start_chatd(own_redis.uri) for _ in range(2)]


@pytest.fixture
def node(start_chatd, own_redis):
    return start_chatd(own_redis.uri)


def links(server, which):
    """Ids of chatd's connections: "bus", "store" or "" for all."""
    return [c["id"] for c in server.r.client_list() if c["name"].startswith("chatd-") and c["name"].endswith(which)]


def cut(server, which):
    for one in links(server, which):
        server.r.client_kill_filter(_id=one)


def answered(client, type, body=None):
    """The answer to a request and the seconds it took."""
    watch = Stopwatch()
    client.ask(type, body, requestID="timed")
    while True:
        frame = client.recv()
        if frame.get("requestID") == "timed":
            return frame, watch.seconds()


def is_unavailable(frame):
    return frame["type"] == "error" and frame["error"]["name"] == "unavailable"


def back(client):
    """Service is back: seconds until a message is acknowledged, tried again as a client would."""
    watch = Stopwatch()
    uuid = chat.new_uuid()
    while True:
        client.ask("channelMessage", {"message": "back", "UUID": uuid}, requestID=uuid)
        while True:
            frame = client.recv()
            if frame.get("requestID") == uuid:
                break
        if not is_unavailable(frame):
            assert frame["type"] == "channelMessage", frame
            return watch.seconds()
        time.sleep(0.02)


def join_when_back(client, recipient="0"):
    """Both links are back, which takes each its own time."""
    joined = {}

    def try_it():
        frame, _ = answered(client, "channelJoin", {"recipientUUID": recipient})
        joined.update(frame)
        return not is_unavailable(frame)

    chat.wait_until(try_it, RETURN, "service behind Redis' return")
    return joined["channelJoin"]
