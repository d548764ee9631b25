/* test_suggest - what was probably meant. */
#include "common/base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *best(const char *word) {
    static const char *const WORDS[] = {"list", "show", "rename", "delete", "session", "doctor"};
    struct suggest s = suggest_begin(word, strlen(word));
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        suggest_try(&s, WORDS[i]);
    return s.best;
}

static void test_slips(void **state) {
    (void)state;
    assert_string_equal(best("lsit"), "list");
    assert_string_equal(best("lst"), "list");
    assert_string_equal(best("shwo"), "show");
    assert_string_equal(best("sesion"), "session");
    assert_string_equal(best("docter"), "doctor");
    assert_string_equal(best("delet"), "delete");
}

static void test_nothing_near(void **state) {
    (void)state;
    assert_null(best(""));
    assert_null(best("x"));
    assert_null(best("purge"));
    assert_null(best("administration"));
    char lengthy[300];
    memset(lengthy, 'l', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_null(best(lengthy));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slips),
                                       cmocka_unit_test(test_nothing_near)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
