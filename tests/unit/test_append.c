/* test_append - messages on their way into Redis: in which calls they go, and what the sender and
 * the others get, whatever the answer says, when it comes, and what came before it. */
#include "chatd/channel/append.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heart.h"

struct row {
    const char *what, *steps;
    const char *got[PEOPLE]; /* NULL: nothing */
    const char *due;         /* streams to be read, and in how many ms; NULL: none */
    bool confirms, spread;
    const char *notes; /* what steps returned; NULL: nothing */
};

#define JOIN "join=ap6 join=bp6 "

static const struct row ROWS[] = {
    {"stored", JOIN "a>p1 . append=7", .got = {"7:1=", "7:1"}},
    {"not before it is stored", JOIN "a>p1 .", .got = {NULL}},
    {"without a request ID all get the same", JOIN "a>p1n . append=7", .got = {"7:1", "7:1"}},
    {"the sender's other requests wait for it", JOIN "a>p1 . a>p2 append=7",
     .got = {"7:1=", "7:1"}},
    {"several in one call", JOIN "a>p1 a>p2 b>p3 . append=7,8,9",
     .got = {"7:1= 8:2= 9:3", "7:1 8:2 9:3="}},
    {"what comes meanwhile goes in the next", JOIN "a>p1 . b>p2 b>p3 . append=7 . append=8,9",
     .got = {"7:1= 8:2 9:3", "7:1 8:2= 9:3="}},

    {"behind another's that came first", JOIN "a>p1 . offer=p7:x append=8",
     .got = {"7:x 8:1=", "7:x 8:1"}},
    {"before another's, which comes", JOIN "a>p1 . append=8 offer=p7:x",
     .got = {"7:x 8:1=", "7:x 8:1"}, .due = "p40"},
    {"before another's, which does not come", JOIN "a>p1 . append=8", .got = {NULL}, .due = "p40"},
    {"… but is read", JOIN "a>p1 . append=8 stream=p7:x settle=p", .got = {"7:x 8:1=", "7:x 8:1"},
     .due = "p40"},
    {"… and read with it", JOIN "a>p1 . append=8 stream=p7:x stream=p8:1",
     .got = {"7:x 8:1=", "7:x 8:1"}, .due = "p40"},
    {"… and is not to be had", JOIN "a>p1 . append=8 fail=p", .got = {"!unavailable=1"},
     .due = "p40"},
    {"its copy came first", JOIN "a>p1 . offer=p7:1 append=7",
     .got = {"7:1 !unavailable=1", "7:1"}},
    {"its copy came first, early", JOIN "a>p1 . offer=p8:1 append=8 offer=p7:x",
     .got = {"7:x 8:1=", "7:x 8:1"}, .due = "p40"},
    {"its copy came behind it", JOIN "a>p1 . append=7 offer=p7:1", .got = {"7:1=", "7:1"}},
    {"its copy came behind it, both early", JOIN "a>p1 . append=8 offer=p8:1 offer=p7:x",
     .got = {"7:x 8:1=", "7:x 8:1"}, .due = "p40"},
    {"in another epoch", JOIN "a>p1 . append=1/2", .got = {NULL}, .due = "p0"},
    {"… which is entered", JOIN "a>p1 . append=1/2 epoch=p2@1 settle=p",
     .got = {"epoch2@0 1:1=", "epoch2@0 1:1"}, .due = "p0"},
    {"nobody knows where the channel stands", "join=ap a>p1 . append=7", .got = {NULL}},
    {"… until a join has found out, before it", "join=ap a>p1 . append=7 join=bp6 joined=ap6",
     .got = {"7:1=", "7:1"}},
    {"… behind it", "join=ap a>p1 . append=7 join=bp8 joined=ap8", .got = {"7:1="}},

    {"a repeat", JOIN "a>p1u . append=r5:1", .got = {"5:1="}},
    {"a repeat of other words", JOIN "a>p1u . append=r5:x", .got = {"5:x="}},
    {"a repeat of what is gone since", JOIN "a>p1u . append=g5", .got = {"5:1="}},
    {"a repeat of another's", JOIN "a>p1u . append=o5:x", .got = {"!uuid_taken=1"}},
    {"a repeat within a call", JOIN "a>p1u a>p1u . append=7,r7:1", .got = {"7:1= 7:1=", "7:1"}},
    {"a repeat while the first is held", JOIN "a>p1u . append=8 b>p1u . append=o8:x offer=p7:x",
     .got = {"7:x 8:1=", "!uuid_taken=1 7:x 8:1"}, .due = "p40"},
    {"answers are given in their order", JOIN "a>p1u a>p2u . append=8,r5:2 offer=p7:x",
     .got = {"7:x 8:1= 5:2=", "7:x 8:1"}, .due = "p40"},

    {"an error", JOIN "a>p1 . append=e", .got = {"!unavailable=1"}, .due = "p40"},
    {"nonsense", JOIN "a>p1 . append=?", .got = {"!internal=1"}, .due = "p40"},
    {"an error in the middle", JOIN "a>p1 a>p2 a>p3 . append=7,e,8",
     .got = {"7:1= !unavailable=2 8:3=", "7:1 8:3"}, .due = "p40"},
    {"fewer answers than messages", JOIN "a>p1 b>p2 . append=7", .got = {"7:1=", "7:1 !internal=2"},
     .due = "p40"},
    {"the answer is lost", JOIN "a>p1 . redis-", .got = {"!unavailable=1"}, .due = "p40"},
    {"… and it was stored: it comes", JOIN "a>p1 . redis- stream=p7:1",
     .got = {"!unavailable=1 7:1", "7:1"}, .due = "p40"},
    {"… and its copy had come", JOIN "a>p1 . offer=p7:1 redis-",
     .got = {"7:1 !unavailable=1", "7:1"}, .due = "p40"},
    {"… and it is sent again", JOIN "a>p1u . redis- redis+ a>p1u . append=r7:1",
     .got = {"!unavailable=1 7:1="}, .due = "p40"},
    {"lost, with those behind it", JOIN "a>p1 . a>p2 b>p3 redis- .",
     .got = {"!unavailable=1 !unavailable=2", "!unavailable=3"}, .due = "p40"},
    {"Redis is away", JOIN "redis- a>p1 b>p2 .", .got = {"!unavailable=1", "!unavailable=2"},
     .due = "p40"},
    {"… and comes", JOIN "redis- a>p1 . redis+ a>p2 . append=7",
     .got = {"!unavailable=1 7:2=", "7:2"}, .due = "p40"},

    {"the sender left meanwhile", JOIN "a>p1 . leave=ap append=7", .got = {"7:1=", "7:1"}},
    {"… and it is early", JOIN "a>p1 . append=8 leave=ap offer=p7:x", .got = {"8:1=", "7:x 8:1"},
     .due = "p40"},
    {"the sender signed out meanwhile", JOIN "a>p1 . out=a append=7", .got = {"7:1=", "7:1"}},
    {"the sender's socket is gone", JOIN "a>p1 . gone=a append=7", .got = {NULL, "7:1"}},
    {"… and it is early", JOIN "a>p1 . append=8 gone=a offer=p7:x", .got = {NULL, "7:x 8:1"},
     .due = "p40"},
    {"nobody else is there, and it leaves", "join=ap6 a>p1 . leave=ap append=7", .got = {"7:1="}},
    {"… and it is early", "join=ap6 a>p1 . append=8 leave=ap fail=p", .got = {"!unavailable=1"},
     .due = "p40"},

    {"two channels, one call", JOIN "join=aq6 join=bq6 a>p1 b>q2 . append=7,7",
     .got = {"7:1= 7:2", "7:1 7:2="}},
    {"two channels, one of them early", JOIN "join=aq6 join=bq6 a>p1 b>q2 . append=8,7",
     .got = {"7:2", "7:2="}, .due = "p40"},
    {"two slots, two calls", JOIN "join=aq6 join=bq6 a>p1 b>q2 . append=7 append=7",
     .got = {"7:1= 7:2", "7:1 7:2="}, .spread = true},
    {"one slot doesn't wait for the other",
     JOIN "join=aq6 join=bq6 a>p1 . b>q2 . b>q3 . append=7 . a>p4 . append=7 . append=8 append=8",
     .got = {"7:1= 7:2 8:4= 8:3", "7:1 7:2= 8:4 8:3="}, .spread = true},

    {"confirmed", JOIN "a>p1 . append=7 confirm=1", .got = {"7:1=", "7:1"}, .confirms = true},
    {"not before it is confirmed", JOIN "a>p1 . append=7", .got = {NULL}, .confirms = true},
    {"by none", JOIN "a>p1 . append=7 confirm=0", .got = {"!unconfirmed=1"}, .due = "p40",
     .confirms = true},
    {"that isn't known", JOIN "a>p1 . append=7 confirm=-1", .got = {"!unconfirmed=1"}, .due = "p40",
     .confirms = true},
    {"lost before it is confirmed", JOIN "a>p1 . append=7 redis-", .got = {"!unconfirmed=1"},
     .due = "p40", .confirms = true},
    {"lost before it is answered", JOIN "a>p1 . redis-", .got = {"!unavailable=1"}, .due = "p40",
     .confirms = true},
    {"by none: those that failed say why", JOIN "a>p1 a>p2 . append=e,7 confirm=0",
     .got = {"!unavailable=1 !unconfirmed=2"}, .due = "p40", .confirms = true},
    {"by none: a repeat, too", JOIN "a>p1u . append=r5:1 confirm=0", .got = {"!unconfirmed=1"},
     .confirms = true},
    {"the next goes when it is confirmed",
     JOIN "a>p1 . b>p2 . append=7 . confirm=1 . append=8 "
          "confirm=1",
     .got = {"7:1= 8:2", "7:1 8:2="}, .confirms = true},
    {"unconfirmed, and those behind it are late",
     JOIN "a>p1 . b>p2 b>p3 wait=1600 append=7 confirm=0 .",
     .got = {"!unconfirmed=1", "!unavailable=2 !unavailable=3"}, .due = "p40", .confirms = true},
    {"unconfirmed, and those behind it aren't",
     JOIN "a>p1 . b>p2 wait=1400 append=7 confirm=0 . "
          "append=8 confirm=1 offer=p7:1",
     .got = {"!unconfirmed=1 7:1 8:2", "7:1 8:2="}, .due = "p40", .confirms = true},
    {"late, but what was before is confirmed",
     JOIN "a>p1 . b>p2 wait=1600 append=7 confirm=1 . append=8 confirm=1",
     .got = {"7:1= 8:2", "7:1 8:2="}, .confirms = true},
    {"the stream has it before it is confirmed: it waits",
     JOIN "a>p1 . append=7 stream=p7:1 confirm=1", .got = {"7:1=", "7:1"}, .confirms = true,
     .notes = "waits"},
    {"… before it is answered", JOIN "a>p1 . stream=p7:1 append=7 confirm=1",
     .got = {"7:1=", "7:1"}, .confirms = true, .notes = "waits"},
    {"the stream has another's before it is confirmed",
     JOIN "a>p1 . stream=p7:x append=8 confirm=1", .got = {"7:x 8:1=", "7:x 8:1"},
     .confirms = true},
    {"… and is read behind that", JOIN "a>p1 . append=7 stream=p7:1 confirm=0 stream=p7:1",
     .got = {"!unconfirmed=1 7:1", "7:1"}, .due = "p40", .confirms = true, .notes = "waits"},
    {"… a repeat's first one doesn't", JOIN "a>p1u . append=r7:1 stream=p7:1 confirm=1",
     .got = {"7:1 7:1=", "7:1"}, .confirms = true},
};

static void check_row(const struct row *r) {
    print_message("%s\n", r->what);
    FAKE_POOL.confirms = r->confirms;
    heart_run(r->steps, heart_do);
    heart_check(r->got, r->due);
    assert_string_equal(H.notes, r->notes ? r->notes : "");
}

static void test_orders(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        heart_anew(state, ROWS[i].spread);
        check_row(&ROWS[i]);
    }
}

/* --- The calls --- */

/* Each message has three keys and nine arguments, and all together four. */
static size_t messages_in(size_t call) {
    return (FAKE_POOL.calls[call].argc - 3 - 4) / 12;
}

/* A call is bounded: by the number of messages, and of bytes. */
static void test_bounds(void **state) {
    static const struct {
        const char *step;
        unsigned submitted, first, second;
    } BOUNDS[] = {
        {"a>p1", 1, 1, 0},     {"a>p1", 64, 64, 0}, {"a>p1", 65, 64, 1},
        {"a>p1", 200, 64, 64}, {"a>p1L", 4, 4, 0},  {"a>p1L", 5, 4, 1},
    };
    for (size_t i = 0; i < sizeof BOUNDS / sizeof *BOUNDS; i++) {
        heart_teardown(state);
        heart_setup(state);
        H.set.max_requests = 1000;
        heart_step("join=ap6");
        for (unsigned n = 0; n < BOUNDS[i].submitted; n++)
            heart_step(BOUNDS[i].step);
        append_flush(&H.appends);
        append_flush(&H.appends); /* one call at a time */
        assert_int_equal(FAKE_POOL.n, 1);
        assert_int_equal(messages_in(0), BOUNDS[i].first);
        fake_redis_answer("-LOADING not yet;");
        append_flush(&H.appends);
        assert_int_equal(FAKE_POOL.n, BOUNDS[i].second > 0);
        if (BOUNDS[i].second)
            assert_int_equal(messages_in(0), BOUNDS[i].second);
    }
}

/* What this node has delivered, and whether the UUID is the client's, goes with each. */
static void test_what_is_sent(void **state) {
    static const struct {
        const char *steps, *known, *client;
    } SENT[] = {
        {"join=ap6 a>p1u", "6", "1"},
        {"join=ap6 a>p1", "6", ""},
        {"join=ap6 offer=p7:x a>p1", "7", ""},
        {"join=ap a>p1u", NULL, "1"},
    };
    for (size_t i = 0; i < sizeof SENT / sizeof *SENT; i++) {
        char expected[512];
        heart_anew(state, false);
        heart_run(SENT[i].steps, heart_do);
        append_flush(&H.appends);
        snprintf(expected, sizeof expected, " run chat:{c:public}:bus %s %s %s %s %s 1000 A 1",
                 SENT[i].known ? heart_text(heart_epoch('1')) : "",
                 SENT[i].known ? SENT[i].known : "0", SENT[i].client,
                 heart_text(heart_message('1')), heart_text(heart_user(0)));
        const char *text = fake_redis_asked(0);
        assert_string_equal(text + strlen(text) - strlen(expected), expected);
        assert_non_null(strstr(text, "000000000000000a 600 "));
    }
}

/* The peer of a private channel that isn't joined here is told. */
static void test_unread(void **state) {
    static const struct {
        const char *steps;
        bool told;
    } UNREAD[] = {
        {"join=aq6 a>q1 . append=7", true},
        {"join=aq6 join=bq6 a>q1 . append=7", false},
        {"join=aq6 join=bq6 leave=bq a>q1 . append=7", true},
        {"join=aq6 a>q1 . append=e", false},
        {"join=aq6 a>q1u . append=r7:1", false},
        {"join=an6 a>n1 . append=7", false}, /* notes to oneself */
        {"join=ap6 a>p1 . append=7", false},
    };
    for (size_t i = 0; i < sizeof UNREAD / sizeof *UNREAD; i++) {
        char expected[512];
        heart_anew(state, false);
        heart_run(UNREAD[i].steps, heart_do);
        const char *a = heart_text(heart_user(0)), *b = heart_text(heart_user(1));
        snprintf(expected, sizeof expected, "SPUBLISH chat:{u:%s}:bus u\ndm:%s:%s\n7\n%s\nA\n", b,
                 a, b, a);
        assert_string_equal(FAKE_POOL.told, UNREAD[i].told ? expected : "");
    }
}

static void test_counts(void **state) {
    (void)state;
    heart_step("join=ap6");
    for (const char *name = "1234"; *name; name++)
        heart_step((char[]){'a', '>', 'p', *name, 'u', '\0'});
    heart_step(".");
    assert_false(heart_find('p')->append.touched);
    assert_int_equal(heart_find('p')->append.in_flight, 4);
    heart_step("append=7,e,r3:x,9");
    assert_int_equal(H.count.messages, 2);
    assert_true(heart_find('p')->append.touched);
    assert_int_equal(heart_find('p')->append.in_flight, 0); /* 9 is held, but was answered */
}

int main(void) {
    const struct CMUnitTest tests[] = {HEART_TEST(test_orders), HEART_TEST(test_bounds),
                                       HEART_TEST(test_what_is_sent), HEART_TEST(test_unread),
                                       HEART_TEST(test_counts)};
    return cmocka_run_group_tests(tests, heart_init, NULL);
}
