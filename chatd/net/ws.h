/* ws - the WebSocket server: libwebsockets' callback turned into calls to sessions; no logic. lws
 * runs on our libuv loop and never listens itself: sockets are accepted by the listener and handed
 * over. */
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
/* Takes over a socket from which the head of an HTTP request, `len` bytes up to its empty line, has
 * been read; closes it if it can't. The address is given back when it is closed. */
void ws_adopt(struct ws *w, int fd, struct address *from, const char *head, size_t len);
/* Closes what is still open, without ceremony; then the loop must run until it has no handles. */
void ws_close(struct ws *w);
void ws_free(struct ws *w);

#endif
