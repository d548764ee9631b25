/* redis_sync - a blocking connection to the chat's Redis, for chatctl: commands out, replies back,
 * in order.
 *
 * It follows a sentinel's master at open, and in a Cluster goes to the server of a command's first
 * key, and where that server says. Every wait is bounded by the time-out given at open. Not for
 * chatd's loop.
 */
#ifndef COMMON_REDIS_REDIS_SYNC_H
#define COMMON_REDIS_REDIS_SYNC_H

#include "common/base/err.h"
#include "common/redis/cmd.h"
#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <stddef.h>

struct redisReply;
struct redis_sync;

/* `uri` must outlive the store. Connects, authenticates, selects, and checks that the data under
 * the prefix has our schema (an empty prefix is fine; nothing is written). embedded[:DIR] means the
 * socket of a running embedded server. NULL: `e` says why: ERR_UNAVAILABLE (not reached, time-out,
 * loading), ERR_NOT_AUTHORIZED (NOAUTH, WRONGPASS, NOPERM), ERR_INTERNAL (another schema, a Redis
 * older than 7.0). e->detail never holds a password. */
struct redis_sync *redis_sync_open(const struct redis_uri *uri, const struct keyspace *ks,
                                   unsigned timeout_ms, struct err *e);
void redis_sync_close(struct redis_sync *s); /* NULL is fine */

/* For a caller that wants to see what is wrong: the connection alone, then the version, which
 * redis_sync_open checks. */
struct redis_sync *redis_sync_connect(const struct redis_uri *uri, const struct keyspace *ks,
                                      unsigned timeout_ms, struct err *e);
enum err_code redis_sync_check(struct redis_sync *s,
                               struct err *e); /* what redis_sync_open checks */
enum err_code redis_sync_version(struct redis_sync *s, char *out, size_t size,
                                 struct err *e); /* "7.0.15" */

/* The time by Redis' clock, in ms since 1970: what chatctl dates, and what expires, does so by that
 * one, as for chatd. By our own where redis_sync_open may not ask. */
int64_t redis_sync_now(const struct redis_sync *s);

/* Behind a connection that was lost: connects anew, to what is the master by now. What was queued
 * is given up. */
enum err_code redis_sync_reopen(struct redis_sync *s, struct err *e);

/* After some idle time: is the connection still there? Asks the kernel only. */
bool redis_sync_alive(const struct redis_sync *s);

/* The servers that hold the data: 1, or the masters of a Cluster. From redis_sync_pin(s, i) on,
 * commands go to server i whatever their keys, until redis_sync_pin(s, -1). Nothing may be queued.
 */
unsigned redis_sync_servers(const struct redis_sync *s);
void redis_sync_pin(struct redis_sync *s, int server);
const char *redis_sync_server(const struct redis_sync *s,
                              unsigned server); /* its address, for people */
/* For cmd_append_args_begin and the other commands that write. */
const char *redis_sync_history(const struct redis_sync *s);
const struct keyspace *redis_sync_keys(const struct redis_sync *s);
/* The commands are built in this one scratch: `cmd_user_get(redis_sync_cmd(s), redis_sync_keys(s),
 * …)`. */
struct cmd *redis_sync_cmd(struct redis_sync *s);

/* Sends the scratch command and waits for its reply. NULL: lost, `e` says why. An error reply is
 * returned as a reply (see reply.h). NOSCRIPT is answered by loading the script and sending again.
 * The reply is valid until the next call of redis_sync_do or redis_sync_next. */
const struct redisReply *redis_sync_do(struct redis_sync *s, struct err *e);

/* Pipelining: queue any number, then read as many replies with redis_sync_next, in order. A queued
 * script must have been loaded by a redis_sync_do before. */
enum err_code redis_sync_queue(struct redis_sync *s, struct err *e);
const struct redisReply *redis_sync_next(struct redis_sync *s, struct err *e);

#endif
