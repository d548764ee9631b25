"""Names that say where a function lives: extern functions carry their file's prefix, static ones are told apart in a
backtrace, and nothing is extern that one file alone uses."""

import collections
import functools
import re

import pytest
import tree

ALSO = {  # what functions of a file may begin with, too: what it is about has another name than the file, or several
    "common/proto/model.c": ["channel"],
    "common/proto/validate.c": ["message", "name", "password", "text", "utf8"],
    "common/redis/keys.c": ["keyspace"],
    "common/redis/reply.c": ["channel_state"],
    "chatd/net/proxy.c": ["networks"],
    "chatd/session/hub.c": ["sub"],
    "chatd/session/limits.c": ["addresses", "bucket"],
    "chatctl/table/invocation.c": ["confirm", "say"],
    "chatctl/table/status.c": ["fail"],
    "chatctl/term/signals.c": ["interrupted"],
    "chatctl/term/talk.c": ["complain"],
    "chattui/model/outbox.c": ["recipient"],
    "chattui/model/roster.c": ["name"],
    "chattui/model/timeline.c": ["row"],
}


def stem(source):
    return source.rpartition("/")[2].removesuffix(".c")


def plain(word):
    return word.removesuffix("s")


def families(program):
    """What at least two files of the program begin with: timeline of timeline.c and timeline_fill.c."""
    begins = collections.Counter()
    for name in {stem(source) for source in tree.sources() if tree.program(source) == program}:
        words = name.split("_")
        begins.update("_".join(words[:n + 1]) for n in range(len(words)))
    return {family for family, files in begins.items() if files > 1}


@functools.cache
def header_stems():
    """{function: stem of the header that declares it}, for a header whose functions stand in several files."""
    return {name: header.rpartition("/")[2].removesuffix(".h")
            for header in tree.c_files() if header.endswith(".h") and not header.endswith("/internal.h")
            for name in re.findall(r"^(?!static|typedef)[a-z][^()\n;]*?\b(\w+)\(", tree.text(header), re.M)}


def has_prefix(function, source):
    """of x.c: x, x_…, xs_… (what holds or walks them all), and the same of its family and of the header that declares
    it; tui_x… where x is chatd's too."""
    file, words = stem(source).removeprefix("cmd_"), function.removeprefix("tui_").split("_")
    prefixes = {file, header_stems().get(function, file), *ALSO.get(source, [])}
    prefixes |= {family for family in families(tree.program(source)) if f"{file}_".startswith(f"{family}_")}
    return any([plain(word) for word in words[:prefix.count("_") + 1]] == [plain(word) for word in prefix.split("_")]
               for prefix in prefixes)


def functions(kind, program):
    """(source, name) of each; without what a header defines inline, and what a table's rows name."""
    inline = {name for header in tree.c_files() if header.endswith(".h")
              for name in re.findall(r"^static inline [^(]*?(\w+)\(", tree.text(header), re.M)}
    return sorted({(s.source, s.name) for s in tree.symbols()
                   if s.kind == kind and tree.program(s.source) == program and s.name not in inline
                   and s.name != "main" and not (kind == "T" and tree.is_of_a_row(s.name, s.source))})


@pytest.mark.parametrize("program", tree.ROOMS)
def test_extern_functions_carry_their_files_prefix(program):
    every = functions("T", program)
    assert len(every) > 100
    found = [f"{source} {name}" for source, name in every if not has_prefix(name, source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("program", tree.ROOMS)
def test_static_functions_are_told_apart(program):
    every = functions("t", program)
    files = collections.Counter(name for _, name in every)
    assert len(every) > 200
    found = [f"{source} {name}" for source, name in every if files[name] > 1]
    assert not found, "\n".join(found)


def test_what_is_excused_is_there():
    for source, prefixes in ALSO.items():
        names = {name for s, name in functions("T", tree.program(source)) if s == source}
        assert all(any(f"{name}_".startswith(f"{prefix}_") for name in names) for prefix in prefixes), source


def test_extern_functions_are_used_by_other_files():
    """Or by a test; those of the fuzz targets and benches aren't in this build."""
    used = {s.name for s in tree.symbols() if s.kind == "U"}
    apart = "\n".join(tree.text(name) for name in tree.c_files() if name.startswith(("tests/fuzz/", "tests/bench/")))
    found = [f"{source} {name}" for program in tree.ROOMS for source, name in functions("T", program)
             if name not in used and not re.search(rf"\b{name}\b", apart)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("function, source, does", [
    ("hub_open", "chatd/session/hub.c", True),
    ("hubris", "chatd/session/hub.c", False),
    ("key_parse", "common/redis/keys.c", True),
    ("accounts_init", "chatd/session/account.c", True),
    ("redis_down", "chatd/redis/redis_link.c", True),
    ("link_down", "chatd/redis/redis_link.c", False),
    ("response_encode_ready", "common/proto/codec_account.c", True),
    ("response_wait", "common/proto/codec_account.c", False),
    ("tui_net_open", "chattui/io/net.c", True),
])
def test_prefixes_are_told(function, source, does):
    assert has_prefix(function, source) == does
