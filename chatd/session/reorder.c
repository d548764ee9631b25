/* feed - see feed.h. Few items are ever held, so a plain array does. */
#include "chatd/session/reorder.h"

#include <stdlib.h>
#include <string.h>

enum feed_verdict feed_judge(const struct feed *f, const struct position *at) {
    if (!f->based)
        return FEED_UNBASED;
    if (!uuid_eq(&f->last.epoch, &at->epoch))
        return FEED_STRANGE;
    if (at->seq <= f->last.seq)
        return FEED_REPEAT;
    return at->seq == f->last.seq + 1 ? FEED_NEXT : FEED_EARLY;
}

void feed_base(struct feed *f, const struct position *at) {
    f->last = *at;
    f->based = true;
}

void feed_advance(struct feed *f, uint64_t seq) {
    f->last.seq = seq;
}

static size_t find(const struct feed *f, const struct position *at) {
    size_t i = 0;
    while (i < f->n && !(f->held[i].at.seq == at->seq && uuid_eq(&f->held[i].at.epoch, &at->epoch)))
        i++;
    return i;
}

bool feed_hold(struct feed *f, const struct position *at, void *data, bool must, void **old) {
    *old = NULL;
    size_t i = find(f, at);
    if (i < f->n) {
        *old = f->held[i].data;
        f->held[i].data = data;
        return true;
    }
    if (f->n >= FEED_HELD_MAX && !must)
        return false;
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 8;
        struct feed_item *held = realloc(f->held, cap * sizeof *held);
        if (!held)
            return false;
        f->held = held;
        f->cap = cap;
    }
    f->held[f->n++] = (struct feed_item){.at = *at, .data = data};
    return true;
}

static void *remove_at(struct feed *f, size_t i) {
    void *data = f->held[i].data;
    f->held[i] = f->held[--f->n];
    return data;
}

void *feed_take(struct feed *f, const struct position *at) {
    size_t i = find(f, at);
    return i < f->n ? remove_at(f, i) : NULL;
}

void *feed_take_next(struct feed *f, uint64_t *seq) {
    if (f->n == 0 || !f->based)
        return NULL;
    struct position next = {.epoch = f->last.epoch, .seq = f->last.seq + 1};
    *seq = next.seq;
    return feed_take(f, &next);
}

void *feed_take_stale(struct feed *f, bool all) {
    for (size_t i = 0; i < f->n; i++)
        if (all || feed_judge(f, &f->held[i].at) == FEED_REPEAT)
            return remove_at(f, i);
    return NULL;
}

void feed_free(struct feed *f) {
    free(f->held);
    memset(f, 0, sizeof *f);
}
