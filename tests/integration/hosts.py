"""Hosts with names that only the test knows: hosts(tmp_path, "many 127.0.0.3", …) is a command that runs another one in
a mount namespace, where /etc holds nothing but what the system's resolver reads."""

import os
import subprocess

import pytest

ALONE = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh"]


def hosts(tmp_path, *lines, hangs=False):
    """The lines of /etc/hosts, the other way round: a name and its addresses. `hangs`: whoever reads it waits."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "nsswitch.conf").write_text("hosts: files\n")
    (etc / "host.conf").write_text("multi on\n")
    if hangs:
        os.mkfifo(etc / "hosts")
    else:
        words = [line.split() for line in lines]
        (etc / "hosts").write_text("".join(f"{address} {name}\n" for name, *rest in words for address in rest))
    command = [*ALONE, str(etc)]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespace for a mount")
    return command
