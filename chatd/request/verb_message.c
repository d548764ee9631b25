/* verb_message - channelMessage (send one) and channelMessages (read history). */
#include "chatd/channel/reading.h"
#include "chatd/daemon/node.h"
#include "chatd/request/auth.h"
#include "chatd/request/recipient.h"
#include "chatd/request/verbs.h"
#include "common/base/clock.h"

/* --- channelMessage --- */

static void send_message(struct op *op) {
    const struct request *r = &op->req;
    struct channel_id id = recipient_channel(op);
    struct channel *ch = hub_find(&op->node->hub, &id);
    const struct sub *sub = ch ? sub_find(op->session, ch) : NULL;
    if (!sub || !sub->joined) {
        op_refuse(op, ERR_NOT_JOINED);
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
    append_submit(&op->node->appends, op);
}

bool verb_message_may_follow(const struct op *op) {
    struct session *s = op->session;
    const struct recipient *to = &op->req.to;
    if (!auth_is_settled(s, &op->req))
        return false;
    struct channel_id id = to->public ? channel_public() : channel_dm(&s->account->uuid, &to->user);
    return channel_eq(&id, &s->append_to->id);
}

const op_step VERB_CHANNEL_MESSAGE[] = {send_message, NULL};

/* --- channelMessages --- */

struct history {
    struct reading *reading;
};

static void history_clear(void *state) {
    struct history *h = state;
    if (h->reading)
        reading_unref(h->reading);
}

static void history_look_up(struct op *op) {
    struct history *h = op_state(op, sizeof *h, history_clear);
    struct channel_id id = recipient_channel(op);
    if (h)
        h->reading = reading_share(&op->node->readings, op, &id);
}

static void history_answer(struct op *op) {
    const struct history *h = op->state;
    struct buf *b = frame_scratch();
    reading_encode(h->reading, b, recipient_shown(op), &op->req.id);
    op_answer(op, b);
}

const op_step VERB_CHANNEL_MESSAGES[] = {recipient_check, history_look_up, history_answer, NULL};
