/* wire - what the rest of chatd may do to a WebSocket: the outgoing half of libwebsockets, which
 * only wire.c and ws.c include. A `struct lws *` is opaque to everybody else. Loop thread only. */
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
/* The bytes that were read from its TCP connection so far; 0: not known (TLS, a Unix socket). */
uint64_t wire_received(struct lws *wsi);
/* Back-pressure: stops or resumes reading from the socket. */
void wire_pause(struct lws *wsi, bool pause);
/* Closes without a word, from the loop, soon. */
void wire_kill(struct lws *wsi);
/* Kills it if the close handshake takes longer than this. */
void wire_close_within(struct lws *wsi, int seconds);
/* Writes a close frame; the peer's own ends the connection. Not by lws_close_reason and -1 from the
 * writeable callback: Debian's lws, on libuv, then closes twice, and the second time doesn't wait
 * for the frame. */
enum wire_result wire_say_goodbye(struct lws *wsi, enum close_code code);

#endif
