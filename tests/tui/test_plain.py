"""chattui --plain: lines in, lines out, as a script or a bot uses it."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

import chattui
from chat import PATIENCE, SANITIZER_COMPLAINTS, wait_until


class Plain:
    """chattui --plain with pipes. What it printed is in `out`, what it said in `err`, behind the end."""

    def __init__(self, at, name, home, *args, format="text", password=None):
        argv = chattui.argv(at, name, home, ["--plain", "--format", format, *args])
        if password:
            (home / "password").write_text(password + "\n")
        self.format, self.out, self.err = format, "", ""
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"),
                                             "XDG_CONFIG_HOME": str(home / "config"), "LC_ALL": "C.UTF-8",
                                             "TZ": "UTC"})
        os.set_blocking(self.process.stdout.fileno(), False)

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()

    def read(self):
        self.out += (self.process.stdout.read() or b"").decode()
        return self.out

    def wait_out(self, text):
        wait_until(lambda: text in self.read(), what=f"{text!r} in {self.out[-2000:]!r}")

    def rows(self, type="message"):
        rows = [json.loads(line) for line in self.out.splitlines()]
        return [row for row in rows if row["type"] == type]

    def end(self, status=0):
        """The input ends."""
        self.process.stdin.close()
        return self.wait(status)

    def wait(self, status=0):
        wait_until(lambda: self.read() is not None and self.process.poll() is not None, timeout=30,
                   what="its end")
        self.read()
        self.err = self.process.stderr.read().decode()
        assert not [word for word in SANITIZER_COMPLAINTS if word in self.err], self.err[-8000:]
        assert self.process.returncode == status, f"{self.process.returncode}: {self.err}"
        return self.out

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


def test_a_new_name_asks_on_a_terminal_and_is_said_in_a_pipe(pty, plain, client):
    t = pty("alcie", args=["--plain"], ready=False)
    t.wait("alcie is new here. A new account? y/n")
    t.send("n\n")
    assert t.end() == 1
    t = pty("ann", args=["--plain"], ready=False)
    t.wait("ann is new here. A new account? y/n")
    t.send("y\nhello\n\x04")
    assert t.end() == 0
    one = plain("ben")
    one.say("hello")
    one.end()
    assert "a new account is made, since nobody here has this name" in one.err
    again = plain("ben")
    again.end()
    assert again.err == ""
    assert {user["Username"] for user in client("bob").users()["users"]} == {"ann", "ben", "bob"}


def test_an_input_that_cannot_be_read_and_an_output_that_cannot_be_written(chatd, home):
    env = {**os.environ, "HOME": str(home("alice")), "LC_ALL": "C.UTF-8"}
    argv = chattui.argv(chatd, "alice", home("alice"), ["--plain"])
    with open("/dev/full", "wb") as full:
        done = subprocess.run(argv, input=b"hi\n", stdout=full, stderr=subprocess.PIPE, env=env, timeout=PATIENCE,
                              check=False)
    assert done.returncode == 1 and b"can't write to stdout: No space left" in done.stderr
    folder = os.open("/tmp", os.O_RDONLY)
    done = subprocess.run(argv, stdin=folder, capture_output=True, env=env, timeout=PATIENCE, check=False)
    os.close(folder)
    assert done.returncode == 1 and b"can't read stdin: Is a directory" in done.stderr


@pytest.fixture
def plain(request, home):
    """plain("alice", "--join", "bob", format="jsonl")."""
    started = []

    def start(name, *args, at=None, **options):
        started.append(Plain(at or request.getfixturevalue("chatd"), name, home(name), *args, **options))
        return started[-1]

    yield start
    for p in started:
        if p.process.poll() is None:
            p.kill()
        for pipe in p.process.stdin, p.process.stdout, p.process.stderr:
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def texts(client):
    return [m["message"] for m in reversed(client.history(limit=99)["messages"])]


def test_lines_are_sent_and_printed(plain, client):
    p = plain("alice")
    p.say("hello", "/not a command", "", "  blanks stay  ")
    out = p.end().splitlines()
    assert [line.split(" ", 1)[1] for line in out] == [
        "alice: hello", "alice: /not a command", "alice:   blanks stay  "]
    assert texts(client("bob")) == ["hello", "/not a command", "  blanks stay  "]


def test_a_line_without_a_line_feed(plain, client):
    p = plain("alice")
    p.process.stdin.write(b"no line feed")
    p.end()
    assert texts(client("bob")) == ["no line feed"]


def test_others_are_printed_as_they_speak(plain, client):
    p = plain("alice")
    bob = client("bob", join="0")
    p.say("are you there?")
    p.wait_out("are you there?")
    bob.say("two\nlines")
    p.wait_out("bob: two\n    lines\n")
    p.end()


@pytest.mark.parametrize("format,said", [("text", "[server]: It is late."), ("jsonl", '"server":true')])
def test_the_server_speaks(plain, ctl, format, said):
    """… as no user can."""
    p = plain("alice", format=format)
    p.say("are you there?")
    p.wait_out("are you there?")
    ctl("message", "send", "public", "It is late.")
    p.wait_out(said)
    assert '"server"' not in p.read().splitlines()[0]
    p.end()


def test_all_of_a_sender_is_purged(plain, client, ctl):
    p = plain("alice", "--stay", format="jsonl")
    bob = client("bob", join="0")
    p.say("mine")
    p.wait_out("mine")
    bob.say("theirs")
    p.wait_out("theirs")
    ctl("channel", "purge", "public", "--from", "bob", "--yes")
    p.wait_out("purgeFrom")
    (told,) = p.rows("purgeFrom")
    assert told == {"type": "purgeFrom", "channel": "public", "epoch": p.rows()[0]["epoch"], "senderUUID": bob.user,
                    "upTo": 2}


def test_private(plain, client):
    bob = client("bob", join="0")
    p = plain("alice", "--join", "bob")
    p.say("psst")
    assert p.end().endswith("[bob] " + p.out[-len("00:00 alice: psst\n"):])
    event = bob.expect_event("unread")
    assert event["senderUsername"] == "alice"


def test_nobody_of_that_name(plain, client):
    p = plain("alice", "--join", "nobody")
    p.say("not for the public")
    p.wait(1)
    assert "nobody" in p.err and texts(client("bob")) == []


def test_jsonl(plain, client):
    bob = client("bob", join="0")
    bob.say("before")
    p = plain("alice", format="jsonl")
    p.wait_out("before")
    text = "tab\t esc\x1b[2J \u202e quote\" \U0001f469\u200d\U0001f680"
    bob.say(text)
    p.wait_out("quote")
    p.say("mine")
    p.end()
    rows = p.rows()
    assert [(r["message"], r["own"], r["history"]) for r in rows] == [
        ("before", False, True), (text, False, False), ("mine", True, False)]
    assert [r["seq"] for r in rows] == [1, 2, 3] and {r["channel"] for r in rows} == {"public"}
    assert all(len(r["epoch"]) == 36 and len(r["UUID"]) == 36 and r["createdAt"].endswith("Z") for r in rows)


def test_text_is_safe_for_a_terminal(plain, client):
    bob = client("bob", join="0")
    p = plain("alice")
    p.say("here")
    p.wait_out("here")
    bob.say("\x1b]0;title\x07 \x1b[2J \r over \u202e \x9b31m end")
    p.wait_out("end")
    assert not set(p.out) & set("\x1b\x07\r\x9b\u202e")
    p.end()


def test_a_second_line_cannot_pass_for_a_message(plain, client):
    bob = client("bob", join="0")
    p = plain("alice")
    p.say("here")
    p.wait_out("here")
    bob.say("x\n12:00 alice: I owe bob money")
    p.wait_out("money")
    assert "\n    12:00 alice: I owe" in p.out
    p.end()


def test_stay(plain, client):
    bob = client("bob", join="0")
    p = plain("alice", "--stay")
    p.say("here")
    p.process.stdin.close()
    p.wait_out("here")
    bob.say("still listening?")
    p.wait_out("still listening?")
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)


def test_what_cannot_be_sent(plain, client):
    p = plain("alice")
    p.process.stdin.write(b"\xff\xfe no text\n" + b"x" * 70000 + b"\n" + b"y" * 5000 + b"\ngood\n")
    p.end(1)
    assert "UTF-8" in p.err and "too long" in p.err
    assert texts(client("bob")) == ["good"]


def test_wrong_password(plain, client):
    client("alice").close()  # with the password of the tests
    p = plain("alice", password="not hers")
    p.say("x")
    p.wait(1)
    assert "wrong username or password" in p.err and texts(client("bob")) == []


def test_no_password(chatd, home):
    where = home("nobody")
    done = subprocess.run([os.environ["CHATTUI_BIN"], "--plain", "--server", chattui.url(chatd), "--user", "nobody"],
                          input=b"x\n", capture_output=True, timeout=30, check=False,
                          env={**os.environ, "HOME": str(where), "XDG_STATE_HOME": str(where)})
    assert done.returncode == 1 and done.stdout == b"" and b"password" in done.stderr


def test_nobody_reads_it(plain, client):
    """As with `| head -1`."""
    bob = client("bob", join="0")
    p = plain("alice", "--stay")
    p.say("here")
    p.wait_out("here")
    p.process.stdout.close()
    bob.say("into the void")
    assert p.process.wait(PATIENCE) == 1
    assert "void" not in p.process.stderr.read().decode()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_server_goes_and_comes_back(plain, start_chatd, client, how):
    first = start_chatd()
    p = plain("alice", at=first, format="jsonl")
    p.say("one")
    p.wait_out('"one"')
    getattr(first, how)()
    p.say("two", "three")
    again = start_chatd(listen=first.address)
    bob = client("bob", join="0", at=again)
    p.wait_out('"three"')
    bob.say("four")
    p.wait_out('"four"')
    p.end()
    assert [(r["message"], r["seq"]) for r in p.rows()] == [("one", 1), ("two", 2), ("three", 3), ("four", 4)]


@pytest.mark.parametrize("all_of_it", [False, True], ids=["redis", "chatd, too"])
def test_a_restart_that_lost_nothing_is_not_told(all_of_it, plain, own_redis, start_chatd, client):
    """An epoch over which nothing is missing is no matter for people."""
    node = start_chatd(own_redis.uri)
    p = plain("ben", "--stay", at=node)
    p.say("one")
    p.wait_out("one")
    if all_of_it:
        node.stop()
    own_redis.restart()
    node = start_chatd(own_redis.uri, listen=node.address) if all_of_it else node
    ann = client(at=node)
    wait_until(lambda: ann.ask("signUp", {"username": "ann", "password": "correct horse"}) or
               ann.expect_any("authorized", "error")["type"] == "authorized")
    wait_until(lambda: ann.ask("channelJoin", {"recipientUUID": "0"}) or
               ann.expect_any("channelJoin", "error")["type"] == "channelJoin")
    ann.say("two")
    p.wait_out("two")
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)
    assert "anew" not in p.out + p.err and "removed" not in p.out and "missing" not in p.out, p.out


def test_a_program_is_told_of_an_epoch_that_follows(plain, own_redis, start_chatd, prefix):
    p = plain("ben", "--stay", at=start_chatd(own_redis.uri), format="jsonl")
    p.say("one")
    p.wait_out("one")
    own_redis.restart()
    p.wait_out('"follows":true')
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)
    (said,), (epoch,) = p.rows(), p.rows("epoch")
    assert epoch == {"type": "epoch", "channel": "public", "epoch": epoch["epoch"], "follows": True}
    assert epoch["epoch"] == own_redis.r.hget(prefix + "{c:public}:meta", "epoch") != said["epoch"]


def test_an_older_copy_is_told_of_and_nothing_comes_twice(plain, own_redis, start_chatd, client):
    node = start_chatd(own_redis.uri)
    ann = client("ann", join="0", at=node)
    p = plain("ben", "--stay", at=node, format="jsonl")
    for text in "old0", "old1", "old2":
        ann.say(text)
    p.wait_out("old2")
    files = pathlib.Path(own_redis.dir, "appendonlydir")
    shutil.copytree(files, files.with_name("aside"))
    for text in "new0", "new1":
        ann.say(text)
    p.wait_out("new1")
    own_redis.stop()
    shutil.rmtree(files)
    files.with_name("aside").rename(files)
    own_redis.start()
    ann.expect_event("epoch")
    wait_until(lambda: ann.post("on") or ann.expect_any("channelMessage", "error")["type"] == "channelMessage")
    p.wait_out('"on"')
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)
    assert [(r["message"], r["seq"]) for r in p.rows()] == [
        ("old0", 1), ("old1", 2), ("old2", 3), ("new0", 4), ("new1", 5), ("on", 6)]
    assert [r["follows"] for r in p.rows("epoch")] == [False]
    assert [(r["after"], r["before"]) for r in p.rows("gap")] == [(3, 6)]


def test_lines_are_kept_while_the_server_is_away(plain, start_chatd, client):
    """Those of a known user, at once; the next run sends them."""
    first = start_chatd()
    client("bob", at=first).close()
    plain("alice", "--join", "bob", at=first).end()
    first.stop()
    p = plain("alice", at=first)
    p.say("one", "two", "three")
    assert b"reconnecting" in p.process.stderr.readline()
    time.sleep(0.2)
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)
    assert "3 lines are not stored yet: kept" in p.err, p.err
    p = plain("alice", "--join", "bob", "--timeout", "1s", at=first)
    p.say("for bob")
    p.end(1)
    assert "4 lines are not stored yet: kept" in p.err and "has not answered" in p.err, p.err
    again = start_chatd(listen=first.address)
    plain("alice", at=again).end()
    assert texts(client("carol", at=again)) == ["one", "two", "three"]


@pytest.mark.parametrize("args", [(), ("--join", "bob")])
def test_lines_of_an_unknown_user_are_counted(plain, start_chatd, args):
    """Nobody knows yet whose they are, or where to: none is lost without a word."""
    chatd = start_chatd()
    chatd.stop()
    p = plain("alice", "--timeout", "500ms", *args, at=chatd)
    p.say("one", "two")
    p.end(1)
    assert "2 lines not sent, and not kept" in p.err, p.err
    p = plain("alice", *args, at=chatd)
    p.process.stdin.write(b"one\ntwo\nthree")
    p.process.stdin.flush()
    assert b"reconnecting" in p.process.stderr.readline()
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)
    assert "3 lines not sent" in p.err, p.err


def test_ctrl_c_ends_a_loop_of_the_shell(plain):
    """A shell goes on with its loop unless the program dies of the signal."""
    p = plain("alice", "--stay")
    p.say("here")
    p.wait_out("here")
    p.process.send_signal(signal.SIGINT)
    p.wait(-signal.SIGINT)


def test_timeout_is_for_waiting_only(plain, client):
    bob = client("bob", join="0")
    p = plain("alice", "--timeout", "6s", "--stay")
    p.say("here")
    p.wait_out("here")
    time.sleep(6.5)
    bob.say("still there?")
    p.wait_out("still there?")
    p.process.terminate()
    p.wait(128 + signal.SIGTERM)


@pytest.mark.parametrize("join", ["", ",", " ", "bob,", ",bob", "bob,,carol", "x" * 200])
def test_an_empty_name_is_nobody(plain, client, join):
    """As of a variable that isn't set: what was meant for somebody is not said in public."""
    for args in ("--join", join), ("--join=" + join,):
        p = plain("alice", *args)
        p.say("secret")
        p.wait(2)
        assert "--join: " in p.err, p.err
    assert texts(client("bob")) == []


def test_killed_again_and_again(plain, client, chatd, redis, prefix):
    """What was taken from the pipe and not stored when the program is killed is sent by the next; nothing is
    lost, doubled or out of order."""
    lines, taken, chance = [f"line {n}" for n in range(200)], 0, random.Random(7)
    reader = client("reader", join="0")
    while taken < len(lines):
        p = plain("alice")
        p.say("go")  # known to be stored when it is printed: then all before is stored, too
        batch = lines[taken:taken + 20]
        p.say(*batch)
        p.wait_out(f"alice: {batch[chance.randrange(len(batch))]}\n")
        time.sleep(chance.random() / 100)
        p.kill()
        p.read()
        # What had been taken may be more than was printed; the next run tells, since it sends the rest first.
        q = plain("alice")
        q.say("flush")
        q.end()
        stored = [t for t in stored_texts(redis, prefix) if t.startswith("line ")]
        assert stored == lines[:len(stored)], "in order, each once"
        assert set(re.findall(r"alice: (line \d+)", p.out)) <= set(stored), "none lost that was printed as stored"
        taken = len(stored)
    reader.close()


def stored_texts(redis, prefix):
    return [fields["text"] for _, fields in redis.r.xrange(prefix + "{c:public}:log")]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_files(chatd, tmp_path, closed):
    """Nothing is read from what is closed; what can't be printed is an error; no socket takes its place."""
    argv = chattui.argv(chatd, "alice", tmp_path, ["--plain"])
    done = subprocess.run(["bash", "-c", f'exec "$0" "$@" {closed}', *argv], input=b"hello\n",
                          capture_output=True, timeout=60,
                          env={**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}, check=False)
    assert not [word for word in SANITIZER_COMPLAINTS if word in done.stderr.decode()], done.stderr
    printed = "<&-" not in closed and ">&-" in closed.split("2>")[0]
    assert done.returncode == (1 if printed else 0), done.stderr
