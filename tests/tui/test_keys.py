"""What terminals send: answers that come late, keys of other terminals than xterm, pastes without brackets."""

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
