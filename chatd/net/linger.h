/* linger - ends a socket in such a way that the peer can read what was written last: closing one
 * from which not everything was read resets the connection, and what is under way is lost. Loop
 * thread only. */
#ifndef CHATD_NET_LINGER_H
#define CHATD_NET_LINGER_H

#include <stdint.h>
#include <uv.h>

struct lingering;

struct lingers {
    uv_loop_t *loop;
    struct lingering *first, *last; /* longest waiting first */
    unsigned count;
};

/* Takes over a socket on which all was written: says that nothing follows, and closes it when the
 * peer has done the same, or soon; at once if too many linger. */
void linger_begin(struct lingers *all, int fd);
/* Closes those that took too long. About twice a second. */
void lingers_sweep(struct lingers *all, uint64_t now_ms);
/* Closes all; the memory goes when the loop has closed the handles. */
void lingers_close(struct lingers *all);

#endif
