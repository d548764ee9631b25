/* handshake - gathers the head of a new connection's HTTP request, then hands socket and head over.
 *
 * Needed because lws 4.1 builds its answer in the very buffer that still holds what was read behind
 * the head: the first frames of a client that doesn't wait would be spoilt. So lws is given the
 * head alone, and finds the frames in the socket. On the way here: heads that are too long, or
 * don't come within the deadline, cost no memory of lws. Loop thread only. */
#ifndef CHATD_NET_HANDSHAKE_H
#define CHATD_NET_HANDSHAKE_H

#include "chatd/session/limits.h"

struct node;
struct ws;

#define HEAD_MAX 4096 /* bytes of a request line with its headers */

struct handshake;

struct handshakes {
    struct handshake *first, *last; /* longest waiting first */
};

/* Takes over an accepted socket and its address; with TLS, if that is on. */
void handshake_begin(struct node *node, struct ws *to, int fd, struct address *from);
/* The same from a trusted proxy, which may say for whom it comes: by a PROXY header before all
 * else, or by X-Forwarded-For. The address becomes the client's then, and is held to its limits. */
void handshake_begin_proxied(struct node *node, struct ws *to, int fd, struct address *from);
/* Walks them: the one behind `h`, or NULL. */
const struct handshake *handshake_next(const struct handshake *h);
/* Closes those that are over the deadline. About twice a second. */
void handshakes_sweep(struct node *node, uint64_t now_ms);
/* Closes all. */
void handshakes_close(struct node *node);

#endif
