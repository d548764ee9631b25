/* fake_redis - the functions of chatd/redis/redis_pool.h, for tests of what uses Redis: it notes
 * what is asked, and answers when the test says so and with what the test says, in order or out of
 * it, or within the call. A library's object is linked only for what is still undefined, so these
 * take the place of redis_pool.c and all below it. Include it behind cmocka.h in one file of a
 * program. */
#ifndef TESTS_UNIT_FAKE_REDIS_H
#define TESTS_UNIT_FAKE_REDIS_H

#include "chatd/redis/redis.h"

#include "cmd_text.h"
#include "common/redis/topology.h"
#include "resp_made.h"

#include <stdlib.h>

#define FAKE_PENDING_MAX 512
#define FAKE_SHARDS 2

struct fake_call {
    link_reply_fn fn;
    confirmed_fn confirmed; /* NULL: it isn't asked for, or was given */
    bool answered;
    void *arg;
    link_aux aux;
    size_t argc;
    char text[512]; /* what is asked, as far as there is room */
};

/* One slot, or (spread) two: that of the public channel, and that of all else. */
struct redis_pool {
    bool up, confirms, spread;
    const char *history;
    uint16_t owner[FAKE_SHARDS]; /* by slot */
    bool bus_up[FAKE_SHARDS];
    struct fake_call calls[FAKE_PENDING_MAX];
    size_t n;
    const char *at_once;         /* answers everything with this within the call */
    char told[4096];             /* what was asked without a callback, a line each */
    char bus[FAKE_SHARDS][4096]; /* what was asked on each bus, a line each */
    unsigned asked, doubts, redirects;
};

static struct redis_pool FAKE_POOL;
static struct redis REDIS; /* as the modules are given it */

static void fake_redis_init(void) {
    FAKE_POOL =
        (struct redis_pool){.up = true, .history = "run", .owner = {0, 1}, .bus_up = {true, true}};
    REDIS.pool = &FAKE_POOL;
    snprintf(REDIS.node_id, sizeof REDIS.node_id, "%s", "000000000000000a");
    assert_true(keyspace_init(&REDIS.keys, "chat:"));
    cmd_init(&REDIS.cmd);
}

static void fake_redis_add(char *lines, size_t size, const char *text) {
    size_t n = strlen(lines);
    assert_true(n + strlen(text) + 2 < size);
    snprintf(lines + n, size - n, "%s\n", text);
}

/* --- The interface --- */

bool redis_pool_up(const struct redis_pool *p) {
    return p && p->up;
}

const char *redis_pool_history(const struct redis_pool *p) {
    return p->history;
}

uint16_t redis_pool_slot(const struct redis_pool *p, const char *key, size_t len) {
    assert_int_equal(strlen(key), len);
    return p->spread && !strstr(key, "public");
}

unsigned redis_pool_slots(const struct redis_pool *p) {
    return p->spread ? 2 : 1;
}

uint16_t redis_pool_shard(const struct redis_pool *p, uint16_t slot) {
    assert_true(slot < redis_pool_slots(p));
    return p->owner[slot];
}

static void fake_redis_give(const struct fake_call *c, const char *answer) {
    if (c->fn)
        c->fn(answer ? made(answer) : NULL, c->arg, c->aux);
    if (c->confirmed)
        c->confirmed(answer ? 1 : -1, c->arg);
}

static void fake_redis_call(struct redis_pool *p, const struct cmd *c, struct fake_call call) {
    assert_false(c->failed);
    cmd_text(call.text, sizeof call.text, c->argv, c->argvlen, c->argc);
    call.argc = c->argc;
    if (p && p->up) {
        p->asked++;
        if (!call.fn)
            fake_redis_add(p->told, sizeof p->told, call.text);
    }
    if (!p || !p->up || p->at_once) {
        fake_redis_give(&call, p && p->up ? p->at_once : NULL);
        return;
    }
    assert_true(p->n < FAKE_PENDING_MAX);
    if (call.fn) /* the answer to the others is nobody's */
        p->calls[p->n++] = call;
}

void redis_pool_call(struct redis_pool *p, const struct cmd *c, link_reply_fn fn, void *arg,
                     link_aux aux) {
    fake_redis_call(p, c, (struct fake_call){.fn = fn, .arg = arg, .aux = aux});
}

bool redis_pool_confirms(const struct redis_pool *p) {
    return p->confirms;
}

void redis_pool_append(struct redis_pool *p, const struct cmd *c, link_reply_fn fn,
                       confirmed_fn confirmed, void *arg) {
    assert_non_null(confirmed);
    fake_redis_call(
        p, c,
        (struct fake_call){.fn = fn, .confirmed = p->confirms ? confirmed : NULL, .arg = arg});
}

bool redis_pool_bus_up(const struct redis_pool *p, uint16_t shard) {
    return p && shard < FAKE_SHARDS && p->bus_up[shard];
}

void redis_pool_bus_call(struct redis_pool *p, uint16_t shard, const struct cmd *c) {
    char text[512];
    assert_true(shard < FAKE_SHARDS);
    assert_false(c->failed);
    if (!p->bus_up[shard])
        return;
    cmd_text(text, sizeof text, c->argv, c->argvlen, c->argc);
    fake_redis_add(p->bus[shard], sizeof p->bus[shard], text);
}

bool redis_pool_bus_redirected(struct redis_pool *p, uint16_t shard, const redisReply *r) {
    struct redirect to;
    assert_true(shard < FAKE_SHARDS);
    if (!p->spread || !topology_redirect(r, &to))
        return false;
    p->redirects++;
    return true;
}

void redis_pool_doubt(struct redis_pool *p) {
    p->doubts++;
}

void redis_pool_flush(struct redis_pool *p) {
    (void)p;
}

size_t redis_pool_in_flight(const struct redis_pool *p) {
    return p->n;
}

/* --- What the test makes it do --- */

static void fake_redis_remove(size_t i) {
    memmove(FAKE_POOL.calls + i, FAKE_POOL.calls + i + 1,
            (--FAKE_POOL.n - i) * sizeof *FAKE_POOL.calls);
}

/* Answers the i-th of what is asked; NULL: it is lost. One that is to be confirmed stays until that
 * is said. */
static void fake_redis_answer_at(size_t i, const char *answer) {
    assert_true(i < FAKE_POOL.n);
    struct fake_call *at = &FAKE_POOL.calls[i], call = *at;
    assert_false(at->answered);
    if (call.confirmed && answer) {
        at->answered = true;
        call.confirmed = NULL;
    } else
        fake_redis_remove(i);
    fake_redis_give(&call, answer);
}

__attribute__((unused)) static void fake_redis_answer(const char *answer) {
    fake_redis_answer_at(0, answer);
}

/* The oldest that was answered is confirmed by so many replicas. */
__attribute__((unused)) static void fake_redis_confirm(int64_t replicas) {
    struct fake_call call = FAKE_POOL.calls[0];
    assert_true(FAKE_POOL.n > 0 && call.answered);
    fake_redis_remove(0);
    call.confirmed(replicas, call.arg);
}

/* The link is lost, with all that is asked; what is asked from now on is lost, too. */
__attribute__((unused)) static void fake_redis_go(void) {
    FAKE_POOL.up = false;
    while (FAKE_POOL.n > 0) {
        struct fake_call call = FAKE_POOL.calls[0];
        fake_redis_remove(0);
        if (call.answered)
            call.fn = NULL;
        fake_redis_give(&call, NULL);
    }
}

/* What is asked, as i-th. */
__attribute__((unused)) static const char *fake_redis_asked(size_t i) {
    assert_true(i < FAKE_POOL.n);
    return FAKE_POOL.calls[i].text;
}

/* Nothing may be left. */
static void fake_redis_end(void) {
    assert_int_equal(FAKE_POOL.n, 0);
    cmd_free(&REDIS.cmd);
}

#endif
