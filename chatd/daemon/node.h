/* node - everything that one chatd process has, in one place. The modules own their parts, and are
 * given what they work with; server.c makes it all and takes it down. Only chatd/daemon and the
 * verbs (chatd/request) know the whole. */
#ifndef CHATD_DAEMON_NODE_H
#define CHATD_DAEMON_NODE_H

#include "chatd/base/counters.h"
#include "chatd/base/kdf.h"
#include "chatd/base/names.h"
#include "chatd/base/settings.h"
#include "chatd/base/tally.h"
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
#include "chatd/op/op.h"
#include "chatd/redis/redis.h"
#include "chatd/session/account.h"
#include "chatd/session/hub.h"
#include "chatd/session/limits.h"
#include "chatd/session/session.h"
#include "common/proto/response.h"
#include "common/redis/event.h"

#include <uv.h>

struct node {
    const struct chatd_settings *set;
    uv_loop_t *loop;
    struct counters count;
    struct server_limits limits;
    struct redis redis; /* whatever its shape */

    struct addresses addresses;
    struct networks proxies; /* trusted to say for whom they come */
    struct tls *tls;         /* NULL: clients come without */
    struct handshakes handshakes;
    struct lingers lingers;

    struct sessions sessions;
    struct accounts accounts;
    struct names names;
    struct hub hub;
    struct ops ops;
    struct kdf *kdf;

    struct delivery delivery;
    struct appends appends;
    struct repairs repairs;
    struct bus bus;
    struct readings readings;
    struct presence presence;
    struct probe probe;

    struct tally attacks; /* sign-ins that were refused for those before them */
    uint64_t started_s;   /* since 1970 */
    bool draining;
    bool reload_refused; /* the last one: the settings before it are in use */
};

#endif
