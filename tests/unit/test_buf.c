/* test_buf - the cap holds whatever is appended, a failure sticks and spoils nothing, and growth
 * keeps what is there. */
#include "common/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A request for more memory than there is must come back as NULL, not end the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static void check_holds(const struct buf *b, const char *expected) {
    assert_int_equal(b->len, strlen(expected));
    assert_memory_equal(b->data, expected, b->len);
    assert_true(b->len <= b->cap && b->len <= b->size && b->size <= b->cap);
}

static void test_init_allocates_nothing(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.size, 0);
    assert_int_equal(b.cap, 10);
    assert_false(b.failed);
    buf_free(&b);
    assert_int_equal(b.cap, 10);
}

static void test_append(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_add(&b, "ab\0c", 4);
    buf_add(&b, NULL, 0);
    buf_str(&b, "");
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "ab\0c", 4);
    buf_reset(&b);
    buf_str(&b, "seq ");
    buf_u64(&b, 42);
    buf_char(&b, ';');
    buf_fmt(&b, " %s=%03d", "x", 7);
    check_holds(&b, "seq 42; x=007");
    assert_string_equal(buf_cstr(&b), "seq 42; x=007");
    check_holds(&b, "seq 42; x=007"); /* the NUL isn't counted */
    buf_free(&b);
    assert_null(b.data);
}

static void test_u64(void **state) {
    (void)state;
    static const uint64_t VALUES[] = {0,         1, 9, 10, 99, 100, 4294967296, 9007199254740993,
                                      UINT64_MAX};
    for (size_t i = 0; i < COUNT(VALUES); i++) {
        struct buf b;
        char expected[32];
        buf_init(&b, 64);
        buf_u64(&b, VALUES[i]);
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)VALUES[i]);
        assert_string_equal(buf_cstr(&b), expected);
        buf_free(&b);
    }
}

/* Every cap from nothing to more than enough: as much as fits, then nothing any more. */
static void test_cap(void **state) {
    (void)state;
    static const char WORDS[][8] = {"one", "three", "a", "seven", "", "xy"};
    for (size_t cap = 0; cap < 20; cap++) {
        char expected[32] = "";
        size_t len = 0;
        bool fits = true;
        struct buf b;
        buf_init(&b, cap);
        for (size_t i = 0; i < COUNT(WORDS); i++) {
            buf_str(&b, WORDS[i]);
            fits = fits && len + strlen(WORDS[i]) <= cap;
            if (fits)
                len += (size_t)snprintf(expected + len, sizeof expected - len, "%s", WORDS[i]);
            assert_int_equal(b.failed, !fits);
            check_holds(&b, expected);
        }
        buf_free(&b);
    }
}

/* "three" fits no more, and then even the "a" that would must not follow: it would be a text with a
 * hole. */
static void test_failure_sticks(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_str(&b, "one");
    buf_str(&b, "three");
    assert_true(b.failed);
    buf_char(&b, 'a');
    buf_u64(&b, 1);
    buf_fmt(&b, "%d", 1);
    assert_false(buf_reserve(&b, 0));
    assert_string_equal(buf_cstr(&b), "");
    check_holds(&b, "one");
    assert_true(b.failed);
    buf_reset(&b);
    assert_false(b.failed);
    assert_int_equal(b.len, 0);
    buf_str(&b, "next");
    check_holds(&b, "next");
    buf_free(&b);
    assert_false(b.failed);
}

static void test_reset_keeps_memory(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    for (int i = 0; i < 1000; i++)
        buf_str(&b, "12345");
    const char *data = b.data;
    size_t size = b.size;
    buf_reset(&b);
    for (int i = 0; i < 1000; i++)
        buf_str(&b, "67890");
    assert_ptr_equal(b.data, data);
    assert_int_equal(b.size, size);
    buf_free(&b);
}

static void test_growth(void **state) {
    (void)state;
    struct buf b;
    unsigned moves = 0;
    buf_init(&b, 1u << 20);
    for (unsigned i = 0; i < 1u << 20; i++) {
        size_t before = b.size;
        buf_char(&b, (char)(i * 7 + i / 256));
        moves += b.size != before;
    }
    assert_false(b.failed);
    assert_int_equal(b.len, 1u << 20);
    assert_true(moves < 25); /* doubles */
    for (unsigned i = 0; i < 1u << 20; i++)
        assert_true(b.data[i] == (char)(i * 7 + i / 256));
    buf_char(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(b.len, 1u << 20);
    buf_free(&b);
}

static void test_growth_in_one_step(void **state) {
    (void)state;
    struct buf b;
    char *big = calloc(1, 100000);
    assert_non_null(big);
    buf_init(&b, 100001);
    buf_char(&b, 'x');
    buf_add(&b, big, 100000);
    assert_false(b.failed);
    assert_int_equal(b.len, 100001);
    assert_int_equal(b.size, 100001);
    buf_free(&b);
    free(big);
}

static void test_reserve(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_true(buf_reserve(&b, 0));
    assert_true(buf_reserve(&b, 700));
    assert_true(b.size >= 700);
    assert_int_equal(b.len, 0);
    const char *data = b.data;
    for (int i = 0; i < 700; i++)
        buf_char(&b, 'x');
    assert_ptr_equal(b.data, data);
    assert_true(buf_reserve(&b, 300));
    assert_false(buf_reserve(&b, 301));
    assert_true(b.failed);
    buf_free(&b);
}

/* The formatted text needs room for its NUL while it is written. */
static void test_fmt_at_the_cap(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 6);
    buf_fmt(&b, "%s", "12345");
    assert_false(b.failed);
    check_holds(&b, "12345");
    buf_fmt(&b, "%s", "6");
    assert_true(b.failed);
    check_holds(&b, "12345");
    buf_free(&b);
}

static void test_fmt_long(void **state) {
    (void)state;
    struct buf b;
    char text[5001], expected[10003];
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    buf_init(&b, 20000);
    buf_fmt(&b, "<%s%s>", text, text);
    snprintf(expected, sizeof expected, "<%s%s>", text, text);
    check_holds(&b, expected);
    buf_free(&b);
}

static void test_cstr_at_the_cap(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_str(&b, "1234");
    assert_string_equal(buf_cstr(&b), "");
    assert_true(b.failed);
    buf_free(&b);
    buf_init(&b, 1);
    assert_string_equal(buf_cstr(&b), "");
    assert_false(b.failed);
    buf_free(&b);
}

static void test_no_memory(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, (size_t)1 << 62);
    buf_str(&b, "kept");
    assert_false(buf_reserve(&b, (size_t)1 << 61));
    assert_true(b.failed);
    check_holds(&b, "kept");
    buf_char(&b, 'x');
    check_holds(&b, "kept");
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_allocates_nothing),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_reset_keeps_memory),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_growth_in_one_step),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_fmt_at_the_cap),
        cmocka_unit_test(test_fmt_long),
        cmocka_unit_test(test_cstr_at_the_cap),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
