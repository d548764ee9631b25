/* repair - reading the streams: pub/sub is only a hint that makes things fast, the stream is the
 * truth.
 *
 * A stream is read when delivery asks for it (a gap that did not close by itself within a moment, a
 * link that was down, an answer that was lost, another epoch), and now and then every channel's
 * position is compared with what was delivered, in case the last message on a quiet channel was
 * lost. Loop thread only. */
#ifndef CHATD_CHANNEL_REPAIR_H
#define CHATD_CHANNEL_REPAIR_H

#include "chatd/base/counters.h"
#include "chatd/channel/delivery.h"
#include "chatd/redis/redis.h"
#include "chatd/session/hub.h"

#include <stdint.h>
#include <uv.h>

struct repairs {
    /* Dependencies, set before repairs_init. */
    struct redis *redis;
    struct hub *hub;
    struct delivery *delivery;
    struct counters *count;

    uv_timer_t timer; /* runs while a stream is to be read; the caller closes it */
};

/* Has delivery call it when a stream is to be read. */
void repairs_init(struct repairs *all, uv_loop_t *loop);
/* The link for commands to a shard is down, or back. */
void repair_store_down(struct repairs *all, uint16_t shard);
void repair_store_up(struct repairs *all, uint16_t shard);
/* Compares a twentieth of the channels with their streams. About twice a second. */
void repair_check_quiet(struct repairs *all);

#endif
