"""chattui as the tests see it."""

import os

from chat import PATIENCE
from terminal import Pty, Tmux

PASSWORD = "correct horse"  # as of chat.Client
ONLINE = r"online"


def url(at):
    return at if isinstance(at, str) else f"ws://{at.address}/ws"


def argv(at, name, home, args=()):
    words = [os.environ["CHATTUI_BIN"], "--server", url(at)]
    if name:
        password = home / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD + "\n")
        words += ["--user", name, "--password-file", str(password)]
    return words + list(args)


class Window(Tmux):
    """In tmux."""

    def wait_online(self, timeout=PATIENCE):
        return self.wait(r"(?m)^ ?online", timeout=timeout)

    def wait_said(self, name, text, timeout=PATIENCE):
        """A message that is stored: not pending any more."""
        return self.wait(rf"(?m){name} [│@] {text}", timeout=timeout)


class Bare(Pty):
    """On a bare pty."""

    def wait_online(self):
        return self.wait("online")
