/* table - see table.h. */
#include "common/base/table.h"

#include "common/base/secret.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_FIRST 64 /* slots; a power of two */

bool table_init(struct table *t) {
    *t = (struct table){.slots = calloc(TABLE_FIRST, sizeof(struct table_node *)),
                        .mask = TABLE_FIRST - 1};
    return t->slots != NULL;
}

void table_free(struct table *t) {
    free(t->slots);
    *t = (struct table){0};
}

struct table_node *table_find(const struct table *t, const void *key, size_t len) {
    uint64_t hash = secret_table_hash(key, len);
    for (struct table_node *n = t->slots[hash & t->mask]; n; n = n->next)
        if (n->hash == hash && n->key_len == len && memcmp(n->key, key, len) == 0)
            return n;
    return NULL;
}

static void grow(struct table *t) {
    size_t slots = (t->mask + 1) * 2;
    struct table_node **bigger = calloc(slots, sizeof(struct table_node *));
    if (!bigger)
        return;
    for (size_t i = 0; i <= t->mask; i++)
        for (struct table_node *n = t->slots[i], *next; n; n = next) {
            next = n->next;
            n->next = bigger[n->hash & (slots - 1)];
            bigger[n->hash & (slots - 1)] = n;
        }
    free(t->slots);
    t->slots = bigger;
    t->mask = slots - 1;
}

void table_add(struct table *t, struct table_node *n, const void *key, size_t len) {
    if (t->count > t->mask)
        grow(t);
    n->key = key;
    n->key_len = len;
    n->hash = secret_table_hash(key, len);
    n->next = t->slots[n->hash & t->mask];
    t->slots[n->hash & t->mask] = n;
    t->count++;
}

void table_remove(struct table *t, struct table_node *n) {
    struct table_node **at = &t->slots[n->hash & t->mask];
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    n->next = NULL;
    t->count--;
}

void table_each(struct table *t, void (*fn)(struct table_node *n, void *arg), void *arg) {
    for (size_t i = 0; i <= t->mask; i++)
        for (struct table_node *n = t->slots[i], *next; n; n = next) {
            next = n->next;
            fn(n, arg);
        }
}
