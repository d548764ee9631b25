"""What the driver breaks: a Redis, some chatd on it, and what stands between them."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import chat
import redis
import redis_shapes
from clock import Clock
from liar import Liar
from proxy import Proxies
from redis.backoff import NoBackoff
from redis.retry import Retry

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = "fault:"
FSYNC = {"D0": "everysec", "D1": "always", "D2": "always"}
SETTING = {"D0": "everysec", "D1": "always", "D2": "replicated"}  # chatd's --durability
OUTBOUND = "256k"
APPENDED = "appendonlydir"  # where Redis keeps its append-only files

ONCE = Retry(NoBackoff(), 0)  # an outage is one from its first moment on; redis-py of Debian 13 tries three times


class Down(Exception):
    """What a fault is about was taken away by another one that is under way."""


def write(client, replicas=0):
    """Is a write of no importance answered at once, and had by so many replicas?"""
    try:
        client.set("probe", 1)
        return not replicas or client.wait(replicas, 200) >= replicas
    except redis.exceptions.RedisError:
        return False


class Breakable:
    """A Redis. A fault that takes a server away holds `lock` until it is back."""

    @contextlib.contextmanager
    def beside(self):
        """For a fault that may befall a server which another has in its hands: a refusal is that one's doing then."""
        alone = self.lock.acquire(blocking=False)
        try:
            yield
        except (redis.exceptions.RedisError, AssertionError) as error:
            if alone:
                raise
            raise Down(str(error)) from error
        finally:
            if alone:
                self.lock.release()


class Copy:
    """What a server had on disk, which is put aside."""

    def __init__(self, server):
        self.dir = tempfile.mkdtemp(prefix="chat-copy-")
        shutil.copytree(pathlib.Path(server.dir, APPENDED), pathlib.Path(self.dir, APPENDED))

    def put_back(self, server):
        """While it is stopped."""
        data = pathlib.Path(server.dir)
        for old in data.glob("*.rdb"):
            old.unlink()
        shutil.rmtree(data / APPENDED)
        shutil.copytree(pathlib.Path(self.dir, APPENDED), data / APPENDED)

    def drop(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Single(Breakable):
    """One redis-server."""

    fails_over = False

    def __init__(self, durability):
        self.safe = tempfile.mkdtemp(prefix="chat-synced-")
        library = os.path.join(self.safe, "synced.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", library,
                        str(HERE / "synced.c"), "-ldl"], check=True)
        self.durability = durability
        self.server = chat.Redis(appendfsync=FSYNC[durability], auto_aof_rewrite_percentage=0,
                                 env={"LD_PRELOAD": library, "SYNCED_DIR": self.safe})
        self.lock = threading.RLock()
        self.probe = redis.Redis(unix_socket_path=self.server.socket, socket_timeout=0.3, retry=ONCE)

    @property
    def r(self):
        return self.server.r

    def admin(self, pick):
        """A client for what is done to a server."""
        return self.server.r

    @property
    def syncs(self):
        """Is what it answered in its files?"""
        return self.durability != "D0"

    @property
    def keeps(self):
        """Does it keep what it answered, whatever happens?"""
        return self.syncs

    def targets(self, nodes):
        """The URI that each node is given, and the proxies behind them."""
        proxies = Proxies(self.server.socket, nodes)
        return [f"unix://{path}" for path in proxies.paths], proxies

    def sync(self):
        """All that was written until now is safe."""
        self.r.config_set("appendfsync", "always")
        self.r.set("synced", 1)
        self.r.config_set("appendfsync", FSYNC[self.durability])

    def kill(self, seconds, power=False):
        """kill -9, and back. With `power` gone what was not synced is lost, as a machine would lose it."""
        with self.lock:
            self.server.kill()
            if power:
                self.cut_file()
            time.sleep(seconds)
            self.server.start()

    def cut_file(self):
        path, = pathlib.Path(self.server.dir, APPENDED).glob("*.incr.aof")
        synced = pathlib.Path(self.safe, path.name)
        safe = int(synced.read_text() or 0) if synced.exists() else 0
        lost = path.stat().st_size - safe
        os.truncate(path, safe)
        return lost

    def restart(self, seconds):
        with self.lock:
            self.server.stop()
            time.sleep(seconds)
            self.server.start()

    def pause(self, pick, seconds):
        """Answers nobody, or only who reads; its end is not waited for."""
        with self.beside():
            self.r.execute_command("CLIENT", "PAUSE", int(seconds * 1000), ("ALL", "WRITE")[pick % 2])

    def freeze(self, seconds):
        with self.lock:
            self.server.pause()
            time.sleep(seconds)
            self.server.resume()

    @contextlib.contextmanager
    def copied(self, pick):
        """A copy of its data, of now, taken while it runs: a volume's snapshot. Gives what puts it back."""
        with self.lock:
            copy = Copy(self.server)
        try:
            yield lambda: self.put_back(copy)
        finally:
            copy.drop()

    def put_back(self, copy):
        with self.lock:
            self.server.stop()
            copy.put_back(self.server)
            for file in pathlib.Path(self.server.dir, APPENDED).glob("*.incr.aof"):
                pathlib.Path(self.safe, file.name).write_text(str(file.stat().st_size))
            self.server.start()

    def takes(self):
        """Does it take a write by itself, as its clients are promised it does?"""
        return write(self.probe)

    def log(self):
        return self.server.log()

    def destroy(self):
        self.server.destroy()
        shutil.rmtree(self.safe, ignore_errors=True)


class Shaped(Breakable):
    """Sentinel, or a Cluster of three masters with one replica each. D2 has one replica under Sentinel, too: of
    two, the one that was waited for need not be the one that is promoted when somebody asks for that."""

    fails_over = True

    def __init__(self, shape, durability):
        self.durability = durability
        options = {"appendfsync": FSYNC[durability], "min-replicas-to-write": 1 if durability == "D2" else 0}
        self.cluster = shape == "cluster"
        made = redis_shapes.Cluster(**options) if self.cluster else redis_shapes.Sentinel(
            replicas=1 if durability == "D2" else 2, password="secret", **options)
        self.shape = made
        self.lock = threading.RLock()
        self.probes = {s.port: redis.Redis("127.0.0.1", s.port, password=s.password, socket_timeout=0.3, retry=ONCE)
                       for s in made.servers}

    @property
    def r(self):
        return self.shape.r

    def master(self, pick):
        """One of those who serve; in a Cluster every other time the one that has the public channel."""
        if not self.cluster:
            return self.shape.master()
        masters = sorted(self.shape.masters(), key=lambda s: s.port)
        return self.shape.master_of("{c:public}") if pick % 2 else masters[pick // 2 % len(masters)]

    def admin(self, pick):
        return self.master(pick).r

    @property
    def syncs(self):
        return self.durability != "D0"

    @property
    def keeps(self):
        """A promoted replica has what one replica was waited for to have, and no more."""
        return self.durability == "D2"

    def targets(self, nodes):
        return [self.shape.uri] * nodes, None

    def sync(self):
        self.shape.wait_ready()

    def lose_master(self, pick, seconds):
        """kill -9, a failover, and back as a replica."""
        with self.lock:
            old = self.master(pick)
            old.kill()
            self.shape.wait_failover(old)
            time.sleep(seconds)
            self.revive(old)

    def revive(self, old, ready=True):
        """Starts it, as a replica, and waits until all are in step."""
        if self.cluster:
            old.start()
        else:
            self.shape.revive(old)
        if ready:
            self.shape.wait_ready()

    def hand_over(self, pick):
        """A failover that was asked for, with the master alive."""
        with self.lock:
            if self.cluster:
                self.shape.failover(self.master(pick))
            else:
                self.shape.wait_failover(self.shape.failover())
            self.shape.wait_ready()

    def fail_over_twice(self, pick):
        """One behind the other, as soon as there is a replica to go on with; the first by a death or, as the second,
        asked for."""
        with self.lock:
            first = self.master(pick)
            slot = self.cluster and dict(self.shape.ranges())[first][0][0]
            if pick % 4 < 2:
                first.kill()
                self.shape.wait_failover(first)
                self.revive(first)
            else:
                self.ask_to_hand_over(first)
                self.shape.wait_ready()
            self.ask_to_hand_over(self.shape.master_of(slot))
            self.shape.wait_ready()

    def ask_to_hand_over(self, master):
        """The old master is a replica at once: Sentinel would see to that some ten seconds later."""
        if self.cluster:
            self.shape.failover(master)
            return
        self.shape.wait_failover(self.shape.failover())
        master.r.replicaof("127.0.0.1", self.shape.master().port)

    @contextlib.contextmanager
    def copied(self, pick):
        """A copy of a master's data, of now, taken while it runs. Gives what puts it back on that one and its replicas,
        or, under Sentinel, on whoever is master then. Slots stay where they are meanwhile: what was moved would be
        lost with another's copy."""
        with self.lock if self.cluster else contextlib.nullcontext():
            with self.lock:
                master = self.master(pick)
                copy = Copy(master)
            try:
                yield lambda: self.put_back(copy, master)
            finally:
                copy.drop()

    def put_back(self, copy, master):
        with self.lock:
            master = master if self.cluster else self.shape.master()
            replicas = self.shape.replicas_of(master) if self.cluster else self.shape.replicas()
            for server in *replicas, master:
                server.stop()
                copy.put_back(server)
            self.restart_as_master(master)
            for server in replicas:
                self.revive(server, ready=False)
            self.shape.wait_ready()

    def restart_as_master(self, server):
        server.options.pop("replicaof", None)
        server.start()
        if self.cluster:  # or its replica would be elected in its place
            self.shape.wait_served()

    def freeze(self, pick, seconds):
        """Until it is taken for dead, or not so long."""
        with self.lock:
            old = self.master(pick)
            old.pause()
            time.sleep(seconds)
            old.resume()
            self.shape.wait_ready()

    def pause(self, pick, seconds):
        with self.lock:
            old = self.master(pick)
            old.r.execute_command("CLIENT", "PAUSE", int(seconds * 1000), ("ALL", "WRITE")[pick % 2])
            time.sleep(seconds)
            self.shape.wait_ready()

    def isolate(self, pick, seconds):
        """Cut off from its replicas and the sentinels, not from chatd: for a while there are two masters."""
        with self.lock:
            old = self.master(pick)
            self.shape.isolate(old)
            self.shape.wait_failover(old)
            time.sleep(seconds)
            self.shape.rejoin(old)
            self.shape.wait_ready()

    def lose_replica(self, pick):
        with self.lock:
            masters = [self.master(pick)] if not self.cluster else self.shape.masters()
            replicas = [s for s in self.shape.servers if s not in masters]
            one = replicas[pick % len(replicas)]
            one.kill()
            self.revive(one)

    def move_slot(self, pick):
        """The public channel's, or one of no importance, goes to another master."""
        with self.lock:
            slot = self.shape.slot_of("{c:public}") if pick % 2 else pick % redis_shapes.SLOTS
            owner = self.shape.master_of(slot)
            others = [s for s in self.shape.masters() if s is not owner]
            self.shape.move_slot(slot, others[pick // 2 % len(others)])

    def takes(self):
        """Does the master that the sentinels name take a write by itself, as its clients are promised it does? (Of a
        Cluster some master always does.)"""
        try:
            return self.cluster or write(self.probes[self.shape.master().port], 1 if self.durability == "D2" else 0)
        except AssertionError:
            return False

    def log(self):
        return "\n".join(server.log() for server in self.shape.everything())

    def destroy(self):
        self.shape.destroy()


class World:
    """`nodes` chatd on one Redis, each with a clock of its own and, where Redis is one server, behind a proxy of its
    own."""

    def __init__(self, nodes=3, shape="single", durability="D1", lie=None):
        self.redis = Single(durability) if shape == "single" else Shaped(shape, durability)
        self.uris, self.proxies = self.redis.targets(nodes)
        self.setting = SETTING[durability]
        self.locks = [threading.RLock() for _ in range(nodes)]
        self.clocks = [Clock() for _ in range(nodes)]
        self.ended = []          # logs of nodes that are gone
        self.broken = []         # what was wrong with a node's end
        self.nodes = [None] * nodes
        self.redis_log = ""      # once it is gone
        self.load = None
        try:
            for i in range(nodes):
                self.start_node(i)
        except BaseException:
            self.destroy()
            raise
        self.doors = [Liar(lambda i=i: self.nodes[i], lie) for i in range(nodes)] if lie else self.nodes

    @property
    def r(self):
        return self.redis.r

    # Nodes

    def start_node(self, i):
        self.nodes[i] = chat.Chatd(self.uris[i], prefix=PREFIX, env=self.clocks[i].env,
                                   max_outbound=OUTBOUND, durability=self.setting)
        if self.load and self.doors is self.nodes:
            self.load.nodes[i] = self.nodes[i]

    def set_clock(self, i, seconds):
        """A node's wall clock is so many seconds off."""
        self.clocks[i].set(seconds)

    def end_node(self, i, kill):
        node = self.nodes[i]
        if kill:
            node.kill()
        else:
            node.terminate()
            status = node.wait()
            if status != 0:
                self.broken.append(f"node {i} ended with {status}: {node.log()[-2000:]}")
        self.ended.append(node.log())
        node.process.stdout.close()
        shutil.rmtree(node.dir, ignore_errors=True)

    @contextlib.contextmanager
    def without_node(self, i):
        """It is killed, and started again behind what is done meanwhile."""
        with self.locks[i]:
            self.end_node(i, kill=True)
            try:
                yield
            finally:
                self.start_node(i)

    def fallen(self):
        """Nodes that ended though nobody ended them."""
        for i, lock in enumerate(self.locks):
            if lock.acquire(blocking=False):
                if self.nodes[i] and self.nodes[i].process.poll() is not None:
                    yield i
                lock.release()

    @staticmethod
    def links(server, which):
        """chatd's connections to Redis: "bus", "store" or "" for all."""
        return [c["id"] for c in server.client_list()
                if c["name"].startswith("chatd-") and c["name"].endswith(which)]

    # The end

    def logs(self):
        return self.ended + [node.log() for node in self.nodes if node]

    def close(self):
        for i, node in enumerate(self.nodes):
            if node and node.process.poll() is None:
                node.resume()
                self.end_node(i, kill=False)
                self.nodes[i] = None
            elif node:
                self.broken.append(f"node {i} is gone with {node.process.returncode}: {node.log()[-2000:]}")
        self.destroy()

    def destroy(self):
        for node in self.nodes:
            if node and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        if self.proxies:
            self.proxies.close()
        self.redis_log = self.redis.log()
        self.redis.destroy()
        for clock in self.clocks:
            clock.close()
