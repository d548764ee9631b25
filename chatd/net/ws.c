/* ws - see ws.h.
 *
 * A message in several pieces gathers in the session up to the frame limit; one that comes whole is
 * used where it is. What was read while its session must wait is kept, and read on later. */
#include "chatd/net/ws.h"

#include "chatd/net/ws_parser.h"
#include "chatd/request/dispatch.h"
#include "chatd/session/session.h"
#include "chatd/session/wire.h"
#include "chatd/session/wires.h"
#include "common/proto/validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (16 * 1024) /* of one client in a turn */
#define PART_FIRST 2048        /* room for a message in pieces, at first */
#define FRAGMENTS_MAX 4096     /* frames of one message */
#define FRAME_HEAD_MAX 14      /* bytes before a frame's payload */
#define PONG_MAX (2 + WS_CONTROL_MAX)

struct ws {
    struct node *node;
    struct addresses *addresses;
    const struct chatd_settings *set;
    struct counters *count;
    struct wires wires;
    char bytes[READ_BYTES];
};

/* A connection. */
struct peer {
    struct wire wire; /* first, see wires.h */
    struct ws *ws;
    struct session *session;
    struct ws_parser parser;
    char *unread; /* bytes from behind a request at which the session was paused; NULL: none */
    size_t unread_len;
    char *pong; /* waits for room in the socket, as the answer to the last ping; NULL: none */
};

/* --- Messages --- */

static bool ws_gather(struct session *s, const char *in, size_t len) {
    if (len == 0)
        return true;
    if (s->part_len + len > s->part_cap) {
        size_t cap = s->part_cap ? s->part_cap : PART_FIRST;
        while (cap < s->part_len + len)
            cap *= 2;
        char *part = realloc(s->part, cap);
        if (!part)
            return false;
        s->part = part;
        s->part_cap = (uint32_t)cap;
    }
    memcpy(s->part + s->part_len, in, len);
    s->part_len += (uint32_t)len;
    return true;
}

static void complete(struct ws *w, struct session *s, const char *text, size_t len) {
    if (utf8_valid(text, len))
        dispatch_receive(w->node, s, text, len);
    else
        session_finish(s, CLOSE_BAD_UTF8);
}

/* Long messages are rare: no idle session keeps room for one. */
static void complete_gathered(struct ws *w, struct session *s) {
    char *part = s->part;
    size_t len = s->part_len;
    s->part = NULL;
    s->part_len = s->part_cap = 0;
    complete(w, s, len ? part : "", len);
    free(part);
}

static void received(struct ws *w, struct session *s, const struct ws_piece *piece) {
    size_t max = w->set->max_frame;
    w->count->received_bytes += piece->len;
    s->counted_bytes += (uint32_t)(piece->len + FRAME_HEAD_MAX);
    if (s->closing || s->finishing)
        return;
    if (piece->first)
        s->fragments = 0;
    if (piece->left == 0)
        s->fragments++;
    if (piece->binary)
        session_finish(s, CLOSE_UNSUPPORTED);
    else if (piece->left > max || s->part_len + piece->len + piece->left > max)
        session_finish(s, CLOSE_TOO_BIG);
    else if (s->fragments > FRAGMENTS_MAX)
        session_finish(s, CLOSE_POLICY);
    else if (piece->first && piece->last)
        complete(w, s, piece->bytes, piece->len);
    else if (!ws_gather(s, piece->bytes, piece->len))
        session_finish(s, CLOSE_SERVER_ERROR);
    else if (piece->last)
        complete_gathered(w, s);
}

/* --- Control frames --- */

/* Of the pings that come while the socket takes nothing, the last is answered (RFC 6455 section
 * 5.5.3). */
static void pinged(struct peer *p, const struct ws_piece *ping) {
    char pong[PONG_MAX] = {(char)0x8a, (char)ping->len};
    dispatch_pinged(p->session);
    if (p->session->closing)
        return;
    memcpy(pong + 2, ping->bytes, ping->len);
    if (wire_kept(&p->wire) == 0) {
        wire_write(&p->wire, pong, 2 + ping->len);
        return;
    }
    if (!p->pong)
        p->pong = malloc(PONG_MAX);
    if (p->pong)
        memcpy(p->pong, pong, sizeof pong);
    wire_want_writeable(&p->wire);
}

static void send_pong(struct peer *p) {
    if (!p->pong)
        return;
    wire_write(&p->wire, p->pong, 2 + (size_t)p->pong[1]);
    free(p->pong);
    p->pong = NULL;
}

/* --- Reading --- */

static void ws_take(struct peer *p, enum ws_event event, const struct ws_piece *piece) {
    struct session *s = p->session;
    switch (event) {
    case WS_MORE:
        break;
    case WS_DATA:
        received(p->ws, s, piece);
        break;
    case WS_PING:
        pinged(p, piece);
        break;
    case WS_PONG:
        dispatch_ponged(p->ws->node, s);
        break;
    case WS_CLOSE:
        wire_stop_reading(&p->wire);
        session_goodbye_came(s, ws_close_answer(piece->bytes, piece->len));
        break;
    case WS_BROKEN:
        wire_stop_reading(&p->wire);
        session_broken(s);
        break;
    }
}

static void keep_unread(struct peer *p, const char *bytes, size_t len) {
    p->unread = malloc(len);
    p->unread_len = len;
    if (p->unread)
        memcpy(p->unread, bytes, len);
    else
        wire_kill(&p->wire);
}

static void feed(struct peer *p, char *bytes, size_t len) {
    for (size_t used = 0; used < len && !p->wire.ended && !p->wire.killed;) {
        struct ws_piece piece;
        if (p->wire.paused) {
            keep_unread(p, bytes + used, len - used);
            return;
        }
        enum ws_event event = ws_parser_next(&p->parser, bytes, len, &used, &piece);
        ws_take(p, event, &piece);
    }
}

/* Goes on with what was read before. True: none of it is left. */
static bool feed_unread(struct peer *p) {
    char *bytes = p->unread;
    size_t len = p->unread_len;
    if (p->wire.paused)
        return false;
    p->unread = NULL;
    if (bytes)
        feed(p, bytes, len);
    free(bytes);
    return !p->unread && !p->wire.paused && !p->wire.ended;
}

static void ws_on_readable(struct wire *wire) {
    struct peer *p = (struct peer *)wire;
    if (!feed_unread(p))
        return;
    ssize_t n = wire_read(wire, p->ws->bytes, READ_BYTES);
    if (n > 0)
        feed(p, p->ws->bytes, (size_t)n);
    else if (n == 0) {
        wire_stop_reading(wire);
        session_ended(p->session);
    } else if (errno != EAGAIN && errno != EINTR)
        wire_kill(wire);
}

static void ws_on_resumed(struct wire *wire) {
    feed_unread((struct peer *)wire);
}

static void ws_on_writeable(struct wire *wire) {
    struct peer *p = (struct peer *)wire;
    send_pong(p);
    session_writeable(p->session);
}

static void ws_on_closed(struct wire *wire) {
    struct peer *p = (struct peer *)wire;
    if (p->session)
        session_detach(p->session);
    free(p->unread);
    free(p->pong);
}

/* --- Life --- */

struct ws *ws_new(uv_loop_t *loop, struct node *node, struct addresses *addresses,
                  struct lingers *lingers, const struct chatd_settings *set,
                  struct counters *count) {
    struct ws *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->node = node;
    w->addresses = addresses;
    w->set = set;
    w->count = count;
    w->wires = (struct wires){.loop = loop,
                              .lingers = lingers,
                              .readable = ws_on_readable,
                              .writeable = ws_on_writeable,
                              .resumed = ws_on_resumed,
                              .closed = ws_on_closed};
    wires_init(&w->wires);
    return w;
}

void ws_adopt(struct ws *w, int fd, struct address *from, const char *answer, size_t len) {
    struct peer *p = calloc(1, sizeof *p);
    if (!p || !wire_open(&p->wire, &w->wires, fd)) {
        if (!p)
            close(fd);
        free(p);
        addresses_leave(w->addresses, from);
        return;
    }
    p->ws = w;
    wire_write(&p->wire, answer, len);
    p->session = dispatch_open(w->node, &p->wire, from);
    if (p->session)
        return;
    addresses_leave(w->addresses, from);
    wire_kill(&p->wire);
}

void ws_sweep(struct ws *w, uint64_t now_ms) {
    wires_sweep(&w->wires, now_ms);
}

void ws_close(struct ws *w) {
    if (w)
        wires_close(&w->wires);
}

void ws_free(struct ws *w) {
    free(w);
}
