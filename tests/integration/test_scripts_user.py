"""The scripts of users: names, records and keys."""

import contextlib

import chat
import pytest
from redis.exceptions import ResponseError
from scripts import ALICE, BOB, CAROL, NOW, unchanged, wrong_type
from scripts import heard, run  # noqa: F401 (fixtures)


class User:
    def __init__(self, server, prefix, run, uuid=ALICE):
        self.r, self.run, self.uuid = server.r, run, uuid
        self.record = prefix + "{u:" + uuid + "}"
        self.keys, self.bus = self.record + ":keys", self.record + ":bus"

    def create(self, name="Alice", key="key 1", expiry=None, lapse=60):
        return self.run("user_create", [self.record, self.keys],
                        [name, "$argon2id$x", NOW, key, expiry or self.now() + 10**6, lapse])

    def add(self, key, expiry, now=None, most=5, verified="", rehashed="", place=""):
        return self.run("key_add", [self.record, self.keys],
                        [key, expiry, now or self.now(), most, verified, rehashed, place])

    def now(self):
        s, us = self.r.time()
        return s * 1000 + us // 1000

    def held(self):
        return set(self.r.zrange(self.keys, 0, -1))


@pytest.fixture
def user(redis, prefix, run):
    return User(redis, prefix, run)


@pytest.fixture
def name(redis, prefix, run):
    class Name:
        key = prefix + "name:alice"

        def claim(self, uuid, holder="", lapse=60):
            return run("name_claim", [self.key], [uuid, holder, lapse])

        def confirm(self, uuid):
            return run("name_confirm", [self.key], [uuid])

    return Name()


def test_name_claim(redis, name):
    assert name.claim(ALICE) == 1
    assert redis.r.get(name.key) == ALICE
    assert 50 < redis.r.ttl(name.key) <= 60
    assert name.claim(BOB) == 0
    assert name.claim(ALICE) == 0  # even the same user: who claims has made a fresh uuid
    assert redis.r.get(name.key) == ALICE


def test_name_claim_of_a_holder_without_a_record(redis, name):
    redis.r.set(name.key, CAROL)
    assert name.claim(BOB, ALICE) == 0  # it was another's by now
    assert name.claim(BOB, CAROL) == 1
    assert redis.r.get(name.key) == BOB
    assert redis.r.ttl(name.key) > 0
    redis.r.delete(name.key)
    assert name.claim(BOB, CAROL) == 0  # the holder's name is gone meanwhile: look again


def test_name_claim_lapses(redis, name):
    assert name.claim(ALICE, lapse=1) == 1
    chat.wait_until(lambda: not redis.r.exists(name.key), what="the lapse of a claim")
    assert name.claim(BOB) == 1


def test_name_confirm(redis, name):
    name.claim(ALICE)
    assert name.confirm(BOB) == 0
    assert redis.r.ttl(name.key) > 0
    assert name.confirm(ALICE) == 1
    assert redis.r.ttl(name.key) == -1
    assert name.confirm(ALICE) == 1  # again: no harm
    redis.r.delete(name.key)
    assert name.confirm(BOB) == 1    # lapsed, and nobody took it
    assert redis.r.get(name.key) == BOB


def test_name_release(redis, name, run):
    release = lambda uuid: run("name_release", [name.key], [uuid])
    assert release(ALICE) == 0
    name.claim(ALICE)
    assert release(BOB) == 0 and redis.r.get(name.key) == ALICE
    assert release(ALICE) == 1 and not redis.r.exists(name.key)


def test_names_of_the_wrong_type(redis, prefix, name):
    wrong_type(redis.r, name.key)
    with unchanged(redis, prefix):
        for act in (lambda: name.claim(ALICE), lambda: name.confirm(ALICE)):
            with pytest.raises(ResponseError, match="WRONGTYPE"):
                act()


def test_user_change(redis, user, run):
    change = lambda *pairs: run("user_change", [user.record], pairs)
    assert change("name", "Alicia") == 0 and not redis.r.exists(user.record)
    user.create(expiry=user.now() + 10**6)
    assert change("name", "Alicia", "banned", "5", "ban-reason", "x") == 1
    assert change("banned", "", "nothing", "") == 1
    assert redis.r.hgetall(user.record) == {"name": "Alicia", "hash": "$argon2id$x", "created": str(NOW),
                                            "ban-reason": "x"}
    assert redis.r.ttl(user.record) > 0, "unconfirmed stays so"


def test_user_change_of_the_wrong_type(redis, prefix, user, run):
    wrong_type(redis.r, user.record)
    with unchanged(redis, prefix):
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            run("user_change", [user.record], ["name", "x"])


def test_user_create_without_a_key(redis, user, run):
    """By an administrator: nobody signs in."""
    assert run("user_create", [user.record, user.keys], ["Alice", "$argon2id$x", NOW, "", 0, 60]) == 1
    assert redis.r.hget(user.record, "name") == "Alice" and not redis.r.exists(user.keys)


def test_user_create(redis, user):
    expiry = user.now() + 10**6
    assert user.create(expiry=expiry) == 1
    assert redis.r.hgetall(user.record) == {"name": "Alice", "hash": "$argon2id$x", "created": str(NOW)}
    assert redis.r.zrange(user.keys, 0, -1, withscores=True) == [("key 1", expiry)]
    assert 50 < redis.r.ttl(user.record) <= 60  # nothing stays if the node is killed now
    assert 50 < redis.r.ttl(user.keys) <= 60
    assert user.create("Bob", "key 2") == 0
    assert redis.r.hget(user.record, "name") == "Alice"
    assert user.held() == {"key 1"}


@pytest.mark.parametrize("key", ["record", "keys"])
def test_user_create_of_wrong_types_writes_nothing(redis, user, prefix, key):
    wrong_type(redis.r, getattr(user, key))
    with unchanged(redis, prefix), contextlib.suppress(ResponseError):
        assert user.create() == 0


def test_key_add(redis, user):
    assert user.add("key", user.now() + 10**6) == 0  # no such user
    assert not redis.r.exists(user.record, user.keys)
    user.create()
    expiry = user.now() + 2 * 10**6
    assert user.add("key 2", expiry) == 1
    assert redis.r.ttl(user.record) == -1  # confirmed
    assert user.held() == {"key 1", "key 2"}
    assert abs(redis.r.pttl(user.keys) - 2 * 10**6) < 5000


def test_key_add_of_a_banned_user(redis, user):
    """The ban came while the password was checked."""
    user.create(expiry=user.now() + 10**6)
    before = redis.r.zrange(user.keys, 0, -1)
    redis.r.hset(user.record, "banned", user.now() + 10**5)
    assert user.add("key 2", user.now() + 10**6) == 2 and redis.r.zrange(user.keys, 0, -1) == before
    redis.r.hset(user.record, "banned", user.now() - 1)
    assert user.add("key 2", user.now() + 10**6) == 1
    redis.r.hset(user.record, "banned", "nonsense")
    assert user.add("key 3", user.now() + 10**6) == 1


def test_key_add_of_another_password(redis, user, prefix):
    """It was changed while the old one was checked."""
    user.create(expiry=user.now() + 10**6)
    with unchanged(redis, prefix):
        assert user.add("key 2", user.now() + 10**6, verified="$argon2id$old", rehashed="$argon2id$y") == 3
    assert user.add("key 2", user.now() + 10**6, verified="$argon2id$x") == 1
    assert redis.r.hget(user.record, "hash") == "$argon2id$x"
    assert user.add("key 3", user.now() + 10**6, verified="$argon2id$x", rehashed="$argon2id$y") == 1
    assert redis.r.hget(user.record, "hash") == "$argon2id$y"


def test_key_add_drops_the_expired(redis, user):
    user.create(expiry=user.now() + 10**6)
    now = user.now()
    redis.r.zadd(user.keys, {"expired": now - 1, "just now": now, "soon": now + 1})
    assert user.add("new", now + 10**6, now) == 1
    assert user.held() == {"key 1", "soon", "new"}


def test_key_add_keeps_so_many(redis, user):
    user.create(expiry=user.now() + 1000000)
    for n in range(2, 9):
        assert user.add(f"key {n}", user.now() + 1000000 + n * 1000, most=5) == 1
    assert user.held() == {f"key {n}" for n in range(4, 9)}
    assert user.add("last", user.now() + 10**7, most=1) == 1
    assert user.held() == {"last"}


def test_key_add_never_drops_the_new_one(redis, user):
    """Keys live shorter than they did when the old ones were made."""
    user.create(expiry=user.now() + 10**8)
    for n in range(2, 6):
        user.add(f"key {n}", user.now() + 10**8, most=5)
    assert user.add("new", user.now() + 10**6, most=5) == 1
    assert "new" in user.held() and len(user.held()) == 5
    assert redis.r.pttl(user.keys) > 10**7  # and the others live on


def test_key_add_remembers_places(redis, user):
    user.create(expiry=user.now() + 10**6)
    user.add("key", user.now() + 10**6)
    assert redis.r.hget(user.record, "seen") is None
    for n in 1, 2, 3, 2:
        user.add(f"key {n}", user.now() + 10**6, place=f"place{n}")
    assert redis.r.hget(user.record, "seen") == "place2 place3 place1"
    for n in range(20):
        user.add("key", user.now() + 10**6, place=f"p{n}")
    assert redis.r.hget(user.record, "seen") == "p19 p18 p17 p16 p15 p14 p13 p12"


def test_key_add_of_wrong_types_writes_nothing(redis, user, prefix):
    user.create()
    wrong_type(redis.r, user.keys)
    with unchanged(redis, prefix), pytest.raises(ResponseError, match="WRONGTYPE"):
        user.add("key", user.now() + 10**6)
    assert redis.r.ttl(user.record) > 0


def test_key_revoke(redis, user, run, heard):
    since = heard(user.bus)
    user.create()
    user.add("key 2", user.now() + 10**6)

    def revoke(key):
        return run("key_revoke", [user.keys], [key, user.bus, f"k\n{key}"])

    assert revoke("key 1") == 1
    assert user.held() == {"key 2"}
    assert revoke("key 1") == 0
    assert since() == ["k\nkey 1", "k\nkey 1"]  # told each time: a node may have missed it
    wrong_type(redis.r, user.keys)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        revoke("key 2")
