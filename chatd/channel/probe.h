/* probe - is Redis there, both ways? Now and then the node publishes a number on the bus of all
 * nodes, and hears it there. That is what readiness is judged by: commands alone would answer while
 * nothing is heard. Runs only where somebody may ask (--http). Loop thread only. */
#ifndef CHATD_CHANNEL_PROBE_H
#define CHATD_CHANNEL_PROBE_H

#include "chatd/redis/redis.h"
#include "common/redis/event.h"

#include <stdbool.h>
#include <stdint.h>

#define PROBE_FRESH_MS 1500 /* when the last one was longer ago, Redis is taken for gone */

struct probe {
    struct redis *redis; /* dependency */

    bool on;
    uint64_t number;   /* of the last one sent; 0: none */
    uint64_t heard;    /* of the last one that came back */
    uint64_t sent_ns;  /* when it was sent */
    uint64_t heard_ns; /* when the last one came back; 0: none did */
    uint64_t last_ns;  /* how long that one took */
    uint64_t sum_ns, count;
};

/* About twice a second: sends one when it is time. */
void probe_tick(struct probe *p);
void probe_heard(struct probe *p, const struct event *ev);
/* How long ago the last one came back, in ms; UINT64_MAX: none did. */
uint64_t probe_age_ms(const struct probe *p);

#endif
