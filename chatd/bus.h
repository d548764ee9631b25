/* bus - what the nodes tell one another through Redis pub/sub: a link of its own, a subscription
 * for each channel with local sessions and each user who is signed in here, and one for all nodes.
 * What arrives is handed to delivery (messages), sessions (events) and accounts. Loop thread only.
 */
#ifndef CHATD_BUS_H
#define CHATD_BUS_H

#include "chatd/hub.h"
#include "chatd/op.h"
#include "common/event.h"

struct node;

struct bus {
    struct redis_link *link;
    /* SSUBSCRIBEs and SUNSUBSCRIBEs sent and answered on this link: each is answered once, in order,
     * so an answer to an earlier one of the same name isn't taken for the later one's. */
    uint64_t asked, answered;
    void (*up)(struct node *node);
};

/* The hub and the bus know each other by bus_channel_opened/closed, which are the hub's hooks. */
bool bus_init(struct node *node, const struct redis_uri *uri, void (*up)(struct node *node),
              void (*refused)(const char *why, void *node));
void bus_start(struct node *node);
void bus_stop(struct node *node);
void bus_channel_opened(struct channel *ch, void *node);
void bus_channel_closed(struct channel *ch, void *node);

/* Calls w->fn once the node hears the channel's bus (perhaps at once), or with false if it can't.
 */
void bus_wait(struct node *node, struct channel *ch, struct channel_wait *w);
/* Listens on a user's bus, or stops. */
void bus_user(struct node *node, const struct uuid *user, bool on);
#endif
