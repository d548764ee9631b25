"""Chatting, as it is seen on the screen."""

import pytest

from chattui import PASSWORD


def test_sign_in_dialogue(tui, pty):
    w = tui()
    w.wait("Server")
    w.type("alice")
    w.keys("Tab")
    w.type(PASSWORD)
    assert PASSWORD not in w.text()
    w.wait("no: asks first if nobody has the name")
    w.keys("Enter")
    w.wait("nobody is called alice here")
    w.keys("Enter")
    w.wait_online()
    w.line("signed in by hand")
    w.wait_said("alice", "signed in by hand")
    assert PASSWORD not in w.text()


def test_a_mistyped_name_is_no_second_person(tui, client):
    client("alice")
    w = tui()
    w.wait("Server")
    w.line("alcie")
    w.line(PASSWORD)
    w.wait("nobody is called alcie here")
    w.keys("BSpace", "BSpace", "BSpace")
    w.wait(r"\[ \] no")
    w.type("ice")
    w.keys("Enter")
    w.wait_online()
    assert {user["Username"] for user in client("bob").users()["users"]} == {"alice", "bob"}


def test_a_new_name_on_the_command_line_asks_once(tui, client):
    w = tui("alcie", ready=False)
    w.wait(r"alcie is new here. A new account\? y/n")
    w.keys("n")
    w.wait(r"Server +ws")
    assert {user["Username"] for user in client("bob").users()["users"]} == {"bob"}


def test_dialogue_tells_what_is_wrong(tui, client):
    client("alice")
    w = tui()
    w.wait("Server")
    w.type("alice")
    w.keys("Tab")
    w.type("not her password")
    w.keys("Enter")
    w.wait("wrong username or password")
    w.keys("C-c")


def test_a_server_by_host_and_port(tui, chatd):
    """As a flag and in the dialogue."""
    w = tui(at=chatd.address)
    w.wait(rf"Server +ws://{chatd.address}/ws")
    w.keys("BTab", "C-u")
    for text in chatd.address.removeprefix("127.0.0.1"), "alice", PASSWORD:
        w.line(text)
    w.wait("no host's name")
    w.keys("C-u")
    w.line(chatd.address)
    w.wait_online()
    assert f"ws://{chatd.address}/ws" in w.screen()[0]
    w.line(f"/connect {chatd.address}")
    w.wait("already connected")


def test_the_key_spares_the_password(tui, home):
    w = tui("alice")
    w.line("/quit")
    assert w.status() == 0
    (home("alice") / "password").write_text("something else\n")
    w = tui("alice")
    w.line("by the key")
    w.wait_said("alice", "by the key")


def test_two_chat(tui):
    a, b = tui("alice"), tui("bob")
    a.line("hello, bob")
    b.wait_said("alice", "hello, bob")
    b.line("hello yourself")
    a.wait_said("bob", "hello yourself")
    b.line("/me waves")
    a.wait(r"\* │ bob waves")
    a.line("//not a command")
    b.wait_said("alice", "/not a command")


def test_private_conversation(tui):
    a, b = tui("alice"), tui("bob")
    b.wait("alice")
    a.line("/msg bob just you")
    b.wait(r"(?m)^ 2 +alice +\+1")
    b.keys("M-a")
    b.wait_said("alice", "just you")
    b.line("and you")
    a.wait(r"(?m)^ 2 +bob +\+1")
    a.keys("M-2")
    a.wait_said("bob", "and you")
    a.keys("M-1")
    a.wait("just you", absent=True)


def test_names_are_right_aligned(tui, client):
    a = tui("alice")
    for name in "bo", "someone-with-a-long-name":
        c = client(name, join="0")
        c.say("text")
    text = a.wait(r"someone.* │ text")
    columns = {line.index("│ text") for line in text.split("\n") if "│ text" in line}
    assert len(columns) == 1, text


def test_wrapped_lines_are_indented(tui):
    a = tui("alice")
    a.line("word " * 40)
    text = a.wait(r"(?m)│ word.*\n.*│ word")
    lines = [line for line in text.split("\n") if "│ word" in line]
    assert len({line.index("│ word") for line in lines}) == 1 and len(lines) > 2, text


def test_help(tui):
    w = tui("alice")
    w.keys("F1")
    w.wait("Alt\\+a")
    w.keys("F1")
    w.wait("Alt\\+a", absent=True)
    w.line("/help")
    w.wait("Alt\\+a")
    w.keys("Escape")
    w.wait("Alt\\+a", absent=True)


def test_completion(tui, client):
    client("roberta", join="0")
    w = tui("alice")
    w.wait("roberta")
    w.type("rob")
    w.keys("Tab")
    w.wait(r"\] roberta:")
    w.keys("C-c")
    w.type("/nam")
    w.keys("Tab")
    w.wait(r"\] /names")


def test_history_and_ctrl_c(tui):
    w = tui("alice")
    w.line("first")
    w.line("second")
    w.wait_said("alice", "second")
    w.keys("Up", "Up")
    w.wait(r"\] first")
    w.keys("C-c")
    w.wait(r"\] first", absent=True)
    w.keys("C-r")
    w.type("sec")
    w.wait(r"i-search.*second")
    w.keys("C-c")
    w.line("and alive")
    w.wait_said("alice", "and alive")


def test_drafts_are_kept_by_channel(tui, client):
    client("bob")
    w = tui("alice")
    w.type("for everybody")
    w.line("")  # nothing
    w.wait_said("alice", "for everybody")
    w.type("draft of public")
    w.keys("C-a")
    w.type("/join bob ")
    w.keys("C-k", "Enter")
    w.wait(r"(?m)^ 2 +bob")
    w.type("draft for bob")
    w.keys("M-1")
    w.wait("draft for bob", absent=True)
    w.keys("M-2")
    w.wait(r"\] draft for bob")


@pytest.mark.parametrize("cols, rows", [(80, 24), (200, 50), (40, 10), (60, 15)])
def test_sizes(tui, client, cols, rows):
    bob = client("bob", join="0")
    w = tui("alice", cols=cols, rows=rows)
    bob.say("a message of some length, so that it must be wrapped where it is narrow")
    text = w.wait("narrow")
    assert all(len(line) <= cols for line in text.split("\n"))
    assert ("public" in text.split("\n")[0]) and "online" in text


def test_too_small_says_so(tui):
    w = tui("alice", cols=80, rows=24)
    w.resize(30, 6)
    w.wait("needs 40x8")
    w.resize(80, 24)
    w.wait_online()
