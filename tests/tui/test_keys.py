"""What terminals send: answers that come late, keys of other terminals than xterm, pastes without brackets."""

import time

import pytest


ANSWERS = {
    "OSC 10 and 11": "\x1b]10;rgb:ffff/ffff/ffff\x1b\\\x1b]11;rgb:0000/0000/0000\x07",
    "OSC 52": "\x1b]52;c;c2VjcmV0\x1b\\",
    "XTVERSION": "\x1bP>|XTerm(379)\x1b\\",
    "XTGETTCAP": "\x1bP1+r544e=787465726d\x1b\\",
    "APC": "\x1b_Gi=31;OK\x1b\\",
    "PM and SOS": "\x1b^private\x1b\\\x1bXstring\x1b\\",
    "DECRPM": "\x1b[?2026;2$y",
    "DA1, long": "\x1b[?" + ";".join(map(str, range(1, 60))) + "c",
    "CPR": "\x1b[24;80R",
}


@pytest.mark.parametrize("what", ANSWERS)
def test_late_answers_of_the_terminal(pty, client, what):
    """They belong to a program that has ended: nothing of them is in the line, whole or in pieces."""
    t = pty("alice")
    bob = client("bob", join="0")
    answer = ANSWERS[what]
    half = len(answer) // 2
    for bytes in "he", answer, "ll", answer[:half]:
        t.send(bytes)
    t.read(0.3)  # a slow link
    t.send(answer[half:] + "o\r")
    assert bob.expect("channelMessage")["message"] == "hello"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_paste_without_brackets(tui, client, end):
    """From a terminal that has none: one message, after a question; tabs complete nothing."""
    w = tui("alice")
    bob = client("bob", join="0")
    lines = [f"{n}\tof 300" for n in range(300)]
    w.paste("".join(line + end for line in lines), bracketed=False)
    w.wait("299 ")
    w.keys("Enter")
    w.wait("Send these 300 lines as one message")
    w.keys("y")
    assert bob.expect("channelMessage")["message"] == "\n".join(lines)
    bob.say("next")
    w.wait("next")
    assert len(bob.history(limit=99)["messages"]) == 2


def test_a_paste_answers_no_question(tui, client):
    w = tui("alice")
    bob = client("bob", join="0")
    w.paste("1\n2\n3\n4\n5\n6\n")
    w.wait("6")
    w.keys("Enter")
    w.wait("Send these 6 lines")
    w.paste("yes\rno\ry\r", bracketed=False)
    time.sleep(0.3)  # what comes at once belongs to it
    w.keys("n")
    w.wait("Send these", absent=True)
    assert bob.history(limit=99)["messages"] == []


RXVT = {"home": "\x1b[7~", "end": "\x1b[8~", "word left": "\x1bOd", "word right": "\x1bOc", "delete word": "\x1b[3^"}
SUN = {"home": "\x1b[214z", "end": "\x1b[220z", "word left": "\x1bb", "word right": "\x1bf", "delete word": "\x1bd"}
XTERM = {"home": "\x1b[H", "end": "\x1b[F", "word left": "\x1b[1;5D", "word right": "\x1b[1;5C",
         "delete word": "\x1b[3;5~"}
KEYS = [("rxvt-unicode-256color", RXVT), ("xterm-256color", RXVT), ("screen", RXVT), ("sun", SUN),
        ("xterm-256color", XTERM)]


@pytest.mark.parametrize("term, sends", KEYS)
def test_keys_edit_the_line(pty, client, term, sends):
    """Whatever the terminal sends for them, and also where $TERM says another one."""
    t = pty("alice", env={"TERM": term})
    bob = client("bob", join="0")
    for bytes in ("two three", sends["home"], "one ", sends["end"], " five", sends["word left"], "four ",
                  sends["home"], sends["delete word"], "1", sends["word right"], "+", "\r"):
        t.send(bytes)
        t.read(0.05)
    assert bob.expect("channelMessage")["message"] == "1 two+ three four five"


def test_a_terminal_without_a_cursor(pty):
    t = pty("alice", env={"TERM": "dumb"}, ready=False)
    assert t.end() == 1
    assert b'a terminal of the type "dumb" has no cursor' in t.out and b"--plain works" in t.out
    assert b"Sanitizer" not in t.out
    t.check_restored()


def test_an_unknown_terminal(pty):
    """It is taken for an xterm, as most are."""
    t = pty("alice", env={"TERM": "no-such-terminal"})
    t.send("\x03/quit\r")
    assert t.end() == 0
