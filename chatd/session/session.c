/* session - see session.h. */
#include "chatd/session/session.h"

#include "chatd/base/list.h"
#include "chatd/session/wire.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

#define OUT_FIRST 4        /* frames the ring holds at first */
#define OUT_KEEP 64        /* a ring larger than that is given back when it is empty */
#define OUT_FRAMES 16384   /* frames at most, whatever their size */
#define GATHER (60 * 1024) /* bytes of several frames that go out in one write */
#define NOISE_BYTES 8192   /* a second: of pings and other frames without a request in them */
#define POLICE_MS 1000     /* that they are counted for, at least */
#define CLOSE_SECONDS 5    /* for what is queued and the close handshake */
#define BEGUN_MS 30000     /* for the rest of a frame before sign-in */

/* --- Life --- */

bool sessions_init(struct sessions *all, uint64_t max_outbound, void (*gone)(struct session *s)) {
    *all = (struct sessions){.max_outbound = max_outbound, .gone = gone, .ping = frame_ping()};
    return all->ping != NULL;
}

void sessions_free(struct sessions *all) {
    frame_unref(all->ping);
    all->ping = NULL;
}

struct session *session_new(struct sessions *all, struct lws *wsi, struct address *address,
                            uint64_t rate, uint64_t now_ms) {
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->all = all;
    s->wsi = wsi;
    s->uuid = uuid_make_quick();
    s->address = address;
    s->heard_ms = s->policed_ms = now_ms;
    bucket_init(&s->rate, rate, now_ms);
    LIST_APPEND(&all->heard, s, heard);
    session_mark_signed(s, false, now_ms);
    all->count++;
    return s;
}

static void drop_out(struct session *s) {
    while (s->out_count > 0) {
        frame_unref(s->out[s->out_head]);
        s->out_head = (uint16_t)((s->out_head + 1) & (s->out_cap - 1));
        s->out_count--;
    }
    free(s->out);
    s->out = NULL;
    s->out_head = s->out_cap = 0;
    s->out_bytes = 0;
}

void session_release(struct session *s) {
    if (s->wsi || s->op_head || s->dirty ||
        s->advancing) /* advance's caller asks again; see op.h */
        return;
    s->all->gone(s);
    LIST_REMOVE(&s->all->heard, s, heard);
    LIST_REMOVE(&s->all->unsig, s, unsig);
    LIST_REMOVE(&s->all->half, s, half);
    s->all->count--;
    free(s->part);
    drop_out(s);
    free(s);
}

void session_detach(struct session *s) {
    s->wsi = NULL;
    drop_out(s);
    session_release(s);
}

/* --- Outbound --- */

static bool grow(struct session *s) {
    unsigned cap = s->out_cap ? s->out_cap * 2u : OUT_FIRST;
    struct frame **ring = cap <= OUT_FRAMES ? malloc(cap * sizeof *ring) : NULL;
    if (!ring)
        return false;
    for (unsigned i = 0; i < s->out_count; i++)
        ring[i] = s->out[(s->out_head + i) & (s->out_cap - 1u)];
    free(s->out);
    s->out = ring;
    s->out_head = 0;
    s->out_cap = (uint16_t)cap;
    return true;
}

static void mark_dirty(struct session *s) {
    if (s->dirty)
        return;
    s->dirty = true;
    s->dirty_next = NULL;
    if (s->all->dirty_last)
        s->all->dirty_last->dirty_next = s;
    else
        s->all->dirty = s;
    s->all->dirty_last = s;
}

/* Its queue goes, since it can't be written in time; the close frame follows what the wire keeps,
 * or the sweep ends it. */
static void cut_off(struct session *s) {
    log_info("slow_consumer", "session_bytes=%u address=%s", s->out_bytes, s->address->text);
    s->all->slow++;
    drop_out(s);
    session_close(s, CLOSE_SLOW_CONSUMER);
}

void session_push(struct session *s, struct frame *f) {
    if (!f || !s->wsi || s->closing)
        return;
    /* A single frame always fits: an answer larger than the cap is its reader's own wish. */
    if ((s->out_count && s->out_bytes + f->len > s->all->max_outbound) ||
        (s->out_count == s->out_cap && !grow(s))) {
        cut_off(s);
        return;
    }
    s->out[(s->out_head + s->out_count) & (s->out_cap - 1u)] = frame_ref(f);
    s->out_count++;
    s->out_bytes += f->len;
    mark_dirty(s);
}

void session_push_json(struct session *s, struct buf *json) {
    struct frame *f = frame_text(json);
    if (!f)
        session_close(s, CLOSE_SERVER_ERROR);
    session_push(s, f);
    frame_unref(f);
}

void session_pause(struct session *s) {
    if (s->paused || !s->wsi)
        return;
    s->paused = true;
    wire_pause(s->wsi, true);
}

void session_close(struct session *s, enum close_code code) {
    if (!s->wsi || s->closing)
        return;
    if (code != CLOSE_NORMAL && code != CLOSE_GOING_AWAY && code != CLOSE_SLOW_CONSUMER)
        log_client("client_closed", "code=%d reason=\"%s\" address=%s", (int)code,
                   err_close_text(code), s->address->text);
    s->closing = code;
    if (s->paused) /* the peer's close frame is waited for */
        wire_pause(s->wsi, false);
    s->paused = false;
    wire_close_within(s->wsi, CLOSE_SECONDS);
    mark_dirty(s);
}

void session_finish(struct session *s, enum close_code code) {
    if (!s->wsi || s->closing || s->finishing)
        return;
    if (!s->op_head) {
        session_close(s, code);
        return;
    }
    s->finishing = code;
    wire_close_within(s->wsi, CLOSE_SECONDS);
}

bool session_is_over(const struct session *s) {
    return !s->wsi || (s->peer_done && s->said_goodbye && !s->choked);
}

static void leave(struct session *s) {
    if (s->wsi && session_is_over(s))
        wire_leave(s->wsi);
}

void session_goodbye_came(struct session *s, unsigned answer) {
    s->peer_done = true;
    leave(s);
    if (s->closing || s->finishing)
        return;
    s->echo = true;
    s->peer_code = (uint16_t)answer;
    session_finish(s, CLOSE_NORMAL);
}

void session_broken(struct session *s) {
    s->peer_done = true;
    leave(s);
    session_finish(s, CLOSE_PROTOCOL);
}

bool session_ended(struct session *s) {
    if (s->peer_ended || s->said_goodbye)
        return false;
    s->peer_ended = s->peer_done = true;
    if (!s->op_head && s->out_count == 0 && !s->closing)
        return false;
    session_finish(s, CLOSE_NORMAL);
    return true;
}

void session_moved(struct session *s, struct lws *wsi) {
    s->wsi = wsi;
    wire_close_within(wsi, CLOSE_SECONDS);
    wire_want_writeable(wsi);
}

/* Takes frames from the queue into `bytes` while they fit; at least one. A single frame is used
 * where it is: *single is set and must be unref'ed. */
static size_t session_gather(struct session *s, unsigned char *bytes, struct frame **single) {
    size_t n = 0;
    *single = NULL;
    while (s->out_count > 0) {
        struct frame *f = s->out[s->out_head];
        bool alone = n == 0 && (s->out_count == 1 || f->len > GATHER);
        if (!alone && n + f->len > GATHER)
            break;
        s->out_head = (uint16_t)((s->out_head + 1) & (s->out_cap - 1));
        s->out_count--;
        s->out_bytes -= f->len;
        n += f->len;
        if (alone) {
            *single = f;
            break;
        }
        memcpy(bytes + n - f->len, f->bytes, f->len);
        frame_unref(f);
    }
    return n;
}

static enum wire_result say_goodbye(struct session *s) {
    s->said_goodbye = true;
    if (s->echo && s->closing == CLOSE_NORMAL)
        return wire_say_goodbye(s->wsi, s->peer_code, "");
    return wire_say_goodbye(s->wsi, s->closing, err_close_text(s->closing));
}

static void session_flush(struct session *s) {
    static unsigned char bytes[GATHER];
    while (s->out_count > 0 && !s->choked) {
        struct frame *single;
        size_t n = session_gather(s, bytes, &single);
        enum wire_result r = wire_write(s->wsi, single ? single->bytes : bytes, n);
        frame_unref(single);
        s->all->sent_bytes += n;
        s->choked = r != WIRE_SENT;
        if (r == WIRE_DEAD) {
            drop_out(s);
            return;
        }
    }
    if (s->out_count == 0 && s->out_cap > OUT_KEEP)
        drop_out(s);
    if (s->closing && !s->said_goodbye && !s->choked)
        s->choked = say_goodbye(s) != WIRE_SENT;
    leave(s);
    if (s->choked)
        wire_want_writeable(s->wsi);
}

size_t sessions_flush(struct sessions *all) {
    size_t n = 0;
    for (; all->dirty; n++) {
        struct session *s = all->dirty;
        all->dirty = s->dirty_next;
        if (!all->dirty)
            all->dirty_last = NULL;
        s->dirty = false;
        if (s->wsi && !s->choked)
            session_flush(s);
        else if (s->wsi && s->closing)
            wire_want_writeable(s->wsi);
        session_release(s);
    }
    return n;
}

size_t session_unread(const struct session *s) {
    return s->out_bytes + (s->wsi && s->choked ? wire_kernel_bytes(s->wsi) : 0);
}

void session_writeable(struct session *s) {
    s->choked = false;
    session_flush(s);
}

/* --- Time --- */

/* Bytes of pings, empty frames and the like, in a window that begins anew when it is a second old.
 * What was read of requests that have yet to be looked at is among them. */
static bool is_noisy(struct session *s, uint64_t now_ms) {
    uint64_t since_ms = now_ms - s->policed_ms, seconds = since_ms / 1000;
    if (!s->all->policed || (s->address->loopback && !s->all->policed_loopback))
        return false;
    uint64_t noise = s->came_bytes > s->counted_bytes ? s->came_bytes - s->counted_bytes : 0;
    if (since_ms >= POLICE_MS) {
        s->policed_ms = now_ms;
        s->came_bytes = s->counted_bytes = 0;
    }
    return noise > (seconds ? seconds + 1 : 2) * NOISE_BYTES;
}

void session_heard(struct session *s, uint64_t now_ms) {
    if (s->wsi && !s->closing && is_noisy(s, now_ms))
        session_close(s, CLOSE_FLOOD);
    s->heard_ms = now_ms;
    s->pinged = false;
    if (s->all->heard.last == s)
        return;
    LIST_REMOVE(&s->all->heard, s, heard);
    LIST_APPEND(&s->all->heard, s, heard);
}

void session_mark_signed(struct session *s, bool in, uint64_t now_ms) {
    LIST_REMOVE(&s->all->unsig, s, unsig);
    s->unsigned_ms = now_ms;
    if (!in)
        LIST_APPEND(&s->all->unsig, s, unsig);
}

void session_mark_begun(struct session *s, bool begun, uint64_t now_ms) {
    LIST_REMOVE(&s->all->half, s, half);
    s->begun = begun;
    s->begun_ms = now_ms;
    if (begun)
        LIST_APPEND(&s->all->half, s, half);
}

static void sweep_half(struct sessions *all, uint64_t now_ms) {
    struct session *next;
    for (struct session *s = all->half.first; s && s->begun_ms + BEGUN_MS <= now_ms; s = next) {
        next = s->half.next;
        session_mark_begun(s, false, now_ms);
        if (!s->account)
            session_close(s, CLOSE_SIGN_IN_TIMEOUT);
    }
}

static void sweep_silent(struct sessions *all, uint64_t now_ms, uint64_t ping_ms) {
    struct session *next;
    for (struct session *s = all->heard.first; s && s->heard_ms + ping_ms <= now_ms; s = next) {
        next = s->heard.next;
        if (!s->wsi)
            continue;
        if (!s->closing && is_noisy(s, now_ms))
            session_close(s, CLOSE_FLOOD);
        else if (!s->pinged) {
            s->pinged = true;
            session_push(s, all->ping);
        } else if (s->heard_ms + 2 * ping_ms <= now_ms)
            wire_kill(s->wsi);
    }
}

void sessions_sweep(struct sessions *all, uint64_t now_ms, uint64_t ping_ms, uint64_t sign_in_ms) {
    sweep_silent(all, now_ms, ping_ms);
    sweep_half(all, now_ms);
    struct session *next;
    for (struct session *s = all->unsig.first; s && s->unsigned_ms + sign_in_ms <= now_ms;
         s = next) {
        next = s->unsig.next;
        session_close(s, CLOSE_SIGN_IN_TIMEOUT);
    }
}

void sessions_each(struct sessions *all, void (*fn)(struct session *s, void *arg), void *arg) {
    struct session *next;
    for (struct session *s = all->heard.first; s; s = next) {
        next = s->heard.next;
        fn(s, arg);
    }
}
