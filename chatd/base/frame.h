/* frame - one WebSocket frame, encoded once and shared by everyone it goes to. */
#ifndef CHATD_BASE_FRAME_H
#define CHATD_BASE_FRAME_H

#include "common/base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct frame {
    uint32_t refs, len;
    unsigned char bytes[]; /* header and payload as they go on the wire: servers don't mask */
};

/* Unfragmented text frame of `json` (RFC 6455 section 5.2). One reference; NULL: out of memory, or
 * the buf failed. The buf is reset for the next use. */
struct frame *frame_text(struct buf *json);
struct frame *frame_ping(void);                            /* likewise, a ping */
struct frame *frame_pong(const char *payload, size_t len); /* … of at most 125 bytes */
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); /* NULL is fine */

/* Scratch to encode into; the loop thread has one. Reset before use. */
struct buf *frame_scratch(void);
void frame_scratch_free(void);

#endif
