"""A client beside the crowd. What the crowd times has its own queue in it: dozens of clients on one loop, each with
dozens of messages that it sends again and again while they are refused. This one does one thing at a time, so that
what it waits for is chatd and Redis."""

import threading
import time

import chat
from load import AGAIN, PASSING

PAUSE = 0.1  # seconds between an answer and the next message


class SignedOut(Exception):
    """Redis lost the newest data, and with it the user or their key."""


class Bystander(threading.Thread):
    """Sends messages to itself over one connection at a time, and goes on to the next node when that one ends."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load = load
        self.slowest = 0.0   # seconds until an answer on a connection that stayed, whatever it was
        self.served = 0.0    # when a message was acknowledged last (monotonic)
        self.node = 0

    def run(self):
        while not self.load.over:
            nodes = self.load.nodes
            try:
                self.live(nodes[self.node % len(nodes)])
            except (chat.Closed, chat.Refused, chat.Silence, OSError, SignedOut):
                time.sleep(PAUSE)
            except AssertionError as error:
                self.load.problem(f"the bystander: {error}")
                return
            self.node += 1

    def live(self, node):
        client = chat.Client(node)
        try:
            me = self.until(client, "authorized", "signIn", {"username": "bystander", "password": "pass"})["userUUID"]
            self.until(client, "channelJoin", "channelJoin", {"recipientUUID": me})
            while not self.load.over:
                self.until(client, "channelMessage", "channelMessage",
                           {"recipientUUID": me, "message": "well", "UUID": chat.new_uuid()})
                self.served = time.monotonic()
                time.sleep(PAUSE)
        finally:
            client.drop()

    def until(self, client, answer, kind, body):
        """Asks until it is answered as wished; returns that."""
        while True:
            start = time.monotonic()
            client.ask(kind, body)
            frame = client.expect_any(answer, "error", "unauthorized")
            self.slowest = max(self.slowest, time.monotonic() - start)
            if frame["type"] == answer:
                return frame[answer]
            if frame["type"] == "unauthorized" or frame["error"]["name"] == "not_authorized":
                raise SignedOut
            assert frame["error"]["name"] in PASSING, frame
            time.sleep(AGAIN)
