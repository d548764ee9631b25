"""Every Lua script of common/redis/scripts is run by the tests of test_scripts_*.py."""

import chat
from scripts import SCRIPTS


def test_every_script_is_run():
    here = chat.ROOT / "tests/integration"
    text = "".join(path.read_text(encoding="utf-8") for path in here.glob("*scripts*.py"))
    names = {path.stem for path in SCRIPTS.glob("*.lua")} - {"position", "copying"}
    assert names and {n for n in names if f'body("{n}")' not in text and f'run("{n}"' not in text} == set()
