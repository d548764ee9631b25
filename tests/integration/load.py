"""Load: members who send and listen all the time, while a test breaks things under them, with everything
recorded for the history checker.

    with Load([node_a, node_b], server, prefix) as load:
        load.wait_acked(200)
        server.kill(); server.start()
        load.wait_acked(200)
    load.check()

Each member is a client as the reference describes one: it sends an unanswered or `unavailable` message
again under the same UUID, on the same or a new connection, until it is acknowledged; after a drop it
comes back with its key and `since`. It runs on a loop in a thread of its own, on plain sockets; every
frame is held against the schema. `nodes` may be changed while it runs: members find the new ones."""

import asyncio
import collections
import dataclasses
import os
import random
import threading
import time

import chat
from history import Ack, Delivery, History, Reception

TICK = 0.01            # seconds between two looks at who may send
AGAIN = 0.1            # seconds until something `unavailable` is asked for again
PASSING = {"unavailable", "busy"}  # errors that mean: again


def new_seed():
    """Set CHAT_SEED to replay a run; the seed is printed when a test fails."""
    return int(os.environ.get("CHAT_SEED", 0)) or random.SystemRandom().randrange(1, 10**9)


@dataclasses.dataclass
class Outgoing:
    uuid: str
    text: str
    attempts: int = 0
    sent_at: float = 0.0


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
                self.member.frame(self, chat.check_frame(payload.decode("utf-8")))
            elif opcode == chat.PING:
                self.transport.write(chat.ws_frame(chat.PONG, payload))
            elif opcode == chat.CLOSE:
                self.member.load.closes[int.from_bytes(payload[:2], "big")] += 1
                self.transport.close()
        self.buffer = b[at:]

    def send(self, *texts):
        if not self.transport.is_closing():
            self.transport.write(b"".join(chat.ws_frame(chat.TEXT, text) for text in texts))


class Member:
    """One user with one connection at a time."""

    def __init__(self, load, name, node, sends):
        self.load, self.name, self.node, self.sends = load, name, node, sends
        self.rng = random.Random(f"{load.seed} {name}")
        self.user = self.key = self.wire = None
        self.joined = False
        self.last = None                # {epoch, seq}: has everything up to here
        self.reception = None
        self.line = None                # what this connection sent for the first time
        self.outgoing = {}              # uuid: Outgoing, not acknowledged, in the order of sending
        self.connections = self.made = 0

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
            self.joined = False
            self.node += self.load.wander
            if not self.load.over:
                await asyncio.sleep(self.rng.uniform(0.02, 0.1))

    def lost(self, wire):
        if self.wire is wire or self.wire is None:
            self.wire, self.joined = None, False
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
            self.wire.send(chat.request("signIn", {"username": self.name, "password": "pass"}))
        else:
            since = {"since": self.last} if self.last else {}
            self.wire.send(chat.request("channelJoin", {"recipientUUID": "0", **since}, requestID="join",
                                        userUUID=self.user, userAccessKey=self.key))

    def on_authorized(self, wire, frame, body):
        self.user, self.key = body["userUUID"], body["accessKey"]
        self.enter(wire)

    def on_unauthorized(self, wire, frame, body):
        self.load.signed_out += 1
        self.key = None
        wire.transport.abort()

    def on_channelJoin(self, wire, frame, body):
        epoch, seq, messages = body["epoch"], body["seq"], body["messages"]
        recovered = body.get("recovered", False)
        start = self.last["seq"] if recovered else seq
        if not recovered:
            numbers = [m["seq"] for m in messages]
            if numbers != list(range(seq, seq - len(messages), -1)):
                self.load.problem(f"{self.name}: a join at {seq} shows {numbers}")
        if self.last and not recovered:
            self.load.unrecovered += 1
        self.begin(epoch, start)
        if recovered:
            for m in messages:
                self.take(m)
            if self.last["seq"] != seq:
                self.load.problem(f"{self.name}: recovered to {self.last['seq']} of {seq}")
        self.joined = True
        self.line = []
        self.load.history.lines.append(self.line)
        for out in list(self.outgoing.values()):
            self.post(out)

    def begin(self, epoch, seq):
        self.last = {"epoch": epoch, "seq": seq}
        self.reception = Reception(f"{self.name}#{self.connections}", epoch, seq)
        self.load.history.receptions.append(self.reception)

    def take(self, m, retried=False):
        self.reception.deliveries.append(Delivery(m["seq"], m["UUID"], m["message"], retried))
        if m["seq"] == self.last["seq"] + 1:
            self.last["seq"] += 1

    def on_channelMessage(self, wire, frame, m):
        retried = False
        if "requestID" in frame:
            uuid, attempt = frame["requestID"].split("/")
            if m["UUID"] != uuid:
                self.load.problem(f"{self.name}: {uuid} was answered by {m['UUID']}")
            retried = int(attempt) > 1
            self.answered(uuid, m)
        self.take(m, retried)

    def answered(self, uuid, m):
        out = self.outgoing.pop(uuid, None)
        if not out:
            self.load.problem(f"{self.name}: {uuid} was answered twice")
            return
        self.load.time_answer(out)
        self.load.history.acks[uuid] = Ack(self.last["epoch"], m["seq"])
        self.load.acked += 1

    def on_error(self, wire, frame, body):
        self.load.errors[body["name"]] += 1
        request = frame.get("requestID", "")
        loop = asyncio.get_running_loop()
        if "/" in request:
            out = self.outgoing.get(request.split("/")[0])
            if out and body["name"] in PASSING:
                self.load.time_answer(out)
                loop.call_later(AGAIN, self.post, out, wire)
                return
        elif body["name"] in PASSING:
            loop.call_later(AGAIN, self.enter, wire)
            return
        elif body["name"] == "bad_key":
            self.load.signed_out += 1
            self.key = None
            self.enter(wire)
            return
        self.load.problem(f"{self.name}: {body}")

    def on_sys(self, wire, frame, body):
        if body["type"] == "epoch":
            self.load.epochs += 1
            self.begin(body["epoch"], body["seq"])

    # What goes

    def make(self):
        """Sends a new message, unless too many wait for their answers."""
        if not self.joined or len(self.outgoing) >= self.load.window:
            return
        self.made += 1
        out = Outgoing(chat.new_uuid(), f"{self.name} {self.made} " + "x" * self.rng.randrange(self.load.text))
        self.outgoing[out.uuid] = out
        self.load.history.sent[out.uuid] = out.text
        self.line.append(out.uuid)
        self.post(out)

    def post(self, out, wire=None):
        if not self.joined or out.uuid not in self.outgoing or (wire and wire is not self.wire):
            return
        out.attempts += 1
        out.sent_at = time.monotonic()
        if out.attempts == 2:
            self.load.resent.add(out.uuid)
        self.wire.send(chat.request("channelMessage", {"recipientUUID": "0", "message": out.text, "UUID": out.uuid},
                                    requestID=f"{out.uuid}/{out.attempts}"))


class Load:
    """`senders` members who send `rate` messages a second together, each with at most `window` unanswered,
    and `receivers` who only listen, spread over the nodes. `wander`: a member that lost its
    connection goes on to the next node."""

    def __init__(self, nodes, server, prefix, *, senders=3, receivers=3, rate=400, window=50, text=60,
                 wander=False, seed=None):
        self.nodes, self.server, self.prefix = list(nodes), server, prefix
        self.rate, self.window, self.text, self.wander = rate, window, text, int(wander)
        self.seed = seed or new_seed()
        self.history = History()
        self.problems = []
        self.errors, self.closes = collections.Counter(), collections.Counter()
        self.resent = set()
        self.acked = self.unrecovered = self.epochs = self.signed_out = 0
        self.slowest = 0.0  # seconds until an answer, whatever it was
        self.sending, self.quiet, self.over = True, False, False
        self.members = [Member(self, f"m{i}", i, sends=i < senders) for i in range(senders + receivers)]
        self.thread = threading.Thread(target=self._run, name="load", daemon=True)

    def problem(self, text):
        self.problems.append(text)

    def time_answer(self, out):
        self.slowest = max(self.slowest, time.monotonic() - out.sent_at)

    # The loop

    def _run(self):
        try:
            asyncio.run(self._main())
        except Exception as error:
            self.problem(f"the driver: {error!r}")
            raise

    async def _main(self):
        lives = [asyncio.ensure_future(member.live()) for member in self.members]
        senders = [m for m in self.members if m.sends]
        turn, due, then = 0, 0.0, time.monotonic()
        while not self.over:
            self.quiet = not self.sending  # seen here, so nothing new comes after it
            now = time.monotonic()
            due = 0.0 if self.quiet else min(due + (now - then) * self.rate, self.rate / 5)
            then = now
            while due >= 1:
                senders[turn % len(senders)].make()
                turn += 1
                due -= 1
            await asyncio.sleep(TICK)
        for member in self.members:
            if member.wire:
                member.wire.transport.abort()
        for life in lives:
            life.cancel()

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

    def _settle(self):
        """Nothing new is sent; what was sent gets its answer, and everybody hears everything."""
        self.sending = False
        self.wait(lambda: self.quiet and self.everybody_in() and not any(m.outgoing for m in self.members),
                  "the last acknowledgement")
        h = self.history
        log, meta = (f"{self.prefix}{{c:public}}:{part}" for part in ("log", "meta"))
        h.epoch = self.server.r.hget(meta, "epoch")
        for entry, fields in self.server.r.xrange(log):
            if "uuid" in fields:  # else a test put it there
                h.stored.append((int(entry.split("-")[0]), fields["uuid"], fields["text"]))
        end = h.stored[-1][0]
        try:
            chat.wait_until(lambda: all(m.last["epoch"] == h.epoch and m.last["seq"] >= end for m in self.members), 15)
        except AssertionError:
            self.problem(f"not everybody has {end}: {[(m.name, m.last) for m in self.members]}")

    def check(self):
        """Behind the `with`: nothing was lost, doubled, invented or out of order."""
        h = self.history
        for member in self.members:
            member.reception.whole = True
        h.lines = [[uuid for uuid in line if uuid not in self.resent] for line in h.lines]
        try:
            h.check()
            assert not self.problems, self.problems[:10]
        except AssertionError:
            print(f"CHAT_SEED={self.seed}")
            raise
