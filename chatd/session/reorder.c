/* reorder - see reorder.h. Few items are ever held, so a plain array does. */
#include "chatd/session/reorder.h"

#include <stdlib.h>
#include <string.h>

enum reorder_verdict reorder_judge(const struct reorder *f, const struct position *at) {
    if (!f->based)
        return REORDER_UNBASED;
    if (!uuid_eq(&f->last.epoch, &at->epoch))
        return REORDER_STRANGE;
    if (at->seq <= f->last.seq)
        return REORDER_REPEAT;
    return at->seq == f->last.seq + 1 ? REORDER_NEXT : REORDER_EARLY;
}

void reorder_base(struct reorder *f, const struct position *at) {
    f->last = *at;
    f->based = true;
}

void reorder_advance(struct reorder *f, uint64_t seq) {
    f->last.seq = seq;
}

static size_t reorder_find(const struct reorder *f, const struct position *at) {
    size_t i = 0;
    while (i < f->n && !(f->held[i].at.seq == at->seq && uuid_eq(&f->held[i].at.epoch, &at->epoch)))
        i++;
    return i;
}

bool reorder_hold(struct reorder *f, const struct position *at, void *data, bool must, void **old) {
    *old = NULL;
    size_t i = reorder_find(f, at);
    if (i < f->n) {
        *old = f->held[i].data;
        f->held[i].data = data;
        return true;
    }
    if (f->n >= REORDER_HELD_MAX && !must)
        return false;
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 8;
        struct reorder_item *held = realloc(f->held, cap * sizeof *held);
        if (!held)
            return false;
        f->held = held;
        f->cap = cap;
    }
    f->held[f->n++] = (struct reorder_item){.at = *at, .data = data};
    return true;
}

static void *remove_at(struct reorder *f, size_t i) {
    void *data = f->held[i].data;
    f->held[i] = f->held[--f->n];
    return data;
}

void *reorder_take(struct reorder *f, const struct position *at) {
    size_t i = reorder_find(f, at);
    return i < f->n ? remove_at(f, i) : NULL;
}

void *reorder_take_next(struct reorder *f, uint64_t *seq) {
    if (f->n == 0 || !f->based)
        return NULL;
    struct position next = {.epoch = f->last.epoch, .seq = f->last.seq + 1};
    *seq = next.seq;
    return reorder_take(f, &next);
}

void *reorder_take_stale(struct reorder *f, bool all) {
    for (size_t i = 0; i < f->n; i++)
        if (all || reorder_judge(f, &f->held[i].at) == REORDER_REPEAT)
            return remove_at(f, i);
    return NULL;
}

void reorder_free(struct reorder *f) {
    free(f->held);
    memset(f, 0, sizeof *f);
}
