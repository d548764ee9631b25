"""What the driver breaks: a Redis, some chatd on it, and what stands between them."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import chat
import inject
from liar import Liar
from proxy import Proxies

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = "fault:"
FSYNC = {"D0": "everysec", "D1": "always", "D2": "always"}
OUTBOUND = "256k"


class Single:
    """One redis-server. `lossy` says when it may have lost what it had answered (for Load.forgive)."""

    def __init__(self, durability):
        self.safe = tempfile.mkdtemp(prefix="chat-synced-")
        library = os.path.join(self.safe, "synced.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", library,
                        str(HERE / "synced.c"), "-ldl"], check=True)
        self.durability = durability
        self.server = chat.Redis(appendfsync=FSYNC[durability], auto_aof_rewrite_percentage=0,
                                 env={"LD_PRELOAD": library, "SYNCED_DIR": self.safe})
        self.lock = threading.RLock()

    @property
    def r(self):
        return self.server.r

    @property
    def keeps(self):
        """Does it keep what it answered, whatever happens?"""
        return self.durability != "D0"

    def uri(self):
        return self.server.uri

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
        path, = pathlib.Path(self.server.dir, "appendonlydir").glob("*.incr.aof")
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

    def freeze(self, seconds):
        with self.lock:
            self.server.pause()
            time.sleep(seconds)
            self.server.resume()

    def log(self):
        return self.server.log()

    def destroy(self):
        self.server.destroy()
        shutil.rmtree(self.safe, ignore_errors=True)


class World:
    """`nodes` chatd on one Redis, each behind a proxy of its own, with a clock of its own if the build has
    chatd_injected."""

    def __init__(self, nodes=3, shape="single", durability="D1", lie=None):
        self.redis = Single(durability)
        self.proxies = Proxies(self.redis.server.socket, nodes)
        self.locks = [threading.RLock() for _ in range(nodes)]
        self.pages = [inject.Inject() for _ in range(nodes)]
        self.ended = []          # logs of nodes that are gone
        self.broken = []         # what was wrong with a node's end
        self.nodes = [None] * nodes
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
        self.nodes[i] = chat.Chatd(f"unix://{self.proxies.paths[i]}", prefix=PREFIX, env=self.pages[i].env,
                                   binary=inject.binary(), max_outbound=OUTBOUND)
        if self.load and self.doors is self.nodes:
            self.load.nodes[i] = self.nodes[i]

    def set_clock(self, i, seconds):
        """A node's wall clock is so many seconds off."""
        self.pages[i].set_clock(seconds)

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

    def fallen(self):
        """Nodes that ended though nobody ended them."""
        for i, lock in enumerate(self.locks):
            if lock.acquire(blocking=False):
                if self.nodes[i] and self.nodes[i].process.poll() is not None:
                    yield i
                lock.release()

    def links(self, which):
        """chatd's connections to Redis: "bus", "store" or "" for all."""
        return [c["id"] for c in self.r.client_list()
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
        self.proxies.close()
        self.redis.destroy()
        for page in self.pages:
            page.close()
