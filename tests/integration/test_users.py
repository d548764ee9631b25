"""users: who there is, and who is online."""

import chat
import pytest


def names(answer):
    return [u["Username"] for u in answer["users"]]


@pytest.fixture
def five(client):
    """Five users; only the last is connected."""
    for name in "ann", "ben", "cid", "dan":
        client(name).close()
    return client("eve")


def test_everybody_is_listed_with_the_case_of_the_seed(client):
    alice, bob = client("Alice"), client("bob")
    answer = alice.users()
    assert (answer["total"], answer["received"]) == (2, 2)
    assert {"UUID": alice.user, "Username": "Alice", "OnLine": True} in answer["users"]
    assert {"UUID": bob.user, "Username": "bob", "OnLine": True} in answer["users"]
    assert all("assword" not in member for user in answer["users"] for member in user)


def test_request_id(client):
    alice = client("alice")
    alice.ask("users", requestID="who")
    alice.expect("users")
    assert alice.last["requestID"] == "who"


def test_empty_body_and_null_are_no_body(client):
    alice = client("alice")
    for frame in {"type": "users", "users": {}}, {"type": "users", "users": None}, {"type": "users"}:
        alice.send(frame)
        assert alice.expect("users")["received"] == 1


def test_pages(five):
    everybody = names(five.users())
    assert sorted(everybody) == ["ann", "ben", "cid", "dan", "eve"]
    for offset in range(6):
        for limit in 1, 2, 1000:
            page = five.users(offset=offset, limit=limit)
            assert names(page) == everybody[offset:offset + limit]
            assert (page["total"], page["received"]) == (5, len(page["users"]))
    assert five.users(offset=2**32 - 1)["users"] == []


def test_online_follows_the_connections(client):
    """Online as long as one connection is signed in, and for a moment more."""
    watcher, first, second = client("watcher"), client("alice"), client("alice")

    def online():
        return [u["Username"] for u in watcher.users()["users"] if u["OnLine"]]

    assert sorted(online()) == ["alice", "watcher"]
    first.close()
    assert sorted(online()) == ["alice", "watcher"]
    second.sign_out()
    assert sorted(online()) == ["alice", "watcher"]
    chat.wait_until(lambda: online() == ["watcher"])
    second.sign_in("alice")
    assert sorted(online()) == ["alice", "watcher"]


def test_only_those_online(client, five):
    chat.wait_until(lambda: five.users(online=True)["total"] == 1, what="the others are gone")
    page = five.users(online=True)
    assert (names(page), page["total"], page["received"]) == (["eve"], 1, 1)
    client("ben")
    page = five.users(online=True)
    assert (sorted(names(page)), page["total"]) == (["ben", "eve"], 2)
    assert five.users(online=True, limit=1)["received"] == 1
    assert five.users(online=False)["total"] == 5


def test_a_seed_client_sees_everybody_up_to_a_thousand(client, redis, prefix):
    alice = client("alice")
    pipe = redis.r.pipeline()
    for i in range(1100):
        uuid = f"00000000-0000-4000-8000-{i:012}"
        pipe.hset(f"{prefix}{{u:{uuid}}}", mapping={"name": f"user{i}", "hash": "x", "created": i})
        pipe.zadd(f"{prefix}users", {uuid: i})
    pipe.execute()
    page = alice.users()
    assert (page["total"], page["received"]) == (1101, 1000)
    rest = alice.users(offset=1000)
    assert (rest["total"], rest["received"]) == (1101, 101)
    seen = names(page) + names(rest)
    assert len(set(seen)) == 1101 and "alice" in seen
