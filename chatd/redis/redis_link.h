/* redis_link - one connection to Redis on the loop: connect, handshake, pipeline, back off, again.
 *
 * hiredis parses; the socket, its polling and its deadlines are driven here, since
 * hiredis' own libuv adapter never reports a refused connection and has no time-outs. A host's name
 * is looked up beside the loop, and its addresses are tried in turn. A link serves
 * commands, or (bus) commands whose answers are pushes.
 *
 * Commands are sent together at the end of the loop's turn and answered in order; but when Redis
 * has lost its scripts, they are loaded and those calls made again, and what is no script overtakes
 * them once. A callback fires exactly once, with NULL when the answer is lost: the link was down,
 * broke, or Redis did not answer within the deadline (then the whole link is taken for dead). NULL
 * doesn't say whether the command was carried out. Loop thread only.
 */
#ifndef CHATD_REDIS_REDIS_LINK_H
#define CHATD_REDIS_REDIS_LINK_H

#include "common/redis/cmd.h"
#include "common/redis/durability.h"
#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <uv.h>

struct redisReply;
struct redis_link;

/* `reply` is valid during the call only. `aux` is what was given with the command. */
typedef void (*link_aux)(void);
typedef void (*link_reply_fn)(const struct redisReply *reply, void *arg, link_aux aux);

enum link_role {
    LINK_STORE,    /* commands; loads the scripts */
    LINK_BUS,      /* every answer after the handshake is a push; commands get no callback */
    LINK_DISCOVERY /* questions to a sentinel, or to any node of a Cluster: needs no permissions */
};

struct redis_link_hooks {
    enum link_role role;
    bool master; /* the server must be a master, or the link is of no use */
    bool shard; /* it is one of many: the one that has the schema's key is asked for it elsewhere */
    bool sentinel; /* needs no password of the Redis behind it: its answer to one doesn't matter */
    enum durability durability; /* what the server must be set up to keep (LINK_STORE) */
    /* May be NULL. Called before each try: `uri` may be changed in it. False: it isn't known where
     * to connect to; asked again soon. */
    bool (*locate)(void *arg);
    void (*up)(void *arg);   /* handshake done, scripts loaded: commands are accepted */
    void (*down)(void *arg); /* after the lost commands were called back; reconnects by itself */
    void (*push)(const struct redisReply *reply, void *arg);
    /* The server refuses us for good (authentication, permissions, foreign schema). The link stays
     * down and tries again; before the first `up` the program should rather exit. */
    void (*refused)(const char *why, void *arg);
    void *arg;
};

/* `uri` (TCP or Unix) and `ks` must outlive the link. `name` shows in CLIENT LIST. NULL: no memory.
 */
struct redis_link *redis_link_new(uv_loop_t *loop, const struct redis_uri *uri,
                                  const struct keyspace *ks, const char *name,
                                  const struct redis_link_hooks *hooks);
void redis_link_start(struct redis_link *l);
/* `uri` has changed: leaves the server it is connected to, and tries at once. */
void redis_link_move(struct redis_link *l, const char *why);
bool redis_link_up(const struct redis_link *l); /* NULL: no */

/* The history that this server's data are numbered in: its run id, or "" when that may not be
 * asked. What it answers may be synced to disk: an older copy may have been put back while it was
 * down. See cmd_append_args_begin. */
const char *redis_link_history(const struct redis_link *l);

/* Sends `c` (copied). On a link that is down, or one with too much in flight, `fn` is called with
 * NULL before this returns; likewise when `l` is NULL. On a bus `fn` is ignored. */
void redis_link_call(struct redis_link *l, const struct cmd *c, link_reply_fn fn, void *arg,
                     link_aux aux);
/* The same for a command that resp_format made of it, which must live until it is answered. With
 * `asking` it is preceded by ASKING. */
struct link_text {
    const char *text;
    size_t len;
    bool script, asking;
};
void redis_link_send(struct redis_link *l, const struct link_text *t, link_reply_fn fn, void *arg,
                     link_aux aux);
/* Writes what has gathered; called at the end of each turn. */
void redis_link_flush(struct redis_link *l);
size_t redis_link_in_flight(const struct redis_link *l);

/* Closes for good: everything pending is called back with NULL. The memory goes when the loop has
 * closed the handles; `l` must not be used any more. */
void redis_link_free(struct redis_link *l);

const char *redis_link_library(void); /* the version of hiredis that this was built with */

#endif
