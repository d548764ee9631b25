"""Behind a proxy: who the client is, by PROXY header or X-Forwarded-For, from a trusted address alone."""

import socket
import struct
import time

import chat
import pytest
from stopwatch import Stopwatch
from test_config import refused
from test_http import metrics
from test_tls import Certificate

ADDRESS = "198.51.100.7"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(address=ADDRESS):
    return f"PROXY TCP{6 if ':' in address else 4} {address} {address} 4711 80\r\n".encode()


def v2(address=ADDRESS, more=b""):
    family, code = (socket.AF_INET6, 0x21) if ":" in address else (socket.AF_INET, 0x11)
    body = socket.inet_pton(family, address) * 2 + struct.pack(">HH", 4711, 80) + more
    return SIGNATURE + struct.pack(">BBH", 0x21, code, len(body)) + body


def forwarded(address=ADDRESS):
    return {"headers": {"X_Forwarded_For": address}}


WAYS = {"v1": lambda a=ADDRESS: {"prologue": v1(a)}, "v2": lambda a=ADDRESS: {"prologue": v2(a)},
        "forwarded": forwarded}


@pytest.fixture(params=WAYS)
def via(request):
    return WAYS[request.param]


@pytest.fixture
def node(start_chatd):
    return start_chatd(trusted_proxy="127.0.0.1", max_per_address=2, max_connects_address=0)


def counted(client, node, redis, prefix, **options):
    """The address that a failed sign-in is counted for; None: the loopback's, which isn't."""
    before = set(redis.r.scan_iter(f"{prefix}fails:addr:*"))
    c = client(at=node, **options)
    c.ask("signUp", {"username": "bob", "password": "right"})
    c.expect_any("authorized", "error")
    c.ask("signIn", {"username": "bob", "password": "wrong"})
    c.expect_error("bad_credentials")
    found = set(redis.r.scan_iter(f"{prefix}fails:addr:*")) - before
    return found.pop().removeprefix(f"{prefix}fails:addr:") if found else None


def test_the_client_is_held_to_the_limits_of_its_own_address(client, node, via):
    for _ in range(2):
        client("alice", at=node, **via())
    with pytest.raises((chat.Refused, ConnectionError)):
        client(at=node, **via())
    client("bob", at=node, **via("198.51.100.8"))
    for _ in range(3):
        client(at=node)  # the proxy's own: no limit


def test_the_place_is_given_back(client, node, via):
    for _ in range(6):
        client("alice", at=node, **via()).close()
        chat.wait_until(lambda: connects(client, node, via))


def connects(client, node, via):
    try:
        client(at=node, **via()).close()
        return True
    except (chat.Refused, ConnectionError):
        return False


def test_failed_sign_ins_count_for_it(client, node, via, redis, prefix):
    assert counted(client, node, redis, prefix, **via()) == ADDRESS


def test_an_ipv6_network_is_one_address(client, node, via, redis, prefix):
    assert counted(client, node, redis, prefix, **via("2001:db8:1:2:3:4:5:6")) == "2001:db8:1:2::/64"


def test_who_is_not_trusted_says_what_it_likes(start_chatd, client, redis, prefix):
    node = start_chatd(trusted_proxy="192.0.2.0/24")
    assert counted(client, node, redis, prefix, **forwarded()) is None
    for header in v1(), v2():
        with pytest.raises((chat.Refused, ConnectionError)):
            client(at=node, prologue=header)
    assert node.log().count("event=untrusted_proxy") == 1
    client("alice", at=node).users()


def test_what_a_client_makes_up_does_not_count(client, node, redis, prefix):
    """The proxy adds the address it sees behind what the client sent."""
    assert counted(client, node, redis, prefix, **forwarded(f"203.0.113.1, {ADDRESS}")) == ADDRESS
    assert counted(client, node, redis, prefix, **forwarded("198.51.100.9, nonsense")) is None


def test_proxies_in_a_row(start_chatd, client, redis, prefix):
    node = start_chatd(trusted_proxy="127.0.0.1,10.0.0.0/8")
    assert counted(client, node, redis, prefix, **forwarded(f"203.0.113.1, {ADDRESS}, 10.9.8.7")) == ADDRESS
    assert counted(client, node, redis, prefix, prologue=v2("10.1.1.1"), **forwarded("198.51.100.9")) == "198.51.100.9"
    assert counted(client, node, redis, prefix, prologue=v2("198.51.100.10"),
                   **forwarded("198.51.100.11")) == "198.51.100.10"


def test_a_header_in_pieces_and_frames_behind_the_handshake(client, node):
    for header in v1(), v2(more=b"\4\0\1x"):
        for cut in range(1, len(header)):
            with socket.create_connection((node.host, node.port)) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                s.sendall(header[:cut])
                s.sendall(header[cut:] + chat.handshake())
                s.settimeout(chat.PATIENCE)
                assert s.recv(12) == b"HTTP/1.1 101", cut
            chat.wait_until(lambda: connects(client, node, WAYS["v1"]))
    c = client(at=node, prologue=v2(), early=[chat.request("signIn", {"username": "alice", "password": "x"})])
    c.expect("authorized")


@pytest.mark.parametrize("bad", [b"PROXY TCP4 1.2.3 x\r\n", b"PROXY " + b"x" * 200, SIGNATURE + b"\x21\x11\xff\xff",
                                 SIGNATURE + b"\x21\x11\0\4abcd", b"PROXY TCP6 1.2.3.4 ::1 1 2\r\n"],
                         ids=["v1", "long", "v2-long", "v2-short", "family"])
def test_bad_headers(client, node, bad, unchanged):
    with unchanged(), pytest.raises((chat.Refused, ConnectionError)):
        client(at=node, prologue=bad)
    client("alice", at=node).users()


def test_half_a_header_then_silence(start_chatd, client):
    node = start_chatd(trusted_proxy="127.0.0.1", handshake_timeout="1s")
    with socket.create_connection((node.host, node.port)) as s:
        s.sendall(b"PROXY TC")
        s.settimeout(chat.PATIENCE)
        assert s.recv(1) == b""
    client("alice", at=node).users()


def test_a_health_check_of_the_proxy(client, node):
    client("alice", at=node, prologue=SIGNATURE + b"\x20\0\0\0").users()
    client("bob", at=node, prologue=b"PROXY UNKNOWN\r\n").users()


def test_tls_behind_the_header(start_chatd, client, tmp_path, redis, prefix):
    node = start_chatd(trusted_proxy="127.0.0.1", **Certificate(tmp_path / "c").settings)
    assert counted(client, node, redis, prefix, prologue=v2()) == ADDRESS
    assert counted(client, node, redis, prefix, **forwarded("198.51.100.8")) == "198.51.100.8"
    client("alice", at=node).users()


@pytest.mark.parametrize("value", ["x", "10.0.0.0/33", "localhost", "1.2.3.4,,x"])
def test_bad_setting(value):
    assert "trusted-proxy" in refused("--check-config", f"--trusted-proxy={value}")


# A proxy that looks whether we are there

LOCAL = SIGNATURE + struct.pack(">BBH", 0x20, 0, 0)  # a connection of its own


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n", v2(), b""], ids=["v2", "v1", "for a client", "none"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_connections_that_end_at_once_leave_nothing(header, secure, start_chatd, tmp_path):
    """By RST, as HAProxy's checks do."""
    certificate = Certificate(tmp_path / "certificate")
    tls = {"tls_cert": certificate.cert, "tls_key": certificate.key} if secure else {}
    node = start_chatd(trusted_proxy="127.0.0.1", http="127.0.0.1:0", **tls)
    for pause in (0, 0.01) * 20:
        with socket.create_connection(("127.0.0.1", node.port)) as s:
            s.sendall(header)
            time.sleep(pause)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    watch = Stopwatch()
    chat.wait_until(lambda: metrics(node)["chatd_connections"] == 0, what="the end of the last")
    assert watch.seconds() < 2, "the time for a handshake is 10 s"
    assert metrics(node)["chatd_handshakes"] == 0 and "handshake_refused" not in node.log()
