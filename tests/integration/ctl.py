"""chatctl as the tests run it: ctl("user", "list") on the test's data, its end checked."""

import json
import os
import re
import signal
import subprocess

import chat

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, UNAVAILABLE, REFUSED = 0, 1, 2, 3, 4, 5, 6
INTERRUPTED = -signal.SIGINT  # it dies of the signal; a shell says 130


def environment(**more):
    """Without what the tester's own environment says about chatctl."""
    base = {k: v for k, v in os.environ.items()
            if not k.startswith("CHATCTL_") and k not in ("NO_COLOR", "PAGER", "LESS")}
    return {**base, "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": "/nonexistent", "CHATCTL_PAGER": "", **more}


def check_sanitizers(text):
    found = [word for word in chat.SANITIZER_COMPLAINTS if word in text]
    assert not found, text[-8000:]


def unescape(cell):
    """A TSV cell as it was."""
    out, escaped = [], False
    cell = re.sub(r"(?<!\\)((?:\\\\)*)\\x([0-9a-f]{2})", lambda m: m[1] + chr(int(m[2], 16)), cell)
    for c in cell:
        if escaped:
            out.append({"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[c])
        elif c != "\\":
            out.append(c)
        escaped = not escaped and c == "\\"
    return "".join(out)


class Ctl:
    """ctl(…) runs and returns stdout; the status must be `status` (0; None: any). What it said is in ctl.err."""

    def __init__(self, uri, prefix, user="chatctl"):
        self.uri, self.prefix, self.err = uri, prefix, ""
        self.own_uri = chat.as_user(uri, user, prefix) if user else uri

    @property
    def binary(self):
        return os.environ["CHATCTL_BIN"]

    def env(self, **more):
        return environment(CHATCTL_REDIS=self.own_uri, CHATCTL_PREFIX=self.prefix, **more)

    def __call__(self, *args, stdin="", status=DONE, env=None, timeout=60):
        done = subprocess.run([self.binary, *map(str, args)], input=stdin.encode(), timeout=timeout,
                              capture_output=True, env={**self.env(), **(env or {})}, check=False)
        self.err = done.stderr.decode()
        check_sanitizers(self.err)
        assert status in (done.returncode, None), f"{args}: {done.returncode}\n{done.stdout.decode()}{self.err}"
        if status not in (DONE, None):
            assert self.err or done.stdout, "an error without a word"
        return done.stdout.decode()

    def json(self, *args, **options):
        return json.loads(self("--json", *args, **options))

    def jsonl(self, *args, **options):
        return [json.loads(line) for line in self("--format=jsonl", *args, **options).splitlines()]

    def tsv(self, *args, **options):
        text = self("--format", "tsv", *args, **options)
        return [[unescape(cell) for cell in line.split("\t")] for line in text.splitlines()]

    def table(self, *args, **options):
        return self("--format=table", *args, **options).splitlines()

    def all_formats(self, *args, **options):
        """The same in each format, held against one another; returns what JSON said."""
        value = self.json(*args, **options)
        rows = value if isinstance(value, list) else [value]
        texts = {None: "", True: "true", False: "false"}
        assert self.jsonl(*args, **options) == rows
        assert self.tsv(*args, **options) == [
            [texts[v] if v is None or isinstance(v, bool) else str(v) for v in row.values()] for row in rows]
        table = self.table(*args, **options)
        if isinstance(value, dict):
            assert [line.split(":")[0] for line in table] == list(value)
        else:
            assert len(table) == len(rows) + 1
            if rows:
                assert table[0].split() == " ".join(rows[0]).upper().replace("_", " ").split()
        return value

    def add(self, name, password="correct horse"):
        return self.json("user", "add", name, "--password-file=-", stdin=password + "\n")


def interrupt(ctl, started, *args):
    """Ctrl-C as soon as `started`."""
    running = subprocess.Popen([ctl.binary, *args], env=ctl.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    chat.wait_until(started)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=chat.PATIENCE)
    check_sanitizers(err.decode())
    assert running.returncode == INTERRUPTED, err
    return err.decode()
