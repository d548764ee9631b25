/* reorder - see reorder.h. Few items are ever held, so a plain array does. */
#include "chatd/session/reorder.h"

#include <stdlib.h>
#include <string.h>

enum reorder_verdict reorder_judge(const struct reorder *r, const struct position *at) {
    if (!r->based)
        return REORDER_UNBASED;
    if (!uuid_eq(&r->last.epoch, &at->epoch))
        return REORDER_STRANGE;
    if (at->seq <= r->last.seq)
        return REORDER_REPEAT;
    return at->seq == r->last.seq + 1 ? REORDER_NEXT : REORDER_EARLY;
}

static const struct uuid NOT_KNOWN;

bool reorder_is_another(const struct reorder *r, const struct position *at,
                        const struct uuid *message) {
    return at->seq == r->last.seq && uuid_eq(&at->epoch, &r->last.epoch) &&
           !uuid_is_nil(&r->message) && !uuid_eq(&r->message, message);
}

uint64_t reorder_top(const struct reorder *r) {
    return r->top > r->last.seq ? r->top : r->last.seq;
}

void reorder_base(struct reorder *r, const struct position *at, const struct uuid *message) {
    r->top = reorder_top(r);
    r->last = *at;
    r->message = message ? *message : NOT_KNOWN;
    r->began = at->seq;
    r->based = true;
}

void reorder_advance(struct reorder *r, uint64_t seq, const struct uuid *message) {
    r->last.seq = seq;
    r->message = message ? *message : NOT_KNOWN;
}

static size_t reorder_find(const struct reorder *r, const struct position *at) {
    size_t i = 0;
    while (i < r->n && !(r->held[i].at.seq == at->seq && uuid_eq(&r->held[i].at.epoch, &at->epoch)))
        i++;
    return i;
}

bool reorder_hold(struct reorder *r, const struct position *at, void *data, bool must, void **old) {
    *old = NULL;
    size_t i = reorder_find(r, at);
    if (i < r->n) {
        *old = r->held[i].data;
        r->held[i].data = data;
        return true;
    }
    if (r->n >= REORDER_HELD_MAX && !must)
        return false;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct reorder_item *held = realloc(r->held, cap * sizeof *held);
        if (!held)
            return false;
        r->held = held;
        r->cap = cap;
    }
    r->held[r->n++] = (struct reorder_item){.at = *at, .data = data};
    return true;
}

static void *remove_at(struct reorder *r, size_t i) {
    void *data = r->held[i].data;
    r->held[i] = r->held[--r->n];
    return data;
}

void *reorder_take(struct reorder *r, const struct position *at) {
    size_t i = reorder_find(r, at);
    return i < r->n ? remove_at(r, i) : NULL;
}

void *reorder_take_next(struct reorder *r, uint64_t *seq) {
    if (r->n == 0 || !r->based)
        return NULL;
    struct position next = {.epoch = r->last.epoch, .seq = r->last.seq + 1};
    *seq = next.seq;
    return reorder_take(r, &next);
}

void *reorder_take_stale(struct reorder *r, bool all) {
    size_t first = r->n;
    for (size_t i = 0; i < r->n; i++)
        if ((all || reorder_judge(r, &r->held[i].at) == REORDER_REPEAT) &&
            (first == r->n || r->held[i].at.seq < r->held[first].at.seq))
            first = i;
    return first < r->n ? remove_at(r, first) : NULL;
}

void reorder_free(struct reorder *r) {
    free(r->held);
    memset(r, 0, sizeof *r);
}
