/* resp_made - replies for tests, made by hiredis from RESP bytes, so that the shapes are the real
 * ones. Written as `[ :1 'text' nil +OK -ERR text; [ ] ]`. Freed by made_free, which fits as a
 * teardown. */
#ifndef TESTS_UNIT_RESP_MADE_H
#define TESTS_UNIT_RESP_MADE_H

#include "common/base/buf.h"

#include <hiredis/hiredis.h>
#include <string.h>

static redisReply *MADE[256];
static size_t MADE_COUNT;

static const char *one_to_resp(struct buf *b, const char *at);

static const char *array_to_resp(struct buf *b, const char *at) {
    struct buf items;
    unsigned n = 0;
    buf_init(&items, 1u << 20);
    for (at += strspn(at, " "); *at != ']'; at += strspn(at, " "), n++)
        at = one_to_resp(&items, at);
    buf_fmt(b, "*%u\r\n", n);
    buf_add(b, items.data, items.len);
    buf_free(&items);
    return at + 1;
}

static const char *one_to_resp(struct buf *b, const char *at) {
    at += strspn(at, " ");
    if (*at == '[')
        return array_to_resp(b, at + 1);
    if (strncmp(at, "nil", 3) == 0) {
        buf_str(b, "$-1\r\n");
        return at + 3;
    }
    const char *end = *at == '\'' ? strchr(at + 1, '\'') : at + strcspn(at, *at == '-' ? ";" : " ");
    if (*at == '\'')
        buf_fmt(b, "$%u\r\n%.*s", (unsigned)(end - at - 1), (int)(end - at - 1), at + 1);
    else
        buf_add(b, at, (size_t)(end - at));
    buf_str(b, "\r\n");
    return end + (*end == '\'' || *end == ';');
}

__attribute__((unused)) static redisReply *made(const char *text) {
    struct buf b;
    void *r = NULL;
    buf_init(&b, 1u << 20);
    one_to_resp(&b, text);
    redisReader *reader = redisReaderCreate();
    redisReaderFeed(reader, b.data, b.len);
    redisReaderGetReply(reader, &r);
    redisReaderFree(reader);
    buf_free(&b);
    assert_non_null(r);
    assert_true(MADE_COUNT < sizeof MADE / sizeof *MADE);
    MADE[MADE_COUNT++] = r;
    return r;
}

static int made_free(void **state) {
    (void)state;
    while (MADE_COUNT > 0)
        freeReplyObject(MADE[--MADE_COUNT]);
    return 0;
}

#endif
