"""TCP ports for servers that are told theirs: free_port(), free_ports(3). Below the range that the system itself picks
from, where what is free now is somebody's outgoing connection a moment later; and each process has a block of its own,
which it holds by listening on its first port as long as it lives. So tests side by side don't meet."""

import functools
import os
import pathlib
import socket

LOWEST, BLOCK = 10000, 200


def _listen(port):
    """On all addresses; raises OSError when somebody listens on one of them."""
    dual = socket.has_dualstack_ipv6()
    return socket.create_server(("", port), family=socket.AF_INET6 if dual else socket.AF_INET, dualstack_ipv6=dual)


def _is_free(port):
    try:
        _listen(port).close()
    except OSError:
        return False
    return True


class _Block:
    def __init__(self):
        limit = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        firsts = range(LOWEST, max(limit, LOWEST + 2 * BLOCK) - BLOCK, BLOCK)
        start = os.getpid() % len(firsts)
        for first in [*firsts[start:], *firsts[:start]]:
            try:
                self.held = _listen(first)
            except OSError:
                continue
            self.first, self.next = first, 1
            return
        raise OSError("another process has each block of ports")

    def take(self, n):
        """Ports in a row; one that was given comes again after all others."""
        for _ in range(2 * BLOCK):
            if self.next + n > BLOCK:
                self.next = 1
            ports = [self.first + self.next + i for i in range(n)]
            self.next += 1
            if all(map(_is_free, ports)):
                self.next += n - 1
                return ports
        raise OSError(f"no {n} ports in a row are free from {self.first} on")


_block = functools.cache(_Block)


def free_ports(n):
    """So many TCP ports in a row that nobody listens on."""
    return _block().take(n)


def free_port():
    return free_ports(1)[0]
