"""The opening handshake: one address, one protocol, no strange origins."""

import socket

import chat
import pytest

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def answer(chatd, data):
    """The status of the answer to these bytes; 0 if the connection just ended."""
    with socket.create_connection((chatd.host, chatd.port)) as s:
        s.settimeout(5)
        s.sendall(data)
        try:
            head = s.recv(4096)
        except ConnectionError:
            return 0
    return int(head.split()[1]) if head.startswith(b"HTTP/") else 0


def whole_answer(chatd, data):
    """Status, headers (small letters) and body: all that comes until the end, which must be a clean one."""
    with socket.create_connection((chatd.host, chatd.port)) as s:
        s.settimeout(10)
        s.sendall(data)
        text = b"".join(iter(lambda: s.recv(4096), b""))
    head, _, body = text.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first.startswith("HTTP/1.1 "), text
    return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


def request_line(data, line):
    return line + data[data.index(b"\r\n"):]


def test_the_sample_of_rfc_6455(chatd):
    with socket.create_connection((chatd.host, chatd.port)) as s:
        s.sendall(chat.handshake(chatd.address, key=KEY.encode()))
        head = s.recv(4096).partition(b"\r\n\r\n")[0].decode().lower()
    assert head.startswith("http/1.1 101 ") and "s3pplmbitxaq9kygzzhzrbk+xoo=" in head
    assert "sec-websocket-extensions" not in head and "sec-websocket-protocol" not in head


@pytest.mark.parametrize("offer,chosen", [
    ("chat", "chat"), ("superchat, chat", "chat"), ("graphql-ws", None), ("soap, wamp", None), ("Chat", None),
    ("x" * 300, None), ("a b;c", None)])
def test_subprotocols(chatd, offer, chosen):
    """Ours is chosen where it is offered; who insists on another closes by itself (RFC 6455 section 4.1)."""
    with socket.create_connection((chatd.host, chatd.port)) as s:
        s.sendall(chat.handshake(chatd.address, Sec_WebSocket_Protocol=offer))
        head = s.recv(4096).partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("HTTP/1.1 101 ")
    assert [line for line in head.splitlines() if "Protocol:" in line] == (
        [f"Sec-WebSocket-Protocol: {chosen}"] if chosen else [])


def test_cookies_of_other_pages(client, chatd):
    """Those of all that ever listened on localhost come along, whatever its port was."""
    client("alice", headers={"Cookie": "; ".join(f"c{i}={'x' * 200}" for i in range(70))}).users()
    status, _, body = whole_answer(chatd, chat.handshake(chatd.address, Cookie="x" * 20000))
    assert status == 431 and "too long" in body


@pytest.mark.parametrize("status,wanted,headers", [
    (400, {"sec-websocket-version": "13"}, {"Sec_WebSocket_Version": "8"}),
    (426, {"sec-websocket-version": "13", "upgrade": "websocket"}, {"Upgrade": None}),
    (426, {"upgrade": "websocket"}, {"Connection": "keep-alive"}),
    (400, {}, {"Sec_WebSocket_Key": "c2hvcnQ="}), (400, {}, {"Content_Length": "5"}),
    (403, {}, {"Origin": "https://evil.example"})], ids=str)
@pytest.mark.parametrize("behind", [b"", b"x" * 100_000], ids=["head-alone", "more-behind"])
def test_refusals_are_whole_answers(chatd, status, wanted, headers, behind):
    """Also when more was sent than is read, which a close alone would answer with a reset."""
    got, fields, body = whole_answer(chatd, chat.handshake(chatd.address, **headers) + behind)
    wanted = {**wanted, "server": "chatd", "content-type": "text/plain; charset=utf-8"}
    assert got == status and fields.items() >= wanted.items()
    assert "close" in fields["connection"] and int(fields["content-length"]) == len(body) and "<" not in body


def test_a_post_is_told_what_is_allowed(chatd):
    status, fields, _ = whole_answer(chatd, request_line(chat.handshake(chatd.address), b"POST /ws HTTP/1.1"))
    assert status == 405 and fields["allow"] == "GET"


def test_an_absolute_target(chatd):
    """A server takes them, too (RFC 9112 section 3.2.2)."""
    def status(target):
        return answer(chatd, request_line(chat.handshake(chatd.address), b"GET %s HTTP/1.1" % target))
    assert [status(b"http://x/ws"), status(b"HTTPS://x:1/ws"), status(b"http://x/other"), status(b"http://x")] == \
        [101, 101, 404, 404]


@pytest.mark.parametrize("headers", [
    {"Upgrade": "WebSocket"}, {"Connection": "keep-alive, Upgrade"}, {"User_Agent": "x" * 300}, {"Cookie": "a=b"},
    {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"}], ids=str)
def test_what_browsers_send_beside_is_fine(client, headers):
    client("alice", headers=headers).users()


@pytest.mark.parametrize("headers", [
    {"Upgrade": "foo"}, {"Upgrade": "h2c"}, {"Upgrade": "h2c, websocket"}, {"Upgrade": None},
    {"Sec_WebSocket_Version": "8"}, {"Sec_WebSocket_Version": None}, {"Sec_WebSocket_Version": "13x"},
    {"Sec_WebSocket_Key": None}, {"Sec_WebSocket_Key": "c2hvcnQ="}, {"Sec_WebSocket_Key": "x" * 60}], ids=str)
def test_bad_headers(chatd, client, headers):
    status = answer(chatd, chat.handshake(chatd.address, **headers))
    assert status == 0 or 400 <= status < 500
    client("alice").users()


@pytest.mark.parametrize("line,statuses", [
    (b"GET / HTTP/1.1", {404}), (b"GET /wsx HTTP/1.1", {404}), (b"GET /WS HTTP/1.1", {404}),
    (b"GET /ws/ HTTP/1.1", {404}), (b"GET /ws?userAccessKey=secret HTTP/1.1", {404}),
    (b"POST /ws HTTP/1.1", {0, 400, 404, 405}), (b"PUT /ws HTTP/1.1", {0, 400, 404, 405}),
    (b"GET /ws HTTP/1.0", {0, 400, 404, 426, 505}), (b"GET /ws", {0, 400, 404, 505}),
    (b"GET /ws HTTP/2.0", {0, 400, 404, 505}), (b"GET /ws HTTP/1.1 ", {0, 400, 404}),
])
def test_bad_request_lines(chatd, line, statuses):
    assert answer(chatd, request_line(chat.handshake(chatd.address), line)) in statuses


def test_a_key_in_the_query_is_not_logged(chatd):
    answer(chatd, request_line(chat.handshake(chatd.address), b"GET /ws?userAccessKey=hush-hush HTTP/1.1"))
    assert "hush" not in chatd.log()


def test_no_upgrade_is_told_to_upgrade(chatd):
    assert answer(chatd, b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n") in (404, 426)


@pytest.mark.parametrize("data", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
    b"\r\n\r\n", b"\0" * 5000, b"x" * 20000, b"GET " + b"/" * 9000, b"*1\r\n$4\r\nPING\r\n\r\n",
    b"GET /ws HTTP/1.1\r\n" + b"A: b\r\n" * 3000, b"GET /ws HTTP/1.1\r\nA: " + b"b" * 6000 + b"\r\n\r\n"],
    ids=["h2", "tls", "empty", "zeros", "xs", "long-uri", "resp", "3000-headers", "long-header"])
def test_no_http_at_all(start_chatd, client, data):
    node = start_chatd(handshake_timeout="1s")
    with socket.create_connection((node.host, node.port)) as s:
        s.settimeout(8)
        try:
            s.sendall(data)
            while s.recv(4096):
                pass
        except ConnectionError:
            pass
    client("alice", at=node).users()


# Origins

def opens(client, **options):
    try:
        client(**options)
        return True
    except chat.Refused as refused:
        assert refused.status == 403
        return False


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:3000", "https://127.0.0.1:8000",
                                    "http://[::1]:5173", "HTTP://LOCALHOST"])
def test_pages_of_the_loopback_may_connect(client, origin):
    assert opens(client, headers={"Origin": origin})


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null", "http://",
                                    "http://127.0.0.1.evil.example", "http://evil.example/localhost", "x",
                                    "http://localhost@evil.example", "file://", "http://128.0.0.1"])
def test_other_pages_may_not(client, origin):
    assert not opens(client, headers={"Origin": origin})


def test_pages_of_the_same_host_may_connect(client):
    assert opens(client, headers={"Host": "chat.example:8080", "Origin": "https://chat.example"})
    assert not opens(client, headers={"Host": "chat.example:8080", "Origin": "https://chat.example.org"})


def test_origins_that_a_setting_allows(start_chatd, client):
    node = start_chatd(origin="https://a.example,https://b.example:444")
    for origin, allowed in [("https://a.example", True), ("https://b.example:444", True), ("https://b.example", False),
                            ("http://a.example", False), ("https://a.example.org", False),
                            ("https://c.example", False)]:
        assert opens(client, at=node, headers={"Origin": origin}) == allowed, origin
    anywhere = start_chatd(origin="*")
    assert opens(client, at=anywhere, headers={"Origin": "https://evil.example"})
