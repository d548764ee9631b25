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

static struct redis_address discovery_place(const struct discovery *s) {
    struct redis_address a = {.port = s->at.port};
    memcpy(a.host, s->at.host, sizeof a.host);
    return a;
}

static void discovery_on_answer(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct discovery *s = arg;
    struct redis_address from = discovery_place(s);
    s->asking = false;
    if (reply && s->hooks.answer(reply, &from, s->hooks.arg))
        s->helped_ms = clock_mono_ms();
}

static void discovery_ask(struct discovery *s) {
    s->asking = true;
    s->asked_ms = clock_mono_ms();
    if (s->uri->kind == REDIS_SENTINEL)
        cmd_sentinel_master(&s->cmd, s->uri->name);
    else
        cmd_cluster_slots(&s->cmd);
    redis_link_call(s->link, &s->cmd, discovery_on_answer, s, NULL);
}

static void discovery_on_timer(uv_timer_t *t) {
    struct discovery *s = t->data;
    uint64_t now = clock_mono_ms();
    bool trouble = s->hooks.trouble(s->hooks.arg);
    if (!trouble && !s->asking)
        s->helped_ms = now;
    if (!redis_link_up(s->link))
        return;
    if (now - s->helped_ms > PATIENCE_MS) {
        s->helped_ms = now;
        redis_link_move(s->link, "no help from it");
    } else if (!s->asking && now - s->asked_ms >= (trouble ? TROUBLE_MS : CALM_MS)) {
        discovery_ask(s);
        redis_link_flush(s->link);
    }
}

/* The next address in turn: before each try to connect. */
static bool discovery_locate(void *arg) {
    struct discovery *s = arg;
    unsigned n = s->uri->seed_count + s->learned_count, i = s->turn++ % n;
    const struct redis_address *a =
        i < s->uri->seed_count ? &s->uri->seeds[i] : &s->learned[i - s->uri->seed_count];
    memcpy(s->at.host, a->host, sizeof s->at.host);
    s->at.port = a->port;
    return true;
}

static void discovery_on_up(void *arg) {
    struct discovery *s = arg;
    s->asking = false;
    s->helped_ms = clock_mono_ms();
    discovery_ask(s);
}

static void discovery_on_down(void *arg) {
    ((struct discovery *)arg)->asking = false;
}

static void discovery_on_refused(const char *why, void *arg) {
    struct discovery *s = arg;
    s->hooks.refused(why, s->hooks.arg);
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
    struct discovery *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->uri = uri;
    s->hooks = *hooks;
    s->at = *uri;
    s->at.kind = REDIS_TCP;
    s->at.db = 0;
    link.arg = s;
    cmd_init(&s->cmd);
    s->link = redis_link_new(loop, &s->at, ks, name, &link);
    if (!s->link) {
        free(s);
        return NULL;
    }
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    return s;
}

void discovery_start(struct discovery *s) {
    s->helped_ms = clock_mono_ms();
    uv_timer_start(&s->timer, discovery_on_timer, LOOK_MS, LOOK_MS);
    redis_link_start(s->link);
}

void discovery_flush(struct discovery *s) {
    redis_link_flush(s->link);
}

void discovery_learn(struct discovery *s, const struct redis_address *at) {
    for (unsigned i = 0; i < s->uri->seed_count; i++)
        if (redis_address_eq(&s->uri->seeds[i], at))
            return;
    for (unsigned i = 0; i < s->learned_count; i++)
        if (redis_address_eq(&s->learned[i], at))
            return;
    s->learned[s->learned_next] = *at;
    s->learned_next = (s->learned_next + 1) % LEARNED_MAX;
    if (s->learned_count < LEARNED_MAX)
        s->learned_count++;
}

void discovery_hurry(struct discovery *s) {
    if (redis_link_up(s->link) && !s->asking)
        discovery_ask(s);
}

static void discovery_on_closed(uv_handle_t *h) {
    struct discovery *s = h->data;
    cmd_free(&s->cmd);
    free(s);
}

void discovery_free(struct discovery *s) {
    if (!s)
        return;
    redis_link_free(s->link);
    uv_close((uv_handle_t *)&s->timer, discovery_on_closed);
}
