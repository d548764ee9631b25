/* fake_wire - the functions of chatd/session/wire.h, for tests that have sessions but no sockets:
 * it notes what is asked of each. A library's object is linked only for what is still undefined, so
 * these take the place of wire.c. Include it in one file of a program. */
#ifndef TESTS_UNIT_FAKE_WIRE_H
#define TESTS_UNIT_FAKE_WIRE_H

#include "chatd/session/wire.h"

#include <stdlib.h>
#include <string.h>

struct wire {
    char *bytes; /* all that was written, one after the other */
    size_t len;
    unsigned writes, wants, pauses, resumes, kills, leaves;
    size_t kept, kernel;
    size_t largest;   /* bytes of one write */
    int close_within; /* seconds; 0: not asked */
    unsigned goodbye; /* its code; 0: not said */
    size_t len_at_goodbye;
    uint64_t received;
    enum wire_result result; /* what the next writes give */
};

static void fake_wire_free(struct wire *wire) {
    free(wire->bytes);
    *wire = (struct wire){.bytes = NULL};
}

/* The next of the frames that were written, from byte *at on: its payload, ended by a NUL until the
 * one after it is asked for; NULL: there is none. */
__attribute__((unused)) static const char *fake_wire_next(const struct wire *wire, size_t *at) {
    static char text[65536];
    if (*at >= wire->len)
        return NULL;
    const unsigned char *frame = (const unsigned char *)wire->bytes + *at;
    size_t header = frame[1] < 126 ? 2 : 4;
    size_t len = frame[1] < 126 ? frame[1] : (size_t)frame[2] << 8 | frame[3];
    if (frame[1] == 127 || len >= sizeof text)
        abort();
    memcpy(text, frame + header, len);
    text[len] = '\0';
    *at += header + len;
    return text;
}

enum wire_result wire_write(struct wire *wire, const void *bytes, size_t len) {
    wire->bytes = realloc(wire->bytes, wire->len + len + 1);
    if (!wire->bytes)
        abort();
    memcpy(wire->bytes + wire->len, bytes, len);
    wire->len += len;
    wire->bytes[wire->len] = '\0';
    wire->writes++;
    wire->largest = len > wire->largest ? len : wire->largest;
    return wire->result;
}

void wire_want_writeable(struct wire *wire) {
    wire->wants++;
}

uint64_t wire_received(const struct wire *wire) {
    return wire->received;
}

size_t wire_kept(const struct wire *wire) {
    return wire->kept;
}

size_t wire_kernel_bytes(const struct wire *wire) {
    return wire->kernel;
}

void wire_pause(struct wire *wire, bool pause) {
    *(pause ? &wire->pauses : &wire->resumes) += 1;
}

void wire_kill(struct wire *wire) {
    wire->kills++;
}

void wire_close_within(struct wire *wire, int seconds) {
    wire->close_within = seconds;
}

void wire_leave(struct wire *wire) {
    wire->leaves++;
}

enum wire_result wire_say_goodbye(struct wire *wire, unsigned code, const char *reason) {
    (void)reason;
    wire->goodbye = code;
    wire->len_at_goodbye = wire->len;
    return wire->result;
}

#endif
