"""The faults that the driver knows, and how a schedule of them is made from a seed. A fault is a function that
does its harm, waits as long as it lasts and undoes it; OF_SHAPE is the one list of them."""

import contextlib
import dataclasses
import functools
import random
import time

import chat

DAY = 86400
MARGIN = 3.0  # seconds: what Redis with everysec may hold back, and an answer's way to its client


@dataclasses.dataclass
class Fault:
    kind: str
    gap: int          # acknowledgements since the fault before
    node: int         # which node it is about, if it is about one
    seconds: float    # how long it lasts, if it lasts
    pick: int         # a number for whatever else is to be chosen
    beside: bool      # the next one does not wait for its end

    def __str__(self):
        return f"{self.kind} node={self.node} seconds={self.seconds:.2f} pick={self.pick}"


def lossy(fault):
    """Marks what may lose what Redis has answered, where its setting is everysec."""
    @functools.wraps(fault)
    def run(w, f):
        if w.redis.keeps:
            return fault(w, f)
        start = time.monotonic() - MARGIN
        w.load.forgive(start, float("inf"))  # until its end is known
        try:
            fault(w, f)
        finally:
            w.load.unforgive(start, time.monotonic() + MARGIN)

    return run


# chatd

def node_killed(w, f):
    with w.locks[f.node]:
        w.end_node(f.node, kill=True)
        time.sleep(f.seconds / 4)
        w.start_node(f.node)


def node_stopped(w, f):
    """SIGTERM, and started again: an upgrade."""
    with w.locks[f.node]:
        w.end_node(f.node, kill=False)
        w.start_node(f.node)


def node_frozen(w, f):
    with w.locks[f.node]:
        w.nodes[f.node].pause()
        time.sleep(f.seconds)
        w.nodes[f.node].resume()


def clock_jump(w, f):
    w.set_clock(f.node, (DAY, -DAY, 0, 3600)[f.pick % 4])


# Redis

@lossy
def redis_killed(w, f):
    w.redis.kill(f.seconds / 4)


@lossy
def power_cut(w, f):
    w.redis.kill(f.seconds / 4, power=True)


@lossy
def everything_killed(w, f):
    """Redis' machine loses its power while the node that wrote most is gone, too."""
    with w.locks[f.node]:
        w.end_node(f.node, kill=True)
        w.redis.kill(f.seconds / 4, power=True)
        w.start_node(f.node)


def redis_restarted(w, f):
    w.redis.restart(f.seconds / 4)


def older_copy_put_back(w, f):
    """A copy of the data, put back a while later, every fourth time once more: what was acknowledged meanwhile is gone,
    and that must be said; also to those who come from a node that was away then."""
    with w.redis.copied(f.pick) as put_back:
        start = time.monotonic() - (0 if w.redis.syncs else MARGIN)
        w.load.forgive(start, float("inf"), "restored")
        try:
            for _ in range(1 if f.pick % 4 else 2):
                time.sleep(f.seconds)
                with w.redis.lock, w.without_node(f.node) if f.pick // 4 % 2 else contextlib.nullcontext():
                    w.load.look_at_the_stores()
                    put_back()
        finally:
            w.load.unforgive(start, time.monotonic() + MARGIN, "restored")


def redis_frozen(w, f):
    w.redis.freeze(f.seconds)


def redis_hangs_for_long(w, f):
    """Longer than anybody waits: links are given up."""
    w.redis.freeze(3.5 + f.seconds / 2)


@lossy
def paused_for_dead(w, f):
    """Sentinels ask as clients do: one that is paused is taken for dead, and lives on."""
    w.redis.pause(f.pick, f.seconds)


def paused(w, f):
    if w.redis.fails_over:
        paused_for_dead(w, f)
    else:
        w.redis.pause(f.pick, f.seconds)


def full(w, f):
    with w.redis.lock:
        server = w.redis.admin(f.pick)
        server.config_set("maxmemory", 1)
        time.sleep(f.seconds / 2)
        server.config_set("maxmemory", 0)


def read_only(w, f):
    """A replica of nobody: READONLY, and MASTERDOWN for all else where pick says so."""
    with w.redis.lock:
        w.r.config_set("replica-serve-stale-data", ("yes", "no")[f.pick % 2])
        w.r.replicaof("127.0.0.1", 1)
        time.sleep(f.seconds / 2)
        w.r.replicaof("NO", "ONE")


def no_replicas(w, f):
    """Fewer replicas than it wants: NOREPLICAS."""
    with w.redis.lock:
        w.r.config_set("min-replicas-to-write", 1)
        time.sleep(f.seconds / 2)
        w.r.config_set("min-replicas-to-write", 0)


def scripts_flushed(w, f):
    with w.redis.beside():
        for _ in range(1 + f.pick % 5):
            w.redis.admin(f.pick).script_flush()


# Redis of other shapes

@lossy
def master_killed(w, f):
    """kill -9 of a master: a replica takes over, without what it had not got yet."""
    w.redis.lose_master(f.pick, f.seconds / 4)


@lossy
def master_frozen(w, f):
    """So long that a replica takes over; then the old one wakes, and must learn that it is none any more."""
    w.redis.freeze(f.pick, 2.5 + f.seconds)


@lossy
def master_isolated(w, f):
    """chatd still reaches it, nobody else: a replica takes over beside it."""
    w.redis.isolate(f.pick, f.seconds)


@lossy
def handed_over(w, f):
    """A failover that somebody asked for. (Sentinel lets the old master take writes for a moment longer.)"""
    w.redis.hand_over(f.pick)


@lossy
def failed_over_twice(w, f):
    """Two within a few seconds: by the second one, nobody may have looked since the first."""
    w.redis.fail_over_twice(f.pick)


def replica_killed(w, f):
    w.redis.lose_replica(f.pick)


def slot_moved(w, f):
    w.redis.move_slot(f.pick)


# Between them

def links_cut(w, f):
    with w.redis.lock:
        server = w.redis.admin(f.pick)
        for one in w.links(server, ("", "-bus", "-store")[f.pick % 3]):
            server.client_kill_filter(_id=one)


def pubsub_overrun(w, f):
    """Redis drops whoever is told more than the 16 KiB that it doesn't count."""
    with w.redis.lock:
        server = w.redis.admin(f.pick)
        server.config_set("client-output-buffer-limit", "pubsub 1 1 1")
        first = set(w.links(server, "-bus"))
        deadline = time.monotonic() + chat.PATIENCE
        while first & set(w.links(server, "-bus")) and time.monotonic() < deadline:
            for channel in server.execute_command("PUBSUB SHARDCHANNELS", "*bus"):
                server.execute_command("SPUBLISH", channel, "x" * 100_000)
        server.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")


def partitioned(w, f):
    """Nothing passes between one node and Redis; then what was on its way arrives late, or never."""
    w.proxies.freeze(f.node)
    time.sleep(f.seconds)
    if f.pick % 2:
        w.proxies.cut(f.node)
    else:
        w.proxies.thaw(f.node)


def cut_off_for_long(w, f):
    w.proxies.freeze(f.node)
    time.sleep(3.5 + f.seconds / 2)
    w.proxies.thaw(f.node)


# Clients

def some(w, f):
    members = w.load.members
    return random.Random(f.pick).sample(members, max(1, len(members) // 3))


def clients_reset(w, f):
    """Sent, and gone before the answer."""
    w.load.reset(some(w, f))


def slow_readers(w, f):
    w.load.stop_reading(some(w, f), f.seconds)
    time.sleep(f.seconds)


# What can befall which Redis. Not all can happen beside another of its own kind: locks see to that.
ANYWHERE = [node_killed, links_cut, clients_reset, node_frozen, scripts_flushed, clock_jump, pubsub_overrun, full,
            node_stopped, slow_readers, paused, older_copy_put_back]
OF_SHAPE = {
    "single": ANYWHERE + [redis_killed, partitioned, power_cut, redis_frozen, read_only, no_replicas, redis_restarted,
                          everything_killed, redis_hangs_for_long, cut_off_for_long],
    "sentinel": ANYWHERE + [master_killed, master_frozen, master_isolated, handed_over, replica_killed,
                            failed_over_twice],
    "cluster": ANYWHERE + [master_killed, master_frozen, handed_over, replica_killed, slot_moved, failed_over_twice],
}
BY_NAME = {kind.__name__: kind for kinds in OF_SHAPE.values() for kind in kinds}


def schedule(seed, faults, messages, nodes, shape="single", kinds=None, longest=2.0):
    """The faults of a run: the same for the same arguments. Each kind that befalls this shape once, then any."""
    rng = random.Random(f"{seed} schedule")
    names = [kind.__name__ for kind in OF_SHAPE[shape] if not kinds or kind.__name__ in kinds]
    gap = messages / (faults + 1)

    def make(kind):
        return Fault(kind, int(rng.uniform(0.4, 1.4) * gap), rng.randrange(nodes), rng.uniform(0.05, longest),
                     rng.randrange(1 << 16), rng.random() < 0.25)

    first = rng.sample(names, len(names))
    return [make(kind) for kind in (first + rng.choices(names, k=faults))[:faults]]
