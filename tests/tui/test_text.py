"""Text of every kind: pastes, wide and combining characters, floods of resizing."""

import ctypes
import locale
import random
import re

import pytest

LIBC = ctypes.CDLL(None)

WIDE = {
    "japanese": ("日本語のテキスト", 16),
    "emoji": ("😀🎉 ok", 7),
    "combining": ("e\u0301a\u0308o\u0302", 3),
    "arabic": ("مرحبا", 5),
    "hangul": ("한국어", 6),
    "thai": ("ภาษาไทย", 7),
    "family": ("👨\u200d👩\u200d👧", 6),  # joiners are left out: three of them, in two columns each
}


def test_pasted_lines_are_one_draft(tui, client):
    bob = client("bob", join="0")
    w = tui("alice")
    w.paste("one\ntwo\nthree")
    w.wait(r"\] one *\n *two *\n *three")
    assert bob.heard() == []
    w.keys("Enter")
    bob.hear("one\ntwo\nthree")
    w.wait(r"alice │ one .*\n.* │ two")


def test_a_line_pasted_whole_is_one_line(tui):
    w = tui("alice")
    w.paste("a line with its end\n")
    w.wait(r"\] a line with its end")
    assert w.cursor() == (len("[alice] a line with its end"), 23, True)


def test_many_pasted_lines_are_asked_about(tui, client):
    bob = client("bob", join="0")
    w = tui("alice")
    w.paste("\n".join(f"line {i}" for i in range(12)))
    w.keys("Enter")
    w.wait(r"12 lines")
    w.keys("n")
    w.wait(r"line 11")
    w.keys("Enter")
    w.wait(r"12 lines")
    w.keys("y")
    bob.hear("\n".join(f"line {i}" for i in range(12)))


def test_a_long_message_is_folded(tui, client):
    w = tui("alice")
    client("bob", join="0").say("\n".join(f"line {i}." for i in range(60)))
    text = w.wait("goes on: Alt.w")
    assert "line 29." in text and "line 30." not in text
    w.keys("M-w")
    w.wait(r"line 59\.")
    w.wait("goes on", absent=True)


def test_paste_without_brackets(tui, client):
    """Two lines from a terminal that doesn't know them may be typed ahead: each is sent. More: test_keys.py."""
    bob = client("bob", join="0")
    w = tui("alice")
    w.paste("one\rtwo\r", bracketed=False)
    bob.hear("one")
    bob.hear("two")


def test_paste_that_never_ends(pty, client):
    bob = client("bob", join="0")
    t = pty("alice")
    t.send("\x1b[200~half a paste")
    t.wait("half a paste")  # after a second it is given up
    t.send("\r")
    bob.hear("half a paste")


def test_huge_paste(pty, client):
    """60 kB: more than a message may have. It says so and gives the draft back."""
    t = pty("alice")
    text = "".join(f"{i:07d} " for i in range(7500))
    t.send("\x1b[200~")
    for i in range(0, len(text), 4000):
        t.send(text[i:i + 4000])
        t.read(0.01)
    t.send("\x1b[201~")
    t.wait("0007499")
    t.send("\r")
    t.wait("too long")
    t.send("\x03still alive\r")
    client("bob", join="0")
    t.wait("still alive")


@pytest.mark.parametrize("name", WIDE)
def test_columns_stay_aligned(tui, client, name):
    """What stands behind a character of any kind is where our own reckoning and tmux' have it."""
    text, columns = WIDE[name]
    bob = client("bob", join="0")
    w = tui("alice", cols=100)
    bob.say(text + "|end")
    bob.say("x" * columns + "|end")
    w.wait(r"x\|end")
    lines = [line for line in w.screen() if "|end" in line]
    assert len(lines) == 2
    # tmux shows both at the same column if both have the same width: ask it, cell by cell
    rows = [i for i, line in enumerate(w.screen()) if "|end" in line]
    assert column_of(w, rows[0], "|end") == column_of(w, rows[1], "|end")
    borders = {column_of(w, row, "│", last=True) for row in rows}
    assert len(borders) == 1, "the border to the right has moved"


def width(text):
    """Columns as the C library counts them."""
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    return sum(max(LIBC.wcwidth(ord(c)), 0) for c in text)


def column_of(window, row, what, last=False):
    line = window.screen()[row]
    return width(line[:line.rindex(what) if last else line.index(what)])


def test_typing_wide_characters(tui):
    w = tui("alice")
    w.type("日本e\u0301x")
    w.wait("日本e\u0301x")
    prompt = len("[alice] ")
    assert w.cursor()[0] == prompt + 6
    w.keys("BSpace", "BSpace")
    w.wait(r"\] 日本$")
    assert w.cursor()[0] == prompt + 4


def test_resize_storm(tui, client):
    bob = client("bob", join="0")
    for i in range(30):
        bob.say(f"message {i} " + "語" * (i % 20))
    w = tui("alice")
    w.type("a draft")
    seed = random.randrange(10**6)
    print("seed", seed)
    sizes = random.Random(seed)
    for _ in range(60):
        w.resize(sizes.choice([1, 2, 3, 10, 39, 40, 41, 63, 64, 80, 120, 200]),
                 sizes.choice([1, 2, 3, 7, 8, 9, 24, 50]))
    w.resize(1, 1)
    w.resize(80, 24)
    w.wait(r"message 29")
    w.wait(r"\] a draft")
    w.keys("Enter")
    w.wait_said("alice", "a draft")


def test_resize_while_scrolled_keeps_the_place(tui, client):
    bob = client("bob", join="0")
    for i in range(60):
        bob.say(f"message {i} " + "word " * (i % 30))
    w = tui("alice")
    w.wait("message 59")
    w.keys("PageUp")
    w.wait("Alt\\+End")
    last = re.findall(r"message (\d+)", w.text())[-1]
    w.resize(120, 40)
    w.wait(rf"message {last} ")
    w.resize(60, 20)
    w.wait(rf"message {last} ")
