/* test_leaving - whether those who went offline come back in time. */
#include "chatd/channel/leaving.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static struct leaving L;

static struct uuid user(unsigned n) {
    struct uuid u = {{0}};
    memcpy(u.b, &n, sizeof n);
    return u;
}

static void put(unsigned n, uint64_t due_ms) {
    struct uuid u = user(n);
    assert_true(leaving_put(&L, &u, "Alice", 5, due_ms));
}

static bool take(unsigned n) {
    struct uuid u = user(n);
    return leaving_take(&L, &u);
}

/* The next who is gone for good: 0: nobody. */
static unsigned next(uint64_t now_ms) {
    struct leaver one;
    unsigned n;
    if (!leaving_next(&L, now_ms, &one))
        return 0;
    assert_int_equal(one.name_len, 5);
    assert_string_equal(one.name, "Alice");
    memcpy(&n, one.user.b, sizeof n);
    return n;
}

static int set_up(void **state) {
    (void)state;
    return !leaving_init(&L);
}

static int tear_down(void **state) {
    (void)state;
    leaving_free(&L);
    return 0;
}

static void test_gone_when_it_is_time(void **state) {
    (void)state;
    put(1, 100);
    put(2, 110);
    put(3, 110);
    assert_int_equal(next(99), 0);
    assert_int_equal(next(105), 1);
    assert_int_equal(next(105), 0);
    assert_int_equal(next(200), 2);
    assert_int_equal(next(200), 3);
    assert_int_equal(next(200), 0);
}

static void test_who_is_back_is_not_gone(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 5; n++)
        put(n, 100);
    assert_true(take(1)); /* the first, one between, the last */
    assert_true(take(3));
    assert_true(take(5));
    assert_false(take(5));
    assert_false(take(6));
    put(5, 150);
    assert_int_equal(next(1000), 2);
    assert_int_equal(next(1000), 4);
    assert_int_equal(next(1000), 5);
    assert_false(take(4));
}

static void test_too_many_wait_no_longer(void **state) {
    (void)state;
    for (unsigned n = 1; n <= LEAVING_MAX; n++)
        put(n, 1000);
    assert_int_equal(next(0), 0);
    put(LEAVING_MAX + 1, 1000);
    put(LEAVING_MAX + 2, 1000);
    assert_int_equal(next(0), 1);
    assert_int_equal(next(0), 2);
    assert_int_equal(next(0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gone_when_it_is_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_is_back_is_not_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_wait_no_longer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
