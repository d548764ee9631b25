/* fake_link - the functions of chatd/redis/redis_link.h, for tests of what stands above it: each
 * link notes what it is asked, comes up and goes down when the test says so, and is answered by the
 * test, in order. A library's object is linked only for what is still undefined, so these take the
 * place of redis_link.c. Include it behind cmocka.h in one file of a program. */
#ifndef TESTS_UNIT_FAKE_LINK_H
#define TESTS_UNIT_FAKE_LINK_H

#include "chatd/redis/redis_link.h"

#include "cmd_text.h"
#include "resp_made.h"

#include <stdio.h>
#include <stdlib.h>

#define FAKE_LINKS_MAX 512
#define FAKE_PENDING_MAX 64

struct fake_pending {
    link_reply_fn fn;
    void *arg;
    link_aux aux;
    char text[160]; /* what was asked, as far as there is room; a script by its name */
};

struct redis_link {
    const struct redis_uri *uri;
    char name[64];
    struct redis_link_hooks hooks;
    bool started, up, freed;
    unsigned moves, flushes;
    struct fake_pending pending[FAKE_PENDING_MAX];
    size_t n;
    char asked[2048]; /* all of it, a line each, as far as there is room */
    const char *history;
    bool at_once; /* answers everything with `echo` within the call */
    const char *echo;
};

static struct redis_link *FAKE_LINKS[FAKE_LINKS_MAX];
static size_t FAKE_LINKS_COUNT;
static bool FAKE_NO_MEMORY; /* for the next link */

struct redis_link *redis_link_new(uv_loop_t *loop, const struct redis_uri *uri,
                                  const struct keyspace *ks, const char *name,
                                  const struct redis_link_hooks *hooks) {
    assert_non_null(loop);
    assert_non_null(ks);
    assert_true(FAKE_LINKS_COUNT < FAKE_LINKS_MAX);
    if (FAKE_NO_MEMORY) {
        FAKE_NO_MEMORY = false;
        return NULL;
    }
    struct redis_link *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->uri = uri;
    l->hooks = *hooks;
    l->history = "run";
    snprintf(l->name, sizeof l->name, "%s", name);
    return FAKE_LINKS[FAKE_LINKS_COUNT++] = l;
}

void redis_link_start(struct redis_link *l) {
    assert_false(l->started || l->freed);
    l->started = true;
}

bool redis_link_up(const struct redis_link *l) {
    return l && l->up;
}

const char *redis_link_history(const struct redis_link *l) {
    return l->history;
}

size_t redis_link_in_flight(const struct redis_link *l) {
    return l->n;
}

void redis_link_flush(struct redis_link *l) {
    assert_false(l->freed);
    l->flushes++;
}

const char *redis_link_library(void) {
    return "0";
}

/* Oldest first. */
static struct fake_pending fake_link_take(struct redis_link *l) {
    assert_true(l->n > 0);
    struct fake_pending p = l->pending[0];
    memmove(l->pending, l->pending + 1, --l->n * sizeof *l->pending);
    return p;
}

static void fake_link_lose(struct redis_link *l) {
    size_t n = l->n;
    while (n-- > 0) {
        struct fake_pending p = fake_link_take(l);
        if (p.fn)
            p.fn(NULL, p.arg, p.aux);
    }
}

static void fake_link_call(struct redis_link *l, const char *text, link_reply_fn fn, void *arg,
                           link_aux aux) {
    struct fake_pending p = {.fn = fn, .arg = arg, .aux = aux};
    if (!redis_link_up(l)) {
        if (fn)
            fn(NULL, arg, aux);
        return;
    }
    size_t len = strlen(l->asked);
    snprintf(l->asked + len, sizeof l->asked - len, "%s\n", text);
    snprintf(p.text, sizeof p.text, "%.*s", (int)sizeof p.text - 1, text);
    if (l->hooks.role == LINK_BUS)
        return;
    if (l->at_once) {
        if (fn)
            fn(made(l->echo), arg, aux);
        return;
    }
    assert_true(l->n < FAKE_PENDING_MAX);
    l->pending[l->n++] = p;
}

void redis_link_call(struct redis_link *l, const struct cmd *c, link_reply_fn fn, void *arg,
                     link_aux aux) {
    char text[1024];
    assert_false(c->failed);
    cmd_text(text, sizeof text, c->argv, c->argvlen, c->argc);
    fake_link_call(l, text, fn, arg, aux);
}

void redis_link_send(struct redis_link *l, const struct link_text *t, link_reply_fn fn, void *arg,
                     link_aux aux) {
    redisReader *reader = redisReaderCreate();
    const char *argv[64];
    size_t lens[64], argc = 0;
    char text[1024];
    void *parsed = NULL;
    redisReaderFeed(reader, t->text, t->len);
    assert_int_equal(redisReaderGetReply(reader, &parsed), REDIS_OK);
    redisReply *r = parsed;
    assert_non_null(r);
    for (; argc < r->elements && argc < 64; argc++) {
        argv[argc] = r->element[argc]->str;
        lens[argc] = (size_t)r->element[argc]->len;
    }
    assert_int_equal(t->script, strcmp(argv[0], "EVALSHA") == 0);
    cmd_text(text, sizeof text, argv, lens, argc);
    freeReplyObject(r);
    redisReaderFree(reader);
    if (t->asking)
        fake_link_call(l, "ASKING", NULL, NULL, NULL);
    fake_link_call(l, text, fn, arg, aux);
}

/* --- What happens to a link --- */

static void fake_link_go(struct redis_link *l) {
    bool was_up = l->up;
    l->up = false;
    fake_link_lose(l);
    if (was_up)
        l->hooks.down(l->hooks.arg);
}

static void fake_link_come(struct redis_link *l) {
    assert_true(l->started);
    if (l->hooks.locate && !l->hooks.locate(l->hooks.arg))
        return;
    l->up = true;
    l->hooks.up(l->hooks.arg);
}

/* The oldest question is answered. */
__attribute__((unused)) static void fake_link_answer(struct redis_link *l, const char *answer) {
    struct fake_pending p = fake_link_take(l);
    if (p.fn)
        p.fn(made(answer), p.arg, p.aux);
}

void redis_link_move(struct redis_link *l, const char *why) {
    assert_non_null(why);
    l->moves++;
    fake_link_go(l);
}

void redis_link_free(struct redis_link *l) {
    if (!l)
        return;
    assert_false(l->freed);
    l->up = false;
    fake_link_lose(l);
    l->freed = true;
}

/* The link to this host that ends in `what`, "store" or "bus"; NULL: there is none. */
static struct redis_link *fake_link_to(const char *host, const char *what) {
    for (size_t i = 0; i < FAKE_LINKS_COUNT; i++) {
        struct redis_link *l = FAKE_LINKS[i];
        const char *end = strrchr(l->name, '-');
        if (!l->freed && end && strcmp(end + 1, what) == 0 &&
            (!host || strcmp(l->uri->host, host) == 0))
            return l;
    }
    return NULL;
}

/* They must have been freed before. */
static void fake_links_end(void) {
    for (size_t i = 0; i < FAKE_LINKS_COUNT; i++) {
        assert_true(FAKE_LINKS[i]->freed);
        assert_int_equal(FAKE_LINKS[i]->n, 0);
        free(FAKE_LINKS[i]);
    }
    FAKE_LINKS_COUNT = 0;
}

#endif
