"""Long listings on a terminal go through a pager, as git's do."""

import shutil
import signal
import time

import chat
import pexpect
import pytest

from ctl import DONE, INTERRUPTED, check_sanitizers


@pytest.fixture
def terminal(ctl):
    """terminal("user", "list", CHATCTL_PAGER="less"): chatctl on a terminal of 10 lines."""
    opened = []

    def spawn(*args, **env):
        p = pexpect.spawn(ctl.binary, list(args), env=ctl.env(TERM="xterm", **env), encoding="utf-8",
                          timeout=chat.PATIENCE, dimensions=(10, 100), echo=False)
        opened.append(p)
        return p

    yield spawn
    for p in opened:
        p.close(force=True)


def make_users(redis, prefix, n):
    pipe = redis.r.pipeline(transaction=False)
    for i in range(n):
        user, name = f"00000000-0000-4000-8000-{i:012x}", f"user{i:02}"
        pipe.hset(f"{prefix}{{u:{user}}}", mapping={"name": name, "hash": "x", "created": i})
        pipe.zadd(f"{prefix}users", {user: i})
        pipe.set(f"{prefix}name:{name}", user)
    pipe.execute()


@pytest.fixture
def crowd(redis, prefix):
    make_users(redis, prefix, 40)


def end(p, status=DONE):
    text = p.read()
    p.wait()
    check_sanitizers(text)
    assert (p.exitstatus if p.signalstatus is None else -p.signalstatus) == status, text
    return text


@pytest.fixture
def script(tmp_path):
    """script("cat >file"): a pager, which is one word."""
    def write(text):
        path = tmp_path / "pager"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)
    return write


def test_a_listing_goes_through_it(terminal, crowd, script, tmp_path):
    seen = tmp_path / "seen"
    pager = script(f'cat >{seen}; echo "LESS is $LESS"')
    text = end(terminal("user", "list", CHATCTL_PAGER=pager, PAGER="/nonexistent"))
    assert "LESS is FRX" in text and "user00" not in text
    table = seen.read_text()
    assert "NAME" in table.splitlines()[0] and table.count("user") == 40


@pytest.mark.parametrize("command", [["user", "list", "--sort", "name"], ["channel", "list"],
                                     ["user", "list", "--json"], ["channel", "members", "public"],
                                     ["message", "search", "hello"], ["session", "list", "user00"],
                                     ["channel", "purges", "public"]])
def test_listings_do(terminal, crowd, script, ctl, command):
    ctl("message", "send", "public", "hello", "--as", "user00")
    assert "it came through" in end(terminal(*command, CHATCTL_PAGER=script("echo it came through; cat")))


@pytest.mark.parametrize("command", [["user", "show", "user00"], ["stats"], ["message", "tail"],
                                     ["user", "list", "--no-pager"], ["--no-pager", "user", "list"]])
def test_others_do_not(terminal, crowd, script, command):
    assert "it came through" not in end(terminal(*command, CHATCTL_PAGER=script("echo it came through; cat")))


@pytest.mark.parametrize("env", [{"CHATCTL_PAGER": ""}, {"CHATCTL_PAGER": "cat"}, {"TERM": "dumb"}])
def test_none(terminal, crowd, env):
    env = {"CHATCTL_PAGER": "echo it came through", **env}
    text = terminal("user", "list")
    text.close(force=True)
    p = pexpect.spawn(text.command, ["user", "list"], env={**text.env, "TERM": "xterm", **env}, encoding="utf-8",
                      timeout=chat.PATIENCE)
    text = end(p)
    assert "user39" in text and "it came through" not in text


def test_one_that_is_not_there_is_complained_about(terminal, crowd):
    text = end(terminal("user", "list", CHATCTL_PAGER="no-such-pager"))
    assert "no pager 'no-such-pager'" in text and "user39" in text


def test_not_in_a_pipe(ctl, crowd):
    assert "user39" in ctl("user", "list", env={"CHATCTL_PAGER": "false"})


def test_who_leaves_it_had_enough(terminal, crowd, script):
    """The status is 0 and nothing is said, also of a listing that would have gone on."""
    text = end(terminal("user", "list", CHATCTL_PAGER=script("exec 0<&-; echo left")))
    assert text.strip() == "left"


def test_the_shell_goes_on_behind_it(terminal, crowd, script):
    p = terminal(CHATCTL_PAGER=script("exec 0<&-; echo left"))
    p.expect("chatctl> ")
    p.sendline("user list")
    p.expect("left")
    p.expect("chatctl> ")
    p.sendline("user show user07")
    p.expect("name: *user07")
    p.sendline("exit")
    end(p)


@pytest.mark.skipif(not shutil.which("less"), reason="no less")
def test_less_by_default(terminal, crowd, ctl):
    env = ctl.env()
    del env["CHATCTL_PAGER"]
    p = pexpect.spawn(ctl.binary, ["user", "list"], env={**env, "TERM": "xterm"}, encoding="utf-8",
                      timeout=chat.PATIENCE, dimensions=(10, 100), echo=False)
    p.expect("user05")
    with pytest.raises(pexpect.TIMEOUT):
        p.expect("user39", timeout=0.3)  # it waits
    p.send("G")
    p.expect("user39")
    p.send("q")
    end(p)
    p = pexpect.spawn(ctl.binary, ["user", "list", "--limit", "3"], env={**env, "TERM": "xterm"}, encoding="utf-8",
                      timeout=chat.PATIENCE, dimensions=(10, 100), echo=False)
    assert "user02" in end(p)  # fits on the screen: it leaves by itself


def test_ctrl_c_stops_the_work_and_waits_for_the_pager(terminal, redis, prefix, script, tmp_path):
    """As often as it is pressed: less takes it for itself, and would be left behind without its parent."""
    go = tmp_path / "go"
    pager = script(f"trap 'echo caught' INT; echo ready; until [ -e {go} ]; do sleep 0.05; done; "
                   "cat >/dev/null; echo bye")
    make_users(redis, prefix, 20000)
    p = terminal("user", "list", CHATCTL_PAGER=pager)
    p.expect("ready")
    for _ in range(2):
        p.kill(signal.SIGINT)
        time.sleep(0.05)  # two, not one
    assert p.isalive()
    go.touch()
    assert "bye" in end(p, INTERRUPTED)
