/* fake_wire - the functions of chatd/session/wire.h, for tests that have sessions but no sockets:
 * it notes what is asked of each. A library's object is linked only for what is still undefined, so
 * these take the place of wire.c. Include it in one file of a program. */
#ifndef TESTS_UNIT_FAKE_WIRE_H
#define TESTS_UNIT_FAKE_WIRE_H

#include "chatd/session/wire.h"

#include <stdlib.h>
#include <string.h>

struct lws {
    char *bytes; /* all that was written, one after the other */
    size_t len;
    unsigned writes, wants, pauses, resumes, kills, leaves;
    size_t kernel;    /* bytes that wait there */
    size_t largest;   /* … of one write */
    int close_within; /* seconds; 0: not asked */
    unsigned goodbye; /* its code; 0: not said */
    size_t len_at_goodbye;
    enum wire_result result; /* what the next writes give */
};

static void fake_wire_free(struct lws *wsi) {
    free(wsi->bytes);
    *wsi = (struct lws){.bytes = NULL};
}

/* The next of the frames that were written, from byte *at on: its payload, ended by a NUL until the
 * one after it is asked for; NULL: there is none. */
__attribute__((unused)) static const char *fake_wire_next(const struct lws *wsi, size_t *at) {
    static char text[65536];
    if (*at >= wsi->len)
        return NULL;
    const unsigned char *frame = (const unsigned char *)wsi->bytes + *at;
    size_t header = frame[1] < 126 ? 2 : 4;
    size_t len = frame[1] < 126 ? frame[1] : (size_t)frame[2] << 8 | frame[3];
    if (frame[1] == 127 || len >= sizeof text)
        abort();
    memcpy(text, frame + header, len);
    text[len] = '\0';
    *at += header + len;
    return text;
}

enum wire_result wire_write(struct lws *wsi, const void *bytes, size_t len) {
    wsi->bytes = realloc(wsi->bytes, wsi->len + len + 1);
    if (!wsi->bytes)
        abort();
    memcpy(wsi->bytes + wsi->len, bytes, len);
    wsi->len += len;
    wsi->bytes[wsi->len] = '\0';
    wsi->writes++;
    wsi->largest = len > wsi->largest ? len : wsi->largest;
    return wsi->result;
}

void wire_want_writeable(struct lws *wsi) {
    wsi->wants++;
}

size_t wire_kernel_bytes(struct lws *wsi) {
    return wsi->kernel;
}

void wire_pause(struct lws *wsi, bool pause) {
    *(pause ? &wsi->pauses : &wsi->resumes) += 1;
}

void wire_kill(struct lws *wsi) {
    wsi->kills++;
}

void wire_close_within(struct lws *wsi, int seconds) {
    wsi->close_within = seconds;
}

void wire_leave(struct lws *wsi) {
    wsi->leaves++;
}

void wire_last_word(struct lws *wsi, enum close_code code) {
    wsi->goodbye = code;
}

enum wire_result wire_say_goodbye(struct lws *wsi, unsigned code, const char *reason) {
    (void)reason;
    wsi->goodbye = code;
    wsi->len_at_goodbye = wsi->len;
    return wsi->result;
}

#endif
