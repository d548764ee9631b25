"""What a machine carries, by arithmetic from what one message, delivery and connection were measured to
cost: the first thing that runs out decides. Processes are planned to be busy for LOAD of the time."""

import math
import textwrap

LOAD = 0.6
PEOPLE = [10_000, 100_000, 1_000_000]           # connections
TALK = [("pairs", 2, 2), ("teams", 50, 1), ("halls", 1000, 0.1)]  # name, members, messages a minute of each


def plan(costs, connections, members, per_minute):
    """(messages/s, deliveries/s, cores of chatd, masters of Redis, bytes of chatd)"""
    messages = connections * per_minute / 60
    deliveries = messages * members
    chatd = (messages * costs["message"] + deliveries * costs["delivery"]) / 1e6
    workers = max(1, math.ceil(chatd / LOAD))
    heard_by = min(workers, members)  # workers that have a member
    redis = messages * (costs["redis"] + costs["redis_node"] * (heard_by - 1)) / 1e6
    return messages, deliveries, chatd, redis, connections * costs["bytes"]


def rows(costs):
    found = []
    for connections in PEOPLE:
        for name, members, per_minute in TALK:
            messages, deliveries, chatd, redis, size = plan(costs, connections, members, per_minute)
            limit = "none" if max(chatd, redis) < LOAD else "Redis' core" if redis > chatd else "chatd's core"
            found.append((f"{connections:,}", f"{name} of {members}, {per_minute:g} a minute each", f"{messages:,.0f}",
                          f"{deliveries:,.0f}", f"{max(1, math.ceil(chatd / LOAD))}",
                          f"{max(1, math.ceil(redis / LOAD))}", f"{size / 1e9:.2f} GB", limit))
    return found


HEADS = ["connections", "who talk in", "messages/s", "deliveries/s", "chatd workers", "Redis masters", "chatd's memory",
         "first limit of one of each"]


def text(costs):
    """Paragraphs, for one core."""
    said = (
        f"One core of chatd, all of it: {1e6 / costs['delivery']:,.0f} deliveries/s when each is written by itself, "
        f"{1e6 / costs['burst']:,.0f} when messages come faster than they are written; "
        f"{1e6 / costs['connect']:,.0f} clients a second that come in with a key and join; "
        f"{1e9 / costs['bytes']:,.0f} idle ones in a gigabyte (the kernel's buffers not counted).",
        f"One Redis, all of its core: {1e6 / costs['redis']:,.0f} messages/s, stored, of nodes that are busy enough to "
        f"send several in one call; each further node that has a member of the channel adds "
        f"{costs['redis_node']:.0f} us to the {costs['redis']:.0f} us of a message. "
        f"{1e6 / costs['redis_resume']:,.0f} clients a second who resume: when a million return at once, that takes "
        f"one Redis {costs['redis_resume']:.0f} s. A Cluster of k masters carries k times as much, since channels and "
        f"users are spread; one channel stays on one master.",
        f"Planned so that nobody is busy for more than {LOAD:.0%}; pings, sign-ins and who comes online are left out:")
    return "\n\n".join(textwrap.fill(paragraph, 120, break_on_hyphens=False) for paragraph in said)
