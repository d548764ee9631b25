/* status - how a command ended: the exit statuses, which are documented in chatctl(1). */
#ifndef CHATCTL_TABLE_STATUS_H
#define CHATCTL_TABLE_STATUS_H

#include "common/base/err.h"

#include <stdint.h>

enum status {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_NOT_FOUND = 3,
    STATUS_CONFLICT = 4,
    STATUS_UNAVAILABLE = 5,
    STATUS_REFUSED = 6, /* would destroy something, and nobody said --yes */
    STATUS_INTERRUPTED = 130,
    STATUS_WRONG_TYPE = 1000 /* no exit status: see bears_wrong_type */
};

/* Complains about the error and returns its exit status: the one place where errors become
 * statuses. */
enum status fail(const struct err *e);
/* fail() for a malloc that gave NULL. */
enum status status_no_memory(void);
/* Says how far Ctrl-C let it come, "interrupted: 12 messages are purged"; STATUS_INTERRUPTED. */
enum status status_stopped(const char *what, uint64_t done);

#endif
