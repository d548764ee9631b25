"""TLS: what is spoken and what is not, certificates that fit, reloads; and that everything else is as it is
without."""

import datetime
import os
import re
import socket
import ssl
import struct
import subprocess

import chat
import pytest
from chat import TEXT, ws_frame
from test_config import refused, run
from test_handshake import request_line
from test_http import metrics
from test_reload import conf, reload  # noqa: F401 (conf is a fixture)


class Certificate:
    def __init__(self, folder, name="localhost", days=30, starts=-1):
        """Signed by itself; valid from `starts` days from now until `days`."""
        folder.mkdir()
        self.cert, self.key = str(folder / "cert.pem"), str(folder / "key.pem")
        self.made = self.make(folder, name, days, starts)

    def make(self, folder, name, days, starts):
        def when(n):
            moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=n)
            return moment.strftime("%Y%m%d%H%M%SZ")
        def openssl(*argv):
            subprocess.run(["openssl", *argv], check=True, capture_output=True, cwd=folder)
        (folder / "index").write_text("")
        (folder / "ca.conf").write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n"
                                        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", "key.pem", "-out", "req.pem")
        openssl("ca", "-batch", "-selfsign", "-config", "ca.conf", "-in", "req.pem", "-keyfile", "key.pem", "-out",
                "cert.pem", "-notext", "-startdate", when(starts), "-enddate", when(days))
        os.chmod(self.key, 0o600)

    @property
    def settings(self):
        return {"tls_cert": self.cert, "tls_key": self.key}

    @property
    def flags(self):
        return [f"--tls-cert={self.cert}", f"--tls-key={self.key}"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("tls") / "good")


@pytest.fixture
def node(start_chatd, certificate):
    return start_chatd(http="127.0.0.1:0", **certificate.settings)


def connect(node, **options):
    """A bare TLS connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(options.get("ciphers", "ALL:@SECLEVEL=0"))
    context.minimum_version = options.get("lowest", ssl.TLSVersion.MINIMUM_SUPPORTED)
    context.maximum_version = options.get("highest", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    return context.wrap_socket(socket.create_connection((node.host, node.port), timeout=chat.PATIENCE))


def serial(node):
    with connect(node) as s:
        return ssl.DER_cert_to_PEM_cert(s.getpeercert(True))


# The chat is the same

def test_a_conversation(node, client):
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    assert node.secure
    for i in range(50):
        alice.say(f"m{i}")
        bob.hear(f"m{i}")
    alice.close()
    bob.expect_event("signOut")
    assert metrics(node)["chatd_tls_failures_total"] == 0


def test_requests_in_the_segment_of_the_handshake(node, client):
    """Not a byte of them is spoilt, long ones neither."""
    early = [chat.request("signUp", {"username": "alice", "password": "x" * 900}, requestID=1),
             chat.request("channelJoin", {"recipientUUID": "0"}, requestID=2),
             chat.request("channelMessage", {"message": "é" * 4000}, requestID=3)]
    c = client(at=node, early=early)
    c.expect("authorized")
    c.expect("channelJoin")
    assert c.expect("channelMessage")["message"] == "é" * 4000


def test_what_comes_before_a_goodbye_is_answered(node, client):
    alice = client("alice", join="0", at=node)
    alice.fence()
    alice.send_bytes(ws_frame(TEXT, chat.request("channelMessage", {"message": "my last"})) +
                     ws_frame(chat.PING, b"1") + ws_frame(chat.PING, b"2") +
                     ws_frame(chat.CLOSE, struct.pack(">H", 3001)))
    assert [alice.recv_frame() for _ in range(2)] == [(chat.PONG, b"1"), (chat.PONG, b"2")]
    alice.hear("my last")
    alice.expect_close(3001)


def test_what_comes_before_a_half_close_is_answered(node, client):
    """By close_notify, which ends one direction (RFC 8446 section 6.1)."""
    alice = client("alice", join="0", at=node)
    alice.fence()
    node.pause()  # the answer must not be there before the end
    try:
        alice.send_frame(TEXT, chat.request("channelMessage", {"message": "my last"}))
        alice.sock.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            alice.sock.unwrap()
        alice.sock.settimeout(chat.PATIENCE)
    finally:
        node.resume()
    alice.hear("my last")
    alice.expect_close(1000)


@pytest.mark.parametrize("size", [1, 16384, 16385, 60000])
def test_frames_across_records(node, client, size):
    alice = client("alice", at=node)
    alice.send_text(chat.request("users") + " " * size)
    alice.expect("users")


def test_a_frame_byte_by_byte(node, client):
    alice = client("alice", at=node)
    for byte in ws_frame(TEXT, chat.request("users")):
        alice.send_bytes(bytes([byte]))
    alice.expect("users")


@pytest.mark.parametrize("line,status", [
    (b"GET / HTTP/1.1", 404), (b"GET /ws?x HTTP/1.1", 404), (b"GET /ws HTTP/1.0", 400)])
def test_request_lines(node, line, status):
    assert answer(node, request_line(chat.handshake(), line)) == status


@pytest.mark.parametrize("headers,status", [
    ({"Origin": "https://evil.example"}, 403), ({"Sec_WebSocket_Version": "8"}, 400),
    ({"Sec_WebSocket_Key": None}, 400),
    ({"Upgrade": None}, 426), ({"Upgrade": "h2c"}, 400), ({"Origin": "https://localhost"}, 101)])
def test_headers(node, headers, status):
    assert answer(node, chat.handshake(**headers)) == status


def answer(node, data):
    with connect(node) as s:
        s.sendall(data)
        try:
            head = s.recv(4096)
        except (ConnectionError, ssl.SSLError):
            return 0
    return int(head.split()[1]) if head else 0


@pytest.mark.parametrize("opcode,payload,code", [
    (chat.BINARY, b"x", 1003), (TEXT, b"\xff", 1007), (TEXT, b" " * 70000, 1009),
    (chat.CLOSE, struct.pack(">H", 1000), 1000)], ids=["binary", "utf8", "large", "goodbye"])
def test_close_codes(node, client, opcode, payload, code):
    alice, bob = client("alice", at=node), client("bob", at=node)
    alice.send_frame(opcode, payload)
    alice.expect_close(code)
    bob.users()


def test_drain(node, client):
    crowd = [client(f"user{i}", join="0", at=node) for i in range(5)]
    node.terminate()
    for c in crowd:
        c.expect_event("goAway")
        c.expect_close(1001)
    assert node.wait() == 0


def test_a_slow_reader_is_cut_off_and_others_are_not(node, client):
    alice, bob = client("alice", join="0", at=node), client("bob", join="0", at=node)
    slow = client("slow", at=node, rcvbuf=4096)
    slow.join("0")
    for _ in range(1500):
        if "slow_consumer" in node.log():
            break
        alice.say("x" * 4096)
        bob.expect("channelMessage")
    assert "slow_consumer" in node.log()
    alice.say("still here")
    bob.hear("still here")


def test_a_client_that_writes_and_does_not_read(start_chatd, certificate, client):
    """Back-pressure goes through the tunnel: neither memory nor the others suffer."""
    node = start_chatd(max_requests=5, argon2_memory="64M", argon2_passes=2, **certificate.settings)
    alice = client(at=node)
    n = 3000
    alice.burst(chat.request("signIn", {"username": "alice", "password": "x"}),
                *[chat.request("users", {"limit": 1}, requestID=i) for i in range(n)])
    alice.expect("authorized")
    for i in range(n):
        alice.expect("users")
        assert alice.last["requestID"] == i


def test_descriptors_are_given_back(node, client):
    alice = client("alice", at=node)
    before = len(chat.descriptors(node.pid))
    for i in range(30):
        c = client(at=node)
        c.close() if i % 3 == 0 else c.drop() if i % 3 == 1 else c.sock.close()
    for _ in range(5):
        with socket.create_connection((node.host, node.port)) as s:
            s.sendall(b"\x16\x03\x01\x02")
    chat.wait_until(lambda: len(chat.descriptors(node.pid)) <= before, what="descriptors closed")
    alice.users()


def test_silence_and_half_a_hello_are_cut(start_chatd, certificate, client):
    node = start_chatd(handshake_timeout="1s", **certificate.settings)
    with socket.create_connection((node.host, node.port)) as silent, \
            socket.create_connection((node.host, node.port)) as half, connect(node) as shaken:
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        for s in silent, half, shaken:
            s.settimeout(chat.PATIENCE)
            assert s.recv(1) == b""
    client("alice", at=node).users()


# What is spoken

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_are_spoken(node, version):
    with connect(node, lowest=version, highest=version) as s:
        name, _, bits = s.cipher()
        assert ("GCM" in name or "CHACHA20" in name) and bits >= 128


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_versions_that_are_not(node, client, version):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(node, lowest=version, highest=version)
    client("alice", at=node).users()


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                                     "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8", "aNULL", "eNULL"])
def test_ciphers_that_are_not(node, ciphers):
    """No CBC, no RSA key exchange, nothing without authentication."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(node, highest=ssl.TLSVersion.TLSv1_2, ciphers=ciphers + ":@SECLEVEL=0")


@pytest.mark.parametrize("offered,chosen", [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), ([], None)])
def test_alpn(node, offered, chosen):
    with connect(node, **({"alpn": offered} if offered else {})) as s:
        assert s.selected_alpn_protocol() == chosen


@pytest.mark.parametrize("offered", [["h2"], ["h2", "spdy/1"], ["http/1.0"]])
def test_alpn_that_is_refused(node, offered):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(node, alpn=offered)


@pytest.mark.parametrize("data", [b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 3000, b"PRI * HTTP/2.0\r\n\r\n"],
                         ids=["http", "zeros", "h2"])
def test_what_is_no_tls(node, client, data):
    with socket.create_connection((node.host, node.port)) as s:
        s.settimeout(chat.PATIENCE)
        s.sendall(data)
        try:
            got = s.recv(4096)
        except ConnectionError:
            got = b""
    assert not got.startswith(b"HTTP/")
    client("alice", at=node).users()
    chat.wait_until(lambda: metrics(node)["chatd_tls_failures_total"] == 1)


# What a scanner would try besides

def s_client(node, *argv, said=""):
    """openssl s_client's status and what it printed; `said` is typed once it is connected."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"{node.host}:{node.port}", *argv], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        printed = ""
        for line in process.stdout if said else ():  # it does as it is told when the handshake is over
            printed += line
            if line.startswith("    Verify return code"):
                break
        printed += process.communicate(said, timeout=chat.PATIENCE)[0]
    return process.returncode, printed


REFUSED = {
    "tls-1.0": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    "tls-1.1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    "cbc": ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
    "chosen-fallback": ["-tls1_2", "-fallback_scsv"],
    "sha-1-signatures": ["-tls1_2", "-sigalgs", "ECDSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"],
    "h2-alone": ["-alpn", "h2"],
    **{curve: ["-tls1_2", "-groups", curve, "-cipher", "ALL:@SECLEVEL=0"] for curve in
       ("secp192k1", "secp224r1", "secp256k1", "sect233k1", "sect571r1", "brainpoolP256r1")},
}


@pytest.mark.parametrize("name", REFUSED)
def test_scanner(node, client, name):
    status, printed = s_client(node, *REFUSED[name])
    assert "Unknown" not in printed and "passed a null" not in printed.lower(), printed
    assert status != 0 and ("alert" in printed or "no protocols available" in printed or "errno" in printed), printed
    assert "BEGIN CERTIFICATE" not in printed
    client("alice", at=node).users()


def test_scanner_is_content(node):
    status, printed = s_client(node, "-tls1_2", "-alpn", "h2,http/1.1")
    assert status == 0 and "ALPN protocol: http/1.1" in printed
    assert "Compression: NONE" in printed and "Secure Renegotiation IS supported" in printed
    assert re.search(r"(Server|Peer) Temp Key: (X25519|ECDH, prime256v1)", printed)
    status, printed = s_client(node, "-tls1_3")
    assert status == 0 and "Early data was not sent" in printed


def test_renegotiation(node, client):
    """A client that asks for it gets an alert, time after time; the server does no work for it."""
    status, printed = s_client(node, "-tls1_2", said="R\nR\n")
    assert "RENEGOTIATING" in printed and "no renegotiation" in printed
    client("alice", at=node).users()


# Certificates

def test_a_key_of_another_certificate(certificate, tmp_path):
    other = Certificate(tmp_path / "other")
    said = refused("--check-config", f"--tls-cert={certificate.cert}", f"--tls-key={other.key}")
    assert other.key in said and "is not the key of the certificate" in said


def test_one_without_the_other(certificate):
    for flag in certificate.flags:
        assert "both" in refused("--check-config", flag)


@pytest.mark.parametrize("days,starts,said", [(-1, -10, "has expired"), (10, 5, "is not valid yet")])
def test_certificates_out_of_time(tmp_path, days, starts, said):
    assert said in refused("--check-config", *Certificate(tmp_path / "late", days=days, starts=starts).flags)


def test_files_that_are_none(certificate, tmp_path):
    junk = tmp_path / "junk"
    junk.write_text("-----BEGIN CERTIFICATE-----\nx\n")
    junk.chmod(0o600)
    assert "No such file" in refused("--check-config", f"--tls-cert={tmp_path}/no", f"--tls-key={certificate.key}")
    assert "No such file" in refused("--check-config", f"--tls-cert={certificate.cert}", f"--tls-key={tmp_path}/no")
    assert str(junk) in refused("--check-config", f"--tls-cert={junk}", f"--tls-key={certificate.key}")
    assert str(junk) in refused("--check-config", f"--tls-cert={certificate.cert}", f"--tls-key={junk}")


def test_a_key_that_others_can_read(tmp_path):
    c = Certificate(tmp_path / "open")
    os.chmod(c.key, 0o644)
    assert "readable by others" in refused("--check-config", *c.flags)


def test_check_config_takes_a_good_one(certificate):
    assert run("--check-config", *certificate.flags).returncode == 0


def test_expiry_is_a_metric_and_a_warning_when_it_is_near(start_chatd, tmp_path, certificate):
    soon = start_chatd(http="127.0.0.1:0", **Certificate(tmp_path / "soon", days=5).settings)
    left = metrics(soon)["chatd_tls_certificate_expiry_seconds"] - datetime.datetime.now().timestamp()
    assert 4.9 * 86400 < left < 5.1 * 86400
    assert re.search("event=certificate_expires days=[45]", soon.log())
    plain = start_chatd(http="127.0.0.1:0")
    assert "chatd_tls_certificate_expiry_seconds" not in metrics(plain)


# Reloading

def test_a_new_certificate_and_nobody_is_dropped(start_chatd, client, tmp_path):
    first, second = Certificate(tmp_path / "one"), Certificate(tmp_path / "two")
    node = start_chatd(**first.settings)
    alice, before = client("alice", join="0", at=node), serial(node)
    for new, old in (second.cert, first.cert), (second.key, first.key):
        os.replace(new, old)
    reload(node)
    assert serial(node) != before
    alice.say("still here")
    client("bob", join="0", at=node).say("me too")


def test_a_bad_certificate_changes_nothing(start_chatd, client, tmp_path):
    first, second = Certificate(tmp_path / "one"), Certificate(tmp_path / "two")
    node = start_chatd(**first.settings)
    before = serial(node)
    os.replace(second.cert, first.cert)  # without its key
    reload(node, "event=reload_failed")
    assert "is not the key" in node.log()
    assert serial(node) == before
    client("alice", at=node).users()


@pytest.mark.parametrize("which", ["cert", "key"])
def test_a_file_that_would_block_changes_nothing(start_chatd, client, tmp_path, which):
    one = Certificate(tmp_path / "one")
    node = start_chatd(**one.settings)
    before, path = serial(node), getattr(one, which)
    os.unlink(path)
    os.mkfifo(path)
    reload(node, "event=reload_failed")
    assert f"tls-{which}: {path}: is no regular file" in node.log()
    assert serial(node) == before
    client("alice", at=node).users()


def test_turning_it_off_needs_a_restart(start_chatd, client, certificate, conf):  # noqa: F811
    node = start_chatd(config=conf(tls_cert=f"'{certificate.cert}'", tls_key=f"'{certificate.key}'"))
    conf(max_joins=5)
    reload(node)
    assert "restart_needed setting=tls-cert" in node.log() and "restart_needed setting=tls-key" in node.log()
    client("alice", at=node).users()


# Without TLS

@pytest.mark.parametrize("listen", ["*:0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", ":8080"])
def test_plaintext_beyond_the_loopback_wants_saying(listen, certificate):
    said = refused(f"--listen={listen}")
    assert listen in said and "insecure-plaintext" in said and "tls-cert" in said
    assert refused(f"--listen={listen}", "--check-config") == said
    assert run(f"--listen={listen}", "--check-config", "--insecure-plaintext").returncode == 0
    assert run(f"--listen={listen}", "--check-config", *certificate.flags).returncode == 0


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0", "localhost:0"])
def test_plaintext_on_the_loopback_is_fine(listen):
    assert run(f"--listen={listen}", "--check-config").returncode == 0
