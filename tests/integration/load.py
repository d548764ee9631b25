"""Load: members who send and listen all the time, while a test breaks things under them, with everything
recorded for the history checker.

    with Load([node_a, node_b], server, prefix) as load:
        load.wait_acked(200)
        server.kill(); server.start()
        load.wait_acked(200)
    load.check()

Each member is a client as the reference describes one: it sends an unanswered or `unavailable` message
again under the same UUID, on the same or a new connection, until it is acknowledged; after a drop it
comes back with its key and `since`. All are in the public channel; `pairs` of them have a private one, too.
It runs on a loop in a thread of its own, on plain sockets; every frame is held against the schema (or,
with `sample`, one in so many messages and refusals and all else). `nodes` may be changed while it runs: members find
the new ones."""

import array
import asyncio
import collections
import dataclasses
import json
import os
import random
import threading
import time

import chat
from history import Ack, Delivery, History, Reception
from stopwatch import Stopwatch, lately

TICK = 0.01            # seconds between two looks at who may send
LOOK = 0.3             # seconds between two looks at all that is stored
AGAIN = 0.1            # seconds until something `unavailable` is asked for again; longer each time, up to …
AGAIN_MAX = 1.0        # … this
PASSING = {"unavailable", "busy", "unconfirmed"}  # errors that mean: again
PUBLIC = "0"
PAGE = 50              # messages that are read where an epoch doesn't follow
MANY = b'{"type":"channelMessage"', b'{"type":"error"'  # what comes in thousands


def new_seed():
    """Set CHAT_SEED to replay a run; the seed is printed when a test fails."""
    return int(os.environ.get("CHAT_SEED", 0)) or random.SystemRandom().randrange(1, 10**9)


@dataclasses.dataclass
class Outgoing:
    uuid: str
    text: str
    attempts: int = 0
    watch: Stopwatch = None  # runs since it was sent


class Wire(asyncio.Protocol):
    """A WebSocket connection of a member."""

    def __init__(self, member):
        self.member = member
        self.buffer = b""
        self.open = False  # the handshake is done

    def connection_made(self, transport):
        self.transport = transport
        transport.write(chat.handshake())

    def connection_lost(self, exc):
        self.member.lost(self)

    def data_received(self, data):
        self.buffer += data
        if not self.open:
            head, mark, rest = self.buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.transport.abort()
                return
            self.open, self.buffer = True, rest
        try:
            self._frames()
        except Exception as error:  # a frame that fits no schema, a surprise in its content
            self.member.load.problem(f"{self.member.name}: {error!r}")
            self.transport.abort()

    def _frames(self):
        b, at = self.buffer, 0
        while len(b) - at >= 2:
            opcode, n, head = b[at] & 15, b[at + 1], 2
            if n >= 126:
                size = 2 if n == 126 else 8
                head += size
                if len(b) - at < head:
                    break
                n = int.from_bytes(b[at + 2:at + head], "big")
            if len(b) - at < head + n:
                break
            payload = b[at + head:at + head + n]
            at += head + n
            if opcode == chat.TEXT:
                self.member.frame(self, self.member.load.parse(payload))
            elif opcode == chat.PING:
                self.transport.write(chat.ws_frame(chat.PONG, payload))
            elif opcode == chat.CLOSE:
                self.member.load.closes[int.from_bytes(payload[:2], "big")] += 1
                self.transport.close()
        self.buffer = b[at:]

    def send(self, *texts):
        if not self.transport.is_closing():
            self.transport.write(b"".join(chat.ws_frame(chat.TEXT, text) for text in texts))


class Room:
    """A member's side of one channel."""

    def __init__(self, member, channel, peer=None):
        self.member, self.channel, self.peer = member, channel, peer  # peer: a user's name
        self.history = member.load.histories[channel]
        self.joined = False
        self.last = None                # {epoch, seq}: has everything up to here
        self.message = None             # UUID of the message there, if this has seen it
        self.reception = None
        self.line = None                # what this connection sent for the first time
        self.outgoing = {}              # uuid: Outgoing, not acknowledged, in the order of sending

    @property
    def recipient(self):
        """What names the channel on the wire; None while the peer has not signed in for the first time."""
        return self.member.load.users.get(self.peer) if self.peer else PUBLIC

    def ask_in(self, wire):
        """Sends the join, when the peer is known."""
        member = self.member
        if wire is not member.wire or self.joined:
            return
        if not self.recipient:
            asyncio.get_running_loop().call_later(AGAIN, self.ask_in, wire)
            return
        since = {"since": {**self.last, **self.named()}} if self.last else {}
        wire.send(chat.request("channelJoin", {"recipientUUID": self.recipient, **since},
                               requestID=f"join {self.channel}", userUUID=member.user, userAccessKey=member.key))

    def named(self):
        """The message at its place, which every other member names, too."""
        return {"UUID": self.message} if self.message and self.member.names else {}

    def entered(self, body):
        load, who = self.member.load, self.member.name
        epoch, seq, messages = body["epoch"], body["seq"], body["messages"]
        recovered = body.get("recovered", False)
        start = self.last["seq"] if recovered else seq
        if not recovered:
            numbers = [m["seq"] for m in messages]
            lost = self.history.lossy or self.history.restored
            if numbers != list(range(seq, seq - len(messages), -1)) and not lost:
                load.problem(f"{who}: a join of {self.channel} at {seq} shows {numbers}")
        if self.last and not recovered:
            load.unrecovered += 1
            if epoch == self.last["epoch"]:
                load.missed.append((who, self.channel, seq - self.last["seq"]))
        self.begin(epoch, start, follows=self.reception if recovered else None)
        if not recovered:
            self.read(messages)
        else:
            for m in messages:
                self.take(m)
            if self.last["seq"] != seq:
                load.problem(f"{who}: recovered to {self.last['seq']} of {seq} in {self.channel}")
        self.joined = True
        self.line = []
        self.history.lines.append(self.line)
        for out in list(self.outgoing.values()):
            self.post(out)

    def begin(self, epoch, seq, follows=None):
        """From a join or a new epoch on; `follows`: the reception that it goes on."""
        if not follows or self.last["seq"] != seq:
            self.message = None
        self.last = {"epoch": epoch, "seq": seq}
        self.anew = False  # the epoch does not follow: answers to what was under way then may be of numbers before it
        self.reception = Reception(f"{self.member.name}#{self.member.connections}", epoch, seq, follows=follows)
        self.history.receptions.append(self.reception)

    def read_anew(self, wire):
        """An epoch that doesn't follow: what this has may be anything."""
        if wire is self.member.wire and self.joined and not self.reception.page:
            wire.send(chat.request("channelMessages", {"recipientUUID": self.recipient, "limit": PAGE},
                                   requestID=f"page {self.channel}"))

    def read(self, messages):
        self.reception.page = [(m["seq"], m["UUID"]) for m in messages]
        if messages and messages[0]["seq"] == self.last["seq"]:
            self.message = messages[0]["UUID"]

    def take(self, m, retried=False):
        self.reception.deliveries.append(Delivery(m["seq"], m["UUID"], m["message"], retried))
        if m["seq"] == self.last["seq"] + 1:
            self.last["seq"] += 1
            self.message = m["UUID"]

    def answered(self, uuid, m):
        load = self.member.load
        out = self.outgoing.pop(uuid, None)
        if not out:
            load.problem(f"{self.member.name}: {uuid} was answered twice")
            return
        load.time_answer(out)
        self.history.acks[uuid] = Ack(self.last["epoch"], m["seq"], time.monotonic())
        load.acked += 1

    def make(self, text):
        """Sends a new message."""
        out = Outgoing(chat.new_uuid(), text)
        self.outgoing[out.uuid] = out
        self.history.sent[out.uuid] = out.text
        self.member.load.made_at[out.uuid] = time.monotonic()
        self.line.append(out.uuid)
        self.post(out)

    def post(self, out, wire=None):
        if not self.joined or out.uuid not in self.outgoing or (wire and wire is not self.member.wire):
            return
        out.attempts += 1
        out.watch = Stopwatch(so_far=lately())
        if out.attempts == 2:
            self.member.load.resent.add(out.uuid)
        self.member.wire.send(chat.request(
            "channelMessage", {"recipientUUID": self.recipient, "message": out.text, "UUID": out.uuid},
            requestID=f"{out.uuid}/{out.attempts}"))


class Member:
    """One user with one connection at a time. (Two members of one user have the same user name.)"""

    def __init__(self, load, name, username, node, sends):
        self.load, self.name, self.username, self.node, self.sends = load, name, username, node, sends
        self.names = node % 2           # … the message at its place when it resumes
        self.rng = random.Random(f"{load.seed} {name}")
        self.user = self.key = self.wire = None
        self.public = Room(self, PUBLIC)
        self.rooms = [self.public]
        self.connections = self.made = 0

    def add_room(self, channel, peer):
        self.rooms.append(Room(self, channel, peer))

    @property
    def joined(self):
        return all(room.joined for room in self.rooms)

    @property
    def outgoing(self):
        return sum(len(room.outgoing) for room in self.rooms)

    async def live(self):
        while not self.load.over:
            nodes = self.load.nodes
            node = nodes[self.node % len(nodes)]
            self.gone = asyncio.Event()
            try:
                await asyncio.get_running_loop().create_connection(lambda: Wire(self), node.host, node.port)
                await self.gone.wait()
            except OSError:
                pass
            self._out()
            self.node += self.load.wander
            if not self.load.over:
                await asyncio.sleep(self.rng.uniform(0.02, 0.1))

    def _out(self):
        for room in self.rooms:
            room.joined = False

    def lost(self, wire):
        if self.wire is wire or self.wire is None:
            self.wire = None
            self._out()
            self.gone.set()

    # What comes

    def frame(self, wire, frame):
        kind = frame["type"]
        body = frame["channelMessages" if kind == "channelRead" else kind]
        getattr(self, "on_" + kind)(wire, frame, body)

    def on_ready(self, wire, frame, body):
        self.wire = wire
        self.connections += 1
        self.enter(wire)

    def enter(self, wire):
        if wire is not self.wire:
            return
        if not self.key:
            self.wire.send(chat.request("signIn", {"username": self.username, "password": "pass"}))
        else:
            for room in self.rooms:
                room.ask_in(wire)

    def on_authorized(self, wire, frame, body):
        self.user, self.key = body["userUUID"], body["accessKey"]
        self.load.users[self.username] = self.user
        self.enter(wire)

    def on_unauthorized(self, wire, frame, body):
        self.load.signed_out += 1
        self.key = None
        wire.transport.abort()

    def room_of(self, body):
        """The room that a frame is about: a private message names the user whom it was sent to."""
        other = body["recipientUUID"]
        if other == self.user:
            other = body["senderUUID"]
        return next(room for room in self.rooms if room.recipient == other)

    def on_channelJoin(self, wire, frame, body):
        self.room_of(body).entered(body)

    def on_channelRead(self, wire, frame, body):
        room = self.room_of(body)
        if body["epoch"] == room.last["epoch"]:  # else there is another event to come
            room.read(body["messages"])

    def on_channelMessage(self, wire, frame, m):
        room = self.room_of(m)
        retried = False
        if "requestID" in frame:
            uuid, attempt = frame["requestID"].split("/")
            if m["UUID"] != uuid:
                self.load.problem(f"{self.name}: {uuid} was answered by {m['UUID']}")
            retried = int(attempt) > 1 or (room.anew and m["seq"] <= room.reception.start)
            room.answered(uuid, m)
        else:
            self.load.time_delivery(m["UUID"])
        room.take(m, retried)

    def on_error(self, wire, frame, body):
        self.load.errors[body["name"]] += 1
        request = str(frame.get("requestID", ""))
        again = asyncio.get_running_loop().call_later
        if body["name"] == "bad_key":
            self.load.signed_out += 1
            self.key = None
            self.enter(wire)
        elif body["name"] not in PASSING:
            self.load.problem(f"{self.name}: {body}")
        elif "/" in request:
            for room in self.rooms:
                out = room.outgoing.get(request.split("/")[0])
                if out:
                    self.load.time_answer(out)
                    again(min(AGAIN * out.attempts, AGAIN_MAX), room.post, out, wire)
        elif request.startswith("join "):
            room = next(room for room in self.rooms if room.channel == request[5:])
            again(AGAIN, room.ask_in, wire)
        elif request.startswith("page "):
            room = next(room for room in self.rooms if room.channel == request[5:])
            again(AGAIN, room.read_anew, wire)
        else:
            again(AGAIN, self.enter, wire)

    def on_sys(self, wire, frame, body):
        if body["type"] == "epoch":
            self.load.epochs += 1
            room = self.room_of(body)
            self.load.breaks += not body["follows"]
            room.begin(body["epoch"], body["seq"], follows=room.reception if body["follows"] else None)
            room.anew = not body["follows"]
            if room.anew:
                room.read_anew(wire)

    # What goes

    def make(self, room=None):
        """Sends a new message, unless too many wait for their answers."""
        room = room or self.public
        if not room.joined or self.outgoing >= self.load.window:
            return
        self.made += 1
        room.make(f"{self.name} {self.made} " + "x" * self.rng.randrange(self.load.text))


class Load:
    """`senders` members who send `rate` messages a second together, each with at most `window` unanswered,
    and `receivers` who only listen, spread over the nodes. `wander`: a member that lost its connection goes
    on to the next node. The first 2 x `pairs` members have a private channel two and two, where all but
    `public_share` of the messages go; the last `doubles` members are second connections of the first
    users, in the same channels. `settle`: seconds that the last deliveries may take."""

    def __init__(self, nodes, server, prefix, *, senders=3, receivers=3, rate=400, window=50, text=60,
                 wander=False, seed=None, pairs=0, doubles=0, public_share=0.05, sample=1,
                 settle=15):
        self.nodes, self.server, self.prefix = list(nodes), server, prefix
        self.rate, self.window, self.text, self.wander = rate, window, text, int(wander)
        self.seed = seed or new_seed()
        self.public_share, self.sample, self.settle, self.parsed = public_share, sample, settle, 0
        self.histories = collections.defaultdict(History)
        self.users = {}                 # name: UUID
        self.problems = []
        self.errors, self.closes = collections.Counter(), collections.Counter()
        self.resent = set()
        self.made_at = {}               # uuid: when it was sent for the first time
        self.answers, self.deliveries = array.array("f"), array.array("f")  # seconds that they took
        self.acked = self.unrecovered = self.epochs = self.breaks = self.signed_out = 0
        self.missed = []                # (who, channel, how many) a resume in the same epoch did not give
        self.slowest = 0.0              # seconds until an answer, whatever it was
        self.late = 0.0                 # seconds that this loop itself was late: all that is timed may be off by them
        self.sending, self.quiet, self.over = True, False, False
        self.members = self._people(senders, receivers, pairs, doubles)
        self.history = self.histories[PUBLIC]
        self.loop = None
        self.thread = threading.Thread(target=self._run, name="load", daemon=True)

    def _people(self, senders, receivers, pairs, doubles):
        total = senders + receivers
        names = [f"m{i}" for i in range(total - doubles)]
        members = [Member(self, name, name, i, sends=i < senders) for i, name in enumerate(names)]
        members += [Member(self, f"m{i}b", f"m{i}", i + 1, sends=False) for i in range(doubles)]
        for member in members:
            at = names.index(member.username)
            if at < 2 * pairs:
                member.add_room(f"pair{at // 2}", names[at ^ 1])
        return members

    def problem(self, text):
        self.problems.append(text)

    def time_answer(self, out):
        took = out.watch.wall()
        self.answers.append(took)
        if took > self.slowest:  # less what other work on the machine took of it
            self.slowest = max(self.slowest, out.watch.seconds())

    def time_delivery(self, uuid):
        if uuid in self.made_at:
            self.deliveries.append(time.monotonic() - self.made_at[uuid])

    def parse(self, payload):
        """A text frame, held against the schema; of messages and refusals only one in `sample`."""
        self.parsed += 1
        if self.sample > 1 and self.parsed % self.sample and payload.startswith(MANY):
            return json.loads(payload)
        return chat.check_frame(payload.decode("utf-8"))

    # The loop

    def _run(self):
        try:
            asyncio.run(self._main())
        except Exception as error:
            self.problem(f"the driver: {error!r}")
            raise

    async def _main(self):
        self.loop = asyncio.get_running_loop()
        lives = [asyncio.ensure_future(member.live()) for member in self.members]
        turns = self._turns()
        due, then = 0.0, time.monotonic()
        while not self.over:
            self.quiet = not self.sending  # seen here, so nothing new comes after it
            now = time.monotonic()
            due = 0.0 if self.quiet else min(due + (now - then) * self.rate, self.rate / 5)
            self.late = max(self.late, now - then - TICK)
            then = now
            while due >= 1:
                next(turns).make()
                due -= 1
            await asyncio.sleep(TICK)
        for member in self.members:
            if member.wire:
                member.wire.transport.abort()
        for life in lives:
            life.cancel()

    def _turns(self):
        """Whose turn it is to send, and where: a member or a room."""
        senders = [m for m in self.members if m.sends]
        private = [Turn(m, room) for m in self.members for room in m.rooms[1:]]
        rng = random.Random(f"{self.seed} turns")
        turn = 0
        while True:
            if private and rng.random() >= self.public_share:
                yield rng.choice(private)
            else:
                yield senders[turn % len(senders)]
                turn += 1

    # For tests

    def __enter__(self):
        print(f"CHAT_SEED={self.seed}")
        self.thread.start()
        self.wait(self.everybody_in, "everybody's join")
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self._settle()
        finally:
            self.over = True
            self.thread.join()
            print(f"acked={self.acked} resent={len(self.resent)} slowest={self.slowest:.2f} errors={dict(self.errors)} "
                  f"closes={dict(self.closes)} epochs={self.epochs} unrecovered={self.unrecovered} "
                  f"problems={self.problems[:5]}")

    def everybody_in(self):
        return all(m.joined for m in self.members)

    def wait(self, predicate, what, timeout=30):
        def check():
            assert not self.problems, self.problems[:5]
            return predicate()

        chat.wait_until(check, timeout, what)

    def wait_acked(self, more, timeout=30):
        """Waits until so many messages more than now are acknowledged."""
        goal = self.acked + more
        self.wait(lambda: self.acked >= goal, f"{more} more acknowledgements (seed {self.seed})", timeout)

    def forgive(self, start, end, times="lossy"):
        """What was acknowledged between these times (monotonic) may be lost: Redis' promise, not ours. "restored":
        a copy of `start` is put back."""
        for history in self.histories.values():
            getattr(history, times).append((start, end))

    def unforgive(self, start, end, times="lossy"):
        """The time that began at `start` is over."""
        for history in self.histories.values():
            setattr(history, times, [(a, end if a == start else b) for a, b in getattr(history, times)])

    def soon(self, function, *args):
        """Calls it in the load's own thread."""
        self.loop.call_soon_threadsafe(function, *args)

    def reset(self, members):
        """These send a message and are gone before its answer: the connection ends with a reset."""
        def cut():
            for member in members:
                if member.joined and member.wire:
                    self.window += 1
                    member.make(member.rooms[-1])
                    self.window -= 1
                    member.wire.transport.get_extra_info("socket").setsockopt(*chat.LINGER_NOT)
                    self.loop.call_later(member.rng.uniform(0, 0.003), member.wire.transport.abort)

        self.soon(cut)

    def stop_reading(self, members, seconds):
        """These do not read for so long."""
        def go_on(transport):
            if not transport.is_closing():
                transport.resume_reading()

        def stop():
            for member in members:
                if member.wire and not member.wire.transport.is_closing() and member.wire.transport.is_reading():
                    member.wire.transport.pause_reading()
                    self.loop.call_later(seconds, go_on, member.wire.transport)

        self.soon(stop)

    def look_at_the_stores(self):
        """Remembers what the logs hold now: their epochs may soon be over."""
        for channel, history in list(self.histories.items()):
            log, meta = self._keys(channel)
            epoch = self.server.r.hget(meta, "epoch")
            found = {seq: uuid for seq, uuid, _ in self._log(log)}
            if self.server.r.hget(meta, "epoch") == epoch:
                history.before[epoch] = found

    def _settle(self):
        """Nothing new is sent; what was sent gets its answer, and everybody hears everything."""
        self.sending = False
        self.wait(lambda: self.quiet and self.everybody_in() and not any(m.outgoing for m in self.members),
                  "the last acknowledgement")
        try:
            chat.wait_until(self._settled, self.settle)
        except AssertionError:
            self.problem(f"not everybody has everything: {self._behind()}")

    def _keys(self, channel):
        """Of its log and its meta."""
        name = "public"
        if channel != PUBLIC:
            first, second = sorted(self.users[name] for name in self._pair(channel))
            name = f"dm:{first}:{second}"
        return [f"{self.prefix}{{c:{name}}}:{part}" for part in ("log", "meta")]

    def _pair(self, channel):
        return next((m.username, room.peer) for m in self.members for room in m.rooms if room.channel == channel)

    def _log(self, log):
        for entry, fields in self.server.r.xrange(log):
            if "uuid" in fields:  # else a test put it there
                yield int(entry.split("-")[0]), fields["uuid"], fields["text"]

    def _settled(self):
        behind = self._behind()
        if behind:
            time.sleep(LOOK)  # while one looks, no deadline comes nearer
        return not behind

    def _behind(self):
        """Who has not what is stored now, or more: an older copy was put back then, and no node has looked yet."""
        ends = {}
        for channel, history in self.histories.items():
            log, meta = self._keys(channel)
            history.epoch, seq = self.server.r.hmget(meta, "epoch", "seq")
            history.stored = list(self._log(log))
            ends[channel] = history.stored[-1][0] if history.stored else 0, int(seq)
        return [(m.name, room.channel, room.last, ends[room.channel]) for m in self.members for room in m.rooms
                if room.last["epoch"] != room.history.epoch or
                not ends[room.channel][0] <= room.last["seq"] <= ends[room.channel][1]]

    def faults(self):
        """Behind the `with`: {kind: [cases]} of what was lost, doubled, invented or out of order."""
        found = collections.defaultdict(list)
        for member in self.members:
            for room in member.rooms:
                room.reception.whole = True
        for channel, history in self.histories.items():
            history.lines = [[uuid for uuid in line if uuid not in self.resent] for line in history.lines]
            history.resent = self.resent
            for kind, cases in history.faults().items():
                found[kind] += [f"{channel}: {case}" for case in cases]
        return dict(found)

    def check(self):
        """Behind the `with`: nothing was lost, doubled, invented or out of order."""
        try:
            found = self.faults()
            assert not found, "\n".join(f"{kind}: {len(cases)}\n  " + "\n  ".join(cases[:20])
                                        for kind, cases in found.items())
            assert not self.problems, self.problems[:10]
        except AssertionError:
            print(f"CHAT_SEED={self.seed}")
            raise


@dataclasses.dataclass
class Turn:
    """A member's turn in one of its rooms."""
    member: Member
    room: Room

    def make(self):
        self.member.make(self.room)
