"""The driver: its short form, its schedule, and that it goes red when somebody lies (the checker alone is
tested in integration/test_history_checker.py)."""

import argparse
import contextlib
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import threading
import types

import pytest
from faults import OF_SHAPE, Fault, paused, schedule, scripts_flushed
from liar import LIES
from world import Single

RUN = pathlib.Path(__file__).with_name("run")
SMALL = ["--quiet", "--messages=600", "--faults=1", "--only=scripts_flushed", "--clients=8", "--channels=3"]

# What the checker says of each lie
NOTICED = {"drop": "gap in what was given", "twice": "given twice", "alter": "altered", "invent": "invented",
           "swap": "given out of order", "lose": "acknowledged and lost"}


def run(*arguments):
    done = subprocess.run([sys.executable, RUN, *arguments], capture_output=True, text=True, timeout=900)
    print(done.stdout, done.stderr)
    return done


def run_until_lost(what, *arguments):
    """With one seed after the other until the line `what` counts some, as on a busy machine the first may not."""
    for seed in 4, 5, 6, 7:
        done = run("--quiet", f"--seed={seed}", *arguments)
        assert done.returncode == 0
        line = next(line for line in done.stdout.splitlines() if line.startswith(what))
        if int(line.split()[3]) > 0:
            return
    raise AssertionError(f"{what}: none, and the test shows nothing")


def test_short_form():
    """>= 5,000 messages, >= 12 faults, with a seed of its own each time, which the driver prints."""
    assert run("--quiet").returncode == 0


@pytest.mark.parametrize("shape,mode", [("sentinel", "D2"), ("cluster", "D2"), ("cluster", "D0")])
def test_masters_die(shape, mode):
    """R2, R7: what a replica was waited for to have is there when that one is promoted; else what is lost is
    lost with its epoch."""
    assert run("--quiet", "--redis-shape", shape, "--durability", mode, "--messages=900", "--faults=4",
               "--only=master_killed,links_cut,node_killed").returncode == 0


def test_what_redis_loses_in_d0_is_no_fault_of_ours():
    """The same seed each time: power cuts and kills."""
    run_until_lost("lost by Redis", "--durability=D0", "--messages=1500", "--faults=6",
                   "--only=power_cut,everything_killed,redis_killed")


@pytest.mark.parametrize("shape", OF_SHAPE)
def test_an_older_copy_and_two_failovers_at_once_are_told(shape):
    """R6, R7: what a copy that is put back can't hold is lost with its epoch, and nothing comes again as new."""
    run_until_lost("lost by copies", "--redis-shape", shape, "--messages=900", "--faults=3",
                   "--only=older_copy_put_back,failed_over_twice")


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_noticed(lie):
    done = run(*SMALL, "--seed=3", "--lie", lie)
    assert done.returncode == 1 and NOTICED[lie] in done.stdout


def test_honest_as_the_lies_are_it_passes():
    assert run(*SMALL, "--seed=3").returncode == 0


def test_a_seed_gives_the_same_schedule_again():
    assert schedule(7, 50, 5000, 3) == schedule(7, 50, 5000, 3) != schedule(8, 50, 5000, 3)
    for shape, kinds in OF_SHAPE.items():
        assert {fault.kind for fault in schedule(7, 50, 5000, 3, shape)} == {kind.__name__ for kind in kinds}
    plans = [run("--plan", "--seed=7").stdout for _ in range(2)]
    assert plans[0] == plans[1] and plans[0].count("after") == 22


@pytest.fixture
def one_shape():
    """The driver's own Run, with nothing in it."""
    loader = importlib.machinery.SourceFileLoader("fault_run", str(RUN))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fault_run", loader))
    loader.exec_module(module)
    options = argparse.Namespace(quiet=True, durability=None, shapes=["single"], messages=1, faults=1)
    return module.Run(options, "single")


@contextlib.contextmanager
def taken_down(server):
    """As a fault does that another thread carries out."""
    down, back = threading.Event(), threading.Event()

    def take():
        with server.lock:
            server.server.kill()
            down.set()
            back.wait()

    thread = threading.Thread(target=take)
    thread.start()
    down.wait()
    yield
    back.set()
    thread.join()


@pytest.mark.parametrize("kind", [scripts_flushed, paused])
def test_a_fault_that_finds_its_server_down_is_skipped_and_counted(one_shape, kind):
    redis = Single("D1")
    fault = Fault(kind.__name__, 0, 0, 0.01, 1, True)
    try:
        with taken_down(redis):
            one_shape.strike(types.SimpleNamespace(redis=redis), kind, fault)
        assert not one_shape.trouble and one_shape.skipped == {kind.__name__: 1}
        one_shape.strike(types.SimpleNamespace(redis=redis), kind, fault)  # and nobody is to blame for that
        assert one_shape.trouble and one_shape.skipped == {kind.__name__: 1}
    finally:
        redis.destroy()


def test_an_outage_of_redis_is_told_from_what_chatd_adds():
    for seed in 3, 4, 5:  # on a busy machine all may have been said before Redis hangs
        done = run(*SMALL, "--only=redis_hangs_for_long", f"--seed={seed}")
        assert done.returncode == 0
        found = re.search(r"at most ([\d.]+) s at a time; chatd served again at most ([\d.]+) s", done.stdout)
        outage, behind = map(float, found.groups())
        if outage:
            break
    assert outage > 3 > behind
    assert "a bystander    had each answer within" in done.stdout


def test_wrong_usage():
    assert run("--only=nonsense").returncode == 2
    assert run("--chatd=/nonexistent/chatd").returncode == 2


def test_a_node_that_crashes_is_trouble(tmp_path):
    """Nothing is lost, but a node is gone."""
    chatd = tmp_path / "chatd"
    chatd.write_text(f'#!/bin/sh\n( sleep 3; kill -KILL $$ ) &\nexec {os.environ["CHATD_BIN"]} "$@"\n')
    chatd.chmod(0o755)
    done = run(*SMALL, "--chatd", str(chatd), "--seed=3", "--messages=3000")
    assert done.returncode == 1 and "is gone with -9" in done.stdout
