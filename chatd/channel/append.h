/* append - messages on their way into Redis. One call of append.lua is in flight at a time;
 * messages that come meanwhile go in the next, all together. So a call's fixed cost is shared the
 * more the busier it gets, and no two calls can overtake one another, whatever happens to the
 * scripts or the link between them. In a Cluster that holds for each slot by itself: a call may
 * touch only one. */
#ifndef CHATD_CHANNEL_APPEND_H
#define CHATD_CHANNEL_APPEND_H

#include "chatd/base/counters.h"
#include "chatd/base/settings.h"
#include "chatd/channel/delivery.h"
#include "chatd/op/op.h"
#include "chatd/redis/redis.h"

struct append_batch;

struct append_lane {
    struct op *first, *last;    /* waiting, linked by batch_next */
    struct append_batch *batch; /* in flight */
    bool listed;
    bool unconfirmed; /* no replica has what was sent last */
    struct append_lane *next;
};

struct appends {
    /* Dependencies, set before appends_init. */
    struct redis *redis;
    struct delivery *delivery;
    struct counters *count;
    const struct chatd_settings *set;
    uv_loop_t *loop;

    struct append_lane *lanes;        /* one a slot */
    struct append_lane *ready, *tail; /* those with something that waits and nothing in flight */
};

/* The pool must have been made. False: no memory. */
bool appends_init(struct appends *a);
void appends_free(struct appends *a);

/* Takes an op whose `message` and `channel` are set. Ends it: when the message was delivered in its
 * turn (the sender's copy is the answer), or with an error, or (a repeated UUID) with the first
 * message. */
void append_submit(struct appends *a, struct op *op);
/* Sends what waits, if nothing is in flight. At the end of each turn, before the link is flushed.
 */
void append_flush(struct appends *a);

#endif
