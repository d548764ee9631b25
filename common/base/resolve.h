/* resolve - the addresses of a host's name, in the order in which they are to be tried.
 *
 * The system's resolver waits as long as it likes, half a minute for name servers that say nothing,
 * and can't be called back: it works aside.
 */
#ifndef COMMON_BASE_RESOLVE_H
#define COMMON_BASE_RESOLVE_H

#include <stdbool.h>

#define RESOLVE_MAX 8      /* of one name: what is beyond is left out */
#define RESOLVE_ADDRESS 64 /* bytes of an address as a number, with its NUL */

struct resolved {
    unsigned n; /* 0: see `why` */
    char address[RESOLVE_MAX][RESOLVE_ADDRESS];
    char why[80];
};

struct resolve;

/* Is `host` an address already, "127.0.0.1" or "::1"? Then that is what is found. Looks nothing up.
 */
bool resolve_is_number(const char *host, struct resolved *out);

/* Begins. `done` is called in the other thread, once, when there is something to take; it may be
 * NULL. NULL: no memory, or no thread. */
struct resolve *resolve_begin(const char *host, void (*done)(void *arg), void *arg);
const char *resolve_host(const struct resolve *r);
/* Waits for so long; 0: looks only. False: it is still under way. */
bool resolve_take(struct resolve *r, unsigned wait_ms, struct resolved *out);
/* At any time; `done` isn't called any more. NULL is fine. */
void resolve_free(struct resolve *r);

#endif
