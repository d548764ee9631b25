"""signIn, signUp, signOut, and coming back with an access key."""

import select
import time

import chat
import pytest
from ctl import CONFLICT, FAILED
from stopwatch import Stopwatch, spans


def user_key(prefix, user, suffix=""):
    return f"{prefix}{{u:{user}}}{suffix}"


# signIn and signUp

def test_sign_in_creates_the_user(client):
    alice = client()
    answer = alice.sign_in("Alice")
    assert answer["username"] == "Alice"
    assert [u["UUID"] for u in alice.users()["users"]] == [answer["userUUID"]]


def test_sign_in_again_gives_another_key_and_the_old_one_stays_good(client):
    first = client("alice")
    old = first.pair()
    first.sign_in("alice")
    assert first.key != old["userAccessKey"] and first.user == old["userUUID"]
    again = client()
    again.ask("users", **old)
    again.expect("users")


def test_sign_id_is_sign_in(client):
    alice = client("alice")
    again = client()
    again.send({"type": "signIn", "signId": {"username": "alice", "password": "correct horse"}})
    assert again.expect("authorized")["userUUID"] == alice.user


@pytest.mark.parametrize("written", ["ALICE Ä", "alice ä", "alice a\u0308"])
def test_names_are_one_without_regard_to_case_and_normalization(client, written):
    alice = client("Alice Ä")
    other = client(written)
    assert other.user == alice.user
    assert other.name == "Alice Ä", "the name as it was signed up"


@pytest.mark.parametrize("name", ["a", "User name", "O'Brien-2.0_x", "Ольга", "李小龍", "ひらカタ漢字", "김철수",
                                  "الحسن", "x" * 32, "é" * 32, "1"])
def test_good_names(client, name):
    assert client(name).name == name


# A Redis that evicts may take the key of a name by itself: the record has the name still

@pytest.fixture
def lost_name(client, redis, prefix):
    """alice, whose name's key is gone."""
    alice = client("alice")
    assert redis.r.delete(f"{prefix}name:alice")
    return alice


def test_a_lost_name_is_no_strangers(lost_name, client, redis, prefix):
    for kind, word, error in ("signIn", "not hers", "bad_credentials"), ("signUp", "correct horse", "name_taken"):
        stranger = client()
        stranger.ask(kind, {"username": "Alice", "password": word})
        assert stranger.expect("error")["name"] == error
    again = client("ALICE")
    assert again.user == lost_name.user and again.name == "alice"
    assert redis.r.get(f"{prefix}name:alice") == lost_name.user
    assert redis.r.zcard(f"{prefix}users") == 1


def test_a_lost_name_where_nobody_is_made_by_signing_in(lost_name, redis, prefix, start_chatd, client):
    assert client("alice", at=start_chatd(redis.uri, prefix=prefix, sign_in_creates=False)).user == lost_name.user


def test_who_has_another_name_now_or_is_gone_keeps_no_name(client, ctl, redis, prefix):
    for user in (alice := client("alice")), (bob := client("bob")):
        user.drop()
    ctl("user", "rename", "alice", "carol")
    ctl("user", "delete", "bob", "--yes")
    assert redis.r.hgetall(f"{prefix}names") == {"carol": alice.user}
    redis.r.hset(f"{prefix}names", mapping={"alice": alice.user, "bob": bob.user})  # as if that had been cut short
    assert client("alice").user != alice.user
    assert client("bob").user != bob.user
    assert client("carol").user == alice.user


def test_chatctl_and_a_lost_name(lost_name, ctl, redis, prefix, client):
    ctl("user", "add", "alice", "--password-file=-", stdin="pw\n", status=CONFLICT)
    assert "its key was lost" in ctl.err
    assert "the name leads to nobody" in ctl("fsck", status=FAILED)
    ctl("fsck", "--fix")
    assert redis.r.get(f"{prefix}name:alice") == lost_name.user
    redis.r.delete(f"{prefix}names")  # as of an earlier version
    assert ctl("fsck") == ""
    ctl("fsck", "--fix")
    redis.r.delete(f"{prefix}name:alice")
    assert client("alice").user == lost_name.user


def test_two_of_one_name_are_told(client, ctl, redis, prefix):
    """As a version before made them: nothing says who is meant."""
    alice, bob = client("alice"), client("bob")
    redis.r.hset(user_key(prefix, bob.user), "name", "Alice")
    redis.r.delete(f"{prefix}name:bob")
    assert "another user holds this user's name" in ctl("fsck", "--fix", status=FAILED)
    assert redis.r.get(f"{prefix}name:alice") == alice.user


def test_sign_up(client):
    bob = client()
    answer = bob.sign_up("Bob")
    assert client("bob").user == answer["userUUID"]


@pytest.mark.parametrize("name,password", [("bob", "correct horse"), ("BOB", "another")])
def test_sign_up_never_signs_in(client, name, password):
    client("bob")
    other = client()
    other.ask("signUp", {"username": name, "password": password}, requestID=5)
    error = other.expect_error("name_taken")
    assert (error["code"], error["request"], other.last["requestID"]) == (9, "signUp", 5)
    other.ask("users")
    other.expect_error("not_authorized")


RESERVED = ["server", "SERVER", "Public", "0", "-r", "--yes", "system", "chatd", "deleted user", "s_erver",
            "\u0455\u0435\u0433\u0475\u0435\u0433", "\u0420\u0426\u042c\u0406\u0406\u0421"]


@pytest.mark.parametrize("name", RESERVED)
def test_names_that_mean_something_are_nobody_s(client, unchanged, name):
    c = client()
    with unchanged():
        for verb in "signUp", "signIn":
            c.ask(verb, {"username": name, "password": "x"})
            assert "reserved" in c.expect_error("bad_name")["message"]


def test_who_has_such_a_name_keeps_it(client, redis, prefix):
    alice = client("alice")
    redis.r.hset(user_key(prefix, alice.user), "name", "Server")
    redis.r.rename(prefix + "name:alice", prefix + "name:server")
    assert client().sign_in("server")["username"] == "Server"
    other = client()
    other.ask("signIn", {"username": "SERVER", "password": "x"})
    other.expect_error("bad_credentials")
    other.ask("signUp", {"username": "server", "password": "x"})
    other.expect_error("name_taken")


def test_wrong_password(client):
    client("alice")
    other = client()
    other.ask("signIn", {"username": "alice", "password": "wrong"}, requestID="w")
    assert other.expect_error("bad_credentials")["code"] == 6
    assert other.last["requestID"] == "w"
    other.ask("users")
    other.expect_error("not_authorized")
    other.sign_in("alice")


def test_password_may_be_any_bytes_of_utf8(client):
    for i, password in enumerate([" ", "p" * 1024, "ß\n\t\U0001f40e", "'\"; --", "a\u0301"]):
        client().sign_in(f"user{i}", password)
        client().sign_in(f"user{i}", password)
    other = client()
    other.ask("signIn", {"username": "user0", "password": "  "})
    other.expect_error("bad_credentials")


def test_unknown_name_looks_like_a_wrong_password_where_sign_in_does_not_create(client, start_chatd):
    """Same error, same work: the hash, which takes 30 ms here, is computed for nobody too."""
    node = start_chatd(sign_in_creates=False, argon2_memory="19M", argon2_passes=2)
    alice = client(at=node)
    alice.sign_up("alice")

    def computed():
        return sum(seconds for seconds, _ in spans([node.pid]).values())

    def failure(name):
        c = client(at=node)
        before = computed()
        c.ask("signIn", {"username": name, "password": "wrong"})
        return c.expect_error("bad_credentials"), computed() - before

    wrong, unknown = zip(*[(failure("alice"), failure(f"nobody{i}")) for i in range(3)])
    assert {str(error) for error, _ in wrong} == {str(error) for error, _ in unknown}
    assert min(t for _, t in unknown) > 0.5 * min(t for _, t in wrong)
    client(at=node).sign_up("nobody0")


def test_create_false_signs_nobody_up(client, start_chatd, unchanged):
    """An unknown name is told where signing in would make it; where it doesn't, it looks like a wrong password."""
    c = client("bob")
    with unchanged():
        c = client()
        c.ask("signIn", {"username": "alice", "password": "secret", "create": False})
        assert c.expect_error("not_found")["message"] == "no such user"
        c.ask("signIn", {"username": "alice", "password": "secret", "create": "no"})
        c.expect_error("bad_field")
    c.ask("signUp", {"username": "alice", "password": "secret", "create": False})
    c.expect("authorized")
    again = client()
    again.ask("signIn", {"username": "ALICE", "password": "secret", "create": False})
    again.expect("authorized")
    closed = client(at=start_chatd(sign_in_creates=False))
    closed.ask("signIn", {"username": "nobody", "password": "secret", "create": False})
    closed.expect_error("bad_credentials")


def test_another_user_on_a_signed_in_connection(client):
    client("bob")
    alice = client("alice")
    alice.ask("signIn", {"username": "bob", "password": "correct horse"})
    alice.expect_error("wrong_user")
    alice.ask("signUp", {"username": "carol", "password": "correct horse"})
    alice.expect_error("wrong_user")
    names = [u["Username"] for u in alice.users()["users"]]
    assert sorted(names) == ["alice", "bob"], "carol was not made"


def race(client, verb, connections=12):
    """One new name, many connections at once: the frames that they get."""
    racers = [client() for _ in range(connections)]
    for c in racers:
        c.ask(verb, {"username": "wanted", "password": "correct horse"})
    return [c.recv() for c in racers]


def test_racing_sign_ins_make_one_user(client):
    frames = race(client, "signIn")
    assert len({f["authorized"]["userUUID"] for f in frames}) == 1
    assert client("wanted").users()["total"] == 1


def test_racing_sign_ups_have_one_winner(client):
    types = [f["type"] for f in race(client, "signUp")]
    assert sorted(types) == ["authorized"] + ["error"] * (len(types) - 1)
    assert client("wanted").users()["total"] == 1


def test_too_many_sign_ins_at_once_are_told_so(client, start_chatd):
    node = start_chatd(kdf_threads=1, kdf_queue=1, argon2_memory="19M", argon2_passes=2)
    crowd = [client(at=node) for _ in range(8)]
    for i, c in enumerate(crowd):
        c.ask("signIn", {"username": f"user{i}", "password": "x"})
    frames = [c.recv() for c in crowd]
    busy = [f["error"] for f in frames if f["type"] == "error"]
    assert busy and {e["name"] for e in busy} == {"busy"} and busy[0]["retryAfterMs"] > 0
    assert any(f["type"] == "authorized" for f in frames)
    late = crowd[[f["type"] for f in frames].index("error")]
    late.sign_in("late")  # a busy server is no reason to close


def test_one_address_does_not_make_others_busy(client, start_chatd):
    """Whoever comes from elsewhere finds room in the queue, and waits for his turn, not for all of it."""
    node = start_chatd(limit_loopback=True, kdf_threads=1, kdf_queue=16, argon2_memory="64M", argon2_passes=3,
                       max_sign_ups_address=0)
    crowd = [client(at=node, source="127.0.0.2") for _ in range(40)]
    for i, c in enumerate(crowd):
        c.ask("signUp", {"username": f"user{i}", "password": "x"})
    client("alice", at=node)
    answered, _, _ = select.select([c.sock for c in crowd], [], [], 0)
    assert len(answered) <= len(crowd) - 3, "she didn't wait for all of them"
    frames = [c.recv() for c in crowd]
    busy = [f["error"] for f in frames if f["type"] == "error"]
    assert len(busy) >= 20 and {e["name"] for e in busy} == {"busy"}
    assert max(e["retryAfterMs"] for e in busy) > 100, "as long as the queue takes"


def test_an_address_makes_so_many_users_an_hour(client, start_chatd, redis, prefix):
    here, there = (start_chatd(limit_loopback=True, max_sign_ups_address=3) for _ in range(2))
    for n, node in enumerate((here, there, here)):
        client(f"user{n}", at=node)
    late = client(at=there)
    for verb in "signUp", "signIn":
        late.ask(verb, {"username": "late", "password": "x"})
        error = late.expect_error("rate_limited")
        assert 3500_000 < error["retryAfterMs"] <= 3601_000
    late.sign_in("user1")  # who is there may come in, and on the same connection
    client("late", at=there, source="127.0.0.2")
    assert redis.r.get(f"{prefix}made:addr:127.0.0.1") == "3", "who was refused doesn't count"
    redis.r.persist(f"{prefix}made:addr:127.0.0.1")  # a node was killed before it said until when
    again = client(at=here)
    again.ask("signUp", {"username": "again", "password": "x"})
    again.expect_error("rate_limited")
    assert redis.r.ttl(f"{prefix}made:addr:127.0.0.1") > 0


def test_the_loopback_makes_any_number_of_users(client, start_chatd, redis, prefix):
    node = start_chatd(max_sign_ups_address=1)
    for name in "alice", "bob":
        client(name, at=node)
    assert not redis.r.exists(f"{prefix}made:addr:127.0.0.1")


# The pair

@pytest.mark.parametrize("type,body,answer", [
    ("users", None, "users"),
    ("channelJoin", {"recipientUUID": "0"}, "channelJoin"),
    ("channelMessages", {}, "channelRead"),
    ("signOut", None, "unauthorized"),
])
def test_pair_signs_a_fresh_connection_in(client, type, body, answer):
    alice = client("alice")
    again = client()
    again.ask(type, body, **alice.pair(), requestID=1)
    again.expect(answer)
    assert again.last["requestID"] == 1 and again.fence() == []


def test_after_the_pair_the_connection_is_signed_in(client):
    alice = client("alice")
    again = client()
    again.ask("channelJoin", {}, **alice.pair())
    again.expect("channelJoin")
    assert again.say("hi")["senderUUID"] == alice.user


def test_own_pair_may_be_sent_along(client):
    alice = client("alice", join="0")
    assert alice.say("hi", **alice.pair())["message"] == "hi"


def test_failed_request_signs_in_all_the_same(client):
    """The pair was right; only what was asked for was not."""
    alice = client("alice")
    again = client()
    again.ask("channelJoin", {"recipientUUID": chat.NOBODY}, **alice.pair())
    again.expect_error("not_found")
    again.users()


def forge(pair):
    key = pair["userAccessKey"]
    return {**pair, "userAccessKey": ("A" if key[0] != "A" else "B") + key[1:]}


@pytest.mark.parametrize("spoil", [
    forge,
    lambda pair: {**pair, "userAccessKey": pair["userAccessKey"] + "x"},
    lambda pair: {**pair, "userAccessKey": "short"},
    lambda pair: {**pair, "userUUID": chat.NOBODY},
    lambda pair: {**pair, "userUUID": "no uuid"},
    lambda pair: {**pair, "userUUID": 1},
], ids=["forged", "longer", "short", "of-nobody", "no-uuid", "uuid-1"])
def test_wrong_pair(client, unchanged, spoil):
    alice = client("alice", join="0")
    fresh = client()
    with unchanged():
        fresh.ask("users", **spoil(alice.pair()), requestID=3)
        assert fresh.expect_error("bad_key")["code"] == 7
        assert fresh.last["requestID"] == 3
        fresh.ask("channelMessage", {"message": "x"})
        fresh.expect_error("not_authorized")


def test_wrong_key_of_the_signed_in_user(client):
    """The request is not carried out, and the connection stays as it was."""
    alice = client("alice", join="0")
    alice.ask("channelMessage", {"message": "x"}, **forge(alice.pair()))
    alice.expect_error("bad_key")
    assert alice.say("y")["seq"] == 1


def test_expired_key(client, redis, prefix):
    alice = client("alice")
    redis.r.zadd(user_key(prefix, alice.user, ":keys"),
                 {member: 1000 for member in redis.r.zrange(user_key(prefix, alice.user, ":keys"), 0, -1)})
    fresh = client()
    fresh.ask("users", **alice.pair())
    fresh.expect_error("bad_key")


def test_keys_expire_by_key_ttl(client, start_chatd, redis, prefix):
    alice = client("alice", at=start_chatd(key_ttl="1h"))
    keys = user_key(prefix, alice.user, ":keys")
    (_, expiry), = redis.r.zrange(keys, 0, -1, withscores=True)
    assert 3590 < expiry / 1000 - time.time() < 3610
    assert 3590 < redis.r.ttl(keys) < 3610, "and the last one takes the key along"


def test_oldest_key_goes_when_there_are_too_many(client, start_chatd):
    node = start_chatd(max_keys=2)
    pairs = []
    for _ in range(3):
        pairs.append(client("alice", at=node).pair())
        now = time.time()
        chat.wait_until(lambda: time.time() > now + 0.002)  # keys are told apart by the millisecond
    for pair, answer in zip(pairs, ["error", "users", "users"]):
        fresh = client(at=node)
        fresh.ask("users", **pair)
        assert fresh.recv()["type"] == answer


def test_pair_of_another_user(client):
    alice, bob = client("alice"), client("bob", join="0")
    bob.ask("channelMessage", {"message": "x"}, **alice.pair(), requestID=1)
    bob.expect_error("wrong_user")
    assert bob.say("y")["senderUUID"] == bob.user
    fresh = client()
    fresh.ask("users", userUUID=alice.user, userAccessKey=bob.key)
    fresh.expect_error("bad_key")


@pytest.mark.parametrize("envelope", [
    {"userUUID": chat.NOBODY}, {"userUUID": 1}, {"userUUID": chat.NOBODY, "userAccessKey": ""},
    {"userUUID": chat.NOBODY, "userAccessKey": None}])
def test_user_uuid_without_a_key_is_ignored(client, envelope):
    alice = client("alice", join="0")
    assert alice.say("hi", **envelope)["senderUUID"] == alice.user
    fresh = client()
    fresh.ask("users", **{**envelope, "userUUID": alice.user})
    fresh.expect_error("not_authorized")


def test_key_without_a_user_is_ignored(client):
    alice = client("alice")
    fresh = client()
    fresh.ask("users", userAccessKey=alice.key)
    fresh.expect_error("not_authorized")


def test_pair_in_sign_in_is_ignored(client):
    alice, bob = client("alice"), client("bob")
    fresh = client()
    fresh.ask("signIn", {"username": "bob", "password": "correct horse"}, **forge(alice.pair()))
    assert fresh.expect("authorized")["userUUID"] == bob.user


# signOut

def test_sign_out(client):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.ask("signOut", requestID="bye")
    assert alice.expect("unauthorized") == {"userUUID": alice.user}
    assert alice.last["requestID"] == "bye"
    for type in "users", "channelJoin", "channelMessage", "channelMessages", "channelLeave", "signOut":
        alice.ask(type, {"recipientUUID": alice.user, "message": "x"})
        assert alice.expect_error("not_authorized")["request"] == type
    bob.say("alice does not hear this")
    assert alice.heard() == []


def test_sign_out_is_answered_once(client):
    """Redis tells of the revoked key by pub/sub, too, perhaps before it answers."""
    alice = client()
    for i in range(50):
        alice.sign_in("alice")
        alice.ask("signOut", requestID=i)
        alice.expect("unauthorized")
        assert alice.last.get("requestID") == i and alice.fence() == []


def test_sign_out_revokes_the_key(client):
    alice = client("alice")
    pair = alice.pair()
    alice.sign_out()
    fresh = client()
    fresh.ask("users", **pair)
    fresh.expect_error("bad_key")


def test_after_sign_out_another_user_may_come(client):
    alice = client("alice", join="0")
    alice.sign_out()
    alice.sign_in("bob")
    alice.post("x")
    alice.expect_error("not_joined")
    alice.join("0")
    assert alice.say("y")["senderUsername"] == "bob"


def test_sign_out_reaches_every_connection_with_that_key(client):
    alice = client("alice")
    same, other = client(), client("alice", join="0")
    same.ask("channelJoin", {}, **alice.pair())
    same.expect("channelJoin")
    alice.sign_out()
    assert same.expect("unauthorized") == {"userUUID": alice.user}
    assert "requestID" not in same.last
    same.ask("users")
    same.expect_error("not_authorized")
    assert other.say("still here")["seq"] == 1
    assert same.fence() == []


def test_sign_out_with_the_pair_on_a_fresh_connection(client):
    """As a seed client does it: the pair goes with every request."""
    alice = client("alice")
    fresh = client()
    fresh.ask("signOut", **alice.pair())
    assert fresh.expect("unauthorized") == {"userUUID": alice.user}
    assert alice.expect("unauthorized") == {"userUUID": alice.user}


# Bans, secrets

def test_banned_user(client, redis, prefix):
    alice = client("alice")
    redis.r.hset(user_key(prefix, alice.user), "banned", int(time.time() * 1000) + 60_000)
    for type, body, pair in [("signIn", {"username": "alice", "password": "correct horse"}, {}),
                             ("users", None, alice.pair())]:
        fresh = client()
        fresh.ask(type, body, **pair)
        assert fresh.expect_error("banned")["code"] == 22
        fresh.expect_close(4005)


def test_ban_that_is_over(client, redis, prefix):
    alice = client("alice")
    redis.r.hset(user_key(prefix, alice.user), "banned", int(time.time() * 1000) - 1)
    client("alice").users()


def test_ban_is_no_oracle(client, redis, prefix):
    """Who doesn't know the password doesn't learn that the user is banned."""
    alice = client("alice")
    redis.r.hset(user_key(prefix, alice.user), "banned", int(time.time() * 1000) + 60_000)
    fresh = client()
    fresh.ask("signIn", {"username": "alice", "password": "wrong"})
    fresh.expect_error("bad_credentials")


def test_secrets_are_stored_as_hashes_and_not_logged(client, redis, prefix, start_chatd):
    node = start_chatd(log_level="debug")
    alice = client(at=node)
    alice.sign_in("alice", "swordfish-9")
    alice.join("0")
    alice.say("quicksilver-7")
    wrong = client(at=node)
    wrong.ask("signIn", {"username": "alice", "password": "mackerel-3"})
    wrong.expect_error("bad_credentials")
    dump = b"".join(redis.raw.dump(key) for key in redis.raw.scan_iter(match=prefix + "*"))
    for secret in "swordfish-9", "mackerel-3", alice.key:
        assert secret.encode() not in dump
        assert secret not in node.log()
    assert "quicksilver-7" not in node.log()
    record = redis.r.hgetall(user_key(prefix, alice.user))
    assert record["hash"].startswith("$argon2id$")
    command_line = open(f"/proc/{node.pid}/cmdline").read()
    assert alice.key not in command_line


def test_sign_ins_do_not_hold_up_others(client, start_chatd):
    """Hashing runs off the loop: a talk goes on beside a queue of sign-ins."""
    node = start_chatd(kdf_threads=1, argon2_memory="64M", argon2_passes=2)
    alice = client("alice", join="0", at=node)
    crowd = [client(at=node) for _ in range(6)]
    for i, c in enumerate(crowd):
        c.ask("signIn", {"username": f"user{i}", "password": "x"})
    for i in range(10):
        watch = Stopwatch()
        alice.say(f"message {i}")
        assert watch.seconds() < 0.5
    for c in crowd:
        c.expect("authorized")
