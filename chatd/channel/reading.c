/* reading - see reading.h. */
#include "chatd/channel/reading.h"

#include "chatd/base/frame.h"
#include "chatd/channel/page.h"
#include "common/proto/response.h"
#include "common/redis/reply.h"

#include <stdlib.h>

/* A page: what was asked for and, once its ops go on, what there is. */
struct reading {
    struct reading *next; /* to be asked for */
    struct readings *all;
    unsigned refs, holds;
    struct op *first, *last; /* that wait for it, linked by batch_next */
    struct err err;

    struct channel_id id;
    uint64_t before, after; /* see struct request */
    uint32_t limit, offset;

    struct position at;
    int64_t total;
    struct page page; /* newest first */
};

/* --- Sharing --- */

static bool is_same(const struct reading *r, const struct channel_id *id,
                    const struct request *req) {
    return channel_eq(&r->id, id) && r->before == req->u.history.before &&
           r->after == req->u.history.after && r->limit == req->u.history.limit &&
           r->offset == req->u.history.offset;
}

static struct reading *reading_find(const struct readings *all, const struct channel_id *id,
                                    const struct request *req) {
    struct reading *r = all->first; /* no more of them than admission lets in */
    while (r && !is_same(r, id, req))
        r = r->next;
    return r;
}

static struct reading *reading_new(struct readings *all, const struct channel_id *id,
                                   const struct request *req) {
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->all = all;
    r->refs = 1; /* of those that answer */
    r->id = *id;
    r->before = req->u.history.before;
    r->after = req->u.history.after;
    r->limit = req->u.history.limit;
    r->offset = req->u.history.offset;
    page_init(&r->page, response_encode_read_message, &all->count->bad_entries);
    *(all->first ? &all->last->next : &all->first) = r;
    all->last = r;
    return r;
}

struct reading *reading_share(struct readings *all, struct op *op, const struct channel_id *id) {
    struct reading *r = reading_find(all, id, &op->req);
    if (!r)
        r = reading_new(all, id, &op->req);
    if (!r) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    r->refs++;
    op->batch_next = NULL;
    *(r->first ? &r->last->batch_next : &r->first) = op;
    r->last = op;
    op_hold(op);
    return r;
}

void reading_unref(struct reading *r) {
    if (--r->refs > 0)
        return;
    page_free(&r->page);
    free(r);
}

/* --- Answers --- */

static void on_place(struct reading *r, const struct redisReply *reply) {
    reply_place(reply, &r->at, &r->err);
}

static void on_length(struct reading *r, const struct redisReply *reply) {
    reply_i64(reply, 0, &r->total, &r->err);
}

/* How many of the first n entries fit into an answer. */
static size_t fitting(struct reading *r, const struct redisReply *reply, size_t n) {
    uint64_t bad = *r->page.bad;
    struct message m;
    size_t fit = 0;
    while (fit < n && page_take(&r->page, reply_item(reply, fit), &r->id, &m))
        fit++;
    *r->page.bad = bad;
    page_reset(&r->page);
    return fit;
}

static void on_entries(struct reading *r, const struct redisReply *reply) {
    struct message m;
    size_t n;
    if (reply_array(reply, &n, &r->err))
        return;
    /* Asked for by XRANGE, oldest first; the answer is newest first, and holds those nearest to
     * `after`. */
    bool oldest_first = r->after > 0;
    page_expect(&r->page, n);
    if (oldest_first)
        n = fitting(r, reply, n);
    for (size_t i = 0; i < n; i++)
        if (!page_take(&r->page, reply_item(reply, oldest_first ? n - 1 - i : i), &r->id, &m))
            break;
}

/* --- Asking --- */

typedef void (*reading_reply)(struct reading *r, const struct redisReply *reply);

static void reading_release(struct reading *r);

static void reading_on_answer(const struct redisReply *reply, void *arg, link_aux aux) {
    struct reading *r = arg;
    struct err e;
    if (!r->err.code && reply_ok(reply, &e))
        r->err = e;
    if (!r->err.code)
        ((reading_reply)aux)(r, reply);
    reading_release(r);
}

static void reading_call(struct reading *r, reading_reply fn) {
    r->holds++;
    redis_call(r->all->redis, reading_on_answer, r, (link_aux)fn);
}

static void ask_entries(struct reading *r, uint64_t newest) {
    struct cmd *c = &r->all->redis->cmd;
    if (r->after)
        cmd_log_forward(c, &r->all->redis->keys, &r->id, r->after, r->limit);
    else
        cmd_log_back(c, &r->all->redis->keys, &r->id, newest, 0, r->limit);
    reading_call(r, on_entries);
}

static void reading_ask(struct reading *r) {
    struct cmd *c = &r->all->redis->cmd;
    r->holds++; /* a link that is down answers at once */
    cmd_place(c, &r->all->redis->keys, &r->id);
    reading_call(r, on_place);
    cmd_log_length(c, &r->all->redis->keys, &r->id);
    reading_call(r, on_length);
    if (r->offset == 0 && r->before != 1)
        ask_entries(r, r->before ? r->before - 1 : 0);
    reading_release(r);
}

/* With an offset the place is counted from the newest, which is known only now: seqs are
 * contiguous, so it is arithmetic. */
static bool ask_offset(struct reading *r) {
    uint32_t offset = r->offset;
    r->offset = 0;
    if (offset == 0 || r->err.code || offset >= r->at.seq)
        return false;
    ask_entries(r, r->at.seq - offset);
    return true;
}

static void reading_end(struct reading *r) {
    while (r->first) {
        struct op *op = r->first;
        r->first = op->batch_next;
        if (r->err.code)
            op_fail_as(op, &r->err);
        op_release(op);
    }
    reading_unref(r);
}

static void reading_release(struct reading *r) {
    if (--r->holds == 0 && !ask_offset(r))
        reading_end(r);
}

void readings_flush(struct readings *all) {
    for (struct reading *r; (r = all->first);) {
        all->first = r->next;
        reading_ask(r);
    }
}

void reading_encode(const struct reading *r, struct buf *b, const struct uuid *recipient,
                    const struct request_id *id) {
    response_encode_read_begin(b, recipient);
    buf_add(b, r->page.texts.data, r->page.texts.len);
    response_encode_read_end(b, (uint64_t)r->total, r->page.messages, &r->at, id);
}
