/* ws - the WebSocket server: what comes on the wires, turned into calls to sessions; no logic.
 * Sockets are accepted by the listener, their handshakes done by handshake. */
#ifndef CHATD_NET_WS_H
#define CHATD_NET_WS_H

#include "chatd/base/counters.h"
#include "chatd/base/linger.h"
#include "chatd/base/settings.h"
#include "chatd/session/limits.h"

#include <uv.h>

struct node;
struct ws;

/* `node` is what requests are dispatched for. NULL: no memory. */
struct ws *ws_new(uv_loop_t *loop, struct node *node, struct addresses *addresses,
                  struct lingers *lingers, const struct chatd_settings *set,
                  struct counters *count);
/* Takes over a socket from which the head of the handshake was read, and says `answer` first.
 * Closes it if it can't. The address is given back when it is closed. */
void ws_adopt(struct ws *w, int fd, struct address *from, const char *answer, size_t len);
/* Closes those that are over the deadline of their close handshakes. About twice a second. */
void ws_sweep(struct ws *w, uint64_t now_ms);
/* Closes what is still open, without ceremony; then the loop must run until it has no handles. */
void ws_close(struct ws *w);
void ws_free(struct ws *w);

#endif
