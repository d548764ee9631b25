/* delivery - the order in which a channel's messages reach this node's sessions.
 *
 * Each channel with local sessions has a reorder buffer (reorder.h). Messages are offered to it as
 * they come, by three ways: own ones when Redis has acknowledged them, so that the sender's copy is
 * the acknowledgement; others' from the bus; and entries of the stream. They leave in seq order,
 * each once, through the hub. If the buffer can't settle something by itself, the stream is read,
 * which is the truth: see repair.h. Loop thread only.
 */
#ifndef CHATD_CHANNEL_DELIVERY_H
#define CHATD_CHANNEL_DELIVERY_H

#include "chatd/base/counters.h"
#include "chatd/base/tally.h"
#include "chatd/op/op.h"
#include "chatd/session/hub.h"
#include "common/redis/reply.h"

struct appends;
struct repairs;

struct delivery {
    /* Dependencies. */
    struct hub *hub;
    struct counters *count;
    /* Set by appends_init: has this message of this node been sent, and isn't settled yet? */
    const struct appends *appends;
    bool (*is_under_way)(const struct appends *a, const struct channel *ch,
                         const struct uuid *message);
    /* Set by repairs_init: a stream is to be read. */
    struct repairs *repairs;
    void (*wanted)(struct repairs *r);

    struct channel *due, *due_last;  /* whose stream is to be read, by repair.next; pinned */
    struct tally new_epochs, losses; /* what is to be logged of them */
};

/* A message of this node was stored. Releases its op when it is delivered. */
void delivery_offer_own(struct delivery *d, struct op *op, const struct position *at);
/* Another's message, of this UUID, encoded by delivery_frame; takes its own reference. */
void delivery_offer(struct delivery *d, struct channel *ch, const struct position *at,
                    const struct uuid *message, struct frame *f);
struct frame *delivery_frame(const struct message *m);
/* A join found the channel at `at`, with this message (nil: it isn't known): the channel's order
 * begins there if it has not begun yet. True: the join is in the epoch of that order, and not from
 * before it began: what came in between isn't delivered. */
bool delivery_base(struct delivery *d, struct channel *ch, const struct position *at,
                   const struct uuid *message);

/* Has the stream read in `ms`, or sooner if that was asked for already. */
void delivery_read_stream(struct delivery *d, struct channel *ch, uint64_t ms);
/* Something may be missing here: read the stream unless it comes in a moment. */
void delivery_suspect(struct delivery *d, struct channel *ch);

/* --- For repair --- The channel must be pinned: an op that ends may give up the last pin. */
/* An entry of the stream is right, whatever is missing before it. False: it is a message of this
 * node that isn't settled yet, and what follows must wait for it. */
bool delivery_entry(struct delivery *d, struct channel *ch, const struct redisReply *entry);
/* Another epoch, from behind `base` on; sessions that are joined are told, and whether it follows:
 * nothing is missing before it. Else what is stored up to there may be anything; it isn't given. */
void delivery_enter_epoch(struct delivery *d, struct channel *ch, const struct position *base,
                          bool follows);
/* After reading: delivers what was held and follows, drops what came twice. */
void delivery_settle(struct delivery *d, struct channel *ch);
/* Redis is away, or the stream can't be read: own messages that are held are answered
 * `unavailable`. They come by the stream later. */
void delivery_fail_held(struct channel *ch);

#endif
