/* user - see user.h. */
#include "chatctl/ops/user.h"

#include "chatctl/ops/ask.h"

#include <string.h>
#include <time.h>

#define SETTLE_MS 100  /* in which a sign-in that was under way comes to its end */
#define KEYS_MAX 10000 /* as chatd's --max-keys */

/* --- Records --- */

enum status user_change(struct invocation *in, const char *name) {
    int64_t changed = 0;
    enum status status = ask_i64(in, &changed);
    if (status || changed)
        return status;
    complain("user '%s' was deleted meanwhile", name);
    return STATUS_NOT_FOUND;
}

/* --- Telling the nodes --- */

enum status user_close(struct invocation *in, const struct uuid *user, enum close_code code,
                       int64_t *nodes) {
    struct buf b;
    buf_init(&b, EVENT_MAX);
    event_write_close(&b, code);
    cmd_publish_user(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user, b.data, b.len);
    enum status status = ask_i64(in, nodes);
    buf_free(&b);
    return status;
}

/* Has every node that has the user look at its record and keys again. */
static enum status recheck(struct invocation *in, const struct uuid *user) {
    struct buf b;
    int64_t nodes;
    buf_init(&b, EVENT_MAX);
    event_write_check(&b);
    cmd_publish_user(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user, b.data, b.len);
    enum status status = ask_i64(in, &nodes);
    buf_free(&b);
    return status;
}

enum status user_settle(struct invocation *in, const struct uuid *user) {
    const struct timespec moment = {.tv_nsec = SETTLE_MS * 1000000L};
    nanosleep(&moment, NULL);
    return recheck(in, user);
}

enum status user_put_out(struct invocation *in, const struct uuid *user, enum close_code code,
                         int64_t *nodes) {
    const struct redisReply *r;
    cmd_keys_remove(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), user);
    enum status status = ask(in, &r);
    if (status == STATUS_DONE)
        status = user_close(in, user, code, nodes);
    return status ? status : user_settle(in, user);
}

enum status user_forget(struct invocation *in, const struct uuid *user) {
    struct buf b;
    int64_t nodes;
    buf_init(&b, EVENT_MAX);
    event_write_forget(&b, user);
    cmd_publish_all(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), b.data, b.len);
    enum status status = ask_i64(in, &nodes);
    buf_free(&b);
    return status;
}

enum status user_revoke_all(struct invocation *in, const struct uuid *user, int64_t *revoked) {
    const struct redisReply *r;
    struct cmd *c = redis_sync_cmd(in->redis);
    char hash[KEY_HASH_TEXT + 1];
    enum status status = STATUS_DONE;
    *revoked = 0;
    for (unsigned i = 0; i < KEYS_MAX && status == STATUS_DONE; i++) {
        const char *s = NULL;
        size_t n = 0, len = 0;
        int64_t removed = 0;
        struct err e;
        cmd_begin(c, "ZRANGE");
        cmd_user_key(c, redis_sync_keys(in->redis), user, USER_KEYS);
        cmd_i64(c, 0);
        cmd_i64(c, 0);
        if ((status = ask(in, &r)))
            break;
        if (reply_array(r, &n, &e) || n == 0 || reply_str(reply_item(r, 0), &s, &len, &e) || !s ||
            len > KEY_HASH_TEXT)
            break;
        memcpy(hash, s, len);
        hash[len] = '\0';
        struct buf b;
        buf_init(&b, EVENT_MAX);
        event_write_key_revoked(&b, hash);
        cmd_key_revoke(c, redis_sync_keys(in->redis), user, hash, b.data, b.len);
        status = ask_i64(in, &removed);
        *revoked += removed;
        buf_free(&b);
    }
    if (status)
        return status;
    cmd_keys_remove(c, redis_sync_keys(in->redis), user); /* and what is no key */
    return ask(in, &r);
}
