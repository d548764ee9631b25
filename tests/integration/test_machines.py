"""What makes the project build and run on machines other than the one it was written on; tests/platform/run tries it on whole
releases."""

import json
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
