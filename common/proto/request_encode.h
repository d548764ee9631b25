/* request_encode - a client's frame as JSON text: the inverse of request_decode. Pure. Reference:
 * PROTOCOL.md.
 */
#ifndef COMMON_PROTO_REQUEST_ENCODE_H
#define COMMON_PROTO_REQUEST_ENCODE_H

#include "common/base/buf.h"
#include "common/proto/request.h"

/* Appends the frame of `r`. What is said, beside the body: requestID if r->id has one, SUUID if
 * has_suuid, userUUID and userAccessKey if there is a key. Texts are valid UTF-8. Limits and
 * offsets of 0 are left out: the server's defaults. `b` may hold a password or key afterwards: wipe
 * it. */
void request_encode(struct buf *b, const struct request *r);

#endif
