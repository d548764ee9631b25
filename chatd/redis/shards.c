/* shards - see shards.h. */
#include "chatd/redis/shards.h"

#include "chatd/redis/discovery.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOUBT_MS 1000 /* discovery asks often for so long */

/* --- A shard's links --- */

static void shards_on_up(void *arg) {
    struct shard *h = arg;
    h->all->hooks.up(h->all->hooks.arg, h->index);
}

static void shards_on_down(void *arg) {
    struct shard *h = arg;
    if (h->all->discovery)
        discovery_hurry(h->all->discovery);
    h->all->hooks.down(h->all->hooks.arg, h->index);
}

static void shards_on_bus_up(void *arg) {
    struct shard *h = arg;
    h->all->hooks.bus_up(h->all->hooks.arg, h->index);
}

static void shards_on_bus_down(void *arg) {
    struct shard *h = arg;
    h->all->hooks.bus_down(h->all->hooks.arg, h->index);
}

static void shards_on_push(const struct redisReply *reply, void *arg) {
    struct shard *h = arg;
    h->all->hooks.push(reply, h->all->hooks.arg, h->index);
}

static void shards_on_refused(const char *why, void *arg) {
    struct shard *h = arg;
    h->all->hooks.refused(why, h->all->hooks.arg);
}

static void shards_on_append_up(void *arg) {
    struct shards *s = ((struct shard *)arg)->all;
    s->hooks.append_up(s->hooks.arg);
}

static void on_append_down(void *arg) {
    (void)arg; /* what it loses is called back */
}

static bool shards_locate(void *arg) {
    return ((struct shard *)arg)->found;
}

static struct redis_link *make_link(struct shard *h, const char *what,
                                    const struct redis_link_hooks *own) {
    struct shards *s = h->all;
    struct redis_link_hooks hooks = *own;
    char name[64];
    hooks.master = s->discovery != NULL;
    hooks.shard = s->spread;
    hooks.locate = s->discovery ? shards_locate : NULL;
    hooks.refused = shards_on_refused;
    hooks.arg = h;
    snprintf(name, sizeof name, "chatd-%s-%s", s->node_id, what);
    return redis_link_new(s->loop, &h->at, s->ks, name, &hooks);
}

static bool make_links(struct shard *h) {
    enum durability d = h->all->durability;
    const struct redis_link_hooks store = {
        .role = LINK_STORE, .durability = d, .up = shards_on_up, .down = shards_on_down};
    const struct redis_link_hooks bus = {.role = LINK_BUS,
                                         .up = shards_on_bus_up,
                                         .down = shards_on_bus_down,
                                         .push = shards_on_push};
    const struct redis_link_hooks append = {
        .role = LINK_STORE, .durability = d, .up = shards_on_append_up, .down = on_append_down};
    h->store = make_link(h, "store", &store);
    h->bus = make_link(h, "bus", &bus);
    bool extra = d == DURABILITY_REPLICATED;
    h->append = extra ? make_link(h, "append", &append) : NULL;
    return h->store && h->bus && (h->append || !extra);
}

static void free_shard(struct shard *h) {
    redis_link_free(h->store);
    redis_link_free(h->bus);
    redis_link_free(h->append);
    h->all->shard[h->index] = NULL;
    free(h);
}

static void start_shard(struct shard *h) {
    redis_link_start(h->store);
    redis_link_start(h->bus);
    if (h->append)
        redis_link_start(h->append);
}

static struct shard *new_shard(struct shards *s) {
    uint16_t i = 0;
    while (i < SHARDS_MAX && s->shard[i])
        i++;
    struct shard *h = i < SHARDS_MAX ? calloc(1, sizeof *h) : NULL;
    if (!h)
        return NULL;
    h->all = s;
    h->index = i;
    h->at = *s->uri;
    s->shard[i] = h;
    if (i >= s->n)
        s->n = (uint16_t)(i + 1);
    if (make_links(h))
        return h;
    free_shard(h);
    return NULL;
}

static void shards_place(struct shard *h, const struct redis_address *at) {
    h->at.kind = REDIS_TCP;
    memcpy(h->at.host, at->host, sizeof h->at.host);
    h->at.port = at->port;
    h->found = true;
}

static bool is_at(const struct shard *h, const struct redis_address *at) {
    return h->found && h->at.port == at->port && strcmp(h->at.host, at->host) == 0;
}

/* --- Following a sentinel --- */

static bool shards_follow(struct shards *s, const struct redis_address *at) {
    struct shard *h = s->shard[0];
    if (is_at(h, at))
        return false;
    log_info("redis_master", "host=%s port=%u", at->host, at->port);
    shards_place(h, at);
    redis_link_move(h->store, "another master");
    redis_link_move(h->bus, "another master");
    if (h->append)
        redis_link_move(h->append, "another master");
    return true;
}

/* --- Following a Cluster --- */

struct shard *shards_at(struct shards *s, const struct redis_address *at) {
    for (uint16_t i = 0; i < s->n; i++)
        if (s->shard[i] && is_at(s->shard[i], at))
            return s->shard[i];
    struct shard *h = new_shard(s);
    if (!h) {
        log_error("too_many_shards", "max=%d", SHARDS_MAX);
        return NULL;
    }
    shards_place(h, at);
    start_shard(h);
    log_info("redis_shard", "shard=%u host=%s port=%u", h->index, at->host, at->port);
    return h;
}

/* Masters without slots are let go once nothing is on its way to them. */
static void retire(struct shards *s) {
    bool used[SHARDS_MAX] = {false};
    for (unsigned slot = 0; slot < CLUSTER_SLOTS; slot++)
        if (s->owner[slot] != NO_SHARD)
            used[s->owner[slot]] = true;
    for (uint16_t i = 0; i < s->n; i++) {
        struct shard *h = s->shard[i];
        if (!h || used[i])
            continue;
        bool busy =
            redis_link_in_flight(h->store) || (h->append && redis_link_in_flight(h->append));
        if (busy && redis_link_up(h->store))
            continue;
        log_info("redis_shard_gone", "shard=%u", i);
        s->hooks.bus_down(s->hooks.arg, i);
        free_shard(h);
    }
}

static bool shards_apply(struct shards *s, const struct topology *t) {
    uint16_t index[CLUSTER_MASTERS_MAX];
    bool changed = false;
    for (size_t i = 0; i < t->n; i++) {
        struct shard *h = shards_at(s, &t->masters[i]);
        index[i] = h ? h->index : NO_SHARD;
        discovery_learn(s->discovery, &t->masters[i]);
    }
    for (unsigned slot = 0; slot < CLUSTER_SLOTS; slot++) {
        uint16_t owner = t->owner[slot] == NO_MASTER ? NO_SHARD : index[t->owner[slot]];
        changed |= owner != s->owner[slot];
        s->owner[slot] = owner;
    }
    s->whole = t->unowned == 0;
    retire(s);
    if (changed)
        s->hooks.moved(s->hooks.arg);
    return changed;
}

struct shard *shards_moved(struct shards *s, const struct redirect *r, const struct shard *from) {
    struct redis_address at = r->to;
    if (!*at.host)
        memcpy(at.host, from->at.host, sizeof at.host);
    struct shard *h = shards_at(s, &at);
    if (r->kind != REDIRECT_MOVED)
        return h;
    shards_doubt(s);
    if (h && s->owner[r->slot] != h->index) {
        s->owner[r->slot] = h->index;
        s->hooks.moved(s->hooks.arg);
    }
    return h;
}

void shards_doubt(struct shards *s) {
    s->trouble_until_ms = clock_mono_ms() + DOUBT_MS;
    if (s->discovery)
        discovery_hurry(s->discovery);
}

/* --- Answers to discovery --- */

static bool trouble(void *arg) {
    const struct shards *s = arg;
    return !shards_all_up(s) || clock_mono_ms() < s->trouble_until_ms;
}

static bool shards_on_answer(const struct redisReply *reply, const struct redis_address *from,
                             void *arg) {
    static struct topology t; /* large; the loop's thread only */
    struct shards *s = arg;
    struct redis_address at;
    struct err e;
    enum err_code code =
        s->spread ? topology_read(reply, from, &t, &e) : topology_master(reply, &at, &e);
    if (code) {
        log_warn("scout", "host=%s port=%u reason=\"%s\"", from->host, from->port, e.detail);
        return false;
    }
    bool news = s->spread ? shards_apply(s, &t) : shards_follow(s, &at);
    return news || shards_all_up(s);
}

/* --- The whole --- */

struct shard *shards_owner(const struct shards *s, uint16_t slot) {
    uint16_t i = s->spread ? s->owner[slot] : 0;
    return i == NO_SHARD ? NULL : s->shard[i];
}

static bool is_up(const struct shard *h) {
    return redis_link_up(h->store) && redis_link_up(h->bus) &&
           (!h->append || redis_link_up(h->append));
}

bool shards_all_up(const struct shards *s) {
    bool any = false;
    for (uint16_t i = 0; i < s->n; i++) {
        if (s->shard[i] && !is_up(s->shard[i]))
            return false;
        any |= s->shard[i] != NULL;
    }
    return any && (!s->spread || s->whole);
}

bool shards_any_up(const struct shards *s) {
    for (uint16_t i = 0; i < s->n; i++)
        if (s->shard[i] && redis_link_up(s->shard[i]->store))
            return true;
    return false;
}

static void on_discovery_refused(const char *why, void *arg) {
    struct shards *s = arg;
    s->hooks.refused(why, s->hooks.arg);
}

static bool make_discovery(struct shards *s) {
    const struct discovery_hooks hooks = {
        .answer = shards_on_answer, .trouble = trouble, .refused = on_discovery_refused, .arg = s};
    char name[64];
    snprintf(name, sizeof name, "chatd-%s-scout", s->node_id);
    s->discovery = discovery_new(s->loop, s->uri, s->ks, name, &hooks);
    return s->discovery != NULL;
}

bool shards_init(struct shards *s, uv_loop_t *loop, const struct redis_uri *uri,
                 const struct keyspace *ks, const char *node_id, enum durability durability,
                 const struct shards_hooks *hooks) {
    *s = (struct shards){.loop = loop,
                         .uri = uri,
                         .ks = ks,
                         .node_id = node_id,
                         .durability = durability,
                         .hooks = *hooks,
                         .spread = uri->kind == REDIS_CLUSTER};
    memset(s->owner, 0xff, sizeof s->owner);
    if ((s->spread || uri->kind == REDIS_SENTINEL) && !make_discovery(s))
        return false;
    return s->spread || new_shard(s);
}

/* The URI may have been made more precise since shards_init: embedded. */
void shards_start(struct shards *s) {
    if (s->discovery)
        discovery_start(s->discovery);
    if (s->spread)
        return;
    if (!s->discovery)
        s->shard[0]->at = *s->uri;
    start_shard(s->shard[0]);
}

void shards_flush(struct shards *s) {
    for (uint16_t i = 0; i < s->n; i++) {
        struct shard *h = s->shard[i];
        if (!h)
            continue;
        redis_link_flush(h->store);
        redis_link_flush(h->bus);
        if (h->append)
            redis_link_flush(h->append);
    }
    if (s->discovery)
        discovery_flush(s->discovery);
}

void shards_close(struct shards *s) {
    for (uint16_t i = 0; i < s->n; i++)
        if (s->shard[i])
            free_shard(s->shard[i]);
    discovery_free(s->discovery);
    s->discovery = NULL;
}
