"""What goes against the rules of style today. A line that is no longer true makes its test fail, so that the lists
only get shorter."""

# The number of functions in each program that is above its share; it may only get smaller.
WITHOUT_PREFIX = {}
SHARED = {}

RULES = {
    "long lines": """
cmake/man.sh
common/redis/scripts/append.lua
docs/PROTOCOL.md
tests/CATALOGUE.md
tests/bench/baseline
tests/bench/capacity.py
tests/bench/flood
tests/bench/plot.py
tests/bench/results.md
tests/bench/run
tests/fault/README.md
tests/fuzz/run
tests/integration/commands.py
tests/integration/redis_shapes.py
tests/integration/test_config.py
tests/integration/test_frames.py
tests/integration/test_handshake.py
tests/integration/test_http.py
tests/integration/test_install.py
tests/integration/test_proxies.py
tests/integration/test_redis_faults.py
tests/integration/test_shapes.py
tests/integration/test_tls.py
tests/package/boot
tests/style/test_names.py
tests/tui/test_death.py
tests/tui/test_hostile.py
tests/tui/test_plain.py
tests/tui/test_run.py
tests/tui/test_settings.py
tests/tui/test_wss.py
""",
    "bool is_": """
tests/unit/test_clock.c
tests/unit/test_reference.c
""",
}


def only(rule, found):
    """What is found must be what is known, in any order."""
    known = set(RULES.get(rule, "").strip().splitlines())
    new, gone = sorted(set(found) - known), sorted(known - set(found))
    assert not new, f"{rule}:\n" + "\n".join(new)
    assert not gone, f"no longer true, to be dropped from known.py, {rule}:\n" + "\n".join(gone)
