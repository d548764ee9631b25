/* leaving - see leaving.h. */
#include "chatd/channel/leaving.h"

#include "chatd/base/list.h"

#include <stdlib.h>
#include <string.h>

bool leaving_init(struct leaving *l) {
    *l = (struct leaving){0};
    return table_init(&l->table);
}

static void leaving_remove(struct leaving *l, struct leaver *one) {
    LIST_REMOVE(l, one, order);
    table_remove(&l->table, &one->node);
    free(one);
}

void leaving_free(struct leaving *l) {
    while (l->first)
        leaving_remove(l, l->first);
    table_free(&l->table);
}

bool leaving_put(struct leaving *l, const struct uuid *user, const char *name, size_t name_len,
                 uint64_t due_ms) {
    struct leaver *one = calloc(1, sizeof *one);
    if (!one)
        return false;
    one->user = *user;
    one->name_len = (uint8_t)name_len;
    memcpy(one->name, name, name_len);
    one->due_ms = due_ms;
    LIST_APPEND(l, one, order);
    table_add(&l->table, &one->node, &one->user, sizeof one->user);
    return true;
}

bool leaving_take(struct leaving *l, const struct uuid *user) {
    struct table_node *n = table_find(&l->table, user, sizeof *user);
    if (!n)
        return false;
    leaving_remove(l, container_of(n, struct leaver, node));
    return true;
}

bool leaving_next(struct leaving *l, uint64_t now_ms, struct leaver *out) {
    struct leaver *first = l->first;
    if (!first || (first->due_ms > now_ms && l->table.count <= LEAVING_MAX))
        return false;
    *out = *first;
    leaving_remove(l, first);
    return true;
}
