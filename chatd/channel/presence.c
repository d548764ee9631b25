/* presence - see presence.h. */
#include "chatd/channel/presence.h"

#include "chatd/redis/redis_clock.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_MS 4000     /* between two signs of life */
#define ALIVE_MS 15000   /* without one for so long a node counts as dead */
#define PATIENCE_MS 6000 /* after a break, others have so long to show that they are alive too */
#define BATCH 500        /* users registered or reaped in one call */
#define ANNOUNCE_MAX 50  /* channels of a user that are told, newest first */

static void new_id(struct presence *p) {
    uint8_t b[NODE_ID_TEXT / 2];
    secret_random(b, sizeof b);
    for (size_t i = 0; i < sizeof b; i++)
        snprintf(p->id + 2 * i, 3, "%02x", b[i]);
}

/* --- Announcements --- */

/* A user came online or went offline; the members of their channels are told. */
struct announcement {
    struct presence *presence;
    enum sys_event event;
    bool wanted; /* false: the user is online on another node as well, nothing changed */
    bool asked;  /* the answer to the change has yet to come */
    bool early;  /* the channels came before it: a script that must be loaded first is overtaken */
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    uint8_t name_len;
};

static struct announcement *announcement_new(struct presence *p, enum sys_event ev,
                                             const struct uuid *user, const char *name,
                                             size_t name_len) {
    struct announcement *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->presence = p;
    a->event = ev;
    a->user = *user;
    a->name_len = (uint8_t)name_len;
    memcpy(a->name, name, name_len);
    return a;
}

static void on_channels(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct announcement *a = arg;
    struct presence *p = a->presence;
    size_t n = 0;
    struct err e;
    if (a->asked) {
        a->early = true;
        return;
    }
    if (!a->wanted || p->set->event_members == 0 || reply_array(reply, &n, &e))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        const char *id;
        size_t len;
        struct channel_id ch;
        if (reply_str(reply_item(reply, i), &id, &len, &e) || !id || !channel_parse(id, len, &ch))
            continue;
        struct buf *b = frame_scratch();
        event_write_user(b, a->event, &a->user, a->name, a->name_len);
        cmd_announce(&p->redis->cmd, &p->redis->keys, &ch, b->data, b->len,
                     (uint32_t)p->set->event_members);
        redis_tell(p->redis);
    }
    free(a);
}

static void announce(struct announcement *a) {
    cmd_user_channels(&a->presence->redis->cmd, &a->presence->redis->keys, &a->user, ANNOUNCE_MAX);
    redis_call(a->presence->redis, on_channels, a, NULL);
}

/* --- One user --- */

static void on_change(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    size_t n;
    int64_t changed;
    struct err e;
    struct announcement *a = arg;
    a->wanted = reply_array(reply, &n, &e) == ERR_OK && n == 1 &&
                reply_i64(reply_item(reply, 0), 0, &changed, &e) == ERR_OK && changed;
    a->asked = false;
    if (a->early)
        announce(a); /* once more; ends it */
}

/* The channels are asked for at once: a channel that is joined next hears of the join, not of a
 * sign-in. */
static void change(struct presence *p, const struct uuid *user, const char *name, size_t name_len,
                   bool online) {
    struct announcement *a =
        announcement_new(p, online ? SYS_SIGN_IN : SYS_SIGN_OUT, user, name, name_len);
    if (a)
        a->asked = true;
    cmd_online_begin(&p->redis->cmd, &p->redis->keys, p->id, online);
    cmd_online_user(&p->redis->cmd, user);
    redis_call(p->redis, a ? on_change : NULL, a, NULL);
    if (a) /* else no memory: so it is, but nobody is told */
        announce(a);
}

void presence_online(struct presence *p, const struct account *acc) {
    if (!leaving_take(&p->leaving, &acc->uuid))
        change(p, &acc->uuid, acc->name, acc->name_len, true);
}

void presence_offline(struct presence *p, const struct account *acc) {
    uint64_t delay = p->set->presence_delay, now_ms = clock_mono_ms();
    if (delay == 0 ||
        !leaving_put(&p->leaving, &acc->uuid, acc->name, acc->name_len, now_ms + delay))
        change(p, &acc->uuid, acc->name, acc->name_len, false);
    presence_sweep(p, now_ms);
}

void presence_sweep(struct presence *p, uint64_t now_ms) {
    struct leaver one;
    while (leaving_next(&p->leaving, now_ms, &one))
        change(p, &one.user, one.name, one.name_len, false);
}

/* --- The dead --- */

struct reaping {
    struct presence *presence;
    char id[NODE_ID_TEXT + 1];
};

static void reap(struct presence *p, const char *id, size_t len);

struct farewell {
    struct presence *presence;
    struct uuid user;
};

static void on_gone_name(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct farewell *f = arg;
    const char *name;
    size_t len;
    struct err e;
    struct announcement *a = NULL;
    if (reply_str(reply, &name, &len, &e) == ERR_OK && name && len <= NAME_MAX_BYTES)
        a = announcement_new(f->presence, SYS_SIGN_OUT, &f->user, name, len);
    if (a) {
        a->wanted = true;
        announce(a);
    }
    free(f);
}

static void on_reaped(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct reaping *r = arg;
    struct presence *p = r->presence;
    size_t n = 0, gone = 0;
    int64_t more = 0;
    struct err e;
    if (reply_array(reply, &n, &e) == ERR_OK && n == 2 &&
        reply_i64(reply_item(reply, 0), 0, &more, &e) == ERR_OK)
        reply_array(reply_item(reply, 1), &gone, &e);
    for (size_t i = 0; i < gone; i++) {
        struct farewell *f = malloc(sizeof *f);
        if (!f)
            break;
        f->presence = p;
        reply_uuid(reply_item(reply_item(reply, 1), i), &f->user, &e);
        cmd_user_name(&p->redis->cmd, &p->redis->keys, &f->user);
        redis_call(p->redis, on_gone_name, f, NULL);
    }
    if (gone)
        log_info("reaped", "node=%s users=%zu", r->id, gone);
    if (more)
        reap(p, r->id, strlen(r->id));
    free(r);
}

static void reap(struct presence *p, const char *id, size_t len) {
    if (len > NODE_ID_TEXT) { /* none of ours: it must not stand in the way of those that are */
        cmd_node_gone(&p->redis->cmd, &p->redis->keys, id);
        redis_tell(p->redis);
        return;
    }
    struct reaping *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->presence = p;
    memcpy(r->id, id, len);
    cmd_reap(&p->redis->cmd, &p->redis->keys, r->id, len, BATCH);
    redis_call(p->redis, on_reaped, r, NULL);
}

/* --- Beats --- */

struct roll {
    struct presence *presence;
    unsigned n;
};

static void roll_send(struct roll *r) {
    if (r->n)
        redis_tell(r->presence->redis);
    r->n = 0;
}

static void roll_add(struct roll *r, const struct uuid *user) {
    struct presence *p = r->presence;
    if (r->n == 0)
        cmd_online_begin(&p->redis->cmd, &p->redis->keys, p->id, true);
    cmd_online_user(&p->redis->cmd, user);
    if (++r->n == BATCH)
        roll_send(r);
}

static void roll_add_account(struct table_node *t, void *arg) {
    roll_add(arg, &container_of(t, struct account, node)->uuid);
}

static void register_all(struct presence *p) {
    struct roll r = {.presence = p};
    table_each(&p->accounts->table, roll_add_account, &r);
    for (const struct leaver *one = p->leaving.first; one; one = one->order.next)
        roll_add(&r, &one->user);
    roll_send(&r);
}

static void on_beat(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct presence *p = arg;
    size_t n, dead = 0;
    int64_t known = 1;
    struct err e;
    if (reply_array(reply, &n, &e) || n != 2 || reply_i64(reply_item(reply, 0), 1, &known, &e) ||
        reply_array(reply_item(reply, 1), &dead, &e)) {
        p->reap_from_ms = clock_mono_ms() + PATIENCE_MS;
        return;
    }
    if (!known) /* we were taken for dead, or Redis lost its data */
        register_all(p);
    if (clock_mono_ms() < p->reap_from_ms)
        return;
    for (size_t i = 0; i < dead; i++) {
        const char *id;
        size_t len;
        if (reply_str(reply_item(reply_item(reply, 1), i), &id, &len, &e) == ERR_OK && id)
            reap(p, id, len);
    }
}

static void touch_channels(struct presence *p) {
    struct channel *ch = p->hub->ring;
    if (!ch)
        return;
    do {
        if (ch->append.touched) {
            cmd_channel_touch(&p->redis->cmd, &p->redis->keys, &ch->id, redis_clock_now(p->redis));
            redis_tell(p->redis);
        }
        ch->append.touched = false;
    } while ((ch = ch->next) != p->hub->ring);
}

/* The record that chatctl shows of a node; gone a while after the node is. */
static void write_info(struct presence *p) {
    struct cmd *c = &p->redis->cmd;
    cmd_begin(c, "HSET");
    cmd_tailed_key(c, &p->redis->keys, KEY_NODE_INFO, p->id, NODE_ID_TEXT);
    cmd_literal(c, "pid");
    cmd_i64(c, getpid());
    cmd_literal(c, "listen");
    cmd_borrow(c, p->listen, strlen(p->listen));
    cmd_literal(c, "connections");
    cmd_i64(c, (int64_t)p->sessions->count);
    redis_tell(p->redis);
    cmd_begin(c, "PEXPIRE");
    cmd_tailed_key(c, &p->redis->keys, KEY_NODE_INFO, p->id, NODE_ID_TEXT);
    cmd_i64(c, ALIVE_MS);
    redis_tell(p->redis);
}

static void beat(struct presence *p, const char *id, unsigned alive_ms, link_reply_fn fn) {
    cmd_beat(&p->redis->cmd, &p->redis->keys, id, alive_ms);
    redis_call(p->redis, fn, p, NULL);
}

static void presence_on_timer(uv_timer_t *t) {
    struct presence *p = t->data;
    if (!redis_pool_up(p->redis->pool))
        return;
    redis_clock_ask(p->redis);
    beat(p, p->id, ALIVE_MS, on_beat);
    write_info(p);
    touch_channels(p);
}

bool presence_init(struct presence *p, uv_loop_t *loop) {
    uv_timer_init(loop, &p->beat);
    p->beat.data = p;
    return leaving_init(&p->leaving);
}

void presence_free(struct presence *p) {
    leaving_free(&p->leaving);
}

static uint16_t own_shard(const struct presence *p) {
    char key[KEY_MAX + 1];
    size_t len = key_global(&p->redis->keys, KEY_NODES, key);
    return redis_pool_shard(p->redis->pool, redis_pool_slot(p->redis->pool, key, len));
}

void presence_store_up(struct presence *p, uint16_t shard) {
    if (shard != own_shard(p))
        return;
    memcpy(p->old_id, p->id, sizeof p->id);
    new_id(p);
    redis_clock_ask(p->redis);
    beat(p, p->id, ALIVE_MS, NULL);
    register_all(p); /* before the old id goes, so that nobody seems to leave */
    if (p->started) {
        beat(p, p->old_id, 0, NULL);
        reap(p, p->old_id, NODE_ID_TEXT);
    }
    p->started = true;
    p->reap_from_ms = clock_mono_ms() + PATIENCE_MS;
    uv_timer_start(&p->beat, presence_on_timer, 0, BEAT_MS);
}

void presence_stop(struct presence *p) {
    uv_timer_stop(&p->beat);
    if (!redis_pool_up(p->redis->pool))
        return;
    beat(p, p->id, 0, NULL);
    reap(p, p->id, NODE_ID_TEXT);
}
