"""Completion: what `chatctl __complete` offers, how fast, and what becomes of it in a real bash, zsh and fish, with
their own line editors on a terminal of their own."""

import os
import pathlib
import re
import shutil
import subprocess
import time

import chat
import pexpect
import pytest
from stopwatch import Stopwatch

COMPLETIONS = chat.ROOT / "completions"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
CHATTUI = pathlib.Path(os.environ["CHATD_BIN"]).with_name("chattui")
QUICK = 0.3  # seconds that a prompt may hang, whatever Redis does
SLACK = 0.5  # for a machine that runs tests on all its cores, and sanitizers


@pytest.fixture
def offers(ctl):
    """offers("user", "sh"): the candidates."""
    def ask(*words, **env):
        out = ctl("__complete", *words, env=env)
        return [line.split("\t")[0] for line in out.splitlines()]
    return ask


# The engine

def test_words(offers):
    assert {"user", "session", "node", "stats", "doctor", "help"} <= set(offers(""))
    assert offers("us") == ["user"] and offers("usx") == []
    assert offers("user", "re") == ["rename"] and "show" in offers("user", "")
    assert offers("nonsense", "") == offers("user", "nonsense", "") == []
    assert offers("help", "us") == ["user"] and offers("help", "user", "sh") == ["show"]
    assert offers() == []


def test_options(offers):
    assert offers("user", "list", "--on") == ["--online"]
    assert "--json" in offers("--") and "--online" not in offers("--")
    assert offers("user", "list", "--sort", "") == ["created", "name"] == [
        o.removeprefix("--sort=") for o in offers("user", "list", "--sort=")]
    assert offers("--format", "js") == ["json", "jsonl"] and offers("--format=t") == ["--format=table", "--format=tsv"]
    assert offers("user", "list", "--limit", "") == []
    assert offers("user", "list", "--", "--on") == []
    assert "--online" in offers("user", "list", ""), "no argument is left: options are"


def test_files(offers):
    assert offers("--config", "") == [":files"] == offers("user", "add", "x", "--password-file", "/e")
    assert offers("--config=/e") == [":files"]


def test_names(ctl, offers, client):
    for name in "alice", "Alfred", "Bob O'Hara", "Ærø":
        ctl.add(name)
    client("alice")
    chat.wait_until(lambda: ctl.json("user", "list", "--online"))
    assert offers("user", "show", "") == ["alice", "Ærø", "Bob O'Hara", "Alfred"], "online first, then the newest"
    assert offers("user", "show", "al") == ["alice", "Alfred"], "either case"
    assert offers("user", "show", "Bob O") == ["Bob O'Hara"]
    assert offers("--quoted", "user", "show", "Bob\\ O") == ["Bob O'Hara"]
    assert offers("--quoted", "user", "show", "'Bob O") == ["Bob O'Hara"]
    assert offers("user", "rename", "alice", "") == [], "a new name is nobody's"
    assert offers("-p", ctl.prefix, "user", "show", "al", CHATCTL_PREFIX="other:") == ["alice", "Alfred"]
    assert offers("user", "show", "al", CHATCTL_PREFIX="other:") == []
    assert offers("user", "show", "nobody") == []


def test_channels(ctl, offers, client, redis, prefix):
    alice, bob = client("alice"), client("Bob O'Hara")
    alice.join(bob.user)
    chat.wait_until(lambda: redis.r.zcard(f"{prefix}channels") == 1)
    assert sorted(offers("channel", "show", ""))[-1] == "public" and len(offers("channel", "show", "")) == 2
    assert offers("channel", "show", "al") == ["alice,Bob O'Hara"]
    assert offers("channel", "show", "bo") == ["Bob O'Hara,alice"]


def test_an_exact_name_is_found_among_many(ctl, offers, redis, prefix):
    made = ctl.add("zoe")
    pipe = redis.r.pipeline(transaction=False)
    for i in range(100000):
        user = f"00000000-0000-4000-8000-{i:012x}"
        pipe.zadd(f"{prefix}users", {user: 10 ** 14 + i})
    pipe.hset(f"{prefix}{{u:{user}}}", mapping={"name": "zoe2"})
    pipe.execute()
    watch = Stopwatch()
    assert offers("user", "show", "zoe") == ["zoe", "zoe2"]
    assert watch.seconds() < QUICK + SLACK
    assert made["name"] == "zoe"


def test_names_that_would_act_on_a_terminal_are_not_offered(ctl, offers, redis, prefix):
    for i, name in enumerate(["\x1b[2J", "a\nb", "a\tb", "\u202eevil", "fine"]):
        made = ctl.add(f"user{i}")
        redis.r.hset(f"{prefix}{{u:{made['uuid']}}}", "name", name)
    assert offers("user", "show", "") == ["fine"]


@pytest.mark.parametrize("uri", ["unix:///nonexistent", "redis://127.0.0.1:1", "redis://10.255.255.1:6379", "rubbish",
                                 "redis://no.such.host.invalid"])
def test_silent_and_quick_when_redis_is_down(ctl, offers, uri):
    watch = Stopwatch()
    assert offers("user", "show", "a", CHATCTL_REDIS=uri) == [] and ctl.err == ""
    assert watch.seconds() < QUICK + SLACK
    assert offers("user", "sh", CHATCTL_REDIS=uri) == ["show"]


def test_silent_and_quick_when_redis_hangs(ctl, offers, own_redis):
    own_redis.pause()
    try:
        watch = Stopwatch()
        assert offers("user", "show", "a", CHATCTL_REDIS=own_redis.uri) == [] and ctl.err == ""
        assert watch.seconds() < QUICK + SLACK
    finally:
        own_redis.resume()


# The options of chatd and chattui

@pytest.mark.parametrize("program, row", [
    (os.environ["CHATD_BIN"], ["log-level", "", "choice", "error|warn|info|debug", "info"]),
    (CHATTUI, ["server", "s", "str", "URL", ""]),
    (CHATTUI, ["format", "F", "choice", "text|jsonl", "text"]),
    (CHATTUI, ["bell", "", "bool", "", "yes"])], ids=["chatd choice", "text", "choice", "switch"])
def test_options_are_listed(program, row):
    out = subprocess.run([program, "--list-options"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    assert all(len(r) == 6 for r in rows)
    assert row in [r[:5] for r in rows]


# Real shells. The line is typed, Tab pressed, and the line editor asked what it holds.

@pytest.fixture
def binaries(tmp_path):
    """A directory with the programs under their names, whatever the build's is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, path in (("chatctl", os.environ["CHATCTL_BIN"]), ("chatd", os.environ["CHATD_BIN"]),
                       ("chattui", CHATTUI)):
        (folder / name).symlink_to(path)
    return folder


class Shell:
    """A shell on a terminal. complete(line) types it and Tab, and returns the line as it stands then."""

    def __init__(self, argv, env, setup, marker):
        self.p = pexpect.spawn(argv[0], argv[1:], env=env, encoding="utf-8", timeout=chat.PATIENCE,
                               dimensions=(50, 200))
        self.marker = marker
        for line in setup:
            self.p.sendline(line)
        self.p.sendline("echo rea''dy")
        self.p.expect("ready\r\n")

    def type(self, text, wait=1.0):
        self.p.send(text)
        deadline = time.monotonic() + wait
        seen = ""
        while time.monotonic() < deadline:
            try:
                seen += self.p.read_nonblocking(4000, 0.1)
            except pexpect.TIMEOUT:
                pass
        return seen

    def complete(self, line, tabs=1):
        """The words of the line behind Tab, as the program would get them."""
        self.type(line + "\t" * tabs, 1.2)
        self.p.send("\x01printf '<%s>' : \x05\n")  # to the line's beginning: print the words instead of running them
        self.p.expect(r"<:>((?:<[^\r\n]*>)?)\r?\n?")
        return re.findall("<([^>]*)>", self.p.match.group(1))

    def candidates(self, line):
        """What is listed behind Tab, Tab."""
        seen = self.type(line + "\t\t", 1.5)
        self.p.send("\x15\n")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", seen)

    def close(self):
        self.p.close(force=True)


@pytest.fixture
def bash(ctl, binaries, tmp_path):
    if not os.path.exists(BASH_COMPLETION):
        pytest.skip("no bash-completion")
    env = ctl.env(PATH=f"{binaries}:{os.environ['PATH']}", HOME=str(tmp_path), TERM="dumb", INPUTRC="/dev/null",
                  PS1="$ ", LC_ALL="C.UTF-8")
    shell = Shell(["bash", "--norc", "--noprofile"], env, [
        f". {BASH_COMPLETION}", f". {COMPLETIONS}/chatctl.bash", f". {COMPLETIONS}/chatd.bash", "PS1='$ '",
        "bind 'set enable-bracketed-paste off'", "bind 'set bell-style none'"], "$ ")
    yield shell
    shell.close()


@pytest.fixture
def zsh(ctl, binaries, tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    env = ctl.env(PATH=f"{binaries}:{os.environ['PATH']}", HOME=str(tmp_path), ZDOTDIR=str(tmp_path), TERM="dumb")
    shell = Shell(["zsh", "-f", "-i"], env, [
        f"fpath=({COMPLETIONS} $fpath)", f"autoload -U compinit; compinit -u -d {tmp_path}/dump", "PROMPT='%% '",
        "bindkey -e; bindkey '^I' complete-word; unsetopt beep zle_bracketed_paste; unset zle_bracketed_paste"], "% ")
    yield shell
    shell.close()


@pytest.fixture
def fish(ctl, binaries, tmp_path):
    if not shutil.which("fish"):
        pytest.skip("no fish")

    def ask(line):
        script = f"source {COMPLETIONS}/chatctl.fish; source {COMPLETIONS}/chatd.fish; complete -C {line!r}"
        env = ctl.env(PATH=f"{binaries}:{os.environ['PATH']}", HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path))
        out = subprocess.run(["fish", "--no-config", "-c", script], env=env, capture_output=True, text=True, check=True,
                             timeout=chat.PATIENCE)
        assert out.stderr == ""
        return [candidate.split("\t")[0] for candidate in out.stdout.splitlines()]
    return ask


@pytest.fixture
def people(ctl):
    for name in "alice", "Bob O'Hara", "Ærø", "O'Neil", "Ann Lee":
        ctl.add(name)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("line, words", [
    ("chatctl us", ["chatctl", "user"]),
    ("chatctl user sho", ["chatctl", "user", "show"]),
    ("chatctl user list --onl", ["chatctl", "user", "list", "--online"]),
    ("chatctl user list --sort n", ["chatctl", "user", "list", "--sort", "name"]),
    ("chatctl user list --sort=n", ["chatctl", "user", "list", "--sort=name"]),
    ("chatctl user show al", ["chatctl", "user", "show", "alice"]),
    ("chatctl user show Bob", ["chatctl", "user", "show", "Bob O'Hara"]),
    ("chatctl user show Bob\\ O", ["chatctl", "user", "show", "Bob O'Hara"]),
    ("chatctl user show \"Bob O", ["chatctl", "user", "show", "Bob O'Hara"]),
    ("chatctl user show 'Bob O", ["chatctl", "user", "show", "Bob O'Hara"]),
    ("chatctl user show 'O", ["chatctl", "user", "show", "O'Neil"]),
    ("chatctl user show \"O", ["chatctl", "user", "show", "O'Neil"]),
    ("chatctl user show O\\'", ["chatctl", "user", "show", "O'Neil"]),
    ("chatctl message send public hi --as=Ann", ["chatctl", "message", "send", "public", "hi", "--as=Ann Lee"]),
    ("chatctl message send public hi --as=\"Ann L", ["chatctl", "message", "send", "public", "hi", "--as=Ann Lee"]),
    ("chatctl message send public hi --as='Ann L", ["chatctl", "message", "send", "public", "hi", "--as=Ann Lee"]),
    ("chatctl message send public hi --as=Ann\\ L", ["chatctl", "message", "send", "public", "hi", "--as=Ann Lee"]),
    ("chatctl message send public hi --as \"Ann L", ["chatctl", "message", "send", "public", "hi", "--as", "Ann Lee"]),
    ("chatctl message send public hi --as='O", ["chatctl", "message", "send", "public", "hi", "--as=O'Neil"]),
    ("chatctl message send public hi '--as=Ann L", ["chatctl", "message", "send", "public", "hi", "--as=Ann Lee"]),
    ("chatctl user show Æ", ["chatctl", "user", "show", "Ærø"]),
    ("chatctl --config /etc/hostn", ["chatctl", "--config", "/etc/hostname"]),
    ("chatctl channel show pu", ["chatctl", "channel", "show", "public"]),
    ("chatctl user show nobo", ["chatctl", "user", "show", "nobo"]),
    ("chatd --sign-in-c", ["chatd", "--sign-in-creates"]),
    ("chatd --config /etc/hostn", ["chatd", "--config", "/etc/hostname"]),
    ("chatd --log-level=de", ["chatd", "--log-level=debug"]),
    ("chattui --pla", ["chattui", "--plain"]),
    ("chattui --password-file /etc/hostn", ["chattui", "--password-file", "/etc/hostname"]),
    ("chattui --ca=/etc/hostn", ["chattui", "--ca=/etc/hostname"]),
    ("chattui --format js", ["chattui", "--format", "jsonl"]),
    ("chattui --format \"js", ["chattui", "--format", "jsonl"]),
    ("chattui --format='js", ["chattui", "--format=jsonl"]),
    ("chattui --ca=\"/etc/hostn", ["chattui", "--ca=/etc/hostname"]),
    ("chattui --user no", ["chattui", "--user", "no"]),
])
def test_in_a_real_shell(request, shell, line, words, people):
    got = request.getfixturevalue(shell).complete(line)
    assert [w.rstrip("=") for w in got] == words


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_listed_in_a_real_shell(request, shell, people):
    listed = request.getfixturevalue(shell).candidates("chatctl user ")
    assert all(verb in listed for verb in ("list", "show", "add", "passwd", "rename", "delete", "ban", "unban", "kick"))
    if shell == "zsh":
        assert "set a user's password" in listed, "with descriptions"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_silent_in_a_real_shell_when_redis_is_down(request, shell):
    s = request.getfixturevalue(shell)
    s.type("export CHATCTL_REDIS=unix:///nonexistent\n", 0.5)
    assert s.complete("chatctl user show al") == ["chatctl", "user", "show", "al"]


def test_in_fish(fish, people):
    assert fish("chatctl us") == ["user"] and fish("chatctl user sho") == ["show"]
    assert fish("chatctl user show al") == ["alice"] and fish("chatctl user show Bob") == ["Bob O'Hara"]
    assert fish("chatctl user show Bob\\ O") == ["Bob O'Hara"]
    assert fish("chatctl --config /etc/hostn") == ["/etc/hostname"]
    assert fish("chatctl user list --sort n") == ["name"]
    assert fish("chatd --sign-in-c") == ["--sign-in-creates"] and fish("chatd --log-level de") == ["debug"]
    assert fish("chatd --config /etc/hostn") == ["/etc/hostname"]
    assert fish("chattui --pla") == ["--plain"] and fish("chattui --format js") == ["jsonl"]
    assert fish("chattui --password-file /etc/hostn") == ["/etc/hostname"] and fish("chattui --user no") == []
