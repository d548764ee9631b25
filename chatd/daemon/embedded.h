/* embedded - a private redis-server: on a Unix socket in a directory of ours, append-only file on,
 * no TCP port; started with chatd, restarted when it dies, stopped last.
 *
 * Several chatd may name one directory: the one that has the lock runs the server, the others use
 * it, and one of them takes over when the owner is gone. The server ends when the chatd that runs
 * it is killed.
 *
 * The directory must be this user's alone, see private_dir.h: all of the chat is in it, and whoever
 * may put a socket there could serve us from a Redis of his own. */
#ifndef CHATD_DAEMON_EMBEDDED_H
#define CHATD_DAEMON_EMBEDDED_H

#include "common/redis/durability.h"
#include "common/redis/redis_uri.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct embedded;

/* A server that was started has ended and nobody killed it: it can't run, or its data can't be
 * read. `why` names the directory, and redis.log with what it says last. It is started again all
 * the same, for as long as `embedded` isn't stopped. */
struct embedded_hooks {
    void (*died)(const char *why, void *arg);
    void *arg;
};

/* Makes the directory and starts the server, or finds it running. `uri` becomes the Unix socket.
 * With DURABILITY_ALWAYS a server that we start syncs each write. NULL: `why` says what went wrong.
 */
struct embedded *embedded_start(uv_loop_t *loop, struct redis_uri *uri, enum durability durability,
                                const struct embedded_hooks *hooks, char *why, size_t size);
/* What the server takes of the machine, by the system's word: it isn't asked itself. */
struct embedded_usage {
    bool running;
    uint64_t restarts;                   /* times that it was started again */
    uint64_t memory_bytes, memory_max;   /* resident; the machine's, or the control group's */
    uint64_t aof_bytes, disk_free_bytes; /* the append-only files; what is left beside them */
};
/* False: there is none, or another chatd runs it. */
bool embedded_look(const struct embedded *e, struct embedded_usage *out);
/* Stops the server, if it is ours: waits for it up to 3 s, then kills it. Frees when the loop has
 * closed the handles. */
void embedded_stop(struct embedded *e);

#endif
