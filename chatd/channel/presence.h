/* presence - who is online. A node says that it is alive every few seconds and keeps a set of its
 * users; users of a node that fell silent are taken offline by the first to notice. Members of a
 * user's channels are told when the user comes online (on any node) or goes offline (on the last).
 * Whoever leaves a node is registered there for a while longer (--presence-delay), and so nothing
 * is told of those who come back, to whichever node. Loop thread only. */
#ifndef CHATD_CHANNEL_PRESENCE_H
#define CHATD_CHANNEL_PRESENCE_H

#include "chatd/base/settings.h"
#include "chatd/channel/leaving.h"
#include "chatd/redis/redis.h"
#include "chatd/session/account.h"
#include "common/proto/model.h"
#include "common/redis/event.h"

#include <uv.h>

#define PRESENCE_LISTEN 80

struct presence {
    /* Dependencies, set before presence_init. */
    struct redis *redis;
    struct accounts *accounts;
    struct hub *hub;
    const struct sessions *sessions;
    const struct chatd_settings *set;

    char listen[PRESENCE_LISTEN]; /* where the node listens, for people; by the caller */
    uv_timer_t beat;
    struct leaving leaving;
    /* Under which id this process' users are registered: a new one after each break of the link,
     * since what was registered under the old one can't be known; that one is declared dead. */
    char id[NODE_ID_TEXT + 1];
    char old_id[NODE_ID_TEXT + 1];
    bool started;
    uint64_t reap_from_ms; /* silence of others means something from then on */
};

/* Its timer, which the caller closes, runs from the first presence_store_up on. False: no memory.
 */
bool presence_init(struct presence *p, uv_loop_t *loop);
void presence_free(struct presence *p);
void presence_online(struct presence *p, const struct account *acc);
void presence_offline(struct presence *p, const struct account *acc);
/* Tells of those who didn't come back. About twice a second. */
void presence_sweep(struct presence *p, uint64_t now_ms);
/* The link for commands to a shard is up: if it is the one that has who is online, registers
 * everyone. */
void presence_store_up(struct presence *p, uint16_t shard);
/* Declares this node dead, so that its users are offline at once. */
void presence_stop(struct presence *p);

#endif
