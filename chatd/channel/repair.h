/* repair - reading the streams: pub/sub is only a hint that makes things fast, the stream is the
 * truth.
 *
 * A stream is read when delivery asks for it (a gap that did not close by itself within a moment, a
 * link that was down, an answer that was lost, another epoch), and now and then every channel's
 * position is compared with what was delivered, in case the last message on a quiet channel was
 * lost. Loop thread only. */
#ifndef CHATD_CHANNEL_REPAIR_H
#define CHATD_CHANNEL_REPAIR_H

#include <stdint.h>

struct node;

void repair_init(struct node *node);
/* The store is down, or back. */
void repair_store_down(struct node *node, uint16_t shard);
void repair_store_up(struct node *node, uint16_t shard);
/* Compares a twentieth of the channels with their streams. About twice a second. */
void repair_check_quiet(struct node *node);

#endif
