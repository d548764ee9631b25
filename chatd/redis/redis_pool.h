/* redis_pool - this node's Redis, whatever its shape: a command goes in, and over the link of
 * the shard that has its key; where the server says that it is elsewhere (MOVED, ASK), it goes
 * there.
 *
 * Callbacks are redis_link's: exactly once, NULL when the answer is lost. On one server commands
 * are answered in order. In a Cluster those of one slot are, but for the moments in which the slot
 * is being moved, and those of different slots are not: a caller that relies on order waits for the
 * answer. Loop thread only.
 */
#ifndef CHATD_REDIS_REDIS_POOL_H
#define CHATD_REDIS_REDIS_POOL_H

#include "chatd/redis/shards.h"

struct redis_pool;

struct redis_pool_hooks {
    struct shards_hooks shards;
    void (*ready)(void *arg); /* once: everything is there, and has our schema */
};

/* `uri`, `ks` and `node_id` must outlive it. NULL: no memory. */
struct redis_pool *redis_pool_new(uv_loop_t *loop, const struct redis_uri *uri,
                                  const struct keyspace *ks, const char *node_id,
                                  enum durability durability, const struct redis_pool_hooks *hooks);
void redis_pool_start(struct redis_pool *p);
/* Everything pending is called back with NULL. NULL is fine. */
void redis_pool_free(struct redis_pool *p);

/* Is there anybody to talk to? NULL: no. */
bool redis_pool_up(const struct redis_pool *p);
/* For cmd_append_args_begin: may what was acknowledged earlier be missing from what answers now?
 * Good until the loop's turn ends. */
const char *redis_pool_history(const struct redis_pool *p);

/* A key's slot: what makes commands travel together. 0 for every key unless this is a Cluster. */
uint16_t redis_pool_slot(const struct redis_pool *p, const char *key, size_t len);
unsigned redis_pool_slots(const struct redis_pool *p);                /* how many there are */
uint16_t redis_pool_shard(const struct redis_pool *p, uint16_t slot); /* or NO_SHARD */

/* Sends `c` (copied) to the shard that has its first key; `p` may be NULL. */
void redis_pool_call(struct redis_pool *p, const struct cmd *c, link_reply_fn fn, void *arg,
                     link_aux aux);
/* The same for an append: with durability `replicated` (see redis_pool_confirms) `confirmed` is
 * called behind `fn`, once, with how many replicas have it, or -1 when that isn't known; else not.
 */
typedef void (*confirmed_fn)(int64_t replicas, void *arg);
bool redis_pool_confirms(const struct redis_pool *p);
void redis_pool_append(struct redis_pool *p, const struct cmd *c, link_reply_fn fn,
                       confirmed_fn confirmed, void *arg);

/* --- The bus --- a link a shard; commands get no callback. */
bool redis_pool_bus_up(const struct redis_pool *p, uint16_t shard);
void redis_pool_bus_call(struct redis_pool *p, uint16_t shard, const struct cmd *c);
/* The bus of this shard refused something with this answer: if it is a redirection, true, and the
 * link begins anew. */
bool redis_pool_bus_redirected(struct redis_pool *p, uint16_t shard, const struct redisReply *r);
void redis_pool_doubt(struct redis_pool *p); /* something moved: the table may be old */

/* Writes what has gathered; at the end of each turn of the loop. */
void redis_pool_flush(struct redis_pool *p);
/* Commands whose answers have yet to come. */
size_t redis_pool_in_flight(const struct redis_pool *p);

#endif
