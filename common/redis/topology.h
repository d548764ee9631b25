/* topology - which server has what: the slots of a Redis Cluster, the master that a sentinel names,
 * and the answers by which a server sends its client elsewhere. Pure: replies in, values out.
 */
#ifndef COMMON_REDIS_TOPOLOGY_H
#define COMMON_REDIS_TOPOLOGY_H

#include "common/base/err.h"
#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

#define CLUSTER_SLOTS 16384
#define CLUSTER_MASTERS_MAX 128
#define NO_MASTER UINT16_MAX

/* The slot of a key, by its hash tag if it has one (Redis Cluster Specification). */
uint16_t topology_slot(const char *key, size_t len);

struct topology {
    size_t n;
    struct redis_address masters[CLUSTER_MASTERS_MAX];
    uint16_t owner[CLUSTER_SLOTS]; /* index into masters, or NO_MASTER */
    unsigned unowned;              /* slots that nobody serves */
};

/* The answer to CLUSTER SLOTS. `asked`: whom; a node that doesn't know its own address leaves it
 * out. An error reply is an error; so is a reply of another shape, or more masters than we take. */
enum err_code topology_read(const struct redisReply *r, const struct redis_address *asked,
                            struct topology *out, struct err *e);

/* SENTINEL GET-MASTER-ADDR-BY-NAME. ERR_NOT_FOUND: it knows no such master. */
enum err_code topology_master(const struct redisReply *r, struct redis_address *out, struct err *e);

/* The answer to ROLE: is it a master? */
bool topology_is_master(const struct redisReply *role);

enum redirect_kind {
    REDIRECT_NONE,
    REDIRECT_MOVED, /* the slot is `to`'s now */
    REDIRECT_ASK,   /* this once: ASKING, and the command, to `to` */
    REDIRECT_LATER  /* TRYAGAIN: some of the keys are here and some there */
};
struct redirect {
    enum redirect_kind kind;
    uint16_t slot;
    struct redis_address to; /* host "": the one that was asked */
};
/* False: it is none, *out is REDIRECT_NONE. */
bool topology_redirect(const struct redisReply *r, struct redirect *out);

#endif
