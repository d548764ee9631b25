"""The history checker. A run is recorded as what was sent, what was acknowledged, what each connection was
given, and what the store holds at the end; faults() says where these break a promise:

  one order for all, numbers without gaps, no acknowledged message lost, none stored twice, none
  invented, and each connection got each message once and in order from its join on, over new epochs, too.

Where Redis itself may lose its newest data (`lossy`), what was acknowledged just then may be gone: it is
counted (`lost`), and the rest holds: the channel must have begun a new epoch, and in an epoch a number is
one message for ever. So it is where an older copy of the data was put back (`restored`): what that can't hold is
counted (`lost_by_restore`).

Whoever is told that an epoch follows, or that a resume is whole, has what the store has; no message is given to one
client under two numbers, unless its sender, who had no answer, sent it again; and what a client reads that begins
anew is what is stored.

Pure: knows neither sockets nor Redis. test_history_checker.py plants each kind of fault."""

import collections
import dataclasses

FIRST_FAULTS = 20  # of a kind, that a report shows


@dataclasses.dataclass(slots=True)
class Delivery:
    seq: int
    uuid: str
    text: str
    retried: bool = False  # the answer to a message that was sent again: it may repeat what is known


@dataclasses.dataclass
class Reception:
    """What one connection was given of one channel in one epoch, from a join (or an epoch's beginning) on."""
    who: str
    epoch: str
    start: int                # the join's seq: the next message is start + 1
    deliveries: list = dataclasses.field(default_factory=list)
    whole: bool = False       # it lasted to the end of the run: nothing may be missing at its end
    follows: "Reception" = None  # the one that this goes on: nothing is missing between them, the client was told
    page: list = None         # (seq, uuid), newest first: what a client read that began anew

    @property
    def client(self):
        """Who it was, on whatever connection."""
        return self.who.partition("#")[0]


@dataclasses.dataclass(slots=True)
class Ack:
    epoch: str
    seq: int
    at: float = 0.0           # when it came (monotonic)


class History:
    """One channel's. `stored` is the channel's log at the end, as (seq, uuid, text) in its own order; `epoch`
    is the one it is in. The log keeps what is left of earlier epochs, under the same numbers."""

    def __init__(self, channel="0"):
        self.channel = channel
        self.sent = {}          # uuid: text
        self.lines = []         # lists of uuids sent in this order by one connection, each sent once
        self.acks = {}          # uuid: Ack
        self.receptions = []
        self.epoch = None
        self.stored = []
        self.before = {}        # epoch: {seq: uuid} of the log in an epoch that is over, when somebody looked
        self.lossy = []         # (start, end): acknowledged between these, a message may be lost
        self.restored = []      # the same, since a copy was put back that was taken at `start`
        self.resent = set()     # uuids that were sent more than once
        self.lost = []          # uuids that were, found by faults()
        self.lost_by_restore = []

    def faults(self):
        """{kind of fault: [descriptions]}, empty when all is well."""
        found = collections.defaultdict(list)
        self._check_store(found)
        self._check_acks(found)
        self._check_lines(found)
        seen = {}  # (epoch, seq): uuid, as the first one was told
        self._check_numbers(found, seen)
        for reception in self.receptions:
            self._check_reception(found, reception, seen)
            self._check_page(found, reception, seen)
        self._check_followed(found, seen)
        self._check_once(found)
        return dict(found)

    def check(self):
        found = self.faults()
        assert not found, f"channel {self.channel}:\n" + "\n".join(
            f"{kind}: {len(cases)}\n  " + "\n  ".join(cases[:FIRST_FAULTS]) for kind, cases in found.items())

    def _starts(self):
        """[(epoch, the first number that anybody had in it)], in the order in which epochs came up."""
        starts = {}
        for r in self.receptions:
            starts[r.epoch] = min(r.start, starts.get(r.epoch, r.start))
        return list(starts.items())

    # The store

    def _epochs(self):
        return {r.epoch for r in self.receptions} | {self.epoch}

    def _check_store(self, found):
        numbers = [seq for seq, _, _ in self.stored]
        gaps = [f"{after} follows {before}" for before, after in zip(numbers, numbers[1:]) if after != before + 1]
        if len(gaps) >= len(self._epochs()):  # a new epoch may begin behind lost numbers
            found["gap in the store"] += gaps
        times = collections.Counter(uuid for _, uuid, _ in self.stored)
        for uuid, n in times.items():
            if n > 1:
                found["stored twice"].append(f"{uuid} {n} times")
        for seq, uuid, text in self.stored:
            if uuid not in self.sent:
                found["invented"].append(f"{seq} {uuid} in the store")
            elif self.sent[uuid] != text:
                found["altered"].append(f"{seq} {uuid} in the store")

    def _check_acks(self, found):
        at = {uuid: seq for seq, uuid, _ in self.stored}
        self.lost, self.lost_by_restore = [], []
        for uuid, ack in self.acks.items():
            if uuid in at:
                if at[uuid] != ack.seq:
                    found["acknowledged as another number"].append(f"{uuid}: {ack.seq}, stored as {at[uuid]}")
                continue
            kind = next((lost for times, lost in ((self.restored, self.lost_by_restore), (self.lossy, self.lost))
                         if any(start <= ack.at <= end for start, end in times)), None)
            if kind is None:
                found["acknowledged and lost"].append(f"{uuid} as {ack.seq}")
                continue
            kind.append(uuid)
            if ack.epoch == self.epoch:
                found["lost without a new epoch"].append(f"{uuid} as {ack.seq}")

    @staticmethod
    def _same(found, seen, epoch, seq, uuid, where):
        if seen.setdefault((epoch, seq), uuid) != uuid:
            found["two orders"].append(f"{where}: in {epoch} that is {seen[epoch, seq]}")

    def _check_numbers(self, found, seen):
        """In the last epoch a number is what is stored; in each it is what was acknowledged."""
        for seq, uuid, _ in self.stored:
            seen.setdefault((self.epoch, seq), uuid)
        for uuid, ack in self.acks.items():
            self._same(found, seen, ack.epoch, ack.seq, uuid, f"{uuid} acknowledged as {ack.seq}")

    def _check_lines(self, found):
        """What one connection sent, and sent once, is stored in the order it was sent."""
        at = {uuid: seq for seq, uuid, _ in self.stored}
        for line in self.lines:
            numbers = [(at[uuid], uuid) for uuid in line if uuid in at]
            for before, after in zip(numbers, numbers[1:]):
                if after[0] < before[0]:
                    found["order of a sender"].append(f"{after[1]} as {after[0]} behind {before[1]} as {before[0]}")

    # What was given

    @staticmethod
    def _given(reception):
        """The deliveries without the answers that only repeat: one counts if the message did not come,
        and will not come, in its turn."""
        in_turn = {d.seq for d in reception.deliveries if not d.retried}
        for d in reception.deliveries:
            if d.retried and (d.seq <= reception.start or d.seq in in_turn):
                continue
            if d.retried:
                in_turn.add(d.seq)
            yield d

    def _check_change(self, found, before, after):
        """A connection that is told of a new epoch has, or is given first, what is left of the one before. What is
        stored now under the same numbers may be of an epoch since then, or in between."""
        had = {d.uuid for d in before.deliveries}
        last = max((d.seq for d in before.deliveries if not d.retried), default=before.start)
        since = self._starts()
        end = min([start for epoch, start in since[[epoch for epoch, _ in since].index(before.epoch):]
                   if epoch not in (before.epoch, after.epoch)] + [after.start])
        missed = [seq for seq, uuid, _ in self.stored if last < seq <= end and uuid not in had]
        if missed:
            found["missed at a new epoch"].append(f"{after.who}: {missed[0]} to {missed[-1]}")

    def _check_reception(self, found, reception, seen):
        if reception.follows:
            self._check_change(found, reception.follows, reception)
        last = reception.start
        stored = {seq: uuid for seq, uuid, _ in self.stored} if reception.epoch == self.epoch else None
        for d in self._given(reception):
            where = f"{reception.who}: {d.seq} behind {last} ({d.uuid})"
            if d.seq == last:
                found["given twice"].append(where)
            elif d.seq < last:
                found["given out of order"].append(where)
            elif d.seq > last + 1:
                found["gap in what was given"].append(where)
            last = max(last, d.seq)
            if d.uuid not in self.sent:
                found["invented"].append(where)
            elif self.sent[d.uuid] != d.text:
                found["altered"].append(where)
            self._same(found, seen, reception.epoch, d.seq, d.uuid, where)
            if stored is not None and d.seq not in stored and d.seq > min(stored, default=0):
                found["given and not stored"].append(where)
        if reception.whole and self.stored and reception.epoch == self.epoch and last < self.stored[-1][0]:
            found["end missing"].append(f"{reception.who}: has {last} of {self.stored[-1][0]}")

    # What was said of it

    def _check_followed(self, found, seen):
        """Who was told that nothing is missing has the messages that the store has up to there."""
        logs = {**self.before, self.epoch: {seq: uuid for seq, uuid, _ in self.stored}}
        had = {}  # id of a reception: {seq: uuid} of what its client had when it ended, by what it goes on
        for r in self.receptions:
            before = {seq: uuid for seq, uuid in had.pop(id(r.follows), {}).items() if seq <= r.start}
            if r.follows and r.follows.epoch != r.epoch:
                self._check_hole(found, seen, r, before, logs.get(r.epoch, {}))
            had[id(r)] = before | {d.seq: d.uuid for d in r.deliveries if not d.retried}

    @staticmethod
    def _check_hole(found, seen, r, before, stored):
        first = min(stored, default=float("inf"))
        other = [seq for seq, uuid in before.items()
                 if seen.setdefault((r.epoch, seq), uuid) != uuid or (seq > first and seq not in stored)]
        if other:
            found["a hole that is called none"].append(f"{r.who}: up to {r.start} in {r.epoch}, {len(other)} others "
                                                       f"from {min(other)} on")

    def _check_once(self, found):
        given = {}  # (client, uuid): (epoch, seq)
        for r in self.receptions:
            for d in r.deliveries:
                place = (r.epoch, d.seq)
                if d.retried or d.uuid in self.resent:
                    continue
                if given.setdefault((r.client, d.uuid), place) != place:
                    found["given again"].append(f"{r.who}: {d.uuid} as {place}, before as {given[r.client, d.uuid]}")

    def _check_page(self, found, r, seen):
        """What a client read that began anew."""
        if not r.page:
            return
        for seq, uuid in r.page:
            self._same(found, seen, r.epoch, seq, uuid, f"{r.who}: the page at {r.start}")
        if r.epoch == self.epoch and self.stored:
            newest, oldest = r.page[0][0], max(r.page[-1][0], self.stored[0][0])
            stored = [(seq, uuid) for seq, uuid, _ in self.stored if oldest <= seq <= newest]
            if [entry for entry in r.page if entry[0] >= oldest] != stored[::-1]:
                found["a page that is not what is stored"].append(f"{r.who}: {oldest} to {newest}")
