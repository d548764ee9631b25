"""The man page says what the table of commands says."""

import os
import shutil
import subprocess

import chat
import pytest

PAGE = chat.ROOT / "chatctl/man/chatctl.1.scd"
BEGIN, END = "# SYNOPSIS\n\n", "\n# DESCRIPTION"


def test_synopsis(ctl):
    """UPDATE_GOLDEN=1 writes it anew."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    synopsis, _, tail = rest.partition(END)
    if os.environ.get("UPDATE_GOLDEN"):
        synopsis = ctl("__man-synopsis")
        PAGE.write_text(head + BEGIN + synopsis + END + tail, encoding="utf-8")
    assert synopsis == ctl("__man-synopsis")


def test_it_formats():
    if not shutil.which("scdoc"):
        pytest.skip("no scdoc")
    done = subprocess.run(["scdoc"], input=PAGE.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"" and done.stdout.startswith(b'.\\"')


def test_options_and_statuses_are_there(ctl):
    text = PAGE.read_text(encoding="utf-8")
    for option in ctl("__complete", "--").split():
        if option.startswith("--"):
            assert f"*{option}*" in text, option
    for status in (0, 1, 2, 3, 4, 5, 6, 130):
        assert f"\n*{status}*\n" in text


def test_install(tmp_path, ctl):
    """Everything goes where shells and man look."""
    build = os.path.dirname(os.path.dirname(ctl.binary))
    if not os.path.exists(f"{build}/cmake_install.cmake"):
        pytest.skip("not run from a build directory")
    done = subprocess.run(["cmake", "--install", build, "--prefix", tmp_path], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    for path in ("bin/chatctl", "sbin/chatd", "share/bash-completion/completions/chatctl",
                 "share/bash-completion/completions/chatd", "share/zsh/vendor-completions/_chatctl",
                 "share/zsh/vendor-completions/_chatd", "share/fish/vendor_completions.d/chatctl.fish"):
        assert (tmp_path / path).exists(), path
    assert (tmp_path / "share/man/man1/chatctl.1").exists() or not shutil.which("scdoc")
