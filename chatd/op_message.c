/* op_message - channelMessage (send one) and channelMessages (read history). */
#include "chatd/auth.h"
#include "chatd/node.h"
#include "chatd/page.h"
#include "chatd/recipient.h"
#include "chatd/verbs.h"
#include "common/clock.h"
#include "common/reply.h"

/* --- channelMessage --- */

static void send_message(struct op *op) {
    const struct request *r = &op->req;
    struct channel_id id = recipient_channel(op);
    struct channel *ch = hub_find(&op->node->hub, &id);
    const struct sub *sub = ch ? sub_find(op->session, ch) : NULL;
    if (!sub || !sub->joined) {
        op_fail(op, ERR_NOT_JOINED, "%s", "");
        return;
    }
    op->channel = hub_pin(&op->node->hub, &id);
    op->message =
        (struct message){.uuid = r->u.message.has_uuid ? r->u.message.uuid : uuid_make_quick(),
                         .sender = op->account->uuid,
                         .channel = id,
                         .created_ms = clock_wall_ms(),
                         .sender_name = op->account->name,
                         .sender_name_len = op->account->name_len,
                         .text = r->u.message.text,
                         .text_len = r->u.message.text_len};
    op->session->append_to = ch;
    append_submit(op);
}

bool message_may_follow(const struct op *op) {
    struct session *s = op->session;
    const struct recipient *to = &op->req.u.message.to;
    if (!auth_is_settled(s, &op->req))
        return false;
    struct channel_id id =
        to->is_public ? channel_public() : channel_dm(&s->account->uuid, &to->user);
    return channel_eq(&id, &s->append_to->id);
}

const op_step OP_CHANNEL_MESSAGE[] = {send_message, NULL};

/* --- channelMessages --- */

struct history {
    struct channel_id id;
    struct channel_state state;
    int64_t total;
    struct page page;
};

static void clear(void *state) {
    page_free(&((struct history *)state)->page);
}

static void on_state(struct op *op, const struct redisReply *reply) {
    struct err e;
    if (reply_position(reply, &((struct history *)op->state)->state, &e))
        op_fail(op, e.code, "%s", e.detail);
}

static void on_length(struct op *op, const struct redisReply *reply) {
    struct err e;
    if (reply_i64(reply, 0, &((struct history *)op->state)->total, &e))
        op_fail(op, e.code, "%s", e.detail);
}

/* How many of the first n entries fit into an answer. */
static size_t fitting(struct op *op, const struct redisReply *reply, size_t n) {
    struct history *h = op->state;
    uint64_t bad = op->node->count.bad_entries;
    size_t fit = 0;
    while (fit < n && page_take(&h->page, reply_item(reply, fit), &h->id, NULL))
        fit++;
    op->node->count.bad_entries = bad;
    page_reset(&h->page);
    return fit;
}

static void on_entries(struct op *op, const struct redisReply *reply) {
    struct history *h = op->state;
    size_t n;
    struct err e;
    if (reply_array(reply, &n, &e)) {
        op_fail(op, e.code, "%s", e.detail);
        return;
    }
    /* Asked for by XRANGE, oldest first; the answer is newest first, and holds those nearest to
     * `after`. */
    bool oldest_first = op->req.u.read.after > 0;
    if (oldest_first)
        n = fitting(op, reply, n);
    for (size_t i = 0; i < n; i++)
        if (!page_take(&h->page, reply_item(reply, oldest_first ? n - 1 - i : i), &h->id, NULL))
            break;
}

static void ask_entries(struct op *op) {
    const struct request *r = &op->req;
    struct history *h = op->state;
    struct cmd *c = &op->node->cmd;
    uint64_t from = r->u.read.before ? r->u.read.before - 1 : 0;
    if (r->u.read.after)
        cmd_log_forward(c, &op->node->keys, &h->id, r->u.read.after, r->u.read.limit);
    else
        cmd_log_back(c, &op->node->keys, &h->id, from, 0, r->u.read.limit);
    op_call(op, on_entries);
}

static void look_up(struct op *op) {
    const struct request *r = &op->req;
    struct history *h = op_state(op, sizeof *h, clear);
    struct cmd *c = &op->node->cmd;
    if (!h)
        return;
    page_init(&h->page, encode_read_message, &op->node->count.bad_entries);
    h->id = recipient_channel(op);
    cmd_position(c, &op->node->keys, &h->id);
    op_call(op, on_state);
    cmd_log_length(c, &op->node->keys, &h->id);
    op_call(op, on_length);
    if (r->u.read.offset == 0 && r->u.read.before != 1)
        ask_entries(op);
}

/* With an offset the place is counted from the newest, which is known only now: seqs are
 * contiguous, so it is arithmetic. */
static void look_up_offset(struct op *op) {
    const struct request *r = &op->req;
    struct history *h = op->state;
    if (r->u.read.offset == 0 || r->u.read.offset >= h->state.at.seq)
        return;
    cmd_log_back(&op->node->cmd, &op->node->keys, &h->id, h->state.at.seq - r->u.read.offset, 0,
                 r->u.read.limit);
    op_call(op, on_entries);
}

static void answer(struct op *op) {
    struct history *h = op->state;
    struct buf *b = frame_scratch();
    encode_read_begin(b, recipient_shown(op));
    buf_add(b, h->page.texts.data, h->page.texts.len);
    encode_read_end(b, (uint64_t)h->total, h->page.messages, &h->state.at, &op->req.id);
    op_answer(op, b);
}

const op_step OP_CHANNEL_MESSAGES[] = {recipient_check, look_up, look_up_offset, answer, NULL};
