"""A name has several addresses, of which not all lead anywhere; and a resolver that doesn't answer."""

import os
import pathlib
import subprocess
import time
import urllib.request

import pytest

import chat
import redis_shapes
from chat import PATIENCE, wait_until
from ctl import UNAVAILABLE
from hosts import hosts
from ports import free_port

ADDRESSES = ["::1", "127.0.0.3", "127.0.0.2"]
LINE = "many " + " ".join(ADDRESSES)
CHATTUI = str(pathlib.Path(os.environ.get("CHATTUI_BIN") or pathlib.Path(os.environ["CHATD_BIN"]).with_name("chattui")))


@pytest.fixture(params=ADDRESSES)
def at(request):
    return request.param


@pytest.fixture
def far_redis(at):
    server = chat.Redis(tcp=True, bind=at)
    yield server
    server.destroy()


def test_chatd_finds_redis_behind_any_of_them(start_chatd, far_redis, tmp_path, client):
    chatd = start_chatd(f"redis://many:{far_redis.port}", under=hosts(tmp_path, LINE))
    client("alice", at=chatd, join="0")
    far_redis.restart()  # the link comes back, too
    wait_until(lambda: {"event=redis_up", "event=bus_up"} <= set(chatd.log().rpartition("event=redis_down")[2].split()))
    client("bob", at=chatd, join="0")


@pytest.mark.parametrize("shape", [redis_shapes.Sentinel, redis_shapes.Cluster])
def test_sentinels_and_nodes_of_a_cluster_are_found_by_name(shape, start_chatd, ctl, tmp_path, client):
    with shape() as servers:
        uri = servers.uri.replace("127.0.0.1", "many")
        command = hosts(tmp_path, "many ::1 127.0.0.3 127.0.0.1")
        client("alice", at=start_chatd(uri, under=command), join="0")
        env = {**ctl.env(), "CHATCTL_REDIS": uri}
        done = subprocess.run([*command, ctl.binary, "user", "list", "--format=tsv"], env=env, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0 and done.stdout.startswith("alice\t"), done.stderr


def test_chatctl_finds_it(far_redis, ctl, tmp_path):
    env = {**ctl.env(), "CHATCTL_REDIS": f"redis://many:{far_redis.port}"}
    done = subprocess.run([*hosts(tmp_path, LINE), ctl.binary, "user", "list", "--json"], env=env, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_chattui_finds_chatd(at, start_chatd, tmp_path):
    port = free_port()
    start_chatd(listen=f"[{at}]:{port}" if ":" in at else f"{at}:{port}")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    done = subprocess.run([*hosts(tmp_path, LINE), CHATTUI, "--plain", "--server", f"ws://many:{port}/ws",
                           "--user", "alice", "--password-file", "/dev/stdin"], env=env, input="correct horse\n",
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


def test_the_last_that_failed_is_named(ctl, tmp_path):
    """And all of them together take no longer than is waited for one."""
    env = {**ctl.env(), "CHATCTL_REDIS": f"redis://many:{free_port()}"}
    for name, words in ("many", "Connection refused"), ("nobody", "there is no host of this name"):
        where = env["CHATCTL_REDIS"].replace("many", name)
        place = tmp_path / name
        place.mkdir()
        done = subprocess.run([*hosts(place, LINE), ctl.binary, "stats"], env={**env, "CHATCTL_REDIS": where},
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == UNAVAILABLE and words in done.stderr and name in done.stderr


def test_a_resolver_that_hangs_stops_nobody(start_chatd, ctl, tmp_path):
    """chatd answers for its health and ends at once; chatctl and chattui wait as long as for any answer."""
    command, port = hosts(tmp_path, hangs=True), free_port()
    chatd = start_chatd("redis://many:6379", wait=False, under=command, http=f"127.0.0.1:{port}")
    wait_until(lambda: "event=http" in chatd.log())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        assert answer.status == 200
    chatd.wait_log("looked up in time")
    begun = time.monotonic()
    chatd.terminate()
    chatd.process.wait(5)
    assert time.monotonic() - begun < 5
    done = subprocess.run([*command, ctl.binary, "--timeout=1s", "stats"], capture_output=True, text=True,
                          env={**ctl.env(), "CHATCTL_REDIS": "redis://many:6379"}, timeout=PATIENCE, check=False)
    assert done.returncode == UNAVAILABLE and "looked up in time" in done.stderr
    done = subprocess.run([*command, CHATTUI, "--plain", "--server=ws://many:1/ws", "--user=alice", "--timeout=1s"],
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}, input="",
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and done.stderr
