"""The architecture, by #include lines and by what object files use of each other: who may include whom, one place
for each library, rooms that use only those below, and no circles."""

import re

import pytest
import tree

BELOW = {  # program: the programs that it may include
    "common": {"common"},
    "chatd": {"common", "chatd"},
    "chatctl": {"common", "chatctl"},
    "chattui": {"common", "chattui"},
}

ONLY_IN = {  # library, as its headers begin: the files that may include it
    "hiredis": {"common/redis/reply.c", "common/redis/peer.c", "chatd/redis/redis_link.c",
                "chatd/base/reply_arena.c"},
    "libwebsockets.h": {"chatd/net/ws.c", "chatd/session/wire.c", "common/client/wsclient.c"},
    "openssl/": {"chatd/net/tls_context.c", "chatd/net/tls_context.h", "chatd/net/tls.c", "chatd/net/upgrade.c",
                 "common/client/wsclient.c"},
    "cjson": {"common/proto/json.c"},
    "sodium": {"common/base/secret.c"},
    "utf8proc.h": {"common/proto/validate.c", "chattui/base/text.c"},
    "confuse.h": {"common/option/option_file.c"},
    "uuid/uuid.h": {"common/base/uuid.c"},
    "readline/": {"chatctl/cli/shell.c", "chattui/term/input.c"},
    "curses.h": {"chattui/term/screen.c"},
}

# All that the process has. Modules are given what they use of it; the verbs know it whole, and no header includes it.
NODE = "chatd/daemon/node.h"
KNOWS_NODE = re.compile(r"chatd/(daemon|request)/\w+\.c")

# A table names those who do what its rows say: they may stand above it, or use what its file has for them.
TABLES = {
    "chatctl/table/commands.c": r"CMD_\w+",
    "common/proto/request.c": r"request_(de|en)code_\w+",
    "common/proto/response.c": r"response_decode_\w+",
}


def calls():
    """{file: {file: names}} without what the tables name."""
    left = {}
    for user, others in tree.calls().items():
        rows = re.compile(TABLES.get(user, "(?!)"))
        named = {used: {name for name in names if not rows.fullmatch(name)} for used, names in others.items()}
        left[user] = {used: names for used, names in named.items() if names}
    return left


def test_there_is_something_to_check():
    assert len(tree.sources()) > 60 and sum(len(tree.includes(name)) for name in tree.sources()) > 300
    assert sum(len(names) for used in tree.calls().values() for names in used.values()) > 1000


@pytest.mark.parametrize("name", tree.sources())
def test_includes(name):
    for header in tree.includes(name):
        owner = header.split("/")[0]
        assert owner not in BELOW or owner in BELOW[tree.program(name)], f"{name} includes {header}"
        for library, places in ONLY_IN.items():
            begins = header.lower().startswith(library)
            assert not begins or name in places, f"{header} belongs into {sorted(places)} only"
        assert not header.startswith(".") and not header.endswith(".c"), f"{name} includes {header}"
        assert header != NODE or KNOWS_NODE.fullmatch(name), f"{name}: modules are given what they use of {NODE}"


def test_libraries_are_used_where_they_are_allowed():
    """Else this test would go on guarding what has moved."""
    for library, places in ONLY_IN.items():
        for place in sorted(places):
            headers = [header.lower() for header in tree.includes(place)]
            assert any(header.startswith(library) for header in headers), f"{place} without {library}"


def test_rooms_are_those_of_the_plan():
    assert {tuple(name.split("/")[:2]) for name in tree.sources()} == {
        (program, room) for program, rooms in tree.ROOMS.items() for room in rooms}


def test_no_room_includes_one_above():
    above = [f"{name} {header}" for name in tree.sources() for header in tree.includes(name)
             if header.count("/") == 2 and tree.program(header) == tree.program(name)
             and tree.height(name) < tree.height(header) and header != NODE]
    assert not above, "\n".join(above)


def test_no_room_calls_one_above():
    above = [f"{user} {used}" for user, others in calls().items() for used in others
             if tree.program(used) == tree.program(user) and tree.height(user) < tree.height(used)]
    assert not above, "\n".join(above)


def test_no_files_call_each_other_in_a_circle():
    found = [" ".join(members) for members in tree.circles(calls())]
    assert not found, "\n".join(found)


def test_tables_are_where_they_are_allowed():
    for table, rows in TABLES.items():
        used = {name for names in tree.calls()[table].values() for name in names}
        assert any(re.fullmatch(rows, name) for name in used), f"{table} names none of {rows}"


def test_circles_are_found():
    assert tree.circles({"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"]]
