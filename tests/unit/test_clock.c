/* test_clock - the date arithmetic of clock_rfc3339 against gmtime_r, which it does without, over
 * ten thousand years; and that the clocks are the clocks. */
#include "common/base/clock.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define DAY_MS INT64_C(86400000)
#define FIRST_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS INT64_C(253402300799999)  /* 9999-12-31T23:59:59.999Z */

/* The same by the C library. strftime's %Y does not pad, so only the rest is left to it. */
static void by_libc(int64_t wall_ms, char out[CLOCK_TEXT + 1]) {
    int64_t s = wall_ms / 1000, ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    time_t t = (time_t)s;
    struct tm tm;
    char rest[32], text[64];
    assert_non_null(gmtime_r(&t, &tm));
    assert_true(strftime(rest, sizeof rest, "-%m-%dT%H:%M:%S", &tm) > 0);
    snprintf(text, sizeof text, "%04d%s.%03dZ", tm.tm_year + 1900, rest, (int)ms);
    assert_int_equal(strlen(text), CLOCK_TEXT);
    memcpy(out, text, CLOCK_TEXT + 1);
}

static void check(int64_t wall_ms) {
    char ours[CLOCK_TEXT + 1], expected[CLOCK_TEXT + 1];
    clock_rfc3339(wall_ms, ours);
    by_libc(wall_ms, expected);
    if (strcmp(ours, expected) != 0)
        fail_msg("%" PRId64 ": %s, expected %s", wall_ms, ours, expected);
}

static void test_known(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {1714564800123, "2024-05-01T12:00:00.123Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {1709251199999, "2024-02-29T23:59:59.999Z"},
        {1735689599999, "2024-12-31T23:59:59.999Z"},
        {2147483647999, "2038-01-19T03:14:07.999Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"}, /* 2100 is no leap year */
        {-2203891200001, "1900-02-28T23:59:59.999Z"},
        {-2203891200000, "1900-03-01T00:00:00.000Z"},
        {LAST_MS, "9999-12-31T23:59:59.999Z"},
        {FIRST_MS, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char text[CLOCK_TEXT + 1];
        clock_rfc3339(CASES[i].ms, text);
        assert_string_equal(text, CASES[i].text);
    }
}

static void test_clamps(void **state) {
    (void)state;
    static const int64_t BEYOND[] = {1, 1000, DAY_MS, 400 * 365 * DAY_MS};
    char text[CLOCK_TEXT + 1];
    for (size_t i = 0; i < COUNT(BEYOND); i++) {
        clock_rfc3339(LAST_MS + BEYOND[i], text);
        assert_string_equal(text, "9999-12-31T23:59:59.999Z");
        clock_rfc3339(FIRST_MS - BEYOND[i], text);
        assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    }
    clock_rfc3339(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_rfc3339(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

/* Both sides of midnight: of each day of 800 years, which is twice the calendar's period, and of
 * each 13th of the rest. */
static void test_midnights(void **state) {
    (void)state;
    const int64_t from = -11676096000000, to = 13569465600000; /* 1600-01-01, 2400-01-01 */
    for (int64_t ms = FIRST_MS + DAY_MS; ms < LAST_MS;
         ms += ms >= from && ms < to ? DAY_MS : 13 * DAY_MS) {
        check(ms);
        check(ms - 1);
    }
}

static void test_every_moment_of_a_day(void **state) {
    (void)state;
    for (int64_t ms = 0; ms < DAY_MS; ms += 997) {
        check(1714521600000 + ms);
        check(-DAY_MS + ms);
    }
}

static void test_scattered(void **state) {
    (void)state;
    uint64_t x = 88172645463325252; /* xorshift: the same values in every run */
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        check(FIRST_MS + (int64_t)(x % (uint64_t)(LAST_MS - FIRST_MS + 1)));
    }
}

static void test_writes_no_further(void **state) {
    (void)state;
    char text[CLOCK_TEXT + 2];
    memset(text, '#', sizeof text);
    clock_rfc3339(0, text);
    assert_int_equal(text[CLOCK_TEXT], '\0');
    assert_int_equal(text[CLOCK_TEXT + 1], '#');
}

static void test_wall_is_the_wall_clock(void **state) {
    (void)state;
    int64_t before = (int64_t)time(NULL), ms = clock_wall_ms(), after = (int64_t)time(NULL);
    assert_true(ms / 1000 >= before - 1 && ms / 1000 <= after + 1);
}

static void test_mono_counts_milliseconds(void **state) {
    (void)state;
    struct timespec a, b, wait = {.tv_nsec = 20000000};
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t first = clock_mono_ms(), last = first;
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_mono_ms();
        assert_true(now >= last);
        last = now;
    }
    nanosleep(&wait, NULL);
    uint64_t passed = clock_mono_ms() - first;
    clock_gettime(CLOCK_MONOTONIC, &b);
    int64_t bound = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    assert_true(passed >= 19);
    assert_true(passed <= (uint64_t)bound + 1);
}

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* INT64_MIN: refused */
    } CASES[] = {{"2024-05-01T12:00:00.123Z", 1714564800123},
                 {"2024-05-01T12:00:00Z", 1714564800000},
                 {"2024-05-01T12:00:00.1Z", 1714564800100},
                 {"2024-05-01T12:00:00.123999Z", 1714564800123},
                 {"1969-12-31T23:59:59.999Z", -1},
                 {"2024-02-29T00:00:00Z", 1709164800000},
                 {"0000-01-01T00:00:00.000Z", FIRST_MS},
                 {"9999-12-31T23:59:59.999Z", LAST_MS},
                 {"2023-02-29T00:00:00Z", INT64_MIN},
                 {"2024-13-01T00:00:00Z", INT64_MIN},
                 {"2024-05-01T24:00:00Z", INT64_MIN},
                 {"2024-05-01T12:00:60Z", INT64_MIN},
                 {"2024-05-01 12:00:00Z", INT64_MIN},
                 {"2024-05-01T12:00:00", INT64_MIN},
                 {"2024-05-01T12:00:00.Z", INT64_MIN},
                 {"2024-05-01T12:00:00+00:00", INT64_MIN},
                 {"2024-05-01T12:00:00.12xZ", INT64_MIN},
                 {"+024-05-01T12:00:00Z", INT64_MIN},
                 {"", INT64_MIN},
                 {"Z", INT64_MIN}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int64_t ms = 42;
        bool valid = clock_parse_rfc3339(CASES[i].text, strlen(CASES[i].text), &ms);
        if (valid != (CASES[i].ms != INT64_MIN) || ms != (valid ? CASES[i].ms : 42))
            fail_msg("%s: %d, %lld", CASES[i].text, valid, (long long)ms);
    }
}

static void test_parse_undoes_writing(void **state) {
    (void)state;
    char text[CLOCK_TEXT + 1];
    for (int64_t ms = FIRST_MS; ms <= LAST_MS; ms += 86400000LL * 3 + 12345678) {
        int64_t back = 0;
        clock_rfc3339(ms, text);
        assert_true(clock_parse_rfc3339(text, CLOCK_TEXT, &back));
        assert_true(back == ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_clamps),
        cmocka_unit_test(test_midnights),
        cmocka_unit_test(test_every_moment_of_a_day),
        cmocka_unit_test(test_scattered),
        cmocka_unit_test(test_writes_no_further),
        cmocka_unit_test(test_wall_is_the_wall_clock),
        cmocka_unit_test(test_mono_counts_milliseconds),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_undoes_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
