/* table - a hash table of intrusive nodes, keyed by bytes. The key lives in the item; the table
 * owns neither. Grows by doubling; keyed SipHash, so that foreign keys can't make it slow. */
#ifndef COMMON_BASE_TABLE_H
#define COMMON_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
    struct table_node *next;
    const void *key;
    size_t key_len;
    uint64_t hash;
};

struct table {
    struct table_node **slots;
    size_t mask, count; /* slots - 1; items */
};

bool table_init(struct table *t); /* false: no memory */
void table_free(struct table *t); /* frees the slots, not the items */
struct table_node *table_find(const struct table *t, const void *key, size_t len);
/* Adds a node whose key is not in the table yet. Never fails: if the table can't grow, it gets
 * slower. */
void table_add(struct table *t, struct table_node *n, const void *key, size_t len);
void table_remove(struct table *t, struct table_node *n);
/* Any order; `fn` may remove the node it is given, and no other. */
void table_each(struct table *t, void (*fn)(struct table_node *n, void *arg), void *arg);

/* clang-format off */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
/* clang-format on */

#endif
