/* embedded - a private redis-server: on a Unix socket in a directory of ours, append-only file on,
 * no TCP port; started with chatd, restarted when it dies, stopped last.
 *
 * Several chatd may name one directory: the one that has the lock runs the server, the others use
 * it, and one of them takes over when the owner is gone. The server ends when the chatd that runs
 * it is killed. */
#ifndef CHATD_DAEMON_EMBEDDED_H
#define CHATD_DAEMON_EMBEDDED_H

#include "common/redis/durability.h"
#include "common/redis/redis_uri.h"

#include <uv.h>

struct embedded;

/* Makes the directory (0700) and starts the server, or finds it running. `uri` becomes the Unix
 * socket. With DURABILITY_ALWAYS a server that we start syncs each write. NULL: `why` says what
 * went wrong. */
struct embedded *embedded_start(uv_loop_t *loop, struct redis_uri *uri, enum durability durability,
                                char *why, size_t size);
/* Stops the server, if it is ours: waits for it up to 3 s, then kills it. Frees when the loop has
 * closed the handles. */
void embedded_stop(struct embedded *e);

#endif
