/* shards - the servers that make up this node's Redis, with links to each: one (redis://,
 * unix://), one that changes (sentinel://), or the masters of a Cluster, each with its slots.
 *
 * A shard is a number, and stays what it is for as long as its server is a master. Every shard has
 * a link for commands and one for the bus; with durability `replicated` one for appends as well,
 * since WAIT holds up whatever comes behind it. Loop thread only.
 */
#ifndef CHATD_REDIS_SHARDS_H
#define CHATD_REDIS_SHARDS_H

#include "chatd/redis/redis_link.h"
#include "common/redis/topology.h"

#define SHARDS_MAX CLUSTER_MASTERS_MAX
#define NO_SHARD UINT16_MAX

struct discovery;
struct shards;

struct shard {
    struct shards *all;
    uint16_t index;
    struct redis_uri at;
    bool found; /* `at` says where it is */
    struct redis_link *store, *bus, *append;
};

struct shards_hooks {
    void (*up)(void *arg, uint16_t shard); /* its commands' link */
    void (*down)(void *arg, uint16_t shard);
    void (*bus_up)(void *arg, uint16_t shard);
    void (*bus_down)(void *arg, uint16_t shard);
    void (*append_up)(void *arg); /* with durability `replicated`: a link for appends */
    void (*push)(const struct redisReply *reply, void *arg, uint16_t shard);
    void (*moved)(void *arg);                    /* slots have other owners than before */
    void (*refused)(const char *why, void *arg); /* as redis_link's */
    void *arg;
};

struct shards {
    uv_loop_t *loop;
    const struct redis_uri *uri;
    const struct keyspace *ks;
    const char *node_id;
    enum durability durability;
    struct shards_hooks hooks;
    bool spread; /* over the slots of a Cluster */
    bool whole;  /* … all of which have an owner */
    struct discovery *discovery;
    uint64_t trouble_until_ms; /* something did not go as the table says */
    uint16_t n;                /* shards are below this */
    struct shard *shard[SHARDS_MAX];
    uint16_t owner[CLUSTER_SLOTS]; /* not used unless spread */
};

/* Fills *s. `uri`, `ks` and `node_id` must outlive it. False: no memory. */
bool shards_init(struct shards *s, uv_loop_t *loop, const struct redis_uri *uri,
                 const struct keyspace *ks, const char *node_id, enum durability durability,
                 const struct shards_hooks *hooks);
void shards_start(struct shards *s);
void shards_flush(struct shards *s);
void shards_close(struct shards *s);

/* NULL: nobody has the slot at the moment. */
struct shard *shards_owner(const struct shards *s, uint16_t slot);
bool shards_all_up(const struct shards *s); /* both links of all, and no slot is without an owner */
bool shards_any_up(const struct shards *s);

/* A server said that the slot is there. *to: that shard, or NULL when there are too many. */
struct shard *shards_moved(struct shards *s, const struct redirect *r, const struct shard *from);
struct shard *shards_at(struct shards *s, const struct redis_address *at);
/* The table may be old: asks anew. */
void shards_doubt(struct shards *s);

#endif
