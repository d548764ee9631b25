/* saved - what outlives the program, as it goes to the files and comes back: plain values between
 * update() and journal.
 */
#ifndef CHATTUI_BASE_SAVED_H
#define CHATTUI_BASE_SAVED_H

#include "common/proto/model.h"
#include "common/proto/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message that was entered before and may not be stored yet, from the journal. */
struct saved_entry {
    struct uuid uuid;
    struct recipient to;
    const char *peer;     /* the other user's name; "" if unknown or public */
    int64_t created_ms;   /* wall clock */
    bool was_sent;        /* or may have been */
    struct position from; /* was_sent: see outbox.h */
    const char
        *refused; /* it has failed for good, and the user has not decided yet: why; else "" */
    const char *text;
    size_t len;
};

/* A channel as it was left. */
struct saved_conversation {
    struct recipient to;
    const char *peer; /* name of the other user; "" for public */
    bool open;        /* to be joined again */
    bool muted, pinned;
    struct position read; /* newest that was read; nil epoch = unknown */
    const char *draft;    /* "" = none */
};

#endif
