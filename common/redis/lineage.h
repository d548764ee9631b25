/* lineage - which places of a channel's earlier epochs go on in the one it is in: what position.lua
 * keeps of them, "epoch:kept epoch:kept …". Pure. */
#ifndef COMMON_REDIS_LINEAGE_H
#define COMMON_REDIS_LINEAGE_H

#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>

#define LINEAGE_MAX 16 /* epochs kept; who comes from an older one begins anew */

/* Newest first: an epoch, and up to which seq this history has all of its messages. */
struct lineage {
    size_t n;
    struct position left[LINEAGE_MAX];
};

/* False: it is no lineage, and *out is empty. So is that of an empty text, and of 0.1's, which is
 * an epoch alone: what it left is not known. */
bool lineage_read(const char *text, size_t len, struct lineage *out);

/* Is what `at` has of an earlier epoch the beginning of this history? */
bool lineage_has(const struct lineage *l, const struct position *at);

#endif
