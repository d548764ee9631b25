/* import_check - the first reading of a dump: what contradicts itself, or the server's own rules,
 * is said with its line, and left out as a whole by the second, which writes: a user, or a channel
 * with all that belongs to it. Nothing is sent to Redis. */
#ifndef CHATCTL_OPS_IMPORT_CHECK_H
#define CHATCTL_OPS_IMPORT_CHECK_H

#include "common/base/table.h"
#include "common/proto/json.h"
#include "common/proto/model.h"

#include <stdint.h>

/* The largest number that a message of a dump may have: far above any that was given out, and far
 * enough below the largest one (15 digits) that numbering can go on. fsck holds to it, too. */
#define IMPORT_SEQ_MAX ((uint64_t)100000000000000)

struct import_seen; /* a user or channel of the dump */

struct import_check {
    const char *path; /* for complaints; borrowed */
    struct table users, channels;
    struct import_seen *channel; /* whose lines are being read; NULL: of none yet */
    uint64_t base, seq;          /* its position; seq 0 and base 0: it has none */
    uint64_t last, last_part;    /* the id of its last entry */
    uint64_t wrong_users, wrong_channels;
    const char *why; /* what is wrong with a line */
    char text[200];  /* room for it */
};

bool import_check_init(struct import_check *k, const char *path); /* false: no memory */
void import_check_free(struct import_check *k);

/* A line's item. False: it is none, or of nobody, or memory is used up: the second reading stops
 * there and says so. */
bool import_check_item(struct import_check *k, const struct json *doc, uint64_t line);
/* Does the item belong to a user or channel that is left out? */
bool import_check_refuses(const struct import_check *k, const struct json *doc);
/* Redis refuses this user: what belongs to it is left out from here on. */
void import_check_refuse_user(struct import_check *k, const struct uuid *user);

#endif
