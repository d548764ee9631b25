/* delivery - the order in which a channel's messages reach this node's sessions.
 *
 * Each channel with local sessions has a feed (reorder.h). Messages are offered to it as they come,
 * by three ways: own ones when the store has acknowledged them, so that the sender's copy is the
 * acknowledgement; others' from the bus; and entries of the stream. They leave in seq order, each
 * once, through the hub. Whatever the feed can't settle by itself is asked of the stream, which is
 * the truth: repair.h reads it. Loop thread only.
 */
#ifndef CHATD_CHANNEL_DELIVERY_H
#define CHATD_CHANNEL_DELIVERY_H

#include "chatd/op/op.h"
#include "chatd/session/hub.h"
#include "common/redis/reply.h"

struct node;

struct delivery {
    struct channel *due,
        *due_last; /* channels whose stream is to be read, by repair_next; pinned */
    void (*wanted)(struct node *node); /* there is one: repair's */
};

/* A message of this node was stored. Pays the op's append when it is delivered. */
void delivery_offer_own(struct node *node, struct op *op, const struct position *at);
/* Another's message, encoded by delivery_frame; takes its own reference. `op` is NULL. */
void delivery_offer(struct node *node, struct channel *ch, const struct position *at,
                    struct frame *f, struct op *op);
struct frame *delivery_frame(const struct message *m);
/* A join found the channel at `at`: the feed begins there if it has not begun yet. True: the join
 * is in the feed's epoch. */
bool delivery_base(struct node *node, struct channel *ch, const struct position *at);

/* Has the stream read in `ms`, or sooner if that was asked for already. */
void delivery_read_stream(struct node *node, struct channel *ch, uint64_t ms);
/* Something may be missing here: read the stream unless it comes in a moment. */
void delivery_suspect(struct node *node, struct channel *ch);

/* --- For repair --- The channel must be pinned: an op that ends may give up the last pin. */
/* An entry of the stream is right, whatever is missing before it. False: it is a message of this
 * node that isn't settled yet, and what follows must wait for it. */
bool delivery_entry(struct node *node, struct channel *ch, const struct redisReply *entry);
/* The numbering began anew; who is joined is told. */
void delivery_enter_epoch(struct node *node, struct channel *ch, const struct channel_state *state);
/* After reading: delivers what was held and follows, drops what came twice. */
void delivery_settle(struct node *node, struct channel *ch);
/* The store is away, or the stream can't be read: own messages that are held are answered
 * `unavailable`. They come by the stream later. */
void delivery_fail_held(struct node *node, struct channel *ch);

#endif
