/* test_lineage - what a channel's epoch says of those before it, and which places it has. */
#include "common/redis/lineage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A "e0000000-0000-4000-8000-00000000000a"
#define B "e0000000-0000-4000-8000-00000000000b"
#define C "e0000000-0000-4000-8000-00000000000c"
#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool has(const char *lineage, const char *epoch, uint64_t seq) {
    struct lineage l;
    struct position at = {.seq = seq};
    assert_true(lineage_read(lineage, strlen(lineage), &l));
    assert_true(uuid_read(epoch, UUID_TEXT, &at.epoch));
    return lineage_has(&l, &at);
}

static void test_places(void **state) {
    static const struct {
        const char *lineage, *epoch;
        uint64_t seq;
        bool has;
    } ROWS[] = {
        {"", A, 0, false},
        {A, A, 0, false}, /* of 0.1 */
        {A ":5", A, 0, true},
        {A ":5", A, 5, true},
        {A ":5", A, 6, false},
        {A ":5", B, 5, false},
        {A ":0", A, 0, true},
        {A ":0", A, 1, false},
        {B ":7 " A ":5", A, 5, true},
        {B ":7 " A ":5", A, 6, false},
        {B ":7 " A ":5", B, 7, true},
        {B ":7 " A ":5", C, 0, false},
        {C ":4 " B ":7 " A ":5", B, 4, true}, /* C went on in a copy that had less of B */
        {C ":4 " B ":7 " A ":5", B, 5, false},
        {C ":4 " B ":7 " A ":5", A, 5, false},
        {C ":4 " B ":7 " A ":5", A, 4, true},
        {A ":999999999999999", A, 999999999999999, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(ROWS); i++)
        if (has(ROWS[i].lineage, ROWS[i].epoch, ROWS[i].seq) != ROWS[i].has)
            fail_msg("%zu: %s", i, ROWS[i].lineage);
}

static void test_bad(void **state) {
    static const char *const BAD[] = {
        " ",          "x",     A ":",          A ":x",
        A ":-1",      A ":5 ", " " A ":5",     A ":5  " B ":5",
        A ":5 " B,    A "5",   A ":5," B ":5", A ":1000000000000000",
        "e0000000:5", A ": 5", A ":5\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct lineage l = {.n = 3};
        if (lineage_read(BAD[i], strlen(BAD[i]), &l) || l.n != 0)
            fail_msg("taken: %s", BAD[i]);
    }
}

static void test_as_many_as_there_may_be(void **state) {
    char text[(LINEAGE_MAX + 1) * sizeof A ":5"];
    struct lineage l;
    size_t len = 0;
    (void)state;
    for (size_t n = 1; n <= LINEAGE_MAX + 1; n++) {
        len += (size_t)snprintf(text + len, sizeof text - len, n > 1 ? " %s" : "%s", A ":5");
        assert_int_equal(lineage_read(text, len, &l), n <= LINEAGE_MAX);
        assert_int_equal(l.n, n <= LINEAGE_MAX ? n : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_as_many_as_there_may_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
