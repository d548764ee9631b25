/* members - the members of a channel, persons borrowed from the roster: those online first, then by
 * name.
 */
#ifndef CHATTUI_MODEL_MEMBERS_H
#define CHATTUI_MODEL_MEMBERS_H

#include "chattui/model/roster.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMBERS_MAX 1000 /* of one channel; `total` may be more */

struct members {
    struct person **list;
    size_t n, cap;
    uint64_t total; /* as the server counts them */
};

void members_clear(struct members *ms);
void members_free(struct members *ms);
bool members_add(struct members *ms, struct person *p); /* false: is one, or full, or no memory */
bool members_remove(struct members *ms, const struct person *p);
void members_sort(struct members *ms); /* after somebody's presence or name changed */
size_t members_online(const struct members *ms);

#endif
