/* peer - one blocking connection to one Redis server, for redis_sync: bytes out, replies back.
 * Every wait is bounded by the time-out given at open.
 */
#ifndef COMMON_REDIS_PEER_H
#define COMMON_REDIS_PEER_H

#include "common/base/err.h"
#include "common/redis/cmd.h"
#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <stddef.h>

struct peer;
struct redisReply;

/* Connects to `at` with the URI's user, password and database; NULL: to where the URI itself says
 * (a socket, a host, an embedded server). Logs in and pings. NULL: `e` says why, never with a
 * password. */
struct peer *peer_open(const struct redis_uri *uri, const struct redis_address *at,
                       unsigned timeout_ms, struct err *e);
void peer_close(struct peer *p); /* NULL is fine */

/* Asks the sentinels of a URI, in turn, for their master, until one that says it is one is there.
 */
struct peer *peer_open_master(const struct redis_uri *uri, unsigned timeout_ms, struct err *e);

const char *peer_where(const struct peer *p); /* for messages */

/* Buffers; it goes out with the first wait. */
enum err_code peer_send(struct peer *p, const char *text, size_t len, struct err *e);
enum err_code peer_send_cmd(struct peer *p, const struct cmd *c, struct err *e);
/* The next reply, to be freed with peer_free_reply; NULL: the connection is lost. */
struct redisReply *peer_receive(struct peer *p, struct err *e);
void peer_free_reply(struct redisReply *r); /* NULL is fine */
/* Both in one. */
struct redisReply *peer_do(struct peer *p, const struct cmd *c, struct err *e);

bool peer_alive(const struct peer *p); /* asks the kernel only */

#endif
