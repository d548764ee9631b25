"""What makes the project build and run on machines other than the one it was written on; tests/platform/run tries it on
whole releases."""

import json
import os
import re
import shutil
import subprocess

import pytest
from chat import ROOT


def werror(name):
    """What the preset sets CHATD_WERROR to, by itself or through what it inherits."""
    presets = {p["name"]: p for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}
    while name:
        preset = presets[name]
        if "CHATD_WERROR" in preset.get("cacheVariables", {}):
            return preset["cacheVariables"]["CHATD_WERROR"]
        name = preset.get("inherits")


@pytest.mark.parametrize("preset, value", [("release", "OFF"), ("package", "OFF"), ("fuzz", "OFF"), ("dev", "ON"),
                                           ("asan", "ON")])
def test_a_newer_compiler_s_warning_stops_developers_only(preset, value):
    assert werror(preset) == value


def test_nothing_is_wired_to_one_kind_of_processor():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    found = subprocess.run(["git", "-C", ROOT, "grep", "-nIE", "x86[-_]64|amd64|aarch64-linux", "--", ".",
                            ":!tests/bench/baseline.json", ":!tests/integration/test_machines.py"], text=True,
                           stdout=subprocess.PIPE).stdout
    assert found == ""


# The first ./run and ./test on a machine: a line for each thing that takes its time, and how long it took.

class Fresh:
    """A checkout's scripts on a machine whose tools are fakes, which write what they are told to."""

    def __init__(self, path):
        self.path = path
        self.tools = path / "tools"
        self.tmp = path / "tmp"
        for made in self.tools, self.tmp:
            made.mkdir()
        shutil.copytree(ROOT / ".ci", path / ".ci")
        self.tool("sudo", 'exec "$@"')
        self.tool("dpkg-query", "exit 0")

    def tool(self, name, script):
        (self.tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.tools / name).chmod(0o755)

    def bash(self, script):
        env = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}", "TMPDIR": str(self.tmp)}
        done = subprocess.run(["bash", "-c", script], cwd=self.path, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=env)
        return done.returncode, done.stdout, done.stderr

    def install(self):
        return self.bash(". .ci/packages; PACKAGES='run  tool-of-ours  cmd:tool-of-ours'; need_packages run")


@pytest.fixture
def fresh(tmp_path):
    return Fresh(tmp_path)


def test_installing_is_one_line_and_apt_s_words_are_in_a_log(fresh):
    fresh.tool("apt-get", "echo out of apt; echo noise of apt >&2")
    status, out, err = fresh.install()
    assert (status, out) == (0, "")
    assert re.fullmatch(r"installing tool-of-ours \(a minute .*; apt's words: build/install.log\) \.\.\. \d+ s\n", err)
    log = (fresh.path / "build/install.log").read_text()
    assert "out of apt" in log and "noise of apt" in log


def test_apt_s_last_words_are_shown_when_it_fails(fresh):
    fresh.tool("apt-get", "echo no such package >&2; exit 100")
    status, out, err = fresh.install()
    assert (status, out) == (1, "")
    assert "no such package\nThese are missing" in err and "the command tool-of-ours (Debian: tool-of-ours)" in err
    assert err.endswith("This installs them, as root: apt install tool-of-ours\n")


def test_the_first_build_says_how_long_it_took(fresh):
    fresh.tool("cmake", "mkdir -p build/release/bin; echo noise of cmake; echo and more >&2")
    status, out, err = fresh.bash(".ci/build release")
    assert (status, out) == (0, "") and re.fullmatch(r"building \(release\) \.\.\. \d+ s\n", err)
    assert fresh.bash(".ci/build release") == (0, "", "")  # and says nothing when there is nothing to wait for
    fresh.tool("cmake", "echo it does not compile; exit 1")
    assert fresh.bash(".ci/build release") == (1, "", "it does not compile\n")


def test_a_checkout_that_cannot_be_written_to(fresh):
    """What is built there is used as it is."""
    read_only = ["unshare", "--map-root-user", "--mount"] if os.geteuid() else ["unshare", "--mount"]
    if subprocess.run([*read_only, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no mount namespaces here")
    mount = "mount --bind . . && mount -o remount,bind,ro . && cd ."
    build = f"{' '.join(read_only)} sh -c '{mount} && exec $PWD/.ci/build release'"
    status, out, err = fresh.bash(build)
    assert (status, out) == (1, "") and "can't be written to, and nothing is built there" in err
    (fresh.path / "build/release/bin").mkdir(parents=True)
    (fresh.path / "build/release/bin/chatd").touch(mode=0o755)
    assert fresh.bash(build) == (0, "", "")


@pytest.mark.parametrize("status", [0, 8])
def test_tests_leave_nothing_behind_whatever_becomes_of_them(fresh, status):
    shutil.copy(ROOT / "test", fresh.path)
    fresh.tool("dpkg-query", r"sed -n 's/^[a-z]*  *\([a-z0-9+-]*\)  *[a-z]*:.*/|installed \1|/p' .ci/packages")
    fresh.tool("cmake", "mkdir -p build/asan")
    fresh.tool("ctest", f'mkdir "$TMPDIR/of-a-test" && touch "$TMPDIR/of-a-test/file" && echo ran; exit {status}')
    assert fresh.bash("./test")[:2] == (status, "ran\n")
    assert not list(fresh.tmp.iterdir())
