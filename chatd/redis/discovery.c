/* discovery - see discovery.h. */
#include "chatd/redis/discovery.h"

#include "chatd/redis/redis_link.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 50       /* how often it is looked whether to ask */
#define CALM_MS 250      /* between two questions when all is well … */
#define TROUBLE_MS 100   /* … and when it isn't */
#define PATIENCE_MS 1000 /* trouble lasts, and this one is of no help: the next one */
#define LEARNED_MAX 16

struct discovery {
    const struct redis_uri *uri;
    struct redis_uri at; /* whom the link goes to */
    struct redis_link *link;
    struct discovery_hooks hooks;
    struct redis_address learned[LEARNED_MAX];
    unsigned learned_count, learned_next;
    unsigned turn; /* whose it is */
    bool asking;
    uint64_t asked_ms, helped_ms;
    uv_timer_t timer;
    struct cmd cmd;
};

static struct redis_address discovery_place(const struct discovery *d) {
    struct redis_address a = {.port = d->at.port};
    memcpy(a.host, d->at.host, sizeof a.host);
    return a;
}

static void discovery_on_answer(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct discovery *d = arg;
    struct redis_address from = discovery_place(d);
    d->asking = false;
    if (reply && d->hooks.answer(reply, &from, d->hooks.arg))
        d->helped_ms = clock_mono_ms();
}

static void discovery_ask(struct discovery *d) {
    d->asking = true;
    d->asked_ms = clock_mono_ms();
    if (d->uri->kind == REDIS_SENTINEL)
        cmd_sentinel_master(&d->cmd, d->uri->name);
    else
        cmd_cluster_slots(&d->cmd);
    redis_link_call(d->link, &d->cmd, discovery_on_answer, d, NULL);
}

static void discovery_on_timer(uv_timer_t *t) {
    struct discovery *d = t->data;
    uint64_t now = clock_mono_ms();
    bool trouble = d->hooks.trouble(d->hooks.arg);
    if (!trouble && !d->asking)
        d->helped_ms = now;
    if (!redis_link_up(d->link))
        return;
    if (now - d->helped_ms > PATIENCE_MS) {
        d->helped_ms = now;
        redis_link_move(d->link, "no help from it");
    } else if (!d->asking && now - d->asked_ms >= (trouble ? TROUBLE_MS : CALM_MS)) {
        discovery_ask(d);
        redis_link_flush(d->link);
    }
}

/* The next address in turn: before each try to connect. */
static bool discovery_locate(void *arg) {
    struct discovery *d = arg;
    unsigned n = d->uri->seed_count + d->learned_count, i = d->turn++ % n;
    const struct redis_address *a =
        i < d->uri->seed_count ? &d->uri->seeds[i] : &d->learned[i - d->uri->seed_count];
    memcpy(d->at.host, a->host, sizeof d->at.host);
    d->at.port = a->port;
    return true;
}

static void discovery_on_up(void *arg) {
    struct discovery *d = arg;
    d->asking = false;
    d->helped_ms = clock_mono_ms();
    discovery_ask(d);
}

static void discovery_on_down(void *arg) {
    ((struct discovery *)arg)->asking = false;
}

static void discovery_on_refused(const char *why, void *arg) {
    struct discovery *d = arg;
    d->hooks.refused(why, d->hooks.arg);
}

struct discovery *discovery_new(uv_loop_t *loop, const struct redis_uri *uri,
                                const struct keyspace *ks, const char *name,
                                const struct discovery_hooks *hooks) {
    struct redis_link_hooks link = {.role = LINK_DISCOVERY,
                                    .sentinel = uri->kind == REDIS_SENTINEL,
                                    .locate = discovery_locate,
                                    .up = discovery_on_up,
                                    .down = discovery_on_down,
                                    .refused = discovery_on_refused};
    struct discovery *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->uri = uri;
    d->hooks = *hooks;
    d->at = *uri;
    d->at.kind = REDIS_TCP;
    d->at.db = 0;
    link.arg = d;
    cmd_init(&d->cmd);
    d->link = redis_link_new(loop, &d->at, ks, name, &link);
    if (!d->link) {
        free(d);
        return NULL;
    }
    uv_timer_init(loop, &d->timer);
    d->timer.data = d;
    return d;
}

void discovery_start(struct discovery *d) {
    d->helped_ms = clock_mono_ms();
    uv_timer_start(&d->timer, discovery_on_timer, LOOK_MS, LOOK_MS);
    redis_link_start(d->link);
}

void discovery_flush(struct discovery *d) {
    redis_link_flush(d->link);
}

void discovery_learn(struct discovery *d, const struct redis_address *at) {
    for (unsigned i = 0; i < d->uri->seed_count; i++)
        if (redis_address_eq(&d->uri->seeds[i], at))
            return;
    for (unsigned i = 0; i < d->learned_count; i++)
        if (redis_address_eq(&d->learned[i], at))
            return;
    d->learned[d->learned_next] = *at;
    d->learned_next = (d->learned_next + 1) % LEARNED_MAX;
    if (d->learned_count < LEARNED_MAX)
        d->learned_count++;
}

void discovery_hurry(struct discovery *d) {
    if (redis_link_up(d->link) && !d->asking)
        discovery_ask(d);
}

static void discovery_on_closed(uv_handle_t *h) {
    struct discovery *d = h->data;
    cmd_free(&d->cmd);
    free(d);
}

void discovery_free(struct discovery *d) {
    if (!d)
        return;
    redis_link_free(d->link);
    uv_close((uv_handle_t *)&d->timer, discovery_on_closed);
}
