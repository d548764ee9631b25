"""Failed sign-ins: the answer is delayed from the 5th on, the connection closed from the 10th on; counted in Redis by
name and address, and by address, where the loopback counts only if so asked. By name alone they only slow down, from
the 20th on, and not where the user has been."""

import time

import chat
import pytest
from stopwatch import Stopwatch


def fails(c, name, password="wrong"):
    """One failed attempt: the error's name and how long it took."""
    start = time.monotonic()
    c.ask("signIn", {"username": name, "password": password})
    error = c.expect("error")
    return error["name"], time.monotonic() - start


@pytest.fixture
def counted(redis, prefix):
    """counted("name:alice", 4): so many failures were counted already; "both:alice": on the loopback."""
    def put(what, n):
        kind, _, tail = what.partition(":")
        tail = f"127.0.0.1 {tail}" if kind == "both" and " " not in tail else tail
        redis.r.set(f"{prefix}fails:{kind}:{tail}", n, ex=900)
    return put


def failures(redis, prefix):
    return {key[len(prefix):]: int(redis.r.get(key)) for key in redis.r.scan_iter(match=prefix + "fails:*")}


def test_failures_are_counted_by_name_and_forgotten_after_a_while(client, redis, prefix):
    client("Alice")
    c = client()
    for _ in range(3):
        assert fails(c, "ALICE")[0] == "bad_credentials"
    both, name = "fails:both:127.0.0.1 alice", "fails:name:alice"
    assert failures(redis, prefix) == {both: 3, name: 3}, "the loopback's address is not counted"
    assert all(800 < redis.r.ttl(prefix + key) <= 900 for key in (both, name))


def test_the_fifth_is_the_last_to_be_answered_at_once(client):
    client("alice")
    c = client()
    quick = [fails(c, "alice")[1] for _ in range(5)]
    name, slow = fails(c, "alice")
    assert name == "bad_credentials" and max(quick) < 0.4 and slow >= 0.5


def test_delays_hold_up_nobody_else(client, counted):
    alice = client("alice", join="0")
    counted("both:alice", 8)
    c = client()
    c.ask("signIn", {"username": "alice", "password": "wrong"})
    watch = Stopwatch()
    client("bob", join="0").say("hello")
    alice.hear("hello")
    assert watch.seconds() < 1
    c.expect_error("bad_credentials")
    assert watch.wall() >= 1.5


@pytest.mark.parametrize("password", ["wrong", "correct horse"])
def test_after_ten_the_connection_is_closed(client, counted, password):
    """Even with the right password, on whichever connection."""
    client("alice")
    c = client()
    counted("both:alice", 9)
    assert fails(c, "alice")[0] == "bad_credentials"
    for one in c, client():
        one.ask("signIn", {"username": "alice", "password": password})
        error = one.expect_error("too_many_sign_ins")
        assert error["code"] == 23 and error["retryAfterMs"] > 0
        one.expect_close(4003)


def test_nobody_locks_another_out(client, start_chatd):
    """Wherever wrong passwords come from, the right one is taken: elsewhere after a while, at once where its owner has
    been."""
    node = start_chatd(limit_loopback=True)
    alice = client("alice", at=node)
    for address in "127.0.0.2", "127.0.0.3":
        for _ in range(10):
            fails(client(at=node, source=address), "alice")
        for password in "wrong", "correct horse":
            late = client(at=node, source=address)
            late.ask("signIn", {"username": "alice", "password": password})
            late.expect_error("too_many_sign_ins")
    for source, slow in (None, False), ("127.0.0.4", True), ("127.0.0.4", False):
        watch = Stopwatch()
        assert client("alice", at=node, source=source).user == alice.user
        assert (watch.wall() >= 0.5) == slow, source


def test_where_a_user_has_been_others_failures_are_no_matter(client, start_chatd, counted):
    """Ten of another name from the same address keep away who comes first, not who was there before."""
    node = start_chatd(limit_loopback=True)
    client("alice", at=node)
    client("bob", at=node, source="127.0.0.2")
    counted("addr:127.0.0.1", 50)
    counted("name:alice", 500)
    client("alice", at=node)
    stranger = client(at=node)
    stranger.ask("signIn", {"username": "bob", "password": "correct horse"})
    stranger.expect_error("too_many_sign_ins")


def test_places_are_few_and_tell_no_address(client, chatd, redis, prefix):
    for n in range(12):
        alice = client("alice", source=f"127.0.0.{n + 1}")
    seen = redis.r.hget(f"{prefix}{{u:{alice.user}}}", "seen").split(" ")
    assert len(seen) == len(set(seen)) == 8 and all(len(place) == 16 for place in seen)
    bob = client("bob", source="127.0.0.12")
    assert redis.r.hget(f"{prefix}{{u:{bob.user}}}", "seen") not in seen, "nor that two were at the same"


def test_another_password_forgets_the_places(client, chatd, ctl, redis, prefix):
    alice = client("alice")
    record = f"{prefix}{{u:{alice.user}}}"
    assert redis.r.hget(record, "seen")
    ctl("user", "passwd", "alice", "--password-file=-", stdin="another\n")
    assert redis.r.hget(record, "seen") is None


def test_attempts_through_another_node_count(client, start_chatd):
    here, there = start_chatd(), start_chatd()
    client("alice", at=here)
    for node in here, there, here, there, here:
        fails(client(at=node), "alice")
    assert fails(client(at=there), "alice")[1] >= 0.5


def test_success_forgets_the_failures_of_that_name(client, redis, prefix):
    client("alice")
    c = client()
    for _ in range(4):
        fails(c, "alice")
    c.sign_in("alice")
    assert failures(redis, prefix) == {"fails:name:alice": 4}, "those of anybody stay: nobody is kept out by them"


def test_someone_elses_failures_are_no_harm(client, counted):
    counted("name:alice", 50)
    client("bob").users()
    c = client()
    c.sign_up("alice")  # a new name: others' attempts at it are no reason to refuse it
    again = client()
    again.ask("users", **c.pair())
    again.expect("users")  # and a key is no password


def test_loopback_addresses_are_counted_on_request(client, start_chatd, redis, prefix, counted):
    node = start_chatd(limit_loopback=True)
    c = client(at=node)
    c.sign_in("alice")
    other = client(at=node)
    for i in range(2):
        client(f"user{i}", at=node)
        fails(other, f"user{i}")
    assert failures(redis, prefix)["fails:addr:127.0.0.1"] == 2
    counted("addr:127.0.0.1", 10)
    for verb in "signIn", "signUp":
        late = client(at=node)
        late.ask(verb, {"username": "new", "password": "x"})
        late.expect_error("too_many_sign_ins")
        late.expect_close(4003)
    c.users()


def test_fail_window_is_a_setting(client, start_chatd, redis, prefix):
    node = start_chatd(fail_window="1s")
    client("alice", at=node)
    c = client(at=node)
    for _ in range(5):
        fails(c, "alice")
    chat.wait_until(lambda: failures(redis, prefix) == {})
    assert fails(c, "alice")[1] < 0.4


def test_a_malformed_attempt_is_no_failure(client, redis, prefix):
    c = client()
    for body in {"username": "a:b", "password": "x"}, {"username": "alice", "password": ""}:
        c.ask("signIn", body)
        c.expect("error")
    assert failures(redis, prefix) == {}


def test_guesses_made_at_once_get_no_more_answers(client, chatd):
    """A crowd of connections guesses in parallel: no more of them learn anything than one by one."""
    client("alice")
    crowd = [client() for _ in range(40)]
    for i, one in enumerate(crowd):
        one.send({"type": "signIn", "signIn": {"username": "alice", "password": f"guess {i}"}})
    names = [one.expect("error", timeout=20)["name"] for one in crowd]
    assert 1 <= names.count("bad_credentials") <= 10
    assert names.count("bad_credentials") + names.count("too_many_sign_ins") == len(names)
