/* throttle - failed sign-ins, counted in Redis, so that another node doesn't help: of a username
 * from an address, of an address, of a username.
 *
 * From the 5th failure of a name from an address, or of that address, an answer is delayed; from
 * the 10th sign-ins are refused and the connection is closed, until the window is over. Failures of
 * the name wherever they come from only delay, and later: else anybody could keep its owner out.
 * And where a user has signed in before, nothing counts but the failures of this name there.
 *
 * The count is looked at again behind the hashing,
 * before anything is said of the password: so attempts made at the same time get no more answers
 * than attempts made one by one, and a crowd that knows its password isn't held up. *
 * New users are counted by address, too: so many in an hour. */
#ifndef CHATD_REQUEST_THROTTLE_H
#define CHATD_REQUEST_THROTTLE_H

#include "chatd/op/op.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Comes first in the state of an op that uses it. */
struct throttle {
    int64_t by_both, by_addr, by_name; /* failures so far */
    bool seen;                         /* the user has signed in from there before */
    bool waited;
    int64_t made, made_ttl_s; /* users, from there; until they are forgotten */
};

/* Steps, each with throttle_wait or throttle_refuse behind it. `folded` NULL: the address alone
 * counts. */
void throttle_look(struct op *op, const char *folded, size_t len);
void throttle_add(struct op *op, const char *folded,
                  size_t len); /* a failure, then as throttle_look */

/* Fails the op with ERR_TOO_MANY_SIGN_INS if there were too many before it; */
void throttle_refuse(struct op *op);
/* and if not, delays it, once, if there were many. */
void throttle_wait(struct op *op);
/* A success forgets the failures of the name there. */
void throttle_forget(struct op *op, const char *folded, size_t len);

/* Steps, for an op that makes a user: looks how many were made from the address; fails it with
 * ERR_RATE_LIMITED if it is enough; counts this one, to be followed by throttle_refuse_made, too.
 */
void throttle_look_made(struct op *op);
void throttle_refuse_made(struct op *op);
void throttle_add_made(struct op *op);

#endif
