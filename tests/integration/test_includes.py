"""The architecture, as #include lines: who may include whom, and one place for each library."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALLOWED = {  # folder: the folders of ours that it may include
    "common": {"common"},
    "chatd": {"common", "chatd"},
    "chatctl": {"common", "chatctl"},
    "chattui": {"common", "chattui"},
}

ONLY_IN = {  # library, as its headers begin: the files that may include it
    "hiredis": {"common/redis/reply.c", "common/redis/peer.c", "chatd/redis/redis_link.c", "chatd/base/reply_arena.c"},
    "libwebsockets.h": {"chatd/net/ws.c", "chatd/session/wire.c", "common/client/wsclient.c"},
    "openssl/": {"chatd/net/tls_context.c", "chatd/net/tls_context.h", "chatd/net/tls.c", "common/client/wsclient.c"},
    "cjson": {"common/proto/json.c"},
    "sodium": {"common/base/secret.c"},
    "utf8proc.h": {"common/proto/validate.c", "chattui/base/text.c"},
    "confuse.h": {"common/option/option_file.c"},
    "uuid/uuid.h": {"common/base/uuid.c"},
    "readline/": {"chatctl/cli/shell.c", "chattui/term/input.c"},
    "curses.h": {"chattui/term/screen.c"},
}


def sources():
    return [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.[ch]"))]


def includes(path):
    return re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', path.read_text(encoding="utf-8"), re.M)


def name(path):
    return str(path.relative_to(ROOT))


def test_there_is_something_to_check():
    assert len(sources()) > 60 and sum(len(includes(path)) for path in sources()) > 300


@pytest.mark.parametrize("path", sources(), ids=name)
def test_includes(path):
    folder = name(path).split("/")[0]
    for header in includes(path):
        owner = header.split("/")[0]
        assert owner not in ALLOWED or owner in ALLOWED[folder], f"{name(path)} includes {header}"
        for library, places in ONLY_IN.items():
            begins = header.lower().startswith(library)
            assert not begins or name(path) in places, f"{header} belongs into {sorted(places)} only"
        assert not header.startswith(".") and not header.endswith(".c"), f"{name(path)} includes {header}"


def test_libraries_are_used_where_they_are_allowed():
    """Else this test would go on guarding what has moved."""
    for library, places in ONLY_IN.items():
        for place in sorted(places):
            headers = [header.lower() for header in includes(ROOT / place)]
            assert any(header.startswith(library) for header in headers), f"{place} without {library}"
