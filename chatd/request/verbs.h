/* verbs - the requests, each a list of steps, VERB_SYMBOL for a row of REQUEST_TABLE; see op.h. One
 * file a subject: verb_account.c, verb_users.c, verb_channel.c, verb_message.c. */
#ifndef CHATD_REQUEST_VERBS_H
#define CHATD_REQUEST_VERBS_H

#include "chatd/op/op.h"
#include "common/proto/request.h"

#define X(sym, ...) extern const op_step VERB_##sym[];
REQUEST_TABLE(X)
#undef X

bool verb_message_may_follow(const struct op *op); /* of VERB_CHANNEL_MESSAGE */

#endif
