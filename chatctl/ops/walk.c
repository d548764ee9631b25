/* walk - see walk.h. */
#include "chatctl/ops/walk.h"

#include "chatctl/ops/ask.h"

#include <stdlib.h>
#include <string.h>

static void walk_begin(struct walk *w) {
    memcpy(w->score, "-inf", sizeof "-inf");
    w->skip = 0;
    w->page = NULL;
    w->n = 0;
    w->last = false;
}

void walk_key(struct walk *w, const char *key, size_t len) {
    walk_begin(w);
    memcpy(w->key, key, len);
    w->key_len = len;
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

/* The next page begins at the last score, behind all of that score met so far. */
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

enum status walk_each(struct invocation *in, struct walk *w, walk_fn *fn, void *arg) {
    bool more = true;
    enum status st = STATUS_DONE;
    while (st == STATUS_DONE && (st = walk_page(in, w, &more)) == STATUS_DONE && more)
        st = fn(in, w, arg);
    return st;
}
