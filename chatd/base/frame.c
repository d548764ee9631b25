/* frame - see frame.h. */
#include "chatd/base/frame.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_MAX (4u * 1024 * 1024) /* bytes of the largest answer */

enum { OP_TEXT = 0x81, OP_PING = 0x89, OP_PONG = 0x8a }; /* FIN and opcode */

static struct frame *frame_make(size_t size) {
    struct frame *f = malloc(sizeof *f + size);
    if (f) {
        f->refs = 1;
        f->len = (uint32_t)size;
    }
    return f;
}

/* Writes the header for a payload of n bytes; returns its size. */
static size_t put_header(unsigned char *h, unsigned char op, size_t n) {
    h[0] = op;
    if (n < 126) {
        h[1] = (unsigned char)n;
        return 2;
    }
    if (n < 65536) {
        h[1] = 126;
        h[2] = (unsigned char)(n >> 8);
        h[3] = (unsigned char)n;
        return 4;
    }
    h[1] = 127;
    for (size_t i = 0; i < 8; i++)
        h[2 + i] = (unsigned char)((uint64_t)n >> (56 - 8 * i));
    return 10;
}

struct frame *frame_text(struct buf *json) {
    unsigned char head[10];
    size_t n = put_header(head, OP_TEXT, json->len);
    struct frame *f = json->failed ? NULL : frame_make(n + json->len);
    if (f) {
        memcpy(f->bytes, head, n);
        if (json->len)
            memcpy(f->bytes + n, json->data, json->len);
    }
    buf_reset(json);
    return f;
}

static struct frame *frame_control(unsigned char op, const char *payload, size_t len) {
    struct frame *f = frame_make(2 + len);
    if (f && put_header(f->bytes, op, len) && len)
        memcpy(f->bytes + 2, payload, len);
    return f;
}

struct frame *frame_ping(void) {
    return frame_control(OP_PING, "chatd", 5);
}

struct frame *frame_pong(const char *payload, size_t len) {
    return frame_control(OP_PONG, payload, len);
}

struct frame *frame_ref(struct frame *f) {
    f->refs++;
    return f;
}

void frame_unref(struct frame *f) {
    if (f && --f->refs == 0)
        free(f);
}

static struct buf scratch = {.cap = SCRATCH_MAX};

struct buf *frame_scratch(void) {
    buf_reset(&scratch);
    return &scratch;
}

void frame_scratch_free(void) {
    buf_free(&scratch);
}
