/* redis_uri - where the Redis is: redis://[user:pass@]host[:port][/db],
 * unix://[user:pass@]path[?db=N], embedded[:DIR], sentinel://[user:pass@]host[:port],…/name[/db]
 * and cluster://[user:pass@]host[:port],…. Pure. (rediss is named in the error until it is here.)
 */
#ifndef COMMON_REDIS_REDIS_URI_H
#define COMMON_REDIS_REDIS_URI_H

#include <stdbool.h>
#include <stddef.h>

#define REDIS_SEEDS_MAX 16

enum redis_kind { REDIS_TCP, REDIS_UNIX, REDIS_EMBEDDED, REDIS_SENTINEL, REDIS_CLUSTER };

struct redis_address {
    char host[256]; /* an IPv6 address without its brackets */
    unsigned port;
};
bool redis_address_eq(const struct redis_address *a, const struct redis_address *b);

struct redis_uri {
    enum redis_kind kind;
    char host[256]; /* REDIS_TCP; an IPv6 address without its brackets */
    unsigned port;  /* default 6379 */
    char path[512]; /* REDIS_UNIX: the socket; REDIS_EMBEDDED: DIR, "" = the default */
    char user[128], password[512]; /* percent-decoded; "" = none */
    unsigned db;
    struct redis_address
        seeds[REDIS_SEEDS_MAX]; /* sentinels (default port 26379), or nodes of a Cluster */
    unsigned seed_count;
    char name[128]; /* REDIS_SENTINEL: what they call the master */
};

/* False: `why` (size bytes) says what is wrong, without repeating a password. */
bool redis_uri_parse(const char *text, struct redis_uri *out, char *why, size_t size);

/* For logs and messages: the URI without user and password. Returns out. */
const char *redis_uri_show(const struct redis_uri *u, char *out, size_t size);

/* The default directory of the embedded Redis: $XDG_STATE_HOME/chatd, or /var/lib/chatd when that
 * is ours to write, or $HOME/.local/state/chatd. False: none can be named. */
bool redis_uri_default_dir(char *out, size_t size);

#endif
