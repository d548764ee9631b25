/* auth - the user in whose name a request is made. Checked for every request, before its first
 * step.
 *
 * A connection is signed in by signIn or signUp, or by a right userUUID + userAccessKey pair on any
 * request. A pair that is the one this connection is signed in with is compared in memory (its
 * revocation reaches this node by the user's bus); any other pair is looked up.
 */
#ifndef CHATD_REQUEST_AUTH_H
#define CHATD_REQUEST_AUTH_H

#include "chatd/op/op.h"

/* Sets the op's first steps, its account, or its error. */
void auth_begin(struct op *op);
/* Would auth_begin decide at once, and well? */
bool auth_is_settled(struct session *s, const struct request *req);

#endif
