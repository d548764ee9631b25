/* test_frame - the bytes of a frame at every boundary of RFC 6455's lengths, and who frees it. */
#include "chatd/base/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void test_headers(void **state) {
    (void)state;
    static const struct {
        size_t payload, header;
        unsigned char bytes[10];
    } CASES[] = {
        {0, 2, {0x81, 0}},
        {1, 2, {0x81, 1}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0, 126}},
        {127, 4, {0x81, 126, 0, 127}},
        {256, 4, {0x81, 126, 1, 0}},
        {65535, 4, {0x81, 126, 0xff, 0xff}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        {1193046, 10, {0x81, 127, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56}},
    };
    struct buf b;
    buf_init(&b, 2u << 20);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (size_t k = 0; k < CASES[i].payload; k++)
            buf_char(&b, (char)('a' + k % 26));
        struct frame *f = frame_text(&b);
        assert_non_null(f);
        assert_int_equal(f->refs, 1);
        assert_int_equal(f->len, CASES[i].header + CASES[i].payload);
        assert_memory_equal(f->bytes, CASES[i].bytes, CASES[i].header);
        for (size_t k = 0; k < CASES[i].payload; k++)
            assert_int_equal(f->bytes[CASES[i].header + k], 'a' + k % 26);
        assert_int_equal(b.len, 0); /* ready for the next one */
        frame_unref(f);
    }
    buf_free(&b);
}

/* With a buf that never held anything, as the first of all. */
static void test_empty(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    struct frame *f = frame_text(&b);
    assert_non_null(f);
    assert_int_equal(f->len, 2);
    frame_unref(f);
    buf_free(&b);
}

static void test_failed(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_str(&b, "{}");
    buf_str(&b, "too long");
    assert_true(b.failed);
    assert_null(frame_text(&b)); /* half a text is no frame */
    assert_false(b.failed);
    assert_int_equal(b.len, 0);
    buf_str(&b, "{}");
    struct frame *f = frame_text(&b);
    assert_non_null(f);
    assert_memory_equal(f->bytes, "\x81\x02{}", 4);
    frame_unref(f);
    buf_free(&b);
}

static void test_ping(void **state) {
    (void)state;
    struct frame *f = frame_ping();
    assert_non_null(f);
    assert_int_equal(f->len, 7); /* with a payload: lws hides pongs without one */
    assert_memory_equal(f->bytes,
                        "\x89\x05"
                        "chatd",
                        7);
    frame_unref(f);
}

/* Freed with the last reference, not before and not later: ASan looks on. */
static void test_references(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_str(&b, "shared");
    struct frame *f = frame_text(&b);
    buf_free(&b);
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(frame_ref(f), f);
    assert_int_equal(f->refs, 1001);
    for (int i = 0; i < 1000; i++)
        frame_unref(f);
    assert_int_equal(f->refs, 1);
    assert_memory_equal(f->bytes + 2, "shared", 6);
    frame_unref(f);
    frame_unref(NULL);
}

static void test_scratch(void **state) {
    (void)state;
    struct buf *b = frame_scratch();
    buf_str(b, "left over");
    b->failed = true;
    assert_ptr_equal(frame_scratch(), b);
    assert_int_equal(b->len, 0);
    assert_false(b->failed);
    assert_true(b->cap >= 1u << 20); /* the largest answer fits */
    frame_scratch_free();
    buf_str(frame_scratch(), "again");
    assert_int_equal(frame_scratch()->len, 0);
    frame_scratch_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_failed),     cmocka_unit_test(test_ping),
        cmocka_unit_test(test_references), cmocka_unit_test(test_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
