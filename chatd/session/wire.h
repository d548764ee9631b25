/* wire - what the rest of chatd may do to the socket of a WebSocket: the outgoing half of wires.h.
 * A `struct wire *` is opaque to everybody but ws.c. Loop thread only. */
#ifndef CHATD_SESSION_WIRE_H
#define CHATD_SESSION_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire;

enum wire_result {
    WIRE_SENT,
    WIRE_CHOKED, /* taken, but the socket is full: wait for the writeable callback */
    WIRE_DEAD    /* the socket is gone; it will be closed from the loop */
};

/* Writes ready-made frames as they are; keeps what the socket does not take. */
enum wire_result wire_write(struct wire *w, const void *bytes, size_t len);
void wire_want_writeable(struct wire *w);
/* The bytes that were read so far. */
uint64_t wire_received(const struct wire *w);
/* The bytes that it keeps, and those that the kernel holds until the peer takes them. */
size_t wire_kept(const struct wire *w);
size_t wire_kernel_bytes(const struct wire *w);
/* Back-pressure: stops or resumes reading from the socket. */
void wire_pause(struct wire *w, bool pause);
/* Closes without a word, from the loop, soon. */
void wire_kill(struct wire *w);
/* Kills it if it is still there then. */
void wire_close_within(struct wire *w, int seconds);
/* Closes once all that was written has been sent, and read. */
void wire_leave(struct wire *w);
/* Writes a close frame with this code (0: none) and reason; the peer's own ends the connection. */
enum wire_result wire_say_goodbye(struct wire *w, unsigned code, const char *reason);

#endif
