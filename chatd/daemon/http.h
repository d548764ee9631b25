/* http - a listener for those who look after chatd: /healthz, /readyz and /metrics.
 *
 * Apart from the clients' listener, so that it can be bound where clients don't get; with few
 * connections and a short deadline, so that it can't be used against the chat. It answers GET and
 * HEAD, one request a connection. Loop thread only. */
#ifndef CHATD_DAEMON_HTTP_H
#define CHATD_DAEMON_HTTP_H

struct http;
struct node;

/* Takes over a listening socket. `ready` says why clients should go elsewhere, or NULL when they
 * may come. NULL: no memory. */
struct http *http_open(struct node *node, int fd, const char *(*ready)(struct node *node));
/* Closes everything; the memory goes when the loop has closed the handles. NULL is fine. */
void http_close(struct http *h);

#endif
