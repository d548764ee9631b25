"""A proxy between chatd and Redis, for partitions: a process of its own, so that it costs the load nothing.

    with Proxies(target, 3) as proxies:       # three Unix sockets in front of one
        proxies.freeze(0); proxies.thaw(0)    # nothing passes, nothing is closed; then all of it does
        proxies.cut(0)                        # every connection ends, what it held is gone"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile


class Proxies:
    def __init__(self, target, n):
        self.dir = tempfile.mkdtemp(prefix="chat-part-")
        self.paths = [os.path.join(self.dir, f"{i}.sock") for i in range(n)]
        self.process = subprocess.Popen([sys.executable, __file__, target, *self.paths], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout.readline() == b"ready\n"

    def _tell(self, word, i):
        self.process.stdin.write(f"{word} {i}\n".encode())
        self.process.stdin.flush()

    def freeze(self, i):
        self._tell("freeze", i)

    def thaw(self, i):
        self._tell("thaw", i)

    def cut(self, i):
        self._tell("cut", i)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Proxy:
    """One listening socket, in the process of its own."""

    def __init__(self, target):
        self.target = target
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.writers = set()

    async def accept(self, near, near_out):
        try:
            far, far_out = await asyncio.open_unix_connection(self.target)
        except OSError:
            near_out.transport.abort()
            return
        self.writers |= {near_out, far_out}
        await asyncio.gather(self.pump(near, far_out), self.pump(far, near_out))
        self.writers -= {near_out, far_out}

    async def pump(self, source, sink):
        try:
            while data := await source.read(1 << 16):
                await self.flowing.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        await self.flowing.wait()
        sink.close()

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()
        self.flowing.set()


async def serve(target, paths):
    proxies = [Proxy(target) for _ in paths]
    for proxy, path in zip(proxies, paths):
        await asyncio.start_unix_server(proxy.accept, path)
    print("ready", flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        word, i = line.split()
        proxy = proxies[int(i)]
        {b"freeze": proxy.flowing.clear, b"thaw": proxy.flowing.set, b"cut": proxy.cut}[word]()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2:]))
