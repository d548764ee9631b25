/* counters - what chatd counts: logged when it ends, and read by the metrics (metrics.h says what
 * they mean). Each module adds to its own; loop thread only. */
#ifndef CHATD_BASE_COUNTERS_H
#define CHATD_BASE_COUNTERS_H

#include "chatd/base/histogram.h"
#include "common/base/err.h"

#include <stdint.h>

struct counters {
    uint64_t connections, requests, messages, deliveries, gaps, epochs, losses, bad_entries,
        bad_events, received_bytes;
    uint64_t refused_full, refused_address; /* connections: too many, in all or from there */
    uint64_t store_ups, bus_ups;            /* how often the links to Redis came up */
    uint64_t errors[ERR_CODES];             /* answers, by their code */
    struct histogram acknowledged;          /* messages, since they came */
    struct histogram turns;                 /* of the loop */
};

#endif
