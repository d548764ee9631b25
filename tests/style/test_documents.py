"""What the documents point to is there: files, headings, and the paths, functions and tables that they name in
`code`."""

import re

import pytest
import tree

DOCUMENTS = [name for name in tree.files() if re.fullmatch(r"[^/]+\.md|docs/.+\.md|tests/(.+/)?[^/]+\.md", name)]
PATH = re.compile(r"[\w.*{},+-]+(?:/[\w.*{},+-]+)*/?")


def without_code(text):
    return re.sub(r"^```.*?^```$|`[^`\n]+`", "", text, flags=re.S | re.M)


def anchors(name):
    """As GitHub makes them of headings."""
    found, times = set(), {}
    for title in re.findall(r"^#+ +(.+?) *$", re.sub(r"^```.*?^```$", "", tree.text(name), flags=re.S | re.M), re.M):
        title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        n = times[slug] = times.get(slug, -1) + 1
        found.add(f"{slug}-{n}" if n else slug)
    return found


def resolve(name, path):
    """The path of what a link in the document leads to."""
    parts = name.split("/")[:-1]
    for part in path.rstrip("/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def exists(path):
    """A file, a folder, or a pattern of them: {a,b}, * and NAME."""
    path = re.sub(r"NAME|NOUN|TARGET", "*", path.rstrip("/"))
    pattern = re.sub(r"\\\{([^}]*)\\\}", lambda m: "(" + m[1].replace(",", "|") + ")", re.escape(path))
    pattern = re.compile(pattern.replace(r"\*", "[^/]*") + "(/.*)?")
    return any(pattern.fullmatch(file) for file in tree.files())


def links(name):
    return re.findall(r"\[[^]]*\]\(([^)\s]+)\)", without_code(tree.text(name)))


def test_there_is_something_to_check():
    assert "README.md" in DOCUMENTS and sum(len(links(name)) for name in DOCUMENTS) > 20


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    wrong = []
    for link in links(name):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = resolve(name, path) if path else name
        if path and not exists(target):
            wrong.append(link)
        elif anchor and target.endswith(".md") and anchor not in anchors(target):
            wrong.append(link)
    assert not wrong, f"{name}: " + " ".join(wrong)


def is_ours(path):
    """Is it meant as a path in the tree? What is built, installed or of somebody else isn't."""
    first = path.split("/")[0]
    return "/" in path and first in {file.split("/")[0] for file in tree.files() if "/" in file}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_code_are_there(name):
    named = {word.rstrip(".,:;") for code in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", tree.text(name),
                                                                               flags=re.S | re.M))
             for word in code.split() if PATH.fullmatch(word)}
    wrong = sorted(path for path in named if is_ours(path) and not exists(path))
    assert not wrong, f"{name}: " + " ".join(wrong)


# Those for readers of the source; the others speak of the wire, of settings and of log lines.
OF_THE_SOURCE = ["docs/architecture.md", "CONTRIBUTING.md"]
NAME = re.compile(r"[a-z]\w*_\w+|[A-Z][A-Z0-9]*_[A-Z0-9_]+")


def words(name):
    return set(re.findall(r"\w+", tree.text(name)))


@pytest.mark.parametrize("name", OF_THE_SOURCE)
def test_names_in_code_are_there(name):
    """Functions, fields, tables, tests."""
    there = set().union(*(words(file) for file in tree.files() if not file.endswith(".md")))
    there |= {word[:n] for word in there for n in range(len(word)) if word[n - 1:n] == "_"}  # request_decode_BODY
    said = " ".join(re.findall(r"`([^`\n]+)`", tree.text(name)))
    named = {re.sub("_(BODY|CODEC|FIELDS|NAME|SYMBOL)$", "_", word) for word in re.split(r"[^\w./=]+", said)
             if NAME.fullmatch(word)}
    assert len(named) > 30
    missing = named - there
    assert not missing


@pytest.mark.parametrize("name", OF_THE_SOURCE)
def test_files_without_a_path_are_there(name):
    every = {file.rpartition("/")[2] for file in tree.files()}
    named = set(re.findall(r"`(\w+\.(?:c|h|py|lua))`", tree.text(name)))
    assert named and not {file for file in named - every if not re.search("NAME|NOUN", file)}


def said_to_be(name):
    """(name, file) of what the text puts there: `hub_pin` in `chatd/session/hub.c`, or in brackets."""
    return re.findall(r"`(\w+)`\s+(?:in\s+|\()`([\w/.]+\.\w+)`", tree.text(name))


@pytest.mark.parametrize("name", OF_THE_SOURCE)
def test_names_are_where_they_are_said_to_be(name):
    pairs = said_to_be(name)
    assert len(pairs) > 3 and not [pair for pair in pairs if pair[0] not in words(pair[1])]


def test_what_is_not_there_is_told():
    assert exists("tests/style") and exists("tests/style/tree.py") and exists("tests/style/test_*.py")
    assert exists("tests/style/test_NAME.py") and exists("tests/style/{tree,test_text}.py")
    assert not exists("tests/style/none.py") and not exists("tests/none/*")
    assert resolve("docs/a.md", "../tests/b.md") == "tests/b.md" and "tests" in anchors("CONTRIBUTING.md")
