/* wsclient - a client's WebSocket on the caller's libuv loop, by libwebsockets. One connection at a
 * time.
 *
 * wss:// means that the server's certificate was checked, for its name and by an authority; nothing
 * turns that off. ws:// is in the clear because the user wrote so; no answer of a server leads from
 * one to the other, since redirections are not followed. Neither are environment variables that
 * name a proxy.
 *
 * The server may be hostile: a message is capped, its pieces are counted, what isn't text closes
 * the connection. A server that is silent is pinged, and given up when no answer comes.
 */
#ifndef COMMON_CLIENT_WSCLIENT_H
#define COMMON_CLIENT_WSCLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#define WSCLIENT_MESSAGE_MAX (4u << 20) /* bytes that are received as one */
#define WSCLIENT_QUEUE_MAX (8u << 20)   /* bytes that wait to be sent */
#define WSCLIENT_OPEN_MS 10000          /* from the name's look-up to the open WebSocket */
#define WSCLIENT_PING_MS 20000 /* of silence before a ping, and then until it is given up */

struct wsclient_hooks {
    void (*opened)(void *arg);
    /* Valid UTF-8, borrowed for the call, not terminated. */
    void (*text)(const char *text, size_t len, void *arg);
    /* The connection is gone, or could not be opened. `code` is that of the server's close frame, 0
     * if there was none. `final`: trying again can't help (the URL, the certificate). `reason` is
     * for people, never empty, and may hold the server's words: sanitize() it. */
    void (*closed)(unsigned code, bool final, const char *reason, void *arg);
};

struct wsclient_options {
    const char *ca_file; /* PEM: only what these authorities signed; NULL or "": the system's */
    unsigned open_ms, ping_ms; /* 0: as above */
};

struct wsclient;

/* The hooks and `arg` must live as long; the hooks are called from the loop only, never from within
 * one of these functions. NULL: `why` says what is wrong (ca_file, a missing part of
 * libwebsockets). */
struct wsclient *wsclient_new(uv_loop_t *loop, const struct wsclient_options *options,
                              const struct wsclient_hooks *hooks, void *arg, char *why,
                              size_t size);

/* Begins to open; a connection that there was is closed first. One opened() or closed() follows. */
void wsclient_open(struct wsclient *c, const char *url);

/* Queues a text message of valid UTF-8. False: not open, or too much waits. Sent text is wiped.
 */
bool wsclient_send(struct wsclient *c, const char *text, size_t len);

/* Says goodbye (1000) behind what is queued, or stops opening. No hook is called for it any more.
 */
void wsclient_close(struct wsclient *c);

/* Ends everything, a goodbye included, within half a second: run the loop until it has nothing left
 * to do, then wsclient_free. Hooks are no longer called. */
void wsclient_end(struct wsclient *c);
void wsclient_free(struct wsclient *c); /* NULL is fine */

#endif
