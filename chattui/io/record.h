/* record - what a line of a journal says, as JSON and back. Pure. */
#ifndef CHATTUI_IO_RECORD_H
#define CHATTUI_IO_RECORD_H

#include "chattui/base/saved.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum record_kind {
    RECORD_NONE, /* not a record, or of a newer program: to be passed over */
    RECORD_ENTRY,
    RECORD_DROP,
    RECORD_CONVERSATION,
    RECORD_KEY
};

struct saved_key {
    struct uuid user;
    const char *name, *key;
};

struct record {
    enum record_kind kind;
    union {
        struct saved_entry entry;
        struct uuid drop;
        struct saved_conversation conversation;
        struct saved_key key;
    } u; /* strings are inside the record */
    struct json *doc;
};

/* Each appends one line, with its line feed. */
void record_put_entry(struct buf *b, const struct saved_entry *entry);
void record_put_drop(struct buf *b, const struct uuid *uuid);
void record_put_conversation(struct buf *b, const struct saved_conversation *c);
void record_put_key(struct buf *b, const struct saved_key *k);

/* Reads one, without its line feed. To be freed with record_free in any case. */
void record_read(const char *text, size_t len, struct record *out);
void record_free(struct record *r);

#endif
