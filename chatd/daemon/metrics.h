/* metrics - what chatd tells Prometheus of itself, in the text format (version 0.0.4). Every metric
 * is named once, in the table of metrics.c, which makes the output and the list of --list-metrics.
 * No label is a user, a channel or an address: their number has no bound, and they are nobody's
 * business. Nothing is counted here: reading is all. */
#ifndef CHATD_DAEMON_METRICS_H
#define CHATD_DAEMON_METRICS_H

#include "common/base/buf.h"

struct node;

/* All of them, as they are now. */
void metrics_write(const struct node *node, struct buf *out);
/* A TSV row a metric: name, type, help. */
void metrics_list(struct buf *out);

#endif
