/* ws - the WebSocket server: what comes in on the sockets, turned into calls to sessions; no logic.
 *
 * lws, on our libuv loop, has the sockets in its raw role: it polls, reads, holds back, buffers
 * what a socket doesn't take, and closes. Head and frames are ours (upgrade, ws_parser): its own
 * WebSockets answer but the first of several pings, and nothing that came before a half-close. It
 * never listens: sockets are accepted by the listener, their handshakes done by handshake. */
#ifndef CHATD_NET_WS_H
#define CHATD_NET_WS_H

#include "chatd/base/counters.h"
#include "chatd/base/settings.h"
#include "chatd/session/limits.h"

#include <uv.h>

struct node;
struct ws;

/* `node` is what requests are dispatched for. NULL: the log says why. */
struct ws *ws_new(uv_loop_t *loop, struct node *node, struct addresses *addresses,
                  const struct chatd_settings *set, struct counters *count);
const char *ws_library(void); /* the version of libwebsockets that runs */
/* Takes over a socket from which the head of the handshake was read, and says `answer` first.
 * Closes it if it can't. The address is given back when it is closed. */
void ws_adopt(struct ws *w, int fd, struct address *from, const char *answer, size_t len);
/* Closes what is still open, without ceremony; then the loop must run until it has no handles. */
void ws_close(struct ws *w);
void ws_free(struct ws *w);

#endif
