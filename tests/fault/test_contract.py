"""README.md says of each promise, R1 to R16, what tries to break it. Here: all that it names is there."""

import pathlib
import re

import pytest
from faults import BY_NAME

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
README = (HERE / "README.md").read_text(encoding="utf-8")
ROWS = {name: cells for name, *cells in re.findall(r"^\| (R\d+) \| (.*?) \| (.*?) \| (.*) \|$", README, re.M)}
# What is between backticks in the last column and names no test: a fixture, files, an error, a command
OTHER = re.compile(r"run( --\w+ \w+)?|unchanged|synced\.c")


def named(row):
    """The words between backticks that say what tries to break the promise."""
    return [word for word in re.findall(r"`([^`]+)`", ROWS[row][2]) if not OTHER.fullmatch(word)]


def problem(word):
    """What is wrong with it, or None."""
    if word in BY_NAME:
        return None
    name, _, test = word.partition("::")
    file = TESTS / name
    if not file.is_file():
        return f"{name}: neither a kind of fault nor a file"
    if test and not re.search(rf"^def {test}\(", file.read_text(encoding="utf-8"), re.M):
        return f"{name} has no {test}"
    return None


def test_all_sixteen_are_there():
    assert list(ROWS) == [f"R{n}" for n in range(1, 17)]


@pytest.mark.parametrize("row", ROWS)
def test_what_tries_to_break_a_promise_exists(row):
    assert any(".py" in word for word in named(row)), "no test is named"
    assert [p for p in map(problem, named(row)) if p] == []


def test_no_kind_of_fault_is_without_a_promise():
    assert set(BY_NAME) <= {word for row in ROWS for word in named(row)}


def test_a_name_that_is_wrong_would_be_seen():
    assert problem("node_eaten") and problem("fault/test_rows.py::test_nothing") and problem("fault/none.py")
    assert not problem("fault/test_contract.py::test_all_sixteen_are_there")
