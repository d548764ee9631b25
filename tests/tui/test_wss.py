"""common/wsclient by itself (wsprobe), against servers that fail or misbehave in every way, and a real one."""

import base64
import hashlib
import os
import pathlib
import select
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from certificates import Authority
from chat import PATIENCE, wait_until
from ports import free_port

PROBE = str(pathlib.Path(os.environ["CHATD_BIN"]).parents[1] / "tests/wsprobe")
MAX = 4 << 20


def resolves(name):
    try:
        return bool(socket.getaddrinfo(name, 1))
    except OSError:
        return False


# A bare root file system has no /etc/hosts.
by_name = pytest.mark.skipif(not resolves("localhost"), reason="localhost has no address here")


class Probe:
    def __init__(self, url, ca="", open_ms=PATIENCE * 1000, ping_ms=0, env=None):
        self.process = subprocess.Popen([PROBE, url, str(ca), str(open_ms), str(ping_ms)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **(env or {})}, bufsize=0)
        self.buffer, self.is_over = b"", False

    def line(self, timeout=PATIENCE):
        while b"\n" not in self.buffer:
            assert select.select([self.process.stdout], [], [], timeout)[0], "wsprobe is silent"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"wsprobe ended: {self.buffer!r}"
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        self.is_over = line == b"end"
        return line.decode()

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")

    def end(self):
        """Of its own accord, leak-free (the sanitizers' build would exit otherwise)."""
        self.process.stdin.close()
        rest = self.buffer + self.process.stdout.read()
        assert self.process.wait(PATIENCE) == 0 and (self.is_over or rest.endswith(b"end\n")), rest


@pytest.fixture
def probe():
    started = []

    def start(*args, **options):
        started.append(Probe(*args, **options))
        return started[-1]

    yield start
    for p in started:
        try:
            if not p.process.stdin.closed:
                p.end()
        finally:
            p.process.kill()
            p.process.wait()


@pytest.fixture
def serve():
    """serve(function) -> port: the function gets each accepted socket, in a thread."""
    listeners = []

    def start(handle, host="127.0.0.1", context=None):
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        listeners.append(listener)

        def one(sock):
            try:
                if context:
                    sock = context.wrap_socket(sock, server_side=True)
                with sock:
                    handle(sock)
            except OSError:  # an aborted handshake, a client that has gone: what is tested is the client
                pass

        def run():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(sock,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


def read_head(sock):
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(4096)
        if not data:
            raise OSError("gone")
        head += data
    return head


def upgrade(sock):
    head = read_head(sock)
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    return head


def frame(payload, opcode=1, fin=True):
    n = len(payload)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    return bytes([(0x80 if fin else 0) | opcode]) + size + payload


def drain(sock):
    """Until the client has gone."""
    sock.settimeout(PATIENCE)
    while sock.recv(65536):
        pass


def exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise OSError("gone")
        data += more
    return data


def client_frame(sock):
    first, second = exactly(sock, 2)
    n = second & 127
    if n >= 126:
        n = int.from_bytes(exactly(sock, 2 if n == 126 else 8), "big")
    mask = exactly(sock, 4)
    return first & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(exactly(sock, n)))


def talks(*frames, after=drain):
    def handle(sock):
        upgrade(sock)
        for data in frames:
            sock.sendall(data)
        after(sock)
    return handle


# Opening

def test_real_chatd(probe, chatd):
    p = probe(f"ws://{chatd.address}/ws")
    assert p.line() == "open"
    assert p.line().startswith('text {"type":"ready"')
    p.say('{"type":"users"}')
    assert '"not_authorized"' in p.line()
    p.say("/end")
    assert p.line() == "end"


def test_refused(probe):
    p = probe(f"ws://127.0.0.1:{free_port()}/ws")
    assert "refuses the connection, or can't be reached" in p.line()
    p.end()


def test_no_such_host(probe):
    """A part is too long for a name: no name server is asked, so it is the same where there is none."""
    assert "there is no host of this name" in probe(f"ws://{'x' * 64}.invalid/ws").line()


def test_silent_server(probe, serve):
    p = probe(f"ws://127.0.0.1:{serve(drain)}/ws", open_ms=200)
    assert p.line() .startswith("closed 0 again no answer from 127.0.0.1:")
    p.say("/end")
    assert p.line() == "end"


def test_ends_while_it_opens(probe, serve):
    connected = threading.Event()
    port = serve(lambda sock: (connected.set(), drain(sock)))
    p = probe(f"ws://127.0.0.1:{port}/ws")
    assert connected.wait(PATIENCE)
    p.say("/close")
    p.say("/end")
    assert p.line() == "end"


@pytest.mark.parametrize("answer, words", [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers HTTP 404: no chat at /ws"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "answers HTTP 200"),
    (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answers HTTP 503"),
    (b"\x00\xff" * 5000, "does not answer as a chat server would"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "closed 0 again "),
    (b"A" * 100000, "closed 0 again "),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", "closed 0 again "),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "closed 0 again "),
    (b"", "closed 0 again "),
])
def test_bad_handshake(probe, serve, answer, words):
    port = serve(lambda sock: (read_head(sock), sock.sendall(answer)))
    p = probe(f"ws://127.0.0.1:{port}/ws")
    assert words in p.line()
    p.end()


def test_endless_head(probe, serve):
    def handle(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
        while True:
            sock.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
    assert probe(f"ws://127.0.0.1:{serve(handle)}/ws", open_ms=2000).line().startswith("closed 0 again")


def test_redirections_are_not_followed(probe, serve):
    seen = threading.Event()
    target = serve(lambda sock: (seen.set(), talks(frame(b"led astray"))(sock)))
    port = serve(lambda sock: (read_head(sock), sock.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:%d/ws\r\nContent-Length: 0\r\n\r\n" % target)))
    assert "answers HTTP 302" in probe(f"ws://127.0.0.1:{port}/ws").line()
    assert not seen.is_set()


def test_what_it_says(probe, serve):
    heads = []
    port = serve(lambda sock: (heads.append(upgrade(sock)), drain(sock)))
    p = probe(f"ws://127.0.0.1:{port}/a/b?c", env={"http_proxy": "127.0.0.1:1"})
    assert p.line() == "open"
    lines = wait_until(lambda: heads)[0].decode().split("\r\n")
    assert lines[0] == "GET /a/b?c HTTP/1.1" and f"Host: 127.0.0.1:{port}" in lines
    assert not [line for line in lines if line.startswith(("Sec-WebSocket-Extensions", "Origin"))], lines


def test_ipv6(probe, serve):
    try:
        port = serve(talks(frame(b"six")), host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    p = probe(f"ws://[::1]:{port}/ws")
    assert [p.line(), p.line()] == ["open", "text six"]


@by_name
def test_next_address(probe, serve):
    """localhost may be ::1 first, where nobody listens."""
    port = serve(talks(frame(b"four")))
    p = probe(f"ws://localhost:{port}/ws")
    assert [p.line(), p.line()] == ["open", "text four"]


@by_name
def test_address_that_does_not_answer(probe, serve):
    """Nor refuses: the next one is tried before all the time has passed."""
    families = [info[0] for info in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)]
    if families != [socket.AF_INET6, socket.AF_INET]:
        pytest.skip("localhost is not ::1 and 127.0.0.1 here")
    port = serve(talks(frame(b"four")))
    with socket.socket(socket.AF_INET6) as deaf:
        deaf.bind(("::1", port))
        deaf.listen(0)
        waiting = []
        for _ in range(4):  # fill its queue: then the kernel drops what comes
            waiting.append(socket.socket(socket.AF_INET6))
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("::1", port))
        p = probe(f"ws://localhost:{port}/ws")
        assert [p.line(), p.line()] == ["open", "text four"]
        for sock in waiting:
            sock.close()


# Certificates

def tls(authority, name, san="DNS:localhost,IP:127.0.0.1", **validity):
    return authority.make(name, san, **validity)


@by_name
def test_good_certificate(probe, serve, authority):
    port = serve(talks(frame(b"secret")), context=tls(authority, "good"))
    for host in "localhost", "127.0.0.1":
        p = probe(f"wss://{host}:{port}/ws", ca=authority.file)
        assert [p.line(), p.line()] == ["open", "text secret"]
        p.end()


def test_good_certificate_for_ipv6(probe, serve, authority):
    try:
        good = serve(talks(frame(b"six")), host="::1", context=tls(authority, "six", "IP:0:0:0:0:0:0:0:1"))
        bad = serve(talks(frame(b"six")), host="::1", context=tls(authority, "two", "IP:0:0:0:0:0:0:0:2"))
    except OSError:
        pytest.skip("no IPv6 here")
    p = probe(f"wss://[::1]:{good}/ws", ca=authority.file)
    assert [p.line(), p.line()] == ["open", "text six"]
    assert "certificate is not for ::1" in probe(f"wss://[::1]:{bad}/ws", ca=authority.file).line()


@by_name
@pytest.mark.parametrize("san, validity, words", [
    ("DNS:example.org", {}, "closed 0 final the server's certificate is not for localhost"),
    ("DNS:*.localhost,DNS:localhost.example", {}, "closed 0 final the server's certificate is not for localhost"),
    ("IP:127.0.0.1", {}, "closed 0 final the server's certificate is not for localhost"),
    ("DNS:localhost", {"start": "20200101000000Z", "end": "20200102000000Z"},
     "closed 0 final the server's certificate can't be trusted: certificate has expired"),
    ("DNS:localhost", {"start": "20980101000000Z", "end": "20990101000000Z"},
     "closed 0 final the server's certificate can't be trusted: certificate is not yet valid"),
])
def test_bad_certificate(probe, serve, authority, san, validity, words):
    heard = []

    def handle(sock):
        heard.append(sock.recv(4096))
    port = serve(handle, context=tls(authority, "bad", san, **validity))
    p = probe(f"wss://localhost:{port}/ws", ca=authority.file)
    assert p.line() == words
    p.end()
    assert not any(heard)


def test_unknown_authority(probe, serve, authority, tmp_path):
    port = serve(talks(), context=tls(authority, "unknown"))
    other = Authority(tmp_path / "other")
    for ca in "", other.file:
        line = probe(f"wss://127.0.0.1:{port}/ws", ca=ca).line()
        assert line.startswith("closed 0 final the server's certificate can't be trusted: "), line


def test_trust_in_the_file_alone(probe, serve, authority):
    """With --ca the system's authorities do not count (here the test's own is made the system's)."""
    port = serve(talks(), context=tls(authority, "alone"))
    env = {"SSL_CERT_FILE": str(authority.file)}
    p = probe(f"wss://127.0.0.1:{port}/ws", env=env)
    assert p.line() == "open"
    other = Authority(authority.dir / "other")
    assert "can't be trusted" in probe(f"wss://127.0.0.1:{port}/ws", ca=other.file, env=env).line()


def test_old_tls(probe, serve, authority):
    context = tls(authority, "old")
    try:
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    except (ValueError, ssl.SSLError):
        pytest.skip("no TLS 1.1 here")
    assert probe(f"wss://127.0.0.1:{serve(talks(), context=context)}/ws", ca=authority.file).line() \
        .startswith("closed 0 again")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_clear_where_tls_is_expected(probe, serve, answer):
    def handle(sock):
        sock.recv(65536)
        sock.sendall(answer)

    clear = serve(handle)
    address = f"127.0.0.1:{clear}"
    assert probe(f"wss://{address}/ws").line() == f"closed 0 again {address} does not speak TLS as it should"


def test_silence_where_tls_is_expected(probe, serve):
    assert probe(f"wss://127.0.0.1:{serve(drain)}/ws", open_ms=300).line().startswith("closed 0 again no answer from")


def test_tls_where_clear_text_is_expected(probe, serve, authority):
    secure = serve(talks(), context=tls(authority, "secure"))
    assert probe(f"ws://127.0.0.1:{secure}/ws").line().startswith("closed 0 again")


def test_ca_file_that_is_none(tmp_path):
    for name, content in ("missing", None), ("empty", ""), ("garbage", "what is this\n"):
        path = tmp_path / name
        if content is not None:
            path.write_text(content)
        done = subprocess.run([PROBE, "wss://localhost/", str(path)], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1 and str(path) in done.stdout, done.stdout


# Open

def test_fragments(probe, serve):
    port = serve(talks(frame(b"one ", fin=False), frame(b"two ", 0, False), frame(b"ping", 9), frame(b"three", 0),
                       frame("ü".encode()[:1], fin=False), frame("ü".encode()[1:], 0), frame(b"x" * 300000),
                       frame(b"")))
    p = probe(f"ws://127.0.0.1:{port}/ws")
    assert [p.line() for _ in range(5)] == ["open", "text one two three", "text ü", "text of 300000 bytes", "text "]


def test_byte_by_byte(probe, serve):
    def handle(sock):
        upgrade(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(b"slow and steady") + frame(b"y" * 200):
            sock.sendall(bytes([byte]))
        drain(sock)
    p = probe(f"ws://127.0.0.1:{serve(handle)}/ws")
    assert [p.line() for _ in range(3)] == ["open", "text slow and steady", "text " + "y" * 200]


@pytest.mark.parametrize("frames, words", [
    (lambda: [frame(b"x", 2)], "what is not text"),
    (lambda: [frame(b"\xff\xfe")], "what is not UTF-8"),
    (lambda: [b"\x81\x7f" + struct.pack(">Q", MAX + 1) + b"x" * 5000], "too large"),
    (lambda: [b"\x81\x7f" + struct.pack(">Q", (1 << 62) + 5) + b"x" * 5000], "closed"),
    (lambda: [b"\x81\x7f" + struct.pack(">Q", (1 << 63) + 5) + b"x" * 5000], "closed"),
    (lambda: [frame(b"x" * 100000, fin=False)] + [frame(b"x" * 100000, 0, False)] * 50, "too large"),
    (lambda: [frame(b"x" * 5000000)], "too large"),
    (lambda: [frame(b"x" * 100000, 2)] * 100, "what is not text"),
    (lambda: [frame(b"\xff" * 100000)] * 100, "what is not UTF-8"),
    (lambda: [frame(b"", fin=False)] + [frame(b"", 0, False) * 1000] * 20, "too large"),
    (lambda: [frame(b"", fin=False)] + [frame(b"x", 0, False) * 1000] * 20, "too large"),
    (lambda: [b"\xc1\x01x"], "closed"),  # a reserved bit
    (lambda: [frame(b"x", 3)], "closed"),  # a reserved opcode
    (lambda: [frame(b"x", 0)], "closed"),  # nothing that it could continue
    (lambda: [frame(b"p" * 126, 9)], "closed"),  # a control frame that is too long
    (lambda: [b"\x81\x81abcdx"], "closed"),  # masked
], ids=["binary", "utf8", "large", "huge", "negative", "fragments", "whole", "much-binary",
        "much-bad-utf8", "empty", "bytes", "reserved", "opcode",
        "continuation", "long-ping", "masked"])
def test_bad_frames(probe, serve, frames, words):
    p = probe(f"ws://127.0.0.1:{serve(talks(*frames()))}/ws")
    assert p.line() == "open"
    line = p.line()
    if words == "closed" and line.startswith("text"):  # lws lets it pass: no harm is done by it
        return
    assert line.startswith("closed 0 again") and (words == "closed" or words in line), line
    p.end()


@pytest.mark.parametrize("payload, line", [
    (struct.pack(">H", 4004) + b"kicked", "closed 4004 again the server closed the connection: kicked"),
    (struct.pack(">H", 1001), "closed 1001 again the server closed the connection (1001)"),
    (b"", "closed 0 again "),
    (struct.pack(">H", 4004) + b"\xff\xff", "closed 4004 again the server closed the connection (4004)"),
])
def test_server_closes(probe, serve, payload, line):
    p = probe(f"ws://127.0.0.1:{serve(talks(frame(payload, 8)))}/ws")
    assert p.line() == "open"
    assert p.line().startswith(line)
    p.end()


@pytest.mark.parametrize("goodbye", [True, False], ids=["theirs", "ours"])
def test_what_comes_behind_a_goodbye(probe, serve, goodbye):
    """Is not heard, and does no harm."""
    def flood(sock):
        while True:
            sock.sendall(frame(b"x" * 100000))
    frames = [frame(b"hello")] + [frame(struct.pack(">H", 1001), 8)] * goodbye
    p = probe(f"ws://127.0.0.1:{serve(talks(*frames, after=flood))}/ws")
    assert [p.line(), p.line()] == ["open", "text hello"]
    if not goodbye:
        p.say("/close")
    p.end()


def test_server_dies(probe, serve):
    p = probe(f"ws://127.0.0.1:{serve(talks(after=lambda sock: None))}/ws")
    assert [p.line(), p.line()] == ["open", "closed 0 again the connection broke"]


def test_pings_are_answered(probe, serve):
    answers = []

    def handle(sock):
        upgrade(sock)
        sock.sendall(frame(b"are you there", 9))
        answers.append(client_frame(sock))
        sock.sendall(frame(b"got it"))
        drain(sock)
    p = probe(f"ws://127.0.0.1:{serve(handle)}/ws")
    assert [p.line(), p.line()] == ["open", "text got it"]
    assert answers == [(10, b"are you there")]


def test_half_open(probe, serve):
    """A server that has gone without a word: its pings, unanswered, tell."""
    opcodes = []

    def handle(sock):
        upgrade(sock)
        while True:
            opcodes.append(client_frame(sock)[0])
    p = probe(f"ws://127.0.0.1:{serve(handle)}/ws", ping_ms=100)
    assert [p.line(), p.line()] == ["open", "closed 0 again the server does not answer any more"]
    assert opcodes[0] == 9
    p.end()


def test_pongs_keep_it_open(probe, serve):
    pings = []
    enough = threading.Event()

    def handle(sock):
        upgrade(sock)
        while not enough.is_set():
            opcode, data = client_frame(sock)
            if opcode == 9:
                pings.append(data)
                sock.sendall(frame(data, 10))
                if len(pings) == 5:
                    sock.sendall(frame(b"five pings"))
                    enough.set()
        drain(sock)
    p = probe(f"ws://127.0.0.1:{serve(handle)}/ws", ping_ms=50)
    assert [p.line(), p.line()] == ["open", "text five pings"]


def test_goodbye_comes_behind_what_was_queued(probe, serve):
    frames = []
    done = threading.Event()

    def handle(sock):
        upgrade(sock)
        try:
            while True:
                frames.append(client_frame(sock))
                if frames[-1][0] == 8:
                    sock.sendall(frame(frames[-1][1], 8))
        finally:
            done.set()
    p = probe(f"ws://127.0.0.1:{serve(handle)}/ws")
    assert p.line() == "open"
    for i in range(200):
        p.say(f"line {i}")
    p.say("/close")
    assert done.wait(PATIENCE)
    assert frames == [(1, f"line {i}".encode()) for i in range(200)] + [(8, struct.pack(">H", 1000))]
    p.end()


def test_server_that_does_not_read(probe, serve):
    """What can't be sent is refused when the queue is full, and the end comes all the same."""
    stop = threading.Event()
    p = probe(f"ws://127.0.0.1:{serve(talks(after=lambda sock: stop.wait(PATIENCE)))}/ws")
    assert p.line() == "open"
    for _ in range(40):
        p.say("x" * 500000)
    assert p.line() == "not sent"
    p.say("/end")
    while p.line() == "not sent":
        pass
    assert p.process.wait(PATIENCE) == 0
    stop.set()


def test_open_again(probe, serve):
    port = serve(talks(frame(b"hello")))
    p = probe(f"ws://127.0.0.1:{port}/ws")
    for _ in range(20):
        assert [p.line(), p.line()] == ["open", "text hello"]
        p.say(f"/open ws://127.0.0.1:{port}/ws")
    p.say(f"/open ws://127.0.0.1:{free_port()}/ws")
    while (line := p.line()) in ("open", "text hello"):
        pass
    assert line.startswith("closed 0 again")
    p.end()


def test_flood(probe, serve):
    """Many messages at once: each comes, in order."""
    n = 20000
    data = b"".join(frame(b"%d" % i) for i in range(n))
    p = probe(f"ws://127.0.0.1:{serve(talks(data))}/ws")
    assert p.line() == "open"
    for i in range(n):
        assert p.line() == f"text {i}"


def test_openssl_is_there():
    assert shutil.which("openssl")
