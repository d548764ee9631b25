/* user - what the commands about users share: steps that change one, and what running chatds are
 * told. */
#ifndef CHATCTL_OPS_USER_H
#define CHATCTL_OPS_USER_H

#include "chatctl/table/commands.h"
#include "common/proto/validate.h"
#include "common/redis/event.h"

#define FOR_EVER_MS INT64_C(253402300799999) /* the end of the year 9999: a ban without an end */

/* A name that a user is to get. */
struct new_name {
    char text[NAME_MAX_BYTES + 1], folded[NAME_FOLDED_MAX + 1];
    size_t len, folded_len;
};
enum status new_name_check(const char *text, struct new_name *out);
/* Takes it for `user`, for good; STATUS_CONFLICT when it is another's. Claimed first, so that two
 * who want it at a time don't both get it. */
enum status new_name_claim(struct invocation *in, const struct new_name *n,
                           const struct uuid *user);
enum status new_name_confirm(struct invocation *in, const struct new_name *n,
                             const struct uuid *user);
/* Is it free? Changes nothing. */
enum status new_name_look(struct invocation *in, const struct new_name *n, struct uuid *holder);
/* Gives a name back, if it is this user's. */
enum status name_release(struct invocation *in, const char *name, const struct uuid *user);

/* Sends the scratch command user_change.lua; STATUS_NOT_FOUND if the user is gone meanwhile. */
enum status user_change(struct invocation *in, const char *name);
/* Closes the user's connections on all nodes. *nodes: how many had some. */
enum status user_close(struct invocation *in, const struct uuid *user, enum close_code code,
                       int64_t *nodes);
/* Ends the user's sessions and closes the connections, those too of sign-ins that were under way
 * when the user was banned, which comes first. */
enum status user_put_out(struct invocation *in, const struct uuid *user, enum close_code code,
                         int64_t *nodes);
/* Has every node that has the user look at its record and keys again. */
enum status user_recheck(struct invocation *in, const struct uuid *user);
/* A sign-in that was under way may enter behind the closing or revoking: so, a moment later, this
 * has the nodes look again. */
enum status user_settle(struct invocation *in, const struct uuid *user);
/* All nodes forget what they know of the user. */
enum status user_forget(struct invocation *in, const struct uuid *user);
/* Removes the access keys, one by one, each told to the nodes. */
enum status user_revoke_all(struct invocation *in, const struct uuid *user, int64_t *revoked);

/* uuid as a cell */
void output_uuid(struct output *o, const struct uuid *u);

#endif
