/* test_tui_layout - at every size: parts that tile the screen and don't overlap. */
#include "chattui/view/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void cover(unsigned char *seen, int cols, struct area a) {
    for (int r = a.row; r < a.row + a.rows; r++)
        for (int c = a.col; c < a.col + a.cols; c++)
            seen[r * cols + c]++;
}

static void check(int rows, int cols, bool members, int input_rows) {
    struct layout l = layout_make(rows, cols, members, input_rows, 1);
    if (rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS) {
        assert_true(l.too_small);
        return;
    }
    unsigned char *seen = calloc((size_t)rows, (size_t)cols);
    assert_non_null(seen);
    cover(seen, cols, l.title);
    cover(seen, cols, l.channels);
    cover(seen, cols, l.timeline);
    cover(seen, cols, l.members);
    cover(seen, cols, l.status);
    cover(seen, cols, l.input);
    int free_cells = 0;
    for (int i = 0; i < rows * cols; i++) {
        assert_true(seen[i] <= 1);
        free_cells += !seen[i];
    }
    int borders = (l.channels.cols > 0) + (l.members.cols > 0);
    assert_int_equal(free_cells, borders * l.timeline.rows);
    assert_true(l.timeline.rows >= 3 && l.timeline.cols - l.nick_cols >= 32);
    assert_true(l.input.rows >= 1 && l.input.rows <= rows / 3);
    free(seen);
}

static void test_sizes(void **state) {
    (void)state;
    for (int rows = 1; rows < 60; rows += 1)
        for (int cols = 1; cols < 220; cols += 3)
            for (int input = 0; input < 30; input += 7) {
                check(rows, cols, false, input);
                check(rows, cols, true, input);
            }
}

static void test_panes_collapse(void **state) {
    (void)state;
    struct layout l = layout_make(24, 80, true, 1, 1);
    assert_true(l.channels.cols > 0 && l.members.cols > 0);
    l = layout_make(24, 80, false, 1, 1);
    assert_int_equal(l.members.cols, 0);
    l = layout_make(10, 40, true, 1, 1);
    assert_true(l.channels.cols == 0 && l.members.cols == 0 && !l.too_small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_panes_collapse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
