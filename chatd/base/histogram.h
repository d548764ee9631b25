/* histogram - how long something took, in buckets: one increment, so that each message can have it.
 * Loop thread only. */
#ifndef CHATD_BASE_HISTOGRAM_H
#define CHATD_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 12

/* The upper bounds of the buckets; a last one is for what took longer. */
static const uint16_t HISTOGRAM_MS[HISTOGRAM_BOUNDS] = {1,   2,   5,   10,   25,   50,
                                                        100, 250, 500, 1000, 2500, 5000};

struct histogram {
    uint64_t count[HISTOGRAM_BOUNDS + 1]; /* of each bucket by itself */
    uint64_t sum_ms;
};

static inline void histogram_add(struct histogram *h, uint64_t ms) {
    unsigned i = 0;
    while (i < HISTOGRAM_BOUNDS && ms > HISTOGRAM_MS[i])
        i++;
    h->count[i]++;
    h->sum_ms += ms;
}

#endif
