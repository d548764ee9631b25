/* test_tui_wrap - lines of text at every width: nothing lost, nothing too wide, broken where people
 * would. */
#include "chattui/base/text.h"
#include "chattui/base/wrap.h"
#include "common/base/buf.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The lines, joined by '|'. */
static void check(const char *text, int width, const char *want) {
    struct buf out;
    struct wrap w;
    struct wrap_line line;
    int n = 0;
    buf_init(&out, 1 << 16);
    for (wrap_init(&w, text, strlen(text), width); wrap_next(&w, &line); n++) {
        if (n)
            buf_char(&out, '|');
        buf_add(&out, text + line.start, line.len);
        assert_int_equal(line.columns, text_columns(text + line.start, line.len));
    }
    assert_string_equal(buf_cstr(&out), want);
    assert_int_equal(wrap_count(text, strlen(text), width), n);
    buf_free(&out);
}

static void test_words(void **state) {
    (void)state;
    check("", 10, "");
    check("one two three", 20, "one two three");
    check("one two three", 13, "one two three");
    check("one two three", 12, "one two|three");
    check("one two three", 7, "one two|three");
    check("one two three", 5, "one|two|three");
    check("one two three", 4, "one|two|thre|e");
    check("one   two", 5, "one|two");
    check("one two   ", 7, "one two");
    check("one two   x", 9, "one two|x");
}

static void test_long_words(void **state) {
    (void)state;
    check("abcdefghij", 4, "abcd|efgh|ij");
    check("a abcdefghij", 4, "a|abcd|efgh|ij");
    check("abcdefghij k", 5, "abcde|fghij|k");
    check("abc", 0, "a|b|c");
}

static void test_line_feeds(void **state) {
    (void)state;
    check("a\nb", 10, "a|b");
    check("a\n\nb\n", 10, "a||b|");
    check("\n", 10, "|");
    check("  indented code here", 12, "  indented|code here");
    check("    x", 3, "   | x");
}

static void test_wide(void **state) {
    (void)state;
    check("日本語テキスト", 6, "日本語|テキス|ト");
    check("日本語", 5, "日本|語");
    check("日本", 1, "日|本"); /* 2 columns in 1: nobody can show it, and nobody hangs */
    check("ab日本", 4, "ab日|本");
    check("😀😀 😀", 4, "😀😀|😀");
}

static void test_marks_stay(void **state) {
    (void)state;
    check("e\xcc\x81"
          "e\xcc\x81"
          "e\xcc\x81",
          2,
          "e\xcc\x81"
          "e\xcc\x81|e\xcc\x81");
    check("\xcc\x81"
          "ab",
          1,
          "\xcc\x81"
          "a|b");
}

/* At each width: every character that is no space comes once, in order, and no line is too wide. */
static void test_nothing_is_lost(void **state) {
    (void)state;
    static const char TEXT[] = "  The quick 速い brown\n\n狐 jumps   over e\xcc\x81t\xcc\x81 the "
                               "superlongwordthatfitsnowhere \xff dog ";
    for (int width = 1; width < 90; width++) {
        struct wrap w;
        struct wrap_line line;
        size_t at = 0;
        for (wrap_init(&w, TEXT, strlen(TEXT), width); wrap_next(&w, &line);) {
            for (; at < line.start; at++)
                assert_true(TEXT[at] == ' ' || TEXT[at] == '\n');
            at += line.len;
            assert_true(line.columns <= width || width == 1);
        }
        for (; at < strlen(TEXT); at++)
            assert_int_equal(TEXT[at], ' ');
    }
}

int main(void) {
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),      cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_line_feeds), cmocka_unit_test(test_wide),
        cmocka_unit_test(test_marks_stay), cmocka_unit_test(test_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
