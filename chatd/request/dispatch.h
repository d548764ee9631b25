/* dispatch - from a text frame to an op: decode, look up in the table, hand over. Loop thread only.
 */
#ifndef CHATD_REQUEST_DISPATCH_H
#define CHATD_REQUEST_DISPATCH_H

#include <stddef.h>

struct address;
struct lws;
struct node;
struct session;

/* A WebSocket is open: its session, which has been greeted and takes the address over. NULL: no
 * memory. */
struct session *dispatch_open(struct node *node, struct lws *wsi, struct address *address);
/* One whole text frame, valid UTF-8 or not. */
void dispatch_receive(struct node *node, struct session *s, const char *text, size_t len);
/* A ping came: a sign of life. Its answer goes out behind those that are there already. */
void dispatch_pinged(struct session *s, const char *payload, size_t len);
/* A pong came: a sign of life, and counted as a request is. */
void dispatch_ponged(struct node *node, struct session *s);

#endif
