/* names - see names.h. First in, first out: an entry lives a minute anyway. */
#include "chatd/base/names.h"

#include "chatd/base/list.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 50000
#define BELIEVED_MS 60000

struct name_entry {
    struct table_node node;
    struct uuid user;
    uint64_t until_ms;
    struct {
        struct name_entry *prev, *next;
    } order;
    char name[];
};

bool names_init(struct names *n) {
    *n = (struct names){0};
    return table_init(&n->table);
}

static void names_drop(struct names *n, struct name_entry *e) {
    table_remove(&n->table, &e->node);
    LIST_REMOVE(n, e, order);
    free(e);
}

void names_free(struct names *n) {
    while (n->first)
        names_drop(n, n->first);
    table_free(&n->table);
}

static struct name_entry *names_find(struct names *n, const struct uuid *user) {
    struct table_node *t = table_find(&n->table, user, sizeof *user);
    return t ? container_of(t, struct name_entry, node) : NULL;
}

const char *names_get(struct names *n, const struct uuid *user, uint64_t now_ms) {
    struct name_entry *e = names_find(n, user);
    if (e && e->until_ms >= now_ms)
        return e->name;
    return NULL;
}

void names_put(struct names *n, const struct uuid *user, const char *name, size_t len,
               uint64_t now_ms) {
    names_forget(n, user);
    if (n->table.count >= NAMES_MAX)
        names_drop(n, n->first);
    struct name_entry *e = malloc(sizeof *e + len + 1);
    if (!e)
        return;
    e->user = *user;
    e->until_ms = now_ms + BELIEVED_MS;
    memcpy(e->name, name, len);
    e->name[len] = '\0';
    LIST_APPEND(n, e, order);
    table_add(&n->table, &e->node, &e->user, sizeof e->user);
}

void names_forget(struct names *n, const struct uuid *user) {
    struct name_entry *e = names_find(n, user);
    if (e)
        names_drop(n, e);
}
