/* node - everything that one chatd process has, in one place: who needs it is given a pointer to
 * it. The modules own their parts; server.c makes it and takes it down. */
#ifndef CHATD_DAEMON_NODE_H
#define CHATD_DAEMON_NODE_H

#include "chatd/base/kdf.h"
#include "chatd/base/names.h"
#include "chatd/base/settings.h"
#include "chatd/channel/append.h"
#include "chatd/channel/bus.h"
#include "chatd/channel/delivery.h"
#include "chatd/channel/presence.h"
#include "chatd/channel/probe.h"
#include "chatd/channel/reading.h"
#include "chatd/channel/repair.h"
#include "chatd/net/handshake.h"
#include "chatd/net/proxy.h"
#include "chatd/net/tls.h"
#include "chatd/op/admission.h"
#include "chatd/redis/redis_pool.h"
#include "chatd/session/account.h"
#include "chatd/session/hub.h"
#include "chatd/session/limits.h"
#include "chatd/session/session.h"
#include "common/proto/response_encode.h"
#include "common/redis/event.h"

#include <uv.h>

/* What chatd counts; logged when it ends, and read by the metrics (metrics.h says what they mean).
 */
struct counters {
    uint64_t connections, refused, requests, messages, deliveries, gaps, epochs, bad_entries,
        bad_events, received_bytes;
    uint64_t store_ups, bus_ups; /* how often the links to Redis came up */
    uint64_t errors[ERR_CODES];  /* answers, by their code */
};

struct node {
    const struct settings *set;
    struct keyspace keys;
    char id[NODE_ID_TEXT + 1];
    uv_loop_t *loop;
    struct server_limits limits;
    struct redis_pool *redis; /* Redis, whatever its shape */
    uint16_t shard;           /* of it: the one that came or went, while that is dealt with */
    struct addresses addresses;
    struct networks proxies; /* trusted to say who a client is */
    bool warned_forwarded;   /* that somebody else says it */
    struct handshakes handshakes;
    struct sessions sessions;
    struct accounts accounts;
    struct names names;
    struct hub hub;
    struct delivery delivery;
    uv_timer_t repair; /* runs while a stream is to be read */
    struct bus bus;
    struct appends appends;
    struct readings readings;
    struct admission admission;
    struct presence presence;
    struct probe probe;
    struct tls *tls; /* NULL: clients come without */
    struct kdf *kdf;
    struct cmd cmd; /* scratch to build a command in; sent before the next is built */
    struct counters count;
    uint64_t started_s; /* since 1970 */
    bool draining;
};

#endif
