/* presence - see presence.h. */
#include "chatd/channel/presence.h"

#include "chatd/daemon/node.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

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
    struct node *node;
    enum sys_event event;
    bool wanted; /* false: the user is online on another node as well, nothing changed */
    bool asked;  /* the answer to the change has yet to come */
    bool early;  /* the channels came before it: a script that must be loaded first is overtaken */
    struct uuid user;
    char name[NAME_MAX_BYTES + 1];
    uint8_t name_len;
};

static struct announcement *announcement_new(struct node *node, enum sys_event ev,
                                             const struct uuid *user, const char *name,
                                             size_t name_len) {
    struct announcement *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->node = node;
    a->event = ev;
    a->user = *user;
    a->name_len = (uint8_t)name_len;
    memcpy(a->name, name, name_len);
    return a;
}

static void on_channels(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct announcement *a = arg;
    struct node *node = a->node;
    size_t n = 0;
    struct err e;
    if (a->asked) {
        a->early = true;
        return;
    }
    if (!a->wanted || node->set->event_members == 0 || reply_array(reply, &n, &e))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        const char *id;
        size_t len;
        struct channel_id ch;
        if (reply_str(reply_item(reply, i), &id, &len, &e) || !id || !channel_parse(id, len, &ch))
            continue;
        struct buf *b = frame_scratch();
        event_write_user(b, a->event, &a->user, a->name, a->name_len);
        cmd_announce(&node->cmd, &node->keys, &ch, b->data, b->len,
                     (uint32_t)node->set->event_members, NULL);
        redis_pool_call(node->redis, &node->cmd, NULL, NULL, NULL);
    }
    free(a);
}

static void announce(struct announcement *a) {
    cmd_user_channels(&a->node->cmd, &a->node->keys, &a->user, ANNOUNCE_MAX);
    redis_pool_call(a->node->redis, &a->node->cmd, on_channels, a, NULL);
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
static void change(struct node *node, struct account *acc, bool online) {
    struct announcement *a = announcement_new(node, online ? SYS_SIGN_IN : SYS_SIGN_OUT, &acc->uuid,
                                              acc->name, acc->name_len);
    if (a)
        a->asked = true;
    cmd_online_begin(&node->cmd, &node->keys, node->presence.id, online);
    cmd_online_user(&node->cmd, &acc->uuid);
    redis_pool_call(node->redis, &node->cmd, a ? on_change : NULL, a, NULL);
    if (a) /* else no memory: so it is, but nobody is told */
        announce(a);
}

void presence_online(struct node *node, struct account *acc) {
    change(node, acc, true);
}

void presence_offline(struct node *node, struct account *acc) {
    change(node, acc, false);
}

/* --- The dead --- */

struct reaping {
    struct node *node;
    char id[NODE_ID_TEXT + 1];
};

static void reap(struct node *node, const char *id, size_t len);

struct farewell {
    struct node *node;
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
        a = announcement_new(f->node, SYS_SIGN_OUT, &f->user, name, len);
    if (a) {
        a->wanted = true;
        announce(a);
    }
    free(f);
}

static void on_reaped(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct reaping *r = arg;
    struct node *node = r->node;
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
        f->node = node;
        reply_uuid(reply_item(reply_item(reply, 1), i), &f->user, &e);
        cmd_user_name(&node->cmd, &node->keys, &f->user);
        redis_pool_call(node->redis, &node->cmd, on_gone_name, f, NULL);
    }
    if (gone)
        log_info("reaped", "node=%s users=%zu", r->id, gone);
    if (more)
        reap(node, r->id, strlen(r->id));
    free(r);
}

static void reap(struct node *node, const char *id, size_t len) {
    if (len > NODE_ID_TEXT) { /* none of ours: it must not stand in the way of those that are */
        cmd_node_gone(&node->cmd, &node->keys, id);
        redis_pool_call(node->redis, &node->cmd, NULL, NULL, NULL);
        return;
    }
    struct reaping *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->node = node;
    memcpy(r->id, id, len);
    cmd_reap(&node->cmd, &node->keys, r->id, len, BATCH);
    redis_pool_call(node->redis, &node->cmd, on_reaped, r, NULL);
}

/* --- Beats --- */

struct roll {
    struct node *node;
    unsigned n;
};

static void roll_send(struct roll *r) {
    if (r->n)
        redis_pool_call(r->node->redis, &r->node->cmd, NULL, NULL, NULL);
    r->n = 0;
}

static void roll_add(struct table_node *t, void *arg) {
    struct roll *r = arg;
    struct node *node = r->node;
    if (r->n == 0)
        cmd_online_begin(&node->cmd, &node->keys, node->presence.id, true);
    cmd_online_user(&node->cmd, &container_of(t, struct account, node)->uuid);
    if (++r->n == BATCH)
        roll_send(r);
}

static void register_all(struct node *node) {
    struct roll r = {.node = node};
    table_each(&node->accounts.table, roll_add, &r);
    roll_send(&r);
}

static void on_beat(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct node *node = arg;
    size_t n, dead = 0;
    int64_t known = 1;
    struct err e;
    if (reply_array(reply, &n, &e) || n != 2 || reply_i64(reply_item(reply, 0), 1, &known, &e) ||
        reply_array(reply_item(reply, 1), &dead, &e)) {
        node->presence.reap_from_ms = clock_mono_ms() + PATIENCE_MS;
        return;
    }
    if (!known) /* we were taken for dead, or Redis lost its data */
        register_all(node);
    if (clock_mono_ms() < node->presence.reap_from_ms)
        return;
    for (size_t i = 0; i < dead; i++) {
        const char *id;
        size_t len;
        if (reply_str(reply_item(reply_item(reply, 1), i), &id, &len, &e) == ERR_OK && id)
            reap(node, id, len);
    }
}

static void touch_channels(struct node *node) {
    struct channel *ch = node->hub.ring;
    if (!ch)
        return;
    do {
        if (ch->touched) {
            cmd_channel_touch(&node->cmd, &node->keys, &ch->id, clock_wall_ms());
            redis_pool_call(node->redis, &node->cmd, NULL, NULL, NULL);
        }
        ch->touched = false;
    } while ((ch = ch->next) != node->hub.ring);
}

/* What chatctl shows of a node; gone a while after the node is. */
static void write_info(struct node *node) {
    struct cmd *c = &node->cmd;
    cmd_begin(c, "HSET");
    cmd_tailed_key(c, &node->keys, KEY_NODE_INFO, node->presence.id, NODE_ID_TEXT);
    cmd_literal(c, "pid");
    cmd_i64(c, getpid());
    cmd_literal(c, "listen");
    cmd_literal(c, node->set->listen);
    cmd_literal(c, "connections");
    cmd_i64(c, (int64_t)node->sessions.count);
    redis_pool_call(node->redis, c, NULL, NULL, NULL);
    cmd_begin(c, "PEXPIRE");
    cmd_tailed_key(c, &node->keys, KEY_NODE_INFO, node->presence.id, NODE_ID_TEXT);
    cmd_i64(c, ALIVE_MS);
    redis_pool_call(node->redis, c, NULL, NULL, NULL);
}

static void beat(struct node *node, const char *id, unsigned alive_ms, link_reply_fn fn) {
    cmd_beat(&node->cmd, &node->keys, id, alive_ms);
    redis_pool_call(node->redis, &node->cmd, fn, node, NULL);
}

static void on_timer(uv_timer_t *t) {
    struct node *node = t->data;
    if (!redis_pool_up(node->redis))
        return;
    beat(node, node->presence.id, ALIVE_MS, on_beat);
    write_info(node);
    touch_channels(node);
}

void presence_init(struct node *node) {
    uv_timer_init(node->loop, &node->presence.beat);
    node->presence.beat.data = node;
}

static uint16_t own_shard(const struct node *node) {
    char key[KEY_MAX + 1];
    size_t len = key_global(&node->keys, KEY_NODES, key);
    return redis_pool_shard(node->redis, redis_pool_slot(node->redis, key, len));
}

void presence_store_up(struct node *node, uint16_t shard) {
    struct presence *p = &node->presence;
    if (shard != own_shard(node))
        return;
    memcpy(p->old_id, p->id, sizeof p->id);
    new_id(p);
    beat(node, p->id, ALIVE_MS, NULL);
    register_all(node); /* before the old id goes, so that nobody seems to leave */
    if (p->started) {
        beat(node, p->old_id, 0, NULL);
        reap(node, p->old_id, NODE_ID_TEXT);
    }
    p->started = true;
    p->reap_from_ms = clock_mono_ms() + PATIENCE_MS;
    uv_timer_start(&p->beat, on_timer, 0, BEAT_MS);
}

void presence_stop(struct node *node) {
    uv_timer_stop(&node->presence.beat);
    if (!redis_pool_up(node->redis))
        return;
    beat(node, node->presence.id, 0, NULL);
    reap(node, node->presence.id, NODE_ID_TEXT);
}
