/* wires - the sockets of the WebSockets on the loop: what wire.h writes to, and what is read from.
 * Knows nothing of frames. Loop thread only.
 *
 * A wire closes from the loop, never inside a call: who has just been told something may go on with
 * it. */
#ifndef CHATD_SESSION_WIRES_H
#define CHATD_SESSION_WIRES_H

#include "chatd/base/linger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct wires;

/* The first member of what its owner allocates with malloc; freed with it. */
struct wire {
    uv_poll_t poll;
    struct wires *all;
    int fd, events; /* that are polled for */
    bool paused;    /* nothing is read */
    bool ended;     /* the peer has no more to say, or nothing of it is wanted */
    bool wants;     /* to be told that it is writeable */
    bool killed, leaves, again;
    char *rest; /* what the socket didn't take; NULL: nothing */
    size_t rest_len, rest_sent;
    uint64_t received;    /* bytes ever read */
    uint64_t deadline_ms; /* 0: none */
    struct wire *prev, *next;
    struct wire *later_next;
    bool later;
};

struct wires {
    /* Dependencies. */
    uv_loop_t *loop;
    struct lingers *lingers;
    void (*readable)(struct wire *w);  /* or an end, or an error */
    void (*writeable)(struct wire *w); /* for which it was asked */
    void (*resumed)(struct wire *w);   /* in the turn after it was paused no more */
    void (*closed)(struct wire *w);    /* it is about to be freed */

    struct wire *first, *last;
    struct wire *later; /* those for which something is to be done in the next turn */
    uv_idle_t idle;
};

void wires_init(struct wires *all);
/* Closes those that are over their deadlines. About twice a second. */
void wires_sweep(struct wires *all, uint64_t now_ms);
/* Closes all, without ceremony; their memory goes when the loop has closed the handles. */
void wires_close(struct wires *all);

/* Takes a socket over. False: no memory, the socket is closed and the wire its owner's. */
bool wire_open(struct wire *w, struct wires *all, int fd);
/* As recv: 0 at the end, -1 with EAGAIN when there is nothing now. */
ssize_t wire_read(struct wire *w, char *bytes, size_t size);
/* Nothing is read any more, and its end no news. */
void wire_stop_reading(struct wire *w);

#endif
