/* find - users, channels and messages by what the command line calls them, and how a channel is
 * called there. STATUS_NOT_FOUND is complained about. */
#ifndef CHATCTL_OPS_FIND_H
#define CHATCTL_OPS_FIND_H

#include "chatctl/table/invocation.h"
#include "common/proto/validate.h"

#define CHANNEL_NAME_SIZE (2 * NAME_MAX_BYTES + 2) /* holds any channel's name with its NUL */

/* By name or uuid. `name` gets the stored username (NAME_MAX_BYTES + 1 bytes), may be NULL. */
enum status find_user(struct invocation *in, const char *text, struct uuid *out, char *name);
/* By "public", "alice,bob" or id. */
enum status find_channel(struct invocation *in, const char *text, struct channel_id *out);
/* "public" or "alice,bob" (uuids for users without a record), into size bytes; returns out. */
const char *find_channel_name(struct invocation *in, const struct channel_id *ch, char *out,
                              size_t size);
/* A message by its UUID; the newest are looked at first. Here STATUS_NOT_FOUND is not complained
 * about: it may be in another channel. */
enum status find_message(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *uuid, uint64_t *seq);

#endif
