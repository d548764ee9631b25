/* metrics - what chatd tells Prometheus of itself, in the text format (version 0.0.4). Every metric
 * is named once, in the table of metrics.c, which makes the output and the list of --list-metrics.
 * No label is a user, a channel or an address: their number has no bound, and they are nobody's
 * business. Nothing is counted here: reading is all. */
#ifndef CHATD_DAEMON_METRICS_H
#define CHATD_DAEMON_METRICS_H

#include "common/base/buf.h"

#include <stdint.h>

struct embedded;
struct node;

/* What the supervisor knows of its workers. */
struct worker_counts {
    unsigned wanted, serving;
    uint64_t ended; /* that were not asked to */
};

/* What there is to tell of; NULL: nothing, and no metric. */
struct metrics_of {
    const struct node *node;
    const struct worker_counts *workers;
    const struct embedded *embedded;
    uint64_t started_s; /* since 1970 */
};
/* All of them, as they are now. */
void metrics_write(const struct metrics_of *of, struct buf *out);
/* A TSV row a metric: name, type, help. */
void metrics_list(struct buf *out);

#endif
