/* test_cursor - a line of a cursor file is read back as it was written; anything else is refused.
 */
#include "chatctl/term/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define DM "dm:a11ce000-0000-4000-8000-000000000001:b0b00000-0000-4000-8000-000000000002"

static void test_round_trip(void **state) {
    (void)state;
    static const char *const LINES[] = {"public " EPOCH " 0\n", "public " EPOCH " 7\n",
                                        DM " " EPOCH " 999999999999999\n"};
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        struct channel_id ch;
        struct position at;
        char line[CURSOR_LINE];
        assert_true(cursor_read(LINES[i], &ch, &at));
        cursor_write(&ch, &at, line);
        assert_string_equal(line, LINES[i]);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const LINES[] = {"",
                                        "\n",
                                        "public",
                                        "public ",
                                        "public " EPOCH,
                                        "public " EPOCH " ",
                                        "public " EPOCH " -1\n",
                                        "public " EPOCH " +1\n",
                                        "public " EPOCH " 1x\n",
                                        "public " EPOCH " 1 2\n",
                                        "public " EPOCH " 9999999999999999\n",
                                        "public  " EPOCH " 7\n",
                                        "public not-a-uuid 7\n",
                                        "nowhere " EPOCH " 7\n",
                                        " public " EPOCH " 7\n"};
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        struct channel_id ch;
        struct position at;
        assert_false(cursor_read(LINES[i], &ch, &at));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
