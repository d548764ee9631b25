/* lookup - many users at a time: pages of uuids out of Redis, and what their records say, in
 * pipelines. */
#ifndef CHATCTL_OPS_LOOKUP_H
#define CHATCTL_OPS_LOOKUP_H

#include "common/redis/redis_sync.h"

#define LOOKUP_PAGE                                                                                \
    500 /* users or channels asked for at a time: well below a millisecond of Redis */

struct user_row {
    struct uuid uuid;
    char name[NAME_MAX_BYTES + 1]; /* "": no record */
    int64_t created_ms, banned_until_ms;
    bool online;
};

/* The uuids at `offset` of a zset (users, online), at most LOOKUP_PAGE; newest first if `reverse`.
 */
enum err_code lookup_page(struct redis_sync *s, enum global_key zset, uint64_t offset, bool reverse,
                          struct user_row rows[LOOKUP_PAGE], size_t *n, struct err *e);
/* Fills in all but the uuid; is the user online at this moment? */
enum err_code lookup_rows(struct redis_sync *s, struct user_row *rows, size_t n, struct err *e);
/* The names alone. */
enum err_code lookup_names(struct redis_sync *s, struct user_row *rows, size_t n, struct err *e);

#endif
