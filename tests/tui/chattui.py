"""chattui as the tests see it."""

import os
import re

from chat import PATIENCE, wait_until
from terminal import Pty, Tmux

PASSWORD = "correct horse"  # as of chat.Client
NEW, OFFER = "is new here. A new account? y/n", "Enter makes a new account"  # for a name that nobody has


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
        text = self.wait(rf"(?m)^ ?online|{re.escape(NEW)}|{OFFER}", timeout=timeout)
        if NEW in text or OFFER in text:
            self.keys("y" if NEW in text else "Enter")
        return self.wait(r"(?m)^ ?online", timeout=timeout)

    def wait_said(self, name, text, timeout=PATIENCE):
        """A message that is stored: not pending any more."""
        return self.wait(rf"(?m){name} [│@] {text}", timeout=timeout)


class Bare(Pty):
    """On a bare pty."""

    def wait_online(self):
        wait_until(lambda: self.read(0.05) is not None and (b"online" in self.out or NEW.encode() in self.out))
        if NEW.encode() in self.out:
            self.send("y")
        return self.wait("online")
