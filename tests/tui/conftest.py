"""Fixtures: those of the integration tests (Redis, chatd, WebSocket clients) and chattui in terminals."""

import importlib.util
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

spec = importlib.util.spec_from_file_location("integration_conftest", ROOT / "tests/integration/conftest.py")
integration = importlib.util.module_from_spec(spec)
spec.loader.exec_module(integration)

binaries_are_built = integration.binaries_are_built
worker_redis, redis, own_redis, prefix = (integration.worker_redis, integration.redis, integration.own_redis,
                                          integration.prefix)
start_chatd, chatd, client, ctl = integration.start_chatd, integration.chatd, integration.client, integration.ctl

if "CHATTUI_BIN" not in os.environ:
    os.environ["CHATTUI_BIN"] = str(pathlib.Path(os.environ["CHATD_BIN"]).with_name("chattui"))

import chattui  # noqa: E402  (it needs the path)


@pytest.fixture
def home(tmp_path):
    """home("alice"): a home directory, kept for the test: a client started again finds what it left."""
    def make(name):
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        return path

    return make


@pytest.fixture
def tui(request, home):
    """tui("alice", cols=80): chattui in a tmux window, signed in with the password "secret" (see
    chattui.argv for the arguments); without a name: just started, with the dialogue open. `at` is a URL
    or a chatd, or else the test's own."""
    opened = []

    def start(name=None, *, at=None, cols=80, rows=24, env=None, args=(), ready=True, shell=False):
        where = home(name or "nobody")
        argv = chattui.argv(at or request.getfixturevalue("chatd"), name, where, args)
        window = chattui.Window(argv, cols=cols, rows=rows, env={"HOME": str(where), **(env or {})}, shell=shell)
        opened.append(window)
        if name and ready:
            window.wait_online()
        return window

    yield start
    for window in opened:
        window.close()


@pytest.fixture
def pty(request, home):
    """The same on a bare pty, for what only the bytes tell."""
    opened = []

    def start(name=None, *, at=None, cols=80, rows=24, env=None, args=(), ready=True):
        where = home(name or "nobody")
        argv = chattui.argv(at or request.getfixturevalue("chatd"), name, where, args)
        terminal = chattui.Bare(argv, cols=cols, rows=rows, env={"HOME": str(where), **(env or {})})
        opened.append(terminal)
        if name and ready:
            terminal.wait_online()
        return terminal

    yield start
    for terminal in opened:
        terminal.close()
