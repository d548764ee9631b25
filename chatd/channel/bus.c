/* bus - see bus.h. */
#include "chatd/channel/bus.h"

#include "common/base/log.h"
#include "common/redis/reply.h"

#include <stdlib.h>

/* Argument of a walk over channels or accounts. */
struct on_link {
    const struct bus *bus;
    uint16_t link;
};

/* --- Subscriptions --- */

static uint64_t send_on_bus(struct bus *bus, uint16_t link) {
    redis_pool_bus_call(bus->redis->pool, link, &bus->redis->cmd);
    return ++bus->links[link].asked;
}

/* On the link of the shard that has the channel; while that is down, nothing: see bus_up. */
static void subscribe(struct bus *bus, struct channel *ch) {
    uint16_t link = redis_pool_shard(bus->redis->pool, ch->slot);
    if (!redis_pool_bus_up(bus->redis->pool, link))
        return;
    ch->bus.state = BUS_ASKED;
    ch->bus.link = link;
    cmd_subscribe_channel(&bus->redis->cmd, &bus->redis->keys, &ch->id, true);
    ch->bus.asked = send_on_bus(bus, link);
}

void bus_channel_opened(struct channel *ch, void *arg) {
    struct bus *bus = arg;
    char key[KEY_MAX + 1];
    ch->slot = redis_pool_slot(bus->redis->pool, key,
                               key_channel(&bus->redis->keys, &ch->id, CHANNEL_BUS, key));
    subscribe(bus, ch);
}

void bus_channel_closed(struct channel *ch, void *arg) {
    struct bus *bus = arg;
    delivery_fail_held(ch); /* only copies from the bus: an op pins */
    if (ch->bus.state == BUS_OFF)
        return;
    cmd_subscribe_channel(&bus->redis->cmd, &bus->redis->keys, &ch->id, false);
    send_on_bus(bus, ch->bus.link);
}

static void end_waits(struct channel *ch, bool subscribed) {
    struct channel_wait *w = ch->bus.waits;
    ch->bus.waits = NULL;
    while (w) {
        struct channel_wait *next = w->next;
        w->fn(w->arg, subscribed);
        w = next;
    }
}

void bus_wait(struct bus *bus, struct channel *ch, struct channel_wait *w) {
    if (ch->bus.state == BUS_OFF)
        subscribe(bus, ch);
    if (ch->bus.state != BUS_ASKED) {
        w->fn(w->arg, ch->bus.state == BUS_ON);
        return;
    }
    w->next = ch->bus.waits;
    ch->bus.waits = w;
}

static uint16_t user_link(const struct bus *bus, const struct uuid *user) {
    char key[KEY_MAX + 1];
    size_t len = key_user(&bus->redis->keys, user, USER_USER_BUS, key);
    return redis_pool_shard(bus->redis->pool, redis_pool_slot(bus->redis->pool, key, len));
}

static void subscribe_user(struct bus *bus, struct account *acc) {
    uint16_t link = user_link(bus, &acc->uuid);
    if (!redis_pool_bus_up(bus->redis->pool, link))
        return;
    acc->bus.link = link;
    cmd_subscribe_user(&bus->redis->cmd, &bus->redis->keys, &acc->uuid, true);
    acc->bus.asked = send_on_bus(bus, link);
}

void bus_user(struct bus *bus, struct account *acc, bool on) {
    if (on) {
        acc->bus.link = NO_SHARD;
        subscribe_user(bus, acc);
    } else if (acc->bus.link != NO_SHARD) {
        cmd_subscribe_user(&bus->redis->cmd, &bus->redis->keys, &acc->uuid, false);
        send_on_bus(bus, acc->bus.link);
    }
}

static uint16_t all_link(const struct bus *bus) {
    char key[KEY_MAX + 1];
    size_t len = key_global(&bus->redis->keys, KEY_ALL_BUS, key);
    return redis_pool_shard(bus->redis->pool, redis_pool_slot(bus->redis->pool, key, len));
}

static void subscribe_all(struct bus *bus) {
    uint16_t link = all_link(bus);
    if (!redis_pool_bus_up(bus->redis->pool, link))
        return;
    bus->link = link;
    cmd_subscribe_all(&bus->redis->cmd, &bus->redis->keys);
    bus->asked = send_on_bus(bus, link);
}

/* --- What arrives --- */

static void on_message(struct bus *bus, struct channel *ch, struct event *ev) {
    struct position at = {.epoch = ev->epoch, .seq = ev->seq};
    if (reorder_judge(&ch->order, &at) == REORDER_REPEAT) {
        if (reorder_is_another(&ch->order, &at, &ev->message.uuid))
            delivery_suspect(bus->delivery, ch);
        return;
    }
    ev->message.channel = ch->id;
    struct frame *f = delivery_frame(&ev->message);
    if (f)
        delivery_offer(bus->delivery, ch, &at, &ev->message.uuid, f);
    frame_unref(f);
}

static struct frame *event_frame(const struct event *ev, const struct uuid *recipient) {
    struct buf *b = frame_scratch();
    if (ev->kind == EVENT_PURGE)
        response_encode_sys_purge(b, recipient, &ev->epoch, ev->seq,
                                  ev->one ? &ev->message_uuid : NULL);
    else if (ev->kind == EVENT_PURGE_FROM)
        response_encode_sys_purge_from(b, recipient, &ev->epoch, ev->seq, &ev->user);
    else
        response_encode_sys_user(b, ev->sys, recipient, &ev->user, ev->name, ev->name_len);
    return frame_text(b);
}

/* A session that is joining may have read just before a purge: it is told behind its answer. Of the
 * members, the answer itself says enough. */
static void give_event(struct sub *sub, const struct event *ev, struct frame *f) {
    if (sub->joined)
        session_push(sub->session, f);
    else if (ev->kind != EVENT_USER)
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

static void on_payload(struct bus *bus, const struct push *p) {
    struct event ev;
    struct channel_id id;
    struct uuid user;
    /* An own message is delivered when its append is answered; where it isn't, the stream is read.
     */
    if (event_is_message_of(p->payload, p->payload_len, bus->redis->node_id))
        return;
    if (!event_parse(p->payload, p->payload_len, &ev)) {
        bus->count->bad_events++;
        return;
    }
    if (key_parse_channel_bus(&bus->redis->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(bus->hub, &id);
        if (ch && ev.kind == EVENT_MESSAGE)
            on_message(bus, ch, &ev);
        else if (ch &&
                 (ev.kind == EVENT_USER || ev.kind == EVENT_PURGE || ev.kind == EVENT_PURGE_FROM))
            bus_tell(ch, &ev);
    } else if (key_parse_user_bus(&bus->redis->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(bus->accounts, &user);
        if (acc)
            account_event(bus->accounts, acc, &ev);
    } else if (ev.kind == EVENT_FORGET)
        account_forget_name(bus->accounts, &ev.user);
    else if (ev.kind == EVENT_PROBE)
        probe_heard(bus->probe, &ev);
}

/* --- Purges that nobody heard, since the link was down --- */

#define PURGES_KEPT 1001 /* more are not kept; see purge.lua */

struct unheard {
    struct bus *bus;
    struct channel *channel; /* pinned */
};

static void bus_on_marks(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct unheard *u = arg;
    struct channel *ch = u->channel;
    struct event ev = {.kind = EVENT_PURGE, .epoch = ch->order.last.epoch};
    struct err e;
    size_t n = 0;
    if (!reply_array(reply, &n, &e)) /* else they are asked for again after the next loss */
        ch->bus.missed_since = (struct position){.seq = 0};
    for (size_t i = 0; i < n; i++) {
        struct mark m;
        if (!reply_mark(reply_item(reply, i), &m) || m.lost)
            continue;
        ev.kind = uuid_is_nil(&m.sender) ? EVENT_PURGE : EVENT_PURGE_FROM;
        ev.seq = m.up_to;
        ev.user = m.sender;
        ev.one = m.one;
        ev.message_uuid = m.message;
        bus_tell(ch, &ev);
    }
    hub_unpin(u->bus->hub, ch);
    free(u);
}

static void ask_marks(struct bus *bus, struct channel *ch) {
    struct unheard *u = uuid_is_nil(&ch->bus.missed_since.epoch) ? NULL : malloc(sizeof *u);
    if (!u)
        return;
    *u = (struct unheard){.bus = bus, .channel = ch};
    ch->pins++;
    cmd_marks(&bus->redis->cmd, &bus->redis->keys, &ch->id, ch->bus.missed_since.seq, PURGES_KEPT);
    redis_call(bus->redis, bus_on_marks, u, NULL);
}

static void on_subscribed(struct bus *bus, uint16_t link, const struct push *p) {
    struct channel_id id;
    struct uuid user;
    if (key_parse_channel_bus(&bus->redis->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(bus->hub, &id);
        if (!ch || ch->bus.state != BUS_ASKED || ch->bus.link != link ||
            ch->bus.asked > bus->links[link].answered)
            return;
        ch->bus.state = BUS_ON;
        if (ch->order.based)
            delivery_read_stream(bus->delivery, ch, 0);
        ask_marks(bus, ch);
        end_waits(ch, true);
    } else if (key_parse_user_bus(&bus->redis->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(bus->accounts, &user);
        if (acc)
            account_check(bus->accounts, acc);
    }
}

/* Redis refuses a subscription (its access list, say): a join must not wait for it for ever. */
static void refuse_asked(struct channel *ch, void *arg) {
    const struct on_link *on = arg;
    const struct bus *bus = on->bus;
    if (ch->bus.state != BUS_ASKED || ch->bus.link != on->link ||
        ch->bus.asked != bus->links[ch->bus.link].answered)
        return;
    ch->bus.state = BUS_OFF;
    end_waits(ch, false);
}

static void on_error(struct bus *bus, uint16_t link, const struct err *e) {
    if (e->code == ERR_UNAVAILABLE) /* not yet: it is asked again */
        log_info("bus_refused", "reason=\"%s\"", e->detail);
    else
        log_error("bus_refused", "reason=\"%s\"", e->detail);
    bus->links[link].answered++;
    hub_each(bus->hub, refuse_asked, &(struct on_link){bus, link});
}

static void channel_off(struct channel *ch) {
    if (ch->bus.state == BUS_ON && ch->order.based && uuid_is_nil(&ch->bus.missed_since.epoch))
        ch->bus.missed_since = ch->order.last;
    ch->bus.state = BUS_OFF;
    end_waits(ch, false);
}

/* A Cluster ends subscriptions to what it moves elsewhere, without being asked. (What we have asked
 * for is told by its number: no answer to it can have come before the answer to a later wish.) */
static bool is_taken_away(struct bus *bus, uint16_t link, const struct push *p) {
    uint64_t answered = bus->links[link].answered;
    struct channel_id id;
    struct uuid user;
    if (key_parse_channel_bus(&bus->redis->keys, p->channel, p->channel_len, &id)) {
        struct channel *ch = hub_find(bus->hub, &id);
        if (!ch || ch->bus.state != BUS_ON || ch->bus.link != link)
            return false;
        channel_off(ch);
        return true;
    }
    if (key_parse_user_bus(&bus->redis->keys, p->channel, p->channel_len, &user)) {
        struct account *acc = account_find(bus->accounts, &user);
        if (!acc || acc->bus.link != link || acc->bus.asked > answered)
            return false;
        acc->bus.link = NO_SHARD;
        return true;
    }
    bus->link = NO_SHARD; /* that of all nodes: nobody asks for its end */
    return true;
}

void bus_push(struct bus *bus, uint16_t link, const struct redisReply *reply) {
    struct push p;
    struct err e;
    if (redis_pool_bus_redirected(bus->redis->pool, link, reply))
        return;
    if (reply_ok(reply, &e)) {
        on_error(bus, link, &e);
        return;
    }
    if (!reply_push(reply, &p))
        return;
    if (p.kind == PUSH_MESSAGE) {
        on_payload(bus, &p);
        return;
    }
    if (p.kind == PUSH_UNSUBSCRIBED && is_taken_away(bus, link, &p)) {
        bus->unsettled = true;
        redis_pool_doubt(bus->redis->pool);
        return;
    }
    bus->links[link].answered++;
    if (p.kind == PUSH_SUBSCRIBED)
        on_subscribed(bus, link, &p);
}

/* --- The links --- */

static void settle_channel(struct channel *ch, void *arg) {
    struct bus *bus = arg;
    if (ch->bus.state != BUS_OFF && ch->bus.link != redis_pool_shard(bus->redis->pool, ch->slot))
        channel_off(ch);
    if (ch->bus.state == BUS_OFF)
        subscribe(bus, ch);
}

static void settle_user(struct table_node *n, void *arg) {
    struct account *acc = container_of(n, struct account, node);
    if (acc->bus.link != user_link(arg, &acc->uuid))
        subscribe_user(arg, acc);
}

/* Listens to everything where it is now. */
static void settle(struct bus *bus) {
    bus->unsettled = false;
    if (bus->link != all_link(bus))
        subscribe_all(bus);
    hub_each(bus->hub, settle_channel, bus);
    table_each(&bus->accounts->table, settle_user, bus);
}

void bus_settle(struct bus *bus) {
    if (bus->unsettled)
        settle(bus);
}

void bus_moved(struct bus *bus) {
    settle(bus);
}

void bus_up(struct bus *bus, uint16_t link) {
    log_info("bus_up", "channels=%zu users=%zu", bus->hub->channels.count,
             bus->accounts->table.count);
    bus->count->bus_ups++;
    bus->links[link] = (struct bus_link){.asked = 0};
    settle(bus);
}

static void lose_channel(struct channel *ch, void *arg) {
    const struct on_link *on = arg;
    if (ch->bus.state != BUS_OFF && ch->bus.link == on->link)
        channel_off(ch);
}

static void lose_user(struct table_node *n, void *arg) {
    const struct on_link *on = arg;
    struct account *acc = container_of(n, struct account, node);
    if (acc->bus.link == on->link)
        acc->bus.link = NO_SHARD;
}

void bus_down(struct bus *bus, uint16_t link) {
    struct on_link on = {bus, link};
    if (bus->link == link)
        bus->link = NO_SHARD;
    table_each(&bus->accounts->table, lose_user, &on);
    hub_each(bus->hub, lose_channel, &on);
}

void bus_init(struct bus *bus) {
    bus->link = NO_SHARD;
}
