"""chatctl doctor asks Redis about every command that is sent to it, wherever it is sent from."""

import re

import chat

FOR_EVERYBODY = {"AUTH", "HELLO"}                # Redis permits these to all users
FOR_DOCTOR = {"ACL", "CONFIG", "INFO", "DBSIZE"}  # what may not be looked at is said, and nothing else depends on it
ELSEWHERE = {"SELECT"}                           # its own connection went through it already


def sent():
    found = set()
    for folder in "common", "chatctl", "chatd":
        for path in (chat.ROOT / folder).glob("*.c"):
            found |= set(re.findall(r'(?:cmd_begin|_command)\([^,]+,\s*"([A-Z]+)"', path.read_text(encoding="utf-8")))
    text = (chat.ROOT / "common/cmd.c").read_text(encoding="utf-8")
    found |= set(re.findall(r'cmd_begin\([^;]*\? "([A-Z]+)"', text)) | set(re.findall(r'cmd_begin\([^;]*: "([A-Z]+)"', text))
    for path in (chat.ROOT / "common/scripts").glob("*.lua"):
        script = re.sub("--.*", "", path.read_text(encoding="utf-8"))
        found |= set(re.findall(r"redis\.p?call\(\s*'([A-Z]+)'", script)) | set(re.findall(r"'(SADD|SREM|XLEN|ZCARD)'", script))
    return found


def asked():
    text = (chat.ROOT / "chatctl/doctor.c").read_text(encoding="utf-8")
    tables = re.findall(r"static const char \*const NEEDED\w*\[\] = \{(.*?)NULL\}", text, re.S)
    assert len(tables) == 2
    return {row.split()[0] for table in tables for row in re.findall(r'"([^"]+)"', table)}


def test_doctor_asks_about_all_that_is_sent():
    commands = sent()
    assert len(commands) > 40
    assert commands - asked() - FOR_EVERYBODY - FOR_DOCTOR - ELSEWHERE == set()


def test_doctor_asks_for_nothing_that_is_not_sent():
    assert asked() - sent() == set()
