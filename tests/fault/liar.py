"""A proxy between clients and chatd that lies once, to see that the driver notices. LIES names the lies; each
is told with the `after`-th message that passes."""

import json
import socket
import threading
import uuid

import chat

HEAD_END = b"\r\n\r\n"


def drop(liar, frames):
    return []


def twice(liar, frames):
    return frames * 2


def alter(liar, frames):
    frame = json.loads(frames[0])
    frame["channelMessage"]["message"] += "!"
    return [json.dumps(frame)]


def invent(liar, frames):
    frame = json.loads(frames[0])
    frame["channelMessage"]["UUID"] = str(uuid.uuid4())
    frame["channelMessage"]["seq"] += 1
    return frames + [json.dumps(frame, separators=(",", ":"))]


def swap(liar, frames):
    """Held back, and told behind the next message."""
    liar.kept = frames
    return []


# What is done with a message of the public channel from the server
TO_CLIENT = {"drop": drop, "twice": twice, "alter": alter, "invent": invent, "swap": swap}
# "lose": a client's message is acknowledged and goes no further
LIES = [*TO_CLIENT, "lose"]


class Liar:
    """Stands for a node in Load.nodes: has its host and port. `target` is called for the node itself."""

    host = "127.0.0.1"

    def __init__(self, target, lie, after=30):
        self.target, self.lie, self.after = target, lie, after
        self.passed, self.told, self.kept = 0, None, None  # told: the connection that was lied to
        self.last = None  # the newest message
        self.lock = threading.Lock()
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((self.target().host, self.target().port))
            except OSError:
                near.close()
                continue
            for source, sink, work in (near, far, self._from_client), (far, near, self._from_server):
                threading.Thread(target=self._pump, args=(source, sink, work, near), daemon=True).start()

    def _pump(self, source, sink, work, near):
        try:
            stream = source.makefile("rb")
            head = b""
            while not head.endswith(HEAD_END):
                byte = stream.read(1)
                if not byte:
                    raise OSError("the end")
                head += byte
            sink.sendall(head)
            while frame := self._frame(stream):
                opcode, payload, raw = frame
                with self.lock:
                    texts = work(payload, near) if opcode == chat.TEXT else None
                    sink.sendall(raw if texts is None else b"".join(
                        chat.ws_frame(chat.TEXT, text, mask=sink is not near) for text in texts))
        except OSError:
            pass
        for one in source, sink:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def _frame(stream):
        """(opcode, payload, the bytes as they were) or None at the end."""
        head = stream.read(2)
        if len(head) < 2:
            return None
        n, more = head[1] & 127, b""
        if n >= 126:
            more = stream.read(2 if n == 126 else 8)
            n = int.from_bytes(more, "big")
        key = stream.read(4) if head[1] & 128 else b""
        body = stream.read(n)
        return head[0] & 15, chat.mask_bytes(body, key) if key else body, head + more + key + body

    def _due(self, payload):
        """Is it time for the lie, with this message?"""
        self.passed += 1
        return not self.told and self.passed > self.after

    def _from_server(self, payload, near):
        if not payload.startswith(b'{"type":"channelMessage"') or b'"recipientUUID":"0"' not in payload:
            return None
        text = payload.decode()
        self.last = json.loads(payload)["channelMessage"]
        if self.kept and self.told is near:
            kept, self.kept = self.kept, None
            return [text] + kept
        if self.lie == "lose" or b'"requestID"' in payload or not self._due(payload):
            return None
        self.told = near
        return TO_CLIENT[self.lie](self, [text])

    def _from_client(self, payload, near):
        frame = json.loads(payload)
        body = frame.get("channelMessage", {})
        if self.lie != "lose" or body.get("recipientUUID") != "0" or not self.last or not self._due(payload):
            return None
        self.told = near
        answer = {**self.last, "UUID": body["UUID"], "message": body["message"], "seq": self.last["seq"] + 1}
        near.sendall(chat.ws_frame(chat.TEXT, json.dumps(
            {"type": "channelMessage", "channelMessage": answer, "requestID": frame["requestID"]}), mask=False))
        return []
