"""The listener for those who look after chatd: /healthz, /readyz, /metrics."""

import re
import select
import socket
import time
import urllib.error
import urllib.request

import chat
import pytest
from ports import free_ports
from stopwatch import Stopwatch
from test_config import run


def address_of(node, n=0):
    chat.wait_until(lambda: node.log().count("event=http ") > n)
    return re.findall(r"event=http address=(\S+)", node.log())[n]


def get(node, path, n=0):
    try:
        with urllib.request.urlopen(f"http://{address_of(node, n)}{path}", timeout=chat.PATIENCE) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


SAMPLE = re.compile(r'([a-z_]+)(\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})? (\+Inf|[0-9.e+-]+)')


def metrics(node, n=0):
    """{name with labels: value}, after checking the format line by line."""
    status, text = get(node, "/metrics", n)
    assert status == 200
    found, typed = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            typed[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            family = re.sub("_(sum|count|bucket)$", "", name) if typed.get(name) is None else name
            assert typed[family] in ("counter", "gauge", "summary", "histogram") and name + (labels or "") not in found
            assert typed[family] != "counter" or family.endswith("_total")
            found[name + (labels or "")] = float(value)
    assert text.endswith("\n")
    return found


@pytest.fixture
def node(start_chatd):
    return start_chatd(http="127.0.0.1:0")


def test_it_is_off_unless_asked_for(chatd):
    assert "event=http " not in chatd.log()


def test_healthy_and_ready(node):
    assert get(node, "/healthz") == (200, "alive\n")
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200)
    assert re.fullmatch(r"ready; round trip through Redis \d+\.\d+ ms, \d+ ms ago\n", get(node, "/readyz")[1])


def test_not_ready_while_redis_hangs_but_healthy(start_chatd, own_redis):
    node = start_chatd(own_redis.uri, http="127.0.0.1:0")
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200)
    own_redis.pause()
    assert seconds_until_unready(node) < 2
    assert get(node, "/readyz")[1] == "no round trip through Redis of late\n"
    assert get(node, "/healthz")[0] == 200
    chat.wait_until(lambda: "event=redis_down" in node.log(), what="a link that is given up")
    assert get(node, "/readyz")[0] == 503
    own_redis.resume()
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200, timeout=20)
    chat.wait_until(lambda: metrics(node)['chatd_redis_connects_total{link="bus"}'] > 1)


def seconds_until_unready(node):
    watch = Stopwatch()
    chat.wait_until(lambda: get(node, "/readyz")[0] == 503)
    return watch.seconds()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_not_ready_when_redis_is_gone(start_chatd, own_redis, end):
    node = start_chatd(own_redis.uri, http="127.0.0.1:0")
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200)
    getattr(own_redis, end)()
    assert seconds_until_unready(node) < 2 and get(node, "/healthz")[0] == 200
    own_redis.start()
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200)


def test_a_round_trip_may_take_longer_than_the_pause_between_two(start_chatd, own_redis):
    node = start_chatd(own_redis.uri, http="127.0.0.1:0")

    def took():
        own_redis.pause()
        time.sleep(0.8)
        own_redis.resume()
        time.sleep(0.05)
        return metrics(node)["chatd_redis_round_trip_last_seconds"]
    chat.wait_until(lambda: took() > 0.5, what="a slow round trip")


def test_not_ready_before_it_serves(start_chatd):
    node = start_chatd("unix:///nonexistent/redis.sock", wait=False, http="127.0.0.1:0")
    assert get(node, "/readyz") == (503, "starting\n") and get(node, "/healthz")[0] == 200
    assert metrics(node)["chatd_redis_round_trip_age_seconds"] == float("inf")


def test_not_ready_while_it_drains(start_chatd, client, own_redis):
    node = start_chatd(own_redis.uri, http="127.0.0.1:0", drain_timeout="60s")
    alice = client("alice", join="0", at=node)
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200)
    own_redis.pause()
    alice.post("kept in flight")
    node.terminate()
    alice.expect_event("goAway")
    assert get(node, "/readyz") == (503, "draining\n")
    own_redis.resume()


def test_what_is_counted(node, client, start_chatd):
    start = metrics(node)
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    alice.say("hello")
    bob.hear("hello")
    bob.ask("channelJoin", {"recipientUUID": chat.NOBODY})
    bob.expect_error("not_found")
    now = metrics(node)
    grown = {name: now[name] - start[name] for name in now}
    assert grown["chatd_connections_total"] == grown["chatd_sessions"] == grown["chatd_users"] == 2
    assert grown["chatd_messages_total"] == 1 and grown["chatd_deliveries_total"] == 2
    assert grown['chatd_errors_total{name="not_found"}'] == 1
    assert grown["chatd_kdf_total"] == 2 and grown["chatd_channels"] == 1
    assert grown["chatd_received_bytes_total"] > 200 and grown["chatd_sent_bytes_total"] > 500
    assert now["chatd_outbound_queue_bytes"] == 0 and now['chatd_redis_up{link="bus"}'] == 1
    assert now["process_resident_memory_bytes"] > 1e6 and now["process_cpu_seconds_total"] > 0
    alice.close()
    chat.wait_until(lambda: metrics(node)["chatd_sessions"] == 1)


def test_round_trips_are_this_nodes_own(node, start_chatd):
    other = start_chatd(http="127.0.0.1:0")
    for each in node, other:
        chat.wait_until(lambda: metrics(each)["chatd_redis_round_trip_seconds_count"] >= 1)
        found = metrics(each)
        assert found["chatd_redis_round_trip_age_seconds"] < 10 and found["chatd_bad_events_total"] == 0


def test_nothing_names_a_user_or_a_channel(node, client):
    alice = client("alice-in-the-metrics", join="0", at=node)
    text = get(node, "/metrics")[1]
    assert "alice" not in text and alice.user not in text and "127.0.0.1" not in text


def test_versions(node):
    found, = (name for name in metrics(node) if name.startswith("chatd_build_info"))
    for name in "version", "libwebsockets", "libuv", "hiredis", "libsodium", "cjson", "openssl":
        assert re.search(rf'\b{name}="\d+\.\d+', found), found
    assert "libwebsockets=" in next(line for line in node.log().splitlines() if "event=versions" in line)


def test_every_worker_has_its_own(start_chatd):
    ports = free_ports(3)
    node = start_chatd(workers=2, http=f"127.0.0.1:{ports[0]}")
    assert {address_of(node, n) for n in range(3)} == {f"127.0.0.1:{port}" for port in ports}, "and the supervisor"
    assert [get(node, "/healthz", n)[0] for n in range(3)] == [200] * 3


# What isn't asked as it should be

def raw(node, data, end=False):
    host, _, port = address_of(node).rpartition(":")
    with socket.create_connection((host, int(port))) as s:
        s.settimeout(chat.PATIENCE)
        s.sendall(data)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except ConnectionError:
            pass
    return got


@pytest.mark.parametrize("request_,status", [
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200), (b"GET /healthz?x=1 HTTP/1.0\r\n\r\n", 200),
    (b"GET / HTTP/1.1\r\n\r\n", 404), (b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 404),
    (b"GET /healthzz HTTP/1.1\r\n\r\n", 404), (b"GET /health HTTP/1.1\r\n\r\n", 404),
    (b"POST /healthz HTTP/1.1\r\n\r\n", 405), (b"GETT /healthz HTTP/1.1\r\n\r\n", 405),
    (b"GET /healthz HTTP/2.0\r\n\r\n", 400), (b"GET /healthz\r\n\r\n", 400), (b"\r\n\r\n", 400),
    (b"\0\0\0\0\r\n\r\n", 400), (b"x" * 5000, None), (b"\x16\x03\x01" + b"\0" * 5000, None)], ids=lambda v: str(v)[:30])
def test_requests(node, client, request_, status):
    got = raw(node, request_)
    assert got.startswith(b"HTTP/1.1 %d " % status) if status else got == b""
    if status:
        head, _, body = got.partition(b"\r\n\r\n")
        assert b"Content-Length: %d\r\n" % len(body) in head and b"Connection: close" in head
    client("alice", at=node).users()


def test_head(node):
    got = raw(node, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"\r\n\r\n")


def test_a_request_in_pieces_and_a_silent_client(node):
    host, _, port = address_of(node).rpartition(":")
    with socket.create_connection((host, int(port))) as silent, socket.create_connection((host, int(port))) as s:
        for byte in b"GET /healthz HTTP/1.1\r\n\r\n":
            s.sendall(bytes([byte]))
        assert s.recv(100).startswith(b"HTTP/1.1 200")
        silent.settimeout(chat.PATIENCE)
        assert silent.recv(1) == b"", "closed when its time is over"


def test_idle_connections_hold_nobody_up(node):
    """The oldest makes room, whoever it is of, and nobody waits until their time is over."""
    host, _, port = address_of(node).rpartition(":")
    crowd = []
    for n in range(100):
        crowd.append(socket.create_connection((host, int(port)), source_address=(f"127.0.0.{1 + n % 7}", 0)))
        watch = Stopwatch()
        if n % 10 == 9:
            assert get(node, "/healthz") == (200, "alive\n") and watch.wall() < 2, n
    still = [s for s in crowd if not select.select([s], [], [], 0)[0]]
    assert len(still) <= 32 and len([s for s in still if s.getsockname()[0] == "127.0.0.1"]) <= 8
    for s in crowd:
        s.close()


def test_too_many_at_once(node, client):
    host, _, port = address_of(node).rpartition(":")
    crowd = [socket.create_connection((host, int(port))) for _ in range(80)]
    client("alice", at=node).users()
    for s in crowd:
        s.close()
    chat.wait_until(lambda: get_or_none(node) == 200)


def get_or_none(node):
    try:
        return get(node, "/healthz")[0]
    except OSError:
        return None


@pytest.mark.parametrize("address", ["x", "127.0.0.1:70000", ":"])
def test_bad_address(address):
    done = run("--check-config", f"--http={address}")
    assert done.returncode == 2 and done.stderr.startswith("chatd: http: expected HOST:PORT")


def test_port_in_use(redis, prefix):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = run("--listen=127.0.0.1:0", f"--http={address}", "--redis", redis.uri, "--prefix", prefix)
    assert done.returncode == 1 and address in done.stderr and "in use" in done.stderr


# The table

def listed():
    rows = [line.split("\t") for line in run("--list-metrics").stdout.splitlines()]
    assert len(rows) > 25 and all(len(row) == 3 and row[2] for row in rows)
    return {name: kind for name, kind, _ in rows}


ELSEWHERE = "chatd_tls_certificate_expiry_seconds|chatd_workers?_.*|chatd_workers|chatd_embedded_redis_.*"


def test_the_table_is_what_is_written(node):
    names = {re.sub(r"\{.*", "", name) for name in metrics(node)}
    written = {re.sub("_(sum|count|bucket)$", "", n) if n not in listed() else n for n in names}
    assert not [name for name in set(listed()) - written if not re.fullmatch(ELSEWHERE, name)]
    assert written <= set(listed())


def test_histograms_add_up(node, client):
    alice = client("alice", join="0", at=node)
    for i in range(5):
        alice.say(str(i))
    found = metrics(node)
    histograms = [name for name, kind in listed().items() if kind == "histogram"]
    assert "chatd_acknowledgement_seconds" in histograms
    for name in histograms:
        buckets = [(float(key.split('"')[1]), n) for key, n in found.items() if key.startswith(name + "_bucket")]
        assert buckets == sorted(buckets) and len(buckets) > 10
        assert [n for _, n in buckets] == sorted(n for _, n in buckets)
        assert buckets[-1] == (float("inf"), found[name + "_count"]) and found[name + "_count"] > 0
