/* proxy - who a client behind a proxy is: the PROXY protocol (versions 1 and 2, as HAProxy defines
 * it) and X-Forwarded-For. Pure. Only what comes from a trusted address may be read so: anybody can
 * write it. */
#ifndef CHATD_NET_PROXY_H
#define CHATD_NET_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define NETWORKS_MAX 64
#define PROXY_HEADER_MAX 536 /* the longest that is read: version 2 with what may stand behind */

union proxy_address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Networks, "192.0.2.0/24,2001:db8::/32,10.0.0.1,unix"; unix is any peer on a Unix socket. */
struct networks {
    struct network {
        unsigned char ip[16]; /* IPv4 mapped into IPv6 */
        unsigned bits;
    } list[NETWORKS_MAX];
    unsigned n;
    bool local; /* Unix sockets */
};

/* False: `why` names the part that is none. "" are no networks. */
bool networks_parse(struct networks *out, const char *text, char *why, size_t size);
bool networks_hold(const struct networks *n, const struct sockaddr *sa);

enum proxy_verdict {
    PROXY_NONE, /* something else begins here */
    PROXY_MORE, /* it may become one */
    PROXY_BAD,
    PROXY_FOUND,   /* *used bytes long; *out is the client's */
    PROXY_NOT_SAID /* *used bytes long, and doesn't say: the proxy itself */
};
enum proxy_verdict proxy_header(const char *bytes, size_t len, size_t *used,
                                union proxy_address *out);

/* The client that the head of an HTTP request names: the last address in X-Forwarded-For that isn't
 * a trusted proxy's. False: there is none, or it can't be read. */
bool proxy_forwarded(const char *head, size_t len, const struct networks *trusted,
                     union proxy_address *out);
/* Is there such a header at all? */
bool proxy_is_forwarded(const char *head, size_t len);

#endif
