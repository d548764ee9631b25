/* outbox - see outbox.h. */
#include "chattui/model/outbox.h"

#include <stdlib.h>
#include <string.h>

bool recipient_eq(const struct recipient *a, const struct recipient *b) {
    return a->is_public == b->is_public && (a->is_public || uuid_eq(&a->user, &b->user));
}

void outbox_free(struct outbox *o) {
    for (size_t i = 0; i < o->n; i++)
        free(o->lines[i]);
    free(o->lines);
    memset(o, 0, sizeof *o);
}

static bool make_room(struct outbox *o, size_t len) {
    if (o->n >= OUTBOX_MAX || len > OUTBOX_BYTES_MAX - o->bytes)
        return false;
    if (o->n < o->cap)
        return true;
    size_t cap = o->cap ? o->cap * 2 : 16;
    struct outbox_line **lines = realloc(o->lines, cap * sizeof *lines);
    if (!lines)
        return false;
    o->lines = lines;
    o->cap = cap;
    return true;
}

struct outbox_line *outbox_add(struct outbox *o, const struct uuid *uuid,
                               const struct recipient *to, const char *text, size_t len) {
    struct outbox_line *line = make_room(o, len) ? malloc(sizeof *line + len + 1) : NULL;
    if (!line)
        return NULL;
    memset(line, 0, sizeof *line);
    line->uuid = *uuid;
    line->to = *to;
    line->order = ++o->last_order;
    line->len = len;
    memcpy(line->text, text, len);
    line->text[len] = '\0';
    o->lines[o->n++] = line;
    o->bytes += len;
    return line;
}

struct outbox_line *outbox_find(const struct outbox *o, const struct uuid *uuid) {
    for (size_t i = 0; i < o->n; i++)
        if (uuid_eq(&o->lines[i]->uuid, uuid))
            return o->lines[i];
    return NULL;
}

struct outbox_line *outbox_next(const struct outbox *o, const struct recipient *to) {
    for (size_t i = 0; i < o->n; i++)
        if (o->lines[i]->state != OUT_FAILED && recipient_eq(&o->lines[i]->to, to))
            return o->lines[i];
    return NULL;
}

void outbox_drop(struct outbox *o, struct outbox_line *line) {
    size_t i = 0;
    while (i < o->n && o->lines[i] != line)
        i++;
    if (i == o->n)
        return;
    o->n--;
    o->bytes -= line->len;
    memmove(o->lines + i, o->lines + i + 1, (o->n - i) * sizeof *o->lines);
    free(line);
}

size_t outbox_count(const struct outbox *o, const struct recipient *to, bool failed) {
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++)
        n += (o->lines[i]->state == OUT_FAILED) == failed &&
             (!to || recipient_eq(&o->lines[i]->to, to));
    return n;
}

bool outbox_doubtful(const struct outbox_line *line, uint64_t now_ms, int64_t wall_ms) {
    if (!line->was_sent)
        return false;
    if (!line->is_old)
        return line->tried_ms > 0 && now_ms - line->tried_ms > OUTBOX_SURE_MS;
    return wall_ms < line->created_ms || wall_ms - line->created_ms > OUTBOX_SURE_MS;
}
