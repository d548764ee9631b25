/* grants - what chatd and chatctl ask of Redis, each command once. From this table come the users
 * of least privilege that are shipped (chatd/service/redis-users.conf), what chatd looks for at its
 * start and what `chatctl doctor` reports. A test holds it against the builders in cmd.c, the
 * scripts and what chatctl builds itself: neither may know a command that the other doesn't. Pure.
 */
#ifndef COMMON_REDIS_GRANTS_H
#define COMMON_REDIS_GRANTS_H

#include "common/base/buf.h"
#include "common/redis/cmd.h"

enum grant_who { GRANT_CHATD = 1, GRANT_CHATCTL = 2, GRANT_BOTH = 3 };

struct grant {
    const char *command; /* as an ACL names it: "zadd", "xinfo|stream" */
    const char *args;    /* a form of it: %k is a key, %c a bus */
    enum grant_who who;
};

/* The first one of `who` behind `after` (NULL: of all); NULL at the end. */
const struct grant *grant_next(const struct grant *after, enum grant_who who);

/* To find out what is permitted, all of one's grants are asked for in their order, as one
 * transaction that is discarded in the end: reply_is_denied tells. If not even that is
 * permitted, they leave nothing behind. */
void grant_ask(struct cmd *c, const struct keyspace *ks, const struct grant *g);

/* A row that was there before: the same right, asked for again. */
bool grant_is_repeated(const struct grant *g);

/* Lines for redis.conf that make the users chatd and chatctl, without passwords. */
void grants_print(struct buf *out, const struct keyspace *ks);

#endif
