/* discovery - asks where the data is: a sentinel for the master, or a node of a Cluster for the
 * owner of each slot. One connection, that goes on to the next address when one is lost, silent, or
 * of no help. It asks now and then, and often while there is trouble. Loop thread only.
 */
#ifndef CHATD_REDIS_DISCOVERY_H
#define CHATD_REDIS_DISCOVERY_H

#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <uv.h>

struct keyspace;
struct redisReply;
struct discovery;

struct discovery_hooks {
    /* An answer, perhaps an error. True: it was of use. */
    bool (*answer)(const struct redisReply *reply, const struct redis_address *from, void *arg);
    bool (*trouble)(void *arg);                  /* is something not as it should be? */
    void (*refused)(const char *why, void *arg); /* as redis_link's; the next one is asked */
    void *arg;
};

/* `uri`: REDIS_SENTINEL or REDIS_CLUSTER; it and `ks` must outlive it. NULL: no memory. */
struct discovery *discovery_new(uv_loop_t *loop, const struct redis_uri *uri,
                                const struct keyspace *ks, const char *name,
                                const struct discovery_hooks *hooks);
void discovery_start(struct discovery *d);
void discovery_flush(struct discovery *d);
/* One more address to ask, beside those of the URI; the oldest of these is forgotten. */
void discovery_learn(struct discovery *d, const struct redis_address *at);
/* Asks at once. */
void discovery_hurry(struct discovery *d);
/* The memory goes when the loop has closed the handles. NULL is fine. */
void discovery_free(struct discovery *d);

#endif
