"""The example configurations, run: a conversation through the proxy, and the limits by the client's address."""

import os
import pathlib
import shutil
import subprocess

import chat
import pytest
from ports import free_port
from test_http import address_of, get, metrics
from test_tls import Certificate

EXAMPLES = chat.ROOT / "chatd/examples"


class Front:
    """A proxy in front of a chatd, as a Client connects to it."""
    secure = True
    name = "chat.example"
    host = "127.0.0.1"

    def __init__(self, port):
        self.port, self.address = port, f"chat.example:{port}"


def replaced(name, pairs):
    """The example with what is this test's; each thing must stand in it."""
    text = (EXAMPLES / name).read_text()
    for old, new in pairs:
        assert old in text, f"{old} is not in {name}"
        text = text.replace(old, new)
    return text


def health_port(node):
    return address_of(node).rpartition(":")[2]


def nginx(folder, port, node, certificate):
    server = replaced("nginx.conf", [
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("127.0.0.1:8080", node.address),
        ("/etc/ssl/chat.example/fullchain.pem", certificate.cert),
        ("/etc/ssl/chat.example/privkey.pem", certificate.key)])
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"pid {folder}/pid;\ndaemon off;\nmaster_process off;\nerror_log stderr;\n"
                                       f"events {{}}\nhttp {{ access_log off;\n{temporary}{server}}}\n")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def haproxy(folder, port, node, certificate):
    both = folder / "both.pem"
    both.write_text(pathlib.Path(certificate.cert).read_text() + pathlib.Path(certificate.key).read_text())
    (folder / "haproxy.cfg").write_text(replaced("haproxy.cfg", [
        ("bind :443", f"bind 127.0.0.1:{port}"), ("127.0.0.1:8080", node.address),
        ("port 9100", f"port {health_port(node)}"), ("/etc/ssl/chat.example/both.pem", str(both))]))
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


def caddy(folder, port, node, certificate):
    """With the test's certificate instead of one from an authority, and without its administration's port."""
    site = replaced("Caddyfile", [
        ("chat.example:443 {", f"chat.example:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate.cert} {certificate.key}"),
        ("127.0.0.1:8080", node.address), ("health_port 9100", f"health_port {health_port(node)}")])
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(params=[nginx, haproxy, caddy], ids=lambda f: f.__name__)
def front(request, tmp_path, start_chatd, own_redis):
    program = request.param.__name__
    assert shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"), f"{program} is missing"
    node = start_chatd(own_redis.uri, trusted_proxy="127.0.0.1", limit_loopback=True, max_per_address=2,
                       http="127.0.0.1:0")
    chat.wait_until(lambda: get(node, "/readyz")[0] == 200, what="a node that is ready")
    port = free_port()
    argv = request.param(tmp_path, port, node, Certificate(tmp_path / "certificate", name="chat.example"))
    env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", "HOME": str(tmp_path),
           "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=tmp_path)
    place = Front(port)
    place.program, place.node = program, node
    try:
        yield place
    finally:
        process.terminate()
        process.wait(chat.PATIENCE)
        print((tmp_path / "log").read_text(errors="replace")[-4000:])


def first(client, front, **options):
    """The first connection, when the proxy is there."""
    def connect():
        try:
            return client(at=front, **options)
        except (OSError, chat.Refused):
            return None
    return chat.wait_until(connect, what="a connection through the proxy")


def test_a_conversation_through_it(client, front):
    first(client, front).close()
    alice, bob = client("alice", join="0", at=front), client("bob", join="0", at=front,
                                                             headers={"Origin": "https://chat.example"})
    alice.say("hello")
    bob.hear("hello")
    alice.send_frame(chat.BINARY, b"x")
    alice.expect_close(1003)
    if front.program != "caddy":  # which drops what comes before its 101
        carol = client(at=front, early=[chat.request("signIn", {"username": "carol", "password": "x"})])
        carol.expect("authorized")
    with pytest.raises(chat.Refused):
        client(at=front, headers={"Origin": "https://evil.example"})


def test_its_clients_are_held_to_their_own_limits(client, front):
    """All come from one address, which is not the proxy's: a third is refused, and what it makes up of itself
    is not believed."""
    first(client, front).close()
    there = {"source": "127.0.0.2"}
    crowd = []

    def connects(**options):
        try:
            crowd.append(client(at=front, **there, **options))
            return True
        except (OSError, chat.Refused):
            return False
    chat.wait_until(lambda: connects() and connects())
    assert not connects(headers={"X_Forwarded_For": "127.0.0.1"})


@pytest.mark.parametrize("front", [haproxy, caddy], indirect=True)
def test_it_asks_whether_a_node_is_ready_and_leaves_nothing_behind(client, front, own_redis):
    there = first(client, front, name="alice", join="0")

    def is_let_in():
        try:
            client(at=front, source="127.0.0.2").close()
            return True
        except (OSError, chat.Refused):
            return False
    own_redis.pause()
    chat.wait_until(lambda: not is_let_in(), what="a node that is taken out")
    own_redis.resume()
    chat.wait_until(is_let_in, what="a node that is taken in again")
    assert there.say("still here")["message"] == "still here"
    chat.wait_until(lambda: metrics(front.node)["chatd_connections"] == 1, what="an end of the others")
    assert "handshake_refused" not in front.node.log(), "no check comes where clients do"
