/* test_words - lines of chatctl's shell, taken apart. */
#include "chatctl/term/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* `want`: the words, each followed by a |. */
static void check(const char *line, const char *want, char open, bool ended) {
    struct words w;
    char got[256] = "";
    size_t len = 0;
    assert_true(words_split(&w, line));
    for (size_t i = 0; i < w.n; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s|", w.v[i]);
    assert_string_equal(got, want);
    assert_int_equal(w.open, open);
    assert_int_equal(w.ended, ended);
    words_free(&w);
}

static void test_words(void **state) {
    (void)state;
    check("", "", 0, true);
    check("  \t\r\n", "", 0, true);
    check("user list", "user|list|", 0, false);
    check(" user\tlist \n", "user|list|", 0, true);
    check("a", "a|", 0, false);
    check("a b c d e f g h", "a|b|c|d|e|f|g|h|", 0, false);
}

static void test_quotes(void **state) {
    (void)state;
    check("'Bob O' x", "Bob O|x|", 0, false);
    check("\"Bob \\\"O\\\\\" x ", "Bob \"O\\|x|", 0, true);
    check("Bob\\ O\\'Hara", "Bob O'Hara|", 0, false);
    check("a'b c'\"d e\"f", "ab cd ef|", 0, false);
    check("'' \"\" x", "||x|", 0, false);
    check("'\\'", "\\|", 0, false);
    check("\"\\n\"", "\\n|", 0, false);
}

static void test_open_quotes(void **state) {
    (void)state;
    check("user 'Bob O", "user|Bob O|", '\'', false);
    check("user \"Bob ", "user|Bob |", '"', false);
    check("'", "|", '\'', false);
    check("a\\", "a|", 0, false);
}

static void test_comments(void **state) {
    (void)state;
    check("# all of it", "", 0, true);
    check("user # rest 'x", "user|", 0, true);
    check("a#b", "a#b|", 0, false);
    check("\\#a '#b'", "#a|#b|", 0, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_quotes),
                                       cmocka_unit_test(test_open_quotes),
                                       cmocka_unit_test(test_comments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
