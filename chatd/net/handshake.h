/* handshake - gathers the head of a new connection's HTTP request, refuses it or hands the socket
 * over. What comes behind the head stays in the socket. Loop thread only. */
#ifndef CHATD_NET_HANDSHAKE_H
#define CHATD_NET_HANDSHAKE_H

#include "chatd/base/counters.h"
#include "chatd/base/settings.h"
#include "chatd/net/linger.h"
#include "chatd/net/proxy.h"
#include "chatd/net/tls.h"
#include "chatd/session/limits.h"

#include <uv.h>

struct ws;

/* Bytes of a request line with its headers. A browser sends the cookies of all that ever listened
 * on localhost, whatever the port. */
#define HEAD_MAX (16 * 1024)

struct handshake;

struct handshake_list {
    struct handshake *first, *last; /* longest waiting first */
    unsigned count;
};

struct handshakes {
    /* Dependencies. */
    struct ws *to;
    struct tls *tls; /* NULL: clients come without */
    struct addresses *addresses;
    struct lingers *lingers;
    const struct networks *proxies; /* trusted to say for whom they come */
    struct counters *count;
    const struct chatd_settings *set;
    uv_loop_t *loop;

    uint64_t room; /* for connections */
    struct handshake_list waiting;
    struct handshake_list turned; /* there was no room for them; they will be told */
    unsigned large;               /* heads that take much memory */
    bool warned_forwarded;        /* that an untrusted proxy says for whom it comes */
};

/* Takes over an accepted socket, whose peer is at `sa`; with TLS, if that is on. It is answered 503
 * or 429 if there are too many connections, in all or from there. A trusted proxy may say for whom
 * it comes: by a PROXY header before all else, or by X-Forwarded-For. The address becomes the
 * client's then, and is held to its limits. */
void handshake_begin(struct handshakes *all, int fd, const struct sockaddr *sa);
/* Walks them: the one behind `h`, or NULL. */
const struct handshake *handshake_next(const struct handshake *h);
/* Closes those that are over the deadline. About twice a second. */
void handshakes_sweep(struct handshakes *all, uint64_t now_ms);
/* Closes all. */
void handshakes_close(struct handshakes *all);

#endif
