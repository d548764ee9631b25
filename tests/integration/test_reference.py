"""The reference (docs/PROTOCOL.md), the JSON Schema (common/proto/schema.json), the golden frames and
the browser client agree with one another. Needs no server."""

import copy
import json
import pathlib
import re

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs/PROTOCOL.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "common/proto/schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CLIENT = ROOT / "tests/integration/browser_client.html"



def wire_types(header, *tables):
    """The second column of the tables' rows."""
    text = (ROOT / "common/proto" / header).read_text(encoding="utf-8")
    rows = "".join(re.search(rf"#define {table}\(X\)(?:.*\\\n)*.*\n", text)[0] for table in tables)
    return set(re.findall(r'X\(\w+, "(\w+)",', rows))


REQUESTS = wire_types("request.h", "REQUEST_TABLE")
OPTIONAL = {((), "requestID"), (("error",), "request"), (("error",), "retryAfterMs"),
            (("channelJoin",), "recovered")}


def strict_object(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), f"a name twice in {[name for name, _ in pairs]}"
    return members


def parse(text):
    return json.loads(text, object_pairs_hook=strict_object)


def complaints(frame):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(frame)]


def kind(frame):
    """The type of a frame, and of an event its own type."""
    return frame["type"] + (" " + frame["sys"]["type"] if frame["type"] == "sys" else "")


def all_kinds():
    events = SCHEMA["$defs"]["sys"]["properties"]["type"]["enum"]
    frames = SCHEMA["properties"]["type"]["enum"]
    return {frame for frame in frames if frame != "sys"} | {f"sys {event}" for event in events}


def blocks(language):
    """The fenced blocks of this language in the reference, as (id, text)."""
    found = []
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", REFERENCE, re.M | re.S):
        found.append((f"line{REFERENCE[:match.start()].count(chr(10)) + 1}", match[1]))
    return found


def with_ids(pairs):
    return [pytest.param(value, id=name) for name, value in pairs]


GOLDEN = [(path.stem, path.read_text(encoding="utf-8"))
          for path in sorted((ROOT / "tests/golden").glob("*.json"))]
SERVER_EXAMPLES = blocks("json server")
CLIENT_EXAMPLES = blocks("json client")


def test_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_has_what_the_tables_have():
    events = SCHEMA["$defs"]["sys"]["properties"]["type"]["enum"]
    assert set(SCHEMA["properties"]["type"]["enum"]) == wire_types("response.h", "RESPONSE_TABLE")
    assert set(events) == wire_types("response.h", "SYS_USER_TABLE", "SYS_TABLE")


@pytest.mark.parametrize("text", with_ids(GOLDEN + SERVER_EXAMPLES))
def test_frame_fits_the_schema(text):
    assert complaints(parse(text)) == []


@pytest.mark.parametrize("name,frames", [("golden", GOLDEN), ("reference", SERVER_EXAMPLES)])
def test_every_kind_has_an_example(name, frames):
    assert {kind(parse(text)) for _, text in frames} == all_kinds(), name


def test_every_block_says_whose_it_is():
    assert blocks("json") == []


# The schema is strict: whatever frame is taken, no member may go, come, or change its type.

def objects_in(value, path=()):
    if isinstance(value, dict):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, list) else ()
    for name, item in items:
        yield from objects_in(item, path + (name,))


def at(frame, path):
    for step in path:
        frame = frame[step]
    return frame


def damaged(frame):
    """Copies of the frame, each with one thing wrong, and what it is."""
    for path in objects_in(frame):
        for name in [*at(frame, path), "surplus"]:
            changed = copy.deepcopy(frame)
            at(changed, path)[name] = {"wrong": "type"}
            yield f"{path} {name} changed", changed
        for name in at(frame, path):
            changed = copy.deepcopy(frame)
            del at(changed, path)[name]
            if (path, name) not in OPTIONAL:
                yield f"{path} {name} gone", changed


@pytest.mark.parametrize("text", with_ids(GOLDEN))
def test_damaged_frame_does_not_fit(text):
    for what, frame in damaged(parse(text)):
        assert complaints(frame), what


def golden(name):
    return parse(dict(GOLDEN)[name])


@pytest.mark.parametrize("name,path,value", [
    ("channel_message", ("channelMessage", "UUID"), "A11CE000-0000-4000-8000-000000000001"),
    ("channel_message", ("channelMessage", "UUID"), "a11ce000-0000-4000-8000-000000000001\n"),
    ("channel_message", ("channelMessage", "senderUUID"), "0"),
    ("channel_message", ("channelMessage", "recipientUUID"), 0),
    ("channel_message", ("channelMessage", "recipientUUID"), ""),
    ("channel_message", ("channelMessage", "recipientUUID"), "0\n"),
    ("channel_message", ("channelMessage", "recipientUUID"),
     "a11ce000-0000-4000-8000-000000000001\n"),
    ("channel_message", ("channelMessage", "createdAt"), "2024-05-01T12:00:00Z"),
    ("channel_message", ("channelMessage", "createdAt"), "2024-13-01T12:00:00.123Z"),
    ("channel_message", ("channelMessage", "createdAt"), "2024-05-01T12:00:00.123+00:00"),
    ("channel_message", ("channelMessage", "message"), ""),
    ("channel_message", ("channelMessage", "message"), "a\x00b"),
    ("channel_message", ("channelMessage", "message"), "x" * 4097),
    ("channel_message", ("channelMessage", "seq"), 0),
    ("channel_message", ("channelMessage", "seq"), 1.5),
    ("channel_message", ("channelMessage", "seq"), "7"),
    ("channel_message", ("channelMessage", "seq"), 2 ** 53),
    ("channel_message", ("channelMessage", "senderUsername"), ""),
    ("channel_message", ("channelMessage", "senderUsername"), " Alice"),
    ("channel_message", ("channelMessage", "senderUsername"), "Al  ice"),
    ("channel_message", ("channelMessage", "senderUsername"), "Alice\n"),
    ("channel_message", ("channelMessage", "senderUsername"), "x" * 33),
    ("channel_message", ("requestID",), "x" * 65),
    ("channel_message", ("requestID",), 1.5),
    ("channel_message", ("requestID",), True),
    ("channel_message", ("type",), "channelmessage"),
    ("channel_message", ("requestID",), 2 ** 53 + 1),
    ("channel_message", ("requestID",), -2 ** 53 - 1),
    ("channel_leave", ("channelLeave", "recipientUUID"), "0"),
    ("channel_join", ("channelJoin", "seq"), -1),
    ("channel_join", ("channelJoin", "seq"), 2 ** 53),
    ("channel_join", ("channelJoin", "messages", 0, "created_at"), "2024-05-01T12:00:00.123Z\n"),
    ("channel_read", ("channelMessages", "messagesReceived"), 100),
    ("channel_read", ("channelMessages", "messagesReceived"), -1),
    ("authorized", ("authorized", "accessKey"), "x" * 42),
    ("authorized", ("authorized", "accessKey"), "x" * 43 + "\n"),
    ("authorized", ("authorized", "userUUID"), 1),
    ("error", ("error", "code"), 4),
    ("error", ("error", "code"), 0),
    ("error", ("error", "request"), ""),
    ("error", ("error", "message"), ""),
    ("error", ("error", "retryAfterMs"), 0),
    ("error", ("error", "retryAfterMs"), 2 ** 32),
    ("ready", ("ready", "server"), ""),
    ("ready", ("ready", "version"), ""),
    ("sys_go_away", ("sys", "retryAfterMs"), -1),
    ("sys_go_away", ("sys", "retryAfterMs"), 2 ** 32),
    ("sys_purge", ("sys", "UUID"), "0e55a9e0-0000-4000-8000-000000000005"),
    ("sys_purge", ("sys", "type"), "epoch"),
    ("sys_unread", ("sys", "recipientUUID"), "0"),
])
def test_wrong_value_does_not_fit(name, path, value):
    frame = golden(name)
    at(frame, path[:-1])[path[-1]] = value
    assert complaints(frame)


@pytest.mark.parametrize("name,path,most", [
    ("channel_join", ("channelJoin", "messages"), 10),
    ("channel_join", ("channelJoin", "users"), 100),
    ("channel_read", ("channelMessages", "messages"), 99),
    ("users", ("users", "users"), 1000),
])
def test_list_too_long_does_not_fit(name, path, most):
    frame = golden(name)
    items = at(frame, path)
    items[:] = items[:1] * most
    assert complaints(frame) == []
    items.append(items[0])
    assert complaints(frame)


def test_resume_may_be_long():
    frame = golden("channel_join_recovered")
    frame["channelJoin"]["messages"] *= 11
    assert complaints(frame) == []
    frame["channelJoin"]["recovered"] = False
    assert complaints(frame)


@pytest.mark.parametrize("frame", [[], "ready", None, {}, {"type": "ready"}, {"ready": {}}])
def test_no_frame_at_all_does_not_fit(frame):
    assert complaints(frame)


def test_message_says_where():
    frame = golden("channel_join")
    frame["channelJoin"]["messages"][1]["seq"] = "7"
    assert complaints(frame) == ["$.channelJoin.messages[1].seq: '7' is not of type 'integer'"]
    assert complaints({}) == ["$: 'type' is a required property"]
    assert complaints({"type": "sys", "sys": {}}) == ["$.sys: 'type' is a required property"]


# The table of errors in the reference is held against err.h by the unit test test_reference.

def error_table():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", REFERENCE, re.M)
    return [(int(code), name) for code, name in rows]


def test_errors_of_the_schema_are_those_of_the_table():
    error = SCHEMA["$defs"]["error"]
    rules = [(rule["if"]["properties"], rule["then"]["properties"]) for rule in error["allOf"]]
    pairs = [(when["code"]["const"], then["name"]["const"]) for when, then in rules]
    assert pairs == error_table()
    assert error["properties"]["code"]["maximum"] == max(code for code, _ in pairs)


def test_every_error_is_explained():
    prose = re.sub(r"<!-- errors:begin -->.*?<!-- errors:end -->", "", REFERENCE, flags=re.S)
    assert [name for _, name in error_table() if f"`{name}`" not in prose] == []


def test_every_close_code_is_explained():
    table = re.search(r"<!-- closes:begin -->(.*?)<!-- closes:end -->", REFERENCE, re.S)
    codes = re.findall(r"^\| (\d+) \|", table[1], re.M)
    after = REFERENCE[table.end():].split("\n## ")[0]
    assert codes and [code for code in codes if code != "1000" and code not in after] == []


# Requests

@pytest.mark.parametrize("text", with_ids(CLIENT_EXAMPLES))
def test_request_has_a_known_type(text):
    request = parse(text)
    assert request["type"] in REQUESTS
    body = {"signId"} if "signId" in request else {request["type"]}
    assert set(request) <= body | {"type", "SUUID", "userUUID", "userAccessKey", "requestID"}


def test_every_request_has_an_example():
    assert {parse(text)["type"] for _, text in CLIENT_EXAMPLES} == REQUESTS
    assert set(SCHEMA["$defs"]["error"]["properties"]["request"]["enum"]) == REQUESTS


# The page itself

def test_links_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", REFERENCE, re.M)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]+)\)", REFERENCE)
    assert links and set(links) <= anchors


def test_browser_client_is_the_one_in_the_reference():
    (_, page), = blocks("html")
    assert page == CLIENT.read_text(encoding="utf-8")
    assert page.count("\n") < 40 and "innerHTML" not in page
