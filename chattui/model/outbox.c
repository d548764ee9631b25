/* outbox - see outbox.h. */
#include "chattui/model/outbox.h"

#include <stdlib.h>
#include <string.h>

bool recipient_eq(const struct recipient *a, const struct recipient *b) {
    return a->public == b->public && (a->public || uuid_eq(&a->user, &b->user));
}

void outbox_free(struct outbox *o) {
    for (size_t i = 0; i < o->n; i++)
        free(o->entries[i]);
    free(o->entries);
    memset(o, 0, sizeof *o);
}

static bool make_room(struct outbox *o, size_t len) {
    if (o->n >= OUTBOX_MAX || len > OUTBOX_BYTES_MAX - o->bytes)
        return false;
    if (o->n < o->cap)
        return true;
    size_t cap = o->cap ? o->cap * 2 : 16;
    struct outbox_entry **entries = realloc(o->entries, cap * sizeof *entries);
    if (!entries)
        return false;
    o->entries = entries;
    o->cap = cap;
    return true;
}

struct outbox_entry *outbox_add(struct outbox *o, const struct uuid *uuid,
                                const struct recipient *to, const char *text, size_t len) {
    struct outbox_entry *entry = make_room(o, len) ? malloc(sizeof *entry + len + 1) : NULL;
    if (!entry)
        return NULL;
    memset(entry, 0, sizeof *entry);
    entry->uuid = *uuid;
    entry->to = *to;
    entry->order = ++o->last_order;
    entry->len = len;
    memcpy(entry->text, text, len);
    entry->text[len] = '\0';
    o->entries[o->n++] = entry;
    o->bytes += len;
    return entry;
}

struct outbox_entry *outbox_find(const struct outbox *o, const struct uuid *uuid) {
    for (size_t i = 0; i < o->n; i++)
        if (uuid_eq(&o->entries[i]->uuid, uuid))
            return o->entries[i];
    return NULL;
}

struct outbox_entry *outbox_next(const struct outbox *o, const struct recipient *to) {
    for (size_t i = 0; i < o->n; i++)
        if (o->entries[i]->state != OUT_FAILED && recipient_eq(&o->entries[i]->to, to))
            return o->entries[i];
    return NULL;
}

void outbox_drop(struct outbox *o, struct outbox_entry *entry) {
    size_t i = 0;
    while (i < o->n && o->entries[i] != entry)
        i++;
    if (i == o->n)
        return;
    o->n--;
    o->bytes -= entry->len;
    memmove(o->entries + i, o->entries + i + 1, (o->n - i) * sizeof *o->entries);
    free(entry);
}

size_t outbox_count(const struct outbox *o, const struct recipient *to, bool failed) {
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++)
        n += (o->entries[i]->state == OUT_FAILED) == failed &&
             (!to || recipient_eq(&o->entries[i]->to, to));
    return n;
}

bool outbox_doubtful(const struct outbox_entry *entry, uint64_t now_ms, int64_t wall_ms) {
    if (!entry->was_sent)
        return false;
    if (!entry->old)
        return entry->tried_ms > 0 && now_ms - entry->tried_ms > OUTBOX_SURE_MS;
    return wall_ms < entry->created_ms || wall_ms - entry->created_ms > OUTBOX_SURE_MS;
}
