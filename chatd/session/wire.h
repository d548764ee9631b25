/* wire - what the rest of chatd may do to the socket of a WebSocket: the outgoing half of
 * libwebsockets, which only wire.c and ws.c include. A `struct lws *` is opaque to everybody else.
 * Loop thread only. */
#ifndef CHATD_SESSION_WIRE_H
#define CHATD_SESSION_WIRE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lws;

enum wire_result {
    WIRE_SENT,
    WIRE_CHOKED, /* taken, but the socket is full: wait for the writeable callback */
    WIRE_DEAD    /* the socket is gone; it will be closed from the loop */
};

/* Writes ready-made frames as they are. lws buffers what the socket does not take. */
enum wire_result wire_write(struct lws *wsi, const void *bytes, size_t len);
void wire_want_writeable(struct lws *wsi);
/* The bytes that the kernel holds until the peer takes them. */
size_t wire_kernel_bytes(struct lws *wsi);
/* Back-pressure: stops or resumes reading. */
void wire_pause(struct lws *wsi, bool pause);
/* Closes without a word, from the loop, soon. */
void wire_kill(struct lws *wsi);
/* Kills it if it is still there then. */
void wire_close_within(struct lws *wsi, int seconds);
/* Writes a close frame with this code (0: none) and reason; the peer's own ends the connection. */
enum wire_result wire_say_goodbye(struct lws *wsi, unsigned code, const char *reason);
/* Says that nothing follows; it ends when the peer has read that, so that a reset eats nothing. */
void wire_leave(struct lws *wsi);
/* For one that lws is closing: a close frame, if the socket takes it. */
void wire_last_word(struct lws *wsi, enum close_code code);

#endif
