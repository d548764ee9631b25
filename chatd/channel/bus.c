/* bus - see bus.h. */
#include "chatd/channel/bus.h"

#include "chatd/daemon/node.h"
#include "common/base/log.h"
#include "common/redis/reply.h"

#include <stdlib.h>

/* --- Subscriptions --- */

static uint64_t send_on_bus(struct node *node, uint16_t line) {
    redis_pool_bus_call(node->redis, line, &node->cmd);
    return ++node->bus.lines[line].asked;
}

/* On the line of whoever has the channel; while that is down, nothing: see on_up. */
static void subscribe(struct node *node, struct channel *ch) {
    uint16_t line = redis_pool_shard(node->redis, ch->slot);
    if (!redis_pool_bus_up(node->redis, line))
        return;
    ch->bus = BUS_ASKED;
    ch->line = line;
    cmd_subscribe_channel(&node->cmd, &node->keys, &ch->id, true);
    ch->asked = send_on_bus(node, line);
}

void bus_channel_opened(struct channel *ch, void *arg) {
    struct node *node = arg;
    char key[KEY_MAX + 1];
    ch->slot =
        redis_pool_slot(node->redis, key, key_channel(&node->keys, &ch->id, CHANNEL_BUS, key));
    subscribe(node, ch);
}

void bus_channel_closed(struct channel *ch, void *arg) {
    struct node *node = arg;
    delivery_fail_held(node, ch); /* only copies from the bus: an op pins */
    if (ch->bus == BUS_OFF)
        return;
    cmd_subscribe_channel(&node->cmd, &node->keys, &ch->id, false);
    send_on_bus(node, ch->line);
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
    if (ch->bus == BUS_OFF)
        subscribe(node, ch);
    if (ch->bus != BUS_ASKED) {
        w->fn(w->arg, ch->bus == BUS_ON);
        return;
    }
    w->next = ch->waits;
    ch->waits = w;
}

static uint16_t user_line(const struct node *node, const struct uuid *user) {
    char key[KEY_MAX + 1];
    size_t len = key_user(&node->keys, user, USER_USER_BUS, key);
    return redis_pool_shard(node->redis, redis_pool_slot(node->redis, key, len));
}

static void subscribe_user(struct node *node, struct account *acc) {
    uint16_t line = user_line(node, &acc->uuid);
    if (!redis_pool_bus_up(node->redis, line))
        return;
    acc->line = line;
    cmd_subscribe_user(&node->cmd, &node->keys, &acc->uuid, true);
    acc->asked = send_on_bus(node, line);
}

void bus_user(struct node *node, struct account *acc, bool on) {
    if (on) {
        acc->line = NO_SHARD;
        subscribe_user(node, acc);
    } else if (acc->line != NO_SHARD) {
        cmd_subscribe_user(&node->cmd, &node->keys, &acc->uuid, false);
        send_on_bus(node, acc->line);
    }
}

static uint16_t all_line(const struct node *node) {
    char key[KEY_MAX + 1];
    size_t len = key_global(&node->keys, KEY_ALL_BUS, key);
    return redis_pool_shard(node->redis, redis_pool_slot(node->redis, key, len));
}

static void subscribe_all(struct node *node) {
    uint16_t line = all_line(node);
    if (!redis_pool_bus_up(node->redis, line))
        return;
    node->bus.line = line;
    cmd_subscribe_all(&node->cmd, &node->keys);
    node->bus.asked = send_on_bus(node, line);
}

/* --- What arrives --- */

static void on_message(struct node *node, struct channel *ch, struct event *ev) {
    struct position at = {.epoch = ev->epoch, .seq = ev->seq};
    if (reorder_judge(&ch->order, &at) == REORDER_REPEAT)
        return;
    ev->message.channel = ch->id;
    struct frame *f = delivery_frame(&ev->message);
    if (f)
        delivery_offer(node, ch, &at, f, NULL);
    frame_unref(f);
}

static struct frame *event_frame(const struct event *ev, const struct uuid *recipient) {
    struct buf *b = frame_scratch();
    if (ev->kind == EVENT_PURGE)
        response_encode_sys_purge(b, recipient, &ev->epoch, ev->seq,
                                  ev->one ? &ev->message_uuid : NULL);
    else
        response_encode_sys_user(b, ev->sys, recipient, &ev->user, ev->name, ev->name_len);
    return frame_text(b);
}

/* Who is joining may have read just before a purge: it is told behind its answer. Of the members,
 * the answer itself says enough. */
static void give_event(struct sub *sub, const struct event *ev, struct frame *f) {
    if (sub->joined)
        session_push(sub->session, f);
    else if (ev->kind == EVENT_PURGE)
        sub_hold(sub, f);
}

/* An event that names the channel reads differently for the two sides of a private one. */
void bus_tell(struct channel *ch, const struct event *ev) {
    struct frame *shared = ch->id.kind == CHANNEL_PUBLIC ? event_frame(ev, NULL) : NULL;
    for (uint32_t i = 0; i < ch->count; i++) {
        const struct account *acc = ch->subs[i]->session->account;
        if (!acc || (ev->kind == EVENT_USER && uuid_eq(&acc->uuid, &ev->user)))
            continue;
        struct uuid peer = channel_peer(&ch->id, &acc->uuid);
        struct frame *f = shared ? frame_ref(shared) : event_frame(ev, &peer);
        if (f)
            give_event(ch->subs[i], ev, f);
        frame_unref(f);
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
    /* An own message is delivered when its append is answered; where it isn't, the stream is read.
     */
    if (event_is_message_of(p->payload, p->payload_len, node->id))
        return;
    if (!event_parse(p->payload, p->payload_len, &ev)) {
        node->count.bad_events++;
        return;
    }
    if (key_parse_channel_bus(&node->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(&node->hub, &id);
        if (ch && ev.kind == EVENT_MESSAGE)
            on_message(node, ch, &ev);
        else if (ch && (ev.kind == EVENT_USER || ev.kind == EVENT_PURGE))
            bus_tell(ch, &ev);
    } else if (key_parse_user_bus(&node->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(&node->accounts, &user);
        if (acc)
            account_event(node, acc, &ev);
    } else if (ev.kind == EVENT_FORGET)
        on_forget(node, &ev);
    else if (ev.kind == EVENT_PROBE)
        probe_heard(node, &ev);
}

/* --- Purges that nobody heard, since the link was down --- */

#define MARKS_MAX 1001 /* more are not kept; see purge.lua */

struct unheard {
    struct node *node;
    struct channel *channel; /* pinned */
};

static void on_marks(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct unheard *u = arg;
    struct channel *ch = u->channel;
    struct event ev = {.kind = EVENT_PURGE, .epoch = ch->missed_since.epoch};
    struct err e;
    size_t n = 0;
    if (!reply_array(reply, &n, &e)) /* else they are asked for again after the next loss */
        ch->missed_since = (struct position){.seq = 0};
    for (size_t i = 0; i < n; i++) {
        struct mark m;
        if (!reply_mark(reply_item(reply, i), &m) || m.lost)
            continue;
        ev.seq = m.up_to;
        ev.one = m.one;
        ev.message_uuid = m.message;
        bus_tell(ch, &ev);
    }
    hub_unpin(&u->node->hub, ch);
    free(u);
}

static void ask_marks(struct node *node, struct channel *ch) {
    struct unheard *u = uuid_is_nil(&ch->missed_since.epoch) ? NULL : malloc(sizeof *u);
    if (!u)
        return;
    *u = (struct unheard){.node = node, .channel = ch};
    ch->pins++;
    cmd_marks(&node->cmd, &node->keys, &ch->id, ch->missed_since.seq, MARKS_MAX);
    redis_pool_call(node->redis, &node->cmd, on_marks, u, NULL);
}

static void on_subscribed(struct node *node, uint16_t line, const struct push *p) {
    struct channel_id id;
    struct uuid user;
    if (key_parse_channel_bus(&node->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(&node->hub, &id);
        if (!ch || ch->bus != BUS_ASKED || ch->line != line ||
            ch->asked > node->bus.lines[line].answered)
            return;
        ch->bus = BUS_ON;
        if (ch->order.based)
            delivery_read_stream(node, ch, 0);
        ask_marks(node, ch);
        end_waits(ch, true);
    } else if (key_parse_user_bus(&node->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(&node->accounts, &user);
        if (acc)
            account_check(node, acc);
    }
}

/* Redis refuses a subscription (its access list, say): whoever waits for it must not wait for ever.
 */
static void refuse_asked(struct node *node, struct channel *ch) {
    if (ch->bus != BUS_ASKED || ch->line != node->shard ||
        ch->asked != node->bus.lines[ch->line].answered)
        return;
    ch->bus = BUS_OFF;
    end_waits(ch, false);
}

static void on_error(struct node *node, uint16_t line, const struct err *e) {
    log_error("bus_refused", "reason=\"%s\"", e->detail);
    node->bus.lines[line].answered++;
    node->shard = line;
    hub_each(&node->hub, refuse_asked, node);
}

static void channel_off(struct channel *ch) {
    if (ch->bus == BUS_ON && ch->order.based && uuid_is_nil(&ch->missed_since.epoch))
        ch->missed_since = ch->order.last;
    ch->bus = BUS_OFF;
    end_waits(ch, false);
}

/* A Cluster ends subscriptions to what it moves elsewhere, without being asked. (What we have asked
 * for is told by its number: no answer to it can have come before the answer to a later wish.) */
static bool is_taken_away(struct node *node, uint16_t line, const struct push *p) {
    uint64_t answered = node->bus.lines[line].answered;
    struct channel_id id;
    struct uuid user;
    if (key_parse_channel_bus(&node->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(&node->hub, &id);
        if (!ch || ch->bus != BUS_ON || ch->line != line)
            return false;
        channel_off(ch);
        return true;
    }
    if (key_parse_user_bus(&node->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(&node->accounts, &user);
        if (!acc || acc->line != line || acc->asked > answered)
            return false;
        acc->line = NO_SHARD;
        return true;
    }
    node->bus.line = NO_SHARD; /* that of all nodes: nobody asks for its end */
    return true;
}

void bus_push(struct node *node, uint16_t line, const struct redisReply *reply) {
    struct push p;
    struct err e;
    if (redis_pool_bus_redirected(node->redis, line, reply))
        return;
    if (reply_ok(reply, &e)) {
        on_error(node, line, &e);
        return;
    }
    if (!reply_push(reply, &p))
        return;
    if (p.kind == PUSH_MESSAGE) {
        on_payload(node, &p);
        return;
    }
    if (p.kind == PUSH_UNSUBSCRIBED && is_taken_away(node, line, &p)) {
        node->bus.unsettled = true;
        redis_pool_doubt(node->redis);
        return;
    }
    node->bus.lines[line].answered++;
    if (p.kind == PUSH_SUBSCRIBED)
        on_subscribed(node, line, &p);
}

/* --- The lines --- */

static void settle_channel(struct node *node, struct channel *ch) {
    if (ch->bus != BUS_OFF && ch->line != redis_pool_shard(node->redis, ch->slot))
        channel_off(ch);
    if (ch->bus == BUS_OFF)
        subscribe(node, ch);
}

static void settle_user(struct table_node *n, void *arg) {
    struct account *acc = container_of(n, struct account, node);
    if (acc->line != user_line(arg, &acc->uuid))
        subscribe_user(arg, acc);
}

/* Listens to everything where it is now. */
static void settle(struct node *node) {
    node->bus.unsettled = false;
    if (node->bus.line != all_line(node))
        subscribe_all(node);
    hub_each(&node->hub, settle_channel, node);
    table_each(&node->accounts.table, settle_user, node);
}

void bus_settle(struct node *node) {
    if (node->bus.unsettled)
        settle(node);
}

void bus_moved(struct node *node) {
    settle(node);
}

void bus_up(struct node *node, uint16_t line) {
    log_info("bus_up", "channels=%zu users=%zu", node->hub.channels.count,
             node->accounts.table.count);
    node->count.bus_ups++;
    node->bus.lines[line] = (struct bus_line){.asked = 0};
    settle(node);
}

static void line_off(struct node *node, struct channel *ch) {
    if (ch->bus != BUS_OFF && ch->line == node->shard)
        channel_off(ch);
}

static void user_off(struct table_node *n, void *arg) {
    struct account *acc = container_of(n, struct account, node);
    if (acc->line == ((struct node *)arg)->shard)
        acc->line = NO_SHARD;
}

void bus_down(struct node *node, uint16_t line) {
    node->shard = line;
    if (node->bus.line == line)
        node->bus.line = NO_SHARD;
    table_each(&node->accounts.table, user_off, node);
    hub_each(&node->hub, line_off, node);
}

void bus_init(struct node *node) {
    node->bus.line = NO_SHARD;
}
