"""A proxy in front of Redis that counts the commands that pass, and can hold one back: so a test can stop
the world at any step of a request, or cut the connection there."""

import os
import socket
import tempfile
import threading


class RedisProxy:
    """proxy.uri goes to chatd. With hold(n) the n-th command from now on (0: the next) and everything
    behind it on any connection is kept back; `held` is set when it has come; release() lets all go."""

    def __init__(self, server):
        self.target = server.socket
        self.dir = tempfile.mkdtemp(prefix="chat-proxy-")
        self.path = os.path.join(self.dir, "proxy.sock")
        self.lock = threading.Lock()
        self.held = threading.Event()
        self.free = threading.Event()
        self.free.set()
        self.left = None     # commands that may still pass; None: all
        self.wanted = None   # what a command must contain to count
        self.sockets = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self):
        return f"unix://{self.path}"

    def hold(self, n=0, containing=None):
        """Only commands that contain these bytes count, if given."""
        with self.lock:
            self.left, self.wanted = n, containing
            self.held.clear()
            self.free.clear()

    def release(self):
        with self.lock:
            self.left = None
            self.free.set()

    def cut(self):
        """Closes every connection; what was held back is never delivered."""
        with self.lock:
            sockets, self.sockets = self.sockets, []
            self.left = None
        for one in sockets:
            one.shutdown(socket.SHUT_RDWR)
        self.free.set()

    def close(self):
        self.listener.close()
        self.cut()
        os.unlink(self.path)
        os.rmdir(self.dir)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self.target)
            except OSError:
                near.close()
                continue
            with self.lock:
                self.sockets += [near, far]
            threading.Thread(target=self._commands, args=(near, far), daemon=True).start()
            threading.Thread(target=self._answers, args=(near, far), daemon=True).start()

    def _answers(self, near, far):
        self._pump(lambda: far.recv(1 << 16), near, far)

    def _commands(self, near, far):
        stream = near.makefile("rb")
        self._pump(lambda: self._gate(self._command(stream), near), far, near)

    @staticmethod
    def _pump(read, target, other):
        try:
            while data := read():
                target.sendall(data)
        except (OSError, ValueError):
            pass
        for one in target, other:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def _command(stream):
        """One command as it is on the wire: *N, then N times $LEN and the bytes."""
        parts = [stream.readline()]
        for _ in range(int(parts[0][1:] or 0)):
            head = stream.readline()
            parts += [head, stream.read(int(head[1:]) + 2)]
        return b"".join(parts)

    def _gate(self, command, near):
        with self.lock:
            if command and self.left is not None and (self.wanted is None or self.wanted in command):
                self.left -= 1
            closed = bool(command) and self.left is not None and self.left < 0
        if closed:
            self.held.set()
            self.free.wait()
            if near not in self.sockets:  # cut in the meantime
                return b""
        return command
