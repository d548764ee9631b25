/* fake_shards - what test_shards and test_redis_pool share: a loop that time passes on, and hooks
 * that write down what they are told, as "up0 hears0 moved". Include it behind cmocka.h in one file
 * of a program. */
#ifndef TESTS_UNIT_FAKE_SHARDS_H
#define TESTS_UNIT_FAKE_SHARDS_H

#include "chatd/redis/shards.h"
#include "common/base/log.h"

#include "fake_clock.h"
#include "fake_cluster.h"
#include "fake_link.h"
#include "steps.h"

static uv_loop_t LOOP;
static struct keyspace KEYS;
static struct redis_uri URI;
static char EVENTS[2048]; /* what the hooks were told, each with its shard behind it */
static unsigned MOVES;    /* that they were told of … */
static char WHY[128];     /* … and the last refusal */

static void note(const char *what, int shard) {
    size_t n = strlen(EVENTS);
    const char *space = n ? " " : "";
    if (shard < 0)
        snprintf(EVENTS + n, sizeof EVENTS - n, "%s%s", space, what);
    else
        snprintf(EVENTS + n, sizeof EVENTS - n, "%s%s%d", space, what, shard);
}

static void on_up(void *arg, uint16_t shard) {
    assert_ptr_equal(arg, &EVENTS);
    note("up", shard);
}

static void on_down(void *arg, uint16_t shard) {
    assert_ptr_equal(arg, &EVENTS);
    note("down", shard);
}

static void on_bus_up(void *arg, uint16_t shard) {
    assert_ptr_equal(arg, &EVENTS);
    note("hears", shard);
}

static void on_bus_down(void *arg, uint16_t shard) {
    assert_ptr_equal(arg, &EVENTS);
    note("deaf", shard);
}

static void on_push(const redisReply *reply, void *arg, uint16_t shard) {
    assert_ptr_equal(arg, &EVENTS);
    note(reply->str, shard);
}

static void on_moved(void *arg) {
    assert_ptr_equal(arg, &EVENTS);
    note("moved", -1);
    MOVES++;
}

static void on_refused(const char *why, void *arg) {
    assert_ptr_equal(arg, &EVENTS);
    note(why, -1);
    snprintf(WHY, sizeof WHY, "%s", why);
}

#define FAKE_SHARDS_HOOKS                                                                          \
    .up = on_up, .down = on_down, .bus_up = on_bus_up, .bus_down = on_bus_down, .push = on_push,   \
    .moved = on_moved, .refused = on_refused, .arg = EVENTS

static int begin_loop(void) {
    MOVES = 0;
    EVENTS[0] = WHY[0] = '\0';
    return uv_loop_init(&LOOP);
}

/* What was noted since the last time. */
static void check_events(const char *expected) {
    assert_string_equal(EVENTS, expected);
    EVENTS[0] = '\0';
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return keyspace_init(&KEYS, "chat:") ? 0 : -1;
}

static void pass(uint64_t ms) {
    for (; ms > 0; ms -= 10) {
        clock_pass(10);
        uv_run(&LOOP, UV_RUN_NOWAIT);
    }
}

/* All links are closed already. */
static int end_loop(void **state) {
    uv_run(&LOOP, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&LOOP), 0);
    fake_links_end();
    return made_free(state);
}

#endif
