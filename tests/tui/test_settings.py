"""chattui's settings and where the password comes from, as the program takes them."""

import json
import os
import subprocess

import pytest

from chat import PATIENCE

PASSWORD = "correct horse"


@pytest.fixture
def run(home):
    """run(args…, stdin=, env=): a whole run of chattui, in a home directory of its own."""
    def go(*args, stdin="", env=None):
        return subprocess.run([os.environ["CHATTUI_BIN"], *map(str, args)], input=stdin, text=True,
                              timeout=2 * PATIENCE, capture_output=True,
                              env={"HOME": str(home("alice")), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                                   **(env or {})})
    return go


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(PASSWORD + "\nand a second line\n")
    return path


def say(run, chatd, *args, **options):
    return run("--plain", "--server", f"ws://{chatd.address}/ws", *args, stdin="hello\n", **options)


def test_a_password_file_may_be_a_pipe(run, chatd, tmp_path):
    """Its writer may take a while, or never come; that keeps nobody from ending the program."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["sh", "-c", f"sleep 1; echo '{PASSWORD}' > {path}"]):
        done = say(run, chatd, "--user", "alice", "--password-file", path)
    assert done.returncode == 0, done.stderr
    done = say(run, chatd, "--user", "bob", "--password-file", path, "--timeout", "1s")
    assert done.returncode == 1 and "in time" in done.stderr


def test_password_file(run, chatd, secret, client):
    done = say(run, chatd, "--user", "alice", "--password-file", secret)
    assert done.returncode == 0, done.stderr
    assert client("bob").history()["messages"][0]["message"] == "hello"
    client("alice")  # with that password, and not with the second line
    assert PASSWORD not in done.stdout + done.stderr


def test_a_home_that_is_read_only(chatd, tmp_path):
    read_only = ["unshare", "--map-root-user", "--mount", "sh", "-c",
                 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"', "sh", str(tmp_path)]
    if subprocess.run([*read_only, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespace for a mount")
    for home in tmp_path, tmp_path / "ann":
        done = subprocess.run([*read_only, os.environ["CHATTUI_BIN"], "--plain", "--server", f"ws://{chatd.address}",
                               "--user", "ann"], env={"HOME": str(home), "PATH": os.environ["PATH"]},
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 1
        assert f"{home}/.local/state/chattui: Read-only file system: --state DIR names another place" in done.stderr


def test_password_command(run, chatd, client):
    done = say(run, chatd, "--user", "alice", "--password-command", f"echo '{PASSWORD}'; echo more")
    assert done.returncode == 0, done.stderr
    client("alice")


@pytest.mark.parametrize("command, words", [
    ("exit 3", "the password command failed (status 3)"),
    ("true", "there is no password in it"),
    ("kill -9 $$", "the password command failed (signal 9)"),
    ("head -c 3000 /dev/zero | tr '\\0' x", "longer than 1024 bytes"),
])
def test_bad_password_command(run, chatd, command, words):
    done = say(run, chatd, "--user", "alice", "--password-command", command)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_bad_password_files(run, chatd, secret, tmp_path):
    done = say(run, chatd, "--user", "alice", "--password-file", tmp_path / "none")
    assert done.returncode == 1 and "none: No such file" in done.stderr, done.stderr
    secret.chmod(0o644)
    done = say(run, chatd, "--user", "alice", "--password-file", secret)
    assert done.returncode == 1 and "others can read it: chmod 600" in done.stderr, done.stderr
    done = say(run, chatd, "--user", "alice", "--password-file", secret, "--password-command", "true")
    assert done.returncode == 2 and "not together" in done.stderr


def test_key_is_kept_for_the_user_alone(run, chatd, secret, home):
    assert say(run, chatd, "--user", "alice", "--password-file", secret).returncode == 0
    state = home("alice") / ".local/state/chattui"
    key, = state.glob("*/alice/key")
    for path in [key, *key.parents]:
        if state in [path, *path.parents]:
            assert path.stat().st_mode & 0o077 == 0, path
    assert PASSWORD not in key.read_text() and len(json.loads(key.read_text())["accessKey"]) == 43
    assert say(run, chatd).returncode == 0  # the last user, by the key, without a password
    assert "alice: once more\n" in run("--plain", stdin="once more\n").stdout  # on the last server


def test_config_file(run, chatd, secret, home):
    config = home("alice") / ".config/chattui/config"
    config.parent.mkdir(parents=True)
    config.write_text(f'server = "ws://{chatd.address}"\nuser = "alice"\npassword-file = "{secret}"\nbell = no\n')
    assert run("--plain", stdin="from the file\n").returncode == 0
    config.write_text('server = "ws://h"\nbel = no\n')
    done = run("--plain")
    assert done.returncode == 2 and f"{config}:2" in done.stderr, done.stderr
    done = run("--plain", "--config", home("alice") / "missing")
    assert done.returncode == 2 and "missing" in done.stderr, done.stderr


@pytest.mark.parametrize("args, words", [
    (["--sever", "x"], "did you mean --server"),
    (["--server", "http://x"], "--server: an address begins with ws:// or wss://"),
    (["--server", "ws://me:secret@x"], "--server: names and passwords have no place"),
    (["--format", "xml"], "--format"),
    (["--paste-lines", "0"], "--paste-lines"),
    (["--password", "secret"], "unknown option --password"),
    (["extra"], "unexpected argument 'extra'"),
])
def test_wrong_settings(run, args, words):
    done = run(*args)
    assert done.returncode == 2 and words in done.stderr, done.stderr


@pytest.mark.parametrize("option", ["user", "server", "password-file", "password-command", "ca", "state"])
def test_an_empty_value_is_none(run, option, home):
    """As of a variable that isn't set: it doesn't pass for what is meant when nothing is given."""
    done = run("--plain", "--server", "ws://127.0.0.1:1", f"--{option}", "")
    assert done.returncode == 2 and f"--{option}: it is empty" in done.stderr, done.stderr
    config = home("alice") / ".config/chattui/config"
    config.parent.mkdir(parents=True)
    config.write_text(f'{option} = ""\n')
    done = run("--plain")
    assert done.returncode == 2 and f"--{option}: it is empty" in done.stderr, done.stderr


def test_environment(run, chatd, secret):
    env = {"CHATTUI_SERVER": f"ws://{chatd.address}", "CHATTUI_USER": "alice", "CHATTUI_PASSWORD_FILE": str(secret)}
    assert run("--plain", stdin="hi\n", env=env).returncode == 0


def test_no_home(run):
    done = run("--plain", "--server", "ws://127.0.0.1:1", env={"HOME": ""})
    assert done.returncode == 2 and "there is no home directory" in done.stderr, done.stderr


def test_without_a_terminal(run):
    done = run("--server", "ws://127.0.0.1:1")
    assert done.returncode == 2 and "--plain" in done.stderr, done.stderr
