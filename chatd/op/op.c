/* op - see op.h. */
#include "chatd/op/op.h"

#include "chatd/base/frame.h"
#include "chatd/session/account.h"
#include "chatd/session/hub.h"
#include "chatd/session/session.h"
#include "chatd/session/wire.h"
#include "common/base/log.h"
#include "common/proto/response.h"
#include "common/redis/reply.h"

#include <stdarg.h>
#include <stdlib.h>

static void advance(struct session *s);

/* --- Admission --- */

static bool may_enter(struct op *op) {
    if (!op->verb->costly || op->err.code)
        return true;
    op->inside = admission_enter(&op->all->admission, op->session);
    return op->inside;
}

/* An op that is let in may end at once (Redis is away): the loop that runs goes on with the next,
 * as op.h says. */
static void leave_admission(struct op *op) {
    struct admission *a = &op->all->admission;
    if (!op->inside)
        return;
    op->inside = false;
    admission_leave(a);
    if (a->opening)
        return;
    a->opening = true;
    for (struct session *s; (s = admission_next(a));) {
        advance(s);
        session_release(s);
    }
    a->opening = false;
}

/* --- Life --- */

void op_state_free(struct op *op) {
    if (op->state && op->state_clear)
        op->state_clear(op->state);
    free(op->state);
    op->state = NULL;
}

static void op_free(struct op *op) {
    op_state_free(op);
    frame_unref(op->answer);
    request_free(&op->req);
    if (op->channel)
        hub_unpin(op->all->hub, op->channel);
    if (op->account)
        account_unref(op->account);
    free(op);
}

void op_submit(struct ops *all, struct session *s, const struct verb *verb, struct request *req,
               const struct err *early) {
    struct op *op = calloc(1, sizeof *op);
    if (!op) {
        request_free(req);
        session_close(s, CLOSE_SERVER_ERROR);
        return;
    }
    op->all = all;
    op->node = all->node;
    op->session = s;
    op->verb = verb;
    op->came_ms = uv_now(all->loop);
    op->charged = s->account;
    op->req = *req;
    if (early)
        op->err = *early;
    *(s->op_tail ? &s->op_tail->next : &s->op_head) = op;
    s->op_tail = op;
    s->op_count++;
    if (s->op_count >= all->set->max_requests)
        session_pause(s);
    advance(s);
}

/* --- Answers --- */

static void make_error_answer(struct op *op) {
    struct buf *b = frame_scratch();
    op->all->count->errors[op->err.code]++;
    if (log_on(LOG_DEBUG))
        log_debug("request_refused", "request=%s error=%s address=%s", request_type(op->req.kind),
                  err_name(op->err.code), op->session->address->text);
    response_encode_error(b, &op->err, request_type(op->req.kind), &op->req.id);
    frame_unref(op->answer);
    op->answer = frame_text(b);
    if (!op->answer) /* out of memory: a client that can't be answered is sent away */
        session_close(op->session, CLOSE_SERVER_ERROR);
    if (op->err.code == ERR_INTERNAL)
        log_error("internal_error", "request=%s detail=\"%s\"", request_type(op->req.kind),
                  op->err.detail);
}

/* Answers what is done at the head of the queue. */
static void drain(struct session *s) {
    while (s->op_head && s->op_head->done) {
        struct op *op = s->op_head;
        s->op_head = op->next;
        if (!s->op_head)
            s->op_tail = NULL;
        s->op_count--;
        s->op_started--;
        if (op->answer)
            session_push(s, op->answer);
        enum close_code close = err_close(op->err.code);
        if (close)
            session_close(s, close);
        op_free(op);
    }
    if (s->op_started == 0)
        s->append_to = NULL;
    if (!s->op_head && s->finishing)
        session_close(s, s->finishing);
    if (s->paused && s->wsi && s->op_count < s->all->resume_below) {
        s->paused = false;
        wire_pause(s->wsi, false);
    }
}

static void op_end(struct op *op) {
    struct session *s = op->session;
    bool nested = s->advancing; /* then the call that starts requests still uses the session */
    if (op->err.code)
        make_error_answer(op);
    op->done = true;
    leave_admission(op);
    if (s->op_head == op)
        drain(s);
    if (nested)
        return;
    advance(s);
    session_release(s);
}

/* --- The driver --- */

static void run(struct op *op) {
    if (op->running)
        return;
    op->running = true;
    while (op->holds == 0 && !op->err.code) {
        if (!*op->step && op->after) {
            op->step = op->after;
            op->after = NULL;
        }
        if (!*op->step)
            break;
        op_step step = *op->step++;
        step(op);
    }
    op->running = false;
    if (op->holds == 0)
        op_end(op);
}

static bool may_start(const struct session *s, const struct op *op) {
    if (s->op_started == 0)
        return true;
    return s->append_to && !op->err.code && op->verb->may_follow && op->verb->may_follow(op);
}

static void op_start(struct op *op) {
    static const op_step none[] = {NULL};
    struct session *s = op->session;
    op->started = true;
    s->op_started++;
    op->step = none;
    if (!op->err.code)
        op->verb->begin(op);
    run(op);
}

/* Starts what may be started. A start may end at once and free its op, so the search begins anew.
 */
static void advance(struct session *s) {
    s->advancing = true;
    for (;;) {
        struct op *op = s->op_head;
        while (op && op->started)
            op = op->next;
        if (!op || !may_start(s, op) || !may_enter(op))
            break;
        op_start(op);
    }
    s->advancing = false;
}

/* --- For steps --- */

static void op_on_answer(const struct redisReply *reply, void *arg, link_aux aux) {
    struct op *op = arg;
    op_reply fn = (op_reply)aux;
    struct err e;
    if (reply_ok(reply, &e))
        op_fail_as(op, &e);
    else if (fn && !op->err.code)
        fn(op, reply);
    op_release(op);
}

void op_call(struct op *op, op_reply fn) {
    op->holds++;
    redis_call(op->all->redis, op_on_answer, op, (link_aux)fn);
}

struct item_call {
    struct op *op;
    op_item_reply fn;
    size_t item;
};

static void on_item(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct item_call *call = arg;
    struct op *op = call->op;
    struct err e;
    if (reply_ok(reply, &e))
        op_fail_as(op, &e);
    else if (!op->err.code)
        call->fn(op, reply, call->item);
    free(call);
    op_release(op);
}

void op_call_item(struct op *op, op_item_reply fn, size_t item) {
    struct item_call *call = malloc(sizeof *call);
    if (!call) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        return;
    }
    *call = (struct item_call){.op = op, .fn = fn, .item = item};
    op->holds++;
    redis_call(op->all->redis, on_item, call, NULL);
}

void op_tell(struct op *op) {
    redis_tell(op->all->redis);
}

void op_hold(struct op *op) {
    op->holds++;
}

void op_release(struct op *op) {
    op->holds--;
    if (op->holds == 0)
        run(op);
}

enum err_code op_fail(struct op *op, enum err_code code, const char *fmt, ...) {
    if (op->err.code)
        return op->err.code;
    char detail[sizeof op->err.detail];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    return err_set(&op->err, code, "%s", detail);
}

void op_refuse(struct op *op, enum err_code code) {
    op_fail(op, code, "%s", "");
}

void op_fail_as(struct op *op, const struct err *reason) {
    op_fail(op, reason->code, "%s", reason->detail);
}

void op_goto(struct op *op, const op_step *steps) {
    op->step = steps;
}

void *op_state(struct op *op, size_t size, void (*clear)(void *state)) {
    op->state = calloc(1, size);
    op->state_clear = clear;
    if (!op->state)
        op_fail(op, ERR_INTERNAL, "out of memory");
    return op->state;
}

struct sleeper {
    uv_timer_t timer;
    struct op *op;
};

static void free_sleeper(uv_handle_t *h) {
    free(h->data);
}

static void on_wake(uv_timer_t *t) {
    struct sleeper *z = t->data;
    struct op *op = z->op;
    uv_close((uv_handle_t *)t, free_sleeper);
    op_release(op);
}

void op_sleep(struct op *op, uint32_t ms) {
    struct sleeper *z = ms ? malloc(sizeof *z) : NULL;
    if (!z)
        return;
    uv_timer_init(op->all->loop, &z->timer);
    z->timer.data = z;
    z->op = op;
    op->holds++;
    uv_timer_start(&z->timer, on_wake, ms, 0);
}

void op_answer(struct op *op, struct buf *json) {
    op->answer = frame_text(json);
    if (!op->answer)
        op_fail(op, ERR_INTERNAL, "answer too large");
}
