"""What chatd does when Redis is not (yet) what it should be."""


import chat
import pytest
from stopwatch import Stopwatch


def test_redis_missing_at_start_is_waited_for(start_chatd, client):
    """chatd says that it waits, and serves as soon as Redis is there."""
    server = chat.Redis()
    try:
        server.stop()
        node = start_chatd(server.uri, wait=False)
        node.wait_log("redis")
        assert node.process.poll() is None
        server.start()
        node.wait_serving()
        alice = client("alice", join="0", at=node)
        alice.say("hello")
        alice.close()
        node.stop()
    finally:
        server.destroy()


def test_it_says_why_it_waits(start_chatd):
    node = start_chatd("unix:///nonexistent/redis.sock", wait=False)
    chat.wait_until(lambda: "level=warn event=redis" in node.log() or "level=error event=redis" in node.log())


@pytest.mark.parametrize("uri", ["redis://127.0.0.1:{port}", "redis://user:wrong@127.0.0.1:{port}",
                                 "redis://:wrong@127.0.0.1:{port}"])
def test_no_password_or_a_wrong_one(start_chatd, uri):
    """It ends with status 1 and names what Redis said; the password is not in the log."""
    server = chat.Redis(tcp=True, requirepass="sesame")
    try:
        node = start_chatd(uri.format(port=server.port), wait=False)
        assert node.wait() == 1
        assert ("NOAUTH" in node.log()) or ("WRONGPASS" in node.log()), node.log()
        assert "level=error event=redis_refused" in node.log() and "wrong@" not in node.log()
        assert node.process.stdout.read() == b""
    finally:
        server.destroy()


@pytest.mark.parametrize("uri", ["redis://:sesame@127.0.0.1:{port}", "redis://default:sesame@127.0.0.1:{port}/3"])
def test_with_the_password(start_chatd, client, uri):
    server = chat.Redis(tcp=True, requirepass="sesame")
    try:
        node = start_chatd(uri.format(port=server.port))
        alice = client("alice", join="0", at=node)
        alice.say("hello")
        assert "sesame" not in node.log()
        alice.close()
        node.stop()
    finally:
        server.destroy()


def test_redis_by_tcp_and_the_number_of_a_database(start_chatd, client):
    server = chat.Redis(tcp=True)
    try:
        node = start_chatd(server.tcp_uri + "/2")
        alice = client("alice", join="0", at=node)
        alice.say("hello")
        assert server.r.info("keyspace").keys() == {"db2"}
        alice.close()
        node.stop()
    finally:
        server.destroy()


@pytest.mark.parametrize("version", ["0", "2", "x", ""])
def test_another_schema_is_not_touched(start_chatd, redis, prefix, unchanged, version):
    redis.r.set(f"{prefix}schema", version)
    with unchanged():
        node = start_chatd(wait=False)
        assert node.wait() == 1
    assert "schema" in node.log() and prefix in node.log()


def test_the_schema_is_written_once(start_chatd, redis, prefix):
    start_chatd().stop()
    assert redis.r.get(f"{prefix}schema") == "1"
    start_chatd()


def test_prefixes_keep_chats_apart(start_chatd, client, prefix):
    here, there = start_chatd(prefix=prefix + "a:"), start_chatd(prefix=prefix + "b:")
    alice, bob = client("alice", join="0", at=here), client("bob", join="0", at=there)
    alice.say("hello")
    assert bob.users()["total"] == 1
    assert bob.say("hello")["seq"] == 1
    assert alice.heard() == []


def test_every_key_is_under_the_prefix(start_chatd, client, own_redis):
    node = start_chatd(own_redis.uri, prefix="only.here-1:")
    alice, bob = client("alice", join="0", at=node), client("bob", at=node)
    alice.join(bob.user)
    alice.say("psst", bob.user, uuid=chat.new_uuid())
    bob.ask("signIn", {"username": "bob", "password": "wrong"})
    bob.expect_error("bad_credentials")
    assert all(key.startswith("only.here-1:") for key in own_redis.r.keys())


def test_it_starts_fast(start_chatd):
    watch = Stopwatch()
    start_chatd()
    assert watch.seconds() < 3
