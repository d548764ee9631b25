/* test_tui_grid - cells: columns of every kind of character, clipping, halves of wide ones. */
#include "chattui/base/grid.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const struct grid *g, const char *want) {
    struct buf out;
    buf_init(&out, 1 << 20);
    grid_text(g, &out);
    assert_string_equal(buf_cstr(&out), want);
    buf_free(&out);
}

static void test_put(void **state) {
    (void)state;
    struct grid g = {0};
    assert_true(grid_resize(&g, 2, 10));
    check(&g, "\n\n");
    assert_int_equal(grid_str(&g, 0, 2, 10, 1, "abc"), 5);
    assert_int_equal(grid_str(&g, 1, 0, 10, 1, "日本e\xcc\x81x"), 6);
    check(&g, "  abc\n日本e\xcc\x81x\n");
    assert_int_equal(grid_row(&g, 1)[0].width, 2);
    assert_int_equal(grid_row(&g, 1)[1].width, 0);
    assert_int_equal(grid_row(&g, 1)[4].ch[1], 0x301);
    assert_int_equal(grid_row(&g, 0)[2].style, 1);
    grid_clear(&g);
    check(&g, "\n\n");
    grid_free(&g);
}

static void test_clipping(void **state) {
    (void)state;
    struct grid g = {0};
    assert_true(grid_resize(&g, 1, 5));
    assert_int_equal(grid_str(&g, 0, 0, 99, 0, "abcdefgh"), 5);
    check(&g, "abcde\n");
    grid_clear(&g);
    assert_int_equal(grid_str(&g, 0, 0, 3, 0, "日本"), 2); /* half a character is none */
    check(&g, "日\n");
    grid_clear(&g);
    grid_str(&g, -1, 0, 5, 0, "x");
    grid_str(&g, 1, 0, 5, 0, "x");
    grid_str(&g, 0, -2, 5, 0, "x");
    grid_str(&g, 0, 7, 9, 0, "x");
    grid_fill(&g, 5, 0, 5, 0, 'x');
    check(&g, "\n");
    grid_put_cut(&g, 0, 0, 5, 0, "abcdefgh", 8);
    check(&g, "abcd…\n");
    grid_put_cut(&g, 0, 0, 5, 0, "abcde", 5);
    check(&g, "abcde\n");
    grid_clear(&g);
    grid_str(&g, 0, 0, 5, 0, "ab\ncd");
    check(&g, "ab\n");
    grid_free(&g);
}

static void test_halves(void **state) {
    (void)state;
    struct grid g = {0};
    assert_true(grid_resize(&g, 1, 6));
    grid_str(&g, 0, 0, 6, 0, "日本");
    grid_str(&g, 0, 1, 6, 0, "x");
    check(&g, " x本\n");
    grid_str(&g, 0, 2, 6, 0, "y");
    check(&g, " xy\n");
    grid_free(&g);
}

static void test_nothing_acts(void **state) {
    (void)state;
    struct grid g = {0};
    assert_true(grid_resize(&g, 1, 8));
    grid_str(&g, 0, 0, 8, 0, "a\x1b\r\x7f\xc2\x9b\xff");
    check(&g, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n");
    grid_clear(&g);
    grid_str(&g, 0, 0, 8, 0, "\xcc\x81z"); /* a mark without a character */
    check(&g, "z\n");
    grid_clear(&g);
    grid_str(&g, 0, 0, 8, 0, "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81x");
    check(&g, "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81x\n");
    grid_free(&g);
}

static void test_resize(void **state) {
    (void)state;
    struct grid g = {0}, h = {0};
    assert_true(grid_resize(&g, 0, -3));
    assert_int_equal(g.rows, 1);
    assert_int_equal(g.cols, 1);
    grid_str(&g, 0, 0, 1, 0, "日本");
    check(&g, "\n");
    assert_true(grid_resize(&g, 100000, 3));
    assert_int_equal(g.rows, GRID_MAX);
    assert_true(grid_resize(&g, 2, 3) && grid_resize(&h, 2, 3));
    assert_true(grid_row_eq(&g, &h, 1));
    grid_str(&g, 1, 0, 3, 0, "x");
    assert_false(grid_row_eq(&g, &h, 1));
    assert_true(grid_row_eq(&g, &h, 0));
    grid_free(&g);
    grid_free(&h);
}

int main(void) {
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),    cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_halves), cmocka_unit_test(test_nothing_acts),
        cmocka_unit_test(test_resize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
