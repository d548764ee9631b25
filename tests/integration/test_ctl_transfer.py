"""chatctl export and import: nothing is lost on the way, and nothing that is there is harmed."""

import json
import os
import signal
import subprocess

import chat
import pytest
from ctl import CONFLICT, FAILED, INTERRUPTED, USAGE, Ctl
from load import Load

TEXTS = ["plain", "tab\t, quote \", backslash \\, line\nbreak", "\u202eback \x1b[31m \x7f", "\U0001f40e \u2028",
         "x" * 4096]


def flush(redis, prefix):
    for key in redis.r.scan_iter(match=prefix + "*", count=1000):
        redis.r.delete(key)


@pytest.fixture
def full(ctl, chatd, client, redis, prefix):
    """A chat with a bit of everything."""
    alice, bob = client("alice", join="0"), client("Jürgen B.", join="0")
    alice.join(bob.user)
    for text in TEXTS:
        alice.say(text)
        alice.say(text, bob.user)
    said = [alice.say(f"m{i}") for i in range(20)]
    ctl("message", "delete", said[3]["UUID"], "public", "--yes")
    ctl("channel", "purge", "public", "--keep", "15", "--yes")
    ctl("channel", "retention", "public", "--max", "1000", "--age", "30d")
    chatd.stop()  # it writes what it still has to, and nothing any more
    assert redis.r.zcard(prefix + "channels") == 2
    return ctl("export")


PASSING = ("{presence}:", "fails:", "schema")


def state(redis, prefix):
    """What an export holds, as Redis has it."""
    found = {}
    for key in redis.r.scan_iter(match=prefix + "*", count=1000):
        name = key.removeprefix(prefix)
        if name.startswith(PASSING) or any(part in name for part in (":keys", ":sent:", ":trash:", ":purge")):
            continue
        read = {"string": redis.r.get, "hash": redis.r.hgetall, "stream": redis.r.xrange,
                "zset": lambda k: redis.r.zrange(k, 0, -1, withscores=True)}[redis.r.type(key)]
        found[name] = (read(key), redis.r.ttl(key))
    return found


def user_of(text, name):
    for line in map(json.loads, text.splitlines()):
        if line["type"] == "user" and {"k": "name", "v": name} in line["fields"]:
            return line["UUID"]


def test_round_trip(ctl, full, redis, prefix):
    before = state(redis, prefix)
    flush(redis, prefix)
    ctl("import", stdin=full)
    assert state(redis, prefix) == before
    assert ctl("export") == full


def test_a_chat_goes_on_after_a_round_trip(ctl, full, redis, prefix, client, start_chatd):
    flush(redis, prefix)
    ctl("import", stdin=full)
    node = start_chatd()
    back = chat.Client(node)
    assert back.sign_in("alice")["userUUID"] == user_of(full, "alice")
    joined = back.join()
    assert joined["seq"] == 25 and joined["messages"][0]["message"] == "m19"
    assert back.say("next")["seq"] == 26
    back.close()


def test_every_line_says_what_it_is(full):
    lines = [json.loads(line) for line in full.splitlines()]
    assert lines[0] == {"type": "chat-export", "version": 1}
    end = lines[-1]
    assert (end["type"], end["users"], end["channels"]) == ("end", 2, 2)
    assert sum(line["type"] == "message" for line in lines) == end["messages"]
    assert {line["type"] for line in lines} == {"chat-export", "user", "joined", "channel", "member", "message",
                                                "mark", "end"}
    assert [line["message"] for line in lines if line["type"] == "message"][-5:] == TEXTS or \
        [line["message"] for line in lines if line["type"] == "message"][:5] == TEXTS


def test_another_prefix(ctl, full, redis, prefix):
    other = Ctl(redis.uri, prefix + "copy:")
    other("import", stdin=full)
    assert other("export") == full
    flush(redis, prefix + "copy:")


def test_into_a_chat_in_use(ctl, full, redis, prefix):
    before = chat.digest(redis, prefix)
    ctl("import", stdin=full, status=CONFLICT)
    ctl("import", "--merge", stdin=full)
    assert chat.digest(redis, prefix) == before, "all of it was there"


def test_merge_adds_what_is_missing(ctl, full, redis, prefix):
    flush(redis, prefix)
    ctl("user", "add", "carol", "--password-file=-", stdin="correct horse\n")
    ctl("message", "send", "public", "here first")
    ctl("import", "--merge", stdin=full)
    assert {u["name"] for u in ctl.json("user", "list")} == {"alice", "Jürgen B.", "carol"}
    assert [m["message"] for m in ctl.json("message", "tail", "-n", "100")] == ["here first"], "another history"
    assert len(ctl.json("message", "tail", "-n", "100", "alice,Jürgen B.")) == 5
    assert len(ctl.json("channel", "members", "public")) == 2
    assert ctl("fsck") == ""


def test_merge_continues_the_same_history(ctl, full, redis, prefix):
    lines = full.splitlines(keepends=True)
    last = [line for line in lines if '"message":"m19"' in line][0]
    end = json.loads(lines[-1])
    end["messages"] -= 1
    older = "".join(line for line in lines[:-1] if line != last).replace('{"k":"seq","v":"25"}', '{"k":"seq","v":"24"}')
    older += json.dumps(end) + "\n"
    flush(redis, prefix)
    ctl("import", stdin=older)
    assert ctl.json("message", "tail")[-1]["message"] == "m18"
    ctl("import", "--merge", stdin=full)
    assert ctl("export") == full and ctl("fsck") == ""


def test_merge_leaves_names_to_their_users(ctl, full, redis, prefix):
    flush(redis, prefix)
    mine = ctl.add("ALICE")
    ctl("import", "--merge", stdin=full, status=CONFLICT)
    users = {u["name"]: u["uuid"] for u in ctl.json("user", "list")}
    assert users["ALICE"] == mine["uuid"] and "alice" not in users and "Jürgen B." in users


def test_an_interrupted_import_is_finished_by_a_merge(ctl, full, redis, prefix):
    flush(redis, prefix)
    lines = full.splitlines(keepends=True)
    ctl("import", stdin="".join(lines[:len(lines) // 2]), status=FAILED)
    assert "cut" in ctl.err
    ctl("import", "--merge", stdin=full)
    assert ctl("export") == full


def test_a_file_that_lacks_messages(ctl, full, redis, prefix):
    flush(redis, prefix)
    ctl("import", stdin="".join(line for line in full.splitlines(keepends=True) if '"message":"m7"' not in line),
        status=FAILED)
    assert "fewer messages" in ctl.err


@pytest.mark.parametrize("text", [
    "", "\n", "{}\n", '{"type":"chat-export","version":2}\n', '{"type":"chat-export","version":1}\n',
    '{"type":"chat-export","version":1}\n{"type":"x"}\n', '{"type":"chat-export","version":1}\nnot json\n',
    '{"type":"chat-export","version":1}\n{"type":"user","UUID":"1"}\n',
    '{"type":"chat-export","version":1}\n{"type":"user","UUID":"%s","fields":[]}\n' % chat.NOBODY,
    '{"type":"chat-export","version":1}\n{"type":"message","channel":"public","seq":1}\n',
    '{"type":"chat-export","version":1}\n{"type":"channel","channel":"x:y","activity":1,"meta":[]}\n',
])
def test_what_is_no_export(ctl, text, redis, prefix):
    ctl("import", stdin=text, status=FAILED)
    assert redis.r.keys(prefix + "*") in ([], [prefix + "schema"])


def test_some_channels(ctl, full, redis, prefix):
    part = ctl("export", "Jürgen B.,alice")
    lines = [json.loads(line) for line in part.splitlines()]
    assert {line["channel"] for line in lines if "channel" in line} == {
        "dm:" + ":".join(sorted(user_of(full, n) for n in ("alice", "Jürgen B.")))}
    flush(redis, prefix)
    ctl("import", stdin=part)
    assert ctl("export").count('"type":"message"') == 5
    assert len(ctl.json("user", "list")) == 2


def test_what_is_damaged_is_taken_along(ctl, redis, prefix):
    ctl("message", "send", "public", "good")
    log = f"{prefix}{{c:public}}:log"
    redis.raw.xadd(log, {b"blob": b"\xff\x00\x01", b"text": b"x"}, id="2-0")
    redis.raw.xadd(log, {b"a": b"b"}, id="2-7")
    redis.r.hset(f"{prefix}{{c:public}}:meta", "seq", 2)
    before = redis.raw.xrange(log)
    text = ctl("export")
    flush(redis, prefix)
    ctl("import", stdin=text)
    assert redis.raw.xrange(log) == before and ctl("export") == text


def test_output_file(ctl, full, tmp_path):
    path = tmp_path / "out.jsonl"
    assert ctl("export", "--output", path) == ""
    assert path.read_text() == full and path.stat().st_mode & 0o777 == 0o600
    ctl("export", "--output", path, status=FAILED)
    ctl("import", path, status=CONFLICT)
    ctl("import", "--merge", tmp_path / "none", status=FAILED)


def test_pages(ctl, redis, prefix):
    """More of everything than fits into a page, with the same score."""
    pipe = redis.r.pipeline(transaction=False)
    users = [chat.new_uuid() for _ in range(1700)]
    for i, user in enumerate(users):
        pipe.hset(f"{prefix}{{u:{user}}}", mapping={"name": f"user{i}", "hash": "x", "created": 5})
        pipe.set(f"{prefix}name:user{i}", user)
        pipe.zadd(f"{prefix}users", {user: 5 + i // 1200})
        pipe.zadd(f"{prefix}{{c:public}}:members", {user: 7})
    pipe.execute()
    ctl("message", "send", "public", stdin="".join(f"m{i}\n" for i in range(1700)))
    text = ctl("export")
    end = json.loads(text.splitlines()[-1])
    assert (end["users"], end["members"], end["messages"]) == (1700, 1700, 1700)
    flush(redis, prefix)
    ctl("import", stdin=text)
    assert ctl("export") == text
    assert ctl.json("channel", "members", "public")[0]["username"].startswith("user")
    assert len(ctl.json("channel", "members", "public")) == 1700


def test_export_under_load(ctl, start_chatd, redis, prefix):
    """What was acknowledged before is in it, in order; and nobody notices."""
    with Load([start_chatd()], redis, prefix) as load:
        load.wait_acked(300)
        acked = dict(load.history.acks)
        text = ctl("export")
        load.wait_acked(100)
    load.check()
    messages = [m for m in map(json.loads, text.splitlines()) if m["type"] == "message"]
    assert [m["seq"] for m in messages] == list(range(1, len(messages) + 1))
    assert set(acked) <= {m["UUID"] for m in messages}
    other = Ctl(redis.uri, prefix + "copy:")
    other("import", stdin=text)
    assert other("export") == text
    flush(redis, prefix + "copy:")


def test_interrupt(ctl, redis, prefix):
    ctl("message", "send", "public", stdin="".join(f"m{i}\n" for i in range(3000)))
    running = subprocess.Popen([ctl.binary, "export"], env=ctl.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.read(1000)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=chat.PATIENCE)
    assert running.returncode in (INTERRUPTED, 0)
    if running.returncode == INTERRUPTED:
        assert b"isn't whole" in err and b'"type":"end"' not in out


def test_export_into_a_closed_pipe(ctl, full):
    done = subprocess.run(["bash", "-c", f"set -euo pipefail; {ctl.binary} -q export | head -1"],
                          env=ctl.env(PATH=os.environ["PATH"]), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def made(channel=(), users=(), meta=None, messages=()):
    """A dump by hand: a good channel beside `channel`, a good user beside `users`."""
    alice, other = chat.new_uuid(), chat.new_uuid()
    fields = {"epoch": chat.new_uuid(), "base": "1", "seq": "6", **(meta or {})}
    lines = [{"type": "chat-export", "version": 1},
             {"type": "user", "UUID": alice, "created": 1, "fields": [{"k": "name", "v": "alice"}]}, *users,
             {"type": "channel", "channel": f"dm:{min(alice, other)}:{max(alice, other)}", "activity": 1, "meta": [
                 {"k": "epoch", "v": chat.new_uuid()}, {"k": "base", "v": "1"}, {"k": "seq", "v": "1"}]},
             said(1, channel=f"dm:{min(alice, other)}:{max(alice, other)}"),
             {"type": "channel", "channel": "public", "activity": 1,
              "meta": [{"k": k, "v": v} for k, v in fields.items() if v is not None]},
             *channel, *messages]
    kinds = [line["type"] for line in lines]
    lines.append({"type": "end", "users": kinds.count("user"), "channels": 2, "members": kinds.count("member"),
                  "messages": kinds.count("message") + kinds.count("entry")})
    return "".join(json.dumps(line) + "\n" for line in lines)


def said(seq, text="hi", name="alice", **more):
    return {"type": "message", "channel": "public", "seq": seq, "UUID": chat.new_uuid(), "senderUUID": chat.new_uuid(),
            "senderUsername": name, "at": 5, "message": text, **more}


def user(name, **more):
    return {"type": "user", "UUID": chat.new_uuid(), "created": 1, "fields": [{"k": "name", "v": name}], **more}


CONTRADICTIONS = {
    "a number behind the position": {"messages": [said(1), said(999), said(7)]},
    "a number too many": {"messages": [said(n) for n in range(1, 8)]},
    "no order": {"messages": [said(3), said(2)]},
    "a number twice": {"messages": [said(3), said(3)]},
    "number 0": {"messages": [said(0)]},
    "a number below 0": {"messages": [said(1), said(-1)]},
    "a number that is text": {"messages": [said(1), said("2")]},
    "a number with a fraction": {"messages": [said(1), said(2.5)]},
    "a huge number": {"meta": {"seq": str(2**52)}, "messages": [said(2**52)]},
    "a position without room": {"meta": {"seq": "999999999999999"}},
    **{f"position {seq}": {"meta": {"seq": seq}} for seq in ("-1", "abc", str(2**63 - 1), "1e3", "", " 6", "+6", "06")},
    **{f"base {base}": {"meta": {"base": base}} for base in ("0", "-1", "8", "x", "1.0")},
    "no base": {"meta": {"base": None}},
    "no epoch": {"meta": {"epoch": None}},
    "an epoch that is none": {"meta": {"epoch": "abc"}},
    "messages without a position": {"meta": {"epoch": None, "base": None, "seq": None}, "messages": [said(1)]},
    "retention": {"meta": {"max": "abc"}},
    "retention by age": {"meta": {"age": "-5"}},
    "an empty text": {"messages": [said(1), said(2, "")]},
    "a long text": {"messages": [said(1), said(2, "x" * 4097)]},
    "an empty name": {"messages": [said(1), said(2, name="")]},
    "a wrong name": {"messages": [said(1), said(2, name="a:b")]},
    "no UUID": {"messages": [said(1), said(2, UUID="x")]},
    "a time after the year 9999": {"messages": [said(1), said(2, at=253402300800000)]},
    "an entry behind the position": {"messages": [{"type": "entry", "channel": "public", "id": "7-1",
                                                   "fields": [{"k": "a", "v": "b"}]}]},
    "an entry anywhere": {"messages": [{"type": "entry", "channel": "public", "id": "*",
                                        "fields": [{"k": "a", "v": "b"}]}]},
    "a mark that is none": {"channel": [{"type": "mark", "channel": "public", "mark": "", "at": 7}]},
    "a channel twice": {"channel": [{"type": "channel", "channel": "public", "activity": 1, "meta": []}]},
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_channel_that_contradicts_itself_is_left_out(ctl, redis, prefix, what, tmp_path):
    path = tmp_path / "dump.jsonl"
    text = made(**CONTRADICTIONS[what])
    path.write_text(text)
    ctl("import", path, status=FAILED)
    lines = text.splitlines()
    assert f"{path}:" in ctl.err and "public: " in ctl.err
    number = int(ctl.err.split(f"{path}:")[1].split(":")[0])
    assert "public" in lines[number - 1], "the line is named"
    assert not redis.r.keys(prefix + "{c:public}*"), "nothing of it is taken"
    assert [c["messages"] for c in ctl.json("channel", "list")] == [1], "the others are"
    assert [u["name"] for u in ctl.json("user", "list")] == ["alice"]
    flush(redis, prefix)
    ctl("import", stdin=text, status=FAILED)
    assert not redis.r.keys(prefix + "{c:public}*") and ctl("fsck") == ""


@pytest.mark.parametrize("name", ["a\u200bb", "a\tb", "a:b", "x" * 40, "Rene\u0301", "deleted user", "Deleted User", "",
                                  " a", "\u202ea", "a\u0430", "\n"])
def test_a_name_that_nobody_can_have_is_left_out(ctl, redis, prefix, name):
    bad = user(name)
    ctl("import", stdin=made(users=[bad, {"type": "joined", "user": bad["UUID"], "channel": "public", "at": 1}],
                             channel=[{"type": "member", "channel": "public", "user": bad["UUID"], "at": 1}],
                             messages=[said(1)]), status=FAILED)
    assert f"stdin:3: {bad['UUID']}" in ctl.err
    assert [u["name"] for u in ctl.json("user", "list")] == ["alice"]
    assert [m["message"] for m in ctl.json("message", "tail")] == ["hi"]
    assert ctl("fsck") == "", "no member, no list of theirs either"


@pytest.mark.parametrize("name", ["server", "public", "0", "--yes"])
def test_a_name_that_has_been_reserved_since_is_restored(ctl, redis, prefix, name):
    """Those who have such a name keep it: a backup holds them."""
    ctl("import", stdin=made(users=[user(name)]))
    assert {u["name"] for u in ctl.json("user", "list")} == {"alice", name}
    assert ctl("fsck") == ""


def test_a_user_who_would_be_the_server_is_left_out(ctl):
    """The server's own messages are told by the UUID of nobody."""
    nil = "00000000-0000-0000-0000-000000000000"
    ctl("import", stdin=made(users=[user("mallory", UUID=nil)]), status=FAILED)
    assert f"stdin:3: {nil}" in ctl.err and [u["name"] for u in ctl.json("user", "list")] == ["alice"]


def test_a_dry_run_looks_only(ctl, full, redis, prefix):
    flush(redis, prefix)
    ctl("import", "--dry-run", stdin=full)
    assert "2 users, 2 channels" in ctl.err
    ctl("import", "--dry-run", stdin=made(messages=[said(7)]), status=FAILED)
    ctl("import", "--dry-run", stdin=full + "x\n", status=FAILED)
    assert not redis.r.keys(prefix + "*")


def test_a_user_of_two_named_channels_is_there_once(ctl, full, redis, prefix):
    part = ctl("export", "public", "Jürgen B.,alice")
    assert part.count('"type":"user"') == 4
    ctl("export", "public", "public", status=USAGE)
    flush(redis, prefix)
    ctl("import", stdin=part)
    assert len(ctl.json("user", "list")) == 2 and ctl("fsck") == ""


def test_a_user_twice_is_left_out(ctl):
    one = user("bob")
    ctl("import", stdin=made(users=[one, {**one, "fields": [{"k": "name", "v": "carl"}]}]), status=FAILED)
    assert "stdin:4" in ctl.err
    assert [u["name"] for u in ctl.json("user", "list")] == ["alice"] and ctl("fsck") == ""
