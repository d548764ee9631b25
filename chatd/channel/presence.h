/* presence - who is online. A node says that it is alive every few seconds and keeps a set of its
 * users; users of a node that fell silent are taken offline by whoever notices. Members of a user's
 * channels are told when the user comes online (on any node) or goes offline (on the last). Loop
 * thread only. */
#ifndef CHATD_CHANNEL_PRESENCE_H
#define CHATD_CHANNEL_PRESENCE_H

#include "common/proto/model.h"
#include "common/redis/event.h"

#include <uv.h>

struct account;
struct node;

struct presence {
    uv_timer_t beat;
    /* Under which id this process' users are registered: a new one after each break of the link,
     * since what was registered under the old one can't be known; that one is declared dead. */
    char id[NODE_ID_TEXT + 1];
    char old_id[NODE_ID_TEXT + 1];
    bool started;
    uint64_t reap_from_ms; /* silence of others means something from then on */
};

void presence_init(struct node *node);
void presence_online(struct node *node, struct account *acc);
void presence_offline(struct node *node, struct account *acc);
/* A shard of the store is up: if it is the one with who is online, registers everyone. */
void presence_store_up(struct node *node, uint16_t shard);
/* Declares this node dead, so that its users are offline at once. */
void presence_stop(struct node *node);

#endif
