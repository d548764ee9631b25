/* repair - see repair.h. */
#include "chatd/channel/repair.h"

#include "chatd/channel/bus.h"
#include "chatd/daemon/node.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/reply.h"

#include <stdlib.h>

#define TICK_MS 20      /* how often due channels are looked at */
#define PAGE 256        /* entries read at once */
#define PER_TICK 200    /* streams read in one tick, so that a return isn't a storm */
#define RETRY_MS 1000   /* until a stream that could not be read is read again */
#define QUIET_ROUNDS 20 /* a channel is compared with its stream every so many quiet checks */

/* --- One channel --- */

struct repair {
    struct node *node;
    struct channel *channel; /* pinned */
    struct position from;    /* where the feed stood when this was asked */
    struct channel_state state;
    enum err_code failed;
};

static void end_repair(struct repair *r, bool again) {
    struct node *node = r->node;
    struct channel *ch = r->channel;
    ch->repairing = false;
    if (r->failed)
        delivery_fail_held(node, ch);
    delivery_settle(node, ch);
    if (again || r->failed)
        delivery_read_stream(node, ch, again ? 0 : RETRY_MS);
    free(r);
    hub_unpin(&node->hub, ch);
}

/* Redis lost its newest data: numbers that were delivered here would be used again. */
static bool is_behind(const struct position *known, const struct channel_state *state) {
    return uuid_eq(&state->at.epoch, &known->epoch) && state->at.seq < known->seq;
}

static void begin_epoch(struct node *node, struct channel *ch) {
    struct uuid spare = uuid_make();
    log_warn("data_lost", "delivered=%llu", (unsigned long long)ch->order.last.seq);
    cmd_renew(&node->cmd, &node->keys, &ch->id, &spare, &ch->order.last,
              redis_pool_history(node->redis));
    redis_pool_call(node->redis, &node->cmd, NULL, NULL, NULL);
    delivery_read_stream(node, ch, 0);
}

enum tail {
    TAIL_DONE,  /* nothing of it is left */
    TAIL_MORE,  /* there may be more to read */
    TAIL_WAITS, /* for the answer to an append of ours, which delivers */
};

/* What is left of the epoch that we were in, if the new one goes on from it. */
static enum tail deliver_old_tail(struct repair *r, const struct redisReply *entries, size_t n) {
    struct channel *ch = r->channel;
    uint64_t before = ch->order.last.seq;
    if (!uuid_eq(&r->state.before, &ch->order.last.epoch))
        return TAIL_DONE;
    for (size_t i = 0; i < n; i++) {
        const struct redisReply *entry = reply_item(entries, i);
        if (reply_entry_seq(entry) >= r->state.base)
            return TAIL_DONE;
        if (!delivery_entry(r->node, ch, entry))
            return TAIL_WAITS;
    }
    return n == PAGE && ch->order.last.seq > before ? TAIL_MORE : TAIL_DONE;
}

/* The channel is in another epoch than we are. */
static void follow_epoch(struct repair *r, const struct redisReply *entries, size_t n) {
    enum tail tail = deliver_old_tail(r, entries, n);
    if (tail == TAIL_DONE)
        delivery_enter_epoch(r->node, r->channel, &r->state);
    else if (tail == TAIL_WAITS)
        delivery_suspect(r->node, r->channel);
    end_repair(r, tail != TAIL_WAITS);
}

/* What retention took before it got here. That it is gone is told: no number is skipped in
 * silence. */
static void skip_removed(struct repair *r, const struct redisReply *oldest) {
    struct channel *ch = r->channel;
    uint64_t first = reply_entry_seq(oldest), gone = first ? first - 1 : r->state.at.seq;
    if (!uuid_eq(&r->state.at.epoch, &ch->order.last.epoch) || gone <= ch->order.last.seq)
        return;
    struct event ev = {.kind = EVENT_PURGE, .epoch = r->state.at.epoch, .seq = gone};
    reorder_advance(&ch->order, gone);
    bus_tell(ch, &ev);
}

/* The position, and the entries behind what was delivered. */
static void on_read(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct repair *r = arg;
    struct channel *ch = r->channel;
    struct node *node = r->node;
    size_t parts = 0, n = 0;
    struct err e;
    r->failed = reply_array(reply, &parts, &e);
    if (!r->failed && parts != 3)
        r->failed = ERR_INTERNAL;
    if (!r->failed)
        r->failed = reply_position(reply_item(reply, 0), &r->state, &e);
    if (!r->failed)
        r->failed = reply_array(reply_item(reply, 1), &n, &e);
    if (r->failed) {
        end_repair(r, false);
        return;
    }
    bool other =
        !uuid_is_nil(&r->state.at.epoch) && !uuid_eq(&r->state.at.epoch, &ch->order.last.epoch);
    if (other) {
        follow_epoch(r, reply_item(reply, 1), n);
        return;
    }
    if (is_behind(&r->from, &r->state)) {
        begin_epoch(node, ch);
        end_repair(r, false);
        return;
    }
    uint64_t before = ch->order.last.seq;
    bool settled = true;
    skip_removed(r, reply_item(reply, 2));
    for (size_t i = 0; i < n && settled; i++)
        settled = delivery_entry(node, ch, reply_item(reply_item(reply, 1), i));
    if (!settled)
        delivery_suspect(node, ch);
    if (settled && n < PAGE && r->state.at.seq > ch->order.last.seq) /* purged before it got here */
        reorder_advance(&ch->order, r->state.at.seq);
    if (ch->order.last.seq > before)
        node->count.gaps++;
    end_repair(r, settled && n == PAGE && ch->order.last.seq > before);
}

static void read_now(struct node *node, struct channel *ch) {
    struct repair *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->node = node;
    r->channel = ch;
    r->from = ch->order.last;
    ch->pins++;
    ch->repairing = true;
    cmd_read(&node->cmd, &node->keys, &ch->id, ch->order.last.seq, PAGE);
    redis_pool_call(node->redis, &node->cmd, on_read, r, NULL);
}

/* Is there still a reason? A gap may have closed, or all its sessions gone. */
static void run_due(uv_timer_t *t) {
    struct node *node = t->data;
    struct delivery *b = &node->delivery;
    uint64_t now = clock_mono_ms();
    struct channel *list = b->due;
    b->due = b->due_last = NULL;
    unsigned budget = redis_pool_up(node->redis) ? PER_TICK : 0;
    for (struct channel *ch = list, *next; ch; ch = next) {
        next = ch->repair_next;
        ch->repair_listed = false;
        bool wanted = ch->order.based && ch->count > 0;
        if (wanted && (ch->repair_due_ms > now || ch->repairing || budget == 0)) {
            delivery_read_stream(node, ch, ch->repair_due_ms > now ? ch->repair_due_ms - now : 0);
        } else if (wanted) {
            budget--;
            read_now(node, ch);
        }
        hub_unpin(&node->hub, ch);
    }
    if (!b->due)
        uv_timer_stop(&node->repair);
}

/* --- The quiet check: now and then every channel is compared with its stream --- */

struct quiet {
    struct node *node;
    struct channel *channel; /* pinned */
    struct position from;
};

static void on_quiet(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct quiet *q = arg;
    struct channel *ch = q->channel;
    struct channel_state state;
    struct err e;
    if (reply_position(reply, &state, &e) == ERR_OK && !uuid_is_nil(&state.at.epoch) &&
        ch->order.based &&
        (!uuid_eq(&state.at.epoch, &ch->order.last.epoch) || state.at.seq > ch->order.last.seq ||
         is_behind(&q->from, &state)))
        delivery_suspect(q->node, ch);
    hub_unpin(&q->node->hub, ch);
    free(q);
}

void repair_check_quiet(struct node *node) {
    if (!redis_pool_up(node->redis))
        return;
    size_t n = (node->hub.channels.count + QUIET_ROUNDS - 1) / QUIET_ROUNDS;
    for (size_t i = 0; i < n; i++) {
        struct channel *ch = node->hub.ring;
        node->hub.ring = ch->next;
        struct quiet *q = ch->order.based && !ch->repairing ? malloc(sizeof *q) : NULL;
        if (!q)
            continue;
        *q = (struct quiet){.node = node, .channel = ch, .from = ch->order.last};
        ch->pins++;
        cmd_position(&node->cmd, &node->keys, &ch->id);
        redis_pool_call(node->redis, &node->cmd, on_quiet, q, NULL);
    }
}

/* --- The node --- */

static void start(struct node *node) {
    if (!uv_is_active((uv_handle_t *)&node->repair))
        uv_timer_start(&node->repair, run_due, TICK_MS, TICK_MS);
}

void repair_init(struct node *node) {
    uv_timer_init(node->loop, &node->repair);
    node->repair.data = node;
    node->delivery.wanted = start;
}

static bool is_concerned(const struct node *node, const struct channel *ch) {
    return redis_pool_shard(node->redis, ch->slot) == node->shard;
}

static void lose(struct node *node, struct channel *ch) {
    if (is_concerned(node, ch))
        delivery_fail_held(node, ch);
}

static void look_again(struct node *node, struct channel *ch) {
    if (is_concerned(node, ch))
        delivery_suspect(node, ch);
}

void repair_store_down(struct node *node, uint16_t shard) {
    node->shard = shard;
    hub_each(&node->hub, lose, node);
}

void repair_store_up(struct node *node, uint16_t shard) {
    node->shard = shard;
    hub_each(&node->hub, look_again, node);
}
