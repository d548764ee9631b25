/* listener - accepts connections on the loop and hands them to handshake. Accepting is ours
 * rather than lws', so that the caps on connections come first, and a node that drains can stop
 * accepting. */
#ifndef CHATD_NET_LISTENER_H
#define CHATD_NET_LISTENER_H

#include <uv.h>

struct handshakes;
struct listener;

/* Takes over a listening socket, doesn't accept yet. NULL: no memory. */
struct listener *listener_open(uv_loop_t *loop, int fd);
/* Where it listens, for people: "127.0.0.1:8080". */
const char *listener_address(const struct listener *l);
void listener_start(struct listener *l, struct handshakes *to);
/* Stops accepting and closes the socket; the memory goes when the loop has closed the handles. */
void listener_close(struct listener *l);

#endif
