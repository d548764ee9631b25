/* handshake - gathers the head of a new connection's HTTP request, then hands socket and head over.
 *
 * Needed because lws 4.1 builds its answer in the very buffer that still holds what was read behind
 * the head: the first frames of a client that doesn't wait would be spoilt. So lws is given the
 * head alone, and finds the frames in the socket. On the way here: heads that are too long, or
 * don't come within the deadline, cost no memory of lws. Loop thread only. */
#ifndef CHATD_NET_HANDSHAKE_H
#define CHATD_NET_HANDSHAKE_H

#include "chatd/base/counters.h"
#include "chatd/base/settings.h"
#include "chatd/net/proxy.h"
#include "chatd/net/tls.h"
#include "chatd/session/limits.h"

#include <uv.h>

struct ws;

#define HEAD_MAX 4096 /* bytes of a request line with its headers */

struct handshake;

struct handshakes {
    /* Dependencies. */
    struct ws *to;
    struct tls *tls; /* NULL: clients come without */
    struct addresses *addresses;
    const struct networks *proxies; /* trusted to say for whom they come */
    struct counters *count;
    const struct chatd_settings *set;
    uv_loop_t *loop;

    struct handshake *first, *last; /* longest waiting first */
    bool warned_forwarded;          /* that an untrusted proxy says for whom it comes */
};

/* Takes over an accepted socket, whose peer is at `sa`; with TLS, if that is on. Closes it if there
 * are too many connections, in all or from there. A trusted proxy may say for whom it comes: by a
 * PROXY header before all else, or by X-Forwarded-For. The address becomes the client's then, and
 * is held to its limits. */
void handshake_begin(struct handshakes *all, int fd, const struct sockaddr *sa);
/* Walks them: the one behind `h`, or NULL. */
const struct handshake *handshake_next(const struct handshake *h);
/* Closes those that are over the deadline. About twice a second. */
void handshakes_sweep(struct handshakes *all, uint64_t now_ms);
/* Closes all. */
void handshakes_close(struct handshakes *all);

#endif
