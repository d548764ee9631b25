"""Fixtures. A worker has one Redis for all tests that do it no harm; each test has a key prefix of its
own in it, and a chatd of its own. What a test starts is stopped, and its end checked, behind it."""

import contextlib
import itertools
import os
import pathlib

import pytest

import chat
from ctl import Ctl

NUMBERS = itertools.count(1)

if "CHATD_BIN" not in os.environ:
    os.environ["CHATD_BIN"] = str(chat.ROOT / "build/asan/bin/chatd")


if "CHATCTL_BIN" not in os.environ:
    os.environ["CHATCTL_BIN"] = str(pathlib.Path(os.environ["CHATD_BIN"]).with_name("chatctl"))


@pytest.fixture(scope="session", autouse=True)
def binaries_are_built():
    for name in "CHATD_BIN", "CHATCTL_BIN":
        binary = pathlib.Path(os.environ[name])
        assert binary.exists(), f"{binary} is missing: build it, or set {name}"


@pytest.fixture(scope="session")
def worker_redis():
    server = chat.Redis()
    yield server
    server.destroy()


@pytest.fixture
def redis(worker_redis):
    """A Redis to use but not to harm; use `own_redis` for that."""
    return worker_redis


@pytest.fixture
def own_redis():
    """A Redis of this test alone, to be killed, paused, filled."""
    server = chat.Redis()
    yield server
    server.destroy()


@pytest.fixture
def prefix():
    """What the names of this test's keys begin with."""
    return f"t{next(NUMBERS)}:"


@pytest.fixture
def start_chatd(redis, prefix):
    """start_chatd(max_joins=2): another chatd on the same data. See chat.Chatd for the arguments.
    `redis_uri` names another Redis."""
    started = []

    def start(redis_uri=None, **settings):
        if "argv" not in settings:
            redis_uri = redis_uri or redis.uri
            settings.setdefault("prefix", prefix)
        started.append(chat.Chatd(redis_uri, **settings))
        return started[-1]

    yield start
    errors = []
    for one in reversed(started):
        try:
            one.destroy()
        except Exception as error:  # the others must be stopped, too
            errors.append(error)
    if errors:
        raise errors[0]


@pytest.fixture
def chatd(start_chatd):
    """One chatd with default settings."""
    return start_chatd()


@pytest.fixture
def ctl(redis, prefix):
    """chatctl on this test's data: ctl("user", "list"). See ctl.Ctl."""
    return Ctl(redis.uri, prefix)


@pytest.fixture
def client(request, start_chatd):
    """client("alice", join="0"): a connection, signed in and joined if so asked, to the test's chatd or
    to the one given as `at`. Further keywords go to chat.Client."""
    opened = []

    def connect(name=None, join=None, at=None, **options):
        c = chat.Client(at or request.getfixturevalue("chatd"), **options)
        opened.append(c)
        if name:
            c.sign_in(name)
        if join is not None:
            c.join(join)
        return c

    yield connect
    for c in opened:
        c.sock.close()


@pytest.fixture
def unchanged(redis, prefix):
    """with unchanged(): nothing in the data set may be stored, changed or removed (R16)."""
    @contextlib.contextmanager
    def watch():
        before = chat.digest(redis, prefix)
        yield
        after = chat.digest(redis, prefix)
        differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert not differing, f"keys that changed: {sorted(differing)}"

    return watch
