"""What `cmake --install` puts where: a service that systemd takes, as confined as it can be, settings that chatd takes,
and man pages that name every option. The packages themselves are tried by tests/package/run."""

import os
import pathlib
import re
import shutil
import subprocess

import chat
import pytest

EXPOSURE = 2.0  # of 10, by systemd-analyze; the unit has 1.2


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    build = pathlib.Path(os.environ["CHATD_BIN"]).parents[1]
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("not run from a build directory")
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["cmake", "--install", build, "--prefix", root], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return root


def chatd(*argv):
    return subprocess.run([os.environ["CHATD_BIN"], *map(str, argv)], capture_output=True, text=True, check=False)


def options(program):
    """Rows of its table that people see: (name, type)"""
    out = subprocess.run([binary(program), "--list-options"], capture_output=True, text=True, check=True).stdout
    return [(row[0], row[2]) for row in (line.split("\t") for line in out.splitlines()) if row[5]]


def binary(program):
    return pathlib.Path(os.environ["CHATD_BIN"]).with_name(program)


def names(file, pattern):
    """What a table in the source calls its rows."""
    found = re.findall(pattern, (chat.ROOT / "chattui" / file).read_text(encoding="utf-8"), flags=re.M)
    assert len(found) > 20
    return found


def test_everything_is_there(installed):
    for path in ("sbin/chatd", "bin/chatctl", "bin/chattui", "etc/chatd.conf",
                 "lib/systemd/system/chatd.service", "lib/systemd/system/chatd.socket",
                 "lib/sysusers.d/chatd.conf", "lib/tmpfiles.d/chatd.conf", "share/doc/chatd/redis-users.conf",
                 "share/doc/chatd/README.md", "share/doc/chatd/SECURITY.md", "share/doc/chatd/CHANGELOG.md",
                 "share/doc/chatd/operations.md", "share/doc/chatd/chatctl.md", "share/doc/chatd/chattui.md",
                 "share/doc/chatd/clients.md", "share/doc/chatd/PROTOCOL.md", "share/doc/chatd/schema.json"):
        assert (installed / path).exists(), path
    assert not re.search(r"@\w+@", (installed / "lib/systemd/system/chatd.service").read_text())


def test_links_of_installed_pages_lead_somewhere(installed):
    pages = sorted((installed / "share/doc/chatd").glob("*.md"))
    assert len(pages) > 5
    for file in pages:
        links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", file.read_text(encoding="utf-8"))
        dead = [link for link in links if link and not (file.parent / link).exists()]
        assert not dead, (file.name, dead)


def test_the_client_alone(tmp_path):
    """What its package holds: see packaging/packages.cmake."""
    build = pathlib.Path(os.environ["CHATD_BIN"]).parents[1]
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("not run from a build directory")
    done = subprocess.run(["cmake", "--install", build, "--prefix", tmp_path, "--component", "chattui"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    manual = {"share/man/man1/chattui.1", "share/man/man5/chattui.conf.5"} if shutil.which("scdoc") else set()
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "bin/chattui", "share/bash-completion/completions/chattui", "share/zsh/vendor-completions/_chattui",
        "share/fish/vendor_completions.d/chattui.fish"} | manual


def test_the_settings_that_are_shipped_are_right(installed, tmp_path):
    """As they are, and with every line that is commented out."""
    text = (installed / "etc/chatd.conf").read_text()
    (tmp_path / "all.conf").write_text(re.sub(r"^#(\w[\w-]* = )", r"\1", text, flags=re.M))
    assert (tmp_path / "all.conf").read_text() != text
    for path in installed / "etc/chatd.conf", tmp_path / "all.conf":
        done = chatd("--config", path, "--check-config")
        assert done.returncode == 0, done.stderr


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")


@needs_systemd
def test_the_unit_is_confined(installed):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                           f"--threshold={EXPOSURE * 10:.0f}",
                           installed / "lib/systemd/system/chatd.service"], capture_output=True, text=True, check=False)
    if "Unknown" in done.stderr or "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze can't look at files")
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert float(re.search(r"exposure level for chatd.service: ([\d.]+)", done.stdout)[1]) <= EXPOSURE


@needs_systemd
def test_systemd_takes_the_units(installed, tmp_path):
    for name in "chatd.service", "chatd.socket":
        text = (installed / "lib/systemd/system" / name).read_text()
        text = re.sub(r"/\S*/sbin/chatd", str(installed / "sbin/chatd"), text)
        (tmp_path / name).write_text(re.sub("^Documentation=.*\n", "", text, flags=re.M))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *tmp_path.glob("chatd.*")],
                          capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "chatd" in line]
    assert not ours, done.stderr


needs_scdoc = pytest.mark.skipif(not shutil.which("scdoc"), reason="no scdoc")


def page(installed, name):
    text = (installed / f"share/man/man{name[-1]}" / name).read_text()
    return text.replace("\\-", "-").replace("\\&", "").replace("\\(aq", "'")


@needs_scdoc
@pytest.mark.parametrize("program, section", [("chatd", 8), ("chattui", 1)])
def test_man_pages_name_every_option(installed, program, section):
    flags, settings = page(installed, f"{program}.{section}"), page(installed, f"{program}.conf.5")
    instead = {"check-config", "print-acl", "print-errors"}  # no settings, but asked of the program
    assert len(options(program)) > 20
    for name, kind in options(program):
        assert f"--{name}" in flags, name
        if kind == "bool" and name not in ("help", "version"):
            assert f"--no-{name}" in flags, name
        assert (f"\\fB{name}\\fR =" in settings) == (name not in instead | {"config", "help", "version"}), name
    assert not re.search(r"^@\w+@$", flags + settings, flags=re.M)


@needs_scdoc
def test_chattui_explains_its_keys_commands_and_looks(installed):
    manual, settings = page(installed, "chattui.1"), page(installed, "chattui.conf.5")
    for action, keys in names("base/action.h", r'^ +X\(\w+, "([^"]+)", "([^"]+)"'):
        assert f"\\fB{keys}\\fR" in manual and f"\n{action} = {keys}\n" in settings, action
    for command in names("update/slash.h", r"^    X\((\w+),"):
        assert f"\\fB/{command}\\fR" in manual, command
    for style, look in names("model/theme.h", r'^ +X\(\w+, "([^"]+)", "([^"]+)"'):
        assert f"\n{style} = {look} " in settings, style


def test_versions_are_logged(start_chatd):
    node = start_chatd()
    line = next(line for line in node.log().splitlines() if "event=versions" in line)
    for library in "libwebsockets", "libuv", "hiredis", "cjson", "libsodium":
        assert re.search(rf'{library}="?\d+\.\d+', line), line
