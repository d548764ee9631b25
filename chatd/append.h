/* append - messages on their way into Redis. One call of append.lua is in flight at a time; what
 * comes meanwhile goes in the next, all together. So a call's fixed cost is shared the more the
 * busier it gets, and no two calls can overtake one another, whatever happens to the scripts or the
 * link between them. */
#ifndef CHATD_APPEND_H
#define CHATD_APPEND_H

#include "chatd/op.h"

struct appends {
    struct op *first, *last; /* waiting, linked by batch_next */
    bool in_flight;
};

/* Takes an op whose `message` and `channel` are set. Ends it: when the message was delivered in its
 * turn (the sender's copy is the answer), or with an error, or (a repeated UUID) with the first
 * message. */
void append_submit(struct op *op);
/* Sends what waits, if nothing is in flight. At the end of each turn, before the link is flushed.
 */
void append_flush(struct node *node);

#endif
