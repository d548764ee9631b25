/* ask - see ask.h. */
#include "chatctl/ops/ask.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum status ask(struct invocation *in, const struct redisReply **r) {
    struct err e = {0};
    *r = redis_sync_do(in->redis, &e);
    if (!*r || reply_ok(*r, &e))
        return fail(&e);
    return STATUS_DONE;
}

enum status ask_i64(struct invocation *in, int64_t *out) {
    const struct redisReply *r;
    struct err e = {0};
    enum status st = ask(in, &r);
    if (st == STATUS_DONE && reply_i64(r, 0, out, &e))
        return fail(&e);
    return st;
}

enum status ask_position(struct invocation *in, const struct channel_id *ch,
                         struct channel_state *out) {
    const struct redisReply *r;
    struct err e = {0};
    cmd_position(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch);
    enum status st = ask(in, &r);
    if (st == STATUS_DONE && reply_position(r, out, &e))
        return fail(&e);
    return st;
}

enum status ask_log(struct invocation *in, const struct channel_id *ch, struct log_info *out) {
    struct err e = {0};
    cmd_log_info(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch);
    const struct redisReply *r = redis_sync_do(in->redis, &e); /* "no such key" is an answer, too */
    if (!r || reply_log_info(r, out, &e))
        return fail(&e);
    return STATUS_DONE;
}

/* --- Walks --- */

static void walk_begin(struct walk *w) {
    strcpy(w->score, "-inf");
    w->skip = 0;
    w->page = NULL;
    w->n = 0;
    w->last = false;
}

void walk_global(struct walk *w, const struct keyspace *ks, enum global_key k) {
    walk_begin(w);
    w->key_len = key_global(ks, k, w->key);
}

void walk_channel(struct walk *w, const struct keyspace *ks, const struct channel_id *ch,
                  enum channel_key k) {
    walk_begin(w);
    w->key_len = key_channel(ks, ch, k, w->key);
}

void walk_user(struct walk *w, const struct keyspace *ks, const struct uuid *u, enum user_key k) {
    walk_begin(w);
    w->key_len = key_user(ks, u, k, w->key);
}

static const char *text_of(const struct redisReply *array, size_t i, size_t *len) {
    const char *s = NULL;
    struct err e;
    *len = 0;
    reply_str(reply_item(array, i), &s, len, &e);
    return s ? s : "";
}

/* Where the next page begins: at the last score, behind all of that score met so far. */
static void move_on(struct walk *w) {
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        const char *score = text_of(w->page, 2 * i + 1, &len);
        if (len >= sizeof w->score)
            continue;
        if (strcmp(score, w->score) == 0) {
            w->skip++;
            continue;
        }
        memcpy(w->score, score, len + 1);
        w->skip = 1;
    }
}

enum status walk_page(struct invocation *in, struct walk *w, bool *more) {
    struct err e = {0};
    size_t n;
    *more = false;
    w->n = 0;
    if (w->last)
        return STATUS_DONE;
    cmd_by_score(redis_sync_cmd(in->redis), w->key, w->key_len, w->score, w->skip, WALK_PAGE);
    enum status st = ask(in, &w->page);
    if (st != STATUS_DONE)
        return st;
    if (reply_array(w->page, &n, &e))
        return fail(&e);
    w->n = n / 2;
    w->last = w->n < WALK_PAGE;
    move_on(w);
    *more = w->n > 0;
    return STATUS_DONE;
}

const char *walk_item(const struct walk *w, size_t i, size_t *len, int64_t *score) {
    size_t n;
    if (score)
        *score = (int64_t)strtod(text_of(w->page, 2 * i + 1, &n), NULL);
    return text_of(w->page, 2 * i, len);
}

/* --- Channels --- */

struct found {
    struct channel_id id;
    int64_t activity;
};

/* The channels of a page, since fn's own commands end the page's life. False: one is of after
 * `until`. */
static bool take_channels(const struct walk *w, int64_t until, struct found *out, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        int64_t score;
        const char *id = walk_item(w, i, &len, &score);
        if (score > until)
            return false;
        if (channel_parse(id, len, &out[*n].id))
            out[(*n)++].activity = score;
    }
    return true;
}

/* chatd enters a channel into the index a little after its first message. The public one is always
 * there. */
static enum status visit_public(struct invocation *in, channel_fn fn, void *arg) {
    struct channel_id ch = channel_public();
    int64_t there;
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "EXISTS");
    cmd_channel_key(c, redis_sync_keys(in->redis), &ch, CHANNEL_META);
    enum status st = ask_i64(in, &there);
    return st == STATUS_DONE && there ? fn(in, &ch, 0, arg) : st;
}

static enum status walk_channels(struct invocation *in, channel_fn fn, void *arg,
                                 bool *met_public) {
    struct walk w;
    int64_t until =
        clock_wall_ms() + 1000; /* clocks differ; else it would run after those who talk */
    bool more, on = true;
    walk_global(&w, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
    while (on) {
        struct found found[WALK_PAGE];
        size_t n;
        enum status st = walk_page(in, &w, &more);
        if (st != STATUS_DONE || !more)
            return st;
        on = take_channels(&w, until, found, &n);
        for (size_t i = 0; i < n; i++) {
            *met_public |= found[i].id.kind == CHANNEL_PUBLIC;
            st = fn(in, &found[i].id, found[i].activity, arg);
            if (st != STATUS_DONE)
                return st;
        }
    }
    return STATUS_DONE;
}

enum status each_channel(struct invocation *in, channel_fn fn, void *arg) {
    bool met_public = false;
    enum status st = walk_channels(in, fn, arg, &met_public);
    return st == STATUS_DONE && !met_public ? visit_public(in, fn, arg) : st;
}

enum status each_named(struct invocation *in, size_t first, channel_fn fn, void *arg) {
    if (in->nargs <= first)
        return each_channel(in, fn, arg);
    for (size_t i = first; i < in->nargs; i++) {
        struct channel_id ch;
        enum status st = find_channel(in, in->args[i], &ch);
        if (st == STATUS_DONE)
            st = fn(in, &ch, 0, arg);
        if (st != STATUS_DONE)
            return st;
    }
    return STATUS_DONE;
}

enum status stopped(const struct invocation *in, const char *what, uint64_t done) {
    (void)in;
    complain("interrupted: %llu %s", (unsigned long long)done, what);
    return STATUS_INTERRUPTED;
}

enum status ask_step(struct invocation *in, struct step_result *out, const char *locked) {
    const struct redisReply *r;
    struct err e = {0};
    enum status st = ask(in, &r);
    if (st != STATUS_DONE)
        return st;
    if (reply_step(r, out, &e))
        return fail(&e);
    if (out->state != STEP_LOCKED)
        return STATUS_DONE;
    complain("%s", locked);
    return STATUS_CONFLICT;
}
