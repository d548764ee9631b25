/* bus - see bus.h. */
#include "chatd/bus.h"

#include "chatd/node.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reply.h"

#include <stdlib.h>
#include <string.h>

#define GAP_MS 40            /* how long a gap may close by itself: the links take turns */
#define TICK_MS 20           /* how often due channels are looked at */
#define SYNC_PAGE 256        /* entries read at once */
#define SYNC_PER_TICK 200    /* streams read in one tick, so that a return isn't a storm */
#define RETRY_MS 1000        /* until a stream that could not be read is read again */
#define QUIET_ROUNDS 20      /* a channel is compared with its stream every so many quiet checks */

/* A message that is held by a feed. */
struct note {
    struct frame *frame;
    struct op *op; /* own message: its append, or NULL */
};

static void sync_later(struct node *node, struct channel *ch, uint64_t ms);
static void run_due(uv_timer_t *t);

/* --- Delivery --- */

static struct frame *own_frame(struct op *op) {
    if (!op || op->req.id.len == 0)
        return NULL;
    struct buf *b = frame_scratch();
    encode_message(b, &op->message, &op->req.id);
    return frame_text(b);
}

/* The one way by which a message reaches sessions. */
static void deliver(struct node *node, struct channel *ch, uint64_t seq, struct frame *f,
                    struct op *op) {
    struct frame *own = own_frame(op);
    feed_advance(&ch->feed, seq);
    node->count.deliveries += hub_fan_out(ch, seq, f, op ? op->session : NULL, own);
    if (op && !sub_find(op->session, ch)) /* signed out meanwhile: still its answer */
        session_push(op->session, own ? own : f);
    frame_unref(own);
    if (op)
        op_paid(op);
}

static void deliver_held(struct node *node, struct channel *ch) {
    uint64_t seq;
    struct note *n;
    ch->pins++; /* an op that ends may give up the last pin */
    while ((n = feed_take_next(&ch->feed, &seq))) {
        deliver(node, ch, seq, n->frame, n->op);
        frame_unref(n->frame);
        free(n);
    }
    hub_unpin(&node->hub, ch);
}

/* Lets go of a note that isn't delivered to all: the sender still gets the answer. */
static void release_note(struct node *node, struct note *n, bool stored) {
    struct op *op = n->op;
    if (op && stored) {
        struct frame *own = own_frame(op);
        session_push(op->session, own ? own : n->frame);
        frame_unref(own);
    } else if (op)
        op_fail(op, ERR_UNAVAILABLE, "%s", "");
    frame_unref(n->frame);
    free(n);
    (void)node;
    if (op)
        op_paid(op);
}

static void hold(struct node *node, struct channel *ch, const struct position *at, struct frame *f,
                 struct op *op) {
    struct note *n = malloc(sizeof *n);
    void *old = NULL;
    if (n) {
        *n = (struct note){.frame = frame_ref(f), .op = op};
        if (feed_hold(&ch->feed, at, n, op != NULL, &old)) {
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
    sync_later(node, ch, 0); /* no room: the stream has it */
    if (op) {
        op_fail(op, ERR_UNAVAILABLE, "%s", "");
        op_paid(op);
    }
}

static void offer(struct node *node, struct channel *ch, const struct position *at, struct frame *f,
                  struct op *op) {
    switch (feed_judge(&ch->feed, at)) {
    case FEED_NEXT:
        ch->pins++;
        deliver(node, ch, at->seq, f, op);
        deliver_held(node, ch);
        hub_unpin(&node->hub, ch);
        break;
    case FEED_REPEAT: /* an own one can't be, unless numbers were used twice: a retry will tell */
        if (op) {
            op_fail(op, ERR_UNAVAILABLE, "%s", "");
            op_paid(op);
        }
        break;
    case FEED_EARLY:
        hold(node, ch, at, f, op);
        sync_later(node, ch, GAP_MS);
        break;
    case FEED_STRANGE:
        hold(node, ch, at, f, op);
        sync_later(node, ch, 0);
        break;
    case FEED_UNBASED:
        hold(node, ch, at, f, op);
        break;
    }
}

static struct frame *message_frame(const struct message *m) {
    struct buf *b = frame_scratch();
    encode_message(b, m, NULL);
    return frame_text(b);
}

void bus_offer_own(struct node *node, struct op *op, const struct position *at) {
    struct frame *f = message_frame(&op->message);
    if (!f) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        bus_suspect(node, op->channel);
        op_paid(op);
        return;
    }
    offer(node, op->channel, at, f, op);
    frame_unref(f);
}

bool bus_base(struct node *node, struct channel *ch, const struct position *at) {
    if (!ch->feed.based) {
        feed_base(&ch->feed, at);
        struct note *n;
        while ((n = feed_take_stale(&ch->feed, false)))
            release_note(node, n, true);
        deliver_held(node, ch);
        if (ch->feed.n)
            sync_later(node, ch, GAP_MS);
        return true;
    }
    if (uuid_eq(&ch->feed.last.epoch, &at->epoch))
        return true;
    sync_later(node, ch, 0);
    return false;
}

/* --- Reading the stream --- */

struct sync {
    struct node *node;
    struct channel *channel; /* pinned */
    struct channel_state state;
    enum err_code failed;
};

static void sync_later(struct node *node, struct channel *ch, uint64_t ms) {
    struct bus *b = &node->bus;
    uint64_t due = clock_mono_ms() + ms;
    if (ch->sync_listed) {
        if (due < ch->sync_due_ms)
            ch->sync_due_ms = due;
        return;
    }
    ch->sync_listed = true;
    ch->sync_due_ms = due;
    ch->sync_next = NULL;
    ch->pins++;
    *(b->due ? &b->due_last->sync_next : &b->due) = ch;
    b->due_last = ch;
    if (!uv_is_active((uv_handle_t *)&b->tick))
        uv_timer_start(&b->tick, run_due, TICK_MS, TICK_MS);
}

void bus_suspect(struct node *node, struct channel *ch) {
    if (ch->feed.based)
        sync_later(node, ch, GAP_MS);
}

static void tell_epoch(struct sub *sub, void *arg) {
    const struct position *at = arg;
    const struct channel_id *id = &sub->channel->id;
    struct session *s = sub->session;
    struct uuid peer;
    if (id->kind == CHANNEL_DM && s->account)
        peer = channel_peer(id, &s->account->uuid);
    struct buf *b = frame_scratch();
    encode_sys_epoch(b, id->kind == CHANNEL_DM ? &peer : NULL, at);
    session_push_json(s, b);
}

/* The numbering began anew: after a failover, or the data was lost. */
static void enter_epoch(struct node *node, struct channel *ch, const struct channel_state *state) {
    struct position base = {.epoch = state->at.epoch, .seq = state->base - 1};
    node->count.epochs++;
    log_warn("new_epoch", "seq=%llu", (unsigned long long)state->base);
    feed_base(&ch->feed, &base);
    hub_new_epoch(ch, base.seq, tell_epoch, &base);
    for (size_t i = 0; i < ch->feed.n;) { /* what belongs to the old one will not come any more */
        if (uuid_eq(&ch->feed.held[i].at.epoch, &base.epoch)) {
            i++;
            continue;
        }
        struct position at = ch->feed.held[i].at;
        release_note(node, feed_take(&ch->feed, &at), true);
    }
}

/* An entry of the stream is right whatever is missing before it. */
static void deliver_entry(struct node *node, struct channel *ch, const struct redisReply *entry) {
    struct message m;
    bool good = reply_entry(entry, &ch->id, &m);
    if (!good)
        node->count.bad_entries++;
    if (m.seq <= ch->feed.last.seq)
        return;
    struct position at = {.epoch = ch->feed.last.epoch, .seq = m.seq};
    struct note *n = feed_take(&ch->feed, &at);
    struct frame *f = n ? n->frame : good ? message_frame(&m) : NULL;
    if (f)
        deliver(node, ch, m.seq, f, n ? n->op : NULL);
    else
        feed_advance(&ch->feed, m.seq);
    frame_unref(f);
    free(n);
}

static void on_state(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct sync *y = arg;
    struct err e;
    y->failed = reply_position(reply, &y->state, &e);
}

/* The stream can't be read: own messages that wait for it are answered. */
static void fail_held(struct node *node, struct channel *ch) {
    struct note *n;
    while ((n = feed_take_stale(&ch->feed, true)))
        release_note(node, n, false);
}

static void end_sync(struct sync *y, bool again) {
    struct node *node = y->node;
    struct channel *ch = y->channel;
    ch->syncing = false;
    struct note *n;
    if (y->failed) {
        fail_held(node, ch);
        sync_later(node, ch, RETRY_MS);
    }
    while ((n = feed_take_stale(&ch->feed, false)))
        release_note(node, n, true);
    deliver_held(node, ch);
    if (again || ch->feed.n)
        sync_later(node, ch, again ? 0 : GAP_MS);
    free(y);
    hub_unpin(&node->hub, ch);
}

/* Redis lost its newest data: numbers that were delivered here would be used again. */
static bool is_behind(const struct channel *ch, const struct channel_state *state) {
    return uuid_eq(&state->at.epoch, &ch->feed.last.epoch) && state->at.seq < ch->feed.last.seq;
}

static void begin_epoch(struct node *node, struct channel *ch) {
    struct uuid spare = uuid_make();
    log_warn("data_lost", "delivered=%llu", (unsigned long long)ch->feed.last.seq);
    cmd_renew(&node->cmd, &node->keys, &ch->id, &spare, &ch->feed.last);
    redis_link_call(node->store, &node->cmd, NULL, NULL, NULL);
    sync_later(node, ch, 0);
}

static void on_entries(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct sync *y = arg;
    struct channel *ch = y->channel;
    struct node *node = y->node;
    size_t n = 0;
    struct err e;
    if (!y->failed)
        y->failed = reply_array(reply, &n, &e);
    if (y->failed) {
        end_sync(y, false);
        return;
    }
    bool other = !uuid_is_nil(&y->state.at.epoch) &&
                 !uuid_eq(&y->state.at.epoch, &ch->feed.last.epoch);
    if (other) { /* what was read was asked for by the old numbers */
        enter_epoch(node, ch, &y->state);
        end_sync(y, true);
        return;
    }
    if (is_behind(ch, &y->state)) {
        begin_epoch(node, ch);
        end_sync(y, false);
        return;
    }
    uint64_t before = ch->feed.last.seq;
    for (size_t i = 0; i < n; i++)
        deliver_entry(node, ch, reply_item(reply, i));
    if (ch->feed.last.seq > before)
        node->count.gaps++;
    end_sync(y, n == SYNC_PAGE);
}

static void sync_now(struct node *node, struct channel *ch) {
    struct sync *y = calloc(1, sizeof *y);
    if (!y)
        return;
    y->node = node;
    y->channel = ch;
    ch->pins++;
    ch->syncing = true;
    cmd_position(&node->cmd, &node->keys, &ch->id);
    redis_link_call(node->store, &node->cmd, on_state, y, NULL);
    cmd_log_forward(&node->cmd, &node->keys, &ch->id, ch->feed.last.seq, SYNC_PAGE);
    redis_link_call(node->store, &node->cmd, on_entries, y, NULL);
}

/* Is there still a reason? A gap may have closed, or all its sessions gone. */
static void run_due(uv_timer_t *t) {
    struct node *node = t->data;
    struct bus *b = &node->bus;
    uint64_t now = clock_mono_ms();
    struct channel *list = b->due;
    b->due = b->due_last = NULL;
    unsigned budget = redis_link_up(node->store) ? SYNC_PER_TICK : 0;
    for (struct channel *ch = list, *next; ch; ch = next) {
        next = ch->sync_next;
        ch->sync_listed = false;
        bool wanted = ch->feed.based && ch->count > 0;
        if (wanted && (ch->sync_due_ms > now || ch->syncing || budget == 0)) {
            sync_later(node, ch, ch->sync_due_ms > now ? ch->sync_due_ms - now : 0);
        } else if (wanted) {
            budget--;
            sync_now(node, ch);
        }
        hub_unpin(&node->hub, ch);
    }
    if (!b->due)
        uv_timer_stop(&b->tick);
}

/* --- The quiet check: now and then every channel is compared with its stream --- */

struct quiet {
    struct node *node;
    struct channel *channel; /* pinned */
};

static void on_quiet(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct quiet *q = arg;
    struct channel *ch = q->channel;
    struct channel_state state;
    struct err e;
    if (reply_position(reply, &state, &e) == ERR_OK && !uuid_is_nil(&state.at.epoch) &&
        ch->feed.based &&
        (!uuid_eq(&state.at.epoch, &ch->feed.last.epoch) || state.at.seq != ch->feed.last.seq))
        sync_later(q->node, ch, GAP_MS);
    hub_unpin(&q->node->hub, ch);
    free(q);
}

void bus_check_quiet(struct node *node) {
    if (!redis_link_up(node->store))
        return;
    size_t n = (node->hub.channels.count + QUIET_ROUNDS - 1) / QUIET_ROUNDS;
    for (size_t i = 0; i < n; i++) {
        struct channel *ch = node->hub.ring;
        node->hub.ring = ch->next;
        struct quiet *q = ch->feed.based && !ch->syncing ? malloc(sizeof *q) : NULL;
        if (!q)
            continue;
        *q = (struct quiet){.node = node, .channel = ch};
        ch->pins++;
        cmd_position(&node->cmd, &node->keys, &ch->id);
        redis_link_call(node->store, &node->cmd, on_quiet, q, NULL);
    }
}

/* --- Subscriptions --- */

static uint64_t send_on_bus(struct node *node) {
    redis_link_call(node->bus.link, &node->cmd, NULL, NULL, NULL);
    return ++node->bus.asked;
}

static void subscribe(struct node *node, struct channel *ch) {
    ch->bus = BUS_ASKED;
    cmd_subscribe_channel(&node->cmd, &node->keys, &ch->id, true);
    ch->asked = send_on_bus(node);
}

void bus_channel_opened(struct channel *ch, void *arg) {
    struct node *node = arg;
    if (redis_link_up(node->bus.link))
        subscribe(node, ch);
}

void bus_channel_closed(struct channel *ch, void *arg) {
    struct node *node = arg;
    struct note *n;
    while ((n = feed_take_stale(&ch->feed, true))) { /* only copies from the bus: an op pins */
        frame_unref(n->frame);
        free(n);
    }
    if (ch->bus == BUS_OFF)
        return;
    cmd_subscribe_channel(&node->cmd, &node->keys, &ch->id, false);
    send_on_bus(node);
}

static void end_waits(struct channel *ch, bool subscribed) {
    struct channel_wait *w = ch->waits;
    ch->waits = NULL;
    while (w) {
        struct channel_wait *next = w->next;
        w->fn(w->arg, subscribed);
        w = next;
    }
}

void bus_wait(struct node *node, struct channel *ch, struct channel_wait *w) {
    if (ch->bus == BUS_ON || !redis_link_up(node->bus.link)) {
        w->fn(w->arg, ch->bus == BUS_ON);
        return;
    }
    w->next = ch->waits;
    ch->waits = w;
}

void bus_user(struct node *node, const struct uuid *user, bool on) {
    if (!redis_link_up(node->bus.link))
        return;
    cmd_subscribe_user(&node->cmd, &node->keys, user, on);
    send_on_bus(node);
}

/* --- What arrives --- */

static void on_message(struct node *node, struct channel *ch, struct event *ev) {
    /* An own message is delivered when its append is answered; until then its copy says nothing new. */
    if (ch->own_in_flight && strcmp(ev->node, node->id) == 0)
        return;
    struct position at = {.epoch = ev->epoch, .seq = ev->seq};
    if (feed_judge(&ch->feed, &at) == FEED_REPEAT)
        return;
    ev->message.channel = ch->id;
    struct frame *f = message_frame(&ev->message);
    if (f)
        offer(node, ch, &at, f, NULL);
    frame_unref(f);
}

/* An event that names the channel reads differently for the two sides of a private one. */
static void push_event(struct session *s, const struct channel_id *id, const struct event *ev) {
    struct uuid peer, *recipient = NULL;
    if (id->kind == CHANNEL_DM && s->account) {
        peer = channel_peer(id, &s->account->uuid);
        recipient = &peer;
    }
    struct buf *b = frame_scratch();
    if (ev->kind == EVENT_PURGE)
        encode_sys_purge(b, recipient, &ev->epoch, ev->seq, ev->one ? &ev->message_uuid : NULL);
    else
        encode_sys_user(b, ev->sys, recipient, &ev->user, ev->name, ev->name_len);
    session_push_json(s, b);
}

static void on_channel_event(struct channel *ch, const struct event *ev) {
    struct frame *shared = NULL;
    for (uint32_t i = 0; i < ch->count; i++) {
        struct session *s = ch->subs[i]->session;
        bool about_self = ev->kind == EVENT_USER && s->account && uuid_eq(&s->account->uuid, &ev->user);
        if (!ch->subs[i]->joined || about_self)
            continue;
        if (ch->id.kind == CHANNEL_DM) {
            push_event(s, &ch->id, ev);
            continue;
        }
        if (!shared) {
            struct buf *b = frame_scratch();
            if (ev->kind == EVENT_PURGE)
                encode_sys_purge(b, NULL, &ev->epoch, ev->seq, ev->one ? &ev->message_uuid : NULL);
            else
                encode_sys_user(b, ev->sys, NULL, &ev->user, ev->name, ev->name_len);
            shared = frame_text(b);
        }
        session_push(s, shared);
    }
    frame_unref(shared);
}

static void on_forget(struct node *node, const struct event *ev) {
    names_forget(&node->names, &ev->user);
    struct account *acc = account_find(&node->accounts, &ev->user);
    if (acc)
        account_check(node, acc);
}

static void on_payload(struct node *node, const struct push *p) {
    struct event ev;
    struct channel_id id;
    struct uuid user;
    if (!event_parse(p->payload, p->payload_len, &ev)) {
        node->count.bad_events++;
        return;
    }
    if (key_parse_channel_bus(&node->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(&node->hub, &id);
        if (ch && ev.kind == EVENT_MESSAGE)
            on_message(node, ch, &ev);
        else if (ch && (ev.kind == EVENT_USER || ev.kind == EVENT_PURGE))
            on_channel_event(ch, &ev);
    } else if (key_parse_user_bus(&node->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(&node->accounts, &user);
        if (acc)
            account_event(node, acc, &ev);
    } else if (ev.kind == EVENT_FORGET)
        on_forget(node, &ev);
}

static void on_subscribed(struct node *node, const struct push *p) {
    struct channel_id id;
    struct uuid user;
    if (key_parse_channel_bus(&node->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(&node->hub, &id);
        if (!ch || ch->bus != BUS_ASKED || ch->asked > node->bus.answered)
            return;
        ch->bus = BUS_ON;
        if (ch->feed.based)
            sync_later(node, ch, 0);
        end_waits(ch, true);
    } else if (key_parse_user_bus(&node->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(&node->accounts, &user);
        if (acc)
            account_check(node, acc);
    }
}

static void on_push(const struct redisReply *reply, void *arg) {
    struct node *node = arg;
    struct push p;
    if (!reply_push(reply, &p))
        return;
    if (p.kind == PUSH_MESSAGE) {
        on_payload(node, &p);
        return;
    }
    node->bus.answered++;
    if (p.kind == PUSH_SUBSCRIBED)
        on_subscribed(node, &p);
}

/* --- The link --- */

static void resubscribe_user(struct table_node *n, void *arg) {
    bus_user(arg, &container_of(n, struct account, node)->uuid, true);
}

static void on_up(void *arg) {
    struct node *node = arg;
    log_info("bus_up", "channels=%zu users=%zu", node->hub.channels.count,
             node->accounts.table.count);
    node->bus.asked = node->bus.answered = 0;
    cmd_subscribe_all(&node->cmd, &node->keys);
    send_on_bus(node);
    struct channel *ch = node->hub.ring;
    if (ch)
        do
            subscribe(node, ch);
        while ((ch = ch->next) != node->hub.ring);
    table_each(&node->accounts.table, resubscribe_user, node);
    node->bus.up(node);
}

static void each_channel(struct node *node, void (*fn)(struct node *node, struct channel *ch)) {
    size_t n = node->hub.channels.count;
    for (struct channel *ch = node->hub.ring, *next; ch && n > 0; ch = next, n--) {
        ch->pins++;
        fn(node, ch);
        next = ch->next;
        hub_unpin(&node->hub, ch);
        if (!node->hub.ring) /* that was the last one */
            return;
    }
}

static void channel_off(struct node *node, struct channel *ch) {
    (void)node;
    ch->bus = BUS_OFF;
    end_waits(ch, false);
}

static void on_down(void *arg) {
    each_channel(arg, channel_off);
}

void bus_store_down(struct node *node) {
    each_channel(node, fail_held);
}

static void suspect(struct node *node, struct channel *ch) {
    bus_suspect(node, ch);
}

void bus_store_up(struct node *node) {
    each_channel(node, suspect);
}

bool bus_init(struct node *node, const struct redis_uri *uri, void (*up)(struct node *node),
              void (*refused)(const char *why, void *node)) {
    struct redis_link_hooks hooks = {
        .up = on_up, .down = on_down, .push = on_push, .refused = refused, .arg = node};
    char name[64];
    snprintf(name, sizeof name, "chatd-%s-bus", node->id);
    node->bus.up = up;
    node->bus.link = redis_link_new(node->loop, uri, &node->keys, name, &hooks);
    uv_timer_init(node->loop, &node->bus.tick);
    node->bus.tick.data = node;
    return node->bus.link != NULL;
}

void bus_start(struct node *node) {
    redis_link_start(node->bus.link);
}

void bus_stop(struct node *node) {
    uv_close((uv_handle_t *)&node->bus.tick, NULL);
    redis_link_free(node->bus.link);
    node->bus.link = NULL;
}
