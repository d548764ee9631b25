/* reading - pages of history. A page that several ask for in one turn of the loop is read from
 * Redis once, for all of them: when many come back at once, they ask for the same page.
 *
 * Redis is asked at the end of the turn, when all that share the page have asked: so none gets an
 * older page than if it had asked alone. Loop thread only. */
#ifndef CHATD_CHANNEL_READING_H
#define CHATD_CHANNEL_READING_H

#include "chatd/base/counters.h"
#include "chatd/op/op.h"
#include "chatd/redis/redis.h"

struct buf;
struct channel_id;
struct reading;
struct request_id;
struct uuid;

struct readings {
    /* Dependencies. */
    struct redis *redis;
    struct counters *count;

    struct reading *first, *last; /* to be asked for */
};

/* Gives a channelMessages request its page, a reference of the caller's: the op is held until it
 * has been read, and fails if it can't be. NULL: no memory, the op has failed. */
struct reading *reading_share(struct readings *all, struct op *op, const struct channel_id *id);
void reading_unref(struct reading *r);
/* Asks for what waits. At the end of each turn, before the link is flushed. */
void readings_flush(struct readings *all);
/* The answer to one of the requests that share it. `recipient`: as it names the channel. */
void reading_encode(const struct reading *r, struct buf *b, const struct uuid *recipient,
                    const struct request_id *id);

#endif
