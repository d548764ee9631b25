/* redis_pool - see redis_pool.h.
 *
 * On one server a command goes straight to the link. Elsewhere, and for appends that must be
 * confirmed, it travels as a struct routed, which keeps its bytes until it is answered for good.
 */
#include "chatd/redis/redis_pool.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/reply.h"
#include "common/redis/resp.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 2000 /* a command that is sent about for longer is given up */
#define HOPS_MAX 16
#define PARK_MS 20   /* how often what waits is looked at */
#define LATER_MS 30  /* until a command is sent again behind TRYAGAIN */
#define WAIT_MS 1000 /* for a replica to have an append */

struct routed {
    struct routed *next; /* parked */
    struct redis_pool *pool;
    link_reply_fn fn;
    confirmed_fn confirmed; /* NULL: WAIT isn't asked for */
    void *arg;
    link_aux aux;
    char *text;
    size_t len;
    bool script;
    bool answered;
    uint16_t slot, via; /* via: the shard that it was sent to last */
    unsigned hops;
    uint64_t deadline_ms, due_ms;
    struct redirect to; /* where it has to go next; REDIRECT_NONE: to the slot's owner */
};

struct redis_pool {
    struct shards shards;
    struct redis_pool_hooks hooks;
    const struct keyspace *ks;
    bool ready, asking_schema, closed;
    struct routed *parked, *parked_last;
    size_t parked_count, on_its_way;
    uv_timer_t timer;
    struct cmd cmd;
};

static void send_to(struct routed *r, struct shard *h);

static struct redis_link *link_for(const struct routed *r, const struct shard *h) {
    return r->confirmed ? h->append : h->store;
}

static bool can_go(const struct routed *r, const struct shard *h) {
    return h && redis_link_up(link_for(r, h));
}

/* --- The end of a command --- */

static void routed_free(struct routed *r) {
    r->pool->on_its_way--;
    free(r->text);
    free(r);
}

static void routed_give_up(struct routed *r) {
    if (!r->answered)
        r->fn(NULL, r->arg, r->aux);
    if (r->confirmed)
        r->confirmed(-1, r->arg);
    routed_free(r);
}

/* --- Waiting for its place --- */

static void on_park(uv_timer_t *t);

static void park(struct routed *r, uint64_t ms) {
    struct redis_pool *p = r->pool;
    r->due_ms = clock_mono_ms() + ms;
    r->next = NULL;
    *(p->parked ? &p->parked_last->next : &p->parked) = r;
    p->parked_last = r;
    if (p->parked_count++ == 0)
        uv_timer_start(&p->timer, on_park, PARK_MS, PARK_MS);
}

static struct shard *target(struct routed *r) {
    struct shards *s = &r->pool->shards;
    if (r->to.kind == REDIRECT_ASK)
        return shards_at(s, &r->to.to);
    return shards_owner(s, r->slot);
}

/* In the order in which they came. */
static void on_park(uv_timer_t *t) {
    struct redis_pool *p = t->data;
    struct routed *list = p->parked;
    uint64_t now = clock_mono_ms();
    p->parked = p->parked_last = NULL;
    p->parked_count = 0;
    while (list) {
        struct routed *r = list;
        list = r->next;
        struct shard *h = target(r);
        if (now >= r->deadline_ms)
            routed_give_up(r);
        else if (now < r->due_ms || !can_go(r, h))
            park(r, now < r->due_ms ? r->due_ms - now : 0);
        else
            send_to(r, h);
    }
    if (!p->parked)
        uv_timer_stop(t);
}

/* --- Answers --- */

static void routed_follow(struct routed *r) {
    struct redis_pool *p = r->pool;
    struct shard *from = p->shards.shard[r->via];
    struct redirect to = r->to;
    if (p->closed || ++r->hops > HOPS_MAX || clock_mono_ms() >= r->deadline_ms) {
        routed_give_up(r);
        return;
    }
    if (to.kind == REDIRECT_LATER) {
        r->to.kind = REDIRECT_NONE;
        park(r, LATER_MS);
        return;
    }
    struct shard *h = shards_moved(&p->shards, &to, from);
    if (to.kind == REDIRECT_MOVED)
        r->to.kind = REDIRECT_NONE;
    else if (h) /* the address as it is known: it may have been left out */
        memcpy(r->to.to.host, h->at.host, sizeof r->to.to.host);
    if (can_go(r, h))
        send_to(r, h);
    else
        park(r, 0);
}

static void routed_on_answer(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct routed *r = arg;
    struct shards *s = &r->pool->shards;
    if (s->spread && topology_redirect(reply, &r->to)) {
        if (!r->confirmed)
            routed_follow(r);
        return; /* else when WAIT is answered */
    }
    if (reply_is_error(reply, "CLUSTERDOWN"))
        shards_doubt(s);
    r->answered = true;
    r->fn(reply, r->arg, r->aux);
    if (!r->confirmed)
        routed_free(r);
}

static void ask_wait(struct routed *r, struct shard *h);

/* A script that had to be loaded first is overtaken by its WAIT, which says nothing then. */
static void on_wait(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct routed *r = arg;
    int64_t replicas;
    struct err e;
    if (!reply)
        routed_give_up(r);
    else if (r->to.kind != REDIRECT_NONE)
        routed_follow(r);
    else if (!r->answered)
        ask_wait(r, r->pool->shards.shard[r->via]);
    else {
        r->confirmed(reply_i64(reply, -1, &replicas, &e) ? -1 : replicas, r->arg);
        routed_free(r);
    }
}

/* --- Sending --- */

static void ask_wait(struct routed *r, struct shard *h) {
    cmd_wait(&r->pool->cmd, 1, WAIT_MS);
    redis_link_call(h->append, &r->pool->cmd, on_wait, r, NULL);
}

static void send_to(struct routed *r, struct shard *h) {
    struct link_text t = {
        .text = r->text, .len = r->len, .script = r->script, .asking = r->to.kind == REDIRECT_ASK};
    bool confirm = r->confirmed != NULL;
    r->to.kind = REDIRECT_NONE;
    r->via = h->index;
    redis_link_send(link_for(r, h), &t, routed_on_answer, r, NULL); /* may be the end of r */
    if (confirm)
        ask_wait(r, h);
}

static struct routed *routed_new(struct redis_pool *p, const struct cmd *c, link_reply_fn fn,
                                 void *arg) {
    struct routed *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->text = resp_format(c, &r->len);
    if (!r->text) {
        free(r);
        return NULL;
    }
    r->pool = p;
    r->fn = fn;
    r->arg = arg;
    r->script = c->script != SCRIPT_NONE;
    r->slot = c->key ? redis_pool_slot(p, c->argv[c->key], c->argvlen[c->key]) : 0;
    r->deadline_ms = clock_mono_ms() + PATIENCE_MS;
    p->on_its_way++;
    return r;
}

static void ignore(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)reply;
    (void)arg;
    (void)aux;
}

static void route(struct redis_pool *p, const struct cmd *c, link_reply_fn fn, void *arg,
                  link_aux aux) {
    struct routed *r = routed_new(p, c, fn ? fn : ignore, arg);
    struct shard *h = r ? shards_owner(&p->shards, r->slot) : NULL;
    if (!r) {
        if (fn)
            fn(NULL, arg, aux);
        return;
    }
    r->aux = aux;
    if (can_go(r, h))
        send_to(r, h);
    else
        routed_give_up(r);
}

void redis_pool_call(struct redis_pool *p, const struct cmd *c, link_reply_fn fn, void *arg,
                     link_aux aux) {
    if (p && p->shards.spread)
        route(p, c, fn, arg, aux);
    else
        redis_link_call(p ? p->shards.shard[0]->store : NULL, c, fn, arg, aux);
}

bool redis_pool_confirms(const struct redis_pool *p) {
    return p->shards.durability == DURABILITY_REPLICATED;
}

void redis_pool_append(struct redis_pool *p, const struct cmd *c, link_reply_fn fn,
                       confirmed_fn confirmed, void *arg) {
    if (!redis_pool_confirms(p)) {
        redis_pool_call(p, c, fn, arg, NULL);
        return;
    }
    struct routed *r = routed_new(p, c, fn, arg);
    struct shard *h = r ? shards_owner(&p->shards, r->slot) : NULL;
    if (!r) {
        fn(NULL, arg, NULL);
        confirmed(-1, arg);
        return;
    }
    r->confirmed = confirmed;
    if (can_go(r, h))
        send_to(r, h);
    else
        routed_give_up(r);
}

/* --- The schema of a Cluster: its key is one shard's --- */

static void pool_on_schema(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct redis_pool *p = arg;
    const char *version;
    size_t len;
    struct err e;
    p->asking_schema = false;
    if (!reply || p->ready)
        return;
    enum err_code code = reply_str(reply, &version, &len, &e);
    if (code == ERR_UNAVAILABLE)
        return;
    if (code || !version || strcmp(version, SCHEMA_VERSION) != 0) {
        p->hooks.shards.refused(code ? e.detail : "the data under the prefix has another schema",
                                p->hooks.shards.arg);
        return;
    }
    p->ready = true;
    p->hooks.ready(p->hooks.shards.arg);
}

static void look_whether_ready(struct redis_pool *p) {
    if (p->ready || p->asking_schema || !shards_all_up(&p->shards))
        return;
    if (!p->shards.spread) {
        p->ready = true;
        p->hooks.ready(p->hooks.shards.arg);
        return;
    }
    p->asking_schema = true;
    cmd_schema_claim(&p->cmd, p->ks);
    redis_pool_call(p, &p->cmd, NULL, NULL, NULL);
    cmd_schema_get(&p->cmd, p->ks);
    redis_pool_call(p, &p->cmd, pool_on_schema, p, NULL);
}

static void pool_on_up(void *arg, uint16_t shard) {
    struct redis_pool *p = arg;
    p->hooks.shards.up(p->hooks.shards.arg, shard);
    look_whether_ready(p);
}

static void pool_on_down(void *arg, uint16_t shard) {
    struct redis_pool *p = arg;
    p->hooks.shards.down(p->hooks.shards.arg, shard);
}

static void pool_on_bus_up(void *arg, uint16_t shard) {
    struct redis_pool *p = arg;
    p->hooks.shards.bus_up(p->hooks.shards.arg, shard);
    look_whether_ready(p);
}

static void pool_on_bus_down(void *arg, uint16_t shard) {
    struct redis_pool *p = arg;
    p->hooks.shards.bus_down(p->hooks.shards.arg, shard);
}

static void pool_on_append_up(void *arg) {
    look_whether_ready(arg);
}

static void pool_on_push(const struct redisReply *reply, void *arg, uint16_t shard) {
    struct redis_pool *p = arg;
    p->hooks.shards.push(reply, p->hooks.shards.arg, shard);
}

static void pool_on_moved(void *arg) {
    struct redis_pool *p = arg;
    p->hooks.shards.moved(p->hooks.shards.arg);
    look_whether_ready(p);
}

static void pool_on_refused(const char *why, void *arg) {
    struct redis_pool *p = arg;
    p->hooks.shards.refused(why, p->hooks.shards.arg);
}

/* --- Life --- */

struct redis_pool *redis_pool_new(uv_loop_t *loop, const struct redis_uri *uri,
                                  const struct keyspace *ks, const char *node_id,
                                  enum durability durability,
                                  const struct redis_pool_hooks *hooks) {
    struct redis_pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    const struct shards_hooks own = {.up = pool_on_up,
                                     .down = pool_on_down,
                                     .bus_up = pool_on_bus_up,
                                     .bus_down = pool_on_bus_down,
                                     .append_up = pool_on_append_up,
                                     .push = pool_on_push,
                                     .moved = pool_on_moved,
                                     .refused = pool_on_refused,
                                     .arg = p};
    p->hooks = *hooks;
    p->ks = ks;
    cmd_init(&p->cmd);
    if (!shards_init(&p->shards, loop, uri, ks, node_id, durability, &own)) {
        free(p);
        return NULL;
    }
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    return p;
}

void redis_pool_start(struct redis_pool *p) {
    shards_start(&p->shards);
}

static void pool_on_closed(uv_handle_t *h) {
    struct redis_pool *p = h->data;
    cmd_free(&p->cmd);
    free(p);
}

void redis_pool_free(struct redis_pool *p) {
    if (!p)
        return;
    p->closed = true;
    shards_close(&p->shards);
    while (p->parked) {
        struct routed *r = p->parked;
        p->parked = r->next;
        routed_give_up(r);
    }
    uv_close((uv_handle_t *)&p->timer, pool_on_closed);
}

bool redis_pool_up(const struct redis_pool *p) {
    return p && shards_any_up(&p->shards);
}

const char *redis_pool_history(const struct redis_pool *p) {
    if (p->shards.discovery || redis_pool_confirms(p))
        return HISTORY_ASKED;
    return redis_link_history(p->shards.shard[0]->store);
}

uint16_t redis_pool_slot(const struct redis_pool *p, const char *key, size_t len) {
    return p->shards.spread ? topology_slot(key, len) : 0;
}

unsigned redis_pool_slots(const struct redis_pool *p) {
    return p->shards.spread ? CLUSTER_SLOTS : 1;
}

uint16_t redis_pool_shard(const struct redis_pool *p, uint16_t slot) {
    const struct shard *h = shards_owner(&p->shards, slot);
    return h ? h->index : NO_SHARD;
}

static struct shard *shard_at(const struct redis_pool *p, uint16_t i) {
    return p && i < p->shards.n ? p->shards.shard[i] : NULL;
}

bool redis_pool_bus_up(const struct redis_pool *p, uint16_t shard) {
    const struct shard *h = shard_at(p, shard);
    return h && redis_link_up(h->bus);
}

void redis_pool_bus_call(struct redis_pool *p, uint16_t shard, const struct cmd *c) {
    struct shard *h = shard_at(p, shard);
    redis_link_call(h ? h->bus : NULL, c, NULL, NULL, NULL);
}

bool redis_pool_bus_redirected(struct redis_pool *p, uint16_t shard, const struct redisReply *r) {
    struct shard *h = shard_at(p, shard);
    struct redirect to;
    if (!h || !p->shards.spread || !topology_redirect(r, &to))
        return false;
    if (to.kind == REDIRECT_MOVED)
        shards_moved(&p->shards, &to, h);
    redis_link_move(h->bus, "a slot moved");
    return true;
}

void redis_pool_doubt(struct redis_pool *p) {
    shards_doubt(&p->shards);
}

void redis_pool_flush(struct redis_pool *p) {
    shards_flush(&p->shards);
}

size_t redis_pool_in_flight(const struct redis_pool *p) {
    size_t n = p->on_its_way;
    for (uint16_t i = 0; !p->shards.spread && i < p->shards.n; i++)
        n += redis_link_in_flight(p->shards.shard[i]->store);
    return n;
}
