/* ask - questions to Redis that several commands put. All return a status; an error has been
 * complained about. The scratch command is redis_sync_cmd(in->redis), built by the caller. */
#ifndef CHATCTL_OPS_ASK_H
#define CHATCTL_OPS_ASK_H

#include "chatctl/table/invocation.h"
#include "common/redis/reply.h"

/* Sends the scratch command. *r is valid until the next one; it is no error. */
enum status ask(struct invocation *in, const struct redisReply **r);
/* Sends the scratch command; nil is 0. */
enum status ask_i64(struct invocation *in, int64_t *out);
/* The position of the channel: epoch, seq and base; a nil epoch if it has never been used. */
enum status ask_position(struct invocation *in, const struct channel_id *ch,
                         struct channel_state *out);
/* The same, in a new epoch if Redis has restarted since the channel was written to: for what is
 * about to write to it. With --dry-run: as it stands. */
enum status ask_current_position(struct invocation *in, const struct channel_id *ch,
                                 struct channel_state *out);
/* The length of its log, its first and last seq; length 0 without one. */
enum status ask_log(struct invocation *in, const struct channel_id *ch, struct log_info *out);
/* Marks the prefix as ours, in case no chatd has used it yet. */
enum status ask_schema_claim(struct invocation *in);

/* Sends the scratch command, a step of a script that works under a channel's lock, and reads where
 * it got. STATUS_CONFLICT with `locked` complained: another has the lock. STEP_OTHER is the
 * caller's to explain. */
enum status ask_step(struct invocation *in, struct step_result *out, const char *locked);

#endif
