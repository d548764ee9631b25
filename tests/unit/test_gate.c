/* test_gate - never more than there are places inside; the line is served in its order, each once. */
#include "chatd/op/admission.h"

#include "chatd/session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define IN_LINE 5

static void fill(struct gate *g, struct session *s) {
    for (unsigned i = 0; i < GATE_PLACES; i++)
        assert_true(gate_enter(g, s));
    assert_int_equal(g->inside, GATE_PLACES);
}

static void test_no_more_than_places(void **state) {
    (void)state;
    struct gate g = {0};
    struct session s = {0}, late = {0};
    fill(&g, &s);
    assert_false(s.in_line);
    assert_false(gate_enter(&g, &late));
    assert_true(late.in_line);
    assert_int_equal(g.inside, GATE_PLACES);
    assert_null(gate_next(&g));
}

static void test_line_in_order_each_once(void **state) {
    (void)state;
    struct gate g = {0};
    struct session s = {0}, late[IN_LINE] = {0};
    fill(&g, &s);
    for (int i = 0; i < IN_LINE; i++)
        for (int times = 0; times < 2; times++) /* asking again is no second place in line */
            assert_false(gate_enter(&g, &late[i]));
    for (int i = 0; i < IN_LINE; i++) {
        gate_leave(&g);
        assert_ptr_equal(gate_next(&g), &late[i]);
        assert_false(late[i].in_line);
        assert_true(gate_enter(&g, &late[i]));
        assert_null(gate_next(&g));
    }
    gate_leave(&g);
    assert_null(gate_next(&g));
}

/* Who was let in may have to wait once more, behind the others. */
static void test_line_again(void **state) {
    (void)state;
    struct gate g = {0};
    struct session s = {0}, a = {0}, b = {0};
    fill(&g, &s);
    assert_false(gate_enter(&g, &a));
    assert_false(gate_enter(&g, &b));
    gate_leave(&g);
    assert_ptr_equal(gate_next(&g), &a);
    assert_true(gate_enter(&g, &s));
    assert_false(gate_enter(&g, &a));
    gate_leave(&g);
    assert_ptr_equal(gate_next(&g), &b);
    assert_ptr_equal(gate_next(&g), &a);
    assert_null(gate_next(&g));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_more_than_places),
                                       cmocka_unit_test(test_line_in_order_each_once),
                                       cmocka_unit_test(test_line_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
