"""The bench runs. What it measures is no business of a machine that does other things beside."""

import os
import pathlib
import subprocess


def test_bench():
    command = pathlib.Path(__file__).with_name("bench")
    done = subprocess.run([command, "--quick"], env=os.environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for figure in "first paint", "key to screen", "memory with", "page up", "idle":
        assert figure in done.stdout, done.stdout + done.stderr
