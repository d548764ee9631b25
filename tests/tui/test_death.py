"""However chattui ends, the terminal is as it was before."""

import os
import re
import signal

import pytest

from chat import wait_until

def modes_on(terminal):
    """The terminal is chattui's: raw, alternate screen."""
    terminal.read(0.1)
    return terminal.modes() != terminal.before and b"\x1b[?1049h" in terminal.out


def test_quit(pty):
    t = pty("alice")
    assert modes_on(t)
    t.send("/quit\r")
    assert t.end() == 0
    t.check_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_that_end_it(pty, number):
    t = pty("alice")
    os.kill(t.pid, number)
    assert t.end() == 0
    t.check_restored()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE])
def test_crash(pty, number):
    """As good as a real one: the handler can't tell who sent the signal."""
    t = pty("alice", env={"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0"})
    os.kill(t.pid, number)
    assert t.end() == -number
    t.check_restored()
    assert b"chattui crashed" in t.out


def test_in_the_dialogue(pty):
    t = pty()
    t.wait("Password")
    os.kill(t.pid, signal.SIGTERM)
    assert t.end() == 0
    t.check_restored()


def test_a_closed_terminal_ends_it(pty):
    t = pty("alice")
    os.close(t.slave)
    os.close(t.master)
    t.process.wait(10)
    t.master, t.slave = os.openpty()  # for close()
    assert t.process.returncode == 0


def test_stopped_and_continued(tui):
    """Ctrl-Z gives the shell its terminal back; fg draws everything again."""
    w = tui("alice", shell=True)
    w.line("before the stop")
    w.wait_said("alice", "before the stop")
    w.keys("C-z")
    w.wait(r"Stopped|suspended")
    assert not w.alternate()
    w.line("stty -a | tr ';' '\\n' | grep -c -- ' echo\\b.*'")
    w.wait(r"(?m)^1$")
    w.line("fg")
    w.wait_said("alice", "before the stop")
    assert w.alternate()
    w.line("behind it")
    w.wait_said("alice", "behind it")


def test_without_a_shell_ctrl_z_does_nothing(tui):
    w = tui("alice")
    w.keys("C-z")
    w.line("still here")
    w.wait_said("alice", "still here")


def test_stop_from_outside(pty):
    t = pty("alice")
    os.kill(t.pid, signal.SIGTSTP)
    # Read all the while: what it writes must have somewhere to go.
    wait_until(lambda: t.read() is not None and
               open(f"/proc/{t.pid}/stat").read().rpartition(")")[2].split()[0] == "T")
    t.read(0.1)
    t.check_restored()
    os.kill(t.pid, signal.SIGCONT)
    wait_until(lambda: modes_on(t))
    t.wait("online")
    t.send("/quit\r")
    assert t.end() == 0
    t.check_restored()


def test_editor(tui, tmp_path):
    """Alt+e: the message in $EDITOR, and what comes back is a draft."""
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf 'first\\nsecond\\n' >>\"$1\"\n")
    editor.chmod(0o755)
    w = tui("alice", env={"EDITOR": str(editor), "VISUAL": ""})
    w.type("zeroth")
    w.keys("M-e")
    w.wait(r"zeroth\nfirst\nsecond")
    w.keys("Enter")
    w.wait_said("alice", "zeroth")


def test_editor_that_is_not_there(tui):
    w = tui("alice", env={"EDITOR": "/no/such/editor", "VISUAL": ""})
    w.type("kept")
    w.keys("M-e")
    w.wait(r"no such file")
    w.wait(r"\] kept")


@pytest.mark.parametrize("args, env, color", [
    ((), {}, 238), (("--background", "light"), {}, 252), ((), {"COLORFGBG": "0;15"}, 252),
    (("--background=dark",), {"COLORFGBG": "0;15"}, 238)])
def test_bars_stand_out_from_the_background(tui, args, env, color):
    screen = tui("alice", args=args, env=env).screen(attributes=True)
    assert f"48;5;{color}m" in screen[0] and f"48;5;{color}m" in screen[-2]


def test_no_color(pty):
    t = pty("alice", env={"NO_COLOR": "1"})
    t.send("hello\r")
    t.wait("hello")
    t.read(0.3)
    looks = re.findall(rb"\x1b\[([\d;]*)m", t.out)
    assert looks and not [look for look in looks if re.search(rb"(^|;)([34][0-8]|9\d)(;|$)", look)], looks


def test_unknown_terminal_type(pty):
    t = pty("alice", env={"TERM": "no-such-terminal"})
    t.send("/quit\r")
    assert t.end() == 0


def test_c_locale(pty):
    """Falls back to UTF-8 rather than mangle what is not ASCII."""
    t = pty("alice", env={"LANG": "C", "LC_ALL": "C"})
    t.send("grüße\r")
    t.wait("grüße")
