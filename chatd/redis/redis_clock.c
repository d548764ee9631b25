/* redis_clock - see redis_clock.h. What is kept is how far it is ahead of the monotonic clock, so
 * that our own may be set at any time. */
#include "chatd/redis/redis_clock.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/reply.h"

#include <stdlib.h>

#define SLOW_MS 1000  /* an answer that took longer says less than what is known */
#define WRONG_MS 5000 /* two clocks that differ by so much are told of */

static void tell_difference(struct redis *r, int64_t now_ms) {
    int64_t differs = now_ms - clock_wall_ms();
    bool wrong = llabs(differs) > WRONG_MS;
    if (wrong && !r->clock.wrong)
        log_warn("clocks_differ", "redis_ahead_ms=%lld", (long long)differs);
    r->clock.wrong = wrong;
}

static void on_time(const struct redisReply *reply, void *arg, link_aux aux) {
    struct redis *r = arg;
    uint64_t took_ms = clock_mono_ms() - r->clock.asked_ms;
    (void)aux;
    r->clock.asked_ms = 0;
    int64_t now_ms;
    struct err e;
    if (reply_time(reply, &now_ms, &e) || (r->clock.known && took_ms > SLOW_MS))
        return;
    now_ms += (int64_t)(took_ms / 2);
    r->clock.ahead_ms = now_ms - (int64_t)clock_mono_ms();
    r->clock.known = true;
    tell_difference(r, now_ms);
}

void redis_clock_ask(struct redis *r) {
    if (r->clock.asked_ms)
        return;
    r->clock.asked_ms = clock_mono_ms();
    cmd_begin(&r->cmd, "TIME");
    redis_call(r, on_time, r, NULL);
}

int64_t redis_clock_now(const struct redis *r) {
    return r->clock.known ? (int64_t)clock_mono_ms() + r->clock.ahead_ms : clock_wall_ms();
}
