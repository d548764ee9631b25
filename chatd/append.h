/* append - messages on their way into Redis. Those that wait at the end of a turn of the loop go in one call
 * of append.lua; the link and Redis keep their order. */
#ifndef CHATD_APPEND_H
#define CHATD_APPEND_H

#include "chatd/op.h"

struct appends {
    struct op *first, *last; /* waiting, linked by batch_next */
};

/* Takes an op whose `message` and `channel` are set. Ends it: when the message was delivered in its turn
 * (the sender's copy is the answer), or with an error, or (a repeated UUID) with the first message. */
void append_submit(struct op *op);
/* Sends what waits. At the end of each turn, before the link is flushed. */
void append_flush(struct node *node);
/* Is this op an append to that channel? For requests that have not been started too. */
bool append_channel_is(const struct op *op, const struct channel *ch);

#endif
