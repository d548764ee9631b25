/* names - what users are called: a cache of uuid -> username, so that a page of users costs no
 * look-up each. Bounded; an entry is believed for a minute, and forgotten at once when a rename is
 * announced. */
#ifndef CHATD_BASE_NAMES_H
#define CHATD_BASE_NAMES_H

#include "common/base/table.h"
#include "common/proto/model.h"

struct name_entry;

struct names {
    struct table table;
    struct name_entry *first, *last; /* oldest first */
};

bool names_init(struct names *n); /* false: no memory */
void names_free(struct names *n);
/* The name (NUL-terminated; valid until the next call here), or NULL: not known. */
const char *names_get(struct names *n, const struct uuid *user, uint64_t now_ms);
void names_put(struct names *n, const struct uuid *user, const char *name, size_t len,
               uint64_t now_ms);
void names_forget(struct names *n, const struct uuid *user);

#endif
