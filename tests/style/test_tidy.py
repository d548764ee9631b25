"""clang-tidy, with the checks of .clang-tidy, on the programs' files: those that differ from origin/main, or where
nothing does from the commit before; STYLE_ALL=1: all, which takes three minutes on two cores."""

import os
import re
import shutil
import subprocess

import pytest
import tree


def git(*args):
    return subprocess.run(["git", *args], cwd=tree.ROOT, text=True, capture_output=True).stdout.split()


def changed():
    for base in "origin/main", "HEAD~1":
        fork = git("merge-base", "HEAD", base)
        names = git("diff", "--name-only", *fork) if fork else []
        if names:
            return names
    return []


def files():
    """Those to look at. A header is looked at where it is implemented."""
    every = [name for name in tree.sources() if name.endswith(".c")]
    if os.environ.get("STYLE_ALL"):
        return every
    names = {re.sub(r"\.h$", ".c", name) for name in changed()}
    return [name for name in every if name in names]


@pytest.mark.skipif(not files(), reason="nothing has changed")
@pytest.mark.parametrize("name", files())
def test_clang_tidy(name):
    done = subprocess.run([shutil.which("clang-tidy") or "clang-tidy", "-p", tree.BUILD, "--quiet",
                           "--warnings-as-errors=*", tree.ROOT / name], text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
