/* fuzz_reply - Redis' bytes → hiredis' reply → every parser of replies: any may meet any. */
#include "tests/fuzz/fuzz.h"

#include "common/redis/reply.h"

#include <hiredis/hiredis.h>
#include <string.h>

#define ITEMS_MAX 8
#define ELEMENT_DIGITS 5

static void read_simple(const struct redisReply *r) {
    struct err e;
    const char *s;
    size_t len;
    int64_t v;
    struct uuid u;
    reply_ok(r, &e);
    reply_is_noscript(r);
    reply_is_error(r, "WRONGTYPE");
    reply_i64(r, 0, &v, &e);
    reply_uuid(r, &u, &e);
    if (reply_str(r, &s, &len, &e) == ERR_OK && s)
        MUST(memchr(s, 0, len + 1));
}

static void read_scripts(const struct redisReply *r) {
    struct err e;
    struct append_result append;
    struct join_result join;
    struct step_result step;
    for (size_t i = 0; i < 3; i++)
        reply_append(r, i, &append, &e);
    reply_join(r, &join, &e);
    if (reply_step(r, &step, &e) == ERR_OK)
        MUST(memchr(step.at, 0, sizeof step.at));
}

static void read_keys(const struct redisReply *r) {
    struct err e;
    struct channel_state state;
    struct log_info log;
    struct purge_record record;
    struct user_record user;
    struct mark mark;
    struct push push;
    reply_position(r, &state, &e);
    reply_place(r, &state.at, &e);
    int64_t now_ms;
    reply_time(r, &now_ms, &e);
    reply_log_info(r, &log, &e);
    if (reply_purge_record(r, &record, &e) == ERR_OK && record.found)
        MUST(memchr(record.mode, 0, sizeof record.mode));
    if (reply_user(r, &user, &e) == ERR_OK && user.found)
        MUST(memchr(user.hash, 0, sizeof user.hash));
    reply_mark(r, &mark);
    reply_push(r, &push);
}

static void read_all(const struct redisReply *r, unsigned depth) {
    struct channel_id public = channel_public();
    struct message m;
    struct err e;
    size_t n;
    read_simple(r);
    read_scripts(r);
    read_keys(r);
    reply_entry(r, &public, &m);
    if (reply_array(r, &n, &e) != ERR_OK || depth == 0)
        return;
    for (size_t i = 0; i < n && i < ITEMS_MAX; i++)
        read_all(reply_item(r, i), depth - 1);
}

/* hiredis before 1.0 believes any number of elements and allocates for it: not ours to find again.
 */
static bool asks_for_much(const uint8_t *data, size_t size) {
    for (size_t i = 0, digits = 0, counts = 0; i < size; i++) {
        counts =
            data[i] == '*' ? 1 : counts && (data[i] == '-' || data[i] == '+' || data[i] <= '9');
        digits = counts && data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        if (digits > ELEMENT_DIGITS)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (asks_for_much(data, size))
        return 0;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    MUST(reader);
    redisReaderFeed(reader, (const char *)data, size);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        read_all(reply, 2);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
