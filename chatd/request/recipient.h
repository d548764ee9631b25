/* recipient - the recipientUUID of a request: which channel it names, and whether there is such a
 * user. */
#ifndef CHATD_REQUEST_RECIPIENT_H
#define CHATD_REQUEST_RECIPIENT_H

#include "chatd/op/op.h"

/* The channel that the request's recipient names, as seen by op->account. */
struct channel_id recipient_channel(const struct op *op);
/* As an answer names it: NULL for the public channel. */
const struct uuid *recipient_shown(const struct op *op);
/* A step: fails with ERR_NOT_FOUND if the recipient is a user whom there is not. */
void recipient_check(struct op *op);

#endif
