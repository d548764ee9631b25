/* username - a name that a user is to get: claimed first, so that two who want it at a time don't
 * both get it, then confirmed. */
#ifndef CHATCTL_OPS_USERNAME_H
#define CHATCTL_OPS_USERNAME_H

#include "chatctl/table/invocation.h"
#include "common/proto/validate.h"

/* Seconds until a name that is claimed and not confirmed is free again; as chatd's. */
#define USERNAME_LAPSE_S 15

struct username {
    char text[NAME_MAX_BYTES + 1], folded[NAME_FOLDED_MAX + 1];
    size_t len, folded_len;
};

/* Reads `text` by the rules for names; asks nobody. username_check takes no reserved one, as it is
 * for those who are new. */
enum status username_read(const char *text, struct username *out);
enum status username_check(const char *text, struct username *out);
/* Is it free? Changes nothing. *holder: a user without a record who had it, or nil. STATUS_CONFLICT
 * when it is taken. */
enum status username_look(struct invocation *in, const struct username *n, struct uuid *holder);
/* Takes it for `user`; it lapses unless it is confirmed. STATUS_CONFLICT when it is another's. */
enum status username_claim(struct invocation *in, const struct username *n,
                           const struct uuid *user);
enum status username_confirm(struct invocation *in, const struct username *n,
                             const struct uuid *user);
/* Gives a name back, if it is this user's. */
enum status username_release(struct invocation *in, const char *name, const struct uuid *user);

#endif
