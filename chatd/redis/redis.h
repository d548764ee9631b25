/* redis - Redis as the modules of this process share it: the pool that commands go to, the names of
 * the keys in them, and the scratch to build one in. A command is built in `cmd` and sent before
 * the next one is built. Loop thread only. */
#ifndef CHATD_REDIS_REDIS_H
#define CHATD_REDIS_REDIS_H

#include "chatd/redis/redis_pool.h"
#include "common/redis/cmd.h"
#include "common/redis/event.h"
#include "common/redis/keys.h"

struct redis {
    struct redis_pool *pool; /* NULL once it was taken down: commands are answered with NULL */
    struct keyspace keys;
    struct cmd cmd;
    struct {
        bool known, wrong;          /* wrong: far from our own */
        uint64_t asked_ms;          /* 0: no answer is awaited */
        int64_t ahead_ms;           /* of the monotonic clock */
    } clock;                        /* see redis_clock.h */
    char node_id[NODE_ID_TEXT + 1]; /* whose messages and probes ours are */
};

/* Sends `cmd`; `fn` (may be NULL) is called as redis_pool_call says. */
static inline void redis_call(struct redis *r, link_reply_fn fn, void *arg, link_aux aux) {
    redis_pool_call(r->pool, &r->cmd, fn, arg, aux);
}

/* The same where the answer is of no interest. */
static inline void redis_tell(struct redis *r) {
    redis_pool_call(r->pool, &r->cmd, NULL, NULL, NULL);
}

#endif
