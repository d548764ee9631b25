/* test_reply_arena - answers made in the arena are those that hiredis makes by itself. */
#include "chatd/base/reply_arena.h"
#include "common/base/buf.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_same(const redisReply *a, const redisReply *b) {
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->integer, b->integer);
    assert_int_equal(a->len, b->len);
    assert_int_equal(a->elements, b->elements);
    if (b->str)
        assert_memory_equal(a->str, b->str, b->len + 1);
    else
        assert_null(a->str);
    for (size_t i = 0; i < b->elements; i++)
        assert_same(a->element[i], b->element[i]);
}

/* Feeds both in steps of `step` bytes; each must give as many answers, and the same. */
static void compare(const char *text, size_t len, size_t step) {
    struct reply_arena *arena = reply_arena_new();
    redisReader *ours = redisReaderCreate(), *theirs = redisReaderCreate();
    assert_non_null(arena);
    reply_arena_attach(arena, ours);
    for (size_t at = 0; at < len; at += step) {
        size_t n = step < len - at ? step : len - at;
        void *a, *b;
        redisReaderFeed(ours, text + at, n);
        redisReaderFeed(theirs, text + at, n);
        do {
            assert_int_equal(redisReaderGetReply(ours, &a), redisReaderGetReply(theirs, &b));
            assert_true(!a == !b);
            if (b) {
                assert_same(a, b);
                freeReplyObject(b);
                reply_arena_reset(arena);
            }
        } while (b);
    }
    redisReaderFree(ours);
    redisReaderFree(theirs);
    reply_arena_free(arena);
}

static void test_like_hiredis(void **state) {
    (void)state;
    static const char text[] = "+OK\r\n-ERR no\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n*0\r\n"
                               "*3\r\n$3\r\na\0b\r\n*2\r\n:1\r\n$-1\r\n*1\r\n*1\r\n+deep\r\n:7\r\n";
    for (size_t step = 1; step < sizeof text; step++)
        compare(text, sizeof text - 1, step);
}

static void test_larger_than_a_chunk(void **state) {
    (void)state;
    enum { ENTRIES = 3000, LONG = 200000 };
    struct buf text;
    buf_init(&text, ENTRIES * 16 + LONG + 64);
    buf_fmt(&text, "*%d\r\n", ENTRIES + 1);
    for (int i = 0; i < ENTRIES; i++)
        buf_fmt(&text, "$4\r\n%04d\r\n", i);
    buf_fmt(&text, "$%d\r\n%0*d\r\n+next\r\n", LONG, LONG, 0);
    assert_false(text.failed);
    compare(buf_cstr(&text), text.len, text.len);
    compare(buf_cstr(&text), text.len, 1000);
    buf_free(&text);
}

/* A connection that ends in the middle of an answer: nothing of it is freed twice or lost. */
static void test_cut(void **state) {
    (void)state;
    static const char text[] = "*3\r\n$1\r\na\r\n*2\r\n:1\r\n";
    struct reply_arena *arena = reply_arena_new();
    redisReader *r = redisReaderCreate();
    void *reply;
    reply_arena_attach(arena, r);
    redisReaderFeed(r, text, sizeof text - 1);
    assert_int_equal(redisReaderGetReply(r, &reply), REDIS_OK);
    assert_null(reply);
    redisReaderFree(r);
    reply_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_hiredis),
        cmocka_unit_test(test_larger_than_a_chunk),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
