"""What chatd makes of a Redis that hangs: all is answered in time, nobody is let in, nothing is stored twice (R8)."""

import fcntl
import termios

import chat
import pytest
from redis_faults import answered, back, is_unavailable, join_when_back, node, RETURN, WITHIN  # noqa: F401 (fixtures)
from stopwatch import Stopwatch


@pytest.mark.parametrize("request_", [
    ("channelMessage", {"message": "x"}), ("users", None), ("channelMessages", {}), ("channelJoin", {}),
    ("channelJoin", {"since": {"epoch": chat.NOBODY, "seq": 1}}),
    ("signUp", {"username": "late", "password": "x"})], ids=lambda r: f"{r[0]}-{'-'.join(r[1] or ())}")
def test_a_request_to_a_hung_redis_is_unavailable_in_time_and_the_connection_stays(request_, client, node, own_redis):
    kind, body = request_
    alice = client("alice", join="0", at=node) if kind != "signUp" else client(at=node)
    own_redis.pause()
    for _ in range(3):  # the first finds out; the others while it is known, and while chatd tries again
        frame, seconds = answered(alice, kind, body)
        assert is_unavailable(frame), frame
        assert seconds < WITHIN
    own_redis.resume()
    if kind == "signUp":
        watch = Stopwatch()
        chat.wait_until(lambda: answered(alice, kind, body)[0]["type"] == "authorized", RETURN)
        assert watch.seconds() < RETURN
        join_when_back(alice)
    assert back(alice) < RETURN


def test_a_hung_redis_lets_nobody_in(client, node, own_redis):
    """Nothing fails open: neither a right key nor a wrong one."""
    alice = client("alice", at=node)
    fresh, thief = client(at=node), client(at=node)
    own_redis.pause()
    fresh.ask("users", **alice.pair())
    thief.ask("users", userUUID=alice.user, userAccessKey="A" * 43)
    for one in fresh, thief:
        one.expect_error("unavailable", WITHIN)
    own_redis.resume()
    chat.wait_until(lambda: not is_unavailable(answered(alice, "users")[0]), RETURN)
    for one in fresh, thief:
        one.ask("users")
        one.expect_error("not_authorized")
    fresh.ask("users", **alice.pair())
    fresh.expect("users")
    thief.ask("users", userUUID=alice.user, userAccessKey="A" * 43)
    thief.expect_error("bad_key")


def test_joining_a_new_channel_on_a_hung_redis_is_unavailable_in_time(client, node, own_redis):
    """Its bus was not listened to before, so the answer hangs on the other link."""
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.join(bob.user)
    alice.leave(bob.user)
    assert own_redis.r.ping()
    own_redis.pause()
    frame, seconds = answered(bob, "channelJoin", {"recipientUUID": bob.user})
    assert is_unavailable(frame) and seconds < WITHIN
    frame, seconds = answered(alice, "channelJoin", {"recipientUUID": bob.user})
    assert is_unavailable(frame) and seconds < WITHIN
    own_redis.resume()
    assert back(alice) < RETURN


def test_a_burst_to_a_hung_redis_is_answered_in_order(client, node, own_redis):
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    watch = Stopwatch()
    alice.burst(*[chat.request(kind, body, requestID=i) for i, (kind, body) in enumerate([
        ("channelMessage", {"message": "a"}), ("users", None), ("channelMessage", {"message": "b"}),
        ("channelMessages", {}), ("nonsense", None), ("channelJoin", {}), ("channelMessage", {"message": "c"})])])
    frames = [alice.recv() for _ in range(7)]
    assert watch.seconds() < WITHIN
    assert [f["requestID"] for f in frames] == list(range(7))
    assert [f["error"]["name"] for f in frames] == ["unavailable"] * 4 + ["unknown_type"] + ["unavailable"] * 2
    own_redis.resume()
    assert back(alice) < RETURN


def test_connections_that_go_while_redis_hangs_harm_nobody(client, node, own_redis):
    """Their requests wait for answers that come when the socket, or Redis' link, is long gone."""
    bob = client("bob", join="0", at=node)
    requests = [("channelJoin", {"recipientUUID": bob.user}), ("channelMessage", {"message": "x"}), ("users", None),
                ("channelMessages", {}), ("channelLeave", {"recipientUUID": bob.user}), ("signOut", None)]
    for i in range(2 * len(requests)):
        alice = client("alice", join="0", at=node)
        turned = requests[i % len(requests):] + requests[:i % len(requests)]
        own_redis.pause()
        alice.burst(*[chat.request(kind, body) for kind, body in turned])
        carol = client(at=node)
        carol.ask("signIn", {"username": "carol", "password": "x"})
        chat.wait_until(lambda: node_has_read(alice) and node_has_read(carol))
        if i == len(requests):
            alice.expect_error("unavailable")  # once the link is found dead, too
        alice.drop()
        carol.drop()
        own_redis.resume()
        join_when_back(bob)
    names = {u["Username"]: u["OnLine"] for u in bob.users()["users"]}
    assert names["bob"]
    chat.wait_until(lambda: [u["Username"] for u in bob_users(bob) if u["OnLine"]] == ["bob"])


def bob_users(bob):
    frame, _ = answered(bob, "users")
    return frame["users"]["users"]


def node_has_read(client):
    """Nothing of what the client sent waits in the sockets any more."""
    unsent = bytearray(4)
    fcntl.ioctl(client.sock, termios.TIOCOUTQ, unsent)
    return int.from_bytes(unsent, "little") == 0


def test_sigterm_ends_chatd_in_time_while_redis_hangs(client, node, own_redis):
    alice = client("alice", join="0", at=node)
    own_redis.pause()
    alice.post("x", requestID=1)
    watch = Stopwatch()
    node.terminate()
    frames = alice.expect_close(1001)
    assert node.wait() == 0
    assert watch.seconds() < 5
    assert [f["error"]["name"] for f in frames if f["type"] == "error"] == ["unavailable"]
    own_redis.resume()


def test_messages_on_their_way_to_a_hung_redis_are_stored_once_when_they_are_sent_again(client, start_chatd, own_redis):
    """Told as unavailable they may be stored or not; sent again with their UUIDs they are stored once and
    given to everybody once."""
    a, b = start_chatd(own_redis.uri), start_chatd(own_redis.uri)
    alice, bob = client("alice", join="0", at=a), client("bob", join="0", at=b)
    bob.say("before")
    alice.hear("before")
    own_redis.pause()
    uuids = [chat.new_uuid() for _ in range(5)]
    for i, uuid in enumerate(uuids):
        alice.post(f"m{i}", uuid=uuid, requestID=uuid)
    for _ in uuids:
        alice.expect_error("unavailable", WITHIN)
    own_redis.resume()
    watch = Stopwatch()
    answers = []
    for uuid in uuids:
        frame = None
        while frame is None or is_unavailable(frame):
            frame, _ = answered(alice, "channelMessage", {"message": "again", "UUID": uuid})
        answers.append(frame["channelMessage"])
    assert watch.seconds() < RETURN
    assert [m["UUID"] for m in answers] == uuids
    heard = [bob.expect("channelMessage") for _ in uuids]
    assert [m["seq"] for m in heard] == [2, 3, 4, 5, 6]
    assert sorted(heard, key=str) == sorted(answers, key=str)
    assert bob.fence() == []


def test_presence_outlasts_a_redis_that_was_away(client, start_chatd, own_redis, prefix):
    """Nodes are not taken for dead when it was Redis that was silent: nobody is told to have left."""
    nodes = [start_chatd(own_redis.uri) for _ in range(2)]
    alice, bob = client("alice", join="0", at=nodes[0]), client("bob", join="0", at=nodes[1])
    alice.fence(), bob.fence()
    names = f"{prefix}{{presence}}:nodes"
    own_redis.r.zadd(names, {node: 1 for node in own_redis.r.zrange(names, 0, -1)})
    own_redis.pause()  # as if it had been for a minute
    for one in alice, bob:
        assert is_unavailable(answered(one, "users")[0])
    own_redis.resume()
    assert back(alice) < RETURN and back(bob) < RETURN
    alice.hear("back")
    chat.wait_until(lambda: own_redis.r.zcard(names) == 2)
    online = {u["Username"]: u["OnLine"] for u in alice.users()["users"]}
    assert online == {"alice": True, "bob": True}
    for one in alice, bob:
        assert [f for f in one.fence() if f.get("sys", {}).get("type") == "signOut"] == []
