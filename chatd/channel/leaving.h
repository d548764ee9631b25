/* leaving - users who went offline a moment ago: whether they come back at once is waited for
 * before anybody is told. There are LEAVING_MAX at most; then the oldest waits no longer. Pure but
 * for memory. */
#ifndef CHATD_CHANNEL_LEAVING_H
#define CHATD_CHANNEL_LEAVING_H

#include "common/base/table.h"
#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAVING_MAX 10000 /* a hundred bytes each */

struct leaver {
    struct table_node node;
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    uint8_t name_len;
    uint64_t due_ms;
    struct {
        struct leaver *prev, *next;
    } order; /* in which they went */
};

struct leaving {
    struct table table;
    struct leaver *first, *last;
};

bool leaving_init(struct leaving *l); /* false: no memory */
void leaving_free(struct leaving *l);
/* `user`, who isn't in it, went, and is waited for until `due_ms`. False: no memory. */
bool leaving_put(struct leaving *l, const struct uuid *user, const char *name, size_t name_len,
                 uint64_t due_ms);
/* Came back: true if the user was waited for. */
bool leaving_take(struct leaving *l, const struct uuid *user);
/* Takes out one who is waited for no longer, into `out`. False: there is none. */
bool leaving_next(struct leaving *l, uint64_t now_ms, struct leaver *out);

#endif
