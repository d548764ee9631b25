"""What is not one strict JSON object gets bad_json, changes nothing (R16) and bothers nobody else."""

import chat
import pytest

DEEP = 17  # levels; 16 are allowed

BAD = {
    "empty": "",
    "spaces": " \n",
    "array": "[]",
    "string": '"users"',
    "number": "7",
    "null": "null",
    "true": "true",
    "open": "{",
    "half": '{"type":"users"',
    "no-value": '{"type":}',
    "no-colon": '{"type" "users"}',
    "two-colons": '{"type"::"users"}',
    "no-comma": '{"type":"users" "requestID":1}',
    "trailing-comma": '{"type":"users",}',
    "leading-comma": '{,"type":"users"}',
    "trailing-comma-in-array": '{"type":"users","x":[1,]}',
    "single-quotes": "{'type':'users'}",
    "bare-name": '{type:"users"}',
    "duplicate": '{"type":"users","type":"users"}',
    "duplicate-escaped": '{"type":"users","\\u0074ype":"users"}',
    "duplicate-inside": '{"type":"users","users":{"limit":1,"limit":2}}',
    "duplicate-ignored": '{"type":"users","x":{"y":1,"y":2}}',
    "nul-escape": '{"type":"users","x":"\\u0000"}',
    "nul-in-name": '{"type":"users","\\u0000":1}',
    "nul-byte": '{"type":"users"}\0',
    "nul-byte-in-string": '{"type":"us\0ers"}',
    "raw-newline": '{"type":"users","x":"a\nb"}',
    "raw-tab": '{"type":"users","x":"a\tb"}',
    "raw-escape": '{"type":"users","x":"\x1b"}',
    "raw-1f": '{"type":"users","x":"\x1f"}',
    "too-deep": '{"type":"users","x":' + "[" * (DEEP - 1) + "]" * (DEEP - 1) + "}",
    "very-deep": '{"x":' * 5000 + "1" + "}" * 5000,
    "text-after": '{"type":"users"} x',
    "two-documents": '{"type":"users"}{"type":"users"}',
    "two-lines": '{"type":"users"}\n{"type":"users"}',
    "brace-after": '{"type":"users"}}',
    "1e400": '{"type":"users","x":1e400}',
    "-1e400": '{"type":"users","x":-1e400}',
    "NaN": '{"type":"users","x":NaN}',
    "Infinity": '{"type":"users","x":-Infinity}',
    "hex": '{"type":"users","x":0x10}',
    "plus": '{"type":"users","x":+1}',
    "01": '{"type":"users","x":01}',
    "-01": '{"type":"users","x":-01}',
    ".5": '{"type":"users","x":.5}',
    "1.": '{"type":"users","x":1.}',
    "1e": '{"type":"users","x":1e}',
    "minus": '{"type":"users","x":-}',
    "True": '{"type":"users","x":True}',
    "nulls": '{"type":"users","x":nulll}',
    "comment": '{"type":"users"/* x */}',
    "line-comment": '{"type":"users"}// x',
    "bom": '\ufeff{"type":"users"}',
    "nbsp": '{"type":\u00a0"users"}',
    "form-feed": '{"type":\f"users"}',
    "high-surrogate": '{"type":"users","x":"\\ud800"}',
    "low-surrogate": '{"type":"users","x":"\\udc00"}',
    "surrogates-swapped": '{"type":"users","x":"\\udc00\\ud800"}',
    "surrogate-then-text": '{"type":"users","x":"\\ud800\\u0041"}',
    "surrogate-in-name": '{"type":"users","\\ud800":1}',
    "bad-escape": '{"type":"users","x":"\\x41"}',
    "short-unicode-escape": '{"type":"users","x":"\\u12"}',
    "bad-unicode-escape": '{"type":"users","x":"\\u12g4"}',
    "open-string": '{"type":"users","x":"',
    "backslash-at-end": '{"type":"users","x":"\\',
    "10000-names": "{" + ",".join(f'"k{i}":0' for i in range(5500)) + "}",
    "10000-values": '{"type":"users","x":[' + ",".join(["0"] * 10000) + "]}",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_json(client, unchanged, text):
    alice, bob = client("alice", join="0"), client("bob", join="0")
    alice.fence()
    with unchanged():
        alice.send_text(text)
        error = alice.expect_error("bad_json")
        assert error["code"] == 1 and "request" not in error and "requestID" not in alice.last
    assert alice.say("still here")["seq"] == 1
    bob.hear("still here")


@pytest.mark.parametrize("text", [
    '{"type":"users","x":' + "[" * 15 + "]" * 15 + "}",
    '{"type":"users","x":[' + ",".join(["0"] * 900) + "]}",
    '{"type":"users","x":"\\ud83d\\udc0e\\u007f\\u2028"}',
    '{"type":"users","x":[1e300,-0,0.5,1E+2,true,false,null,"\\/"]}',
], ids=["16-levels", "900-values", "surrogates", "values"])
def test_unusual_but_good_json(client, text):
    alice = client("alice")
    alice.send_text(text)
    alice.expect("users")


def test_ten_in_a_row_close_the_connection(client, unchanged):
    bob, mallory = client("bob", join="0"), client()
    with unchanged():
        mallory.burst(*["{"] * 12)
        for _ in range(9):
            mallory.expect_error("bad_json")
        assert mallory.expect_error("too_many_errors")["code"] == 24
        assert mallory.expect_close(4002) == []
    bob.say("still here")


def test_a_good_frame_between_begins_the_count_anew(client):
    alice = client("alice")
    for _ in range(3):
        for _ in range(9):
            alice.send_text("{")
            alice.expect_error("bad_json")
        alice.users()


def test_nothing_of_what_is_sent_reaches_the_log_raw(chatd, client):
    c = client()
    c.send_text('{"type":"\x1b]0;owned\x07"}')
    c.expect_error("bad_json")
    c.send_text('{"type":"\\u001b]0;owned\\u0007 event=forged"}')
    c.expect_error("unknown_type")
    c.ask("signIn", {"username": "\x1b[2J\nlevel=error", "password": "x"})
    c.expect_error("bad_name")
    assert "\x1b" not in chatd.log() and "\nlevel" not in chatd.log()
