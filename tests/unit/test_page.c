/* test_page - a page takes messages until it is full, and counts what is none. */
#include "chatd/channel/page.h"

#include "common/proto/response.h"
#include "common/redis/reply.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define FULL ((size_t)192 * 1024)

/* An entry of a stream with a text of `len` bytes; without its uuid when it is spoilt. */
static redisReply *entry(unsigned seq, size_t len, bool good) {
    redisReader *reader = redisReaderCreate();
    struct buf b;
    void *reply = NULL;
    buf_init(&b, len + 1024);
    buf_fmt(&b, "*2\r\n$%d\r\n%03u-0\r\n*%d\r\n", 5, seq, good ? 10 : 8);
    if (good)
        buf_str(&b, "$4\r\nuuid\r\n$36\r\n" ALICE "\r\n");
    buf_str(&b, "$6\r\nsender\r\n$36\r\n" ALICE
                "\r\n$4\r\nname\r\n$5\r\nalice\r\n$2\r\nat\r\n$1\r\n7\r\n");
    buf_fmt(&b, "$4\r\ntext\r\n$%zu\r\n", len);
    for (size_t i = 0; i < len; i++)
        buf_char(&b, 'x');
    buf_str(&b, "\r\n");
    assert_false(b.failed);
    redisReaderFeed(reader, b.data, b.len);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    buf_free(&b);
    return reply;
}

static bool take(struct page *p, unsigned seq, size_t len, bool good, uint64_t *got) {
    struct channel_id id = channel_public();
    redisReply *r = entry(seq, len, good);
    struct message m;
    bool taken = page_take(p, r, &id, &m);
    assert_int_equal(uuid_is_nil(&m.uuid), !good);
    if (got)
        *got = m.seq;
    freeReplyObject(r);
    return taken;
}

static void test_takes_until_full(void **state) {
    (void)state;
    struct page p;
    uint64_t bad = 0, seq;
    page_init(&p, response_encode_read_message, &bad);
    while (take(&p, 7, 10000, true, &seq)) {
        assert_int_equal(seq, 7);
        assert_true(p.texts.len <= FULL);
    }
    assert_true(p.messages > 10 && p.texts.len > FULL - 12000);
    size_t messages = p.messages, len = p.texts.len;
    assert_false(take(&p, 8, 10000, true, &seq));
    assert_int_equal(seq, 8);
    assert_true(p.messages == messages && p.texts.len == len && !p.texts.failed);
    page_reset(&p);
    assert_true(take(&p, 9, 10, true, NULL));
    assert_int_equal(p.messages, 1);
    assert_true(p.texts.len < 1000);
    page_free(&p);
}

static void test_spoilt_ones_are_left_out_and_counted(void **state) {
    (void)state;
    struct page p;
    uint64_t bad = 5, seq;
    page_init(&p, response_encode_read_message, &bad);
    assert_true(take(&p, 3, 10, false, &seq));
    assert_int_equal(seq, 3);
    assert_int_equal(bad, 6);
    assert_true(p.messages == 0 && p.texts.len == 0);
    page_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_until_full),
        cmocka_unit_test(test_spoilt_ones_are_left_out_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
