/* http - a listener for those who look after chatd: /healthz, /readyz and /metrics.
 *
 * Apart from the clients' listener, so that it can be bound where clients don't get; with few
 * connections and a short deadline, so that it can't be used against the chat; where there are too
 * many, also from one address, the oldest makes room, so that idle ones hold nobody up. It answers
 * GET and HEAD, one request a connection. Loop thread only. */
#ifndef CHATD_DAEMON_HTTP_H
#define CHATD_DAEMON_HTTP_H

#include "common/base/buf.h"

#include <uv.h>

struct http;

/* What the pages say. */
struct http_hooks {
    /* May clients come? `text` is why not, or how well. */
    bool (*ready)(void *arg, char *text, size_t size);
    void (*metrics)(void *arg, struct buf *out);
    void *arg;
};

/* Takes over a listening socket. NULL: no memory. */
struct http *http_open(uv_loop_t *loop, int fd, const struct http_hooks *hooks);
/* Closes everything; the memory goes when the loop has closed the handles. NULL is fine. */
void http_close(struct http *h);

#endif
