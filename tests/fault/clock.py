"""A wall clock of its own for a process, which can be set while it runs: libfaketime. Monotonic time goes on as it
does. Works with a sanitizer's build, too, once that is told not to mind what was loaded before it."""

import glob
import os
import tempfile

WHERE = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime")


def library():
    found = [path for where in WHERE for path in glob.glob(f"{where}/libfaketime.so.1")]
    assert found, "libfaketime is missing"
    return found[0]


class Clock:
    def __init__(self):
        with tempfile.NamedTemporaryFile(prefix="chat-clock-", delete=False) as file:
            self.path = file.name
        self.set(0)

    @property
    def env(self):
        options = os.environ.get("ASAN_OPTIONS")
        return {"LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": self.path, "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "ASAN_OPTIONS": ":".join(filter(None, (options, "verify_asan_link_order=0")))}

    def set(self, seconds):
        """It is so many seconds off."""
        with open(f"{self.path}.new", "w", encoding="ascii") as file:
            file.write(f"{seconds:+d}\n")
        os.replace(f"{self.path}.new", self.path)

    def close(self):
        os.unlink(self.path)
