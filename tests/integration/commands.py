"""What the sources send to Redis, read from the sources: {"chatd": {"zadd", "xinfo|stream", ...}, "chatctl": ...}."""

import re

import chat

CONTAINERS = {"acl", "client", "cluster", "config", "memory", "object", "script", "sentinel", "xinfo"}
# Open to all, or asked of sentinels, which have users of their own.
NOT_GRANTED = {"auth", "hello", "sentinel|get-master-addr-by-name"}


def source(path):
    return (chat.ROOT / path).read_text(encoding="utf-8")


def sources(*folders):
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders
                     for path in sorted((chat.ROOT / folder).rglob("*.c")))


def named(text, pattern):
    """Commands that `pattern` finds in text; of some, the subcommand is what counts."""
    found = set()
    for match in re.finditer(pattern, text):
        names = re.findall(r"""["']([A-Z]+)["']""", match.group(0))
        rest = re.match(r"""[^;]*?(?:;\s*cmd_literal\([^"]*|,\s*)["']([A-Za-z-]+)["']""", text[match.end():])
        found |= {f"{n}|{rest[1]}".lower() if n.lower() in CONTAINERS and rest else n.lower() for n in names}
    return found


def of_scripts():
    """{"APPEND": {"xadd", ...}}"""
    table = {}
    for symbol, file in re.findall(r"X\(([A-Z_]+), ([a-z_]+)\)", source("common/redis/script.h")):
        text = source(f"common/redis/scripts/{file}.lua")
        uses = re.findall(r"^-- uses (\w+)$", text, re.M)
        text = "".join(source(f"common/redis/scripts/{used}.lua") for used in uses) + text
        table[symbol] = named(text, r"redis\.p?call\([^,()]*'[A-Z]+'")
    return table


def of_builders():
    """{"cmd_join": {"evalsha", "zadd", ...}}, private helpers included in their callers."""
    text, scripts = source("common/redis/cmd.c"), of_scripts()
    bodies = dict(re.findall(r"^(?:static )?\w[\w *]*?\b(\w+)\([^;{]*\) \{\n(.*?)^\}", text, re.M | re.S))
    found = {}
    for name, body in bodies.items():
        found[name] = named(body, r"cmd_begin\(c, [^;]*\"[A-Z]+\"(?: : \"[A-Z]+\")?")
        for symbol in re.findall(r"SCRIPT_(\w+)", body):
            found[name] |= scripts.get(symbol, set()) | {"evalsha"}
    for name, body in bodies.items():
        for other in re.findall(r"\b(\w+)\(c, ", body):
            if other in bodies and not other.startswith("cmd_"):
                found[name] |= found[other]
    return found


def sent():
    builders, programs = of_builders(), {}
    blocking = source("common/redis/redis_sync.c") + source("common/redis/peer.c")
    for program, text in (("chatd", sources("chatd")), ("chatctl", sources("chatctl") + blocking)):
        commands = named(text, r"(?:cmd_begin|fsck_key_command)\((?:[^;\"]|\([^)]*\))*?\"[A-Z]+\"(?: : \"[A-Z]+\")?")
        for used in set(re.findall(r"\b(cmd_\w+)\(", text)):
            commands |= builders.get(used, set())
        programs[program] = commands - NOT_GRANTED
    return programs


if __name__ == "__main__":
    s = sent()
    for c in sorted(s["chatd"] | s["chatctl"]):
        print(c, *(p for p in s if c in s[p]))
