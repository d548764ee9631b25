"""Numbers and restarts of Redis: no number that somebody has seen means another message without being said, no
hole is taken for a whole history, and nothing that was given is given again (R6)."""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

import chat
import pytest
from ctl import Ctl
from scripts import Channel

LOG, META = "{c:public}:log", "{c:public}:meta"


class Copies:
    """A Redis whose data directory is copied and put back, as a backup or a volume's snapshot is."""

    def __init__(self, server):
        self.server = server

    def take(self, again=True):
        """Copies it while Redis is down; it runs again unless it is not to."""
        self.server.stop()
        self.aside = pathlib.Path(self.server.dir, "aside")
        shutil.rmtree(self.aside, ignore_errors=True)
        shutil.copytree(self.server.dir, self.aside, ignore=shutil.ignore_patterns("aside", "*.sock", "*.log", "*.acl"))
        if again:
            self.server.start()

    def put_back(self):
        self.server.stop()
        for path in pathlib.Path(self.server.dir).iterdir():
            if path.name == "appendonlydir":
                shutil.rmtree(path)
            elif path.suffix == ".rdb":
                path.unlink()
        shutil.copytree(self.aside, self.server.dir, dirs_exist_ok=True)
        self.server.start()


@pytest.fixture(params=["always", "everysec"])
def copied(request):
    """A plain Redis that syncs so, and its Copies."""
    server = chat.Redis(appendfsync=request.param)
    server.durability = request.param
    yield Copies(server)
    server.destroy()


@pytest.fixture
def on_copied(copied, start_chatd):
    """A chatd on it, as a user who may look at the configuration, which chatd's own may not."""
    def start():
        return start_chatd(f"unix://default:@{copied.server.socket}", durability=copied.server.durability)
    return start


def say(who, *texts):
    return [who.say(text)["seq"] for text in texts]


def numbered(what, n):
    return [f"{what}{i}" for i in range(n)]


def since(message, epoch, named=True):
    place = {"epoch": epoch, "seq": message["seq"]}
    return {**place, "UUID": message["UUID"]} if named else place


def texts(body):
    return [m["message"] for m in body["messages"]]


# What was numbered in a copy that was put back is another history

@pytest.mark.parametrize("named", [False, True], ids=["", "named"])
def test_numbers_of_what_a_backup_does_not_have_are_no_places_in_it(named, copied, on_copied, client):
    """Numbers 6 to 10 are given twice, so a place among them says nothing."""
    node = on_copied()
    ann = client("ann", join="0", at=node)
    kept = [ann.say(text) for text in numbered("kept", 5)]
    first = ann.join()["epoch"]
    node.stop()
    copied.take()
    node = on_copied()
    ann = client("ann", join="0", at=node)
    lost = [ann.say(text) for text in numbered("lost", 5)]
    second = ann.join()["epoch"]
    assert lost[-1]["seq"] == 10
    node.stop()
    copied.put_back()
    node = on_copied()
    ann = client("ann", join="0", at=node)
    assert say(ann, *numbered("new", 7)) == list(range(6, 13))
    for m, epoch, recovered in [(lost[4], second, False), (lost[0], second, False), (kept[4], first, True),
                                (kept[0], first, True), (lost[4], first, False)]:
        body = ann.join(since=since(m, epoch, named))
        assert body["recovered"] is recovered, (m, epoch)
        if recovered:
            assert [n["seq"] for n in body["messages"]] == list(range(m["seq"] + 1, 13))


def test_a_restart_that_lost_nothing_is_recovered_from(copied, on_copied, client):
    node = on_copied()
    ann = client("ann", join="0", at=node)
    places = []
    for _ in range(3):
        places.append((ann.say("hello"), ann.join()["epoch"]))
        node.stop()
        copied.server.restart()
        node = on_copied()
        ann = client("ann", join="0", at=node)
    assert len({epoch for _, epoch in places}) == 3, "each restart begins an epoch"
    for n, (m, epoch) in enumerate(places, 1):
        body = ann.join(since=since(m, epoch))
        assert body["recovered"] is True and [x["seq"] for x in body["messages"]] == list(range(n + 1, 4))


def test_what_redis_lost_is_no_place_even_below_the_base(own_redis, start_chatd, client, prefix):
    """A8: 1 to 3 are given, and lost; the new epoch begins at 4: who had 3 has not what is below it."""
    node = start_chatd(own_redis.uri)
    ann = client("ann", join="0", at=node)
    given = [ann.say(text) for text in "abc"]
    epoch = ann.join()["epoch"]
    own_redis.r.delete(prefix + LOG)
    own_redis.r.hset(prefix + META, mapping={"seq": 0})
    assert ann.say("d")["seq"] == 4
    for m in given:
        assert ann.join(since=since(m, epoch, False))["recovered"] is False


def test_a_snapshot_alone_is_put_back(start_chatd, client):
    """Of a Redis without an append-only file, which loses what came since in any case."""
    server = chat.Redis(appendonly="no")
    file = pathlib.Path(server.dir, "dump.rdb")
    try:
        nodes = [start_chatd(server.uri) for _ in range(2)]
        ann, ben = (client(name, join="0", at=node) for name, node in zip(("ann", "ben"), nodes))
        epoch = ann.join()["epoch"]
        said = [ann.say(text) for text in "abc"]
        server.r.save()
        aside = file.read_bytes()
        said += [ann.say(text) for text in "de"]
        for text in "abcde":
            ben.hear(text)
        nodes[1].stop()  # away meanwhile
        server.kill()
        file.write_bytes(aside)
        server.start()
        assert ann.expect_event("epoch")["follows"] is False
        assert back(ann, "f")["seq"] == 6
        ben = client("ben", at=start_chatd(server.uri))
        for m in said[2:]:  # who has only what was kept is told, too: 4 and 5 were, and what they were is not known
            for named in False, True:
                assert ben.join(since=since(m, epoch, named))["recovered"] is False
    finally:
        server.destroy()


# Those who stay: nothing that was given is given again

def frames(who):
    """What came since, as (kind, …): live messages and epochs."""
    found = []
    for frame in who.heard():
        if frame["type"] == "channelMessage":
            found.append(frame["channelMessage"]["message"])
        elif frame["type"] == "sys" and frame["sys"]["type"] == "epoch":
            found.append((frame["sys"]["seq"], frame["sys"]["follows"]))
    return found


@pytest.mark.parametrize("kept", [3, 600])
def test_an_older_copy_beneath_a_running_chatd_is_not_given_again(kept, copied, on_copied, client):
    """Old messages are not given again as new; with more than a page of messages, too."""
    node = on_copied()
    ann, ben = client("ann", join="0", at=node), client("ben", join="0", at=node)
    for start in range(0, kept, 50):
        part = range(start, min(start + 50, kept))
        ann.burst(*[chat.request("channelMessage", {"message": f"old{i}"}) for i in part])
        for i in part:
            ann.hear(f"old{i}")
            ben.hear(f"old{i}")
    copied.take()
    assert (ben.expect_event("epoch")["follows"], ann.expect_event("epoch")["follows"]) == (True, True)
    for text in "new0", "new1":
        back(ann, text)
        ben.hear(text)
    copied.put_back()
    for who in ann, ben:
        event = who.expect_event("epoch")
        assert event["follows"] is False and event["seq"] == kept + 2
    assert back(ann, "on")["seq"] == kept + 3
    assert ben.hear("on")["seq"] == kept + 3
    assert frames(ann) == frames(ben) == []


class Plain:
    """A Redis whose files are copied while it runs, and put back."""

    def __init__(self, server):
        self.server, self.dir, self.uri = server, pathlib.Path(server.dir), server.uri

    @property
    def r(self):
        return self.server.r

    @contextlib.contextmanager
    def stopped(self, nodes):
        self.server.stop()
        yield
        self.server.start()

    def copy(self):
        shutil.copytree(self.dir / "appendonlydir", self.dir / "aside")

    def put_back(self, nodes):
        with self.stopped(nodes):
            shutil.rmtree(self.dir / "appendonlydir")
            shutil.copytree(self.dir / "aside", self.dir / "appendonlydir")


class Embedded(Plain):
    def __init__(self, where):
        self.dir, self.uri = pathlib.Path(where) / "data", f"embedded:{where}/data"

    @property
    def r(self):
        return chat.redis.Redis(unix_socket_path=str(self.dir / "redis.sock"), decode_responses=True)

    @contextlib.contextmanager
    def stopped(self, nodes):
        """It would be started again at once: nobody who could may look."""
        pid = self.r.info("server")["process_id"]
        for node in nodes:
            node.pause()
        os.kill(pid, signal.SIGTERM)
        chat.wait_until(lambda: ") Z" in pathlib.Path(f"/proc/{pid}/stat").read_text(), what="the end of redis-server")
        yield
        for node in nodes:
            node.resume()


@pytest.fixture(params=["plain", "embedded"])
def running(request):
    if request.param == "plain":
        server = chat.Redis()
        yield Plain(server)
        server.destroy()
    else:
        where = tempfile.mkdtemp(prefix="chat-e-")
        yield Embedded(where)
        shutil.rmtree(where)


def fill(r, prefix, seqs, sender):
    """As if these had been sent."""
    with r.pipeline(transaction=False) as p:
        for seq in seqs:
            p.xadd(prefix + LOG, {"uuid": chat.new_uuid(), "sender": sender, "name": "ann", "at": "1714564800123",
                                  "text": f"old{seq}"}, id=f"{seq}-0")
        p.hset(prefix + META, "seq", seqs[-1])
        p.execute()


def test_a_long_copy_beneath_many_is_not_given_again(running, start_chatd, client, prefix):
    """15,001 messages and 20 clients: as many frames as there is to say."""
    nodes = [start_chatd(running.uri) for _ in range(2)]
    ann = client("ann", join="0", at=nodes[0])
    ann.say("old1")
    ann.drop()
    fill(running.r, prefix, range(2, 15_002), ann.user)
    people = [client(f"user{n}", join="0", at=nodes[n % 2]) for n in range(20)]
    running.copy()
    for text in "new0", "new1":
        for who in people:
            who.say(text) if who is people[0] else who.hear(text)
    running.put_back(nodes)
    events = [who.expect_event("epoch") for who in people]
    assert {(e["epoch"], e["seq"], e["follows"]) for e in events} == {(events[0]["epoch"], 15_003, False)}
    assert back(people[0], "on")["seq"] == 15_004
    for who in people[1:]:
        assert who.hear("on")["seq"] == 15_004
    assert [frames(who) for who in people] == [[]] * 20


def back(who, text, to="0"):
    """Says it, again until it is taken."""
    uuid = chat.new_uuid()
    while True:
        who.post(text, uuid=uuid, to=to)
        frame = who.expect_any("channelMessage", "error")
        if frame["type"] == "channelMessage":
            return frame["channelMessage"]


def test_an_epoch_that_follows_loses_and_doubles_nothing_for_those_who_stay(own_redis, start_chatd, client):
    nodes = [start_chatd(own_redis.uri) for _ in range(2)]
    ann, ben = client("ann", join="0", at=nodes[0]), client("ben", join="0", at=nodes[1])
    for n in range(3):
        assert back(ann, f"m{n}")["seq"] == n + 1
        ben.hear(f"m{n}")
        own_redis.restart()
        events = [who.expect_event("epoch") for who in (ann, ben)]
        assert events[0]["epoch"] == events[1]["epoch"]
        assert [(e["seq"], e["follows"]) for e in events] == [(n + 1, True)] * 2
    assert frames(ann) == frames(ben) == []


def test_a_server_rolled_back_while_it_runs(own_redis, start_chatd, client, prefix):
    """As a snapshot of its machine does: the same run id, and it went on without us."""
    ctl = Ctl(own_redis.uri, prefix)
    ann = client("ann", join="0", at=start_chatd(own_redis.uri))
    ann.say("kept")
    copy = {key: own_redis.raw.dump(prefix + key) for key in (LOG, META)}
    ann.say("lost")
    for key, data in copy.items():
        own_redis.raw.restore(prefix + key, 0, data, replace=True)
    ctl("message", "send", "public", "other")
    event = ann.expect_event("epoch")
    assert event["follows"] is False
    assert [m["message"] for m in ann.history()["messages"]] == ["other", "kept"]


@pytest.mark.parametrize("what", [[LOG], [META], [LOG, META]], ids=["log", "meta", "both"])
@pytest.mark.parametrize("anew", [False, True], ids=["", "chatd, too"])
def test_single_keys_are_put_back(what, anew, own_redis, start_chatd, client, prefix):
    """With RESTORE: no restart says so. Who has had what is gone now is told, whichever of them it was."""
    node = start_chatd(own_redis.uri)
    ann = client("ann", join="0", at=node)
    epoch = ann.join()["epoch"]
    said = [ann.say(text) for text in "abc"]
    copy = {key: own_redis.raw.dump(prefix + key) for key in what}
    said += [ann.say(text) for text in "de"]
    for key, data in copy.items():
        own_redis.raw.restore(prefix + key, 0, data, replace=True)
    if anew:
        node.stop()
        node = start_chatd(own_redis.uri)
        ann = client("ann", at=node)
    ben = client("ben", at=node)
    for named in False, True:
        assert ben.join(since=since(said[4], epoch, named))["recovered"] is False
    ann.join()
    back(ann, "f")
    assert ben.hear("f")["seq"] == 6
    for m in said[3:]:
        assert ben.join(since=since(m, epoch))["recovered"] is False


def test_flushall_leaves_no_place(own_redis, start_chatd, client):
    for anew in False, True:
        node = start_chatd(own_redis.uri)
        ann = client("ann", join="0", at=node)
        said, epoch = [ann.say(text) for text in "abc"], ann.join()["epoch"]
        own_redis.r.flushall()
        if anew:
            node.stop()
            node = start_chatd(own_redis.uri)
        ben = client("ben", at=node)
        for m in said:
            for named in False, True:
                assert ben.join(since=since(m, epoch, named))["recovered"] is False
        node.stop()


def test_a_reload_loses_nothing(start_chatd, client):
    """And scripts that are forgotten meanwhile are no restart."""
    server = chat.Redis(enable_debug_command="yes")
    try:
        node = start_chatd(server.uri)
        ann, ben = client("ann", join="0", at=node), client("ben", join="0", at=node)
        first, epoch = ann.say("a"), ann.join()["epoch"]
        ben.hear("a")
        for text, how in ("b", "RELOAD"), ("c", "LOADAOF"):
            server.r.execute_command("DEBUG", how)
            server.r.script_flush()
            back(ann, text)
            ben.hear(text)
        body = ben.join(since=since(first, epoch))
        assert body["epoch"] == epoch and [m["message"] for m in body["messages"]] == ["b", "c"]
    finally:
        server.destroy()


# The UUID of the message at the place

def test_the_message_at_a_place_is_compared(client, redis, prefix):
    ann = client("ann")
    epoch = ann.join()["epoch"]
    said = [ann.say(text) for text in "abcde"]
    assert ann.join(since=since(said[2], epoch))["recovered"] is True
    assert ann.join(since={"epoch": epoch, "seq": 0, "UUID": chat.new_uuid()})["recovered"] is True, "nothing is there"
    for seq in 1, 3, 5:
        body = ann.join(since={"epoch": epoch, "seq": seq, "UUID": chat.new_uuid()})
        assert body["recovered"] is False and [m["seq"] for m in body["messages"]] == [5, 4, 3, 2, 1]
    assert ann.join(since={"epoch": chat.NOBODY, "seq": 3, "UUID": said[2]["UUID"]})["recovered"] is False, \
        "it is no place by itself"


def test_a_message_that_was_purged_is_a_place_still(client, ctl, redis, prefix):
    ann = client("ann")
    epoch = ann.join()["epoch"]
    said = [ann.say(text) for text in "abcde"]
    redis.r.xdel(prefix + LOG, "2-0")
    assert ann.join(since=since(said[1], epoch))["recovered"] is False, "no mark says why it is gone"
    assert ann.join(since=since(said[1], epoch, False))["recovered"] is True
    ctl("message", "delete", said[2]["UUID"], "public", "--yes")
    assert ann.join(since=since(said[2], epoch))["recovered"] is True
    assert ann.join(since={**since(said[2], epoch), "UUID": chat.new_uuid()})["recovered"] is False
    ctl("channel", "purge", "public", "--keep", "1", "--yes")
    assert ann.join(since=since(said[3], epoch))["recovered"] is True


# chatctl beside the nodes

def test_what_chatctl_writes_first_behind_a_restart_begins_the_epoch(own_redis, start_chatd, client, prefix):
    ctl = Ctl(own_redis.uri, prefix)
    ann = client("ann", join="0", at=start_chatd(own_redis.uri))
    ann.say("one")
    epoch = own_redis.r.hget(prefix + META, "epoch")
    ann.drop()
    own_redis.restart()
    ctl("message", "send", "public", "two")
    second, lineage = own_redis.r.hmget(prefix + META, "epoch", "prev")
    assert second != epoch and lineage == f"{epoch}:1"
    ctl("message", "send", "public", "three")
    assert own_redis.r.hget(prefix + META, "epoch") == second, "once"


def test_purge_behind_a_restart(own_redis, start_chatd, client, prefix):
    """It plans in the new epoch, rather than being refused."""
    ctl = Ctl(own_redis.uri, prefix)
    ann = client("ann", join="0", at=start_chatd(own_redis.uri))
    say(ann, *"abcde")
    own_redis.restart()
    ctl("channel", "purge", "public", "--keep", "2", "--yes")
    assert own_redis.r.xlen(prefix + LOG) == 2
    own_redis.restart()
    ctl("channel", "restore", "public")
    assert own_redis.r.xlen(prefix + LOG) == 5


# What docs/operations.md says of the two kinds of backup

def test_what_clients_see_of_an_import(own_redis, start_chatd, client, prefix):
    """An export has positions and passwords, but no access keys."""
    node = start_chatd(own_redis.uri)
    ann = client("ann", join="0", at=node)
    kept = [ann.say(text) for text in numbered("kept", 3)]
    epoch, pair = ann.join()["epoch"], ann.pair()
    ctl = Ctl(own_redis.uri, prefix)
    backup = ctl("export")
    lost = ann.say("behind the backup")
    node.stop()
    own_redis.raw.flushall()
    ctl("import", stdin=backup)
    node = start_chatd(own_redis.uri)
    again = client(at=node)
    again.ask("channelMessages", {}, **pair)
    again.expect_error("bad_key")
    again.sign_in("ann")
    body = again.join(since=since(kept[1], epoch))
    assert (body["recovered"], texts(body)) == (True, ["kept2"])
    assert again.say("new")["seq"] == lost["seq"], "its number is given once more"
    body = again.join(since=since(lost, epoch))
    assert (body["recovered"], texts(body)) == (False, ["new", "kept2", "kept1", "kept0"])


def test_what_clients_see_of_a_restored_directory(copied, on_copied, client):
    """All of it as it was, access keys too."""
    node = on_copied()
    ann = client("ann", join="0", at=node)
    kept = [ann.say(text) for text in numbered("kept", 3)]
    epoch, pair = ann.join()["epoch"], ann.pair()
    node.stop()
    copied.take()
    node = on_copied()
    ann = client("ann", join="0", at=node)
    second, lost, young = ann.join()["epoch"], ann.say("behind the backup"), ann.pair()
    node.stop()
    copied.put_back()
    node = on_copied()
    again = client(at=node)
    again.ask("channelMessages", {}, **young)
    again.expect_error("bad_key")
    again.ask("channelJoin", {"recipientUUID": "0", "since": since(kept[1], epoch)}, **pair)
    body = again.expect("channelJoin")
    assert (body["recovered"], texts(body)) == (True, ["kept2"])
    assert again.join(since=since(lost, second))["recovered"] is False


def test_a_retry_is_not_answered_before_its_epoch_is_told(client, redis, prefix):
    """Its number would be taken for one of the epoch before."""
    alice = client("alice", join="0")
    alice.say("one")
    elsewhere, uuid = Channel(redis, prefix), chat.new_uuid()
    elsewhere.bus += ":unheard"  # as a node stores it that has seen more, and whose publication hasn't come yet
    epoch, seq = elsewhere.store("two", uuid, sender=alice.user, name="alice", known=(elsewhere.position()[0], 9),
                                 history=redis.r.hget(elsewhere.meta, "history"))
    alice.post("two", uuid=uuid)
    assert alice.expect("error")["name"] == "unavailable"
    event = alice.expect_event("epoch")
    assert (event["epoch"], event["seq"], event["follows"]) == (epoch, seq - 1, False)
    assert alice.hear("two")["seq"] == alice.say("two", uuid=uuid)["seq"] == seq
