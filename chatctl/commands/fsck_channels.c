/* fsck_channels - logs, their counters, and members: see fsck.h. */
#include "chatctl/commands/fsck.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/walk.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- Channels --- */

enum status fsck_check_channel_listed(struct fsck *f, const struct key *k) {
    const char *s;
    size_t len;
    char id[CHANNEL_TEXT + 1];
    cmd_begin(f->c, "ZSCORE");
    cmd_global_key(f->c, f->ks, KEY_CHANNEL_INDEX);
    cmd_copy(f->c, id, channel_format(&k->name.channel, id));
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || s)
        return st;
    cmd_channel_touch(f->c, f->ks, &k->name.channel, clock_wall_ms());
    return fsck_found_key(f, "channel not in the list", k, "", true);
}

/* The next append would notice it, too, and begin a new epoch. */
enum status fsck_check_log(struct fsck *f, const struct key *k) {
    struct channel_state state;
    struct log_info log;
    struct uuid spare = uuid_make();
    enum status st = ask_log(f->in, &k->name.channel, &log); /* first: seq goes on growing */
    if (st == STATUS_DONE)
        st = ask_position(f->in, &k->name.channel, &state);
    if (st != STATUS_DONE)
        return st;
    if (uuid_is_nil(&state.at.epoch)) {
        cmd_renew(f->c, f->ks, &k->name.channel, &spare, NULL, redis_sync_history(f->in->redis));
        st = fsck_found_key(f, "log without a position", k,
                            "epoch, base or seq is missing or wrong", true);
    } else if (log.top > state.at.seq) {
        char detail[96];
        struct position known = {.epoch = state.at.epoch, .seq = log.top};
        cmd_renew(f->c, f->ks, &k->name.channel, &spare, &known, redis_sync_history(f->in->redis));
        snprintf(detail, sizeof detail, "seq is %" PRIu64 ", the log ends at %" PRIu64,
                 state.at.seq, log.top);
        st = fsck_found_key(f, "counter behind the stream", k, detail, true);
    }
    return st;
}

size_t fsck_take_users(const struct walk *w, struct uuid *out) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        const char *s = walk_item(w, i, &len, NULL);
        n += uuid_read(s, len, &out[n]);
    }
    return n;
}

/* Which members of a page have no record: asked in one go, mended one by one. */
static enum status find_orphans(struct fsck *f, const struct walk *w, struct uuid *orphans,
                                size_t *n) {
    static struct uuid users[WALK_PAGE];
    struct err e = {0};
    size_t asked = fsck_take_users(w, users);
    *n = 0;
    for (size_t i = 0; i < asked; i++) {
        cmd_begin(f->c, "EXISTS");
        cmd_user_key(f->c, f->ks, &users[i], USER_RECORD);
        if (redis_sync_queue(f->in->redis, &e))
            return fail(&e);
    }
    for (size_t i = 0; i < asked; i++) {
        int64_t exists = 1;
        const struct redisReply *r = redis_sync_next(f->in->redis, &e);
        if (!r)
            return fail(&e);
        if (!reply_i64(r, 0, &exists, &e) && exists == 0)
            orphans[(*n)++] = users[i];
    }
    return STATUS_DONE;
}

struct membership {
    struct fsck *fsck;
    const char *problem;
};

static enum status check_members(struct invocation *in, struct walk *w, void *arg) {
    struct uuid orphans[WALK_PAGE];
    const struct membership *m = arg;
    struct fsck *f = m->fsck;
    size_t n = 0;
    w->last |= interrupted(); /* which is said by the caller */
    enum status st = interrupted() ? STATUS_DONE : find_orphans(f, w, orphans, &n);
    for (size_t i = 0; i < n && st == STATUS_DONE; i++) {
        char uuid[UUID_TEXT + 1];
        uuid_format(&orphans[i], uuid);
        cmd_begin(f->c, "ZREM");
        cmd_key(f->c, w->key, w->key_len);
        cmd_uuid(f->c, &orphans[i]);
        st = fsck_found(f, m->problem, w->key, w->key_len, uuid, true);
        if (st == STATUS_DONE && f->fix && !in->dry_run && w->skip > 0)
            w->skip--; /* it is no longer among those of its score, perhaps: better met twice */
    }
    return st;
}

enum status fsck_check_users_in(struct fsck *f, const char *key, size_t len, const char *problem) {
    struct membership m = {.fsck = f, .problem = problem};
    struct walk w;
    walk_key(&w, key, len);
    return walk_each(f->in, &w, check_members, &m);
}
