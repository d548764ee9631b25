/* verb_channel - channelJoin and channelLeave.
 *
 * A join must neither lose nor double a message: the node listens on the channel's bus first, the
 * session is put among its receivers (which hold new messages), then the snapshot is read; messages
 * that came meanwhile and are newer than the snapshot follow the answer.
 */
#include "chatd/channel/page.h"
#include "chatd/daemon/node.h"
#include "chatd/request/people.h"
#include "chatd/request/recipient.h"
#include "chatd/request/verbs.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

#define SNAPSHOT 10     /* newest messages in an answer */
#define MEMBERS_MAX 100 /* members listed */
#define PURGES_TOLD 100 /* after a resume; more: it is none */
#define TRIES_MAX 50    /* snapshots, while the channel's epoch changes */
#define TRY_MS 20
#define LEAVES_RATE 10 /* a second, of a user */

/* Does the client get what it missed since the position that it gave? */
enum recovery {
    RECOVERY_NOT_ASKED,
    RECOVERY_ASKED, /* and not decided yet */
    RECOVERY_DONE,  /* the page holds all that was missed */
    RECOVERY_FAILED /* it can't be given: the normal join instead */
};

/* Entries say nothing until the position is known. They come before it where the script had to be
 * loaded first, which breaks the link's order. */
enum arrival { ARRIVED_NOTHING, ARRIVED_POSITION, ARRIVED_ENTRIES_FIRST };

/* The channel as it was read. */
struct snapshot {
    struct join_result at;
    enum arrival arrival;
    enum recovery recovery;
    uint64_t up_to;     /* it holds everything up to here */
    struct uuid newest; /* the message that is there; nil: it isn't known */
    struct page page;
    struct mark *marks; /* what was purged since the client's position */
    size_t marks_n;
    /* The message that `since` names: none is at its place; a mark says that it was purged. */
    bool untraced, covered;
};

struct join {
    struct people people; /* first, so that people_clear can be used */
    struct channel_wait wait;
    struct op *op;
    bool fresh, opened; /* the session had no part in the channel; it was given one */
    unsigned tries;
    struct snapshot snap;
};

/* Also the end of a join that failed: it must leave no receiver that holds messages for ever. */
static void join_clear(void *state) {
    struct join *j = state;
    struct sub *sub = j->opened ? sub_find(j->op->session, j->op->channel) : NULL;
    if (sub && !sub->joined)
        sub_close(&j->op->node->hub, sub);
    page_free(&j->snap.page);
    free(j->snap.marks);
    people_clear(&j->people);
}

/* --- Listening --- */

static void join_begin(struct op *op) {
    struct join *j = op_state(op, sizeof *j, join_clear);
    if (!j)
        return;
    j->op = op;
    page_init(&j->snap.page, response_encode_join_message, &op->node->count.bad_entries);
}

static void on_listening(void *arg, bool subscribed) {
    struct op *op = arg;
    if (!subscribed)
        op_refuse(op, ERR_UNAVAILABLE);
    op_release(op);
}

static void listen_on_bus(struct op *op) {
    struct join *j = op->state;
    struct session *s = op->session;
    struct channel_id id = recipient_channel(op);
    op->channel = hub_pin(&op->node->hub, &id);
    if (!op->channel) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        return;
    }
    if (!sub_find(s, op->channel)) {
        if (s->sub_count >= op->node->set->max_joins) {
            op_fail(op, ERR_LIMIT, "joined to %u channels", s->sub_count);
            return;
        }
        j->fresh = true;
    }
    j->wait = (struct channel_wait){.fn = on_listening, .arg = op};
    op_hold(op);
    bus_wait(&op->node->bus, op->channel, &j->wait);
}

/* --- The snapshot --- */

static void on_position(struct op *op, const struct redisReply *reply) {
    struct join *j = op->state;
    struct snapshot *snap = &j->snap;
    struct err e;
    if (reply_join(reply, &snap->at, &e)) {
        op_fail_as(op, &e);
        return;
    }
    people_take(op, &j->people, snap->at.listed);
    snap->at.listed = NULL; /* lives as long as the reply */
    snap->up_to = snap->at.state.at.seq;
    if (snap->arrival == ARRIVED_NOTHING)
        snap->arrival = ARRIVED_POSITION;
}

/* False: the position is not known yet. */
static bool entries_arrived(struct snapshot *snap) {
    if (snap->arrival == ARRIVED_NOTHING)
        snap->arrival = ARRIVED_ENTRIES_FIRST;
    return snap->arrival == ARRIVED_POSITION;
}

/* Newest first; as many as fit. */
static void on_newest(struct op *op, const struct redisReply *reply) {
    struct snapshot *snap = &((struct join *)op->state)->snap;
    size_t n;
    struct err e;
    if (reply_array(reply, &n, &e)) {
        op_fail_as(op, &e);
        return;
    }
    if (!entries_arrived(snap))
        return;
    for (size_t i = 0; i < n; i++) {
        struct message m;
        bool taken = page_take(&snap->page, reply_item(reply, i), &op->channel->id, &m);
        if (m.seq > snap->up_to) /* appended between the two commands */
            snap->up_to = m.seq;
        if (m.seq == snap->up_to)
            snap->newest = m.uuid;
        if (!taken)
            break;
    }
}

static void give_up_recovery(struct snapshot *snap) {
    snap->recovery = RECOVERY_FAILED;
    page_reset(&snap->page);
}

/* A client that has the same message at a place has the same history up to there. */
static bool is_compared(const struct request *r) {
    return r->u.join.since.seq > 0 && !uuid_is_nil(&r->u.join.since_uuid);
}

/* *missed is the first of the n entries that is behind `since`. False: another message is there. */
static bool compare(struct op *op, const struct redisReply *reply, size_t n, size_t *missed) {
    struct snapshot *snap = &((struct join *)op->state)->snap;
    const struct request *r = &op->req;
    struct message m;
    *missed = 0;
    if (!is_compared(r))
        return true;
    snap->untraced = n == 0 || reply_entry_seq(reply_item(reply, 0)) != r->u.join.since.seq;
    if (snap->untraced)
        return true;
    *missed = 1;
    return reply_entry(reply_item(reply, 0), &op->channel->id, &m) &&
           uuid_eq(&m.uuid, &r->u.join.since_uuid);
}

/* Oldest first, and without a hole, or it is no recovery. */
static void on_missed(struct op *op, const struct redisReply *reply) {
    struct snapshot *snap = &((struct join *)op->state)->snap;
    const struct position *since = &op->req.u.join.since;
    size_t n;
    struct err e;
    if (reply_array(reply, &n, &e)) {
        op_fail_as(op, &e);
        return;
    }
    if (!entries_arrived(snap) || snap->recovery == RECOVERY_FAILED)
        return;
    size_t i;
    bool whole = compare(op, reply, n, &i) && channel_state_has(&snap->at.state, since) &&
                 n - i <= op->node->limits.resume_messages;
    uint64_t next = since->seq + 1;
    for (struct message m; whole && i < n; i++, next++) {
        whole = page_take(&snap->page, reply_item(reply, i), &op->channel->id, &m) && m.seq == next;
        snap->newest = m.uuid;
    }
    if (whole && next > snap->at.state.at.seq) {
        snap->recovery = RECOVERY_DONE;
        snap->up_to = next - 1;
    } else {
        give_up_recovery(snap);
    }
}

/* Of messages that the client has had. If it can't be told of all, it must begin anew. */
static void on_marks(struct op *op, const struct redisReply *reply) {
    struct snapshot *snap = &((struct join *)op->state)->snap;
    size_t n;
    struct err e;
    snap->marks_n = 0;
    if (reply_array(reply, &n, &e)) {
        op_fail_as(op, &e);
        return;
    }
    if (n > 0 && n <= PURGES_TOLD && !snap->marks)
        snap->marks = calloc(PURGES_TOLD, sizeof *snap->marks);
    bool all = n == 0 || (n <= PURGES_TOLD && snap->marks);
    for (size_t i = 0; i < n && all; i++) {
        struct mark *m = &snap->marks[snap->marks_n];
        if (!reply_mark(reply_item(reply, i), m))
            continue;
        all = !m->lost;
        snap->covered |= m->one ? uuid_eq(&m->message, &op->req.u.join.since_uuid)
                                : m->up_to >= op->req.u.join.since.seq;
        snap->marks_n++;
    }
    if (!all) {
        snap->marks_n = 0;
        give_up_recovery(snap);
    }
}

static void begin_listening(struct op *op) {
    struct join *j = op->state;
    j->opened = j->fresh && sub_open(op->channel, op->session);
    if (j->fresh && !j->opened)
        op_fail(op, ERR_INTERNAL, "out of memory");
}

static void read_entries(struct op *op) {
    struct node *node = op->node;
    const struct request *r = &op->req;
    struct snapshot *snap = &((struct join *)op->state)->snap;
    snap->recovery = r->u.join.has_since ? RECOVERY_ASKED : RECOVERY_NOT_ASKED;
    snap->untraced = snap->covered = false;
    snap->newest = (struct uuid){{0}};
    if (r->u.join.has_since) {
        unsigned compared = is_compared(r) ? 1 : 0;
        cmd_log_forward(&node->redis.cmd, &node->redis.keys, &op->channel->id,
                        r->u.join.since.seq - compared,
                        node->limits.resume_messages + 1 + compared);
        op_call(op, on_missed);
        cmd_marks(&node->redis.cmd, &node->redis.keys, &op->channel->id, r->u.join.since.seq,
                  PURGES_TOLD + 1);
        op_call(op, on_marks);
    } else {
        cmd_log_back(&node->redis.cmd, &node->redis.keys, &op->channel->id, 0, 0, SNAPSHOT);
        op_call(op, on_newest);
    }
}

static void read_snapshot(struct op *op) {
    struct node *node = op->node;
    const struct reorder *order = &op->channel->order;
    struct buf *b = frame_scratch();
    event_write_user(b, SYS_CHANNEL_JOIN, &op->account->uuid, op->account->name,
                     op->account->name_len);
    struct join_args a = {.channel = op->channel->id,
                          .user = op->account->uuid,
                          .now_ms = clock_wall_ms(),
                          .spare_epoch = uuid_make_quick(),
                          .event = b->data,
                          .event_len = b->len,
                          .event_members_max = (uint32_t)node->set->event_members,
                          .list_max = MEMBERS_MAX,
                          .known = order->based ? &order->last : NULL,
                          .history = redis_pool_history(node->redis.pool)};
    cmd_join(&node->redis.cmd, &node->redis.keys, &a);
    op_call(op, on_position);
    read_entries(op);
    cmd_user_channel_add(&node->redis.cmd, &node->redis.keys, &a.user, &a.channel, a.now_ms);
    op_tell(op);
    if (!order->based) { /* it may be new: then it is listed at once */
        cmd_channel_touch(&node->redis.cmd, &node->redis.keys, &a.channel, a.now_ms);
        op_tell(op);
    }
}

static void read_early_again(struct op *op) {
    struct snapshot *snap = &((struct join *)op->state)->snap;
    if (snap->arrival != ARRIVED_ENTRIES_FIRST)
        return;
    snap->arrival = ARRIVED_POSITION;
    read_entries(op);
}

static void read_newest_instead(struct op *op) {
    struct snapshot *snap = &((struct join *)op->state)->snap;
    if (snap->recovery == RECOVERY_DONE && snap->untraced && !snap->covered)
        give_up_recovery(snap);
    if (snap->recovery != RECOVERY_FAILED)
        return;
    cmd_log_back(&op->node->redis.cmd, &op->node->redis.keys, &op->channel->id, 0, 0, SNAPSHOT);
    op_call(op, on_newest);
}

static void look_up_members(struct op *op) {
    struct join *j = op->state;
    const struct recipient *to = &op->req.to;
    if (!to->public &&
        !(people_add(op, &j->people, &op->account->uuid) && people_add(op, &j->people, &to->user)))
        return;
    people_look_up(op, &j->people);
}

enum { FROM_SNAPSHOT = 4 }; /* the step of VERB_CHANNEL_JOIN that a repetition begins with */

/* The snapshot is of another epoch than what is delivered: one of them is about to change. Or of a
 * time before delivery began. */
static void try_again(struct op *op) {
    struct join *j = op->state;
    if (++j->tries > TRIES_MAX) {
        op_refuse(op, ERR_UNAVAILABLE);
        return;
    }
    page_reset(&j->snap.page);
    j->snap.arrival = ARRIVED_NOTHING;
    j->people.n = 0;
    op_sleep(op, TRY_MS);
    op_goto(op, &VERB_CHANNEL_JOIN[FROM_SNAPSHOT]);
}

static void tell_marks(struct op *op) {
    const struct snapshot *snap = &((struct join *)op->state)->snap;
    if (!channel_state_has(&snap->at.state, &op->req.u.join.since))
        return;
    for (size_t i = 0; i < snap->marks_n; i++) {
        const struct mark *m = &snap->marks[i];
        struct buf *b = frame_scratch();
        if (uuid_is_nil(&m->sender))
            response_encode_sys_purge(b, recipient_shown(op), &snap->at.state.at.epoch, m->up_to,
                                      m->one ? &m->message : NULL);
        else
            response_encode_sys_purge_from(b, recipient_shown(op), &snap->at.state.at.epoch,
                                           m->up_to, &m->sender);
        session_push_json(op->session, b);
    }
}

/* Answers and, with nothing in between, begins to deliver. On a connection that was joined already
 * only the snapshot is new: its messages go on as they did. */
static void join_answer(struct op *op) {
    struct join *j = op->state;
    struct position at = {.epoch = j->snap.at.state.at.epoch, .seq = j->snap.up_to};
    if (!delivery_base(&op->node->delivery, op->channel, &at, &j->snap.newest)) {
        try_again(op);
        return;
    }
    size_t n = people_settle(&j->people, true);
    struct buf *b = frame_scratch();
    response_encode_join_begin(b, recipient_shown(op));
    buf_add(b, j->snap.page.texts.data, j->snap.page.texts.len);
    response_encode_join_end(b, j->people.users, n, (uint64_t)j->snap.at.members, &at,
                             j->snap.recovery != RECOVERY_NOT_ASKED,
                             j->snap.recovery == RECOVERY_DONE, &op->req.id);
    op_answer(op, b);
    struct sub *sub = sub_find(op->session, op->channel);
    if (op->err.code || !sub)
        return;
    session_push(op->session,
                 op->answer); /* the op is the first of its session's: this is its turn */
    frame_unref(op->answer);
    op->answer = NULL;
    tell_marks(op);
    if (!sub->joined)
        sub_joined(sub, at.seq);
}

const op_step VERB_CHANNEL_JOIN[] = {recipient_check,
                                     join_begin,
                                     listen_on_bus,
                                     begin_listening,
                                     [FROM_SNAPSHOT] = read_snapshot,
                                     read_early_again,
                                     read_newest_instead,
                                     look_up_members,
                                     join_answer,
                                     NULL};

/* --- channelLeave --- */

static bool account_is_joined(const struct account *acc, const struct channel *ch) {
    for (const struct session *s = acc->sessions; s; s = s->same_account.next)
        if (sub_find(s, ch))
            return true;
    return false;
}

/* Members are told of each leaving, and of the join behind it. */
static bool may_leave(struct op *op) {
    if (op->session->address->loopback && !op->node->set->limit_loopback)
        return true;
    uint32_t wait = bucket_take(&op->account->rate[ACCOUNT_LEAVES], LEAVES_RATE, clock_mono_ms());
    if (wait > 0) {
        op_refuse(op, ERR_RATE_LIMITED);
        op->err.retry_after_ms = wait;
    }
    return wait == 0;
}

static void on_left(struct op *op, const struct redisReply *reply) {
    int64_t left;
    struct err e;
    if (reply_i64(reply, 0, &left, &e) || left != LEAVE_NOTHING_LEFT)
        return;
    cmd_channel_forget(&op->node->redis.cmd, &op->node->redis.keys, &op->channel->id);
    op_tell(op);
}

/* Messages stop at once; the membership goes when no other session of the user here is joined. */
static void leave_channel(struct op *op) {
    struct node *node = op->node;
    if (op->req.to.public) {
        op_refuse(op, ERR_PUBLIC_CHANNEL);
        return;
    }
    struct channel_id id = recipient_channel(op);
    struct channel *ch = hub_find(&node->hub, &id);
    struct sub *sub = ch ? sub_find(op->session, ch) : NULL;
    if (!sub) {
        op_refuse(op, ERR_NOT_JOINED);
        return;
    }
    if (!may_leave(op))
        return;
    op->channel = hub_pin(&node->hub, &id);
    sub_close(&node->hub, sub);
    if (account_is_joined(op->account, op->channel))
        return;
    struct buf *b = frame_scratch();
    event_write_user(b, SYS_CHANNEL_LEAVE, &op->account->uuid, op->account->name,
                     op->account->name_len);
    cmd_leave(&node->redis.cmd, &node->redis.keys, &id, &op->account->uuid, b->data, b->len,
              (uint32_t)node->set->event_members);
    op_call(op, on_left);
    cmd_user_channel_remove(&node->redis.cmd, &node->redis.keys, &op->account->uuid, &id);
    op_tell(op);
}

static void answer_leave(struct op *op) {
    struct buf *b = frame_scratch();
    response_encode_leave(b, recipient_shown(op), &op->req.id);
    op_answer(op, b);
}

const op_step VERB_CHANNEL_LEAVE[] = {leave_channel, answer_leave, NULL};
