/* test_session - the outbound queue and its cap, one write a session and turn, closing behind what
 * is queued, life after the socket, and the sweep. The socket is a fake. */
#include "chatd/session/session.h"

#include "common/base/log.h"
#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake_wire.h"

#define CAP 1000
#define PING_MS 30000
#define SIGN_IN_MS 10000

static struct sessions ALL;
static struct lws WSI[4];
static struct address ADDRESS = {.text = "192.0.2.1"};
static struct session *GONE[16];
static unsigned GONE_COUNT;

static void gone(struct session *s) {
    GONE[GONE_COUNT++] = s;
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return secret_init() ? 0 : -1;
}

static int setup(void **state) {
    (void)state;
    memset(WSI, 0, sizeof WSI);
    GONE_COUNT = 0;
    return sessions_init(&ALL, CAP, gone) ? 0 : -1;
}

static void end_session(struct session *s, void *arg) {
    (void)arg;
    if (s->wsi)
        session_detach(s);
}

static int teardown(void **state) {
    (void)state;
    sessions_each(&ALL, end_session, NULL);
    sessions_flush(&ALL);
    assert_int_equal(ALL.count, 0);
    assert_null(ALL.heard.first);
    assert_null(ALL.heard.last);
    assert_null(ALL.unsig.first);
    assert_null(ALL.unsig.last);
    assert_null(ALL.dirty);
    sessions_free(&ALL);
    for (int i = 0; i < 4; i++)
        fake_wire_free(&WSI[i]);
    return 0;
}

static struct session *session_at(unsigned i, uint64_t now_ms) {
    struct session *s = session_new(&ALL, &WSI[i], &ADDRESS, 10, now_ms);
    assert_non_null(s);
    return s;
}

/* A frame that takes `size` bytes on the wire, all of them `c` behind the header. */
static struct frame *frame_of(char c, size_t size) {
    struct buf b;
    size_t header = size < 128 ? 2 : size < 65540 ? 4 : 10;
    buf_init(&b, 1u << 20);
    for (size_t i = header; i < size; i++)
        buf_char(&b, c);
    struct frame *f = frame_text(&b);
    buf_free(&b);
    assert_non_null(f);
    assert_int_equal(f->len, size);
    return f;
}

static void push(struct session *s, char c, size_t size) {
    struct frame *f = frame_of(c, size);
    session_push(s, f);
    frame_unref(f);
}

/* What was written is these frames, in this order: "abc" of 10 bytes each. */
static void check_written(const struct lws *wsi, const char *order, size_t size) {
    assert_int_equal(wsi->len, strlen(order) * size);
    for (size_t i = 0; order[i]; i++) {
        struct frame *f = frame_of(order[i], size);
        assert_memory_equal(wsi->bytes + i * size, f->bytes, size);
        frame_unref(f);
    }
}

/* --- The queue --- */

static void test_new(void **state) {
    (void)state;
    struct session *a = session_at(0, 5), *b = session_at(1, 6);
    assert_int_equal(ALL.count, 2);
    assert_false(uuid_eq(&a->uuid, &b->uuid));
    assert_ptr_equal(a->wsi, &WSI[0]);
    assert_null(a->account);
    assert_int_equal(a->closing, CLOSE_NONE);
    assert_int_equal(bucket_take(&a->rate, 10, 5), 0);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].writes, 0);
}

static void test_flush_is_one_write(void **state) {
    (void)state;
    struct session *a = session_at(0, 0), *b = session_at(1, 0);
    push(a, 'a', 10);
    push(b, 'x', 10);
    push(a, 'b', 10);
    push(a, 'c', 10);
    assert_int_equal(WSI[0].writes, 0); /* not before the turn's end */
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].writes, 1);
    assert_int_equal(WSI[1].writes, 1);
    check_written(&WSI[0], "abc", 10);
    check_written(&WSI[1], "x", 10);
    assert_int_equal(a->out_bytes, 0);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].writes, 1);
    assert_int_equal(WSI[0].wants, 0); /* a quiet socket needs no callback */
}

/* Shared by all, copied by none, freed with the last. */
static void test_shared_frame(void **state) {
    (void)state;
    struct frame *f = frame_of('s', 20);
    for (unsigned i = 0; i < 4; i++)
        session_push(session_at(i, 0), f);
    assert_int_equal(f->refs, 5);
    sessions_flush(&ALL);
    assert_int_equal(f->refs, 1);
    for (unsigned i = 0; i < 4; i++)
        check_written(&WSI[i], "s", 20);
    frame_unref(f);
}

static void test_ring_wraps_and_grows(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    char expected[500];
    unsigned n = 0;
    ALL.max_outbound = 1u << 20;
    for (unsigned batch = 1; batch < 30; batch++) {
        for (unsigned i = 0; i < batch; i++, n++) {
            expected[n] = (char)('a' + n % 26);
            push(s, expected[n], 10);
        }
        sessions_flush(&ALL);
    }
    expected[n] = '\0';
    check_written(&WSI[0], expected, 10);
    assert_int_equal(WSI[0].writes, 29);
}

static void test_json(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    struct buf b;
    buf_init(&b, 10);
    buf_str(&b, "{}");
    session_push_json(s, &b);
    assert_int_equal(b.len, 0);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].len, 4);
    assert_memory_equal(WSI[0].bytes, "\x81\x02{}", 4);
    buf_str(&b, "longer than the cap");
    session_push_json(s, &b); /* an answer that can't be made must not just be missing */
    assert_int_equal(s->closing, CLOSE_SERVER_ERROR);
    buf_free(&b);
}

/* --- The cap --- */

static void test_up_to_the_cap(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    for (int i = 0; i < 10; i++)
        push(s, 'a', CAP / 10);
    assert_int_equal(s->closing, CLOSE_NONE);
    assert_int_equal(s->out_bytes, CAP);
    sessions_flush(&ALL);
    check_written(&WSI[0], "aaaaaaaaaa", CAP / 10);
}

static void test_slow_consumer(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    WSI[0].result = WIRE_CHOKED;
    push(s, 'a', 10);
    sessions_flush(&ALL); /* from now on nothing is written */
    for (int i = 0; i < 10; i++)
        push(s, 'b', CAP / 10);
    sessions_flush(&ALL);
    assert_int_equal(s->closing, CLOSE_NONE);
    struct frame *f = frame_of('c', 3);
    session_push(s, f);
    assert_int_equal(s->closing, CLOSE_SLOW_CONSUMER);
    assert_int_equal(f->refs, 1); /* not taken, and the queue is gone: the memory is bounded */
    assert_int_equal(s->out_count, 0);
    assert_int_equal(s->out_bytes, 0);
    session_push(s, f);
    assert_int_equal(f->refs, 1);
    frame_unref(f);
    assert_true(WSI[0].close_within > 0); /* the peer may never read again */
    sessions_flush(&ALL);
    check_written(&WSI[0], "a", 10);
    assert_int_equal(WSI[0].goodbye, CLOSE_NONE);
    WSI[0].result = WIRE_SENT;
    session_writeable(s);
    assert_int_equal(WSI[0].goodbye, CLOSE_SLOW_CONSUMER);
    check_written(&WSI[0], "a", 10);
}

/* An answer larger than the cap goes out if nothing else waits. */
static void test_large_frame(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    push(s, 'l', 5 * CAP);
    assert_int_equal(s->closing, CLOSE_NONE);
    sessions_flush(&ALL);
    check_written(&WSI[0], "l", 5 * CAP);
    push(s, 'a', 10);
    push(s, 'l', 5 * CAP);
    assert_int_equal(s->closing, CLOSE_SLOW_CONSUMER);
}

/* Many tiny frames cost more than their bytes. */
static void test_too_many_frames(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    struct frame *f = frame_of('t', 3);
    ALL.max_outbound = 1u << 30;
    unsigned n = 0;
    while (s->closing == CLOSE_NONE && n < 1u << 20) {
        session_push(s, f);
        n++;
    }
    assert_int_equal(n, 16384 + 1);
    assert_int_equal(s->closing, CLOSE_SLOW_CONSUMER);
    assert_int_equal(f->refs, 1);
    frame_unref(f);
}

/* More than fits into one write goes out in several, whole and in order. */
static void test_gather(void **state) {
    (void)state;
    static const size_t SIZES[] = {10,    30000, 30000, 30000, 100000, 10,
                                   61440, 61441, 10,    10,    61430,  70000};
    struct session *s = session_at(0, 0);
    size_t total = 0;
    ALL.max_outbound = 1u << 20;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        push(s, (char)('a' + i), SIZES[i]);
        total += SIZES[i];
    }
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].len, total);
    assert_true(WSI[0].writes > 5 && WSI[0].writes < sizeof SIZES / sizeof *SIZES);
    const char *at = WSI[0].bytes;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        struct frame *f = frame_of((char)('a' + i), SIZES[i]);
        assert_memory_equal(at, f->bytes, SIZES[i]);
        at += SIZES[i];
        frame_unref(f);
    }
    assert_int_equal(s->out_bytes, 0);
}

/* --- A choked and a dead socket --- */

static void test_choked(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    WSI[0].result = WIRE_CHOKED;
    push(s, 'a', 10);
    sessions_flush(&ALL);
    check_written(&WSI[0], "a", 10); /* taken all the same */
    assert_int_equal(WSI[0].wants, 1);
    push(s, 'b', 10);
    push(s, 'c', 10);
    sessions_flush(&ALL);
    check_written(&WSI[0], "a", 10);
    session_writeable(s); /* still choked after this: one more write, and asked for again */
    check_written(&WSI[0], "abc", 10);
    assert_int_equal(WSI[0].writes, 2);
    assert_int_equal(WSI[0].wants, 2);
    WSI[0].result = WIRE_SENT;
    session_writeable(s);
    assert_int_equal(WSI[0].wants, 2);
    push(s, 'd', 10);
    sessions_flush(&ALL);
    check_written(&WSI[0], "abcd", 10);
}

static void test_what_is_unread(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    WSI[0] = (struct lws){.kernel = 1000, .result = WIRE_CHOKED};
    push(s, 'a', 10);
    assert_int_equal(session_unread(s), 10);
    sessions_flush(&ALL);
    push(s, 'b', 20);
    assert_int_equal(session_unread(s), 1020);
}

static void test_dead(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    ALL.max_outbound = 1u << 20;
    WSI[0].result = WIRE_DEAD;
    push(s, 'a', 70000);
    push(s, 'b', 70000);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].writes, 1);
    assert_int_equal(s->out_count, 0);
    for (int i = 0; i < 5; i++) {
        push(s, 'c', 10);
        sessions_flush(&ALL);
    }
    assert_int_equal(WSI[0].writes, 1); /* a dead socket isn't written to again */
    session_detach(s);
    sessions_flush(&ALL);
    assert_int_equal(GONE_COUNT, 1);
}

/* --- Closing --- */

static void test_close_follows_the_queue(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    push(s, 'a', 10);
    session_close(s, CLOSE_KICKED);
    session_close(s, CLOSE_FLOOD); /* the first reason counts */
    push(s, 'b', 10);              /* too late */
    assert_true(WSI[0].close_within > 0);
    assert_int_equal(WSI[0].goodbye, CLOSE_NONE);
    sessions_flush(&ALL);
    check_written(&WSI[0], "a", 10);
    assert_int_equal(WSI[0].goodbye, CLOSE_KICKED);
    assert_int_equal(WSI[0].len_at_goodbye, 10);
    WSI[0].goodbye = CLOSE_NONE;
    session_close(s, CLOSE_FLOOD);
    sessions_flush(&ALL);
    session_writeable(s);
    assert_int_equal(WSI[0].goodbye, CLOSE_NONE); /* once */
}

static void test_close_of_a_choked_one_waits(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    WSI[0].result = WIRE_CHOKED;
    push(s, 'a', 10);
    sessions_flush(&ALL);
    push(s, 'b', 10);
    session_close(s, CLOSE_GOING_AWAY);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].goodbye, CLOSE_NONE);
    assert_true(WSI[0].wants > 0);
    session_writeable(s); /* takes b, and is choked again */
    assert_int_equal(WSI[0].goodbye, CLOSE_NONE);
    WSI[0].result = WIRE_SENT;
    session_writeable(s);
    check_written(&WSI[0], "ab", 10);
    assert_int_equal(WSI[0].goodbye, CLOSE_GOING_AWAY);
    assert_int_equal(WSI[0].len_at_goodbye, 20);
}

static void test_close_with_nothing_queued(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    s->paused = true;
    session_close(s, CLOSE_POLICY);
    assert_int_equal(WSI[0].resumes, 1); /* the peer's close frame must be read */
    assert_false(s->paused);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].goodbye, CLOSE_POLICY);
    assert_int_equal(WSI[0].writes, 0);
}

/* The peer goes: what was queued comes before the answer, which repeats its code, and nothing may
 * follow. */
static void test_goodbye_of_the_peer(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    push(s, 'a', 10);
    session_goodbye_came(s, 3333);
    push(s, 'b', 10);
    session_close(s, CLOSE_KICKED);
    assert_int_equal(WSI[0].leaves, 0);
    sessions_flush(&ALL);
    check_written(&WSI[0], "a", 10);
    assert_int_equal(WSI[0].goodbye, 3333);
    assert_int_equal(WSI[0].leaves, 1);
    session_goodbye_came(s, 1000); /* again */
    assert_int_equal(WSI[0].goodbye, 3333);
}

static void test_goodbye_answers_ours(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    session_close(s, CLOSE_KICKED);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].leaves, 0);
    session_goodbye_came(s, 1000);
    assert_int_equal(WSI[0].leaves, 1);
    assert_int_equal(s->closing, CLOSE_KICKED);
    assert_int_equal(WSI[0].goodbye, CLOSE_KICKED);
}

static void test_goodbyes_that_cross(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    session_close(s, CLOSE_KICKED);
    session_goodbye_came(s, 1000);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].goodbye, CLOSE_KICKED);
    assert_int_equal(WSI[0].leaves, 1);
}

/* Requests that came before are answered first. */
static void test_finish_waits_for_answers(void **state) {
    (void)state;
    static struct op *op = (struct op *)&op; /* only looked at */
    struct session *s = session_at(0, 0);
    s->op_head = op;
    session_finish(s, CLOSE_TOO_BIG);
    session_finish(s, CLOSE_BAD_UTF8);
    assert_int_equal(s->closing, CLOSE_NONE);
    assert_int_equal(s->finishing, CLOSE_TOO_BIG);
    assert_true(WSI[0].close_within > 0);
    push(s, 'a', 10);
    s->op_head = NULL;
    session_close(s, s->finishing);
    sessions_flush(&ALL);
    check_written(&WSI[0], "a", 10);
    assert_int_equal(WSI[0].goodbye, CLOSE_TOO_BIG);
    assert_int_equal(WSI[0].leaves, 0); /* the peer's close frame is waited for */
}

static void test_broken_frames_are_the_last(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    session_broken(s);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].goodbye, 1002);
    assert_int_equal(WSI[0].leaves, 1);
}

/* It may be half-closed: what is owed is given, on another wsi; once. */
static void test_the_end_of_what_is_sent(void **state) {
    (void)state;
    struct session *none = session_at(0, 0), *owed = session_at(1, 0);
    assert_false(session_ended(none));
    push(owed, 'a', 10);
    assert_true(session_ended(owed));
    session_moved(owed, &WSI[2]);
    assert_true(WSI[2].wants > 0 && WSI[2].close_within > 0);
    sessions_flush(&ALL);
    assert_int_equal(WSI[1].writes, 0);
    check_written(&WSI[2], "a", 10);
    assert_int_equal(WSI[2].goodbye, CLOSE_NORMAL);
    assert_int_equal(WSI[2].leaves, 1);
    assert_false(session_ended(owed));
}

/* Neither does a close frame that waits to be written. */
static void test_the_end_behind_a_goodbye(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    session_goodbye_came(s, 3333);
    assert_true(session_ended(s));
    session_moved(s, &WSI[1]);
    sessions_flush(&ALL);
    assert_int_equal(WSI[1].goodbye, 3333);
    assert_int_equal(WSI[1].leaves, 1);
    assert_false(session_ended(s));
}

/* Both said goodbye, and ours waits for room in the socket: it isn't left before. */
static void test_a_choked_goodbye(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    WSI[0].result = WIRE_CHOKED;
    session_goodbye_came(s, 1000);
    sessions_flush(&ALL);
    assert_int_equal(WSI[0].goodbye, 1000);
    assert_int_equal(WSI[0].leaves, 0);
    WSI[0].result = WIRE_SENT;
    session_writeable(s);
    assert_int_equal(WSI[0].leaves, 1);
}

/* --- Life --- */

static void test_detach_frees(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    session_detach(s);
    assert_int_equal(GONE_COUNT, 1);
    assert_ptr_equal(GONE[0], s);
    assert_int_equal(ALL.count, 0);
}

static void test_detach_with_a_queue(void **state) {
    (void)state;
    struct session *a = session_at(0, 0), *b = session_at(1, 0);
    struct frame *f = frame_of('a', 10);
    session_push(a, f);
    session_push(b, f);
    session_detach(a);
    assert_int_equal(f->refs, 2);    /* b's and ours */
    assert_int_equal(GONE_COUNT, 0); /* it stands on the list of this turn */
    sessions_flush(&ALL);
    assert_int_equal(GONE_COUNT, 1);
    assert_ptr_equal(GONE[0], a);
    check_written(&WSI[1], "a", 10);
    assert_int_equal(WSI[0].writes, 0);
    frame_unref(f);
}

/* Requests that had arrived are carried out without a socket; their answers go nowhere. */
static void test_requests_outlive_the_socket(void **state) {
    (void)state;
    struct session *s = session_at(0, 0);
    s->op_head = (struct op *)(void *)&WSI[3]; /* any: it is only looked at */
    session_detach(s);
    assert_int_equal(GONE_COUNT, 0);
    push(s, 'a', 10);
    session_close(s, CLOSE_KICKED);
    sessions_flush(&ALL);
    sessions_sweep(&ALL, 10 * PING_MS, PING_MS, SIGN_IN_MS);
    sessions_flush(&ALL);
    assert_int_equal(GONE_COUNT, 0);
    assert_int_equal(WSI[0].writes + WSI[0].kills, 0);
    s->op_head = NULL;
    s->advancing = true;
    session_release(s);
    assert_int_equal(GONE_COUNT, 0);
    s->advancing = false;
    session_release(s);
    assert_int_equal(GONE_COUNT, 1);
}

static unsigned COUNTED;

static void count_and_detach(struct session *s, void *arg) {
    COUNTED++;
    if (arg)
        session_detach(s);
}

static void test_each(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        session_at(i, i);
    COUNTED = 0;
    sessions_each(&ALL, count_and_detach, NULL);
    assert_int_equal(COUNTED, 4);
    sessions_each(&ALL, count_and_detach, &COUNTED); /* each may go while it is visited */
    assert_int_equal(COUNTED, 8);
    assert_int_equal(ALL.count, 0);
}

/* --- The sweep --- */

static void sweep(uint64_t now_ms) {
    sessions_sweep(&ALL, now_ms, PING_MS, SIGN_IN_MS);
    sessions_flush(&ALL);
}

static void sign_in(struct session *s) {
    session_mark_signed(s, true, 0);
}

static void test_pings(void **state) {
    (void)state;
    struct session *a = session_at(0, 0), *b = session_at(1, 0);
    sign_in(a);
    sign_in(b);
    sweep(PING_MS - 1);
    assert_int_equal(WSI[0].writes, 0);
    session_heard(b, PING_MS - 1);
    sweep(PING_MS);
    assert_int_equal(WSI[0].len, ALL.ping->len);
    assert_memory_equal(WSI[0].bytes, ALL.ping->bytes, ALL.ping->len);
    assert_int_equal(WSI[1].writes, 0); /* was heard of */
    sweep(PING_MS + 1000);
    assert_int_equal(WSI[0].writes, 1); /* one ping for one silence */
    session_heard(a, PING_MS + 2000);   /* the pong */
    sweep(2 * PING_MS + 1000);
    assert_int_equal(WSI[0].writes, 1);
    assert_int_equal(WSI[0].kills, 0);
    assert_int_equal(WSI[1].writes, 1);
    sweep(2 * PING_MS + 2000);
    assert_int_equal(WSI[0].writes, 2); /* the next silence gets its own */
}

static void test_kills_the_dead(void **state) {
    (void)state;
    struct session *a = session_at(0, 0), *b = session_at(1, 0);
    sign_in(a);
    sign_in(b);
    sweep(PING_MS);
    session_heard(b, PING_MS + 5);
    sweep(2 * PING_MS - 1);
    assert_int_equal(WSI[0].kills, 0);
    sweep(2 * PING_MS);
    assert_int_equal(WSI[0].kills, 1);
    assert_int_equal(WSI[1].kills, 0);
}

/* The longest silent stand first, so that the sweep may stop at the first that isn't due. */
static void test_order_of_silence(void **state) {
    (void)state;
    struct session *s[4];
    for (unsigned i = 0; i < 4; i++) {
        s[i] = session_at(i, i);
        sign_in(s[i]);
    }
    session_heard(s[0], 10);
    session_heard(s[2], 11);
    session_heard(s[2], 12);
    session_heard(s[1], 13);
    session_heard(s[1], 13);
    const unsigned ORDER[] = {3, 0, 2, 1};
    struct session *at = ALL.heard.first;
    for (int i = 0; i < 4; i++, at = at->heard.next)
        assert_ptr_equal(at, s[ORDER[i]]);
    assert_null(at);
    at = ALL.heard.last;
    for (int i = 3; i >= 0; i--, at = at->heard.prev)
        assert_ptr_equal(at, s[ORDER[i]]);
    sweep(PING_MS + 11);
    assert_int_equal(WSI[3].writes, 1);
    assert_int_equal(WSI[0].writes, 1);
    assert_int_equal(WSI[2].writes, 0);
    assert_int_equal(WSI[1].writes, 0);
}

/* What comes without a request in it, 8 KiB a second: too much is seen at once. */
static void test_noise(void **state) {
    (void)state;
    struct session *quiet = session_at(0, 0), *noisy = session_at(1, 0), *slow = session_at(2, 0);
    ALL.policed = true;
    quiet->came_bytes = quiet->counted_bytes = 1u << 20; /* requests have limits of their own */
    session_heard(quiet, 500);
    noisy->came_bytes = 16384;
    session_heard(noisy, 500);
    assert_int_equal(noisy->closing, CLOSE_NONE);
    noisy->came_bytes++;
    session_heard(noisy, 501);
    assert_int_equal(noisy->closing, CLOSE_FLOOD);
    for (uint64_t s = 1; s < 10; s++) {
        slow->came_bytes += 8192;
        session_heard(slow, s * 1000);
    }
    assert_int_equal(quiet->closing, CLOSE_NONE);
    assert_int_equal(slow->closing, CLOSE_NONE);
    slow->came_bytes = 11 * 8192 + 1; /* in ten seconds */
    session_heard(slow, 19000);
    assert_int_equal(slow->closing, CLOSE_FLOOD);
}

/* Some of a frame has come; the rest may not take as long as the sign-in. */
static void test_deadline_of_what_has_begun(void **state) {
    (void)state;
    struct session *a = session_at(0, 0), *b = session_at(1, 0), *c = session_at(2, 0);
    session_mark_begun(a, true, 1000);
    session_mark_begun(b, true, 2000);
    session_mark_begun(c, true, 3000);
    session_mark_begun(a, false, 4000); /* it has come */
    sign_in(c);
    c->account = (struct account *)(void *)&ALL; /* any */
    sessions_sweep(&ALL, 31999, 1u << 20, 1u << 20);
    assert_int_equal(b->closing, CLOSE_NONE);
    sessions_sweep(&ALL, 33000, 1u << 20, 1u << 20);
    assert_int_equal(a->closing, CLOSE_NONE);
    assert_int_equal(b->closing, CLOSE_SIGN_IN_TIMEOUT);
    assert_int_equal(c->closing, CLOSE_NONE);
    c->account = NULL;
}

static void test_sign_in_deadline(void **state) {
    (void)state;
    struct session *a = session_at(0, 0), *b = session_at(1, 0), *c = session_at(2, 500);
    sign_in(b);
    sweep(SIGN_IN_MS - 1);
    assert_int_equal(WSI[0].goodbye, CLOSE_NONE);
    sweep(SIGN_IN_MS);
    assert_int_equal(WSI[0].goodbye, CLOSE_SIGN_IN_TIMEOUT);
    assert_int_equal(WSI[1].goodbye, CLOSE_NONE);
    assert_int_equal(WSI[2].goodbye, CLOSE_NONE);
    sign_in(c);
    session_mark_signed(b, false, 20000); /* signed out: the deadline starts anew */
    session_mark_signed(b, false, 21000);
    sweep(21000 + SIGN_IN_MS - 1);
    assert_int_equal(WSI[1].goodbye, CLOSE_NONE);
    sweep(21000 + SIGN_IN_MS);
    assert_int_equal(WSI[1].goodbye, CLOSE_SIGN_IN_TIMEOUT);
    assert_int_equal(WSI[2].goodbye, CLOSE_NONE);
    (void)a;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_new),
        TEST(test_flush_is_one_write),
        TEST(test_shared_frame),
        TEST(test_ring_wraps_and_grows),
        TEST(test_json),
        TEST(test_up_to_the_cap),
        TEST(test_slow_consumer),
        TEST(test_large_frame),
        TEST(test_too_many_frames),
        TEST(test_gather),
        TEST(test_choked),
        TEST(test_what_is_unread),
        TEST(test_dead),
        TEST(test_close_follows_the_queue),
        TEST(test_close_of_a_choked_one_waits),
        TEST(test_close_with_nothing_queued),
        TEST(test_goodbye_of_the_peer),
        TEST(test_goodbye_answers_ours),
        TEST(test_goodbyes_that_cross),
        TEST(test_finish_waits_for_answers),
        TEST(test_broken_frames_are_the_last),
        TEST(test_the_end_of_what_is_sent),
        TEST(test_the_end_behind_a_goodbye),
        TEST(test_a_choked_goodbye),
        TEST(test_detach_frees),
        TEST(test_detach_with_a_queue),
        TEST(test_requests_outlive_the_socket),
        TEST(test_each),
        TEST(test_pings),
        TEST(test_kills_the_dead),
        TEST(test_order_of_silence),
        TEST(test_noise),
        TEST(test_deadline_of_what_has_begun),
        TEST(test_sign_in_deadline),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
