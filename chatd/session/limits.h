/* limits - token buckets and connections per address. Pure but for memory. */
#ifndef CHATD_SESSION_LIMITS_H
#define CHATD_SESSION_LIMITS_H

#include "chatd/session/keeper.h"
#include "common/base/table.h"

#include <stdbool.h>
#include <stdint.h>

/* A token bucket: `rate` tokens a second, room for as many. rate 0 = no limit. One of zeros is
 * full. */
struct bucket {
    uint32_t tokens_milli; /* thousandths */
    uint32_t last_ms;      /* low half of the monotonic clock */
};

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now_ms); /* full */
/* Takes a token: 0, or after how many ms there is one. */
uint32_t bucket_take(struct bucket *b, uint64_t rate, uint64_t now_ms);

/* Connections by their address. An address is 16 bytes (IPv4 mapped into IPv6); an IPv6 /64 counts
 * as one address, since that is what one host gets. */
struct address {
    struct table_node node;
    unsigned char ip[16];
    bool loopback;
    char text[46]; /* "192.0.2.1", "2001:db8:0:1::/64": one for one host, failed sign-ins are
                      counted by it */
    uint64_t connections;
    struct bucket rate[KEEPER_BUCKETS]; /* of the requests from there, and of its connections */
};
enum { ADDRESS_REQUESTS, ADDRESS_CONNECTS };

struct addresses {
    struct table table;
    struct keeper keeper;
    uint64_t connections;  /* from all of them */
    uint64_t connect_rate; /* a second, from one address; 0: any number */
};

bool addresses_init(struct addresses *a); /* false: no memory */
void addresses_free(struct addresses *a);
struct sockaddr;
/* Counts a connection in. NULL: `max` are there already, or too many came just now (loopback counts
 * only if `count_loopback`), or no memory. Every address got is given back with addresses_leave. */
struct address *addresses_enter(struct addresses *a, const struct sockaddr *sa, uint64_t max,
                                bool count_loopback);
void addresses_leave(struct addresses *a, struct address *addr);

#endif
