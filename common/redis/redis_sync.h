/* store - a blocking connection to the chat's Redis, for chatctl: commands out, replies back, in
 * order.
 *
 * It follows a sentinel's master at open, and in a Cluster goes to whoever has a command's first
 * key, and where that server says. Every wait is bounded by the time-out given at open. Not for
 * chatd's loop.
 */
#ifndef COMMON_REDIS_REDIS_SYNC_H
#define COMMON_REDIS_REDIS_SYNC_H

#include "common/redis/cmd.h"
#include "common/base/err.h"
#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <stddef.h>

struct redisReply;
struct store;

/* `uri` must outlive the store. Connects, authenticates, selects, and checks that the data under the prefix has our schema (an
 * empty prefix is fine; nothing is written). embedded[:DIR] means the socket of a running embedded
 * server. NULL: `e` says why: ERR_UNAVAILABLE (not reached, time-out, loading), ERR_NOT_AUTHORIZED
 * (NOAUTH, WRONGPASS, NOPERM), ERR_INTERNAL (another schema, a Redis older than 7.0). e->detail
 * never holds a password. */
struct store *store_open(const struct redis_uri *uri, const struct keyspace *ks,
                         unsigned timeout_ms, struct err *e);
void store_close(struct store *s); /* NULL is fine */

/* store_open in parts, for who wants to see what is wrong: the connection alone, then what it is
 * checked for. */
struct store *store_connect(const struct redis_uri *uri, const struct keyspace *ks,
                            unsigned timeout_ms, struct err *e);
enum err_code store_check(struct store *s, struct err *e);
enum err_code store_version(struct store *s, char *out, size_t size, struct err *e); /* "7.0.15" */

/* After some idle time: is the connection still there? Asks the kernel only. */
bool store_alive(const struct store *s);

/* The servers that hold the data: 1, or the masters of a Cluster. From store_pin(s, i) on, commands
 * go to server i whatever their keys, until store_pin(s, -1). Nothing may be queued. */
unsigned store_servers(const struct store *s);
void store_pin(struct store *s, int server);
const char *store_server(const struct store *s, unsigned server); /* its address, for people */
/* For cmd_append_args_begin: a promoted server may have less than its master had (Sentinel, Cluster). */
const char *store_history(const struct store *s);
const struct keyspace *store_keys(const struct store *s);
/* The commands are built in this one scratch: `cmd_user_get(store_cmd(s), store_keys(s), …)`. */
struct cmd *store_cmd(struct store *s);

/* Sends the scratch command and waits for its reply. NULL: lost, `e` says why. An error reply is
 * returned as a reply (see reply.h). NOSCRIPT is answered by loading the script and sending again.
 * The reply is valid until the next call of store_do or store_next. */
const struct redisReply *store_do(struct store *s, struct err *e);

/* Pipelining: queue any number, then read as many replies with store_next, in order. A queued
 * script must have been loaded by store_load. */
enum err_code store_queue(struct store *s, struct err *e);
const struct redisReply *store_next(struct store *s, struct err *e);
enum err_code store_load(struct store *s, enum script script, struct err *e);

/* Waits up to `ms` for one pushed reply after a subscription (of one server's). NULL with e->code
 * ERR_OK: nothing came. */
const struct redisReply *store_wait(struct store *s, unsigned ms, struct err *e);

#endif
