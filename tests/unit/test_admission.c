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

static void fill(struct admission *a, struct session *s) {
    for (unsigned i = 0; i < ADMISSION_PLACES; i++)
        assert_true(admission_enter(a, s));
    assert_int_equal(a->inside, ADMISSION_PLACES);
}

static void test_no_more_than_places(void **state) {
    (void)state;
    struct admission a = {0};
    struct session s = {0}, late = {0};
    fill(&a, &s);
    assert_false(s.queued);
    assert_false(admission_enter(&a, &late));
    assert_true(late.queued);
    assert_int_equal(a.inside, ADMISSION_PLACES);
    assert_null(admission_next(&a));
}

static void test_queue_in_order_each_once(void **state) {
    (void)state;
    struct admission a = {0};
    struct session s = {0}, late[QUEUED] = {0};
    fill(&a, &s);
    for (int i = 0; i < QUEUED; i++)
        for (int times = 0; times < 2; times++) /* asking again is no second place in the queue */
            assert_false(admission_enter(&a, &late[i]));
    for (int i = 0; i < QUEUED; i++) {
        admission_leave(&a);
        assert_ptr_equal(admission_next(&a), &late[i]);
        assert_false(late[i].queued);
        assert_true(admission_enter(&a, &late[i]));
        assert_null(admission_next(&a));
    }
    admission_leave(&a);
    assert_null(admission_next(&a));
}

/* Who was let in may have to wait once more, behind the others. */
static void test_queue_again(void **state) {
    (void)state;
    struct admission a = {0};
    struct session s = {0}, one = {0}, two = {0};
    fill(&a, &s);
    assert_false(admission_enter(&a, &one));
    assert_false(admission_enter(&a, &two));
    admission_leave(&a);
    assert_ptr_equal(admission_next(&a), &one);
    assert_true(admission_enter(&a, &s));
    assert_false(admission_enter(&a, &one));
    admission_leave(&a);
    assert_ptr_equal(admission_next(&a), &two);
    assert_ptr_equal(admission_next(&a), &one);
    assert_null(admission_next(&a));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_more_than_places),
                                       cmocka_unit_test(test_queue_in_order_each_once),
                                       cmocka_unit_test(test_queue_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
