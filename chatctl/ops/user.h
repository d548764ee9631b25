/* user - steps that several commands about users take: changing one, and telling the running
 * chatds. An error has been complained about. */
#ifndef CHATCTL_OPS_USER_H
#define CHATCTL_OPS_USER_H

#include "chatctl/table/invocation.h"
#include "common/redis/event.h"

#define FOR_EVER_MS INT64_C(253402300799999) /* the end of the year 9999: a ban without an end */
#define EVENT_MAX 512                        /* bytes of an event about a user */

/* Sends the scratch command, cmd_user_change with its fields; STATUS_NOT_FOUND, with `name` in the
 * complaint, if the user is gone meanwhile. */
enum status user_change(struct invocation *in, const char *name);
/* Closes the user's connections on all nodes. *nodes: how many were told, those that have the user.
 */
enum status user_close(struct invocation *in, const struct uuid *user, enum close_code code,
                       int64_t *nodes);
/* Ends the user's sessions and closes the connections, those too of sign-ins that were under way
 * when the user was banned, which comes first. */
enum status user_put_out(struct invocation *in, const struct uuid *user, enum close_code code,
                         int64_t *nodes);
/* A sign-in that was under way may enter behind the closing or revoking: so, a moment later, this
 * has the nodes look again. */
enum status user_settle(struct invocation *in, const struct uuid *user);
/* All nodes forget what they know of the user. */
enum status user_forget(struct invocation *in, const struct uuid *user);
/* Removes the access keys, one by one, each told to the nodes. *revoked: how many, whatever the
 * status. */
enum status user_revoke_all(struct invocation *in, const struct uuid *user, int64_t *revoked);

#endif
