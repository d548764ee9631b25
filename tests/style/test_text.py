"""The text of the files: clang-format, line lengths, banned functions, headers, include order."""

import re
import subprocess

import pytest
import tree

COLUMNS = {".c": 100, ".h": 100, ".lua": 120, ".py": 120, ".md": 120, ".sh": 120}
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets)\(")
ASKS = re.compile(r"\bbool (?:\*?\w+(?: = [^,;]*)?, )*\*?(is_\w+)\b(?!\()")  # a field, variable or argument


def shell(name):
    """A script without a suffix, of whatever language."""
    return "." not in name.rpartition("/")[2] and tree.text(name).startswith("#!")


def texts():
    return [name for name in tree.files() if suffix(name) in COLUMNS]


def suffix(name):
    dot = re.search(r"\.\w+$", name)
    return dot[0] if dot else ".sh" if name.startswith(".ci/") or shell(name) else ""


def is_markup(line):
    """What can't be broken: a row of a table, a link by itself."""
    return line.startswith("|") or re.fullmatch(r"\S*\[[^]]*\]\(\S*\)\S*", line.strip())


def without_comments(text):
    return re.sub(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/', lambda m: m[0] if m[0][0] == '"' else "", text, flags=re.S)


def test_there_is_something_to_check():
    assert {suffix(name) for name in texts()} >= {".c", ".h", ".lua", ".py", ".md", ".sh"} and len(texts()) > 500


def test_clang_format():
    """`clang-format -i FILE` puts it right. Version 14 and 19 (Debian 12 and 13) say the same of it."""
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *tree.c_files()], cwd=tree.ROOT, text=True,
                          capture_output=True)
    found = re.findall(r"^(\S+?:\d+):\d+: error", done.stderr, re.M)
    assert done.returncode == 0, "not formatted: " + " ".join(found) or done.stderr


def test_line_length():
    def too_long(name):
        return [n for n, line in enumerate(tree.text(name).splitlines(), 1)
                if len(line) > COLUMNS[suffix(name)] and not (name.endswith(".md") and is_markup(line))]

    found = [f"{name}:{n}" for name in texts() for n in too_long(name)]
    assert not found, " ".join(found)


def test_banned_functions():
    found = [f"{name}: {function}" for name in tree.c_files()
             for function in BANNED.findall(without_comments(tree.text(name)))]
    assert not found, "\n".join(found)


def test_only_functions_ask():
    """A field or variable is `done`, not `is_done`; a function that tells is `hub_is_open`."""
    found = [name for name in tree.c_files() if ASKS.search(without_comments(tree.text(name)))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("line, name", [
    ("bool is_open;", "is_open"), ("bool has_x, is_open;", "is_open"), ("bool is_open(int x);", None),
    ("static bool is_open = a && b;", "is_open"), ("void f(bool is_open)", "is_open"), ("bool *is_open", "is_open")])
def test_questions_are_told(line, name):
    found = ASKS.search(line)
    assert (found and found[1]) == name


def base(name):
    return name.rpartition("/")[2].rpartition(".")[0]


def test_files_say_what_they_are_called():
    """NAME - what it is for; first of all."""
    def title(name):
        return tree.program(name) if name.endswith("/main.c") and "/* main - " not in tree.text(name) else base(name)

    found = [name for name in tree.c_files() if not tree.text(name).startswith(f"/* {title(name)} - ")]
    assert not found, "\n".join(found)


def test_guards_are_paths():
    def guard(name):
        macro = re.sub(r"\W", "_", name).upper()
        return f"#ifndef {macro}\n#define {macro}\n"

    found = [name for name in tree.c_files() if name.endswith(".h") and guard(name) not in tree.text(name)]
    assert not found, "\n".join(found)


def blocks(name):
    """The headers that a file includes, one list for each block without a blank line or something else inside."""
    found = re.findall(r'(?:^#include [<"][^">]+[">].*\n)+', tree.text(name), re.M)
    return [re.findall(r'^#include ([<"][^">]+[">])', block, re.M) for block in found]


def is_ours(header):
    return header.split("/")[0].strip('"') in tree.ROOMS and not header.startswith("<")


def order_is_right(name, found):
    """What the file implements, or another header of its room, may be first, by itself; then all of ours come in one
    block; then the system's."""
    ours = [block for block in found if any(map(is_ours, block))]
    if found[:len(ours)] != ours or not all(all(map(is_ours, block)) for block in ours):
        return False
    own, room = f'"{name[:-2]}.h"', f'"{name.rpartition("/")[0]}/'
    if name.endswith(".c") and any(own in block for block in ours) and ours[0] != [own]:
        return False
    return len(ours) <= 1 or len(ours) == 2 and len(ours[0]) == 1 and ours[0][0].startswith(room)


def test_includes_are_in_order():
    found = [name for name in tree.sources() if not order_is_right(name, blocks(name))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("found, right", [
    ([['"chatd/op/op.h"'], ['"chatd/base/net.h"', '"common/base/log.h"'], ["<uv.h>"]], True),
    ([['"chatd/op/op.h"'], ['"chatd/base/net.h"'], ['"common/base/log.h"'], ["<uv.h>"]], False),
    ([['"chatd/base/net.h"', '"chatd/op/op.h"'], ["<uv.h>"]], False),
    ([["<uv.h>"], ['"chatd/op/op.h"']], False),
])
def test_orders_are_told(found, right):
    assert order_is_right("chatd/op/op.c", found) == right
