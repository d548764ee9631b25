/* feed - the order of one channel as this node delivers it: pure, no I/O.
 *
 * Messages arrive by several ways (own appends' replies, the bus, the stream) and at different
 * times; each has a position {epoch, seq}. The feed says what to do with one, and holds those that
 * are early. What leaves it is 1, 2, 3 … of one epoch, each once.
 */
#ifndef CHATD_SESSION_REORDER_H
#define CHATD_SESSION_REORDER_H

#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>

#define FEED_HELD_MAX 1024 /* items held; more than that means: read the stream */

struct feed_item {
    struct position at;
    void *data; /* the caller's */
};

struct feed {
    struct position last; /* delivered last */
    bool based;           /* `last` is known */
    size_t n, cap;
    struct feed_item *held; /* by seq within an epoch; no two of one position */
};

enum feed_verdict {
    FEED_NEXT,    /* deliver it now, then feed_advance */
    FEED_REPEAT,  /* was delivered already: drop it */
    FEED_EARLY,   /* something before it is missing: hold it */
    FEED_STRANGE, /* another epoch: hold it, and read the channel's state */
    FEED_UNBASED  /* nothing is known yet: hold it */
};

enum feed_verdict feed_judge(const struct feed *f, const struct position *at);

/* Sets where the channel stands: everything up to `at` counts as delivered. */
void feed_base(struct feed *f, const struct position *at);

/* Marks `seq` (of the current epoch) as delivered; seq > last. */
void feed_advance(struct feed *f, uint64_t seq);

/* Holds an item. False: full (unless `must`, for items whose number is bounded otherwise) or out of
 * memory, the item was not taken. An item of the same position that is held already is given back
 * through *old (else NULL). */
bool feed_hold(struct feed *f, const struct position *at, void *data, bool must, void **old);

/* Takes out what is held for a position; NULL if nothing is. */
void *feed_take(struct feed *f, const struct position *at);
/* Takes out the next in order, if it is held: seq == last + 1. */
void *feed_take_next(struct feed *f, uint64_t *seq);
/* Takes out any item that will never be delivered (repeat), NULL when there is none; with `all`,
 * any item. */
void *feed_take_stale(struct feed *f, bool all);

void feed_free(struct feed *f); /* nothing may be held */

#endif
