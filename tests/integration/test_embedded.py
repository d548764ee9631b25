"""--redis embedded:DIR: chatd runs a redis-server of its own, and looks after it."""

import contextlib
import os
import pathlib
import shutil
import signal
import stat
import tempfile

import chat
import pytest
import redis


@pytest.fixture
def where():
    """A short path: a Unix socket's has at most 107 bytes."""
    path = tempfile.mkdtemp(prefix="chat-e-")
    yield pathlib.Path(path) / "data"
    shutil.rmtree(path)


def children(node):
    """The processes that chatd started: {pid: command}."""
    found = {}
    for task in pathlib.Path(f"/proc/{node.pid}/task").iterdir():
        for pid in (task / "children").read_text().split():
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                found[int(pid)] = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return found


def redis_of(node):
    """Its one child, as soon as that has become a redis-server."""
    chat.wait_until(lambda: list(children(node).values()) == ["redis-server"], what="a redis-server")
    pid, = children(node)
    return pid


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_serves_and_keeps_the_data(start_chatd, client, where):
    first = start_chatd(f"embedded:{where}")
    alice = client("alice", join="0", at=first)
    said = alice.say("remember me")
    pair = alice.pair()
    alice.close()
    first.stop()
    again = client(at=start_chatd(f"embedded:{where}"))
    again.ask("channelMessages", {}, **pair)
    assert again.expect("channelRead")["messages"] == [said]


def test_redis_ends_with_chatd(start_chatd, where):
    node = start_chatd(f"embedded:{where}")
    pid = redis_of(node)
    node.stop()
    assert not alive(pid)


def test_redis_ends_when_chatd_is_killed(start_chatd, client, where):
    node = start_chatd(f"embedded:{where}")
    alice = client("alice", join="0", at=node)
    said = alice.say("on disk")
    pid = redis_of(node)
    node.kill()
    chat.wait_until(lambda: not alive(pid), what="the end of redis-server")
    again = client("alice", at=start_chatd(f"embedded:{where}"))
    assert again.history()["messages"] == [said]


def test_redis_is_started_again_when_it_dies(start_chatd, client, where):
    node = start_chatd(f"embedded:{where}")
    alice = client("alice", join="0", at=node)
    said = alice.say("before")
    old = redis_of(node)
    os.kill(old, signal.SIGKILL)
    chat.wait_until(lambda: old not in children(node), what="chatd noticing")
    assert redis_of(node) != old
    chat.wait_until(lambda: says(alice, "after"), what="a message that is stored")
    assert said in alice.history()["messages"]
    assert "embedded_redis_died" in node.log()


def says(c, text):
    c.post(text)
    return c.expect_any("channelMessage", "error")["type"] == "channelMessage"


def test_no_tcp_port_and_nobody_else_may_read(start_chatd, where):
    node = start_chatd(f"embedded:{where}")
    pid = redis_of(node)
    inodes = {os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    with open("/proc/net/tcp") as v4, open("/proc/net/tcp6") as v6:
        rows = [line.split() for f in (v4, v6) for line in list(f)[1:]]
    assert not [row for row in rows if f"socket:[{row[9]}]" in inodes]
    assert stat.S_IMODE(where.stat().st_mode) == 0o700
    assert stat.S_IMODE((where / "redis.sock").stat().st_mode) & 0o077 == 0


def test_two_chatd_on_one_directory_share_one_redis(start_chatd, client, where):
    first, second = start_chatd(f"embedded:{where}"), start_chatd(f"embedded:{where}")
    assert len(children(first)) + len(children(second)) == 1
    alice, bob = client("alice", join="0", at=first), client("bob", join="0", at=second)
    alice.say("hello")
    bob.hear("hello")


def test_the_second_takes_over_when_the_first_ends(start_chatd, client, where):
    first, second = start_chatd(f"embedded:{where}"), start_chatd(f"embedded:{where}")
    bob = client("bob", join="0", at=second)
    said = bob.say("before")
    first.stop()
    chat.wait_until(lambda: says(bob, "after"), what="a message that is stored")
    redis_of(second)
    assert said in bob.history()["messages"]


def test_default_directory(start_chatd, client, where):
    node = start_chatd("embedded", env={"XDG_STATE_HOME": str(where)})
    client("alice", at=node)
    assert list(where.rglob("redis.sock"))


def test_directory_that_cannot_be_made(start_chatd, tmp_path):
    (tmp_path / "file").write_text("")
    node = start_chatd(f"embedded:{tmp_path}/file/data", wait=False)
    assert node.wait() == 1 and "embedded" in node.log() and "file/data" in node.log()


def test_path_too_long_for_a_socket(start_chatd, tmp_path):
    node = start_chatd(f"embedded:{tmp_path}/{'x' * 100}", wait=False)
    assert node.wait() == 1 and "too long" in node.log()


# A directory that can't be used


@pytest.mark.parametrize("workers", [1, 2])
def test_redis_server_not_installed(start_chatd, where, workers):
    node = start_chatd(f"embedded:{where}", env={"PATH": "/nonexistent"}, wait=False, workers=workers)
    assert node.wait() == 1
    assert str(where) in node.log() and "is it installed? (apt install redis-server)" in node.log()


def refused(start_chatd, where, *words, **settings):
    """It ends by itself, with 1, and says where and why."""
    node = start_chatd(f"embedded:{where}", wait=False, **settings)
    assert node.wait(chat.PATIENCE) == 1
    said = [line for line in node.log().splitlines() if line.startswith("chatd: ")]
    assert len(said) == 1 and str(where) in said[0], node.log()
    for word in words:
        assert word in said[0]
    return said[0]


def test_a_file_in_its_place(start_chatd, where):
    where.write_text("")
    refused(start_chatd, where, "directory")


def test_a_file_in_place_of_the_lock(start_chatd, where):
    (where / "lock").mkdir(parents=True)
    where.chmod(0o700)
    refused(start_chatd, where, "/lock", "directory")


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o710, 0o701, 0o702])
def test_others_may_look_into_it(start_chatd, where, mode):
    where.mkdir()
    where.chmod(mode)
    refused(start_chatd, where, "chmod 700")
    assert not list(where.iterdir())


@pytest.mark.parametrize("mode", [0o777, 0o702])
def test_others_may_replace_a_directory_above_it(start_chatd, where, mode):
    above = where / "a"
    above.mkdir(parents=True)
    above.chmod(mode)
    refused(start_chatd, above / "data", str(above), "chmod go-w")


def test_others_may_add_to_a_directory_above_it_but_not_replace(start_chatd, where):
    where.mkdir()
    where.chmod(0o1777)
    start_chatd(f"embedded:{where}/data")


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
SOMEBODY = 12345


@as_root
def test_a_group_may_replace_a_directory_above_it(start_chatd, where):
    """The group that a user has for itself may: with that, the usual umask is 002."""
    where.mkdir()
    where.chmod(0o770)
    start_chatd(f"embedded:{where}/data").stop()
    os.chown(where, 0, SOMEBODY)
    refused(start_chatd, where / "data", "chmod go-w")


@as_root
@pytest.mark.parametrize("whose", ["itself", "above", "through a link"])
def test_it_belongs_to_another_user(start_chatd, where, whose):
    """With a Redis of his on redis.sock, for all that we know."""
    where.mkdir()
    theirs = where / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, SOMEBODY, SOMEBODY)
    if whose == "through a link":
        (where / "link").symlink_to(theirs)
    refused(start_chatd, {"itself": theirs, "above": theirs / "data", "through a link": where / "link"}[whose],
            f"uid {SOMEBODY}")


def test_root_s_directory_is_not_ours(start_chatd, where):
    """Nor may we write to it; as root it is one that others can look into."""
    refused(start_chatd, pathlib.Path("/usr/share"), *([] if os.geteuid() == 0 else ["uid 0"]))


@pytest.mark.parametrize("workers", [1, 2])
def test_its_data_are_damaged(start_chatd, client, where, workers):
    node = start_chatd(f"embedded:{where}")
    alice = client("alice", join="0", at=node)
    for n in range(20):
        alice.say(f"said {n}")
    alice.close()
    node.stop()
    written, = where.glob("appendonlydir/*.incr.aof")
    content = bytearray(written.read_bytes())
    content[len(content) // 2:len(content) // 2 + 40] = b"x" * 40
    written.write_bytes(content)
    refused(start_chatd, where, f"{where}/redis.log", "Bad file format", workers=workers)


def test_a_redis_that_dies_later_is_named_with_its_log(start_chatd, where):
    node = start_chatd(f"embedded:{where}")
    os.kill(redis_of(node), signal.SIGKILL)
    node.wait_log(f'log="{where}/redis.log"')


def test_a_small_private_channel_is_small(start_chatd, client, where):
    """5.3 kB as Redis comes."""
    node = start_chatd(f"embedded:{where}")
    ann, ben = client("ann", at=node), client("ben", at=node)
    ann.join(ben.user)
    ann.say("x" * 60, to=ben.user)
    server = redis.Redis(unix_socket_path=str(where / "redis.sock"))
    assert server.config_get("stream-node-max-bytes") == {"stream-node-max-bytes": "2048"}
    used = {key: server.memory_usage(key) for key in server.scan_iter() if b"{c:dm:" in key}
    assert len(used) == 3 and sum(used.values()) < 3500, used


def test_what_redis_writes_is_for_nobody_else(start_chatd, client, where):
    node = start_chatd(f"embedded:{where}", under=("sh", "-c", 'umask 0; exec "$@"', "sh"))
    client("alice", join="0", at=node).say("on disk")
    found = [path for path in [where, *where.rglob("*")] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not found
