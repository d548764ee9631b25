"""Redis as it is run in earnest: a master with replicas under Sentinel, and a Redis Cluster. Both of real
redis-servers on loopback, in directories of their own, on ports that were free.

    with Sentinel() as s:  s.uri, s.master(), s.kill_master(), s.failover(), s.wait_failover(old) …
    with Cluster() as c:   c.uri, c.masters(), c.master_of(key), c.kill(server), c.move_slot(slot, to) …

A Server of either can be killed, paused, resumed and started again; `pid`, `port` and `r` (a client) say
and ask the rest. Options go to every redis-server: Cluster(appendfsync="always")."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

import redis
from ports import free_ports
from stopwatch import Deadline

PATIENCE = 20  # seconds that anything may take before it is given up; nothing waits so long by plan
SLOTS = 16384
PEER = "peer"  # the user that Redis' own servers and sentinels are to one another, where there is a password


def wait_until(predicate, what, timeout=PATIENCE):
    deadline = Deadline(timeout)
    while True:
        try:
            value = predicate()
        except redis.exceptions.RedisError:
            value = None
        if value:
            return value
        assert deadline.left(), f"{what}: not within {timeout} s"
        time.sleep(0.02)


class Server:
    """One redis-server (or sentinel) on TCP. A port that somebody else took meanwhile is changed for another."""

    def __init__(self, options, sentinel_config=None, password=None):
        self.dir = tempfile.mkdtemp(prefix="chat-redis-")
        self.options = options
        self.sentinel_config = sentinel_config
        self.password = password
        self.process = None
        for _ in range(5):
            self.port, self.cluster_port = free_ports(2)
            if self.start(may_fail=True):
                return
        raise AssertionError("redis-server does not start:\n" + self.log()[-2000:])

    def _argv(self):
        common = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir, "--daemonize", "no",
                  "--logfile", os.path.join(self.dir, "redis.log")]
        if self.password:
            path = pathlib.Path(self.dir, "users.acl")
            path.write_text("".join(f"user {name} on >{self.password} ~* &* +@all\n" for name in ("default", PEER)))
            common += ["--aclfile", str(path)]
        if self.sentinel_config is not None:
            path = pathlib.Path(self.dir, "sentinel.conf")  # it keeps what it knows in there
            if not path.exists():
                path.write_text(self.sentinel_config, encoding="ascii")
            return ["redis-server", str(path), "--sentinel", *common]
        options = dict(self.options)
        if options.get("cluster-enabled") == "yes":
            options["cluster-port"] = self.cluster_port
        return ["redis-server", *common,
                *(word for name, value in options.items() for word in (f"--{name}", str(value)))]

    def start(self, may_fail=False):
        """Starts it, with the data and the port it had. True once it answers."""
        self.process = subprocess.Popen(self._argv(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.r = redis.Redis("127.0.0.1", self.port, password=self.password, decode_responses=True, socket_timeout=5)
        self.raw = redis.Redis("127.0.0.1", self.port, password=self.password, socket_timeout=5)
        deadline = Deadline(PATIENCE)
        while self.process.poll() is None and deadline.left():
            try:
                if self.r.ping():
                    return True
            except redis.exceptions.BusyLoadingError:
                return True
            except redis.exceptions.RedisError:
                time.sleep(0.01)
        self.process.kill()
        self.process.wait()
        assert may_fail, "redis-server does not start:\n" + self.log()[-2000:]
        return False

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def running(self):
        return self.process.poll() is None

    def log(self):
        path = pathlib.Path(self.dir, "redis.log")
        return path.read_text(errors="replace") if path.exists() else ""

    def role(self):
        """'master' or 'slave'; None when it doesn't answer."""
        try:
            return self.r.role()[0] if self.running else None
        except redis.exceptions.RedisError:
            return None

    def kill(self):
        self.resume()
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        self.resume()
        self.process.terminate()
        self.process.wait(PATIENCE)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.running:
            self.process.send_signal(signal.SIGCONT)

    def destroy(self):
        if self.running:
            self.kill()
        for client in self.r, self.raw:
            client.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def server_options(password, options):
    # repl-diskless-sync-delay: by default a replica waits 5 s for others before it is synchronised at all
    made = {"appendonly": "yes", "appendfsync": "no", "save": "", "repl-diskless-sync-delay": "0",
            "repl-timeout": "10"}
    if password:
        made.update(masteruser=PEER, masterauth=password)
    made.update({name.replace("_", "-"): value for name, value in options.items()})
    return made


class Routed:
    """A client whose commands go to the master that has their first key: shape.r.hget(key, field)."""

    def __init__(self, shape):
        self.shape = shape

    def __getattr__(self, name):
        def call(key, *args, **options):
            return getattr(self.shape.master_of(key).r, name)(key, *args, **options)
        return call


class Shape:
    """What both have in common."""

    servers = ()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()

    @property
    def r(self):
        return Routed(self)

    @property
    def uri(self):
        return self.uri_as("", self.password) if self.password else self.uri_with("")

    def uri_as(self, user, password):
        return self.uri_with(f"{user}:{urllib.parse.quote(password, safe='')}@")

    def server_at(self, port):
        return next(s for s in self.servers if s.port == int(port))

    def kill(self, server):
        server.kill()

    def resume(self):
        """Lets everything that was paused go on."""
        for server in self.everything():
            server.resume()

    def everything(self):
        return list(self.servers)

    def destroy(self):
        for server in self.everything():
            server.destroy()


class Sentinel(Shape):
    """A master, its replicas, and three sentinels of which two must agree. A dead master is noticed after
    `down_after` ms."""

    NAME = "chat"

    def __init__(self, replicas=1, sentinels=3, down_after=500, password=None, **options):
        self.password = password
        self.servers, self.sentinels = [], []
        made = server_options(password, options)
        try:
            self.servers.append(Server(made, password=password))
            for _ in range(replicas):
                self.servers.append(Server({**made, "replicaof": f"127.0.0.1 {self.servers[0].port}"},
                                           password=password))
            for _ in range(sentinels):
                self.sentinels.append(Server({}, self._config(down_after, min(2, sentinels))))
            self.wait_ready()
        except BaseException:
            self.destroy()
            raise

    def _config(self, down_after, quorum):
        lines = [f"sentinel monitor {self.NAME} 127.0.0.1 {self.servers[0].port} {quorum}",
                 f"sentinel down-after-milliseconds {self.NAME} {down_after}",
                 f"sentinel failover-timeout {self.NAME} 2000"]
        if self.password:
            lines += [f"sentinel auth-user {self.NAME} {PEER}", f"sentinel auth-pass {self.NAME} {self.password}"]
        return "\n".join(lines) + "\n"

    def everything(self):
        return self.sentinels + self.servers

    def uri_with(self, login):
        return f"sentinel://{login}{','.join(s.address for s in self.sentinels)}/{self.NAME}"

    def master(self):
        """The Server that the sentinels name."""
        for s in self.sentinels:
            try:
                if s.running:
                    return self.server_at(s.r.sentinel_get_master_addr_by_name(self.NAME)[1])
            except redis.exceptions.RedisError:
                continue
        raise AssertionError("no sentinel answers")

    def master_of(self, key):
        return self.master()

    def replicas(self):
        master = self.master()
        return [s for s in self.servers if s is not master]

    def _seen(self, s):
        state = s.r.sentinel_master(self.NAME)
        alive = sum(server.running for server in self.servers) - 1
        return (state["num-other-sentinels"] == len(self.sentinels) - 1 and state["num-slaves"] >= alive and
                not state["is_odown"])

    def _in_step(self):
        master = self.master()
        info = master.r.info("replication")
        online = [v for k, v in info.items()
                  if k.startswith("slave") and isinstance(v, dict) and v["state"] == "online"]
        return master.role() == "master" and len(online) >= sum(s.running for s in self.servers) - 1

    def wait_ready(self):
        """Everybody knows everybody, and the replicas are in step: a failover would work."""
        wait_until(lambda: all(self._seen(s) for s in self.sentinels if s.running), "the sentinels' agreement")
        wait_until(self._in_step, "replicas in step")

    # A partition: clients still reach the server, its replicas and the sentinels don't. Needs a password.

    def isolate(self, server):
        server.r.execute_command("ACL", "SETUSER", PEER, "off")
        server.r.execute_command("CLIENT", "KILL", "USER", PEER)

    def rejoin(self, server):
        """As a replica. The sentinels would see to that some twenty seconds later."""
        server.r.execute_command("ACL", "SETUSER", PEER, "on")
        server.r.replicaof("127.0.0.1", self.master().port)
        for one in server.r.client_list():
            if not one["name"]:  # the sentinels', who could not sign in
                server.r.client_kill_filter(_id=one["id"])

    def kill_master(self):
        """kill -9. Returns the Server; `wait_failover` waits for the next one."""
        master = self.master()
        master.kill()
        return master

    def failover(self):
        """Asks for one, with the master alive. Returns the old master."""
        old = self.master()
        sentinel = next(s for s in self.sentinels if s.running)
        wait_until(lambda: sentinel.r.execute_command("SENTINEL FAILOVER", self.NAME), "a replica fit for a failover")
        return old

    def revive(self, server):
        """Starts a dead server as a replica. By start() alone it is a master still, with what it had, until
        the sentinels find it, some ten seconds later."""
        server.options = {**server.options, "replicaof": f"127.0.0.1 {self.master().port}"}
        server.start()

    def wait_failover(self, old):
        """Until all sentinels name another master than `old`, which is one. Returns it."""
        def done():
            ports = {s.r.sentinel_get_master_addr_by_name(self.NAME)[1] for s in self.sentinels if s.running}
            if len(ports) != 1 or old.port in ports:
                return None
            new = self.server_at(ports.pop())
            return new if new.role() == "master" else None
        return wait_until(done, "the failover")


class Cluster(Shape):
    """Masters with `replicas` each. A dead master is noticed after `node_timeout` ms."""

    def __init__(self, masters=3, replicas=1, node_timeout=1000, password=None, **options):
        self.password = password
        self.servers = []
        made = server_options(password, {"cluster-enabled": "yes", "cluster-node-timeout": node_timeout,
                                         "cluster-replica-validity-factor": 0, **options})
        try:
            for _ in range(masters * (1 + replicas)):
                self.servers.append(Server(made, password=password))
            self._create(masters)
        except BaseException:
            self.destroy()
            raise

    def _create(self, masters):
        for i, s in enumerate(self.servers):
            s.r.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i < masters:
                s.r.execute_command("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // masters, (i + 1) * SLOTS // masters - 1)
        for a in self.servers:
            for b in self.servers:
                if a.port < b.port:
                    a.r.execute_command("CLUSTER", "MEET", "127.0.0.1", b.port, b.cluster_port)
        wait_until(lambda: all(self._knows(s) == len(self.servers) for s in self.servers), "the nodes' acquaintance")
        for i, s in enumerate(self.servers[masters:]):
            s.r.execute_command("CLUSTER", "REPLICATE", self.node_id(self.servers[i % masters]))
        self.wait_ready()

    @staticmethod
    def _knows(server):
        return sum("handshake" not in line for line in raw_command(server, "CLUSTER NODES").splitlines())

    def uri_with(self, login):
        return f"cluster://{login}{','.join(s.address for s in self.servers)}"

    @staticmethod
    def node_id(server):
        return server.r.execute_command("CLUSTER MYID")

    def masters(self):
        """The Servers that own slots, as one that runs sees it."""
        return [s for s, _ in self.ranges()]

    def ranges(self):
        """[(Server, [(first, last)])] of the masters that own slots."""
        seen = self._ask("CLUSTER SLOTS")
        owned = {}
        for first, last, master, *_ in seen:
            owned.setdefault(master[1], []).append((first, last))
        return [(self.server_at(port), ranges) for port, ranges in owned.items()]

    def _ask(self, *command):
        for s in self.servers:
            try:
                if s.running:
                    return raw_command(s, *command)
            except redis.exceptions.RedisError:
                continue
        raise AssertionError("no node answers")

    @staticmethod
    def slot_of(key):
        return redis.cluster.key_slot(key.encode() if isinstance(key, str) else key)

    def master_of(self, key_or_slot):
        slot = key_or_slot if isinstance(key_or_slot, int) else self.slot_of(key_or_slot)
        return next(s for s, ranges in self.ranges() if any(a <= slot <= b for a, b in ranges))

    def replicas_of(self, master):
        mine = self.node_id(master)
        return [s for s in self.servers if s is not master and s.running and
                f" {mine} " in next(line for line in raw_command(s, "CLUSTER NODES").splitlines() if "myself" in line)]

    def wait_served(self):
        """Nobody that runs takes a master for dead."""
        running = [s for s in self.servers if s.running]
        wait_until(lambda: all("cluster_state:ok" in raw_command(s, "CLUSTER INFO") and
                               not any("fail" in line.split()[2] and line.split()[8:]
                                       for line in raw_command(s, "CLUSTER NODES").splitlines())
                               for s in running), "the cluster's state")

    def wait_ready(self):
        """All agree, all slots are served, and the replicas are in step."""
        def ready(s):
            info = s.r.info("replication")
            in_step = info["role"] == "master" or info["master_link_status"] == "up"
            return "cluster_state:ok" in raw_command(s, "CLUSTER INFO") and in_step
        running = [s for s in self.servers if s.running]
        wait_until(lambda: all(ready(s) for s in running), "the cluster's state")
        wait_until(lambda: len({self._view(s) for s in running}) == 1, "the cluster's agreement")

    @staticmethod
    def _view(server):
        """Who owns what and replicates whom, as this server sees it."""
        lines = [line.split() for line in raw_command(server, "CLUSTER NODES").splitlines()]
        return tuple(sorted((f[0], f[2].replace("myself,", ""), f[3], tuple(f[8:])) for f in lines
                            if "fail" not in f[2]))

    def wait_failover(self, old):
        """Until a replica of `old` has its slots and everybody knows it."""
        running = [s for s in self.servers if s.running and s is not old]

        def done():
            return all(old.port not in [m[1] for _, _, m, *_ in raw_command(s, "CLUSTER SLOTS")] and
                       "cluster_state:ok" in raw_command(s, "CLUSTER INFO") for s in running)
        wait_until(done, "the failover")

    def failover(self, master):
        """Asks a replica of `master` to take over, with the master alive. Returns the replica."""
        replica = self.replicas_of(master)[0]
        replica.r.execute_command("CLUSTER", "FAILOVER")
        wait_until(lambda: replica.role() == "master", "the failover")
        return replica

    # Moving a slot, step by step, as redis-cli --cluster reshard does

    def begin_move(self, slot, to):
        """From here on keys that are not there are ASKed for at `to`. Returns the owner."""
        owner = self.master_of(slot)
        to.r.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.node_id(owner))
        owner.r.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.node_id(to))
        return owner

    def move_keys(self, slot, owner, to, at_most=None, at_once=10):
        """Moves keys, `at_most` of them. Returns how many it moved."""
        moved = 0
        while at_most is None or moved < at_most:
            n = at_once if at_most is None else min(at_once, at_most - moved)
            keys = owner.raw.execute_command("CLUSTER", "GETKEYSINSLOT", slot, n)
            if not keys:
                break
            auth = ("AUTH", self.password) if self.password else ()
            owner.raw.execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, *auth, "KEYS", *keys)
            moved += len(keys)
        return moved

    def end_move(self, slot, to):
        node = self.node_id(to)
        for s in [to] + [m for m in self.masters() if m is not to]:
            s.r.execute_command("CLUSTER", "SETSLOT", slot, "NODE", node)

    def move_slot(self, slot, to):
        owner = self.begin_move(slot, to)
        self.move_keys(slot, owner, to)
        self.end_move(slot, to)
        return owner


def raw_command(server, *command):
    """The answer as Redis gives it, whatever the client library would make of it."""
    connection = server.r.connection_pool.get_connection("_")
    try:
        connection.send_command(*(word for part in command for word in str(part).split()))
        return connection.read_response()
    finally:
        server.r.connection_pool.release(connection)

