/* bus - what the nodes tell one another through Redis pub/sub, and the order that comes of it.
 *
 * Pub/sub is only a hint that makes things fast; the stream is the truth. Each channel with local sessions has
 * a feed: messages leave it in seq order, each once. A gap that does not close by itself within a moment, a
 * link that was down, an answer that was lost: then the stream is read. Own messages are delivered when the
 * store has acknowledged them, so that the sender's copy is the acknowledgement. Loop thread only.
 */
#ifndef CHATD_BUS_H
#define CHATD_BUS_H

#include "chatd/hub.h"
#include "chatd/op.h"
#include "common/event.h"

struct node;

struct bus {
    struct redis_link *link;
    /* SUBSCRIBEs and UNSUBSCRIBEs sent and answered on this link: each is answered once, in order, so an
     * answer to an earlier one of the same name isn't taken for the later one's. */
    uint64_t asked, answered;
    uv_timer_t tick; /* runs while something is due */
    void (*up)(struct node *node);
    struct channel *due, *due_last; /* channels whose stream is to be read, by sync_next */
};

/* The hub and the bus know each other by bus_channel_opened/closed, which are the hub's hooks. */
bool bus_init(struct node *node, const struct redis_uri *uri, void (*up)(struct node *node),
              void (*refused)(const char *why, void *node));
void bus_start(struct node *node);
void bus_stop(struct node *node);
void bus_channel_opened(struct channel *ch, void *node);
void bus_channel_closed(struct channel *ch, void *node);

/* Calls w->fn once the node hears the channel's bus (perhaps at once), or with false if it can't. */
void bus_wait(struct node *node, struct channel *ch, struct channel_wait *w);
/* A join found the channel at `at`: the feed begins there if it has not begun yet. True: the join is in the
 * feed's epoch. */
bool bus_base(struct node *node, struct channel *ch, const struct position *at);
/* A message of this node was stored. Ends op's append when it is delivered. */
void bus_offer_own(struct node *node, struct op *op, const struct position *at);
/* Something may be missing here: read the stream soon. */
void bus_suspect(struct node *node, struct channel *ch);

/* Listens on a user's bus, or stops. */
void bus_user(struct node *node, const struct uuid *user, bool on);
/* Compares a twentieth of the channels with their streams. About twice a second. */
void bus_check_quiet(struct node *node);
/* The store is back after it was down. */
void bus_store_up(struct node *node);
/* The store is down: own messages that wait for a gap to close can't be answered. */
void bus_store_down(struct node *node);

#endif
