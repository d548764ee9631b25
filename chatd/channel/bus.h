/* bus - what the nodes tell one another through Redis pub/sub: a subscription for each channel with
 * local sessions and each user who is signed in here, and one for all nodes, each on the line (a
 * link) of the shard that has it. What arrives is handed to delivery (messages), sessions (events)
 * and accounts. Loop thread only.
 */
#ifndef CHATD_CHANNEL_BUS_H
#define CHATD_CHANNEL_BUS_H

#include "chatd/op/op.h"
#include "chatd/redis/redis_pool.h"
#include "chatd/session/hub.h"
#include "common/redis/event.h"

struct node;

/* SSUBSCRIBEs and SUNSUBSCRIBEs sent and answered on a line: each is answered once, in order, so an
 * answer to an earlier one of the same name isn't taken for the later one's. */
struct bus_line {
    uint64_t asked, answered;
};

struct bus {
    struct bus_line lines[SHARDS_MAX];
    uint16_t line; /* of the subscription for all nodes, or NO_SHARD; its number is `asked` */
    uint64_t asked;
    bool unsettled; /* a subscription was taken away, and isn't anywhere yet */
};

void bus_init(struct node *node);
/* What the pool tells: its hooks. */
void bus_up(struct node *node, uint16_t line);
void bus_down(struct node *node, uint16_t line);
void bus_push(struct node *node, uint16_t line, const struct redisReply *reply);
void bus_moved(struct node *node);
/* Now and then: what was taken away is asked for again. */
void bus_settle(struct node *node);

/* The hub and the bus know each other by bus_channel_opened/closed, which are the hub's hooks. */
void bus_channel_opened(struct channel *ch, void *node);
void bus_channel_closed(struct channel *ch, void *node);

/* Calls w->fn once the node hears the channel's bus (perhaps at once), or with false if it can't.
 */
void bus_wait(struct node *node, struct channel *ch, struct channel_wait *w);
/* Gives an event of the channel to the sessions that are joined. */
void bus_tell(struct channel *ch, const struct event *ev);
/* Listens on a user's bus, or stops. */
void bus_user(struct node *node, struct account *acc, bool on);

#endif
