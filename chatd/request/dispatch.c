/* dispatch - see dispatch.h. */
#include "chatd/request/dispatch.h"

#include "chatd/daemon/node.h"
#include "chatd/request/auth.h"
#include "chatd/request/verbs.h"
#include "common/base/clock.h"
#include "common/proto/request.h"

#define BAD_IN_A_ROW 10  /* malformed frames: then the connection is closed */
#define FLOOD_MAX 1000   /* requests refused for their rate: likewise … */
#define FLOOD_FORGIVES 4 /* … but each that is taken makes up for so many */

/* The table's column RUN, as the driver knows it. */
#define RUN_ALONE
#define RUN_COSTLY .costly = true,
#define RUN_APPENDS .may_follow = verb_message_may_follow,

static const struct verb VERBS[REQ_KINDS] = {
#define X(sym, type, body, need, rank, run, answer)                                                \
    [REQ_##sym] = {.steps = VERB_##sym,                                                            \
                   .begin = auth_begin,                                                            \
                   .anyone = RANK_##rank == RANK_ANYONE,                                           \
                   RUN_##run},
    REQUEST_TABLE(X)
#undef X
};

/* Malformed JSON, ten times in a row, is no client of ours. */
static void count_bad(struct session *s, struct err *e) {
    if (e->code != ERR_BAD_JSON)
        s->bad_in_a_row = 0;
    else if (++s->bad_in_a_row >= BAD_IN_A_ROW)
        err_refuse(e, ERR_TOO_MANY_ERRORS);
}

/* By how many ms the request goes over a rate: the connection's, the user's or the address'. */
static uint32_t over_rate(const struct chatd_settings *set, struct session *s, uint64_t now_ms) {
    if (s->address->loopback && !set->limit_loopback)
        return 0;
    uint32_t wait = bucket_take(&s->rate, set->max_rate, now_ms);
    if (wait == 0 && s->account)
        wait = bucket_take(&s->account->rate[ACCOUNT_REQUESTS], set->max_rate_user, now_ms);
    return wait ? wait
                : bucket_take(&s->address->rate[ADDRESS_REQUESTS], set->max_rate_address, now_ms);
}

/* 0, or after how many ms there is room for one. A client that goes on and on in spite of that is
 * flooding.
 */
static uint32_t take_turn(const struct node *node, struct session *s) {
    uint32_t wait = over_rate(node->set, s, clock_mono_ms());
    if (wait)
        s->flooded++;
    else
        s->flooded -= s->flooded < FLOOD_FORGIVES ? s->flooded : FLOOD_FORGIVES;
    return wait;
}

static void check_rate(struct node *node, struct session *s, struct err *e) {
    uint32_t wait = take_turn(node, s);
    if (wait == 0)
        return;
    err_refuse(e, s->flooded >= FLOOD_MAX ? ERR_FLOOD : ERR_RATE_LIMITED);
    e->retry_after_ms = wait;
}

struct session *dispatch_open(struct node *node, struct lws *wsi, struct address *address) {
    struct session *s =
        session_new(&node->sessions, wsi, address, node->set->max_rate, clock_mono_ms());
    if (!s)
        return NULL;
    node->count.connections++;
    struct buf *b = frame_scratch();
    response_encode_ready(b, &s->uuid, "chatd", CHATD_VERSION, &node->limits);
    session_push_json(s, b);
    return s;
}

void dispatch_pinged(struct session *s, const char *payload, size_t len) {
    struct frame *pong;
    session_heard(s, clock_mono_ms());
    pong = s->closing ? NULL : frame_pong(payload, len);
    session_push(s, pong);
    frame_unref(pong);
}

void dispatch_ponged(struct node *node, struct session *s) {
    session_heard(s, clock_mono_ms());
    if (!s->closing && take_turn(node, s) && s->flooded >= FLOOD_MAX)
        session_close(s, CLOSE_FLOOD);
}

void dispatch_receive(struct node *node, struct session *s, const char *text, size_t len) {
    struct request req;
    struct err e = {0};
    session_heard(s, clock_mono_ms());
    if (s->closing || s->finishing || node->draining)
        return;
    node->count.requests++;
    request_decode(text, len, &req, &e);
    count_bad(s, &e);
    if (e.code != ERR_TOO_MANY_ERRORS) /* a malformed frame counts, too */
        check_rate(node, s, &e);
    op_submit(&node->ops, s, &VERBS[req.kind], &req, e.code ? &e : NULL);
}
