/* delivery - see delivery.h. */
#include "chatd/channel/delivery.h"

#include "chatd/session/account.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/proto/response.h"
#include "common/redis/reply.h"

#include <stdio.h>
#include <stdlib.h>

#define GAP_MS 40      /* how long a gap may close by itself: the links take turns */
#define LABEL_CHARS 12 /* of the hash that a private channel has in the log */

/* A message that a channel's reorder buffer holds. */
struct note {
    struct frame *frame;
    struct uuid message;
    struct op *op; /* own message: its append; else NULL */
};

/* --- Asking for the stream --- */

void delivery_read_stream(struct delivery *d, struct channel *ch, uint64_t ms) {
    uint64_t due = clock_mono_ms() + ms;
    if (ch->repair.listed) {
        if (due < ch->repair.due_ms)
            ch->repair.due_ms = due;
        return;
    }
    ch->repair.listed = true;
    ch->repair.due_ms = due;
    ch->repair.next = NULL;
    ch->pins++;
    *(d->due ? &d->due_last->repair.next : &d->due) = ch;
    d->due_last = ch;
    d->wanted(d->repairs);
}

void delivery_suspect(struct delivery *d, struct channel *ch) {
    if (ch->order.based)
        delivery_read_stream(d, ch, GAP_MS);
}

/* --- Delivering --- */

/* The message as its sender gets it, if that is not what all get. A sender that can't be answered
 * for lack of memory is sent away, to ask again: an answer without its requestID would be none. */
static struct frame *own_frame(struct op *op) {
    if (!op || op->req.id.len == 0)
        return NULL;
    struct buf *b = frame_scratch();
    response_encode_message(b, &op->message, &op->req.id);
    struct frame *f = frame_text(b);
    if (!f)
        session_close(op->session, CLOSE_SERVER_ERROR);
    return f;
}

/* The sender is about to have it. */
static void count_acknowledged(const struct op *op) {
    struct ops *all = op->all;
    histogram_add(&all->count->acknowledged, uv_now(all->loop) - op->came_ms);
}

/* The one way by which a message reaches sessions. */
static void deliver(struct delivery *d, struct channel *ch, uint64_t seq,
                    const struct uuid *message, struct frame *f, struct op *op) {
    struct frame *own = own_frame(op);
    reorder_advance(&ch->order, seq, message);
    d->count->deliveries += hub_fan_out(ch, seq, f, op ? op->session : NULL, own);
    if (op && !sub_find(op->session, ch)) /* signed out meanwhile: still its answer */
        session_push(op->session, own ? own : f);
    frame_unref(own);
    if (op) {
        count_acknowledged(op);
        op_release(op);
    }
}

static void deliver_held(struct delivery *d, struct channel *ch) {
    uint64_t seq;
    struct note *n;
    ch->pins++; /* an op that ends may give up the last pin */
    while ((n = reorder_take_next(&ch->order, &seq))) {
        deliver(d, ch, seq, &n->message, n->frame, n->op);
        frame_unref(n->frame);
        free(n);
    }
    hub_unpin(d->hub, ch);
}

/* Lets go of a note that isn't delivered to all: the sender still gets the answer. */
static void release_note(struct note *n, bool stored) {
    struct op *op = n->op;
    if (op && stored) {
        struct frame *own = own_frame(op);
        session_push(op->session, own ? own : n->frame);
        frame_unref(own);
        count_acknowledged(op);
    } else if (op)
        op_refuse(op, ERR_UNAVAILABLE);
    frame_unref(n->frame);
    free(n);
    if (op)
        op_release(op);
}

static void delivery_hold(struct delivery *d, struct channel *ch, const struct position *at,
                          const struct uuid *message, struct frame *f, struct op *op) {
    struct note *n = malloc(sizeof *n);
    void *old = NULL;
    if (n) {
        *n = (struct note){.frame = frame_ref(f), .message = *message, .op = op};
        if (reorder_hold(&ch->order, at, n, op != NULL, &old)) {
            struct note *before = old;
            if (before && before->op && !n->op)
                n->op = before->op; /* the copy from the bus must not displace the append */
            if (before) {
                frame_unref(before->frame);
                free(before);
            }
            return;
        }
        frame_unref(f);
        free(n);
    }
    delivery_read_stream(d, ch, 0); /* no room: the stream has it */
    if (op) {
        op_refuse(op, ERR_UNAVAILABLE);
        op_release(op);
    }
}

static void offer(struct delivery *d, struct channel *ch, const struct position *at,
                  const struct uuid *message, struct frame *f, struct op *op) {
    switch (reorder_judge(&ch->order, at)) {
    case REORDER_NEXT:
        ch->pins++;
        deliver(d, ch, at->seq, message, f, op);
        deliver_held(d, ch);
        hub_unpin(d->hub, ch);
        break;
    case REORDER_REPEAT: /* an own one can't be, unless numbers were used twice: a retry will tell
                          */
        if (op) {
            op_refuse(op, ERR_UNAVAILABLE);
            op_release(op);
        }
        break;
    case REORDER_EARLY:
        delivery_hold(d, ch, at, message, f, op);
        delivery_read_stream(d, ch, GAP_MS);
        break;
    case REORDER_STRANGE:
        delivery_hold(d, ch, at, message, f, op);
        delivery_read_stream(d, ch, 0);
        break;
    case REORDER_UNBASED:
        delivery_hold(d, ch, at, message, f, op);
        break;
    }
}

void delivery_offer(struct delivery *d, struct channel *ch, const struct position *at,
                    const struct uuid *message, struct frame *f) {
    offer(d, ch, at, message, f, NULL);
}

struct frame *delivery_frame(const struct message *m) {
    struct buf *b = frame_scratch();
    response_encode_message(b, m, NULL);
    return frame_text(b);
}

void delivery_offer_own(struct delivery *d, struct op *op, const struct position *at) {
    struct frame *f = delivery_frame(&op->message);
    if (!f) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        delivery_suspect(d, op->channel);
        op_release(op);
        return;
    }
    offer(d, op->channel, at, &op->message.uuid, f, op);
    frame_unref(f);
}

bool delivery_base(struct delivery *d, struct channel *ch, const struct position *at,
                   const struct uuid *message) {
    if (!ch->order.based) {
        reorder_base(&ch->order, at, message);
        delivery_settle(d, ch);
        return true;
    }
    if (uuid_eq(&ch->order.last.epoch, &at->epoch))
        return at->seq >= ch->order.began;
    delivery_read_stream(d, ch, 0);
    return false;
}

/* --- From the stream --- */

struct new_epoch {
    struct position base;
    bool follows;
};

static void tell_epoch(struct sub *sub, void *arg) {
    const struct new_epoch *e = arg;
    const struct channel_id *id = &sub->channel->id;
    struct session *s = sub->session;
    struct uuid peer;
    if (id->kind == CHANNEL_DM && s->account)
        peer = channel_peer(id, &s->account->uuid);
    struct buf *b = frame_scratch();
    response_encode_sys_epoch(b, id->kind == CHANNEL_DM ? &peer : NULL, &e->base, e->follows);
    session_push_json(s, b);
}

/* The public channel's name; of a private one, whose name is that of two people, a hash. */
static const char *label(const struct channel_id *id, char out[CHANNEL_TEXT + 1]) {
    char hash[KEY_HASH_TEXT + 1];
    size_t len = channel_format(id, out);
    if (id->kind != CHANNEL_DM)
        return out;
    secret_hash_key(out, len, hash);
    snprintf(out, CHANNEL_TEXT + 1, "private:%.*s", LABEL_CHARS, hash);
    return out;
}

static void note_epoch(struct delivery *d, const struct channel *ch, const struct position *base,
                       bool follows) {
    char name[CHANNEL_TEXT + 1];
    d->count->epochs++;
    d->count->losses += !follows;
    if (follows)
        tally_add(&d->new_epochs, "channel=%s seq=%llu", label(&ch->id, name),
                  (unsigned long long)base->seq + 1);
    else
        tally_add(&d->losses, "channel=%s seq=%llu delivered=%llu", label(&ch->id, name),
                  (unsigned long long)base->seq + 1, (unsigned long long)ch->order.last.seq);
}

/* After a restart or a failover, or the data was lost. */
void delivery_enter_epoch(struct delivery *d, struct channel *ch, const struct position *base,
                          bool follows) {
    struct new_epoch e = {*base, follows};
    note_epoch(d, ch, base, follows);
    reorder_base(&ch->order, base, NULL);
    hub_new_epoch(ch, base->seq, tell_epoch, &e);
    /* Messages of the old one that the stream no longer has were lost: they are not acknowledged,
     * so that they are sent again. */
    for (size_t i = 0; i < ch->order.n;) {
        if (uuid_eq(&ch->order.held[i].at.epoch, &base->epoch)) {
            i++;
            continue;
        }
        struct position at = ch->order.held[i].at;
        release_note(reorder_take(&ch->order, &at), false);
    }
}

/* An entry of the stream is right whatever is missing before it. */
bool delivery_entry(struct delivery *d, struct channel *ch, const struct redisReply *entry) {
    struct message m;
    bool good = reply_entry(entry, &ch->id, &m);
    if (!good)
        d->count->bad_entries++;
    if (m.seq <= ch->order.last.seq)
        return true;
    if (good && ch->append.in_flight && d->is_under_way(d->appends, ch, &m.uuid))
        return false;
    struct position at = {.epoch = ch->order.last.epoch, .seq = m.seq};
    struct note *n = reorder_take(&ch->order, &at);
    struct frame *f = n ? n->frame : NULL;
    if (!f && good)
        f = delivery_frame(&m);
    if (f)
        deliver(d, ch, m.seq, good ? &m.uuid : &n->message, f, n ? n->op : NULL);
    else
        reorder_advance(&ch->order, m.seq, NULL);
    frame_unref(f);
    free(n);
    return true;
}

void delivery_settle(struct delivery *d, struct channel *ch) {
    struct note *n;
    while ((n = reorder_take_stale(&ch->order, false)))
        release_note(n, true);
    deliver_held(d, ch);
    if (ch->order.n)
        delivery_read_stream(d, ch, GAP_MS);
}

void delivery_fail_held(struct channel *ch) {
    struct note *n;
    while ((n = reorder_take_stale(&ch->order, true)))
        release_note(n, false);
}
