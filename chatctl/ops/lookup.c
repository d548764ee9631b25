/* lookup - see lookup.h. */
#include "chatctl/ops/lookup.h"

#include "common/redis/reply.h"

#include <string.h>

enum err_code lookup_page(struct redis_sync *s, enum global_key zset, uint64_t offset, bool reverse,
                          struct user_row rows[LOOKUP_PAGE], size_t *n, struct err *e) {
    struct cmd *c = redis_sync_cmd(s);
    cmd_begin(c, "ZRANGE");
    cmd_global_key(c, redis_sync_keys(s), zset);
    cmd_i64(c, (int64_t)offset);
    cmd_i64(c, (int64_t)offset + LOOKUP_PAGE - 1);
    if (reverse)
        cmd_literal(c, "REV");
    *n = 0;
    const struct redisReply *r = redis_sync_do(s, e);
    size_t got;
    if (!r || reply_array(r, &got, e))
        return e->code;
    for (size_t i = 0; i < got && i < LOOKUP_PAGE; i++) {
        rows[i] = (struct user_row){0};
        if (reply_uuid(reply_item(r, i), &rows[i].uuid, e))
            return e->code;
    }
    *n = got < LOOKUP_PAGE ? got : LOOKUP_PAGE;
    return ERR_OK;
}

static void take_name(struct user_row *row, const char *name, size_t len) {
    if (!name || len == 0 || len > NAME_MAX_BYTES)
        return;
    memcpy(row->name, name, len);
    row->name[len] = '\0';
}

enum err_code lookup_names(struct redis_sync *s, struct user_row *rows, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        cmd_user_name(redis_sync_cmd(s), redis_sync_keys(s), &rows[i].uuid);
        if (redis_sync_queue(s, e))
            return e->code;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name;
        size_t len;
        struct err odd; /* a key of another type: as if there were no record */
        const struct redisReply *r = redis_sync_next(s, e);
        if (!r)
            return e->code;
        rows[i].name[0] = '\0';
        if (reply_str(r, &name, &len, &odd) == ERR_OK)
            take_name(&rows[i], name, len);
    }
    return ERR_OK;
}

static enum err_code queue_rows(struct redis_sync *s, const struct user_row *rows, size_t n,
                                struct err *e) {
    struct cmd *c = redis_sync_cmd(s);
    for (size_t i = 0; i < n; i++) {
        cmd_user_get(c, redis_sync_keys(s), &rows[i].uuid);
        if (redis_sync_queue(s, e))
            return e->code;
    }
    cmd_online_among_begin(c, redis_sync_keys(s));
    for (size_t i = 0; i < n; i++)
        cmd_online_user(c, &rows[i].uuid);
    return redis_sync_queue(s, e);
}

enum err_code lookup_rows(struct redis_sync *s, struct user_row *rows, size_t n, struct err *e) {
    size_t got;
    if (n == 0)
        return ERR_OK;
    if (queue_rows(s, rows, n, e))
        return e->code;
    for (size_t i = 0; i < n; i++) {
        struct user_record u;
        struct err odd;
        const struct redisReply *r = redis_sync_next(s, e);
        if (!r)
            return e->code;
        rows[i].name[0] = '\0';
        if (reply_user(r, &u, &odd) || !u.found)
            continue;
        take_name(&rows[i], u.name, u.name_len);
        rows[i].created_ms = u.created_ms;
        rows[i].banned_until_ms = u.banned_until_ms;
    }
    const struct redisReply *r = redis_sync_next(s, e);
    if (!r || reply_array(r, &got, e))
        return e->code;
    for (size_t i = 0; i < n && i < got; i++) {
        int64_t nodes;
        struct err odd;
        rows[i].online = reply_i64(reply_item(r, i), 0, &nodes, &odd) == ERR_OK && nodes > 0;
    }
    return ERR_OK;
}
