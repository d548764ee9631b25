/* reorder - the order of one channel as this node delivers it: pure, no I/O.
 *
 * Messages arrive by several ways (own appends' replies, the bus, the stream) and at different
 * times; each has a position {epoch, seq}. The buffer says what to do with one, and holds those
 * that are early. Items leave it as 1, 2, 3 … of one epoch, each once.
 */
#ifndef CHATD_SESSION_REORDER_H
#define CHATD_SESSION_REORDER_H

#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>

#define REORDER_HELD_MAX 1024 /* items held; more than that means: read the stream */

struct reorder_item {
    struct position at;
    void *data; /* the caller's */
};

struct reorder {
    struct position last; /* delivered last */
    struct uuid message;  /* … which was this one; nil: it isn't known */
    uint64_t began;       /* where `last` was when this began, or this epoch */
    uint64_t top;         /* the highest seq of `last` in an epoch before */
    bool based;           /* `last` is known */
    size_t n, cap;
    struct reorder_item *held; /* by seq within an epoch; no two of one position */
};

enum reorder_verdict {
    REORDER_NEXT,    /* deliver it now, then reorder_advance */
    REORDER_REPEAT,  /* was delivered already: drop it */
    REORDER_EARLY,   /* something before it is missing: hold it */
    REORDER_STRANGE, /* another epoch: hold it, and read the channel's state */
    REORDER_UNBASED  /* nothing is known yet: hold it */
};

/* Says what to do with a message at `at`; changes nothing. */
enum reorder_verdict reorder_judge(const struct reorder *r, const struct position *at);

/* Sets where the channel stands: everything up to `at` counts as delivered; `message` (NULL: it
 * isn't known) is there. */
void reorder_base(struct reorder *r, const struct position *at, const struct uuid *message);

/* Marks `seq` (of the current epoch) as delivered; seq > last. `message` as above. */
void reorder_advance(struct reorder *r, uint64_t seq, const struct uuid *message);

/* Is this another message than the one that was delivered last, at its place? Then numbers were
 * used twice. */
bool reorder_is_another(const struct reorder *r, const struct position *at,
                        const struct uuid *message);

/* The highest number that was delivered, in whatever epoch. */
uint64_t reorder_top(const struct reorder *r);

/* Holds an item. False: full (unless `must`, for items whose number is bounded otherwise) or out of
 * memory, the item was not taken. An item of the same position that is held already is given back
 * through *old (else NULL). */
bool reorder_hold(struct reorder *r, const struct position *at, void *data, bool must, void **old);

/* Takes out what is held for a position; NULL if nothing is. */
void *reorder_take(struct reorder *r, const struct position *at);
/* Takes out the next in order, if it is held: seq == last + 1. */
void *reorder_take_next(struct reorder *r, uint64_t *seq);
/* Takes out the first item, by seq, that will never be delivered (repeat), NULL when there is none;
 * with `all`, the first of all. Answers that go out with them keep the order of the requests. */
void *reorder_take_stale(struct reorder *r, bool all);

void reorder_free(struct reorder *r); /* nothing may be held */

#endif
