/* append - messages on their way into Redis. One call of append.lua is in flight at a time; what
 * comes meanwhile goes in the next, all together. So a call's fixed cost is shared the more the
 * busier it gets, and no two calls can overtake one another, whatever happens to the scripts or the
 * link between them. In a Cluster that holds for each slot by itself: a call may touch only one. */
#ifndef CHATD_CHANNEL_APPEND_H
#define CHATD_CHANNEL_APPEND_H

#include "chatd/op/op.h"

struct append_batch;

struct append_lane {
    struct op *first, *last;    /* waiting, linked by batch_next */
    struct append_batch *batch; /* in flight */
    bool listed;
    bool unconfirmed; /* no replica has what was sent last */
    struct append_lane *next;
};

struct appends {
    struct append_lane *lanes;        /* one a slot */
    struct append_lane *ready, *tail; /* those with something that waits and nothing in flight */
};

bool appends_init(struct node *node); /* false: no memory */
void appends_free(struct node *node);

/* Takes an op whose `message` and `channel` are set. Ends it: when the message was delivered in its
 * turn (the sender's copy is the answer), or with an error, or (a repeated UUID) with the first
 * message. */
void append_submit(struct op *op);
/* Sends what waits, if nothing is in flight. At the end of each turn, before the link is flushed.
 */
void append_flush(struct node *node);
/* Has this message been sent to Redis, and isn't settled yet? */
bool append_is_under_way(const struct node *node, const struct channel *ch,
                         const struct uuid *message);

#endif
