/* test_delivery - the order in which a channel's messages reach the sessions: by whatever way and
 * in whatever order they come, each session gets each once, in order, and what is missing is asked
 * of the stream. */
#include "chatd/channel/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heart.h"

struct row {
    const char *what, *steps;
    const char *got[PEOPLE]; /* NULL: nothing */
    const char *due;         /* streams to be read, and in how many ms; NULL: none */
    size_t held;             /* of p, what waits for what is before it */
};

static const struct uuid NO_MESSAGE;

#define JOIN "join=ap6 join=bp6 "

static const struct row ROWS[] = {
    {"the next", JOIN "offer=p7:x offer=p8:y", .got = {"7:x 8:y", "7:x 8:y"}},
    {"a repeat", JOIN "offer=p7:x offer=p7:x offer=p8:y", .got = {"7:x 8:y", "7:x 8:y"}},
    {"what was before", JOIN "offer=p6:x offer=p1:y", .got = {""}},
    {"early", JOIN "offer=p8:y", .got = {""}, .due = "p40", .held = 1},
    {"early, and what it waits for", JOIN "offer=p8:y offer=p7:x", .got = {"7:x 8:y", "7:x 8:y"},
     .due = "p40"},
    {"backwards", JOIN "offer=p10:w offer=p9:z offer=p8:y offer=p7:x",
     .got = {"7:x 8:y 9:z 10:w", "7:x 8:y 9:z 10:w"}, .due = "p40"},
    {"two gaps", JOIN "offer=p8:y offer=p10:w offer=p7:x", .got = {"7:x 8:y", "7:x 8:y"},
     .due = "p40", .held = 1},
    {"early, twice", JOIN "offer=p8:y offer=p8:y offer=p7:x", .got = {"7:x 8:y", "7:x 8:y"},
     .due = "p40"},
    {"another epoch is looked at at once", JOIN "offer=p1:x/2", .got = {""}, .due = "p0",
     .held = 1},
    {"a gap, then another epoch: sooner", JOIN "offer=p8:y wait=10 offer=p1:x/2", .got = {""},
     .due = "p0", .held = 2},
    {"another epoch, then a gap: not later", JOIN "offer=p1:x/2 offer=p8:y", .got = {""},
     .due = "p0", .held = 2},
    {"nothing is known yet", "join=ap offer=p7:x", .got = {""}, .held = 1},
    {"… but then: what is newer", "join=ap offer=p7:x offer=p9:z offer=p8:y join=bp7 joined=ap7",
     .got = {"8:y 9:z", "8:y 9:z"}},
    {"… all is older", "join=ap offer=p7:x join=bp9 joined=ap9 offer=p10:w",
     .got = {"10:w", "10:w"}},
    {"… with a gap", "join=ap offer=p9:z join=bp7 joined=ap7", .got = {""}, .due = "p40",
     .held = 1},
    {"… of another epoch", "join=ap offer=p9:z/2 join=bp7 joined=ap7", .got = {""}, .due = "p40",
     .held = 1},

    {"who comes later gets what is newer", JOIN "offer=p7:x join=cp7 offer=p8:y",
     .got = {"7:x 8:y", "7:x 8:y", "8:y"}},
    {"… and has read what comes yet", JOIN "join=cp8 offer=p7:x offer=p8:y offer=p9:z",
     .got = {"7:x 8:y 9:z", "7:x 8:y 9:z", "9:z"}},
    {"who is joining gets it behind the answer", JOIN "join=cp offer=p7:x joined=cp6 offer=p8:y",
     .got = {"7:x 8:y", "7:x 8:y", "7:x 8:y"}},
    {"who leaves gets no more", JOIN "offer=p7:x leave=bp offer=p8:y", .got = {"7:x 8:y", "7:x"}},
    {"who leaves gets nothing of what is held", JOIN "offer=p8:y leave=bp offer=p7:x",
     .got = {"7:x 8:y", ""}, .due = "p40"},
    {"channels by themselves", JOIN "join=aq2 offer=q4:y offer=p7:x offer=q3:w",
     .got = {"7:x 3:w 4:y", "7:x"}, .due = "q40"},
    {"two channels with gaps", JOIN "join=aq2 offer=q4:y wait=10 offer=p8:x", .got = {""},
     .due = "q30 p40", .held = 1},

    {"read: the next", JOIN "stream=p7:x stream=p8:y", .got = {"7:x 8:y", "7:x 8:y"}},
    {"read: it has come", JOIN "offer=p7:x stream=p7:x stream=p8:y offer=p8:y",
     .got = {"7:x 8:y", "7:x 8:y"}},
    {"read: a gap is right", JOIN "stream=p7:x stream=p9:z offer=p8:y",
     .got = {"7:x 9:z", "7:x 9:z"}},
    {"read: what is held", JOIN "offer=p8:y stream=p7:x stream=p8:y settle=p",
     .got = {"7:x 8:y", "7:x 8:y"}, .due = "p40"},
    {"read: it stops before what is held", JOIN "offer=p8:y stream=p7:x settle=p offer=p9:z",
     .got = {"7:x 8:y 9:z", "7:x 8:y 9:z"}, .due = "p40"},
    {"read: it goes beyond what is held", JOIN "offer=p8:y stream=p9:z settle=p",
     .got = {"9:z", "9:z"}, .due = "p40"},
    {"read: nonsense is passed", JOIN "stream=p7:! stream=p8:y", .got = {"8:y", "8:y"}},
    {"read: nonsense that came well", JOIN "offer=p8:y stream=p7:! stream=p8:! settle=p",
     .got = {"8:y", "8:y"}, .due = "p40"},
    {"read: it came as another", JOIN "offer=p8:y stream=p7:x stream=p8:z",
     .got = {"7:x 8:y", "7:x 8:y"}, .due = "p40"},
    {"settled: a gap is asked for again",
     JOIN "offer=p8:y offer=p10:w stream=p7:x wait=10 settle=p", .got = {"7:x 8:y", "7:x 8:y"},
     .due = "p30", .held = 1},

    {"a new epoch", JOIN "offer=p7:x epoch=p2@1 offer=p1:y/2",
     .got = {"7:x epoch2@0 1:y", "7:x epoch2@0 1:y"}},
    {"a new epoch that goes on", JOIN "epoch=p2@40 offer=p40:y/2 offer=p39:z/2",
     .got = {"epoch2@39 40:y", "epoch2@39 40:y"}},
    {"what is held of it", JOIN "offer=p2:z/2 offer=p1:y/2 epoch=p2@1 settle=p",
     .got = {"epoch2@0 1:y 2:z", "epoch2@0 1:y 2:z"}, .due = "p0"},
    {"what is held of the old is not given", JOIN "offer=p8:y epoch=p2@1 offer=p1:w/2 offer=p7:x",
     .got = {"epoch2@0 1:w", "epoch2@0 1:w"}, .due = "p0", .held = 1},
    {"what is held of both", JOIN "offer=p8:y offer=p1:w/2 offer=p9:z epoch=p2@1 settle=p",
     .got = {"epoch2@0 1:w", "epoch2@0 1:w"}, .due = "p0"},
    {"who is joining is not told", JOIN "join=cp offer=p7:x epoch=p2@1 offer=p1:y/2 joined=cp0",
     .got = {"7:x epoch2@0 1:y", "7:x epoch2@0 1:y", "1:y"}},
    {"of a private one", "join=aq6 join=bq6 epoch=q2@1 offer=q1:y/2",
     .got = {"epoch2@0 1:y", "epoch2@0 1:y"}},

    {"own: what is held fails with the old epoch", JOIN "a>p1 . append=8 epoch=p2@1",
     .got = {"epoch2@0 !unavailable=1", "epoch2@0"}, .due = "p40"},
    {"own: what is held of the new one doesn't",
     JOIN "a>p1 . append=1/2 offer=p8:y epoch=p2@1 settle=p",
     .got = {"epoch2@0 1:1=", "epoch2@0 1:1"}, .due = "p0"},
    {"own: gone by what was read: still the answer", JOIN "a>p1 . append=8 stream=p9:z settle=p",
     .got = {"9:z 8:1=", "9:z"}, .due = "p40"},
    {"own: only what is held fails", JOIN "a>p1 a>p2 . append=8,9 fail=p offer=p7:x",
     .got = {"!unavailable=1 !unavailable=2 7:x", "7:x"}, .due = "p40"},
    {"own: its copy does not take its place", JOIN "a>p1 . append=8 offer=p8:1 offer=p7:x",
     .got = {"7:x 8:1=", "7:x 8:1"}, .due = "p40"},
    {"own: several behind a gap", JOIN "a>p1 b>p2 . append=8,9 offer=p7:x",
     .got = {"7:x 8:1= 9:2", "7:x 8:1 9:2="}, .due = "p40"},
    {"own: the last one who was there", "join=ap6 a>p1 . append=8 leave=ap stream=p7:x settle=p",
     .got = {"8:1="}, .due = "p40"},
    {"failed: others' are let go, too", JOIN "offer=p8:y fail=p offer=p7:x", .got = {"7:x", "7:x"},
     .due = "p40"},
};

static void check_row(const struct row *r) {
    print_message("%s\n", r->what);
    heart_run(r->steps, heart_do);
    heart_check(r->got, r->due);
    assert_string_equal(H.notes, "");
    assert_int_equal(heart_find('p') ? heart_find('p')->order.n : 0, r->held);
}

static void test_orders(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        heart_anew(state, false);
        check_row(&ROWS[i]);
    }
}

/* Others' messages are held up to a number, own ones beyond it: they are answered. */
static void test_full(void **state) {
    char step[32];
    (void)state;
    heart_step("join=ap6");
    heart_step("a>p1");
    heart_step(".");
    for (unsigned seq = 8; seq < 8 + REORDER_HELD_MAX; seq++) {
        snprintf(step, sizeof step, "offer=p%u:x", seq);
        heart_step(step);
    }
    struct channel *ch = heart_find('p');
    assert_int_equal(ch->order.n, REORDER_HELD_MAX);
    heart_due(step, sizeof step);
    assert_string_equal(step, "p40");
    heart_step("offer=p5000:x");
    assert_int_equal(ch->order.n, REORDER_HELD_MAX);
    heart_due(step, sizeof step);
    assert_string_equal(step, "p0"); /* the stream has it */
    heart_step("append=5001");
    assert_int_equal(ch->order.n, REORDER_HELD_MAX + 1);
    assert_string_equal(heart_got(0), "");
    heart_step("fail=p");
    assert_string_equal(heart_got(0), "!unavailable=1");
    assert_int_equal(ch->order.n, 0);
}

static void test_base(void **state) {
    struct position at = {.epoch = heart_epoch('1'), .seq = 6}, other = {.epoch = heart_epoch('2')};
    char due[32];
    (void)state;
    heart_step("join=ap");
    struct channel *ch = heart_find('p');
    delivery_suspect(&H.delivery, ch); /* nothing is missing of what hasn't begun */
    heart_due(due, sizeof due);
    assert_string_equal(due, "");
    assert_true(delivery_base(&H.delivery, ch, &at, &NO_MESSAGE));
    at.seq = 9;
    assert_true(delivery_base(&H.delivery, ch, &at, &NO_MESSAGE)); /* where it began counts */
    assert_int_equal(ch->order.last.seq, 6);
    at.seq = 5;
    assert_false(delivery_base(&H.delivery, ch, &at,
                               &NO_MESSAGE)); /* it lacks 6, which nobody gives any more */
    heart_due(due, sizeof due);
    assert_string_equal(due, "");
    delivery_suspect(&H.delivery, ch);
    heart_due(due, sizeof due);
    assert_string_equal(due, "p40");
    assert_false(delivery_base(&H.delivery, ch, &other, &NO_MESSAGE));
    assert_true(uuid_eq(&ch->order.last.epoch, &at.epoch));
    heart_due(due, sizeof due);
    assert_string_equal(due, "p0");
}

static void test_counts(void **state) {
    (void)state;
    heart_step("join=ap6");
    heart_step("join=bp7");
    heart_step("offer=p7:x");
    heart_step("offer=p8:y");
    assert_int_equal(H.count.deliveries, 3);
    heart_step("stream=p9:!");
    heart_step("stream=p1:!");
    assert_int_equal(H.count.bad_entries, 2);
    heart_step("epoch=p2@1");
    assert_int_equal(H.count.epochs, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {HEART_TEST(test_orders), HEART_TEST(test_full),
                                       HEART_TEST(test_base), HEART_TEST(test_counts)};
    return cmocka_run_group_tests(tests, heart_init, NULL);
}
