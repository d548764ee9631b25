/* keeper - what is left of buckets whose owner has gone, until they would be full again: whoever
 * comes back in between finds them as they were. An owner is 16 bytes: an address, or a user's
 * UUID. */
#ifndef CHATD_SESSION_KEEPER_H
#define CHATD_SESSION_KEEPER_H

#include "common/base/table.h"

#include <stdbool.h>
#include <stdint.h>

#define KEEPER_OWNER 16
#define KEEPER_BUCKETS 2 /* buckets an owner has at most */

struct bucket;
struct kept;
struct keeper {
    struct table table;
    struct kept *first, *last; /* the oldest first */
};

bool keeper_init(struct keeper *k); /* false: no memory */
void keeper_free(struct keeper *k);
/* Takes over `n` buckets; without memory they are as good as full. */
void keeper_put(struct keeper *k, const void *owner, const struct bucket *buckets, size_t n,
                uint64_t now_ms);
/* Gives them back to an owner who has come; leaves `buckets` alone if there are none. */
void keeper_take(struct keeper *k, const void *owner, struct bucket *buckets, size_t n);
/* Forgets those that are full by now. About twice a second. */
void keeper_sweep(struct keeper *k, uint64_t now_ms);

#endif
