/* verbs - the requests, each a list of steps; see op.h. One file a subject: op_account.c,
 * op_users.c, op_channel.c, op_message.c. dispatch.c ties them to the wire's types. */
#ifndef CHATD_REQUEST_VERBS_H
#define CHATD_REQUEST_VERBS_H

#include "chatd/op/op.h"

extern const op_step OP_SIGN_IN[], OP_SIGN_UP[], OP_SIGN_OUT[];
extern const op_step OP_USERS[];
extern const op_step OP_CHANNEL_JOIN[], OP_CHANNEL_LEAVE[];
extern const op_step OP_CHANNEL_MESSAGE[], OP_CHANNEL_MESSAGES[];
bool message_may_follow(const struct op *op); /* of OP_CHANNEL_MESSAGE */

#endif
