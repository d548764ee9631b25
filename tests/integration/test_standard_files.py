"""The three files that a program is started with: closed, or full. Sockets never take their places."""

import os
import socket
import subprocess

import chat
import pytest
from ctl import DONE, FAILED, check_sanitizers
from ports import free_port

PROGRAMS = {"chatctl": "CHATCTL_BIN", "chatd": "CHATD_BIN", "chattui": "CHATTUI_BIN"}


@pytest.fixture
def shell(ctl):
    """shell("user list >&-") runs chatctl so, and returns what came of it."""
    def run(words, binary=None, data=""):
        done = subprocess.run(["bash", "-c", f"{binary or ctl.binary} {words}"], env=ctl.env(PATH=os.environ["PATH"]),
                              input=data, capture_output=True, text=True, timeout=60, check=False)
        check_sanitizers(done.stderr)
        return done
    return run


@pytest.fixture
def jobs(ctl, redis, prefix):
    """A key that a list, read by Redis as commands, would delete; and the user who is called so."""
    ctl.add("unlink jobs")
    redis.r.set("jobs", "here")
    yield
    assert redis.r.delete("jobs") == 1, "a list was taken for commands"


COMMANDS = ["user list", "--format=tsv user list", "--json user list", "export", "stats", "channel list",
            "message tail", "--help", "--version", "help user", "--json node list"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_closed_stdout_cannot_be_written(shell, ctl, jobs, command, closed):
    ctl("message", "send", "public", "hi")
    done = shell(f"{command} {closed}")
    assert done.returncode == FAILED
    assert "2>&-" in closed or "write" in done.stderr or "stdout" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", "<&- 2>&-"])
def test_a_closed_stdin_is_empty(shell, ctl, closed):
    shell(f"message send public - {closed}")
    assert ctl.json("message", "tail") == []
    assert shell(f"user list {closed}").returncode == DONE
    assert shell(f"user add bob --password-file=- {closed}").returncode != DONE


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("words", ["--help >/dev/full", "--version >/dev/full", "--help >&-", "--version >&-"])
def test_what_is_asked_for_and_not_written(shell, program, words):
    if PROGRAMS[program] not in os.environ:
        pytest.skip("this program isn't there")
    done = shell(words, os.environ[PROGRAMS[program]])
    assert done.returncode == FAILED and "write to stdout" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("words", ["--config $'/\\e[31m' stats", "--$'\\e[31m'", "--$'\\u009b31m'=1", "$'a\\e]0;x\\a'",
                                   "--timeout=$'\\e[31m' stats", "-$'\\e'"])
def test_errors_hold_nothing_for_the_terminal(shell, program, words):
    if PROGRAMS[program] not in os.environ:
        pytest.skip("this program isn't there")
    done = shell(words, os.environ[PROGRAMS[program]])
    assert done.returncode == 2
    assert done.stderr and not any(c in done.stderr for c in "\x1b\x07\x9b")


@pytest.mark.parametrize("words", ["--print-errors", "--list-options", "--list-metrics", "--print-acl",
                                   "--check-config"])
def test_what_chatd_prints(shell, words):
    assert shell(f"{words} >/dev/full", os.environ["CHATD_BIN"]).returncode == FAILED
    assert shell(words, os.environ["CHATD_BIN"]).returncode == DONE


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            s.settimeout(5)
            return bool(s.recv(1))
    except OSError:
        return False


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_chatd_serves_without_its_standard_files(redis, prefix, closed):
    port = free_port()
    running = subprocess.Popen(
        ["bash", "-c", f"exec {os.environ['CHATD_BIN']} --listen 127.0.0.1:{port} --redis {redis.uri} "
         f"--prefix {prefix} {closed}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        chat.wait_until(lambda: running.poll() is not None or answers(port))
    finally:
        running.terminate()
    assert running.wait(timeout=20) == 0
