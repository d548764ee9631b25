"""The history checker itself: a clean history passes, and each kind of fault is caught when it is planted."""

import random

import pytest
from history import Ack, Delivery, History, Reception

MESSAGES, RECEIVERS = 200, 4


def clean(seed=1):
    """Messages of four senders in one order; receivers who joined at different times."""
    rng = random.Random(seed)
    h = History()
    h.epoch = "e"
    lines = [[] for _ in range(4)]
    for seq in range(1, MESSAGES + 1):
        uuid, text = f"m{seq}", f"text {rng.random()}"
        h.sent[uuid] = text
        rng.choice(lines).append(uuid)
        h.acks[uuid] = Ack("e", seq)
        h.stored.append((seq, uuid, text))
    h.lines = lines
    for i in range(RECEIVERS):
        start = i * 10
        h.receptions.append(Reception(f"r{i}", "e", start, [
            Delivery(seq, uuid, text) for seq, uuid, text in h.stored if seq > start], whole=True))
    return h


def test_a_clean_history_has_no_faults():
    h = clean()
    assert h.faults() == {}
    h.check()


def test_an_unacknowledged_message_may_be_stored_or_not():
    h = clean()
    h.sent["never arrived"] = "x"
    del h.acks["m5"]
    assert h.faults() == {}


def test_answers_to_retries_may_repeat_what_is_known_and_stand_in_for_what_is_not():
    h = clean()
    r = h.receptions[2]
    r.deliveries.insert(50, Delivery(7, "m7", h.sent["m7"], retried=True))  # from before the join
    r.deliveries.insert(60, Delivery(40, "m40", h.sent["m40"], retried=True))  # came in its turn
    r.deliveries.insert(10, Delivery(90, "m90", h.sent["m90"], retried=True))  # will come in its turn
    at = next(i for i, d in enumerate(r.deliveries) if d.seq == 120)
    r.deliveries[at] = Delivery(120, "m120", h.sent["m120"], retried=True)  # is the message itself
    assert h.faults() == {}


def lose_the_end(h, lossy=True, epoch="new epoch"):
    """Redis came back without the last 5, and the channel went on in a new epoch behind what was given."""
    for _, uuid, text in h.stored[-5:]:
        h.acks[uuid].at = 10.0
    del h.stored[-5:]
    if lossy:
        h.lossy.append((8.0, 11.0))
    h.epoch = epoch
    h.sent["after"] = "after"
    h.stored.append((MESSAGES + 1, "after", "after"))
    for r in list(h.receptions):
        r.whole = False
        h.receptions.append(Reception(r.who, epoch, MESSAGES, [Delivery(MESSAGES + 1, "after", "after")], whole=True))


def test_what_redis_may_lose_is_counted():
    h = clean()
    lose_the_end(h)
    assert h.faults() == {}
    assert h.lost == [f"m{MESSAGES - i}" for i in (4, 3, 2, 1, 0)]


def lose_the_end_unforgiven(h):
    lose_the_end(h, lossy=False)


def lose_the_end_in_the_same_epoch(h):
    lose_the_end(h, epoch="e")


def use_a_lost_number_again(h):
    lose_the_end(h)
    h.sent["other"] = "x"
    h.acks["other"] = Ack("e", MESSAGES, 10.0)


def test_what_a_later_epoch_stored_under_a_number_was_not_missed_in_an_earlier_one():
    """The store lost its end twice: the second time with the epoch that had begun, and its numbers."""
    h = clean()
    lose_the_end(h, epoch="lost epoch")
    h.acks["after"] = Ack("lost epoch", MESSAGES + 1, 10.0)
    del h.stored[-1]
    del h.receptions[1].deliveries[-5:]  # this one had only what was kept
    h.epoch = "third"
    h.stored += [(seq, f"new{seq}", "x") for seq in range(MESSAGES - 4, MESSAGES + 1)]
    for seq, uuid, text in h.stored[-5:]:
        h.sent[uuid] = text
    for r in list(h.receptions):
        r.whole = False
        if r.epoch == "lost epoch":
            h.receptions.append(Reception(r.who, "third", MESSAGES - 5, [
                Delivery(*entry) for entry in h.stored[-5:]], whole=True, follows=r))
    assert h.faults() == {}


def put_an_older_copy_back(h):
    """Without the last 5; all begin anew, and read what there is."""
    lose_the_end(h, lossy=False)
    h.restored.append((8.0, 11.0))
    for r in h.receptions[RECEIVERS:]:
        r.page = [(seq, uuid) for seq, uuid, _ in h.stored[-2:-12:-1]]


def test_what_a_copy_that_is_put_back_cannot_hold_is_counted():
    h = clean()
    put_an_older_copy_back(h)
    assert h.faults() == {}
    assert h.lost == [] and h.lost_by_restore == [f"m{MESSAGES - i}" for i in (4, 3, 2, 1, 0)]


def put_an_older_copy_back_in_the_same_epoch(h):
    put_an_older_copy_back(h)
    h.epoch = "e"


def call_an_older_copy_the_same_history(h):
    """The numbers that it took with it are given anew."""
    put_an_older_copy_back(h)
    h.receptions[-1].follows = h.receptions[RECEIVERS - 1]


def resume_over_what_a_later_epoch_numbered_anew(h):
    """In an epoch that is over, too: who resumes there is told of no hole, and another had another message there."""
    for who, seq, epoch, uuid in ("x", 500, "old", "m1"), ("y", 500, "next", "m2"):
        h.receptions.append(Reception(who, epoch, seq - 1, [Delivery(seq, uuid, h.sent[uuid])]))
    h.receptions.append(Reception("x#2", "next", 500, follows=h.receptions[-2]))


def resume_over_a_hole_in_an_epoch_that_is_over(h):
    """Nobody had other messages there; but its log was looked at."""
    put_an_older_copy_back(h)
    h.before["old"] = {seq: uuid for seq, uuid, _ in h.stored[:100]}
    h.receptions.append(Reception("x", "older", 97, [Delivery(n, f"m{n}", h.sent[f"m{n}"]) for n in range(98, 106)]))
    h.receptions.append(Reception("x#2", "old", 105, follows=h.receptions[-1]))


def give_old_messages_again_as_new(h):
    put_an_older_copy_back(h)
    for seq, uuid in enumerate(["m150", "m151"], MESSAGES + 2):
        h.receptions[-1].deliveries.append(Delivery(seq, uuid, h.sent[uuid]))


def test_a_message_that_was_lost_and_sent_again_is_given_again():
    h = clean()
    put_an_older_copy_back(h)
    h.stored.append((MESSAGES + 2, "m200", h.sent["m200"]))
    del h.acks["m200"]
    h.resent.add("m200")
    for r in h.receptions[RECEIVERS:]:
        r.deliveries.append(Delivery(MESSAGES + 2, "m200", h.sent["m200"]))
    assert h.faults() == {}


def show_a_page_with_a_hole(h):
    put_an_older_copy_back(h)
    del h.receptions[-1].page[4]


def show_a_page_of_what_is_gone(h):
    put_an_older_copy_back(h)
    h.receptions[-1].page.insert(0, (MESSAGES, f"m{MESSAGES}"))


def begin_an_epoch_that_follows(h):
    h.epoch = "next"
    h.sent["after"] = "after"
    h.stored.append((MESSAGES + 1, "after", "after"))
    for r in list(h.receptions):
        r.whole = False
        h.receptions.append(Reception(r.who, "next", MESSAGES, [Delivery(MESSAGES + 1, "after", "after")], whole=True,
                                      follows=r))


def test_an_epoch_that_follows_is_no_fault():
    h = clean()
    begin_an_epoch_that_follows(h)
    assert h.faults() == {}


def forget_the_rest_at_a_new_epoch(h):
    """What the old epoch left in the store did not reach somebody who was there."""
    begin_an_epoch_that_follows(h)
    del h.receptions[1].deliveries[-7:]


def lose_acknowledged(h):
    h.acks["gone"] = Ack("e", 201)
    h.sent["gone"] = "x"


def acknowledge_wrongly(h):
    h.acks["m3"] = Ack("e", 4)


def store_twice(h):
    h.stored.append((MESSAGES + 1, "m9", h.sent["m9"]))
    for r in h.receptions:
        r.deliveries.append(Delivery(MESSAGES + 1, "m9", h.sent["m9"]))


def leave_a_gap_in_the_store(h):
    del h.stored[100]


def invent_in_the_store(h):
    h.stored.append((MESSAGES + 1, "ghost", "boo"))


def invent_for_a_receiver(h):
    h.receptions[1].deliveries.append(Delivery(MESSAGES + 1, "ghost", "boo"))


def alter(h):
    h.receptions[0].deliveries[3].text += "!"


def repeat(h):
    h.receptions[0].deliveries.insert(5, h.receptions[0].deliveries[4])


def drop(h):
    del h.receptions[1].deliveries[9]


def drop_the_first(h):
    del h.receptions[3].deliveries[0]


def cut_the_end(h):
    del h.receptions[2].deliveries[-3:]


def swap(h):
    d = h.receptions[2].deliveries
    d[3], d[4] = d[4], d[3]


def give_two_orders(h):
    """Numbers are in order for each, but two connections got other messages under them."""
    d = h.receptions[3].deliveries
    d[7], d[8] = (Delivery(d[7].seq, d[8].uuid, d[8].text), Delivery(d[8].seq, d[7].uuid, d[7].text))


def give_two_orders_in_a_lost_epoch(h):
    for who, uuid in ("r0", "m1"), ("r1", "m2"):
        h.receptions.append(Reception(who, "lost epoch", 0, [Delivery(1, uuid, h.sent[uuid])]))


def give_what_is_not_stored(h):
    h.sent["unstored"] = "x"
    h.receptions[0].deliveries.append(Delivery(MESSAGES + 1, "unstored", "x"))


def overtake(h):
    line = h.lines[0]
    line[2], line[3] = line[3], line[2]


def give_a_retry_out_of_turn_only(h):
    r = h.receptions[0]
    r.deliveries.append(Delivery(r.deliveries.pop(30).seq, "m31", h.sent["m31"], retried=True))


@pytest.mark.parametrize("plant,kind", [
    (forget_the_rest_at_a_new_epoch, "missed at a new epoch"),
    (lose_acknowledged, "acknowledged and lost"),
    (lose_the_end_unforgiven, "acknowledged and lost"),
    (lose_the_end_in_the_same_epoch, "lost without a new epoch"),
    (use_a_lost_number_again, "two orders"),
    (put_an_older_copy_back_in_the_same_epoch, "lost without a new epoch"),
    (call_an_older_copy_the_same_history, "a hole that is called none"),
    (resume_over_what_a_later_epoch_numbered_anew, "a hole that is called none"),
    (resume_over_a_hole_in_an_epoch_that_is_over, "a hole that is called none"),
    (give_old_messages_again_as_new, "given again"),
    (show_a_page_with_a_hole, "a page that is not what is stored"),
    (show_a_page_of_what_is_gone, "a page that is not what is stored"),
    (acknowledge_wrongly, "acknowledged as another number"),
    (store_twice, "stored twice"),
    (leave_a_gap_in_the_store, "gap in the store"),
    (invent_in_the_store, "invented"),
    (invent_for_a_receiver, "invented"),
    (alter, "altered"),
    (repeat, "given twice"),
    (drop, "gap in what was given"),
    (drop_the_first, "gap in what was given"),
    (cut_the_end, "end missing"),
    (swap, "given out of order"),
    (give_two_orders, "two orders"),
    (give_two_orders_in_a_lost_epoch, "two orders"),
    (give_what_is_not_stored, "given and not stored"),
    (overtake, "order of a sender"),
    (give_a_retry_out_of_turn_only, "gap in what was given"),
])
def test_a_planted_fault_is_caught(plant, kind):
    h = clean()
    plant(h)
    assert kind in h.faults()
    with pytest.raises(AssertionError, match=kind):
        h.check()
