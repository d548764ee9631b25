/* test_tui_view_input - drafts of every shape as cells: where they wrap, where the cursor is. */
#include "chattui/view/view_input.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t cursor, int rows, int cols, const char *want, int row,
                  int col) {
    struct grid g = {0};
    struct buf out;
    struct input_look look = {.prompt = "", .text = text, .len = strlen(text), .cursor = cursor};
    assert_true(grid_resize(&g, rows, cols));
    view_input(&g, (struct area){0, 0, rows, cols}, &look, "> ");
    buf_init(&out, 1 << 16);
    grid_text(&g, &out);
    assert_string_equal(buf_cstr(&out), want);
    assert_int_equal(g.cursor_row, row);
    assert_int_equal(g.cursor_col, col);
    assert_true(g.cursor_on);
    buf_free(&out);
    grid_free(&g);
}

static void test_one_row(void **state) {
    (void)state;
    check("", 0, 1, 10, ">\n", 0, 2);
    check("abc", 1, 1, 10, "> abc\n", 0, 3);
    check("abc", 3, 1, 10, "> abc\n", 0, 5);
    check("日本", 3, 1, 10, "> 日本\n", 0, 4);
    check("a\x01z", 2, 1, 10, "> a^Az\n", 0, 5);
    check("e\xcc\x81x", 3, 1, 10, "> e\xcc\x81x\n", 0, 3);
}

static void test_wrapping(void **state) {
    (void)state;
    check("abcdefghij", 10, 2, 10, "> abcdefgh\nij\n", 1, 2);
    check("abcdefgh", 8, 2, 10, "> abcdefgh\n\n", 1, 0);
    check("abcdefgh", 7, 2, 10, "> abcdefgh\n\n", 0, 9);
    check("abcdefg日", 7, 2, 10, "> abcdefg\n日\n", 1, 0);
    check("a\nb", 3, 3, 10, "> a\nb\n\n", 1, 1);
    check("a\nb", 1, 2, 10, "> a\nb\n", 0, 3);
}

static void test_scrolling(void **state) {
    (void)state;
    check("a\nb\nc", 5, 2, 10, "b\nc\n", 1, 1);
    check("a\nb\nc", 0, 2, 10, "> a\nb\n", 0, 2);
    check("abcdefghijkl", 12, 1, 10, "ijkl\n", 0, 4);
}

static void test_rows(void **state) {
    (void)state;
    struct input_look look = {.prompt = "", .text = "a\nb\nc", .len = 5, .cursor = 5};
    assert_int_equal(view_input_rows(&look, "> ", 10, 5), 3);
    assert_int_equal(view_input_rows(&look, "> ", 10, 2), 2);
    look.len = look.cursor = 0;
    assert_int_equal(view_input_rows(&look, "> ", 10, 5), 1);
    assert_int_equal(view_input_rows(&look, "a long prompt", 1, 5), 1);
}

int main(void) {
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_wrapping),
        cmocka_unit_test(test_scrolling),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
