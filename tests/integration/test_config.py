"""Settings: flag over environment over file over default, and clear words for what is wrong."""

import os
import re
import socket
import subprocess

import chat
import pytest


def run(*argv, env=None, stdin=None):
    """Runs chatd to its end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
    return subprocess.run([os.environ["CHATD_BIN"], *argv], env={**environment, **(env or {})}, timeout=30,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def refused(*argv, **kwargs):
    """Runs chatd, which must end with status 2 and say why in one line on stderr."""
    done = run(*argv, **kwargs)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("chatd: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "chatd.conf"
        path.write_text(text)
        return str(path)
    return write


# What wins: seen by the clients in `limits.frameBytes`

@pytest.mark.parametrize("flag,variable,in_file,expected", [
    (None, None, None, 65536),
    (None, None, "2k", 2048),
    (None, "3k", "2k", 3072),
    ("4k", "3k", "2k", 4096),
    ("4k", None, "2k", 4096),
    ("4k", "3k", None, 4096),
    (None, "", "2k", 2048),
])
def test_flag_over_environment_over_file_over_default(start_chatd, client, config, redis, flag, variable, in_file,
                                                     expected):
    env = {} if variable is None else {"CHATD_MAX_FRAME": variable}
    settings = {} if flag is None else {"max_frame": flag}
    if in_file is not None:
        settings["config"] = config(f"max-frame = {in_file}\n")
    assert client(at=start_chatd(env=env, **settings)).ready["limits"]["frameBytes"] == expected


def test_everything_from_a_file(start_chatd, client, config, redis, prefix):
    path = config(f"""
# a comment
listen = "127.0.0.1:0"      // another
redis = '{redis.uri}'
prefix = {prefix}
argon2-memory = 8k
argon2-passes = 1
sign-in-creates = no
""")
    node = start_chatd(argv=["--config", path])
    c = client(at=node)
    c.ask("signIn", {"username": "alice", "password": "x"})
    c.expect_error("bad_credentials")
    c.sign_up("alice")
    assert redis.r.exists(f"{prefix}name:alice")


def test_config_file_by_environment(start_chatd, client, config):
    node = start_chatd(env={"CHATD_CONFIG": config("max-frame = 2k\n")})
    assert client(at=node).ready["limits"]["frameBytes"] == 2048


def test_forms_of_flags(start_chatd, client, redis, prefix):
    node = start_chatd(argv=["-l", "127.0.0.1:0", "-r", redis.uri, "-p", prefix, "--argon2-memory", "8k",
                             "--argon2-passes=1", "--no-sign-in-creates", "--limit-loopback", "--max-frame=2K"])
    c = client(at=node)
    assert c.ready["limits"]["frameBytes"] == 2048
    c.ask("signIn", {"username": "alice", "password": "x"})
    c.expect_error("bad_credentials")


def test_last_flag_wins(start_chatd, client, redis, prefix):
    node = start_chatd(argv=["--listen=127.0.0.1:0", "--redis=" + redis.uri, "--prefix=" + prefix,
                             "--max-frame=2k", "--max-frame=3k"])
    assert client(at=node).ready["limits"]["frameBytes"] == 3072


# What is refused

def test_unknown_key_in_the_file(config):
    path = config("# first line\n\nmax-frame = 2k\nmax-frme = 3k\n")
    assert f"{path}:4:" in refused("--config", path)


@pytest.mark.parametrize("line", ["max-frame = x", "max-frame = 1", "max-rate = -1", "max-joins = 0", "max-joins = 1.5",
                                  "key-ttl = 1", "key-ttl = soon", "log-level = loud", "sign-in-creates = perhaps",
                                  "max-frame = 99999999999999999999", "max-frame = 2k 3k", "max-frame", "max-frame =",
                                  "= 2k", "}", "redis = \"open"])
def test_bad_value_in_the_file(config, line):
    path = config("# comment\n" + line + "\n")
    assert re.search(re.escape(path) + r":[23]:", refused("--config", path))


@pytest.mark.parametrize("flag,value", [
    ("max-frame", "x"), ("max-frame", "1023"), ("max-frame", "17M"), ("max-joins", "0"), ("max-joins", "-1"),
    ("max-joins", ""), ("max-joins", "1 2"), ("max-joins", "0x10"), ("ping-interval", "0"), ("ping-interval", "1y"),
    ("argon2-memory", "1"), ("kdf-threads", "65"), ("log-level", "verbose"), ("sign-in-creates", "2"),
    ("max-rate", "1e3"), ("fail-window", "99d")])
def test_bad_value_of_a_flag_or_a_variable(flag, value):
    assert f"--{flag}: " in refused(f"--{flag}={value}")
    if value:
        variable = "CHATD_" + flag.upper().replace("-", "_")
        assert f"{variable}: " in refused(env={variable: value})


def test_unknown_flag_and_the_one_that_was_meant():
    assert "--max-frame" in refused("--max-frme=2k")
    assert "--help" in refused("--zzzzzzzz")
    refused("-z")
    refused("serve")
    assert "needs a value" in refused("--listen")


def test_missing_config_file(tmp_path):
    path = str(tmp_path / "nowhere.conf")
    assert path in refused("--config", path)
    assert str(tmp_path) in refused("--config", str(tmp_path)), "a directory"


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1",
                                    "127.0.0.1:80a", ""])
def test_bad_listen_address(redis, listen):
    done = run("--redis", redis.uri, "--listen", listen)
    assert done.returncode != 0 and "listen" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("uri", ["", "localhost", "http://localhost", "redis://", "redis://localhost:0",
                                 "redis://localhost:70000", "redis://localhost/x", "unix:", "embeddedx"])
def test_bad_redis_uri(uri):
    assert "redis" in refused("--listen=127.0.0.1:0", f"--redis={uri}")


@pytest.mark.parametrize("prefix", ["", "a b", "x" * 33, "{x}", "a*", "ä:"])
def test_bad_prefix(redis, prefix):
    assert "prefix" in refused("--listen=127.0.0.1:0", "--redis", redis.uri, f"--prefix={prefix}")


def test_port_in_use(redis, prefix):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("--listen", address, "--redis", redis.uri, "--prefix", prefix)
    assert done.returncode == 1 and done.stdout == ""
    assert address in done.stderr and "in use" in done.stderr


# What it tells

def test_help_lists_every_option():
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    source = re.sub(r" */\*.*?\*/", "", (chat.ROOT / "chatd/base/settings.c").read_text(), flags=re.S)
    rows = re.findall(r'^ *(?:[A-Z]+\(|\{)"([a-z0-9-]+)", (.*?(?:\),|\},))$', source, re.M | re.S)
    options = [name for name, rest in rows if not re.search(r'""[^"]*$', rest)]  # no help text: hidden
    assert len(options) > 25
    for option in options:
        assert re.search(rf"--(\[no-\])?{option}\b", done.stdout), option
    assert "127.0.0.1:8080" in done.stdout, "and their defaults"
    assert run("-h").stdout == done.stdout


def test_version():
    done = run("--version")
    assert done.returncode == 0 and re.fullmatch(r"chatd \d+\.\d+\.\d+\n(\w+ [\d.]+ ?)+\n", done.stdout)


def test_help_wins_over_what_is_wrong_behind_it():
    assert run("--help", "--max-frame=x").returncode == 0


def test_print_errors():
    rows = [line.split("\t") for line in run("--print-errors").stdout.splitlines()]
    assert rows[0] == ["code", "name", "text", "close"] and len(rows) == 26
    assert rows[1][:2] == ["1", "bad_json"]


# Where it listens

def test_port_zero_picks_a_free_one(start_chatd, client):
    first, second = start_chatd(), start_chatd()
    assert first.port != second.port and min(first.port, second.port) > 1023
    client("alice", at=first)


def test_nothing_but_the_address_is_on_stdout(start_chatd):
    node = start_chatd()
    node.stop()
    rest = node.process.stdout.read()
    assert (node.output + rest).decode() == f"chatd: serving ws://{node.address}/ws\n"


def test_ipv6(start_chatd, client):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    node = start_chatd(listen="[::1]:0")
    assert node.address.startswith("[::1]:")
    client("alice", at=node).users()


def test_every_address(start_chatd, client):
    node = start_chatd(listen="*:0", insecure_plaintext=True)
    local = type("Local", (), {"host": "127.0.0.1", "port": node.port, "address": f"127.0.0.1:{node.port}"})
    client("alice", at=local).users()


def test_log_level(start_chatd, client):
    quiet = start_chatd(log_level="error")
    client("alice", at=quiet).close()
    quiet.stop()
    assert "level=info" not in quiet.log()


def test_log_lines_are_logfmt(start_chatd, client):
    node = start_chatd(log_level="debug")
    client("alice", at=node).close()
    node.stop()
    for line in node.log().splitlines():
        assert re.match(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(error|warn|info|debug) "
                        r"event=\w+( \w+=(\S+|\".*\"))*$", line), line
