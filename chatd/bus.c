/* bus - see bus.h. */
#include "chatd/bus.h"

#include "chatd/node.h"
#include "common/log.h"
#include "common/reply.h"

#include <stdlib.h>
#include <string.h>

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
    delivery_fail_held(node, ch); /* only copies from the bus: an op pins */
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
    /* An own message is delivered when its append is answered; until then its copy says nothing
     * new. */
    if (ch->own_in_flight && strcmp(ev->node, node->id) == 0)
        return;
    struct position at = {.epoch = ev->epoch, .seq = ev->seq};
    if (feed_judge(&ch->feed, &at) == FEED_REPEAT)
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
        encode_sys_purge(b, recipient, &ev->epoch, ev->seq, ev->one ? &ev->message_uuid : NULL);
    else
        encode_sys_user(b, ev->sys, recipient, &ev->user, ev->name, ev->name_len);
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
static void on_channel_event(struct channel *ch, const struct event *ev) {
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
    struct event ev = {.kind = EVENT_PURGE, .epoch = ch->deaf.epoch};
    struct err e;
    size_t n = 0;
    if (!reply_array(reply, &n, &e)) /* else they are asked for again after the next loss */
        ch->deaf = (struct position){.seq = 0};
    for (size_t i = 0; i < n; i++) {
        struct mark m;
        if (!reply_mark(reply_item(reply, i), &m) || m.lost)
            continue;
        ev.seq = m.up_to;
        ev.one = m.one;
        ev.message_uuid = m.message;
        on_channel_event(ch, &ev);
    }
    hub_unpin(&u->node->hub, ch);
    free(u);
}

static void ask_marks(struct node *node, struct channel *ch) {
    struct unheard *u = uuid_is_nil(&ch->deaf.epoch) ? NULL : malloc(sizeof *u);
    if (!u)
        return;
    *u = (struct unheard){.node = node, .channel = ch};
    ch->pins++;
    cmd_marks(&node->cmd, &node->keys, &ch->id, ch->deaf.seq, MARKS_MAX);
    redis_link_call(node->store, &node->cmd, on_marks, u, NULL);
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
    if (ch->bus != BUS_ASKED || ch->asked != node->bus.answered)
        return;
    ch->bus = BUS_OFF;
    end_waits(ch, false);
}

static void on_error(struct node *node, const struct err *e) {
    log_error("bus_refused", "reason=\"%s\"", e->detail);
    node->bus.answered++;
    hub_each(&node->hub, refuse_asked, node);
}

static void on_push(const struct redisReply *reply, void *arg) {
    struct node *node = arg;
    struct push p;
    struct err e;
    if (reply_ok(reply, &e)) {
        on_error(node, &e);
        return;
    }
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

static void channel_off(struct node *node, struct channel *ch) {
    (void)node;
    if (ch->bus == BUS_ON && ch->feed.based && uuid_is_nil(&ch->deaf.epoch))
        ch->deaf = ch->feed.last;
    ch->bus = BUS_OFF;
    end_waits(ch, false);
}

static void on_down(void *arg) {
    struct node *node = arg;
    hub_each(&node->hub, channel_off, node);
}

bool bus_init(struct node *node, const struct redis_uri *uri, void (*up)(struct node *node),
              void (*refused)(const char *why, void *node)) {
    struct redis_link_hooks hooks = {
        .up = on_up, .down = on_down, .push = on_push, .refused = refused, .arg = node};
    char name[64];
    snprintf(name, sizeof name, "chatd-%s-bus", node->id);
    node->bus.up = up;
    node->bus.link = redis_link_new(node->loop, uri, &node->keys, name, &hooks);
    return node->bus.link != NULL;
}

void bus_start(struct node *node) {
    redis_link_start(node->bus.link);
}

void bus_stop(struct node *node) {
    redis_link_free(node->bus.link);
    node->bus.link = NULL;
}
