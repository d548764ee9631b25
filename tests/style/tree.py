"""The tree that the style tests look at: which files there are, the programs and their rooms, and what the build's
object files define and use."""

import collections
import functools
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/asan"))

ROOMS = {  # each program's folders, the lowest first: a room may use itself and those before it
    "common": ["base", "option", "proto", "redis", "client"],
    "chatd": ["base", "redis", "session", "op", "channel", "request", "net", "daemon"],
    "chatctl": ["term", "table", "ops", "commands", "cli"],
    "chattui": ["base", "model", "update", "io", "term", "view", "app"],
}


@functools.cache
def files():
    """The paths of all files that are or would be committed; of a tree without git, all but what is built."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                text=True, capture_output=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        listed = [name for name in listed if not re.match(r"(build|\.git)/|.*__pycache__", name)]
    return sorted(name for name in set(listed) if (ROOT / name).is_file())


@functools.cache
def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def c_files():
    return [name for name in files() if name.endswith((".c", ".h"))]


def program(name):
    return name.split("/")[0]


def sources():
    """The programs' own C files."""
    return [name for name in c_files() if program(name) in ROOMS]


def includes(name):
    return re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', text(name), re.M)


def height(name):
    """Where in its program's order the room of a file stands."""
    return ROOMS[program(name)].index(name.split("/")[1])


# Object files

Symbol = collections.namedtuple("Symbol", "source kind name")


@functools.cache
def symbols():
    """What nm says of the build's objects: kind T is an extern function, t a static one, U one used from elsewhere."""
    objects = {}
    for path in BUILD.rglob("*.c.o"):
        source = re.sub(r"CMakeFiles/\w+\.dir/", "", str(path.relative_to(BUILD)))[:-len(".o")]
        if (ROOT / source).exists():  # else it was renamed or removed since
            objects[str(path)] = source
    assert objects, f"nothing is built in {BUILD}"
    found = []
    for line in subprocess.run(["nm", "-A", *objects], text=True, capture_output=True, check=True).stdout.splitlines():
        path, _, rest = line.partition(":")
        *_, kind, name = rest.split()
        if not name.startswith("_"):  # the compiler's
            found.append(Symbol(objects[path], kind, name))
    return found


@functools.cache
def calls():
    """{file: {file: the names that the first uses of the second}}, within and below each program."""
    defined = collections.defaultdict(dict)
    for s in symbols():
        if s.kind in "TDBRV" and program(s.source) in ROOMS:
            defined[s.name][program(s.source)] = s.source
    edges = collections.defaultdict(lambda: collections.defaultdict(set))
    for s in symbols():
        if s.kind == "U" and program(s.source) in ROOMS:
            where = defined[s.name].get(program(s.source)) or defined[s.name].get("common")
            if where and where != s.source:
                edges[s.source][where].add(s.name)
    return edges


@functools.cache
def words_of_headers():
    return set(re.findall(r"\w+", "\n".join(text(name) for name in c_files() if name.endswith(".h"))))


def is_of_a_row(function, source):
    """Is it the macro of a table that declares it, made of the words in a row? Else its file does, if no header."""
    own = re.search(rf"^[a-z][^=\n]*\b{function}\([^{{;]*\);", text(source), re.M)
    return function not in words_of_headers() and not own


def circles(edges):
    """The strongly connected components of more than one node, by Tarjan's algorithm."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            members = []
            while not members or members[-1] != node:
                members.append(stack.pop())
            if len(members) > 1:
                found.append(sorted(members))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found
