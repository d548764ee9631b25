/* ws_parser - the frames of RFC 6455 as they come from a client, in pieces of any size. Pure.
 *
 * It is strict: a frame that breaks the protocol is told by its header, before its payload is
 * there. No extension is known. What a message holds is the caller's. */
#ifndef CHATD_NET_WS_PARSER_H
#define CHATD_NET_WS_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CONTROL_MAX 125 /* bytes of a ping, a pong, a close */

struct ws_parser {
    uint64_t left;          /* bytes of the frame's payload that have yet to come */
    unsigned char head[14]; /* of the frame whose header is coming */
    uint8_t head_len, mask_at, opcode, control_len;
    bool inside; /* the header has come, the payload has not */
    bool final;
    bool open, begun; /* a message hasn't ended; some of it was given */
    bool binary;
    char control[WS_CONTROL_MAX];
};

enum ws_event {
    WS_MORE, /* nothing but that all was used */
    WS_DATA, /* a piece of a message */
    WS_PING, /* whole, as are the next two */
    WS_PONG,
    WS_CLOSE,
    WS_BROKEN /* no frame of RFC 6455: nothing more can be read */
};

struct ws_piece {
    const char *bytes; /* in the caller's buffer, or a control frame's in the parser: until the next
                          call */
    size_t len;
    uint64_t left; /* that is yet to come of this frame */
    bool binary, first, last;
};

/* Reads from `bytes` up to the next event, unmasks there, adds to *used what was read. */
enum ws_event ws_parser_next(struct ws_parser *p, char *bytes, size_t len, size_t *used,
                             struct ws_piece *out);

/* Has some of a frame or of a message come, but not all? */
bool ws_parser_is_amid(const struct ws_parser *p);

/* The code to answer a peer's close frame with: its own; 0 if it had none; 1002 or 1007 if it may
 * not stand there (sections 5.5.1 and 7.4). */
unsigned ws_close_answer(const char *payload, size_t len);

#endif
