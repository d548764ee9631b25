"""chatd dies at the worst moments: nothing acknowledged is lost, nothing is stored or given twice, and
nothing half-written stands in anybody's way."""

import random

import chat
import pytest
from load import Load, new_seed
from redis_proxy import RedisProxy


@pytest.fixture
def proxy(own_redis):
    """A proxy in front of the Redis of this test."""
    one = RedisProxy(own_redis)
    yield one
    one.close()


# Under load

@pytest.mark.parametrize("kills", [3])
def test_nothing_is_lost_or_doubled_when_chatd_is_killed_and_started_under_load(kills, start_chatd, redis, prefix):
    node = start_chatd()
    with Load([node], redis, prefix) as load:
        for times in range(1, kills + 1):
            load.wait_acked(150)
            load.wait(lambda: all(m.joined and m.connections == times for m in load.members), "everybody's return")
            load.nodes[0].kill()
            load.nodes[0] = start_chatd()
        load.wait_acked(150)
        load.wait(lambda: all(m.joined and m.connections == kills + 1 for m in load.members), "everybody's return")
    load.check()
    assert load.unrecovered == load.signed_out == load.epochs == 0 and not load.errors


def test_nothing_is_lost_or_doubled_when_clients_of_a_killed_node_go_to_another(start_chatd, redis, prefix):
    """Retries of what was on its way meet the first copies, stored by the dead node."""
    with Load([start_chatd(), start_chatd()], redis, prefix, wander=True, rate=800) as load:
        for i in range(4):
            load.wait_acked(150)
            load.nodes[i % 2].kill()
            load.wait_acked(50)
            load.nodes[i % 2] = start_chatd()
        load.wait_acked(50)
    load.check()
    assert load.unrecovered == load.signed_out == 0 and not load.errors


def test_nothing_is_lost_or_doubled_when_chatd_is_stopped_under_load(start_chatd, redis, prefix):
    """SIGTERM answers what is in flight, says goAway and closes with 1001 (R10)."""
    with Load([start_chatd()], redis, prefix) as load:
        for _ in range(2):
            load.wait_acked(150)
            old = load.nodes[0]
            old.stop()
            load.nodes[0] = start_chatd()
        load.wait_acked(150)
    load.check()
    assert not load.errors and load.unrecovered == 0
    assert load.closes == {1001: 2 * len(load.members)}


def is_served(client):
    client.ask("users", requestID="served")
    return client.recv()["type"] == "users"


def test_a_message_whose_answer_was_lost_is_not_stored_again(client, start_chatd, own_redis, proxy):
    """The connection to Redis is cut at each step around the append, again and again."""
    node, healthy = start_chatd(proxy.uri), start_chatd(own_redis.uri)
    bob = client("bob", join="0", at=healthy)
    alice = client("alice", join="0", at=node)
    seed = new_seed()
    print(f"CHAT_SEED={seed}")
    rng = random.Random(seed)
    bob.fence()
    for i in range(25):
        uuid, text = chat.new_uuid(), f"m{i} {rng.random()}"
        before_it_is_stored = i % 2
        if before_it_is_stored:
            chat.wait_until(lambda: is_served(alice), what="the link's return")
            proxy.hold(containing=uuid.encode())
            alice.post(text, uuid=uuid, requestID=uuid)
            assert proxy.held.wait(chat.PATIENCE)
        else:
            alice.post(text, uuid=uuid, requestID=uuid)
            bob.hear(text)
        proxy.cut()
        while True:
            frame = alice.recv()
            if frame.get("requestID") == uuid:
                if frame["type"] == "channelMessage":
                    break
                assert frame["error"]["name"] == "unavailable"
                alice.post("another text", uuid=uuid, requestID=uuid)
        heard = frame["channelMessage"]
        if before_it_is_stored:
            heard = bob.expect("channelMessage")
        assert frame["channelMessage"] == heard and heard["seq"] == i + 1 and heard["UUID"] == uuid
    assert [f for f in bob.fence() if f["type"] != "sys"] == []


# In the middle of making a user

def halves(server, prefix):
    """Keys that belong to users and will lapse: nothing but these may be left of a user half made."""
    return [k for k in server.r.scan_iter(match=f"{prefix}*") if server.r.ttl(k) >= 0 and not k.startswith(
        (f"{prefix}{{presence}}:", f"{prefix}fails:")) and not k.endswith(":keys")]


def lapse(server, prefix):
    """As if the time had passed: what is to lapse is gone."""
    for key in server.r.scan_iter(match=f"{prefix}*"):
        if 0 <= server.r.ttl(key) <= LAPSE:
            server.r.delete(key)


STEPS = 25  # more than signing up takes
LAPSE = 15  # seconds until a name that was claimed for a user half made is free again


@pytest.mark.parametrize("verb", ["signUp", "signIn"])
@pytest.mark.parametrize("later", [False, True], ids=["at once", "when it lapsed"])
@pytest.mark.parametrize("again", ["signUp", "signIn"])
def test_a_node_killed_at_any_step_of_making_a_user_stops_nobody(verb, later, again, client, start_chatd, own_redis,
                                                                 proxy, prefix):
    """Behind each command to Redis in turn. Whoever comes next gets in, at the latest when a name that was
    claimed lapses; and the user is one user, in the list, for good."""
    healthy = start_chatd(own_redis.uri)
    for step in range(STEPS):
        name = f"user{step}"
        victim = start_chatd(proxy.uri)
        dying = client(at=victim)
        proxy.hold(step)
        dying.ask(verb, {"username": name, "password": "first"})
        chat.wait_until(lambda: proxy.held.is_set() or has_frame(dying))
        finished = not proxy.held.is_set()
        victim.kill()
        proxy.cut()
        assert all(own_redis.r.ttl(k) <= LAPSE for k in halves(own_redis, prefix))
        if later:
            lapse(own_redis, prefix)
        other = client(at=healthy)
        user = sign(other, again, name)
        if not user:
            assert not later, "what was claimed has lapsed"
            lapse(own_redis, prefix)
            user = sign(other, again, name)
        assert user
        lapse(own_redis, prefix)
        assert client(at=healthy).sign_in(name, "first")["userUUID"] == user, "it stays"
        assert [u["UUID"] for u in other.users()["users"] if u["Username"] == name] == [user], "and is listed"
        assert halves(own_redis, prefix) == []
        if finished:
            break
    assert finished and step > 3


def sign(client, verb, name):
    """The user's UUID; None if the name is claimed for the moment."""
    client.ask(verb, {"username": name, "password": "first"})
    frame = client.recv()
    if frame["type"] == "authorized":
        return frame["authorized"]["userUUID"]
    if frame["error"]["name"] == "name_taken":  # by the user that was made, or is being made
        assert verb == "signUp"
        return sign(client, "signIn", name)
    assert frame["error"]["name"] == "busy" and 0 < frame["error"]["retryAfterMs"] <= LAPSE * 1000, frame
    return None


def has_frame(client):
    try:
        client.recv(0.001)
    except chat.Silence:
        return False
    return True


def test_two_who_take_the_same_name_at_once_do_not_both_get_it(client, start_chatd, own_redis):
    """The slower one looked before the quicker one was done, and claims behind it."""
    slow, quick = RedisProxy(own_redis), RedisProxy(own_redis)
    try:
        one, other = client(at=start_chatd(quick.uri)), client(at=start_chatd(slow.uri))
        for i in range(12):
            name = f"name{i}"
            quick.hold(i % 6 + 3)  # the first has claimed, perhaps
            one.ask("signUp", {"username": name, "password": "one"})
            held = quick.held.wait(2)
            slow.hold(5 if i < 6 else 4)  # the second has looked
            other.ask("signUp", {"username": name, "password": "other"})
            slow.held.wait(0.5)
            quick.release()
            results = [one.recv()] if held else []
            slow.release()
            results = (results or [one.recv()]) + [other.recv()]
            won = [r["type"] == "authorized" for r in results]
            assert sum(won) <= 1, results
            assert all(r["type"] == "authorized" or r["error"]["name"] == "name_taken" for r in results), results
            for c in one, other:
                c.ask("signOut")
                c.recv()
            for password, good in zip(("one", "other"), won):
                if good:
                    assert one.sign_in(name, password)
                    one.sign_out()
    finally:
        slow.close()
        quick.close()
