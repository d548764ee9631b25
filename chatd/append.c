/* append - see append.h. */
#include "chatd/append.h"

#include "chatd/node.h"
#include "common/reply.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 64            /* messages in one call: bounds how long Redis is busy with it */
#define BATCH_BYTES (64 * 1024) /* of text */

struct append_batch {
    struct node *node;
    unsigned n;
    struct op *ops[BATCH_MAX];
};

void append_submit(struct op *op) {
    struct appends *a = &op->node->appends;
    op_owe(op);
    op->channel->own_in_flight++;
    op->batch_next = NULL;
    *(a->first ? &a->last->batch_next : &a->first) = op;
    a->last = op;
}

/* --- Answers --- */

/* The recipient is told of a private message that no session of theirs here has got. A hint, not
 * kept. */
static void tell_recipient(struct op *op) {
    struct node *node = op->node;
    const struct channel *ch = op->channel;
    if (ch->id.kind != CHANNEL_DM)
        return;
    struct uuid peer = channel_peer(&ch->id, &op->message.sender);
    if (uuid_eq(&peer, &op->message.sender))
        return;
    for (uint32_t i = 0; i < ch->count; i++) {
        const struct account *acc = ch->subs[i]->session->account;
        if (acc && uuid_eq(&acc->uuid, &peer))
            return;
    }
    struct buf *b = frame_scratch();
    event_write_unread(b, &op->message);
    cmd_publish_user(&node->cmd, &node->keys, &peer, b->data, b->len);
    op_tell(op);
}

/* Stored earlier under this UUID: the sender gets the first message again, nobody else anything. */
static void answer_repeat(struct op *op, const struct append_result *r) {
    struct message first = r->gone ? op->message : r->first;
    first.channel = op->message.channel;
    first.seq = r->at.seq;
    if (!uuid_eq(&first.sender, &op->message.sender)) {
        op_fail(op, ERR_UUID_TAKEN, "%s", "channelMessage.UUID");
        return;
    }
    struct buf *b = frame_scratch();
    encode_message(b, &first, &op->req.id);
    op_answer(op, b);
}

static void on_result(struct op *op, const struct redisReply *reply, unsigned i) {
    struct channel *ch = op->channel;
    struct append_result r;
    struct err e;
    ch->own_in_flight--;
    if (reply_append(reply, i, &r, &e)) {
        op_fail(op, e.code, "%s", e.detail);
        delivery_suspect(op->node, ch); /* it may have been stored all the same */
    } else if (r.repeat)
        answer_repeat(op, &r);
    else {
        op->node->count.messages++;
        op->message.seq = r.at.seq;
        ch->touched = true;
        tell_recipient(op);
        delivery_offer_own(op->node, op, &r.at); /* pays when it is delivered */
        return;
    }
    op_paid(op);
}

static void on_batch(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct append_batch *batch = arg;
    batch->node->appends.in_flight = false;
    for (unsigned i = 0; i < batch->n; i++)
        on_result(batch->ops[i], reply, i);
    free(batch);
}

/* --- Sending --- */

static struct append_batch *take_batch(struct node *node) {
    struct appends *a = &node->appends;
    struct append_batch *batch = malloc(sizeof *batch);
    if (!batch)
        return NULL;
    size_t bytes = 0;
    batch->node = node;
    batch->n = 0;
    while (a->first && batch->n < BATCH_MAX && (batch->n == 0 || bytes < BATCH_BYTES)) {
        struct op *op = a->first;
        a->first = op->batch_next;
        bytes += op->message.text_len;
        batch->ops[batch->n++] = op;
    }
    return batch;
}

static void send_batch(struct node *node, struct append_batch *batch) {
    struct cmd *cmd = &node->cmd;
    cmd_append_begin(cmd, batch->n);
    for (unsigned i = 0; i < batch->n; i++)
        cmd_append_keys(cmd, &node->keys, &batch->ops[i]->message);
    /* The channel's next epoch, should it need one. A stale one would do harm only if it were used
     * twice in one channel, so it is fresh in every call. */
    struct uuid spare = uuid_make_quick();
    node->appends.in_flight = true;
    cmd_append_args_begin(cmd, node->id, &spare, (unsigned)(node->set->remember / 1000));
    for (unsigned i = 0; i < batch->n; i++) {
        const struct op *op = batch->ops[i];
        const struct feed *feed = &op->channel->feed;
        cmd_append_args(cmd, &node->keys, &op->message, op->req.u.message.has_uuid,
                        feed->based ? &feed->last : NULL);
    }
    redis_link_call(node->store, cmd, on_batch, batch, NULL);
}

void append_flush(struct node *node) {
    while (node->appends.first &&
           !node->appends.in_flight) { /* a link that is down answers at once */
        struct append_batch *batch = take_batch(node);
        if (!batch)
            return; /* out of memory: again at the end of the next turn */
        send_batch(node, batch);
    }
}
