/* ws - the WebSocket server: libwebsockets' callback turned into calls to sessions; no logic. lws runs on
 * our libuv loop and never listens itself: sockets are accepted by the listener and handed over. */
#ifndef CHATD_WS_H
#define CHATD_WS_H

#include "chatd/limits.h"

struct node;
struct ws;

struct ws *ws_new(struct node *node); /* NULL: said why in the log */
/* Takes over an accepted socket; closes it if it can't. The address is given back when it is closed. */
void ws_adopt(struct ws *w, int fd, struct address *from);
/* Closes what is still open, without ceremony; then the loop must run until it has no handles. */
void ws_close(struct ws *w);
void ws_free(struct ws *w);

#endif
