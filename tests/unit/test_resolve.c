/* test_resolve - addresses as they are, and that nobody is told once the asker has left. Names are
 * the integration tests' (test_hosts.py), which have a resolver of their own. */
#include "common/base/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_numbers(void **state) {
    (void)state;
    static const char *const NUMBERS[] = {"127.0.0.1", "::1", "2001:db8::7"};
    static const char *const NAMES[] = {"localhost", "", "127.0.0.1.", "1.2.3.4.5", "[::1]"};
    struct resolved found;
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        assert_true(resolve_is_number(NUMBERS[i], &found));
        assert_int_equal(found.n, 1);
        assert_string_equal(found.address[0], NUMBERS[i]);
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        assert_false(resolve_is_number(NAMES[i], &found));
}

static void count(void *told) {
    ++*(unsigned *)told;
}

static void test_is_told_once(void **state) {
    (void)state;
    unsigned told = 0;
    struct resolved found;
    struct resolve *r = resolve_begin("127.0.0.1", count, &told);
    assert_non_null(r);
    assert_string_equal(resolve_host(r), "127.0.0.1");
    assert_true(resolve_take(r, 10000, &found));
    assert_int_equal(told, 1);
    assert_int_equal(found.n, 1);
    assert_true(resolve_take(r, 0, &found));
    resolve_free(r);
    resolve_free(NULL);
}

static void test_nobody_is_told_who_has_left(void **state) {
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        unsigned *told = malloc(sizeof *told); /* a sanitizer sees who uses it late */
        *told = 0;
        resolve_free(resolve_begin("127.0.0.1", count, told)); /* NULL: too many are under way */
        free(told);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_is_told_once),
        cmocka_unit_test(test_nobody_is_told_who_has_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
