/* test_reorder - whatever order messages come in, and however often, what leaves the feed is 1, 2,
 * 3 … of one epoch, each once. */
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

static void base(struct reorder *f, uint64_t seq) {
    struct position p = at(&OLD, seq);
    *f = (struct reorder){0};
    reorder_base(f, &p, NULL);
}

static enum reorder_verdict judge(const struct reorder *f, const struct uuid *epoch, uint64_t seq) {
    struct position p = at(epoch, seq);
    return reorder_judge(f, &p);
}

static bool hold(struct reorder *f, const struct uuid *epoch, uint64_t seq, void *data,
                 void **old) {
    struct position p = at(epoch, seq);
    return reorder_hold(f, &p, data, false, old);
}

static void *take(struct reorder *f, const struct uuid *epoch, uint64_t seq) {
    struct position p = at(epoch, seq);
    return reorder_take(f, &p);
}

static void test_verdicts(void **state) {
    (void)state;
    struct reorder f;
    base(&f, 10);
    static const struct {
        uint64_t seq;
        enum reorder_verdict verdict;
    } CASES[] = {
        {0, REORDER_REPEAT},
        {1, REORDER_REPEAT},
        {9, REORDER_REPEAT},
        {10, REORDER_REPEAT},
        {11, REORDER_NEXT},
        {12, REORDER_EARLY},
        {999999999999999, REORDER_EARLY},
        {UINT64_MAX, REORDER_EARLY},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(judge(&f, &OLD, CASES[i].seq), CASES[i].verdict);
        assert_int_equal(judge(&f, &NEW, CASES[i].seq), REORDER_STRANGE);
    }
    reorder_advance(&f, 11, NULL);
    assert_int_equal(judge(&f, &OLD, 11), REORDER_REPEAT);
    assert_int_equal(judge(&f, &OLD, 12), REORDER_NEXT);
    reorder_free(&f);
}

static void test_unbased(void **state) {
    (void)state;
    struct reorder f = {0};
    struct uuid nil = {{0}};
    int item;
    void *old;
    uint64_t seq;
    for (uint64_t s = 0; s < 3; s++) {
        assert_int_equal(judge(&f, &OLD, s), REORDER_UNBASED);
        assert_int_equal(judge(&f, &nil, s), REORDER_UNBASED);
    }
    assert_true(hold(&f, &nil, 1, &item, &old));
    assert_null(reorder_take_next(&f, &seq));
    assert_null(reorder_take_stale(&f, false));
    assert_ptr_equal(reorder_take_stale(&f, true), &item);
    reorder_free(&f);
}

/* A channel where nothing was said yet: it stands at 0 and 1 is next. */
static void test_based_at_the_beginning(void **state) {
    (void)state;
    struct reorder f;
    base(&f, 0);
    assert_int_equal(judge(&f, &OLD, 1), REORDER_NEXT);
    assert_int_equal(judge(&f, &OLD, 0), REORDER_REPEAT);
    reorder_free(&f);
}

static void test_held(void **state) {
    (void)state;
    struct reorder f;
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
    assert_null(reorder_take_next(&f, &seq)); /* 2 is missing */
    assert_null(take(&f, &OLD, 2));
    reorder_advance(&f, 2, NULL);
    assert_ptr_equal(reorder_take_next(&f, &seq), &b);
    assert_int_equal(seq, 3);
    assert_null(reorder_take_next(&f, &seq)); /* the caller has not advanced: 3 is next, and gone */
    reorder_advance(&f, 3, NULL);
    assert_ptr_equal(reorder_take_next(&f, &seq), &a2);
    assert_int_equal(seq, 4);
    reorder_advance(&f, 4, NULL);
    assert_null(reorder_take_next(&f, &seq));
    assert_ptr_equal(take(&f, &NEW, 4), &c);
    assert_int_equal(f.n, 0);
    reorder_free(&f);
}

static void test_stale(void **state) {
    (void)state;
    struct reorder f;
    int items[5];
    void *old;
    base(&f, 0);
    for (uint64_t s = 5; s > 1; s--)
        assert_true(hold(&f, &OLD, s, &items[s - 2], &old));
    assert_true(hold(&f, &NEW, 1, &items[4], &old));
    assert_null(reorder_take_stale(&f, false));
    reorder_advance(&f, 3, NULL); /* the stream gave 1 to 3 */
    assert_ptr_equal(reorder_take_stale(&f, false), &items[0]);
    assert_ptr_equal(reorder_take_stale(&f, false), &items[1]);
    assert_null(reorder_take_stale(&f, false)); /* neither the later ones nor the other epoch's */
    assert_int_equal(f.n, 3);
    for (int i = 0; i < 3; i++)
        assert_non_null(reorder_take_stale(&f, true));
    assert_null(reorder_take_stale(&f, true));
    reorder_free(&f);
}

/* The limit holds; what must be held is held beyond it; what is held already may be replaced. */
static void test_overflow(void **state) {
    (void)state;
    struct reorder f;
    static int items[REORDER_HELD_MAX + 10];
    void *old;
    base(&f, 0);
    for (uint64_t s = 0; s < REORDER_HELD_MAX; s++)
        assert_true(hold(&f, &OLD, s + 2, &items[s], &old));
    assert_false(hold(&f, &OLD, REORDER_HELD_MAX + 2, &items[REORDER_HELD_MAX], &old));
    assert_null(old);
    assert_int_equal(f.n, REORDER_HELD_MAX);
    assert_true(hold(&f, &OLD, 2, &items[REORDER_HELD_MAX], &old));
    assert_ptr_equal(old, &items[0]);
    for (uint64_t s = 0; s < 9; s++) {
        struct position p = at(&OLD, REORDER_HELD_MAX + 2 + s);
        assert_true(reorder_hold(&f, &p, &items[REORDER_HELD_MAX + 1 + s], true, &old));
        assert_null(old);
    }
    assert_false(hold(&f, &OLD, 5000, &items[0], &old));
    uint64_t seq;
    reorder_advance(&f, 1, NULL);
    for (uint64_t s = 2; s < REORDER_HELD_MAX + 11; s++) {
        assert_non_null(reorder_take_next(&f, &seq));
        assert_int_equal(seq, s);
        reorder_advance(&f, seq, NULL);
    }
    assert_int_equal(f.n, 0);
    assert_true(hold(&f, &OLD, 5000, &items[0], &old)); /* there is room again */
    assert_ptr_equal(reorder_take_stale(&f, true), &items[0]);
    reorder_free(&f);
}

/* What belongs to the next epoch waits for it; what is left of the old one never comes out in
 * order. */
static void test_epoch_switch(void **state) {
    (void)state;
    struct reorder f;
    int old_item, new_item, later;
    void *old;
    uint64_t seq;
    base(&f, 100);
    assert_true(hold(&f, &OLD, 103, &old_item, &old));
    assert_true(hold(&f, &NEW, 1, &new_item, &old));
    assert_true(hold(&f, &NEW, 3, &later, &old));
    assert_null(reorder_take_next(&f, &seq));
    struct position p = at(&NEW, 0);
    reorder_base(&f, &p, NULL);
    assert_int_equal(judge(&f, &OLD, 101), REORDER_STRANGE);
    assert_int_equal(judge(&f, &NEW, 1), REORDER_NEXT);
    assert_ptr_equal(reorder_take_next(&f, &seq), &new_item);
    assert_int_equal(seq, 1);
    reorder_advance(&f, 1, NULL);
    assert_null(reorder_take_next(&f, &seq));
    reorder_advance(&f, 2, NULL);
    assert_ptr_equal(reorder_take_next(&f, &seq), &later);
    reorder_advance(&f, 3, NULL);
    assert_null(reorder_take_stale(&f, false));
    assert_ptr_equal(take(&f, &OLD, 103), &old_item);
    reorder_free(&f);
}

/* --- The order, for every order of arrival --- */

struct run {
    struct reorder order;
    uint64_t out[4 * MESSAGES];
    unsigned n, repeats;
};

static uint64_t NUMBERS[MESSAGES + 1]; /* an item is a pointer to its number */

static void deliver(struct run *r, uint64_t seq) {
    assert_true(r->n < COUNT(r->out));
    reorder_advance(&r->order, seq, NULL);
    r->out[r->n++] = seq;
}

/* What bus.c does with an arrival, without the frames. */
static void offer(struct run *r, uint64_t seq) {
    void *old, *next;
    uint64_t next_seq;
    switch (judge(&r->order, &OLD, seq)) {
    case REORDER_NEXT:
        deliver(r, seq);
        while ((next = reorder_take_next(&r->order, &next_seq))) {
            assert_int_equal(*(uint64_t *)next, next_seq);
            deliver(r, next_seq);
        }
        break;
    case REORDER_REPEAT:
        r->repeats++;
        break;
    case REORDER_EARLY:
        assert_true(hold(&r->order, &OLD, seq, &NUMBERS[seq], &old));
        r->repeats += old != NULL;
        break;
    case REORDER_STRANGE:
    case REORDER_UNBASED:
        fail();
    }
}

static void check_run(const struct run *r, unsigned repeats) {
    assert_int_equal(r->n, MESSAGES);
    for (unsigned i = 0; i < r->n; i++)
        assert_int_equal(r->out[i], i + 1);
    assert_int_equal(r->repeats, repeats);
    assert_int_equal(r->order.n, 0);
}

/* Once each; each twice in a row; the whole row twice; and all again, backwards, behind it. */
static void check_order(const uint64_t order[MESSAGES]) {
    for (int how = 0; how < 4; how++) {
        struct run r = {.n = 0};
        unsigned repeats = 0;
        base(&r.order, 0);
        for (unsigned i = 0; i < MESSAGES; i++) {
            offer(&r, order[i]);
            if (how == 1)
                offer(&r, order[i]);
        }
        for (unsigned i = 0; i < MESSAGES && how >= 2; i++)
            offer(&r, order[how == 2 ? i : MESSAGES - 1 - i]);
        repeats = how ? MESSAGES : 0;
        check_run(&r, repeats);
        reorder_free(&r.order);
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
