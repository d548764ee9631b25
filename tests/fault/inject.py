"""The test's side of inject.c: makes chatd_injected's allocations fail."""

import mmap
import os
import pathlib
import struct
import tempfile

COUNTDOWN, FAILED, CALLS = range(3)


def binary():
    """chatd_injected, beside the chatd that is tested; None if it was not built."""
    path = pathlib.Path(os.environ["CHATD_BIN"]).parent.parent / "tests" / "chatd_injected"
    return str(path) if path.exists() else None


class Inject:
    def __init__(self):
        with tempfile.NamedTemporaryFile(prefix="chat-inject-", delete=False) as file:
            file.write(bytes(mmap.PAGESIZE))
            self.path = file.name
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 0)

    @property
    def env(self):
        return {"CHATD_INJECT": self.path}

    def _get(self, i):
        return struct.unpack_from("q", self.page, 8 * i)[0]

    def _set(self, i, value):
        struct.pack_into("q", self.page, 8 * i, value)

    def fail(self, n):
        """The n-th allocation from now on fails; 0: none does."""
        self._set(COUNTDOWN, n)

    @property
    def failed(self):
        return self._get(FAILED)

    @property
    def calls(self):
        return self._get(CALLS)

    def close(self):
        self.page.close()
        os.unlink(self.path)
