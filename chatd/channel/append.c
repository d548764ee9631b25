/* append - see append.h. */
#include "chatd/channel/append.h"

#include "chatd/session/account.h"
#include "chatd/session/hub.h"
#include "common/proto/response.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 64            /* messages in one call: bounds how long Redis is busy with it */
#define BATCH_BYTES (64 * 1024) /* of text */
#define LATE_MS 1500            /* with a second for the replica, an answer comes within three */

/* The answer to one message. */
enum outcome { FAILED, REPEATED, STORED };

struct append_batch {
    struct appends *all;
    struct append_lane *lane;
    unsigned n;
    bool answered; /* the outcomes are known; confirmation may still be missing */
    struct op *ops[BATCH_MAX];
    enum outcome outcomes[BATCH_MAX];
    struct position at[BATCH_MAX]; /* STORED */
};

static void list_lane(struct appends *a, struct append_lane *lane) {
    if (lane->listed || lane->batch || !lane->first)
        return;
    lane->listed = true;
    lane->next = NULL;
    *(a->ready ? &a->tail->next : &a->ready) = lane;
    a->tail = lane;
}

void append_submit(struct appends *a, struct op *op) {
    struct append_lane *lane = &a->lanes[op->channel->slot];
    op_hold(op);
    op->channel->append.in_flight++;
    op->batch_next = NULL;
    *(lane->first ? &lane->last->batch_next : &lane->first) = op;
    lane->last = op;
    list_lane(a, lane);
}

/* --- Answers --- */

/* The recipient is told of a private message that no session of theirs here has got. A hint, not
 * kept. */
static void tell_recipient(struct appends *a, const struct op *op) {
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
    cmd_publish_user(&a->redis->cmd, &a->redis->keys, &peer, b->data, b->len);
    redis_tell(a->redis);
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
    response_encode_message(b, &first, &op->req.id);
    op_answer(op, b);
}

static enum outcome read_result(struct appends *a, struct op *op, const struct redisReply *reply,
                                unsigned i, struct position *at) {
    struct append_result r;
    struct err e;
    if (reply_append(reply, i, &r, &e)) {
        op_fail_as(op, &e);
        return FAILED;
    }
    if (r.repeat) {
        answer_repeat(op, &r);
        return REPEATED;
    }
    a->count->messages++;
    op->message.seq = r.at.seq;
    op->channel->append.touched = true;
    tell_recipient(a, op);
    *at = r.at;
    return STORED;
}

static void append_end(struct append_batch *batch, unsigned i) {
    struct op *op = batch->ops[i];
    op->channel->append.in_flight--;
    if (batch->outcomes[i] == STORED && !op->err.code) {
        delivery_offer_own(batch->all->delivery, op, &batch->at[i]); /* releases it, delivered */
        return;
    }
    if (batch->outcomes[i] != REPEATED)
        delivery_suspect(batch->all->delivery,
                         op->channel); /* it may have been stored all the same */
    op_release(op);
}

static void end_batch(struct append_batch *batch) {
    batch->lane->batch = NULL;
    list_lane(batch->all, batch->lane);
    for (unsigned i = 0; i < batch->n; i++)
        append_end(batch, i);
    free(batch);
}

static void on_batch(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct append_batch *batch = arg;
    bool more = redis_pool_confirms(batch->all->redis->pool);
    batch->answered = true;
    for (unsigned i = 0; i < batch->n; i++)
        batch->outcomes[i] = read_result(batch->all, batch->ops[i], reply, i, &batch->at[i]);
    if (!more)
        end_batch(batch);
}

/* A message that no replica is known to have is stored, but not acknowledged. */
static void on_confirmed(int64_t replicas, void *arg) {
    struct append_batch *batch = arg;
    batch->lane->unconfirmed = replicas < 1;
    for (unsigned i = 0; i < batch->n && replicas < 1; i++)
        if (batch->outcomes[i] != FAILED)
            op_refuse(batch->ops[i], ERR_UNCONFIRMED);
    end_batch(batch);
}

/* Has this message been sent to Redis, and isn't settled yet? Without confirmation the link's order
 * rules that out: an append that a reading of the stream can hold was answered before it. */
static bool is_under_way(const struct appends *a, const struct channel *ch,
                         const struct uuid *message) {
    const struct append_batch *batch =
        redis_pool_confirms(a->redis->pool) ? a->lanes[ch->slot].batch : NULL;
    for (unsigned i = 0; batch && i < batch->n; i++)
        if (uuid_eq(&batch->ops[i]->message.uuid, message))
            return !(batch->answered && batch->outcomes[i] == REPEATED);
    return false;
}

/* --- Sending --- */

static struct append_batch *take_batch(struct appends *a, struct append_lane *lane) {
    struct append_batch *batch = malloc(sizeof *batch);
    if (!batch)
        return NULL;
    size_t bytes = 0;
    batch->all = a;
    batch->lane = lane;
    batch->answered = false;
    batch->n = 0;
    while (lane->first && batch->n < BATCH_MAX && (batch->n == 0 || bytes < BATCH_BYTES)) {
        struct op *op = lane->first;
        lane->first = op->batch_next;
        bytes += op->message.text_len;
        batch->ops[batch->n++] = op;
    }
    return batch;
}

static void send_batch(struct appends *a, struct append_batch *batch) {
    struct cmd *cmd = &a->redis->cmd;
    cmd_append_begin(cmd, batch->n);
    for (unsigned i = 0; i < batch->n; i++)
        cmd_append_keys(cmd, &a->redis->keys, &batch->ops[i]->message);
    /* The channel's next epoch, should it need one. A stale one would do harm only if it were used
     * twice in one channel, so it is fresh in every call. */
    struct uuid spare = uuid_make_quick();
    batch->lane->batch = batch;
    cmd_append_args_begin(cmd, a->redis->node_id, &spare, (unsigned)(a->set->remember / 1000),
                          redis_pool_history(a->redis->pool));
    for (unsigned i = 0; i < batch->n; i++) {
        const struct op *op = batch->ops[i];
        const struct reorder *order = &op->channel->order;
        cmd_append_args(cmd, &a->redis->keys, &op->message, op->req.u.message.has_uuid,
                        order->based ? &order->last : NULL);
    }
    redis_pool_append(a->redis->pool, cmd, on_batch, on_confirmed, batch);
}

/* Where no replica answers, each call takes a second, and those that wait would wait for all before
 * them. They have not been sent: nothing of them is stored. */
static void drop_late(struct appends *a, struct append_lane *lane) {
    uint64_t now = uv_now(a->loop);
    while (lane->first && now - lane->first->came_ms > LATE_MS) {
        struct op *op = lane->first;
        lane->first = op->batch_next;
        op->channel->append.in_flight--;
        op_refuse(op, ERR_UNAVAILABLE);
        op_release(op);
    }
}

/* A link that is down answers at once, and its lane is ready again. */
void append_flush(struct appends *a) {
    while (a->ready) {
        struct append_lane *lane = a->ready;
        if (lane->unconfirmed)
            drop_late(a, lane);
        struct append_batch *batch = lane->first ? take_batch(a, lane) : NULL;
        if (!batch && lane->first)
            return; /* out of memory: again at the end of the next turn */
        a->ready = lane->next;
        lane->listed = false;
        if (batch)
            send_batch(a, batch);
    }
}

/* --- Life --- */

bool appends_init(struct appends *a) {
    a->delivery->appends = a;
    a->delivery->is_under_way = is_under_way;
    a->lanes = calloc(redis_pool_slots(a->redis->pool), sizeof *a->lanes);
    return a->lanes != NULL;
}

void appends_free(struct appends *a) {
    free(a->lanes);
}
