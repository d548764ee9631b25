"""chatctl's commands about users and sessions: what they print in each format, what they change, what a chatd
makes of it, and each way in which they fail."""

import time

import chat
import pytest
from ctl import CONFLICT, NOT_FOUND, REFUSED, USAGE, interrupt
from load import Load

NAMES = ["alice", "Bob O'Hara", "Ærøskøbing", "李小龍", "x.y-z_1"]


@pytest.fixture
def people(ctl):
    return {name: ctl.add(name) for name in NAMES}


def names(rows):
    return [row["name"] for row in rows]


def make_users(redis, prefix, n):
    """Many users, without a password each, quickly. Returns their names in the order of creation."""
    pipe = redis.r.pipeline(transaction=False)
    made = []
    for i in range(n):
        user, name = f"00000000-0000-4000-8000-{i:012x}", f"user{(i * 7919) % n:06}"
        made.append(name)
        pipe.hset(f"{prefix}{{u:{user}}}", mapping={"name": name, "hash": "x", "created": 1000 + i // 3})
        pipe.zadd(f"{prefix}users", {user: 1000 + i // 3})
        pipe.set(f"{prefix}name:{name}", user)
    pipe.execute()
    return made


# add

def test_add_makes_a_user_who_can_sign_in(ctl, client, people):
    for name, made in people.items():
        assert made["name"] == name
        c = client()
        c.sign_in(name)
        assert c.user == made["uuid"]
        assert ctl.json("user", "show", name)["sessions"] == 1


def test_add_leaves_nothing_that_lapses(ctl, redis, prefix):
    made = ctl.add("alice")
    assert all(redis.r.ttl(key) == -1 for key in redis.r.keys(prefix + "*"))
    assert redis.r.get(f"{prefix}name:alice") == made["uuid"] and redis.r.get(f"{prefix}schema") == "1"
    assert redis.r.hget(f"{prefix}{{u:{made['uuid']}}}", "hash").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not redis.r.exists(f"{prefix}{{u:{made['uuid']}}}:keys")


@pytest.mark.parametrize("name", ["", " x", "x ", "a:b", "../x", "{x}", "a\nb", "a\tb", "x" * 33, "a,b", "p\u0430ypal"])
def test_add_refuses_names_as_chatd_does(ctl, name, unchanged):
    with unchanged():
        ctl("user", "add", "--password-file=-", "--", name, stdin="pw\n", status=USAGE)


def test_add_of_a_name_that_is_taken(ctl, people, unchanged):
    with unchanged():
        for name in "alice", "ALICE", "bob o'hara":
            ctl("user", "add", name, "--password-file=-", stdin="pw\n", status=CONFLICT)
            assert "taken" in ctl.err


def test_add_of_a_name_that_is_being_claimed(ctl, redis, prefix):
    redis.r.set(f"{prefix}name:alice", chat.NOBODY, ex=15)
    ctl("user", "add", "alice", "--password-file=-", stdin="pw\n", status=CONFLICT)
    redis.r.persist(f"{prefix}name:alice")  # left behind by somebody who is gone for good
    ctl.add("alice")


def test_passwords_come_from_a_file_or_stdin_and_never_from_argv(ctl, client, tmp_path, unchanged):
    secret = tmp_path / "pw"
    secret.write_text("of file\nsecond line\n")
    secret.chmod(0o600)
    ctl("user", "add", "alice", "--password-file", secret)
    client().sign_in("alice", "of file")
    with unchanged():
        ctl("user", "add", "bob", "--password", "x", status=USAGE)
        ctl("user", "add", "bob", status=USAGE)
        assert "--password-file" in ctl.err
        for bad in "\n", "", "x" * 1025 + "\n":
            ctl("user", "add", "bob", "--password-file=-", stdin=bad, status=USAGE)
        ctl("user", "add", "bob", "--password-file", tmp_path / "none", status=USAGE)
        secret.chmod(0o644)
        ctl("user", "add", "bob", "--password-file", secret, status=USAGE)
        assert "read by others" in ctl.err
    ctl.add("bob", "x" * 1024)


def test_dry_run_adds_nothing(ctl, unchanged):
    with unchanged():
        assert ctl("user", "add", "alice", "--dry-run") == ""
        assert "alice" in ctl.err


# list

def test_list_in_all_formats(ctl, people):
    rows = ctl.all_formats("user", "list")
    assert names(rows) == NAMES
    assert rows[0] == {"name": "alice", "uuid": people["alice"]["uuid"], "created": people["alice"]["created"],
                       "online": False, "banned_until": None}


def test_list_of_nobody(ctl):
    assert ctl.all_formats("user", "list") == []


def test_list_in_a_pipe_is_tsv_without_header(ctl, people):
    assert ctl("user", "list") == ctl("user", "list", "--format=tsv")


def test_list_selects(ctl, people, client):
    assert names(ctl.json("user", "list", "--match", "a*")) == ["alice"]
    assert names(ctl.json("user", "list", "--match", "*O'h*")) == ["Bob O'Hara"], "either case"
    assert names(ctl.json("user", "list", "--match=李*")) == ["李小龍"]
    assert names(ctl.json("user", "list", "--limit", "2")) == NAMES[:2]
    assert ctl.json("user", "list", "--limit", "0") == []
    assert names(ctl.json("user", "list", "--reverse", "--limit=2")) == NAMES[::-1][:2]
    assert names(ctl.json("user", "list", "--sort=name")) == ["alice", "Bob O'Hara", "x.y-z_1", "Ærøskøbing", "李小龍"]
    assert names(ctl.json("user", "list", "--sort=name", "--reverse", "--limit=1")) == ["李小龍"]
    ctl("user", "ban", "alice")
    assert names(ctl.json("user", "list", "--banned")) == ["alice"]
    assert ctl.json("user", "list", "--online") == []
    client("x.y-z_1")
    chat.wait_until(lambda: ctl.json("user", "list", "--online"))
    assert names(ctl.json("user", "list", "--online")) == ["x.y-z_1"]
    assert ctl.json("user", "list", "--online")[0]["online"] is True


def test_list_of_many_is_complete_in_every_order(ctl, redis, prefix):
    """More than a page; several of one moment, over the edges of pages."""
    made = make_users(redis, prefix, 1700)
    assert sorted(names(ctl.jsonl("user", "list"))) == sorted(made)
    assert sorted(names(ctl.jsonl("user", "list", "--reverse"))) == sorted(made)
    created = [row["created"] for row in ctl.jsonl("user", "list")]
    assert created == sorted(created)
    assert names(ctl.jsonl("user", "list", "--sort", "name")) == sorted(made)
    assert names(ctl.jsonl("user", "list", "--sort", "name", "--limit", "3")) == sorted(made)[:3]
    assert len(ctl.table("user", "list")) == 1701
    assert len(ctl.json("user", "list", "--limit", "501")) == 501


def test_list_passes_over_what_is_no_user(ctl, redis, prefix, people):
    redis.r.zadd(f"{prefix}users", {chat.NOBODY: 1, "rubbish": 2})
    redis.r.set(f"{prefix}{{u:{chat.new_uuid()}}}", "x")
    assert names(ctl.json("user", "list")) == NAMES


def test_names_are_made_safe_on_a_terminal_and_exact_elsewhere(ctl, redis, prefix, people):
    evil = "a\x1b[2Jb\tc\nd\\e\u202e"
    redis.r.hset(f"{prefix}{{u:{people['alice']['uuid']}}}", "name", evil)
    assert names(ctl.json("user", "list"))[0] == ctl.tsv("user", "list")[0][0] == evil
    shown = ctl.table("user", "list")[1]
    assert shown.startswith("a^[[2Jb    c^Jd\\e  ")


# show

def test_show(ctl, people, client):
    c = client("alice", join="0")
    chat.wait_until(lambda: ctl.json("user", "show", "alice")["online"])
    shown = ctl.all_formats("user", "show", "alice")
    assert shown == {"name": "alice", "uuid": c.user, "created": people["alice"]["created"], "online": True,
                     "nodes": 1, "banned_until": None, "ban_reason": None, "sessions": 1, "channels": 1}
    assert ctl.json("user", "show", c.user) == ctl.json("user", "show", "ALICE") == shown


@pytest.mark.parametrize("name", ["nobody", chat.NOBODY, "a:b", "", "x" * 2000, "\x1b[31m", "-"])
@pytest.mark.parametrize("verb", ["show", "ban", "unban", "kick", "delete", "passwd"])
def test_of_nobody(ctl, people, name, verb, unchanged):
    with unchanged():
        ctl("user", verb, "--", name, status=NOT_FOUND if name else USAGE)
        assert "\x1b" not in ctl.err and len(ctl.err) < 400


# passwd

def test_passwd(ctl, people, client):
    old = client("alice")
    done = ctl.json("user", "passwd", "alice", "--password-file=-", stdin="new one\n")
    assert done == {"name": "alice", "uuid": old.user, "revoked": 1}
    assert old.expect("unauthorized") == {"userUUID": old.user}
    old.ask("signIn", {"username": "alice", "password": "correct horse"})
    old.expect_error("bad_credentials")
    old.sign_in("alice", "new one")
    assert ctl.json("user", "passwd", "alice", "--password-file=-", "--keep-sessions", stdin="x\n")["revoked"] == 0
    assert ctl.json("user", "show", "alice")["sessions"] == 1
    assert old.say("still here", to=old.user) if old.join(old.user) else None
    for shape in "tsv", "table":
        assert "alice" in ctl("user", "passwd", "alice", "--format", shape, "--password-file=-", stdin="y\n")


def test_a_sign_in_with_the_password_of_before(ctl, client, start_chatd, redis, prefix):
    """It was found right, behind a queue, after the password was changed."""
    alice, bob = (f"{prefix}{{u:{ctl.add(name, name)['uuid']}}}" for name in ("alice", "bob"))
    node = start_chatd(kdf_threads=1, argon2_memory="64M", argon2_passes=2)
    crowd = [client(at=node) for _ in range(6)]
    for i, c in enumerate(crowd):
        c.ask("signIn", {"username": f"user{i}", "password": "x"})
    late = client(at=node)
    late.ask("signIn", {"username": "alice", "password": "alice"})
    time.sleep(0.05)
    redis.r.hset(alice, "hash", redis.r.hget(bob, "hash"))
    late.expect_error("bad_credentials")
    assert not redis.r.exists(alice + ":keys") and redis.r.hget(alice, "hash") == redis.r.hget(bob, "hash")
    late.sign_in("alice", "bob")


def test_sign_ins_at_once_that_bring_the_hash_up_to_date(ctl, client, start_chatd, redis, prefix):
    record = f"{prefix}{{u:{ctl.add('alice')['uuid']}}}"
    node = start_chatd(argon2_memory="19M", argon2_passes=3)
    crowd = [client(at=node) for _ in range(6)]
    for c in crowd:
        c.ask("signIn", {"username": "alice", "password": "correct horse"})
    for c in crowd:
        c.expect("authorized")
    assert "t=3" in redis.r.hget(record, "hash") and redis.r.zcard(record + ":keys") == 6


# rename

def test_rename(ctl, people, client):
    c = client("alice", join="0")
    assert ctl.json("user", "rename", "alice", "Alicia") == {"name": "Alicia", "uuid": c.user, "before": "alice"}
    chat.wait_until(lambda: c.say("hello")["senderUsername"] == "Alicia", what="chatd's knowing of it")
    assert c.users()["users"][0]["Username"] == "Alicia"
    ctl("user", "show", "alice", status=NOT_FOUND)
    other = client()
    other.ask("signUp", {"username": "alice", "password": "free again"})
    assert other.expect("authorized")["userUUID"] != c.user
    again = client("Alicia")
    assert again.user == c.user


def test_rename_to_another_case_and_back(ctl, people, redis, prefix):
    keys = set(redis.r.keys(f"{prefix}name:*"))
    assert ctl.tsv("user", "rename", "alice", "ALICE")[0][0] == "ALICE"
    assert set(redis.r.keys(f"{prefix}name:*")) == keys
    assert "ALICE" in ctl("user", "rename", "alice", "Alice", "--format=table")
    assert ctl.json("user", "show", "alice")["name"] == "Alice"


def test_rename_fails(ctl, people, unchanged):
    with unchanged():
        ctl("user", "rename", "alice", "bob o'hara", status=CONFLICT)
        ctl("user", "rename", "alice", "a:b", status=USAGE)
        ctl("user", "rename", "nobody", "x", status=NOT_FOUND)
        ctl("user", "rename", "alice", status=USAGE)
        ctl("user", "rename", "alice", "x", "--dry-run")
        ctl("user", "rename", "alice", "Bob O'Hara", "--dry-run", status=CONFLICT)


def test_a_name_that_two_want_goes_to_one(ctl, redis, prefix):
    """The claim of somebody else in between: the rename finds it taken and changes nothing."""
    ctl.add("alice")
    other = ctl.add("bob")
    redis.r.set(f"{prefix}name:carol", other["uuid"])
    ctl("user", "rename", "alice", "carol", status=CONFLICT)
    assert redis.r.get(f"{prefix}name:carol") == other["uuid"]


# delete

def said(answer):
    return [(m["message"], m["senderUsername"]) for m in answer["messages"]]


def logs(redis, prefix):
    return {key: redis.r.xrange(key) for key in redis.r.keys(prefix + "*:log")}


def test_delete(ctl, people, client, redis, prefix):
    alice, bob = client("alice", join="0"), client("Bob O'Hara", join="0")
    alice.join(bob.user)
    bob.join(alice.user)
    alice.say("stays", to="0")
    bob.fence()
    ctl("user", "delete", "alice", status=REFUSED)
    preview = ctl.json("user", "delete", "alice", "--dry-run")
    done = ctl.json("user", "delete", "alice", "--yes")
    assert done == preview == {"name": "alice", "uuid": alice.user, "sessions": 1, "channels": 2, "messages": 1}
    alice.expect_close(4004)
    gone = {frozenset(bob.expect_event("channelLeave").items()) for _ in range(2)}
    assert len(gone) == 2
    chat.wait_until(lambda: not redis.r.zscore(f"{prefix}{{presence}}:online", alice.user))
    left = [k for k in redis.r.keys(prefix + "*") if alice.user in k and "{c:" not in k]
    assert left == [] and not redis.r.exists(f"{prefix}name:alice")
    assert not redis.r.zscore(f"{prefix}users", alice.user)
    assert redis.r.zrange(f"{prefix}{{c:public}}:members", 0, -1) == [bob.user]
    assert said(bob.history()) == [("stays", "deleted user")]
    ctl("user", "delete", "alice", "--yes", status=NOT_FOUND)
    fresh = client("alice")
    assert fresh.user != alice.user


def test_delete_leaves_messages_of_a_deleted_user(ctl, people, client, redis, prefix):
    """In the public channel, in private ones, in one that was left and in what a restore brings back: the name is
    another, all else is as it was."""
    alice, bob, carol = client("alice", join="0"), client("Bob O'Hara", join="0"), client("x.y-z_1", join="0")
    for other in bob, carol:
        alice.join(other.user)
        other.join(alice.user)
    alice.say("gone", to="0")
    ctl("channel", "purge", "public", "--yes")
    alice.drain()
    one = alice.say("one", to="0")
    bob.drain()
    bob.say("two", to="0")
    for c in alice, carol:
        c.drain()
    alice.say("three", to=bob.user)
    carol.drain()
    carol.say("four", to=alice.user)
    alice.drain()
    alice.say("five", to=carol.user)
    alice.leave(carol.user)
    chat.wait_until(lambda: redis.r.zcard(f"{prefix}channels") == 3, what="the index, where one that was left is")
    bob.drain()
    before, epoch = logs(redis, prefix), bob.history()["epoch"]
    ctl("user", "delete", "alice", "--dry-run")
    told = [line.split(": ") for line in ctl.err.splitlines()]
    assert {what for _, what in told} == {"would rename the sender of 1 messages"}
    assert sorted(sorted(channel.split(",")) for channel, _ in told) == [
        ["Bob O'Hara", "alice"], ["alice", "x.y-z_1"], ["public"]]
    assert logs(redis, prefix) == before
    assert ctl.json("user", "delete", "alice", "--yes")["messages"] == 3
    for key, entries in before.items():
        assert redis.r.xrange(key) == [
            (id, {**f, "name": "deleted user"} if f["sender"] == alice.user else f) for id, f in entries]
    assert not redis.r.keys(prefix + "*:rebuild") and not redis.r.keys(prefix + "*:lock")
    bob.drain()
    history = bob.history()
    assert history["epoch"] == epoch and said(history) == [("two", "Bob O'Hara"), ("one", "deleted user")]
    assert history["messages"][1]["UUID"] == one["UUID"]
    ctl("channel", "restore", "public")
    again = client("Bob O'Hara")
    again.ask("channelJoin", {"recipientUUID": "0", "since": {"epoch": epoch, "seq": 0}})
    assert said(again.expect("channelJoin")) == [
        ("gone", "deleted user"), ("one", "deleted user"), ("two", "Bob O'Hara")]
    assert again.say("next", to="0")["seq"] == 4


def test_delete_under_load(ctl, client, start_chatd, redis, prefix):
    """Nothing that others say meanwhile is lost, doubled or reordered."""
    with Load([start_chatd(), start_chatd()], redis, prefix) as load:
        mallory = client("mallory", join="0", at=load.nodes[0])
        for i in range(20):
            uuid = chat.new_uuid()
            load.history.sent[uuid] = f"spam {i}"
            mallory.post(f"spam {i}", uuid=uuid)
        load.wait_acked(1000)
        ctl("user", "delete", "mallory", "--yes")
        load.wait_acked(100)
    load.check()
    names = [f["name"] for _, f in redis.r.xrange(f"{prefix}{{c:public}}:log") if f["sender"] == mallory.user]
    assert names == ["deleted user"] * 20


def test_an_interrupted_delete_can_be_repeated(ctl, people, redis, prefix):
    log, alice = f"{prefix}{{c:public}}:log", people["alice"]["uuid"]
    pipe = redis.r.pipeline(transaction=False)
    for i in range(1, 30001):
        pipe.xadd(log, {"uuid": chat.new_uuid(), "sender": alice, "name": "alice", "at": i, "text": "x"}, id=f"{i}-0")
    pipe.hset(f"{prefix}{{c:public}}:meta", mapping={"epoch": chat.NOBODY, "base": 1, "seq": 30000})
    pipe.zadd(f"{prefix}channels", {"public": 1})
    pipe.execute()
    before = redis.r.xrange(log)
    interrupt(ctl, lambda: redis.r.keys(prefix + "*:rebuild"), "user", "delete", "alice", "--yes")
    assert redis.r.xrange(log) == before
    assert not redis.r.keys(prefix + "*:rebuild") and not redis.r.keys(prefix + "*:lock")
    assert ctl.json("user", "show", "alice")["banned_until"]
    assert ctl.json("user", "delete", "alice", "--yes")["messages"] == 30000
    assert {f["name"] for _, f in redis.r.xrange(log)} == {"deleted user"}


def test_delete_waits_for_no_purge(ctl, people, client, redis, prefix):
    alice = client("alice", join="0")
    alice.say("x", to="0")
    redis.r.set(f"{prefix}{{c:public}}:lock", chat.NOBODY, px=60000)
    ctl("user", "delete", "alice", "--yes", status=CONFLICT)
    redis.r.delete(f"{prefix}{{c:public}}:lock")
    assert ctl.json("user", "delete", "alice", "--yes")["messages"] == 1


@pytest.mark.parametrize("name", ["server", "Public", "--yes", "s\u00e9rver"])
def test_reserved_names_are_given_to_nobody(ctl, people, unchanged, name):
    with unchanged():
        ctl("user", "add", "--password-file=-", "--", name, stdin="pw\n", status=USAGE)
        ctl("user", "rename", "--", "alice", name, status=USAGE)
    assert "reserved" in ctl.err


@pytest.mark.parametrize("name", ["deleted user", "Deleted User"])
def test_nobody_is_called_like_the_deleted(ctl, people, client, unchanged, name):
    c = client()
    with unchanged():
        ctl("user", "add", name, "--password-file=-", stdin="pw\n", status=USAGE)
        ctl("user", "rename", "alice", name, status=USAGE)
        for type in "signUp", "signIn":
            c.ask(type, {"username": name, "password": "pw"})
            c.expect_error("bad_name")


def test_delete_with_messages(ctl, people, client):
    alice, bob = client("alice", join="0"), client("Bob O'Hara", join="0")
    alice.join(bob.user)
    alice.say("one", to="0")
    bob.say("two")
    alice.drain()
    alice.say("three", to=bob.user)
    assert ctl.json("user", "delete", "alice", "--with-messages", "--dry-run")["messages"] == 2
    assert ctl.json("user", "delete", "alice", "--with-messages", "--yes")["messages"] == 2
    bob.drain()
    assert [m["message"] for m in bob.history()["messages"]] == ["two"]


def test_delete_dry_run_changes_nothing(ctl, people, unchanged):
    with unchanged():
        assert ctl.all_formats("user", "delete", "alice", "--dry-run")["name"] == "alice"


# ban, kick, sessions: in test_ctl_nodes.py, on two nodes; here what they print

def test_ban_and_unban(ctl, people):
    before = time.time()
    ctl.all_formats("user", "ban", "alice", "--reason", "for ever")
    done = ctl.json("user", "ban", "alice", "--for", "2h", "--reason", 'spam, "again"')
    assert done["reason"] == 'spam, "again"' and done["nodes"] == 0
    until = time.mktime(time.strptime(done["banned_until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert 7195 < until - before < 7260
    shown = ctl.json("user", "show", "alice")
    assert shown["ban_reason"] == done["reason"] and shown["banned_until"][:16] == done["banned_until"][:16]
    assert ctl.json("user", "ban", "alice")["banned_until"] == "9999-12-31T23:59:59.999Z"
    assert ctl.json("user", "unban", "alice")["banned_until"] is None
    assert ctl.json("user", "show", "alice")["banned_until"] is None
    assert ctl.all_formats("user", "unban", "alice")["name"] == "alice"


def test_a_ban_ends_by_itself(ctl, people, client):
    ctl("user", "ban", "alice", "--for", "4s")
    c = client()
    c.ask("signIn", {"username": "alice", "password": "correct horse"})
    c.expect_error("banned")
    time.sleep(4)
    client("alice")


def test_sessions(ctl, people, client):
    one, two = client("alice"), client("alice")
    listed = ctl.all_formats("session", "list", "alice")
    assert len(listed) == 2 and all(s["session"].startswith("k.") for s in listed)
    done = ctl.json("session", "revoke", "alice", listed[0]["session"])
    assert done == {"name": "alice", "uuid": one.user, "revoked": 1}
    assert ctl.json("session", "list", "alice") == listed[1:]
    ctl("session", "revoke", "alice", listed[0]["session"], status=NOT_FOUND)
    ctl("session", "revoke", "alice", "k.", status=NOT_FOUND)
    ctl("session", "revoke", "alice", status=USAGE)
    ctl("session", "revoke", "alice", "--all", "x", status=USAGE)
    assert ctl.tsv("session", "revoke", "alice", "--all") == [["alice", one.user, "1"]]
    assert ctl.all_formats("session", "revoke", "alice", "--all")["revoked"] == 0
    assert ctl.all_formats("session", "list", "alice") == []
    for c in one, two:
        c.expect("unauthorized")
        c.ask("users", None, userUUID=one.user, userAccessKey=c.key)
        c.expect_error("bad_key")


def test_sessions_of_one_beginning(ctl, people, redis, prefix):
    user = people["alice"]["uuid"]
    far = int(time.time() + 1000) * 1000
    redis.r.zadd(f"{prefix}{{u:{user}}}:keys", {"-" + "A" * 42: far, "-" + "A" * 41 + "B": far, "C" * 43: 5})
    assert len(ctl.json("session", "list", "alice")) == 2, "an expired one is none"
    ctl("session", "revoke", "alice", "k.-AAA", status=CONFLICT)
    assert ctl.json("session", "revoke", "alice", "k.-" + "A" * 42)["revoked"] == 1


def test_dry_runs_change_nothing(ctl, people, client, unchanged):
    c = client("alice")
    session = ctl.json("session", "list", "alice")[0]["session"]
    with unchanged():
        for line in (["user", "ban", "alice"], ["user", "unban", "alice"], ["user", "kick", "alice"],
                     ["session", "revoke", "alice", "--all"], ["session", "revoke", "alice", session],
                     ["user", "passwd", "alice"]):
            ctl(*line, "--dry-run")
    assert c.fence() == []
