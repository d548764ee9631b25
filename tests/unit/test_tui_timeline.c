/* test_tui_timeline - stretches of numbers in, rows out: nothing missing without a gap row, nothing
 * twice, nothing out of order. Rows are compared as a digest: 7 a message, [2-4] a hole, (5-6)
 * removed, <2-4> lost, | a new epoch, ~ a notice, ? pending.
 */
#include "chattui/model/timeline.h"

#include "common/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct uuid FIRST = {{1}}, SECOND = {{2}}, ME = {{9}};

struct fixture {
    struct timeline_budget budget;
    struct timeline t;
};

static void begin(struct fixture *f) {
    memset(f, 0, sizeof *f);
    timeline_init(&f->t, &f->budget);
}

static void end(struct fixture *f) {
    timeline_free(&f->t);
    assert_int_equal(f->budget.bytes, 0);
    assert_null(f->budget.first);
}

/* The message of a number; `era` tells messages of different epochs apart. */
static struct timeline_message message(uint64_t seq, unsigned era) {
    struct timeline_message m = {.sender = ME, .seq = seq, .name = "ann", .name_len = 3};
    m.uuid.b[0] = (uint8_t)era;
    memcpy(m.uuid.b + 1, &seq, sizeof seq);
    m.text = "hello";
    m.text_len = 5;
    return m;
}

static size_t fill_era(struct fixture *f, unsigned era, uint64_t lo, uint64_t hi,
                       const char *numbers) {
    struct timeline_message list[64];
    size_t n = 0;
    char *at;
    for (const char *s = numbers; *s && n < 64; s = *at ? at + 1 : at)
        list[n++] = message(strtoull(s, &at, 10), era);
    return timeline_fill(&f->t, lo, hi, list, n);
}

static size_t fill(struct fixture *f, uint64_t lo, uint64_t hi, const char *numbers) {
    return fill_era(f, 1, lo, hi, numbers);
}

static void set_epoch(struct fixture *f, const struct uuid *epoch, uint64_t seq) {
    struct position at = {.epoch = *epoch, .seq = seq};
    timeline_set_epoch(&f->t, &at, 0);
}

static void gap_digest(struct buf *b, const struct row *r) {
    static const char *const MARKS[] = {"[]", "()", "<>"};
    unsigned long long from = r->place.seq + 1, to = r->u.gap.to - 1;
    if (from == to)
        buf_fmt(b, "%c%llu%c", MARKS[r->level][0], from, MARKS[r->level][1]);
    else
        buf_fmt(b, "%c%llu-%llu%c", MARKS[r->level][0], from, to, MARKS[r->level][1]);
}

static void check(const struct fixture *f, const char *expected) {
    const struct row *r;
    struct buf b;
    buf_init(&b, 65536);
    struct place last = PLACE_NONE;
    for (size_t i = 0; (r = timeline_row(&f->t, i)); i++) {
        assert_true(i == 0 || place_cmp(last, r->place) < 0);
        last = r->place;
        if (i > 0)
            buf_char(&b, ' ');
        if (r->kind == ROW_MESSAGE)
            buf_u64(&b, r->place.seq);
        else if (r->kind == ROW_GAP)
            gap_digest(&b, r);
        else
            buf_char(&b, r->kind == ROW_EPOCH ? '|' : r->kind == ROW_NOTICE ? '~' : '?');
    }
    assert_string_equal(buf_cstr(&b), expected);
    buf_free(&b);
}

static void test_snapshot_and_live(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(timeline_top(&f.t), TOP_UNKNOWN);
    assert_int_equal(fill(&f, 0, 3, "1 2"), 0); /* no epoch yet */
    set_epoch(&f, &FIRST, 8);
    assert_int_equal(fill(&f, 5, 9, "6 7 8"), 3);
    check(&f, "6 7 8");
    assert_int_equal(timeline_top(&f.t), TOP_MORE);
    assert_int_equal(timeline_before(&f.t), 6);
    assert_int_equal(fill(&f, 8, 10, "9"), 1);
    assert_int_equal(fill(&f, 8, 10, "9"), 0); /* twice */
    assert_int_equal(fill(&f, 6, 8, "7"), 0);
    check(&f, "6 7 8 9");
    assert_int_equal(f.t.at.seq, 9);
    end(&f);
}

static void test_hole_and_filling(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 2);
    fill(&f, 0, 3, "1 2");
    assert_int_equal(timeline_top(&f.t), TOP_START);
    fill(&f, 8, 10, "9");
    check(&f, "1 2 [3-8] 9");
    assert_false(timeline_covers(&f.t, 2));
    assert_true(timeline_covers(&f.t, 8));
    const struct row *hole = timeline_hole(&f.t);
    timeline_ask_hole(&f.t, hole->place, true);
    assert_null(timeline_hole(&f.t));
    timeline_forget_asks(&f.t);
    assert_non_null(timeline_hole(&f.t));
    fill(&f, 6, 9, "7 8");
    check(&f, "1 2 [3-6] 7 8 9");
    fill(&f, 2, 7, "4 5");
    check(&f, "1 2 (3) 4 5 (6) 7 8 9");
    assert_true(timeline_covers(&f.t, 0));
    end(&f);
}

/* An old line of ours is acknowledged with a number inside a hole. */
static void test_split_hole(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 1);
    fill(&f, 0, 2, "1");
    fill(&f, 9, 11, "10");
    fill(&f, 4, 6, "5");
    check(&f, "1 [2-4] 5 [6-9] 10");
    fill(&f, 1, 10, "3 5 8");
    check(&f, "1 (2) 3 (4) 5 (6-7) 8 (9) 10");
    end(&f);
}

static void test_history(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 30);
    fill(&f, 28, 31, "29 30");
    assert_int_equal(fill(&f, 3, 5, "4"), 0); /* far below all that is known */
    check(&f, "29 30");
    fill(&f, 19, 29, "20 21 28");
    check(&f, "20 21 (22-27) 28 29 30");
    fill(&f, 0, 20, ""); /* an empty page: there is nothing more */
    check(&f, "20 21 (22-27) 28 29 30");
    assert_int_equal(timeline_top(&f.t), TOP_REMOVED);
    assert_int_equal(timeline_before(&f.t), 0);
    end(&f);
}

static void test_empty_channels(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &(struct uuid){{0}}, 0); /* never used */
    fill(&f, 0, 1, "");
    assert_int_equal(timeline_top(&f.t), TOP_START);
    set_epoch(&f, &FIRST, 0); /* now it has a name */
    fill(&f, 0, 2, "1");
    check(&f, "1");
    assert_int_equal(timeline_top(&f.t), TOP_START);
    end(&f);
    begin(&f);
    set_epoch(&f, &FIRST, 40); /* all of it purged */
    fill(&f, 0, 41, "");
    check(&f, "");
    assert_int_equal(timeline_top(&f.t), TOP_REMOVED);
    fill(&f, 40, 42, "41");
    check(&f, "41");
    end(&f);
}

static void test_purge_of_a_sender(void **state) {
    (void)state;
    struct fixture f;
    struct uuid bob = {{7}};
    begin(&f);
    set_epoch(&f, &FIRST, 10);
    fill(&f, 0, 11, "1 2 3 4 5 6 7 8 9 10");
    for (size_t i = 0; i < f.t.n; i++)
        if (i % 3 != 0)
            f.t.rows[i]->u.message.sender = bob; /* 2 3 5 6 8 9 */
    timeline_purge_from(&f.t, &SECOND, 9, &bob);
    timeline_purge_from(&f.t, &FIRST, 1, &bob);
    check(&f, "1 2 3 4 5 6 7 8 9 10");
    timeline_purge_from(&f.t, &FIRST, 8, &bob);
    check(&f, "1 (2-3) 4 (5-6) 7 (8) 9 10");
    timeline_purge_from(&f.t, &FIRST, 9, &bob);
    check(&f, "1 (2-3) 4 (5-6) 7 (8-9) 10");
    end(&f);
}

static void test_purge(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 10);
    fill(&f, 0, 11, "1 2 3 4 5 6 7 8 9 10");
    struct timeline_message m = message(4, 1);
    timeline_purge_one(&f.t, &m.uuid);
    check(&f, "1 2 3 (4) 5 6 7 8 9 10");
    m = message(5, 1);
    timeline_purge_one(&f.t, &m.uuid);
    m = message(3, 1);
    timeline_purge_one(&f.t, &m.uuid);
    timeline_purge_one(&f.t, &m.uuid);
    check(&f, "1 2 (3-5) 6 7 8 9 10");
    timeline_purge(&f.t, &SECOND, 9);
    check(&f, "1 2 (3-5) 6 7 8 9 10");
    timeline_purge(&f.t, &FIRST, 4);
    check(&f, "6 7 8 9 10");
    assert_int_equal(timeline_top(&f.t), TOP_REMOVED);
    timeline_purge(&f.t, &FIRST, UINT64_MAX);
    check(&f, "");
    fill(&f, 10, 12, "11");
    check(&f, "11");
    end(&f);
}

static void test_purge_meets_holes(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 2);
    fill(&f, 0, 3, "1 2");
    fill(&f, 9, 11, "10");
    timeline_purge(&f.t, &FIRST, 5);
    check(&f, "[6-9] 10");
    fill(&f, 5, 10, "7");
    check(&f, "7 (8-9) 10");
    end(&f);
}

/* What was said to be gone is there again. */
static void test_restored(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 9);
    fill(&f, 0, 10, "1 2 8 9");
    check(&f, "1 2 (3-7) 8 9");
    assert_int_equal(fill(&f, 4, 10, "5 6 7 8 9"), 3);
    check(&f, "1 2 (3-4) 5 6 7 8 9");
    end(&f);
}

static void test_new_epoch(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 5);
    fill(&f, 0, 6, "1 2 3 4 5");
    fill(&f, 7, 9, "8");
    set_epoch(&f, &SECOND, 8);
    check(&f, "1 2 3 4 5 <6-7> 8 | [1-8]");
    assert_int_equal(timeline_top(&f.t), TOP_LOST);
    fill_era(&f, 2, 8, 10, "9");
    check(&f, "1 2 3 4 5 <6-7> 8 | [1-8] 9");
    struct position at = {.epoch = FIRST, .seq = 4};
    assert_int_equal(timeline_place_of(&f.t, &at).epoch, 1);
    /* The server still has 4 of before, and lost 5 to 8. */
    fill_era(&f, 1, 3, 9, "4");
    check(&f, "1 2 3 4 5 <6-7> 8 | (5-8) 9");
    assert_int_equal(fill_era(&f, 1, 3, 10, "4"), 0);
    end(&f);
}

/* The same numbering under another name: nothing is seen, and old names are good. */
static void test_an_epoch_that_follows(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    timeline_follow_epoch(&f.t, &FIRST); /* none yet: nothing to go on from */
    assert_int_equal(f.t.epoch, 0);
    set_epoch(&f, &FIRST, 5);
    fill(&f, 3, 6, "4 5");
    fill(&f, 7, 9, "8");
    uint64_t before = timeline_before(&f.t);
    timeline_follow_epoch(&f.t, &SECOND);
    timeline_follow_epoch(&f.t, &SECOND);
    check(&f, "4 5 [6-7] 8");
    assert_int_equal(timeline_before(&f.t), before);
    assert_int_equal(f.t.at.seq, 8);
    assert_true(uuid_eq(&f.t.at.epoch, &SECOND));
    assert_int_equal(f.t.names_n, 1);
    struct position at = {.epoch = FIRST, .seq = 4};
    assert_int_equal(timeline_place_of(&f.t, &at).epoch, 1);
    at = timeline_position_of(&f.t, timeline_place_of(&f.t, &at));
    assert_true(uuid_eq(&at.epoch, &SECOND));
    fill(&f, 5, 8, "6 7");
    fill(&f, 0, 4, "1 2 3");
    fill(&f, 8, 10, "9");
    check(&f, "1 2 3 4 5 6 7 8 9");
    timeline_purge(&f.t, &FIRST, 2);
    check(&f, "3 4 5 6 7 8 9");
    assert_int_equal(timeline_at(&f.t)->place.seq, 9);
    set_epoch(&f, &(struct uuid){{3}}, 9);
    at = (struct position){.epoch = FIRST, .seq = 4};
    assert_int_equal(timeline_place_of(&f.t, &at).epoch, 0);
    assert_null(timeline_at(&f.t));
    end(&f);
}

static void test_new_epoch_from_one(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 5);
    fill(&f, 3, 6, "4 5");
    set_epoch(&f, &SECOND, 3);
    fill_era(&f, 2, 1, 4, "2 3");
    check(&f, "4 5 | [1] 2 3");
    fill_era(&f, 2, 0, 2, "1");
    check(&f, "4 5 | 1 2 3");
    timeline_purge(&f.t, &FIRST, 4);
    check(&f, "(4) 5 | 1 2 3");
    timeline_purge(&f.t, &SECOND, 2);
    check(&f, "(4) 5 | (1-2) 3");
    end(&f);
}

static void test_many_epochs(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    for (unsigned i = 1; i < 70000; i++) {
        struct uuid epoch = {{3}};
        memcpy(epoch.b + 4, &i, sizeof i);
        set_epoch(&f, &epoch, 1);
        fill_era(&f, i & 0xff, 0, 2, "1");
        assert_true(f.t.n <= 3 * TIMELINE_EPOCHS);
    }
    end(&f);
}

static void test_pending_and_notices(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    struct timeline_message line = message(1, 7), next = message(2, 7);
    timeline_notice(&f.t, NOTICE_INFO, "hi", 2, 5);
    assert_true(timeline_add_pending(&f.t, &line));
    assert_true(timeline_add_pending(&f.t, &next));
    check(&f, "~ ? ?");
    set_epoch(&f, &FIRST, 2);
    fill(&f, 0, 3, "1 2");
    check(&f, "~ 1 2 ? ?");
    timeline_notice(&f.t, NOTICE_INFO, "ho", 2, 5);
    fill(&f, 2, 4, "3");
    check(&f, "~ 1 2 ~ 3 ? ?");
    assert_true(timeline_drop_pending(&f.t, &line.uuid));
    assert_false(timeline_drop_pending(&f.t, &line.uuid));
    check(&f, "~ 1 2 ~ 3 ?");
    assert_int_equal(timeline_newest(&f.t)->place.seq, 3);
    assert_int_equal(timeline_count_after(&f.t, timeline_place(&f.t, 1), 10), 2);
    for (int i = 0; i < 3000; i++)
        timeline_notice(&f.t, NOTICE_INFO, "again", 5, 5);
    assert_int_equal(f.t.notices, TIMELINE_NOTICES_MAX);
    timeline_reset(&f.t);
    check(&f, "?");
    end(&f);
}

static void test_nonsense(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 5);
    fill(&f, 0, 6, "1 2 3 4 5");
    assert_int_equal(fill(&f, 3, 3, "3"), 0);
    assert_int_equal(fill(&f, 9, 3, "4"), 0);
    assert_int_equal(fill(&f, 5, UINT64_MAX, "6"), 0);
    assert_int_equal(fill(&f, 5, 8, "99 7 6 7 0"), 2); /* out of order and outside */
    check(&f, "1 2 3 4 5 6 7");
    end(&f);
}

/* Whatever is said, memory stays within the budget, and what was let go can be loaded again. */
static void test_budget(void **state) {
    (void)state;
    struct fixture f;
    struct timeline other;
    begin(&f);
    f.budget.max = 200000;
    timeline_init(&other, &f.budget);
    struct position at = {.epoch = SECOND, .seq = 1};
    timeline_set_epoch(&other, &at, 0);
    struct timeline_message one = message(1, 2);
    timeline_fill(&other, 0, 2, &one, 1);
    set_epoch(&f, &FIRST, 0);
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        struct timeline_message m = message(seq, 1);
        assert_int_equal(timeline_fill(&f.t, seq - 1, seq + 1, &m, 1), 1);
        assert_true(f.budget.bytes <= f.budget.max);
    }
    assert_int_equal(other.n, 1); /* the quiet one kept its own */
    assert_int_equal(timeline_top(&f.t), TOP_MORE);
    assert_int_equal(timeline_row(&f.t, 0)->place.seq, timeline_before(&f.t));
    timeline_free(&other);
    end(&f);
}

static void test_hundred_thousand(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    set_epoch(&f, &FIRST, 0);
    for (uint64_t seq = 1; seq <= TIMELINE_ROWS_MAX + 500; seq++) {
        struct timeline_message m = message(seq, 1);
        m.text = "a message of a length that is usual among people who chat";
        m.text_len = strlen(m.text);
        timeline_fill(&f.t, seq - 1, seq + 1, &m, 1);
    }
    assert_true(f.t.n <= TIMELINE_ROWS_MAX && f.t.n > TIMELINE_ROWS_MAX - 100);
    assert_true(f.budget.bytes < (20u << 20));
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot_and_live),  cmocka_unit_test(test_hole_and_filling),
        cmocka_unit_test(test_split_hole),         cmocka_unit_test(test_history),
        cmocka_unit_test(test_empty_channels),     cmocka_unit_test(test_purge),
        cmocka_unit_test(test_purge_of_a_sender),  cmocka_unit_test(test_purge_meets_holes),
        cmocka_unit_test(test_restored),           cmocka_unit_test(test_new_epoch),
        cmocka_unit_test(test_new_epoch_from_one), cmocka_unit_test(test_an_epoch_that_follows),
        cmocka_unit_test(test_many_epochs),        cmocka_unit_test(test_pending_and_notices),
        cmocka_unit_test(test_nonsense),           cmocka_unit_test(test_budget),
        cmocka_unit_test(test_hundred_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
