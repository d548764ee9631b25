/* durability - what is promised of an acknowledged message, and whether a Redis is set up to keep
 * it. Pure.
 */
#ifndef COMMON_REDIS_DURABILITY_H
#define COMMON_REDIS_DURABILITY_H

#include <stdbool.h>
#include <stddef.h>

struct redisReply;

/* (symbol, name, what it takes) The names are the words of --durability. */
#define DURABILITIES(X)                                                                            \
    X(REDIS, "redis", "whatever Redis is set up to keep")                                          \
    X(EVERYSEC, "everysec", "append-only file, synced once a second")                              \
    X(ALWAYS, "always", "append-only file, synced before the answer")                              \
    X(REPLICATED, "replicated", "the same, and a replica has it before the acknowledgement")

enum durability {
#define X(sym, name, takes) DURABILITY_##sym,
    DURABILITIES(X)
#undef X
};

/* False: no such word. */
bool durability_parse(const char *text, enum durability *out);
const char *durability_name(enum durability d);

/* The durability that a server reports. */
struct persistence {
    bool seen;         /* it let us look */
    bool aof;          /* appendonly */
    char fsync[16];    /* appendfsync; "": not to be seen */
    long min_replicas; /* min-replicas-to-write; -1: not to be seen */
};
/* CONFIG GET appendonly appendfsync min-replicas-to-write. False: not permitted, or
 * no such reply. */
bool durability_from_config(const struct redisReply *r, struct persistence *out);
/* INFO persistence, for users who may not look at the configuration: tells the first of the three.
 */
bool durability_from_info(const struct redisReply *r, struct persistence *out);

/* INFO memory: does it throw keys away when it is full? Then `policy` says which. False, too, if it
 * can't be seen. */
bool durability_evicts(const struct redisReply *r, char *policy, size_t size);

/* False: `why` says what to change. */
bool durability_kept(enum durability d, const struct persistence *p, char *why, size_t size);

#endif
