"""channelJoin with `since`, at every boundary: exactly what was missed, or plainly that it can't be given
(R6). And joins in the midst of a flood: nothing between the snapshot and what follows, and nothing twice."""

import threading

import chat
import pytest

LOG = "{c:public}:log"


def numbers(body):
    return [m["seq"] for m in body["messages"]]


@pytest.fixture
def fill(client):
    """fill(12): a channel with so many messages. Gives its epoch; `fill.alice` sent them."""
    def go(n):
        alice = client("alice")
        fill.epoch = alice.join()["epoch"]
        for start in range(0, n, 50):
            part = range(start, min(start + 50, n))
            alice.burst(*[chat.request("channelMessage", {"message": f"m{i + 1}"}) for i in part])
            for i in part:
                alice.hear(f"m{i + 1}")
        fill.alice = alice
        return fill.epoch

    fill = go
    return go


def is_recovered(body, since, last):
    return body["recovered"] is True and numbers(body) == list(range(since + 1, last + 1)) and body["seq"] == last


def is_fresh(body, last, first=1):
    return body["recovered"] is False and body["seq"] == last and \
        numbers(body) == list(range(last, max(last - 10, first - 1), -1))


# Boundaries

@pytest.mark.parametrize("since", [0, 1, 11, 19, 20])
def test_exactly_what_was_missed_oldest_first(since, client, fill):
    epoch = fill(20)
    bob = client("bob")
    body = bob.join(since={"epoch": epoch, "seq": since})
    assert is_recovered(body, since, 20)
    assert [m["message"] for m in body["messages"]] == [f"m{i}" for i in range(since + 1, 21)]
    assert all(m["created_at"] == m["createdAt"] for m in body["messages"])
    fill.alice.say("next")
    assert bob.hear("next")["seq"] == 21


@pytest.mark.parametrize("since", [21, 22, 10**6, 2**53 - 1])
def test_since_ahead_of_the_channel_is_not_recovered(since, client, fill):
    epoch = fill(20)
    assert is_fresh(client("bob").join(since={"epoch": epoch, "seq": since}), 20)


@pytest.mark.parametrize("since", [0, 5, 20])
@pytest.mark.parametrize("epoch", [chat.NOBODY, "00000000-0000-0000-0000-000000000000"])
def test_another_epoch_is_not_recovered(epoch, since, client, fill):
    fill(20)
    assert is_fresh(client("bob").join(since={"epoch": epoch, "seq": since}), 20)


def test_an_empty_channel(client):
    alice, bob = client("alice"), client("bob")
    first = alice.join()
    assert first["seq"] == 0 and first["messages"] == [] and "recovered" not in first
    assert is_recovered(bob.join(since={"epoch": first["epoch"], "seq": 0}), 0, 0)
    assert is_fresh(client("carol").join(since={"epoch": first["epoch"], "seq": 1}), 0)


def test_a_channel_that_was_never_used(client):
    bob = client("bob")
    assert is_fresh(client("alice").join(bob.user, since={"epoch": chat.NOBODY, "seq": 0}), 0)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_as_many_as_the_limit_says_and_not_one_more(extra, client, fill):
    bob = client("bob")
    most = bob.ready["limits"]["resumeMessages"]
    n = most + 5
    epoch = fill(n)
    since = n - most - extra
    body = bob.join(since={"epoch": epoch, "seq": since})
    assert is_recovered(body, since, n) if extra <= 0 else is_fresh(body, n)


def test_what_is_too_large_for_an_answer_is_not_recovered(client, chatd):
    """Fewer than the limit, but megabytes."""
    alice = client("alice")
    epoch = alice.join()["epoch"]
    for _ in range(70):
        alice.say("ü" * 4096)
    bob = client("bob")
    body = bob.join(since={"epoch": epoch, "seq": 0})
    assert is_fresh(body, 70)
    assert is_recovered(bob.join(since={"epoch": epoch, "seq": 65}), 65, 70)


@pytest.mark.parametrize("since,recovered", [(3, False), (4, False), (5, True), (6, True)])
def test_trimmed_history(since, recovered, client, fill, redis, prefix):
    """Messages up to 5 are gone: who has 5 lacks nothing."""
    epoch = fill(20)
    redis.r.xtrim(prefix + LOG, minid="6-0", approximate=False)
    assert redis.r.xlen(prefix + LOG) == 15
    body = client("bob").join(since={"epoch": epoch, "seq": since})
    assert is_recovered(body, since, 20) if recovered else is_fresh(body, 20)


def test_trimmed_to_nothing(client, fill, redis, prefix):
    epoch = fill(20)
    redis.r.xtrim(prefix + LOG, maxlen=0, approximate=False)
    bob = client("bob")
    assert is_recovered(bob.join(since={"epoch": epoch, "seq": 20}), 20, 20)
    body = bob.join(since={"epoch": epoch, "seq": 19})
    assert body["recovered"] is False and body["messages"] == [] and body["seq"] == 20
    fill.alice.say("next")
    assert bob.hear("next")["seq"] == 21


@pytest.mark.parametrize("since,recovered", [(8, False), (9, False), (10, True), (11, True)])
def test_a_deleted_message_in_the_middle_is_no_silent_hole(since, recovered, client, fill, redis, prefix):
    epoch = fill(20)
    redis.r.xdel(prefix + LOG, "10-0")
    body = client("bob").join(since={"epoch": epoch, "seq": since})
    if recovered:
        assert is_recovered(body, since, 20)
    else:
        assert body["recovered"] is False and numbers(body) == list(range(20, 10, -1))


@pytest.mark.parametrize("missing", [20, 19])
def test_a_deleted_message_at_the_end_is_no_silent_hole(missing, client, fill, redis, prefix):
    epoch = fill(20)
    redis.r.xdel(prefix + LOG, f"{missing}-0")
    bob = client("bob")
    body = bob.join(since={"epoch": epoch, "seq": 18})
    assert body["recovered"] is False and missing not in numbers(body) and body["seq"] == 20
    fill.alice.say("next")
    assert bob.hear("next")["seq"] == 21


@pytest.mark.parametrize("since", ["x", 5, [], True])
def test_since_that_is_no_object_is_an_error(since, client, fill):
    fill(3)
    bob = client("bob")
    bob.ask("channelJoin", {"since": since}, requestID=1)
    assert "channelJoin.since" in bob.expect_error("bad_field")["message"]
    bob.post("x")
    bob.expect_error("not_joined")


@pytest.mark.parametrize("since", [
    {}, {"epoch": "the channel's"}, {"seq": 1}, {"epoch": 5, "seq": 1}, {"epoch": "no uuid", "seq": 1},
    {"epoch": "", "seq": 1}, {"epoch": "the channel's", "seq": -1}, {"epoch": "the channel's", "seq": "1"},
    {"epoch": "the channel's", "seq": 1.5}, {"epoch": "the channel's", "seq": True},
    {"epoch": "the channel's", "seq": None}, {"epoch": "the channel's", "seq": []},
    {"epoch": "the channel's", "seq": 2**53}, {"epoch": "the channel's", "seq": 2**64 + 1},
    {"epoch": "the channel's", "seq": 10**30}], ids=str)
def test_since_that_names_no_place_is_not_recovered(since, client, fill):
    """A number that no message can have, an epoch that is none: the normal join, never a hole."""
    epoch = fill(3)
    if since.get("epoch") == "the channel's":
        since = {**since, "epoch": epoch}
    assert is_fresh(client("bob").join(since=since), 3)


def test_since_null_is_absent(client, fill):
    fill(3)
    bob = client("bob")
    bob.ask("channelJoin", {"since": None})
    assert "recovered" not in bob.expect("channelJoin")


def test_coming_back_with_the_pair_and_since_in_one_burst(client, fill):
    """As the reference tells a client to: all channels and what was unanswered in one write."""
    epoch = fill(5)
    alice, bob = fill.alice, client("bob")
    private = alice.join(bob.user)["epoch"]
    for i in range(3):
        alice.say(f"p{i}", to=bob.user)
    uuid = chat.new_uuid()
    back = client(early=[
        chat.request("channelJoin", {"recipientUUID": "0", "since": {"epoch": epoch, "seq": 3}}, **bob.pair()),
        chat.request("channelJoin", {"recipientUUID": alice.user, "since": {"epoch": private, "seq": 1}}),
        chat.request("channelMessage", {"recipientUUID": "0", "message": "I am back", "UUID": uuid}, requestID="m")])
    assert is_recovered(back.expect("channelJoin"), 3, 5)
    assert is_recovered(back.expect("channelJoin"), 1, 3)
    assert back.hear("I am back")["seq"] == 6 and back.last["requestID"] == "m"


# Joining again

def test_joining_twice_and_thrice_changes_nothing_about_what_comes(client, fill):
    epoch = fill(5)
    bob = client("bob", join="0")
    assert is_recovered(bob.join(since={"epoch": epoch, "seq": 2}), 2, 5)
    assert is_fresh(bob.join(since={"epoch": chat.NOBODY, "seq": 2}), 5)
    assert numbers(bob.join()) == [5, 4, 3, 2, 1]
    fill.alice.say("once")
    bob.hear("once")
    assert [f for f in bob.fence() if f["type"] != "sys"] == []
    assert bob.say("mine")["seq"] == 7
    assert [f for f in bob.fence() if f["type"] != "sys"] == []


class Flood:
    """Somebody who sends all the time, from a thread of its own."""

    def __init__(self, clients):
        self.clients = clients
        self.over = threading.Event()
        self.failed = None
        self.threads = [threading.Thread(target=self.run, args=(c,)) for c in clients]

    def run(self, c):
        try:
            i = 0
            while not self.over.is_set():
                c.burst(*[chat.request("channelMessage", {"message": f"{c.name} {i + k}"}) for k in range(10)])
                i += 10
                mine = 0
                while mine < 10:
                    mine += c.expect("channelMessage")["senderUUID"] == c.user
        except Exception as error:
            self.failed = error

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()
        assert self.failed is None, self.failed


@pytest.mark.parametrize("nodes", [1, 2])
def test_joining_in_a_flood_loses_and_doubles_nothing(nodes, client, start_chatd):
    """Many connections join, live for some messages, drop, and come back with since: what the answer
    holds and what follows fit together each time."""
    running = [start_chatd() for _ in range(nodes)]
    senders = [client(f"sender{i}", join="0", at=running[i % nodes]) for i in range(2)]
    seen = {}  # seq: text, as whoever was first saw it

    def take(messages):
        for m in messages:
            assert seen.setdefault(m["seq"], m["message"]) == m["message"]

    with Flood(senders):
        name = client("bob", at=running[0])
        for i in range(25):
            bob = client(at=running[i % nodes])
            body = bob.join(**name.pair())
            last, epoch = body["seq"], body["epoch"]
            assert numbers(body) == list(range(last, max(last - 10, 0), -1))
            take(body["messages"])
            for _ in range(i % 7):
                m = bob.expect("channelMessage")
                assert m["seq"] == last + 1, "the first that follows has the next number"
                take([m])
                last = m["seq"]
            bob.drop()
            bob = client(at=running[(i + 1) % nodes])
            body = bob.join(since={"epoch": epoch, "seq": last}, **name.pair())
            assert is_recovered(body, last, body["seq"])
            take(body["messages"])
            last = body["seq"]
            for _ in range(12):
                m = bob.expect("channelMessage")
                assert m["seq"] == last + 1
                take([m])
                last = m["seq"]
            bob.drop()


def test_joining_again_in_a_flood_does_not_disturb_what_comes(client, start_chatd):
    nodes = [start_chatd() for _ in range(2)]
    senders = [client(f"sender{i}", join="0", at=nodes[i]) for i in range(2)]
    bob = client("bob", at=nodes[0])
    body = bob.join()
    last, epoch = body["seq"], body["epoch"]
    with Flood(senders):
        for i in range(30):
            since = {"since": {"epoch": epoch, "seq": last}} if i % 2 else {}
            bob.ask("channelJoin", {"recipientUUID": "0", **since}, requestID=i)
            while True:
                frame = bob.recv()
                if frame["type"] == "channelMessage":
                    assert frame["channelMessage"]["seq"] == last + 1
                    last += 1
                elif frame["type"] == "channelJoin":
                    break
            if since:
                assert is_recovered(frame["channelJoin"], since["since"]["seq"], frame["channelJoin"]["seq"])
            else:
                assert max(numbers(frame["channelJoin"]), default=0) == frame["channelJoin"]["seq"]
    assert last > 100


def test_joining_and_leaving_a_private_channel_in_a_flood(client, chatd):
    """Each stay begins at its snapshot and ends at the leave; in between nothing is missing."""
    alice, bob = client("alice"), client("bob")
    alice.join(bob.user)
    over = threading.Event()

    def flood():
        i = 0
        while not over.is_set():
            alice.burst(*[chat.request("channelMessage", {"recipientUUID": bob.user, "message": f"{i + k}"})
                          for k in range(5)])
            for k in range(5):
                alice.hear(f"{i + k}")
            i += 5

    sender = threading.Thread(target=flood)
    sender.start()
    try:
        for i in range(20):
            last = bob.join(alice.user)["seq"]
            for _ in range(i % 5):
                assert bob.expect("channelMessage")["seq"] == last + 1
                last += 1
            bob.ask("channelLeave", {"recipientUUID": alice.user})
            while (frame := bob.recv())["type"] != "channelLeave":
                if frame["type"] == "channelMessage":
                    assert frame["channelMessage"]["seq"] == last + 1
                    last += 1
            assert [f for f in bob.fence() if f["type"] == "channelMessage"] == []
    finally:
        over.set()
        sender.join()
