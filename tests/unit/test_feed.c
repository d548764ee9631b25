/* test_feed - whatever order messages come in, and however often, what leaves the feed is 1, 2, 3 …
 * of one epoch, each once. */
#include "chatd/session/reorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MESSAGES 6

static const struct uuid OLD = {{1}}, NEW = {{2}};

static struct position at(const struct uuid *epoch, uint64_t seq) {
    return (struct position){.epoch = *epoch, .seq = seq};
}

static void base(struct feed *f, uint64_t seq) {
    struct position p = at(&OLD, seq);
    *f = (struct feed){0};
    feed_base(f, &p);
}

static enum feed_verdict judge(const struct feed *f, const struct uuid *epoch, uint64_t seq) {
    struct position p = at(epoch, seq);
    return feed_judge(f, &p);
}

static bool hold(struct feed *f, const struct uuid *epoch, uint64_t seq, void *data, void **old) {
    struct position p = at(epoch, seq);
    return feed_hold(f, &p, data, false, old);
}

static void *take(struct feed *f, const struct uuid *epoch, uint64_t seq) {
    struct position p = at(epoch, seq);
    return feed_take(f, &p);
}

static void test_verdicts(void **state) {
    (void)state;
    struct feed f;
    base(&f, 10);
    static const struct {
        uint64_t seq;
        enum feed_verdict verdict;
    } CASES[] = {
        {0, FEED_REPEAT},
        {1, FEED_REPEAT},
        {9, FEED_REPEAT},
        {10, FEED_REPEAT},
        {11, FEED_NEXT},
        {12, FEED_EARLY},
        {999999999999999, FEED_EARLY},
        {UINT64_MAX, FEED_EARLY},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(judge(&f, &OLD, CASES[i].seq), CASES[i].verdict);
        assert_int_equal(judge(&f, &NEW, CASES[i].seq), FEED_STRANGE);
    }
    feed_advance(&f, 11);
    assert_int_equal(judge(&f, &OLD, 11), FEED_REPEAT);
    assert_int_equal(judge(&f, &OLD, 12), FEED_NEXT);
    feed_free(&f);
}

static void test_unbased(void **state) {
    (void)state;
    struct feed f = {0};
    struct uuid nil = {{0}};
    int item;
    void *old;
    uint64_t seq;
    for (uint64_t s = 0; s < 3; s++) {
        assert_int_equal(judge(&f, &OLD, s), FEED_UNBASED);
        assert_int_equal(judge(&f, &nil, s), FEED_UNBASED);
    }
    assert_true(hold(&f, &nil, 1, &item, &old));
    assert_null(feed_take_next(&f, &seq));
    assert_null(feed_take_stale(&f, false));
    assert_ptr_equal(feed_take_stale(&f, true), &item);
    feed_free(&f);
}

/* A channel where nothing was said yet: it stands at 0 and 1 is next. */
static void test_based_at_the_beginning(void **state) {
    (void)state;
    struct feed f;
    base(&f, 0);
    assert_int_equal(judge(&f, &OLD, 1), FEED_NEXT);
    assert_int_equal(judge(&f, &OLD, 0), FEED_REPEAT);
    feed_free(&f);
}

static void test_held(void **state) {
    (void)state;
    struct feed f;
    int a, b, c, a2;
    void *old = &f;
    uint64_t seq = 0;
    base(&f, 1);
    assert_true(hold(&f, &OLD, 4, &a, &old));
    assert_null(old);
    assert_true(hold(&f, &OLD, 3, &b, &old));
    assert_null(old);
    assert_true(hold(&f, &NEW, 4, &c, &old)); /* the same number of another epoch is another item */
    assert_null(old);
    assert_true(hold(&f, &OLD, 4, &a2, &old));
    assert_ptr_equal(old, &a);
    assert_int_equal(f.n, 3);
    assert_null(feed_take_next(&f, &seq)); /* 2 is missing */
    assert_null(take(&f, &OLD, 2));
    feed_advance(&f, 2);
    assert_ptr_equal(feed_take_next(&f, &seq), &b);
    assert_int_equal(seq, 3);
    assert_null(feed_take_next(&f, &seq)); /* the caller has not advanced: 3 is next, and gone */
    feed_advance(&f, 3);
    assert_ptr_equal(feed_take_next(&f, &seq), &a2);
    assert_int_equal(seq, 4);
    feed_advance(&f, 4);
    assert_null(feed_take_next(&f, &seq));
    assert_ptr_equal(take(&f, &NEW, 4), &c);
    assert_int_equal(f.n, 0);
    feed_free(&f);
}

static void test_stale(void **state) {
    (void)state;
    struct feed f;
    int items[5];
    void *old;
    base(&f, 0);
    for (uint64_t s = 2; s < 6; s++)
        assert_true(hold(&f, &OLD, s, &items[s - 2], &old));
    assert_true(hold(&f, &NEW, 1, &items[4], &old));
    assert_null(feed_take_stale(&f, false));
    feed_advance(&f, 3); /* the stream gave 1 to 3 */
    void *first = feed_take_stale(&f, false), *second = feed_take_stale(&f, false);
    assert_true((first == &items[0] && second == &items[1]) ||
                (first == &items[1] && second == &items[0]));
    assert_null(feed_take_stale(&f, false)); /* neither the later ones nor the other epoch's */
    assert_int_equal(f.n, 3);
    for (int i = 0; i < 3; i++)
        assert_non_null(feed_take_stale(&f, true));
    assert_null(feed_take_stale(&f, true));
    feed_free(&f);
}

/* The limit holds; what must be held is held beyond it; what is held already may be replaced. */
static void test_overflow(void **state) {
    (void)state;
    struct feed f;
    static int items[FEED_HELD_MAX + 10];
    void *old;
    base(&f, 0);
    for (uint64_t s = 0; s < FEED_HELD_MAX; s++)
        assert_true(hold(&f, &OLD, s + 2, &items[s], &old));
    assert_false(hold(&f, &OLD, FEED_HELD_MAX + 2, &items[FEED_HELD_MAX], &old));
    assert_null(old);
    assert_int_equal(f.n, FEED_HELD_MAX);
    assert_true(hold(&f, &OLD, 2, &items[FEED_HELD_MAX], &old));
    assert_ptr_equal(old, &items[0]);
    for (uint64_t s = 0; s < 9; s++) {
        struct position p = at(&OLD, FEED_HELD_MAX + 2 + s);
        assert_true(feed_hold(&f, &p, &items[FEED_HELD_MAX + 1 + s], true, &old));
        assert_null(old);
    }
    assert_false(hold(&f, &OLD, 5000, &items[0], &old));
    uint64_t seq;
    feed_advance(&f, 1);
    for (uint64_t s = 2; s < FEED_HELD_MAX + 11; s++) {
        assert_non_null(feed_take_next(&f, &seq));
        assert_int_equal(seq, s);
        feed_advance(&f, seq);
    }
    assert_int_equal(f.n, 0);
    assert_true(hold(&f, &OLD, 5000, &items[0], &old)); /* there is room again */
    assert_ptr_equal(feed_take_stale(&f, true), &items[0]);
    feed_free(&f);
}

/* What belongs to the next epoch waits for it; what is left of the old one never comes out in
 * order. */
static void test_epoch_switch(void **state) {
    (void)state;
    struct feed f;
    int old_item, new_item, later;
    void *old;
    uint64_t seq;
    base(&f, 100);
    assert_true(hold(&f, &OLD, 103, &old_item, &old));
    assert_true(hold(&f, &NEW, 1, &new_item, &old));
    assert_true(hold(&f, &NEW, 3, &later, &old));
    assert_null(feed_take_next(&f, &seq));
    struct position p = at(&NEW, 0);
    feed_base(&f, &p);
    assert_int_equal(judge(&f, &OLD, 101), FEED_STRANGE);
    assert_int_equal(judge(&f, &NEW, 1), FEED_NEXT);
    assert_ptr_equal(feed_take_next(&f, &seq), &new_item);
    assert_int_equal(seq, 1);
    feed_advance(&f, 1);
    assert_null(feed_take_next(&f, &seq));
    feed_advance(&f, 2);
    assert_ptr_equal(feed_take_next(&f, &seq), &later);
    feed_advance(&f, 3);
    assert_null(feed_take_stale(&f, false));
    assert_ptr_equal(take(&f, &OLD, 103), &old_item);
    feed_free(&f);
}

/* --- The order, for every order of arrival --- */

struct run {
    struct feed feed;
    uint64_t out[4 * MESSAGES];
    unsigned n, repeats;
};

static uint64_t NUMBERS[MESSAGES + 1]; /* an item is a pointer to its number */

static void deliver(struct run *r, uint64_t seq) {
    assert_true(r->n < COUNT(r->out));
    feed_advance(&r->feed, seq);
    r->out[r->n++] = seq;
}

/* What bus.c does with an arrival, without the frames. */
static void offer(struct run *r, uint64_t seq) {
    void *old, *next;
    uint64_t next_seq;
    switch (judge(&r->feed, &OLD, seq)) {
    case FEED_NEXT:
        deliver(r, seq);
        while ((next = feed_take_next(&r->feed, &next_seq))) {
            assert_int_equal(*(uint64_t *)next, next_seq);
            deliver(r, next_seq);
        }
        break;
    case FEED_REPEAT:
        r->repeats++;
        break;
    case FEED_EARLY:
        assert_true(hold(&r->feed, &OLD, seq, &NUMBERS[seq], &old));
        r->repeats += old != NULL;
        break;
    case FEED_STRANGE:
    case FEED_UNBASED:
        fail();
    }
}

static void check_run(const struct run *r, unsigned repeats) {
    assert_int_equal(r->n, MESSAGES);
    for (unsigned i = 0; i < r->n; i++)
        assert_int_equal(r->out[i], i + 1);
    assert_int_equal(r->repeats, repeats);
    assert_int_equal(r->feed.n, 0);
}

/* Once each; each twice in a row; the whole row twice; and all again, backwards, behind it. */
static void check_order(const uint64_t order[MESSAGES]) {
    for (int how = 0; how < 4; how++) {
        struct run r = {.n = 0};
        unsigned repeats = 0;
        base(&r.feed, 0);
        for (unsigned i = 0; i < MESSAGES; i++) {
            offer(&r, order[i]);
            if (how == 1)
                offer(&r, order[i]);
        }
        for (unsigned i = 0; i < MESSAGES && how >= 2; i++)
            offer(&r, order[how == 2 ? i : MESSAGES - 1 - i]);
        repeats = how ? MESSAGES : 0;
        check_run(&r, repeats);
        feed_free(&r.feed);
    }
}

/* Heap's algorithm: all 720 orders. */
static unsigned permute(uint64_t order[MESSAGES], unsigned k) {
    if (k == 1) {
        check_order(order);
        return 1;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < k; i++) {
        n += permute(order, k - 1);
        unsigned j = k % 2 ? 0 : i;
        uint64_t t = order[j];
        order[j] = order[k - 1];
        order[k - 1] = t;
    }
    return n;
}

static void test_every_order(void **state) {
    (void)state;
    uint64_t order[MESSAGES];
    for (uint64_t i = 0; i < MESSAGES; i++) {
        order[i] = i + 1;
        NUMBERS[i + 1] = i + 1;
    }
    assert_int_equal(permute(order, MESSAGES), 720);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_unbased),
        cmocka_unit_test(test_based_at_the_beginning),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_epoch_switch),
        cmocka_unit_test(test_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
