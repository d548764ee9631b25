/* test_admission - never more than there are places inside; the queue is served in its order, each
 * once.
 */
#include "chatd/op/admission.h"

#include "chatd/session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define QUEUED 5

static void fill(struct admission *g, struct session *s) {
    for (unsigned i = 0; i < ADMISSION_PLACES; i++)
        assert_true(admission_enter(g, s));
    assert_int_equal(g->inside, ADMISSION_PLACES);
}

static void test_no_more_than_places(void **state) {
    (void)state;
    struct admission g = {0};
    struct session s = {0}, late = {0};
    fill(&g, &s);
    assert_false(s.queued);
    assert_false(admission_enter(&g, &late));
    assert_true(late.queued);
    assert_int_equal(g.inside, ADMISSION_PLACES);
    assert_null(admission_next(&g));
}

static void test_queue_in_order_each_once(void **state) {
    (void)state;
    struct admission g = {0};
    struct session s = {0}, late[QUEUED] = {0};
    fill(&g, &s);
    for (int i = 0; i < QUEUED; i++)
        for (int times = 0; times < 2; times++) /* asking again is no second place in the queue */
            assert_false(admission_enter(&g, &late[i]));
    for (int i = 0; i < QUEUED; i++) {
        admission_leave(&g);
        assert_ptr_equal(admission_next(&g), &late[i]);
        assert_false(late[i].queued);
        assert_true(admission_enter(&g, &late[i]));
        assert_null(admission_next(&g));
    }
    admission_leave(&g);
    assert_null(admission_next(&g));
}

/* Who was let in may have to wait once more, behind the others. */
static void test_queue_again(void **state) {
    (void)state;
    struct admission g = {0};
    struct session s = {0}, a = {0}, b = {0};
    fill(&g, &s);
    assert_false(admission_enter(&g, &a));
    assert_false(admission_enter(&g, &b));
    admission_leave(&g);
    assert_ptr_equal(admission_next(&g), &a);
    assert_true(admission_enter(&g, &s));
    assert_false(admission_enter(&g, &a));
    admission_leave(&g);
    assert_ptr_equal(admission_next(&g), &b);
    assert_ptr_equal(admission_next(&g), &a);
    assert_null(admission_next(&g));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_more_than_places),
                                       cmocka_unit_test(test_queue_in_order_each_once),
                                       cmocka_unit_test(test_queue_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
