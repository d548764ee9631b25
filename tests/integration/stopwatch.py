"""Time limits that hold on a machine with other work: what counts is how long things took, less what this process and
those that it started were ready to run and had to wait for a processor. With nothing else to do that is next to nothing.

    watch = Stopwatch();  …;  assert watch.seconds() < 3"""

import os
import pathlib
import time

_looked = -1.0, 0.0  # when, and what was found
_waited = {}  # {(pid, its start): seconds that it was ready and did not run}; of those that ended, too


def _descendants(pid):
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            yield int(child)
            yield from _descendants(child)


def waited_for_a_processor(pids=()):
    """Seconds, of all of us together since each began; or of these processes."""
    of = set()
    for pid in set(pids) or {os.getpid(), *_descendants(os.getpid())}:
        try:
            born = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            threads = [path.read_text().split() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")]
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        waited = sum(int(fields[1]) for fields in threads if len(fields) == 3) / 1e9
        of.add((pid, born))
        _waited[pid, born] = max(waited, _waited.get((pid, born), 0))
    return sum(_waited[one] for one in (of if pids else _waited))


def lately():
    """The same of a moment ago: one look costs a millisecond."""
    global _looked
    now = time.monotonic()
    if now - _looked[0] > 0.25:
        _looked = now, waited_for_a_processor()
    return _looked[1]


class Stopwatch:
    """`of`: only these processes are excused."""

    def __init__(self, of=(), waited=None):
        self.start, self.of = time.monotonic(), of
        self.waited = waited_for_a_processor(of) if waited is None else waited

    def wall(self):
        return time.monotonic() - self.start

    def seconds(self):
        return self.wall() - (waited_for_a_processor(self.of) - self.waited)


class Deadline(Stopwatch):
    """So many seconds from now on. Cheap, for each frame that is waited for."""

    def __init__(self, limit):
        super().__init__(waited=lately())
        self.limit = limit

    def left(self):
        """How long to wait now; 0 when it is over."""
        left = self.limit - self.wall()
        return max(left if left > 0 else self.limit - self.seconds(), 0)
