/* repair - see repair.h. */
#include "chatd/channel/repair.h"

#include "chatd/channel/bus.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

#include <stdlib.h>

#define TICK_MS 20      /* how often due channels are looked at */
#define PAGE 256        /* entries read at once */
#define PER_TICK 200    /* streams read in one tick, so that a return isn't a storm */
#define RETRY_MS 1000   /* until a stream that could not be read is read again */
#define QUIET_ROUNDS 20 /* a channel is compared with its stream every so many quiet checks */

/* --- One channel --- */

struct repair {
    struct repairs *all;
    struct channel *channel; /* pinned */
    struct position from;    /* where delivery stood when this was asked … */
    struct uuid message;     /* … and the message that was there, or nil */
    struct channel_state state;
    enum err_code failed;
};

static void end_repair(struct repair *r, bool again) {
    struct repairs *all = r->all;
    struct channel *ch = r->channel;
    ch->repair.reading = false;
    if (r->failed)
        delivery_fail_held(ch);
    delivery_settle(all->delivery, ch);
    if (again || r->failed)
        delivery_read_stream(all->delivery, ch, again ? 0 : RETRY_MS);
    free(r);
    hub_unpin(all->hub, ch);
}

enum tail {
    TAIL_DONE,  /* nothing of it is left */
    TAIL_MORE,  /* there may be more to read */
    TAIL_WAITS, /* for the answer to an append of ours, which delivers */
};

/* Retention may have taken messages before they got here, of those up to `end`. That is told: no
 * number is skipped in silence. */
static void skip_removed(struct repair *r, const struct redisReply *oldest, uint64_t end) {
    struct channel *ch = r->channel;
    uint64_t first = reply_entry_seq(oldest), gone = first && first <= end ? first - 1 : end;
    if (gone <= ch->order.last.seq)
        return;
    struct event ev = {.kind = EVENT_PURGE, .epoch = ch->order.last.epoch, .seq = gone};
    reorder_advance(&ch->order, gone, NULL);
    bus_tell(ch, &ev);
}

/* --- Another epoch than we are in --- */

/* The same place in an epoch that is followed, but another message: an older copy was put back, and
 * went on there before the new one began. */
static bool is_another(const struct repair *r, const struct redisReply *entries, size_t n) {
    struct message m;
    return n > 0 && !uuid_is_nil(&r->message) &&
           reply_entry_seq(reply_item(entries, 0)) == r->from.seq &&
           reply_entry(reply_item(entries, 0), &r->channel->id, &m) &&
           !uuid_eq(&m.uuid, &r->message);
}

/* Delivers what is left of the epochs before this one. */
static enum tail deliver_old_tail(struct repair *r, const struct redisReply *entries, size_t n) {
    struct channel *ch = r->channel;
    uint64_t before = ch->order.last.seq;
    for (size_t i = 0; i < n; i++) {
        const struct redisReply *entry = reply_item(entries, i);
        if (reply_entry_seq(entry) >= r->state.base)
            return TAIL_DONE;
        if (!delivery_entry(r->all->delivery, ch, entry))
            return TAIL_WAITS;
    }
    return n == PAGE && ch->order.last.seq > before ? TAIL_MORE : TAIL_DONE;
}

/* Nothing that may have been given is given again. What the epoch began with hasn't been, if no
 * such number ever was, in whatever epoch; else only what comes from now on. `has`: our place is in
 * its history. It follows if no number was skipped, either. */
static void enter_epoch(struct repair *r, bool has) {
    struct channel *ch = r->channel;
    const struct channel_state *s = &r->state;
    bool follows = has && s->lineage.left[0].seq + 1 == s->base;
    struct position base = {.epoch = s->at.epoch, .seq = s->base - 1};
    if (!has && base.seq < reorder_top(&ch->order))
        base.seq = s->at.seq;
    delivery_enter_epoch(r->all->delivery, ch, &base, follows);
}

static void change_epoch(struct repair *r, const struct redisReply *reply, size_t n) {
    const struct redisReply *entries = reply_item(reply, 1);
    const struct lineage *l = &r->state.lineage;
    bool has = lineage_has(l, &r->channel->order.last) && !is_another(r, entries, n);
    if (has)
        skip_removed(r, reply_item(reply, 2), l->left[0].seq);
    enum tail tail = has ? deliver_old_tail(r, entries, n) : TAIL_DONE;
    if (tail == TAIL_DONE)
        enter_epoch(r, has);
    else if (tail == TAIL_WAITS)
        delivery_suspect(r->all->delivery, r->channel);
    end_repair(r, tail != TAIL_WAITS);
}

/* --- The same epoch --- */

/* The position, and the entries from what was delivered last on. */
static void repair_on_read(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct repair *r = arg;
    struct channel *ch = r->channel;
    struct repairs *all = r->all;
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
    if (!uuid_is_nil(&r->state.at.epoch) && !uuid_eq(&r->state.at.epoch, &ch->order.last.epoch)) {
        change_epoch(r, reply, n);
        return;
    }
    uint64_t before = ch->order.last.seq;
    bool settled = true;
    skip_removed(r, reply_item(reply, 2), r->state.at.seq);
    for (size_t i = 0; i < n && settled; i++)
        settled = delivery_entry(all->delivery, ch, reply_item(reply_item(reply, 1), i));
    if (!settled)
        delivery_suspect(all->delivery, ch);
    if (settled && n < PAGE && r->state.at.seq > ch->order.last.seq) /* purged before it got here */
        reorder_advance(&ch->order, r->state.at.seq, NULL);
    if (ch->order.last.seq > before)
        all->count->gaps++;
    end_repair(r, settled && n == PAGE && ch->order.last.seq > before);
}

static void read_now(struct repairs *all, struct channel *ch) {
    struct repair *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->all = all;
    r->channel = ch;
    r->from = ch->order.last;
    r->message = ch->order.message;
    ch->pins++;
    ch->repair.reading = true;
    struct uuid spare = uuid_make_quick();
    cmd_read(&all->redis->cmd, &all->redis->keys, &ch->id, PAGE, &spare, &r->from, &r->message,
             redis_pool_history(all->redis->pool));
    redis_call(all->redis, repair_on_read, r, NULL);
}

/* Is there still a reason? A gap may have closed, or all its sessions gone. */
static void run_due(uv_timer_t *t) {
    struct repairs *all = t->data;
    struct delivery *d = all->delivery;
    uint64_t now = clock_mono_ms();
    struct channel *list = d->due;
    d->due = d->due_last = NULL;
    unsigned budget = redis_pool_up(all->redis->pool) ? PER_TICK : 0;
    for (struct channel *ch = list, *next; ch; ch = next) {
        next = ch->repair.next;
        ch->repair.listed = false;
        bool wanted = ch->order.based && ch->count > 0;
        if (wanted && (ch->repair.due_ms > now || ch->repair.reading || budget == 0)) {
            delivery_read_stream(all->delivery, ch,
                                 ch->repair.due_ms > now ? ch->repair.due_ms - now : 0);
        } else if (wanted) {
            budget--;
            read_now(all, ch);
        }
        hub_unpin(all->hub, ch);
    }
    if (!d->due)
        uv_timer_stop(&all->timer);
}

/* --- The quiet check: now and then every channel is compared with its stream --- */

struct quiet {
    struct repairs *all;
    struct channel *channel; /* pinned */
    struct position from;
};

/* Redis lost its newest data: numbers that were delivered here would be used again. */
static bool is_behind(const struct position *known, const struct position *at) {
    return uuid_eq(&at->epoch, &known->epoch) && at->seq < known->seq;
}

static void on_quiet(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct quiet *q = arg;
    struct channel *ch = q->channel;
    struct position at;
    struct err e;
    if (reply_place(reply, &at, &e) == ERR_OK && !uuid_is_nil(&at.epoch) && ch->order.based &&
        (!uuid_eq(&at.epoch, &ch->order.last.epoch) || at.seq > ch->order.last.seq ||
         is_behind(&q->from, &at)))
        delivery_suspect(q->all->delivery, ch);
    hub_unpin(q->all->hub, ch);
    free(q);
}

void repair_check_quiet(struct repairs *all) {
    if (!redis_pool_up(all->redis->pool))
        return;
    size_t n = (all->hub->channels.count + QUIET_ROUNDS - 1) / QUIET_ROUNDS;
    for (size_t i = 0; i < n; i++) {
        struct channel *ch = all->hub->ring;
        all->hub->ring = ch->next;
        struct quiet *q = ch->order.based && !ch->repair.reading ? malloc(sizeof *q) : NULL;
        if (!q)
            continue;
        *q = (struct quiet){.all = all, .channel = ch, .from = ch->order.last};
        ch->pins++;
        cmd_place(&all->redis->cmd, &all->redis->keys, &ch->id);
        redis_call(all->redis, on_quiet, q, NULL);
    }
}

/* --- Redis comes and goes --- */

static void repair_start(struct repairs *all) {
    if (!uv_is_active((uv_handle_t *)&all->timer))
        uv_timer_start(&all->timer, run_due, TICK_MS, TICK_MS);
}

void repairs_init(struct repairs *all, uv_loop_t *loop) {
    uv_timer_init(loop, &all->timer);
    all->timer.data = all;
    all->delivery->repairs = all;
    all->delivery->wanted = repair_start;
}

/* Argument of a walk over the channels. */
struct on_shard {
    struct repairs *all;
    uint16_t shard;
};

static bool is_on_shard(const struct on_shard *on, const struct channel *ch) {
    return redis_pool_shard(on->all->redis->pool, ch->slot) == on->shard;
}

static void repair_lose(struct channel *ch, void *arg) {
    if (is_on_shard(arg, ch))
        delivery_fail_held(ch);
}

static void look_again(struct channel *ch, void *arg) {
    const struct on_shard *on = arg;
    if (is_on_shard(on, ch))
        delivery_suspect(on->all->delivery, ch);
}

void repair_store_down(struct repairs *all, uint16_t shard) {
    hub_each(all->hub, repair_lose, &(struct on_shard){all, shard});
}

void repair_store_up(struct repairs *all, uint16_t shard) {
    hub_each(all->hub, look_again, &(struct on_shard){all, shard});
}
