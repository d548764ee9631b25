/* keeper - see keeper.h. All wait equally long, so that the oldest is the next that is full. */
#include "chatd/session/keeper.h"

#include "chatd/session/limits.h"

#include <stdlib.h>
#include <string.h>

#define FULL_MS 1000 /* a bucket holds what comes in a second */

struct kept {
    struct table_node node;
    unsigned char owner[KEEPER_OWNER];
    bool taken; /* out of the table; its place in the list is cleared in its turn */
    uint64_t full_ms;
    struct kept *next;
    struct bucket buckets[KEEPER_BUCKETS];
};

bool keeper_init(struct keeper *k) {
    *k = (struct keeper){0};
    return table_init(&k->table);
}

static void keeper_forget(struct keeper *k) {
    struct kept *first = k->first;
    k->first = first->next;
    if (!first->taken)
        table_remove(&k->table, &first->node);
    free(first);
}

void keeper_free(struct keeper *k) {
    while (k->first)
        keeper_forget(k);
    table_free(&k->table);
}

void keeper_put(struct keeper *k, const void *owner, const struct bucket *buckets, size_t n,
                uint64_t now_ms) {
    struct kept *e = calloc(1, sizeof *e);
    if (!e)
        return;
    memcpy(e->owner, owner, sizeof e->owner);
    memcpy(e->buckets, buckets, n * sizeof *buckets);
    e->full_ms = now_ms + FULL_MS;
    *(k->first ? &k->last->next : &k->first) = e;
    k->last = e;
    table_add(&k->table, &e->node, e->owner, sizeof e->owner);
}

void keeper_take(struct keeper *k, const void *owner, struct bucket *buckets, size_t n) {
    struct table_node *t = table_find(&k->table, owner, KEEPER_OWNER);
    if (!t)
        return;
    struct kept *e = container_of(t, struct kept, node);
    memcpy(buckets, e->buckets, n * sizeof *buckets);
    table_remove(&k->table, &e->node);
    e->taken = true;
}

void keeper_sweep(struct keeper *k, uint64_t now_ms) {
    while (k->first && k->first->full_ms <= now_ms)
        keeper_forget(k);
}
