"""Time limits that hold on a machine with other work: what counts is how long things took, less what this process
computed by itself, and less what it and those that it started were ready to run and had to wait for a processor, with
the work that piled up meanwhile. On a machine with nothing else to do that is next to nothing.

    watch = Stopwatch();  …;  assert watch.seconds() < 3"""

import contextlib
import os
import pathlib
import time

_looked = -1.0, {}  # when, and what was found
_threads = {}  # {process: {thread: (seconds that it computed, that it waited)}}; those that ended, too


def _descendants(pid):
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for child in path.read_text().split():
                yield int(child)
                yield from _descendants(child)


def spans(pids=()):
    """{(process, its start): (seconds that it computed, that it waited)}, of all of us; or of these processes."""
    of = set()
    for pid in set(pids) or {os.getpid(), *_descendants(os.getpid())}:
        try:
            born = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            threads = {path: path.read_text().split() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")}
        except (OSError, IndexError):
            continue
        of.add((pid, born))
        _threads.setdefault((pid, born), {}).update(
            {path: (int(fields[0]) / 1e9, int(fields[1]) / 1e9) for path, fields in threads.items() if fields})
    return {one: tuple(map(sum, zip(*_threads[one].values(), (0, 0)))) for one in (of if pids else _threads)}


def lately():
    """The same of a moment ago: one look costs a millisecond."""
    global _looked
    now = time.monotonic()
    if now - _looked[0] > 0.25:
        _looked = now, spans()
    return _looked[1]


class Stopwatch:
    """`of`: only these processes are excused."""

    def __init__(self, of=(), so_far=None):
        self.start, self.of = time.monotonic(), of
        self.so_far = spans(of) if so_far is None else so_far

    def wall(self):
        return time.monotonic() - self.start

    def excused(self):
        total = 0
        for one, (computed, waited) in spans(self.of).items():
            before = self.so_far.get(one, (0, 0))
            computed, waited = computed - before[0], waited - before[1]
            ours = one[0] == os.getpid()
            total += waited + (computed if ours else min(computed, waited))  # of what piled up while it waited
        return total

    def seconds(self):
        return self.wall() - self.excused()


class Deadline(Stopwatch):
    """So many seconds from now on. Cheap, for each frame that is waited for."""

    def __init__(self, limit):
        super().__init__(so_far=lately())
        self.limit = limit

    def left(self):
        """How long to wait now; 0 when it is over."""
        left = self.limit - self.wall()
        return max(left if left > 0 else self.limit - self.seconds(), 0)
