"""Fields that are missing or wrong are named in the error; nothing changes (R16)."""

import chat
import pytest

TOO_BIG = 2**53
LONG = "x" * 1025

NO_OBJECTS = [[], "x", 7, True]
NO_STRINGS = [7, True, [], {}, 1.5]

BAD_FIELDS = [  # type, body, the field that the error names
    *[(type, None, type) for type in ("signIn", "signUp", "channelJoin", "channelMessage", "channelMessages",
                                      "channelLeave")],
    *[(type, body, type) for body in NO_OBJECTS for type in (
        "signIn", "signUp", "users", "channelJoin", "channelMessage", "channelMessages", "channelLeave")],
    *[(type, {"username": "eve"}, f"{type}.password") for type in ("signIn", "signUp")],
    *[(type, {"password": "x"}, f"{type}.username") for type in ("signIn", "signUp")],
    *[("signIn", {"username": v, "password": "x"}, "signIn.username") for v in NO_STRINGS],
    *[("signUp", {"username": "eve", "password": v}, "signUp.password") for v in NO_STRINGS],
    *[("signIn", {"username": "eve", "password": "x", "create": v}, "signIn.create") for v in (0, "no", [], {})],
    ("signIn", {"username": "eve", "password": ""}, "signIn.password"),
    ("signIn", {"username": "eve", "password": LONG}, "signIn.password"),
    ("signIn", {"username": "eve", "password": "é" * 513}, "signIn.password"),
    ("signUp", {"username": "eve", "password": LONG}, "signUp.password"),
    ("signIn", {"username": None, "password": "x"}, "signIn.username"),
    *[("users", {field: v}, f"users.{field}") for field in ("offset", "limit")
      for v in (-1, 1.5, "1", "x", [], {}, True, TOO_BIG, 1e300)],
    ("users", {"limit": 0}, "users.limit"),
    ("users", {"limit": 1001}, "users.limit"),
    ("users", {"offset": 2**32}, "users.offset"),
    *[("users", {"online": v}, "users.online") for v in (1, "true", [], {})],
    *[(type, {"recipientUUID": v, "message": "x"}, f"{type}.recipientUUID")
      for type in ("channelJoin", "channelMessage", "channelMessages", "channelLeave")
      for v in (1, -1, 0.5, True, False, [], {}, ["0"])],
    *[("channelJoin", {"since": v}, "channelJoin.since") for v in (1, "x", [], True)],
    ("channelMessage", {}, "channelMessage.message"),
    *[("channelMessage", {"message": v}, "channelMessage.message") for v in (None, *NO_STRINGS)],
    *[("channelMessage", {"message": "x", "UUID": v}, "channelMessage.UUID")
      for v in ("", "x", 7, [], {}, chat.NOBODY + "0", chat.NOBODY[1:], "g" + chat.NOBODY[1:],
                "00000000-0000-0000-0000-000000000000")],
    *[("channelMessages", {"limit": v}, "channelMessages.limit")
      for v in (0, -1, 100, 10**9, "x", "1", 1.5, True, [], {}, TOO_BIG, 1e300)],
    *[("channelMessages", {"offset": v}, "channelMessages.offset")
      for v in (-1, "x", 1.5, True, [], {}, TOO_BIG)],
    *[("channelMessages", {field: v}, f"channelMessages.{field}") for field in ("before", "after")
      for v in (0, -1, "x", 1.5, True, [], {}, TOO_BIG)],
    ("channelMessages", {"before": 2, "after": 1}, "channelMessages.after"),
    ("channelMessages", {"offset": 0, "after": 1}, "channelMessages.after"),
    ("channelMessages", {"offset": 0, "before": 1}, "channelMessages.before"),
]

BAD_ENVELOPES = [
    *[({"type": v}, "type") for v in (None, *NO_STRINGS)],
    ({}, "type"),
    *[({"type": "users", "SUUID": v}, "SUUID") for v in NO_STRINGS],
    *[({"type": "users", "userUUID": chat.NOBODY, "userAccessKey": v}, "userAccessKey") for v in NO_STRINGS],
    ({"type": "users", "userUUID": chat.NOBODY, "userAccessKey": "x" * 129}, "userAccessKey"),
    *[({"type": "users", "requestID": v}, "requestID")
      for v in (True, 1.5, [], {}, "x" * 65, "é" * 33, 1e300, TOO_BIG)],
]


def refused(c, unchanged, frame, field):
    with unchanged():
        c.send(frame)
        error = c.expect_error("bad_field")
    assert error["code"] == 3 and f": {field}:" in error["message"], error
    return error


class TestOnOneServer:
    """Hundreds of cases need no server each: they change nothing."""

    @pytest.fixture(scope="class")
    def server(self, worker_redis):
        one = chat.Chatd(worker_redis.uri, prefix="fields:")
        yield one
        one.destroy()

    @pytest.fixture(scope="class")
    def alice(self, server):
        c = chat.Client(server)
        c.sign_in("alice")
        c.join("0")
        yield c
        c.close()

    @pytest.fixture
    def prefix(self):
        return "fields:"

    @pytest.mark.parametrize("type,body,field", BAD_FIELDS, ids=str)
    def test_bad_field(self, alice, unchanged, type, body, field):
        frame = {"type": type, "requestID": 7}
        if body is not None:
            frame[type] = body
        error = refused(alice, unchanged, frame, field)
        assert error["request"] == type and alice.last["requestID"] == 7
        alice.users()

    @pytest.mark.parametrize("frame,field", BAD_ENVELOPES, ids=str)
    def test_bad_envelope(self, alice, unchanged, frame, field):
        refused(alice, unchanged, frame, field)
        alice.users()

    BAD_NAMES = ["", " ", "x" * 33, "../x", "a:b", "{x}", "a\nb", " a", "a ", "a  b", "a/b", "a*", "a?", "<b>",
                 "a\\b", "a\"b", "@a", "#a", "a,b", "-", "...", "_", "'", "- -", "a\u200bb", "\u202ea", "a\tb",
                 "\x1b[2J", "ａｌｉｃｅ", "ﬁ", "①", "аlice", "αlice", "a١", "٢१", "\u0301a", "a😀", "¼", "ª",
                 "\u00a0a", "\u3000a", "a\u2028", "\x7f", "\u0085", "a\ufeff", "🄰", "x\u0338" * 17]

    @pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
    @pytest.mark.parametrize("type", ["signIn", "signUp"])
    def test_bad_name(self, server, unchanged, name, type):
        c = chat.Client(server)
        with unchanged():
            c.ask(type, {"username": name, "password": "x"}, requestID=1)
            error = c.expect_error("bad_name")
            assert error["code"] == 10 and f"{type}.username: " in error["message"], error
            assert c.last["requestID"] == 1
        c.close()

    def test_bad_name_under_sign_id(self, server):
        c = chat.Client(server)
        c.send({"type": "signIn", "signId": {"username": "eve"}})
        assert ": signId.password:" in c.expect_error("bad_field")["message"]
        c.close()


@pytest.mark.parametrize("since", [
    {}, {"epoch": "x", "seq": 0}, {"epoch": chat.NOBODY, "seq": 1}, {"epoch": None, "seq": None},
    {"epoch": "own", "seq": -1}, {"epoch": "own", "seq": 3}, {"epoch": "own", "seq": 2**53 - 1},
    {"epoch": "own", "seq": 2**53}, {"epoch": "own", "seq": "1"}, {"epoch": "own", "seq": 1.5}, {"epoch": "own"},
    {"seq": 1}], ids=str)
def test_since_that_cannot_be_served_is_a_normal_join(client, since):
    alice = client("alice", join="0")
    alice.say("one")
    alice.say("two")
    bob = client("bob")
    if since.get("epoch") == "own":
        since = {**since, "epoch": alice.history()["epoch"]}
    answer = bob.join("0", since=since)
    assert answer["recovered"] is False
    assert [m["message"] for m in answer["messages"]] == ["two", "one"] and answer["seq"] == 2


def test_errors_in_fields_do_not_close_the_connection(client):
    alice = client("alice")
    for _ in range(30):
        alice.ask("channelMessages", {"limit": 0})
        alice.expect_error("bad_field")
    alice.users()
