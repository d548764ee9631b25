/* bus - what the nodes tell one another through Redis pub/sub: a subscription for each channel with
 * local sessions and each user who is signed in here, and one for all nodes, each on the
 * link to the shard that has it. Messages go to delivery, a channel's events to its sessions, a
 * user's to the account. Loop thread only.
 */
#ifndef CHATD_CHANNEL_BUS_H
#define CHATD_CHANNEL_BUS_H

#include "chatd/base/counters.h"
#include "chatd/channel/delivery.h"
#include "chatd/channel/probe.h"
#include "chatd/redis/redis.h"
#include "chatd/session/account.h"
#include "chatd/session/hub.h"
#include "common/redis/event.h"

/* SSUBSCRIBEs and SUNSUBSCRIBEs sent and answered on a link: each is answered once, in order, so an
 * answer to an earlier one of the same name isn't taken for the later one's. */
struct bus_link {
    uint64_t asked, answered;
};

struct bus {
    /* Dependencies, set before bus_init. */
    struct redis *redis;
    struct hub *hub;
    struct accounts *accounts;
    struct delivery *delivery;
    struct probe *probe;
    struct counters *count;

    struct bus_link links[SHARDS_MAX];
    uint16_t link; /* of the subscription for all nodes, or NO_SHARD; its number is `asked` */
    uint64_t asked;
    bool unsettled; /* a subscription was taken away, and isn't anywhere yet */
};

void bus_init(struct bus *bus); /* nothing is heard yet */
/* Hooks of the pool. */
void bus_up(struct bus *bus, uint16_t link);
void bus_down(struct bus *bus, uint16_t link);
void bus_push(struct bus *bus, uint16_t link, const struct redisReply *reply);
void bus_moved(struct bus *bus);
/* Now and then: a subscription that was taken away is asked for again. */
void bus_settle(struct bus *bus);

/* The hub and the bus know each other by bus_channel_opened/closed, which are the hub's hooks. */
void bus_channel_opened(struct channel *ch, void *bus);
void bus_channel_closed(struct channel *ch, void *bus);

/* Calls w->fn once the node hears the channel's bus (perhaps at once), or with false if it can't.
 */
void bus_wait(struct bus *bus, struct channel *ch, struct channel_wait *w);
/* Gives an event of the channel to the sessions that are joined. */
void bus_tell(struct channel *ch, const struct event *ev);
/* Listens on a user's bus, or stops. */
void bus_user(struct bus *bus, struct account *acc, bool on);

#endif
