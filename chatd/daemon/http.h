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

/* Where to serve: the socket that systemd gave, to the first `worker` if this is one, or a new one
 * at the setting --http, `shift` ports behind it. -1: nowhere, or if `why` isn't "", not there. */
int http_listen(const char *setting, unsigned shift, bool worker, char *why, size_t size);
/* Takes over that socket, and says in the log where it is. NULL: no memory. */
struct http *http_open(uv_loop_t *loop, int fd, const struct http_hooks *hooks);
/* Closes everything; the memory goes when the loop has closed the handles. NULL is fine. */
void http_close(struct http *h);

#endif
