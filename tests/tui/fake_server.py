"""A chat server that says what the test tells it to: well-behaved as far as it must be to be believed,
hostile beyond."""

import base64
import hashlib
import json
import socket
import struct
import threading

ME = "11111111-1111-4111-8111-111111111111"
EPOCH = "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee"


def uuid_of(n):
    return f"{n:08x}-0000-4000-8000-000000000000"


def server_frame(payload, opcode=1, fin=True):
    n = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode])
    if n < 126:
        return head + bytes([n]) + payload
    if n < 65536:
        return head + b"\x7e" + struct.pack(">H", n) + payload
    return head + b"\x7f" + struct.pack(">Q", n) + payload


class FakeServer:
    """Serves one connection after the other. Signs everybody in as ME; joins give an empty channel;
    what a client sends is acknowledged. `on` replaces the answer to a type: on["channelJoin"] =
    function(server, frame). say(object or bytes) sends to the one that is connected."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.on = {}
        self.frames = []  # what came
        self.sock = None
        self.seq = 0
        self.username = "alice"
        self.signed_in = threading.Event()
        self.joined = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def say(self, what, opcode=1, fin=True):
        data = what if isinstance(what, bytes) else json.dumps(what).encode()
        with self.lock:
            self.sock.sendall(server_frame(data, opcode, fin))

    def raw(self, data):
        with self.lock:
            self.sock.sendall(data)

    def message(self, text, name="mallory", sender=None, seq=None, **more):
        """A message of somebody in the public channel."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        return {"type": "channelMessage", "channelMessage": {
            "UUID": uuid_of(seq + 1000), "senderUUID": sender or uuid_of(7), "senderUsername": name,
            "recipientUUID": "0", "message": text, "createdAt": "2026-11-25T10:00:00.000Z", "seq": seq, **more}}

    def _run(self):
        while True:
            try:
                self.sock, _ = self.listener.accept()
            except OSError:
                return
            try:
                self._serve()
            except (OSError, ValueError, AssertionError):
                pass
            self.signed_in.clear()  # who waits, waits for the next
            self.joined.clear()
            self.sock.close()

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            chunk = self.sock.recv(n - len(data))
            if not chunk:
                raise OSError("closed")
            data += chunk
        return data

    def _handshake(self):
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._exactly(1)
        key = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
        accept = base64.b64encode(hashlib.sha1(key[0] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        protocol = [line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-protocol")]
        self.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n" + b"".join(p + b"\r\n" for p in protocol) + b"\r\n")

    def _frame(self):
        first, second = self._exactly(2)
        n = second & 127
        if n == 126:
            n, = struct.unpack(">H", self._exactly(2))
        elif n == 127:
            n, = struct.unpack(">Q", self._exactly(8))
        key = self._exactly(4)
        data = self._exactly(n)
        return first & 15, bytes(b ^ key[i % 4] for i, b in enumerate(data))

    def _serve(self):
        self._handshake()
        self.say({"type": "ready", "ready": {"sessionUUID": uuid_of(1), "server": "chatd", "version": "0.1.0",
                  "limits": {"frameBytes": 65536, "messageChars": 4096, "messageBytes": 16384,
                             "historyPage": 99, "usersPage": 1000, "resumeMessages": 1000}}})
        while True:
            opcode, data = self._frame()
            if opcode == 8:
                return
            if opcode == 9:
                self.say(data, 10)
            if opcode == 1:
                frame = json.loads(data)
                self.frames.append(frame)
                self.on.get(frame["type"], getattr(FakeServer, "_" + frame["type"], FakeServer._other))(self, frame)

    def answer(self, frame, body):
        if "requestID" in frame:
            body["requestID"] = frame["requestID"]
        self.say(body)

    def _other(self, frame):
        self.answer(frame, {"type": "error", "error": {
            "code": 2, "message": "unknown request type", "name": "unknown_type", "request": frame["type"]}})

    def _signIn(self, frame):
        self.answer(frame, {"type": "authorized", "authorized": {
            "userUUID": ME, "accessKey": "k" * 43, "username": self.username}})
        self.signed_in.set()

    def _users(self, frame):
        self.answer(frame, {"type": "users", "users": {"total": 1, "received": 1, "users": [
            {"UUID": ME, "Username": self.username, "OnLine": True}]}})

    def _channelJoin(self, frame):
        self.answer(frame, {"type": "channelJoin", "channelJoin": {
            "recipientUUID": frame["channelJoin"].get("recipientUUID", "0"), "messages": [],
            "users": [{"UUID": ME, "username": self.username, "online": True}], "usersTotal": 1,
            "epoch": EPOCH, "seq": self.seq}})
        self.joined.set()

    def _channelMessage(self, frame):
        body = frame["channelMessage"]
        self.seq += 1
        self.answer(frame, {"type": "channelMessage", "channelMessage": {
            "UUID": body.get("UUID", uuid_of(self.seq + 1000)), "senderUUID": ME,
            "senderUsername": self.username, "recipientUUID": body["recipientUUID"],
            "message": body["message"], "createdAt": "2026-11-25T10:00:00.000Z", "seq": self.seq}})

    def close(self):
        self.listener.close()
        if self.sock:
            self.sock.close()
