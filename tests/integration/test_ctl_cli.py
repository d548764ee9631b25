"""chatctl as a program: its grammar, its exit statuses, what goes to stdout and what to stderr, with a terminal and
without, with a closed pipe, and with a Redis that is down, hung, foreign or too old."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import chat
import pexpect
import pytest
from ctl import CONFLICT, DONE, FAILED, INTERRUPTED, NOT_FOUND, REFUSED, UNAVAILABLE, USAGE, Ctl, check_sanitizers
from ports import free_port
from stopwatch import Stopwatch


@pytest.fixture
def terminal(ctl):
    """terminal("user", "list"): chatctl on a terminal of 100 columns."""
    opened = []

    def spawn(*args, env=None, binary=None, echo=False):
        p = pexpect.spawn(binary or ctl.binary, list(args), env={**ctl.env(TERM="xterm"), **(env or {})},
                          encoding="utf-8", timeout=chat.PATIENCE, dimensions=(30, 100), echo=echo)
        opened.append(p)
        return p

    yield spawn
    for p in opened:
        p.close(force=True)


def end(p):
    """Reads to the end of the program; returns its last words, its status in p.exitstatus."""
    text = p.read()
    p.wait()
    check_sanitizers(text)
    return text.replace("\r\n", "\n")


# Grammar

@pytest.mark.parametrize("line, said", [
    (["usr"], "did you mean 'user'"),
    (["ban", "alice"], "did you mean 'user ban'"),
    (["user", "lst"], "did you mean 'user list'"),
    (["user"], "chatctl user --help"),
    (["user", "li"], "no command 'user li'"),        # no abbreviations
    (["user", "list", "--on"], "unknown option --on"),
    (["user", "list", "--onlin"], "did you mean --online"),
    (["--jsn", "stats"], "did you mean --json"),
    (["--online", "user", "list"], "goes behind its name"),
    (["user", "list", "x"], "unexpected argument 'x'"),
    (["user", "show"], "USER is missing"),
    (["user", "show", "a", "b"], "unexpected argument 'b'"),
    (["user", "list", "--limit"], "--limit needs a value"),
    (["user", "list", "--limit", "-1"], "a number"),
    (["user", "list", "--limit", "1e3"], "a number"),
    (["user", "list", "--limit=99999999999999999999"], "a number"),
    (["user", "list", "--online=yes"], "takes no value"),
    (["user", "list", "--sort", "size"], "created|name"),
    (["user", "list", "-z"], "unknown option -z"),
    (["user", "list", "-5"], "unknown option -5"),
    (["user", "ban", "a", "--for", "2 h"], "a time such as"),
    (["user", "ban", "a", "--for", ""], "a time such as"),
    (["--format", "xml", "stats"], "table|tsv|json|jsonl"),
    (["--json", "--format=tsv", "stats"], "contradict"),
    (["--timeout", "x", "stats"], "--timeout"),
    (["--timeout", "1ms", "stats"], "--timeout"),
    (["--prefix", "a b", "stats"], "--prefix"),
    (["--prefix", "", "stats"], "--prefix"),
    (["--redis", "http://x", "stats"], "redis://"),
    (["--config", "/nonexistent", "stats"], "/nonexistent"),
    (["", "x"], "no command ''"),
    (["\x1b[31m"], "^[[31m"),
])
def test_usage_errors(ctl, line, said):
    assert ctl(*line, status=USAGE) == ""
    assert said in ctl.err and "\x1b" not in ctl.err


def test_options_stand_anywhere(ctl):
    ctl.add("alice")
    want = ctl("user", "list", "--json", "--limit", "1")
    for line in (["--json", "user", "list", "--limit", "1"], ["user", "--json", "list", "--limit=1"],
                 ["-j", "user", "list", "-l1"], ["user", "list", "-jl", "1"], ["user", "list", "-F", "json", "-l", "1"],
                 ["user", "list", "--limit", "9", "--limit", "1", "-jq"], ["-p", ctl.prefix, "user", "list", "-jl1"]):
        assert ctl(*line) == want, line
    assert ctl("--", "user", "show", "alice") == ctl("user", "show", "--", "alice")


def test_flag_beats_environment_beats_file(ctl, tmp_path, redis):
    ctl.add("alice")
    conf = tmp_path / "chatctl.conf"
    conf.write_text(f'redis = "{redis.uri}"\nprefix = "{ctl.prefix}"\nformat = json\n')
    bare = {"CHATCTL_REDIS": "", "CHATCTL_PREFIX": "", "XDG_CONFIG_HOME": str(tmp_path)}
    assert json.loads(ctl("user", "list", env=bare))[0]["name"] == "alice"
    assert "\t" in ctl("user", "list", "--format", "tsv", env=bare)
    assert ctl("user", "list", env={**bare, "CHATCTL_PREFIX": "other:"}) == "[]\n"
    assert ctl("user", "list", "--prefix", ctl.prefix, env={**bare, "CHATCTL_PREFIX": "other:"}) != "[]\n"
    conf.write_text("format = json\nnonsense = 1\n")
    ctl("user", "list", env=bare, status=USAGE)
    assert "chatctl.conf:2" in ctl.err


def test_the_users_file_is_laid_over_the_one_of_the_system(ctl, tmp_path, redis):
    """In a mount namespace of its own, where /etc holds nothing but the file."""
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh"]
    etc, user = tmp_path / "etc", tmp_path / "user"
    etc.mkdir()
    user.mkdir()
    if subprocess.run([*alone, str(etc), "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespace for a mount")
    ctl.add("alice")
    (etc / "chatctl.conf").write_text(f'redis = "{redis.uri}"\nprefix = "other:"\nformat = json\n')
    env = {**ctl.env(), "CHATCTL_REDIS": "", "CHATCTL_PREFIX": "", "XDG_CONFIG_HOME": str(user)}

    def listed(**more):
        done = subprocess.run([*alone, str(etc), ctl.binary, "user", "list"], env={**env, **more}, capture_output=True,
                              text=True, check=False)
        assert done.returncode == DONE, done.stderr
        return done.stdout

    assert listed() == "[]\n"
    (user / "chatctl.conf").write_text(f'prefix = "{ctl.prefix}"\n')
    assert json.loads(listed())[0]["name"] == "alice"
    (user / "chatctl.conf").write_text(f'prefix = "{ctl.prefix}"\nformat = jsonl\n')
    assert json.loads(listed())["name"] == "alice"
    assert listed(CHATCTL_PREFIX="other:") == ""


def test_a_password_in_argv_is_refused_and_never_printed(ctl):
    ctl("--redis", "redis://:hunter2@127.0.0.1:1", "stats", status=USAGE)
    assert "hunter2" not in ctl.err and "CHATCTL_REDIS" in ctl.err
    ctl("stats", env={"CHATCTL_REDIS": "redis://:hunter2@127.0.0.1:1"}, status=UNAVAILABLE)
    assert "hunter2" not in ctl.err


def test_a_file_with_a_password_that_others_can_read_is_refused(ctl, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text('redis = "redis://:hunter2@127.0.0.1:1"\n')
    conf.chmod(0o644)
    bare = {"CHATCTL_REDIS": ""}
    ctl("--config", conf, "stats", env=bare, status=USAGE)
    assert "chmod 600" in ctl.err and "hunter2" not in ctl.err
    conf.chmod(0o600)
    ctl("--config", conf, "stats", env=bare, status=UNAVAILABLE)


# Help

def test_help_of_a_verb(ctl):
    assert ctl("help", "unban") == ctl("help", "user", "unban")
    several = ctl("help", "show")
    assert "usage: chatctl user show USER\n" in several and "usage: chatctl channel show" in several


def test_help_at_every_level(ctl):
    top = ctl("--help")
    assert top == ctl("help") == ctl("-h") and not ctl.err
    verbs = [line[2:].split("  ")[0] for line in top.splitlines() if re.match(r"  [a-z]", line)]
    for line in verbs:
        words = [w for w in line.split() if re.fullmatch("[a-z]+", w)]
        if words[0] == "chatctl":
            continue
        text = ctl(*words, "--help")
        assert text == ctl("help", *words)
        assert text.startswith(f"usage: chatctl {' '.join(words)}"), line
        assert "xample" in text or words == ["help"], f"{line} without an example"
        if len(words) == 2:
            assert line in ctl(words[0], "--help")
    assert all(len(line) <= 110 for line in top.splitlines())
    ctl("help", "nonsense", status=NOT_FOUND)


def test_version(ctl):
    assert re.fullmatch(r"chatctl \d+\.\d+\.\d+\n", ctl("--version"))
    assert ctl("user", "list", "--version") == ctl("-V")


def test_help_needs_no_redis(ctl):
    for line in ["--help"], ["user", "list", "--help"], ["--version"], ["help", "user"]:
        ctl(*line, env={"CHATCTL_REDIS": "unix:///nonexistent"})


# What goes where

def test_stdout_is_data_and_stderr_is_talk(ctl):
    assert ctl("user", "show", "nobody", status=NOT_FOUND) == ""
    ctl.add("alice")
    ctl("user", "list")
    assert ctl.err == ""


def test_table_on_a_terminal(ctl, terminal):
    ctl.add("Ærøskøbing")
    ctl.add("李小龍")
    p = terminal("user", "list")
    lines = end(p).splitlines()
    assert p.exitstatus == 0
    assert lines[0].startswith("\x1b[1mNAME ") and lines[0].endswith("\x1b[0m")
    assert lines[1].startswith("Ærøskøbing  ") and lines[2].startswith("李小龍      "), "aligned by columns"


EVIL = "a\x1b]52;c;eA==\x07\x9b31m\u202eb\r\b\x7f\U000e0041e\u0301"
ACTING = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\U000e0041]"


@pytest.mark.parametrize("shape", ["table", "tsv", "json", "jsonl"])
@pytest.mark.parametrize("line", [["user", "list"], ["user", "show", "UUID"],
                                  ["user", "ban", "UUID", "--reason", EVIL]])
def test_nothing_that_acts_reaches_a_terminal(ctl, terminal, redis, prefix, shape, line):
    """Judged by the bytes; JSON stays exact, too."""
    made = ctl.add("alice")
    redis.r.hset(f"{prefix}{{u:{made['uuid']}}}", mapping={"name": EVIL, "ban-reason": EVIL})
    text = end(terminal(*[made["uuid"] if word == "UUID" else word for word in line], "--no-color", "--format", shape))
    acting = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\U000e0041]" if shape == "tsv" else ACTING
    assert not re.search(acting, text), ascii(text)
    if "json" in shape:
        value = json.loads(text)
        assert (value[0] if isinstance(value, list) else value)["name"] == EVIL


def test_errors_about_names_do_not_act_either(terminal):
    for line in (["user", "show", EVIL], ["user", EVIL], [EVIL], ["user", "list", "--" + EVIL],
                 ["--redis", EVIL, "stats"]):
        text = end(terminal(*line))
        assert text and not re.search(ACTING, text), ascii(text)


@pytest.mark.parametrize("env, args", [({"NO_COLOR": "1"}, []), ({"TERM": "dumb"}, []), ({}, ["--no-color"])])
def test_no_colour(terminal, env, args):
    assert "\x1b" not in end(terminal("user", "list", *args, env=env))


def test_the_c_locale_does_not_spoil_names(ctl, terminal):
    ctl.add("Ærøskøbing")
    assert "Ærøskøbing  " in end(terminal("user", "list", env={"LC_ALL": "C"}))
    assert ctl.table("user", "list", env={"LC_ALL": "POSIX"})[1].startswith("Ærøskøbing  ")


def test_it_asks_on_a_terminal_only(ctl, terminal):
    ctl.add("alice")
    for answer, status in (("n", REFUSED), ("", REFUSED), ("yes", 0)):
        p = terminal("user", "delete", "alice")
        p.expect_exact("Delete user alice (sessions: 0, channels: 0)? [y/N]")
        p.sendline(answer)
        end(p)
        assert p.exitstatus == status
    ctl.add("alice")
    ctl("user", "delete", "alice", stdin="y\n", status=REFUSED)


def test_passwords_are_asked_twice_and_not_shown(ctl, terminal, client):
    p = terminal("user", "add", "alice")
    p.expect_exact("New password: ")
    p.sendline("secret one")
    p.expect_exact("Once more: ")
    p.sendline("secret one")
    assert "secret" not in p.before + end(p) and p.exitstatus == 0
    client().sign_in("alice", "secret one")
    p = terminal("user", "passwd", "alice")
    p.expect_exact("New password: ")
    p.sendline("a")
    p.expect_exact("Once more: ")
    p.sendline("b")
    assert "not the same" in end(p) and p.exitstatus == USAGE


def test_ctrl_c_at_a_password_leaves_the_terminal_as_it_was(ctl, terminal):
    script = f"trap : INT; {ctl.binary} user add alice; echo status $?; stty -a"
    p = terminal("-c", script, binary="/bin/sh", echo=True)
    p.expect_exact("New password: ")
    time.sleep(0.1)
    p.sendintr()
    text = end(p)
    assert "status 130" in text and re.search(r"\becho\b", text) and "-echo " not in text


# Pipes

def pipeline(ctl, script, **env):
    script = "set -euo pipefail\n" + script.replace("chatctl", ctl.binary)
    return subprocess.run(["bash", "-c", script], env=ctl.env(**env), capture_output=True, text=True, timeout=60,
                          check=False)


@pytest.fixture
def many(redis, prefix):
    pipe = redis.r.pipeline(transaction=False)
    for i in range(20000):
        user = f"00000000-0000-4000-8000-{i:012x}"
        pipe.hset(f"{prefix}{{u:{user}}}", mapping={"name": f"user{i:06}", "hash": "x", "created": i})
        pipe.zadd(f"{prefix}users", {user: i})
    pipe.execute()


@pytest.mark.parametrize("shape", ["table", "tsv", "json", "jsonl"])
def test_a_pipe_closed_early_is_quiet(ctl, many, shape):
    done = pipeline(ctl, f"chatctl user list --format {shape} | head -1")
    assert (done.returncode, done.stderr) == (0, "") and len(done.stdout.splitlines()) == 1


def test_a_full_disk_is_an_error(ctl, many):
    done = pipeline(ctl, "chatctl user list > /dev/full")
    assert done.returncode == FAILED and "No space" in done.stderr
    done = pipeline(ctl, "chatctl --help > /dev/full")
    assert done.returncode == FAILED


def test_in_a_script(ctl):
    ctl.add("alice")
    done = pipeline(ctl, """
        id=$(chatctl user show alice --format tsv | cut -f2)
        chatctl user ban "$id" --for 1h >/dev/null
        chatctl --json user list --banned | grep -q alice
        chatctl user show nobody 2>/dev/null || status=$?
        echo "$status"
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


def test_memory_does_not_grow_with_the_list(ctl, redis, prefix, many):
    def peak(n):
        out = subprocess.run(["/usr/bin/python3", "-c", """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)""", ctl.binary, "user", "list", "--limit", str(n)],
                             env=ctl.env(ASAN_OPTIONS="quarantine_size_mb=1:thread_local_quarantine_size_kb=64"),
                             capture_output=True, text=True, check=True)
        return int(out.stdout)
    peak(500)
    assert peak(20000) - peak(2000) < 6000, "KiB"


# Progress

def test_progress_on_a_terminal_only_and_only_if_it_takes_a_while(ctl, redis, many, terminal):
    quick = end(terminal("-c", f"{ctl.binary} user list --limit 1 > /dev/null", binary="/bin/sh"))
    assert quick == ""
    with slow_redis(redis, 0.05) as uri:
        line = f"{ctl.binary} -r {uri} user list > /dev/null"
        assert "users: [#" in end(terminal("-c", line, binary="/bin/sh"))
        assert end(terminal("-c", line.replace("list", "list --quiet"), binary="/bin/sh")) == ""
        done = subprocess.run([ctl.binary, "-r", uri, "user", "list", "--limit", "6000"], env=ctl.env(),
                              capture_output=True, check=True)
        assert done.stderr == b""


@pytest.mark.parametrize("words", ["message tail --follow", "user add alice", "user delete bob"])
def test_ctrl_c_ends_the_loop_that_it_is_in(ctl, terminal, words):
    """A shell goes on with the next round if a program ends in any other way than by the signal."""
    ctl.add("bob")
    script = f"for i in 1 2 3; do echo round $i; {ctl.binary} {words}; done; echo behind"
    p = terminal("--norc", "-ic", script, binary="/bin/bash")
    p.expect_exact("round 1")
    time.sleep(1)
    p.sendintr()
    assert "round 2" not in end(p)


def test_a_redis_that_cannot_write_to_its_disk_is_read(own_redis):
    """MISCONF refuses PING, too: nothing asks that way whether somebody is there."""
    ctl = Ctl(own_redis.uri, "x:", user=None)
    ctl("message", "send", "public", "hi")
    r = own_redis.r
    where = os.path.join(r.config_get("dir")["dir"], r.config_get("dbfilename")["dbfilename"])
    if os.path.isfile(where):
        os.unlink(where)
    os.mkdir(where)
    r.config_set("save", "3600 1000000")
    r.bgsave()
    chat.wait_until(lambda: r.info("persistence")["rdb_last_bgsave_status"] == "err")
    with pytest.raises(Exception, match="MISCONF|disk|RDB"):
        r.ping()
    assert ctl.json("message", "tail")[0]["message"] == "hi"
    assert '"message":"hi"' in ctl("export")
    for command in (["user", "list"], ["channel", "list"], ["stats"], ["fsck"], ["node", "list"]):
        ctl(*command)
    ctl("message", "send", "public", "more", status=UNAVAILABLE)
    assert ctl.err.count("MISCONF") == 1 and "disk" in ctl.err


def test_a_script_may_begin_with_a_byte_order_mark(ctl):
    assert ctl("--json", stdin="\ufeffuser list\n") == "[]\n"


@pytest.mark.parametrize("option", ["--timeout 5 stats", "channel purge public --older-than 30",
                                    "user ban alice --for 5", "message search x --since 2026",
                                    "channel retention public --age 30",
                                    "channel purge public --grace 7"])
def test_a_time_has_a_unit(ctl, option):
    ctl(*option.split(), status=USAGE)
    assert "unit" in ctl.err or "UTC" in ctl.err


@pytest.mark.parametrize("words", [["user", "show", ""], ["channel", "show", ""], ["user", "ban", ""],
                                   ["channel", "purge", "public", "--from", ""], ["message", "tail", "public", ""],
                                   ["message", "send", "", "hi"], ["message", "send", "public", "hi", "--as", ""],
                                   ["export", ""], ["user", "rename", "alice", ""], ["user", "add", ""],
                                   ["user", "list", "--match", ""], ["message", "search", ""],
                                   ["message", "search", "x", "--from", ""], ["session", "revoke", "alice", ""],
                                   ["channel", "restore", "public", "--purge", ""],
                                   ["user", "ban", "alice", "--for", ""],
                                   ["message", "send", "public", "hi", "--uuid", ""], ["message", "delete", ""],
                                   ["import", ""], ["message", "tail", ","], ["message", "tail", "alice,"],
                                   ["message", "tail", ",a"]])
def test_an_empty_name_is_a_usage_error(ctl, words):
    ctl.add("alice")
    ctl(*words, status=USAGE)


def test_import_names_the_file_that_is_not_there(ctl, tmp_path):
    """Before it says anything of what is there already."""
    ctl.add("alice")
    ctl("import", tmp_path / "none", status=FAILED)
    assert "none: No such file" in ctl.err


@pytest.mark.parametrize("words", [[], ["channel", "purge", "--apply", "/tmp", "--yes"], ["import", "/tmp"],
                                   ["message", "tail", "--cursor-file", "/tmp"]])
def test_a_directory_is_no_empty_file(ctl, words):
    folder = os.open("/tmp", os.O_RDONLY)
    done = subprocess.run([ctl.binary, *words], env=ctl.env(), stdin=folder, capture_output=True, text=True,
                          timeout=chat.PATIENCE, check=False)
    os.close(folder)
    assert done.returncode == FAILED and "s a directory" in done.stderr


def test_a_password_file_of_windows(ctl, tmp_path):
    path = tmp_path / "password"
    path.write_bytes(b"correct horse\r\n")
    path.chmod(0o600)
    ctl("user", "add", "alice", "--password-file", path)
    ctl("user", "add", "bob", "--password-file=-", stdin="\r\n", status=USAGE)


def test_the_history_keeps_no_secrets(ctl, terminal, tmp_path):
    p = terminal(env={"XDG_STATE_HOME": str(tmp_path)})
    for line in ["user list", "user passwd alice s3cret", "user pasword alice s3cret",
                 "-r redis://u:s3cret@h user list",
                 "--redsi redis://u:s3cret@h stats", "user add alice s3cret", "user psswd alice s3cret", "stats"]:
        p.expect_exact("chatctl> ")
        p.sendline(line)
    p.expect_exact("chatctl> ")
    p.sendline("exit")
    end(p)
    kept = (tmp_path / "chatctl/history").read_text()
    assert "s3cret" not in kept and kept.splitlines() == ["user list", "stats", "exit"]


def test_ctrl_c_stops_between_batches_and_says_how_far_it_got(ctl, redis, many):
    with slow_redis(redis, 0.05) as uri:
        p = subprocess.Popen([ctl.binary, "-r", uri, "user", "list"], env=ctl.env(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        time.sleep(0.6)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=chat.PATIENCE)
    assert p.returncode == INTERRUPTED
    assert re.search(rb"\d", err), err
    assert out.endswith(b"\n") or out == b""


class slow_redis:
    """A way to the Redis that holds up each answer by so many seconds. `with` gives its URI."""

    def __init__(self, server, delay):
        self.server, self.delay = server, delay

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.server.socket)
            threading.Thread(target=self.copy, args=(near, far, 0), daemon=True).start()
            threading.Thread(target=self.copy, args=(far, near, self.delay), daemon=True).start()

    def copy(self, a, b, delay):
        try:
            while data := a.recv(1 << 20):
                time.sleep(delay)
                b.sendall(data)
        except OSError:
            pass
        finally:
            for s in a, b:
                s.close()

    def __exit__(self, *_):
        self.listener.close()


# Redis

def timed(ctl, *line, status, **env):
    watch = Stopwatch()
    assert ctl(*line, status=status, env=env) == ""
    return watch.seconds()


def test_redis_down(ctl):
    port = free_port()
    for uri in (f"redis://127.0.0.1:{port}", "unix:///nonexistent", "embedded:/nonexistent",
                "redis://no.such.host.invalid"):
        assert timed(ctl, "user", "list", status=UNAVAILABLE, CHATCTL_REDIS=uri) < 8
        assert uri.split("//")[-1].split(":")[0] in ctl.err


def test_redis_hung(ctl, own_redis):
    own_redis.pause()
    try:
        assert timed(ctl, "--timeout", "500ms", "user", "list", status=UNAVAILABLE, CHATCTL_REDIS=own_redis.uri) < 3
        assert "500 ms" in ctl.err
    finally:
        own_redis.resume()


def test_redis_hangs_in_the_middle(ctl, own_redis, prefix):
    with slow_redis(own_redis, 2) as uri:
        ctl("--timeout", "300ms", "-r", uri, "stats", status=UNAVAILABLE)


def test_redis_that_dies_in_the_middle(own_redis, prefix):
    ctl = Ctl(own_redis.uri, prefix)
    ctl.add("alice")
    p = subprocess.Popen([ctl.binary], env=ctl.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stdin.write(b"user list\n")
    p.stdin.flush()
    assert b"alice" in p.stdout.readline()
    own_redis.kill()
    out, err = p.communicate(b"user list\n", timeout=chat.PATIENCE)
    assert p.returncode == UNAVAILABLE and b"line 2" in err
    own_redis.start()


def test_redis_loading(own_redis, prefix):
    """Its data takes a moment to load: status 5, to be tried again."""
    ctl = Ctl(own_redis.uri, prefix)
    with answering(own_redis, b"-LOADING Redis is loading the dataset in memory\r\n") as uri:
        ctl("-r", uri, "stats", status=UNAVAILABLE)
        assert "LOADING" in ctl.err


class answering(slow_redis):
    """A server that gives one answer to everything."""

    def __init__(self, server, answer):
        super().__init__(server, 0)
        self.answer = answer

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()

    def serve(self, near):
        try:
            while near.recv(1 << 16):
                near.sendall(self.answer)
        except OSError:
            pass


@pytest.mark.parametrize("answer", [b"-ERR unknown command\r\n", b"+OK\r\n", b"*0\r\n", b"$-1\r\n",
                                    b"HTTP/1.1 400 Bad\r\n\r\n",
                                    b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n"])
def test_what_is_no_redis_7(ctl, redis, answer):
    with answering(redis, answer) as uri:
        ctl("-r", uri, "--timeout", "1s", "user", "list", status=UNAVAILABLE if answer[:1] == b"H" else FAILED)


def test_another_schema(ctl, redis, prefix, unchanged):
    redis.r.set(f"{prefix}schema", "2")
    with unchanged():
        ctl("user", "list", status=FAILED)
        assert "schema 2" in ctl.err
        rows = {r["check"]: r for r in ctl.json("doctor", status=FAILED)}
        assert rows["schema"]["result"] == "fail"


def test_keys_of_the_wrong_type(ctl, redis, prefix):
    redis.r.set(f"{prefix}users", "x")
    ctl("user", "list", status=FAILED)
    assert "WRONGTYPE" in ctl.err


@pytest.fixture
def guarded(own_redis):
    own_redis.r.acl_setuser("small", enabled=True, passwords=["+pw"], keys=["t*"], channels=["t*"],
                            commands=["+ping", "+get", "+zrange", "+evalsha", "+script|load"])
    own_redis.r.config_set("requirepass", "top")
    own_redis.r = own_redis.r.__class__(unix_socket_path=own_redis.socket, password="top", decode_responses=True)
    port = free_port()
    own_redis.r.config_set("port", port)
    return f"127.0.0.1:{port}"


def test_redis_wants_a_password(ctl, guarded):
    for who, said in (("", "wants a password"), (":wrong@", "refuses this user"), ("nobody:pw@", "refuses this user")):
        ctl("user", "list", env={"CHATCTL_REDIS": f"redis://{who}{guarded}"}, status=UNAVAILABLE)
        assert said in ctl.err and "wrong" not in ctl.err
    ctl("user", "list", env={"CHATCTL_REDIS": f"redis://:top@{guarded}"})


def test_a_redis_user_who_may_too_little(ctl, guarded):
    env = {"CHATCTL_REDIS": f"redis://small:pw@{guarded}", "CHATCTL_PREFIX": "t:"}
    ctl("user", "add", "alice", "--password-file=-", stdin="x\n", env=env, status=FAILED)
    assert "doctor" in ctl.err
    rows = {r["check"]: r for r in json.loads(ctl("--json", "doctor", env=env, status=FAILED))}
    assert rows["acl"]["result"] == "fail" and "hget" in rows["acl"]["detail"].split()
    assert "get" not in rows["acl"]["detail"].split() and rows["pubsub"]["result"] == "warn"


# doctor

@pytest.fixture
def redis_with():
    """redis_with(maxmemory="5mb"): a Redis of this test alone, with other settings than the tests' usual ones."""
    started = []

    def start(**options):
        started.append(chat.Redis(**options))
        return started[-1]

    yield start
    for server in started:
        server.destroy()


def test_doctor_of_a_good_redis(redis_with, prefix):
    server = redis_with(appendfsync="everysec")
    before = chat.digest(server, "")
    rows = Ctl(server.uri, prefix, user=None).json("doctor")  # not in all formats: its figures change
    assert {r["check"] for r in rows if r["result"] != "ok"} == {"users"}, rows  # it is open to who reaches it
    assert [r["check"] for r in rows] == ["connection", "version", "role", "schema", "clock", "persistence", "memory",
                                          "pubsub", "streams", "acl", "users"]
    assert chat.digest(server, "") == before


def test_doctor_warns_of_a_redis_that_leaves_writing_to_the_kernel(redis_with, prefix):
    rows = Ctl(redis_with(appendfsync="no").uri, prefix, user=None).json("doctor")
    assert {r["check"] for r in rows if r["result"] == "warn"} == {"persistence", "users"}, rows


def test_doctor_of_a_bad_redis(redis_with, prefix):
    server = redis_with(appendonly="no", maxmemory="100mb", maxmemory_policy="allkeys-lru")
    server.r.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 10")
    rows = Ctl(server.uri, prefix, user=None).json("doctor", status=FAILED)
    found = {r["check"]: r["result"] for r in rows}
    assert (found["persistence"], found["memory"], found["pubsub"], found["acl"]) == ("warn", "fail", "warn", "ok")


def test_doctor_when_redis_is_down(ctl):
    said = ctl("doctor", env={"CHATCTL_REDIS": "unix:///nonexistent"}, status=UNAVAILABLE)
    assert said.startswith("connection\tfail\t")


def test_doctor_leaves_a_user_of_any_name_alone(ctl, redis, prefix, unchanged):
    for name in "doctor", "x":
        ctl.add(name)
    with unchanged():
        ctl("doctor")


# The shell

def test_commands_from_a_pipe(ctl, tmp_path):
    script = """# a comment

    user list --json
    user show 'nobody, here'
    user list
    """
    out = ctl(stdin=script, status=NOT_FOUND)
    assert out == "[]\n" and "line 4" in ctl.err
    assert ctl(stdin="node list --json\nexit\nnonsense\n") == "[]\n"
    assert ctl(stdin="") == "" and ctl(stdin="\n  # only\n") == ""
    ctl(stdin="user show 'a\n", status=USAGE)
    assert "quote" in ctl.err and "line 1" in ctl.err
    ctl(stdin="user\x00list\n", status=USAGE)
    ctl("--json", stdin="stats")


def test_words_of_the_shell(ctl):
    made = ctl.add("Bob O'Hara")
    for words in "'Bob O'\\''Hara'", '"Bob O\'Hara"', "Bob\\ O\\'Hara", "  \"Bob O'Hara\"  # him":
        assert made["uuid"] in ctl(stdin=f"user show {words}")


def test_options_of_the_shell_go_for_its_lines(ctl):
    ctl.add("alice")
    assert json.loads(ctl("--format", "json", stdin="user list"))[0]["name"] == "alice"
    assert ctl("--json", f"--prefix={ctl.prefix}other:", stdin="user list") == "[]\n"
    assert ctl("--dry-run", stdin="user delete alice\n").startswith("alice")
    assert ctl("-y", stdin="user delete alice --json").startswith("{")
    ctl(stdin="user delete alice\n", status=NOT_FOUND)


def test_a_script_is_refused_without_yes(ctl):
    ctl.add("alice")
    ctl(stdin="user delete alice\ny\n", status=REFUSED)


def test_shell_on_a_terminal(ctl, terminal, tmp_path):
    ctl.add("alice")
    ctl.add("Bob O'Hara")
    p = terminal(echo=True, env={"XDG_STATE_HOME": str(tmp_path)})
    p.expect_exact("chatctl> ")
    p.sendline("user show nobody")
    p.expect_exact("no user 'nobody'")
    p.expect_exact("chatctl> ")
    p.send("user sh\tBob\t")
    p.expect_exact("Bob\\ O\\'Hara")
    p.send("\n")
    p.expect_exact("Bob O'Hara")
    p.expect_exact("chatctl> ")
    p.send("user ban alice --reason \t")
    p.expect_exact("user ban USER [--for TIME]")          # a hint
    p.sendintr()
    p.expect_exact("chatctl> ")
    p.sendline("help user")
    p.expect_exact("usage: chatctl user VERB")
    p.sendline("exit")
    end(p)
    assert p.exitstatus == 0
    history = tmp_path / "chatctl" / "history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.read_text().splitlines() == ["user show nobody", "user show Bob\\ O\\'Hara", "help user", "exit"]
    p = terminal(echo=True, env={"XDG_STATE_HOME": str(tmp_path)})
    p.expect_exact("chatctl> ")
    p.send("\x1b[A\x1b[A\n")
    p.expect_exact("usage: chatctl user VERB")
    p.expect_exact("chatctl> ")
    p.sendeof()
    end(p)
    assert p.exitstatus == 0


def test_shell_survives_a_redis_restart(own_redis, prefix, terminal, tmp_path):
    p = terminal(echo=True, env={"XDG_STATE_HOME": str(tmp_path), "CHATCTL_REDIS": own_redis.uri})
    p.expect_exact("chatctl> ")
    p.sendline("user list --json")
    p.expect_exact("[]")
    p.expect_exact("chatctl> ")
    own_redis.restart()
    p.sendline("user list --json")
    p.expect_exact("[]")
    p.expect_exact("chatctl> ")
    p.sendeof()
    end(p)


def test_embedded_redis_is_found(start_chatd, ctl):
    with tempfile.TemporaryDirectory(prefix="e-") as directory:  # a short one: the path of a socket has a limit
        node = start_chatd(f"embedded:{directory}", prefix=ctl.prefix)
        assert ctl("user", "list", env={"CHATCTL_REDIS": f"embedded:{directory}"}) == ""
        rows = ctl("doctor", env={"CHATCTL_REDIS": f"embedded:{directory}"})
        assert "users\tok\tnobody else" in rows, rows  # its directory is nobody else's
        node.stop()
        ctl("user", "list", env={"CHATCTL_REDIS": f"embedded:{directory}"}, status=UNAVAILABLE)
        assert "isn't running" in ctl.err


@pytest.fixture
def short_path():
    with tempfile.TemporaryDirectory(prefix="e-") as path:
        yield pathlib.Path(path)


def test_an_embedded_redis_that_others_could_have_put_there(ctl, short_path):
    """The same directories are refused as by chatd; for root, whoever has them."""
    data = short_path / "data"
    data.mkdir(mode=0o700)
    env = {"CHATCTL_REDIS": f"embedded:{data}"}
    ctl("user", "list", env=env, status=UNAVAILABLE)
    assert f"embedded:{data}: its server isn't running" in ctl.err
    data.chmod(0o755)
    ctl("user", "list", env=env, status=UNAVAILABLE)
    assert "others can look into it: chmod 700" in ctl.err
    data.chmod(0o700)
    short_path.chmod(0o777)
    ctl("user", "list", env=env, status=UNAVAILABLE)
    assert "chmod go-w" in ctl.err
    short_path.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(data, 12345, 12345)
        ctl("user", "list", env=env, status=UNAVAILABLE)


def test_conflict_is_4(ctl):
    ctl.add("alice")
    ctl("user", "add", "alice", "--password-file=-", stdin="x\n", status=CONFLICT)


# What Redis' errors mean

def test_a_full_redis_is_named_and_purging_for_good_makes_room(own_redis, prefix):
    ctl = Ctl(own_redis.uri, prefix)
    ctl.add("alice")
    ctl("message", "send", "public", "--as", "alice", "-", stdin="x\n" * 20)
    own_redis.r.config_set("maxmemory", "1mb")
    ctl("message", "send", "public", "--as", "alice", "more", status=UNAVAILABLE)
    assert "OOM" in ctl.err and "--grace 0" in ctl.err
    ctl("channel", "purge", "public", "--keep", "5", "--yes", status=UNAVAILABLE)
    ctl("channel", "purge", "public", "--keep", "5", "--grace", "0", "--yes")
    own_redis.r.config_set("maxmemory", "0")
    assert ctl.json("channel", "show", "public")["messages"] == 5


def test_a_replica_is_named(own_redis, prefix):
    ctl = Ctl(own_redis.uri, prefix)
    ctl.add("alice")
    own_redis.r.replicaof("127.0.0.1", 1)
    ctl("user", "ban", "alice", status=UNAVAILABLE)
    assert "READONLY" in ctl.err and "replica" in ctl.err


def test_a_list_of_the_wrong_type_is_fscks(ctl, redis, prefix):
    redis.r.set(f"{prefix}users", "x")
    ctl("user", "list", status=FAILED)
    assert "chatctl fsck" in ctl.err
