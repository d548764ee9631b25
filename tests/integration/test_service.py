"""chatd under a service manager: what it tells it, sockets that it is handed, --check-config."""

import os
import pathlib
import re
import shutil
import socket
import tempfile

import chat
import pytest
from test_config import config, refused, run  # noqa: F401 (config is a fixture)

AS_A_SERVICE = "LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&{} 4<&{}"  # as systemd would start it


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + self.path[1:] if self.path[0] == "@" else self.path)
        self.sock.settimeout(chat.PATIENCE)

    def hear(self):
        return dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines())

    def wait_for(self, name):
        """Reads until a message with this name comes."""
        while True:
            said = self.hear()
            if name in said:
                return said


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    m = Manager(tmp_path / "notify" if request.param == "path" else f"@chatd-test-{os.getpid()}-{tmp_path.name}")
    yield m
    m.sock.close()


def test_ready_when_it_serves_and_stopping_when_it_drains(start_chatd, manager):
    node = start_chatd(env={"NOTIFY_SOCKET": manager.path})
    assert manager.hear()["READY"] == "1"
    node.terminate()
    said = manager.wait_for("STOPPING")
    assert said["STOPPING"] == "1" and int(said["EXTEND_TIMEOUT_USEC"]) > 4_000_000
    assert node.wait() == 0


def test_not_ready_without_redis_but_alive(start_chatd, manager):
    node = start_chatd("unix:///nonexistent/redis.sock", wait=False, env={"NOTIFY_SOCKET": manager.path})
    said = manager.hear()
    assert said["STATUS"] == "waiting for Redis" and int(said["EXTEND_TIMEOUT_USEC"]) > 0
    node.stop()
    assert "READY" not in manager.wait_for("STOPPING")


def test_the_watchdog_is_fed_while_it_is_for_us(start_chatd, manager):
    env = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000000"}
    start_chatd(env=env)
    for _ in range(3):
        assert manager.wait_for("WATCHDOG")["WATCHDOG"] == "1"


def test_a_watchdog_for_somebody_else_is_not_fed(start_chatd, manager, client):
    node = start_chatd(env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"},
                       sign_in_timeout="2s")
    client(at=node).expect_close(4001)  # 2 s have passed
    node.stop()
    while "STOPPING" not in (said := manager.hear()):
        assert "WATCHDOG" not in said


def test_a_supervisor_speaks_for_its_workers(start_chatd, manager):
    node = start_chatd(workers=2, env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000000"})
    first = manager.wait_for("READY")
    assert node.log().count("event=serving") == 2, "ready only when both serve"
    assert first["READY"] == "1"
    manager.wait_for("WATCHDOG")
    node.stop()
    manager.wait_for("STOPPING")
    manager.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            manager.hear()


@pytest.mark.parametrize("path", ["", "relative", "/" + "x" * 200, "/nonexistent/notify", "@"])
def test_a_bad_notify_socket_harms_nothing(start_chatd, client, path):
    client("alice", at=start_chatd(env={"NOTIFY_SOCKET": path})).users()


# Socket activation

@pytest.fixture
def activated(start_chatd):
    """activated(names, sockets…): a chatd that is handed these listening sockets."""
    def start(names, *sockets, **settings):
        fds = [s.fileno() for s in sockets]
        env = {"LISTEN_FDS": str(len(fds)), **({"LISTEN_FDNAMES": names} if names else {})}
        under = ["bash", "-c", AS_A_SERVICE.format(fds[0], fds[-1])]
        return start_chatd(env=env, under=under, pass_fds=fds, listen="127.0.0.1:1", **settings)
    return start


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_on_the_socket_that_it_is_handed(activated, client, workers):
    with socket.create_server(("127.0.0.1", 0)) as s:
        early = socket.create_connection(s.getsockname())  # while chatd doesn't run yet
        early.sendall(chat.handshake())
        node = activated(None, s, workers=workers)
        assert node.port == s.getsockname()[1]
    early.settimeout(chat.PATIENCE)
    assert early.recv(12) == b"HTTP/1.1 101"
    client("alice", at=node).users()
    node.stop()


def test_the_sockets_are_told_apart_by_name(activated, client):
    with socket.create_server(("127.0.0.1", 0)) as http, socket.create_server(("127.0.0.1", 0)) as ws:
        node = activated("http:chatd.socket", http, ws)
        assert node.port == ws.getsockname()[1]
    client("alice", at=node).users()


def test_a_socket_for_somebody_else_is_not_taken(start_chatd):
    with socket.create_server(("127.0.0.1", 0)) as s:
        node = start_chatd(env={"LISTEN_FDS": "1", "LISTEN_PID": "1"}, pass_fds=[s.fileno()],
                           under=["bash", "-c", "exec \"$0\" \"$@\" 3<&%d" % s.fileno()])
        assert node.port != s.getsockname()[1]


def test_what_does_not_listen_is_not_taken(start_chatd):
    with socket.socket() as s:
        node = start_chatd(env={"LISTEN_FDS": "2"}, pass_fds=[s.fileno()],
                           under=["bash", "-c", AS_A_SERVICE.format(s.fileno(), s.fileno())])
        assert node.port != s.getsockname()[1]


# --check-config

def test_check_config_says_that_all_is_well(config):
    path = config("max-frame = 2k\n")
    done = run("--check-config", "--config", path, "--redis", "unix:///nonexistent")
    assert (done.returncode, done.stdout, done.stderr) == (0, "chatd: the settings are right\n", "")


def test_check_config_beside_a_chatd_that_serves(chatd):
    assert run("--check-config", f"--listen={chatd.address}").returncode == 0


@pytest.mark.parametrize("setting", ["max-frame = 1", "listen = \"127.0.0.1:70000\"", "redis = \"http://x\"",
                                     "prefix = \"a b\"", "no-such = 1"])
def test_check_config_finds_what_a_start_would(config, setting):
    path = config(setting + "\n")
    assert refused("--check-config", "--config", path) == refused("--config", path)


# Passwords

URI = "redis://:sesame@127.0.0.1:6379"


@pytest.mark.parametrize("flag", [[f"--redis={URI}"], ["--redis", URI], ["-r", URI]])
def test_a_password_on_the_command_line_is_refused(flag):
    said = refused("--check-config", *flag)
    assert "command line" in said and "sesame" not in said


def test_a_file_with_a_password_must_be_private(config):
    path = config(f"redis = \"{URI}\"\n")
    os.chmod(path, 0o644)
    said = refused("--check-config", "--config", path)
    assert path in said and "readable by others" in said and "sesame" not in said
    assert run("--check-config", "--config", path, env={"CHATD_REDIS": "redis://h"}).returncode == 0, "not in effect"
    os.chmod(path, 0o640)
    assert run("--check-config", "--config", path).returncode == 0


# What is in its memory

def test_no_core_dumps_and_nobody_looks_into_its_memory(start_chatd):
    """Run by somebody who is not root: the kernel gives what is in /proc to root when a process may not be dumped."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    binary = shutil.copy(os.environ["CHATD_BIN"], folder)
    under = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    try:
        node = start_chatd("unix:///nonexistent/redis.sock", wait=False, binary=binary, under=under)
        node.wait_log("event=redis")
    finally:
        shutil.rmtree(folder)
    limits = pathlib.Path(f"/proc/{node.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert os.stat(f"/proc/{node.pid}/environ").st_uid == 0
    assert "\nUid:\t0" not in pathlib.Path(f"/proc/{node.pid}/status").read_text()
