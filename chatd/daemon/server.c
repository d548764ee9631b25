/* server - see server.h.
 *
 * Order of a turn: whatever the loop polled runs, then (uv_check) appends and readings that
 * gathered are sent, sessions are flushed, the Redis links are flushed. uv_prepare does the same
 * for what timers brought.
 *
 * Order of the end: stop accepting; say goAway; answer what is in flight; close 1001; declare the
 * node dead in Redis; close the links; take down lws; stop the embedded Redis last.
 */
#include "chatd/daemon/server.h"

#include "chatd/base/net.h"
#include "chatd/daemon/activation.h"
#include "chatd/daemon/embedded.h"
#include "chatd/daemon/http.h"
#include "chatd/daemon/metrics.h"
#include "chatd/daemon/node.h"
#include "chatd/daemon/notify.h"
#include "chatd/daemon/reload.h"
#include "chatd/daemon/supervisor.h"
#include "chatd/daemon/versions.h"
#include "chatd/net/listener.h"
#include "chatd/net/ws.h"
#include "chatd/redis/redis_link.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/sink.h"
#include "common/proto/json.h"
#include "common/proto/validate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SWEEP_MS 500
#define GATHER_TURNS 8     /* that gather requests … */
#define GATHER_MS 2        /* … or for so long, where a turn has much to do */
#define CROWD 64           /* sessions written to in one turn */
#define FILES_RESERVED 256 /* descriptors that are no connection's */
#define DRAIN_STEP_MS 10
#define LAST_WORDS_MS 500   /* for Redis to hear that the node is gone */
#define REDIS_ENDS_MS 5000  /* for an embedded Redis to write what it has */
#define WAITING_MS 30000    /* the service manager may give up on a start after that … */
#define EXPIRY_DAYS 14      /* before the certificate expires, to speak of it */
#define RESUME_MESSAGES 500 /* missed messages that a join with `since` gives */
#define RETURN_FLOOR_MS 100 /* goAway: clients come back spread over 100 ms … */
#define RETURN_EACH_MS 2    /* … plus 2 ms for each of them … */
#define RETURN_MAX_MS 10000 /* … but not longer than that */

enum phase { STARTING, SERVING, DRAINING, LEAVING, ENDED };

struct server {
    struct node node;
    enum phase phase;
    int status;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t gather;       /* active: requests are being gathered, the loop must not sleep */
    unsigned gathered;      /* turns … */
    uint64_t gather_from;   /* … since then, in ms of the loop */
    bool crowded;           /* the last turn wrote to a crowd */
    uint64_t woke_ms;       /* when the loop last came from its sleep */
    uint64_t requests_seen; /* node.count.requests at the end of the last turn */
    uv_timer_t sweep, drain;
    uv_signal_t on_term, on_int, on_hup;
    struct chatd_settings *set; /* the node reads them; a reload writes */
    struct reload reload;
    struct redis_uri uri;
    enum durability durability;
    struct embedded *embedded;
    struct listener *listener;
    struct http *http; /* NULL: nobody asked for it */
    struct ws *ws;
    uint64_t deadline_ms;
    uint64_t watchdog_ms, tell_ms; /* see tell_manager */
};

static struct server *server_of(struct node *node) {
    return container_of(node, struct server, node);
}

static int server_fail(const char *why) {
    char line[2100];
    snprintf(line, sizeof line, "chatd: %s\n", why);
    sink_say(STDERR_FILENO, line);
    return 1;
}

/* --- The turn --- */

static void end_turn(struct server *v) {
    struct node *node = &v->node;
    append_flush(&node->appends);
    readings_flush(&node->readings);
    sessions_flush(&node->sessions);
    if (node->redis.pool)
        redis_pool_flush(node->redis.pool);
}

/* Others waited for so long. The clock is what the loop has at hand: a turn begins when poll
 * returns, and timers, which run last, are the next one's. */
static void count_turn(struct server *v) {
    uint64_t now = clock_mono_ms();
    if (v->woke_ms)
        histogram_add(&v->node.count.turns, now > v->woke_ms ? now - v->woke_ms : 0);
    v->woke_ms = 0;
}

/* Comes before the loop polls: nothing may wait while it sleeps. It won't sleep while `gather` is
 * active. */
static void on_prepare(uv_prepare_t *h) {
    struct server *v = h->data;
    count_turn(v);
    if (!uv_is_active((uv_handle_t *)&v->gather))
        end_turn(v);
}

static void on_gather(uv_idle_t *h) {
    (void)h;
}

/* Comes after the loop polled. lws reads four kilobytes from a socket in a turn; while requests
 * keep coming, a few turns gather, so that what belongs together travels together. A turn without
 * requests ends it, and with nothing else to do that is the next one.
 *
 * Writing to a crowd takes long enough for its answers to have come: they are read before the
 * messages that wait go to Redis, else these and those would take turns as two half batches. */
static void on_check(uv_check_t *h) {
    struct server *v = h->data;
    bool more = v->node.count.requests != v->requests_seen;
    v->woke_ms = uv_now(&v->loop);
    v->requests_seen = v->node.count.requests;
    if (v->gathered == 0)
        v->gather_from = uv_now(&v->loop);
    if (more && v->gathered < GATHER_TURNS && uv_now(&v->loop) - v->gather_from < GATHER_MS) {
        v->gathered++;
        uv_idle_start(&v->gather, on_gather);
        return;
    }
    bool crowd = sessions_flush(&v->node.sessions) >= CROWD;
    if (crowd && !v->crowded) {
        v->crowded = true; /* but not turn after turn */
        v->gathered = 0;
        uv_idle_start(&v->gather, on_gather);
        return;
    }
    v->crowded = false;
    v->gathered = 0;
    uv_idle_stop(&v->gather);
    end_turn(v);
}

/* The service manager kills what it doesn't hear of, and a start that takes too long. */
static void tell_manager(struct server *v, uint64_t now_ms) {
    if (now_ms < v->tell_ms)
        return;
    if (v->watchdog_ms)
        notify_alive();
    if (v->phase == STARTING)
        notify_waiting("waiting for Redis", WAITING_MS);
    v->tell_ms = now_ms + (v->watchdog_ms ? v->watchdog_ms : WAITING_MS / 2);
}

static void tell_tallies(struct node *node, uint64_t now_ms) {
    tally_tell(&node->delivery.new_epochs, now_ms);
    tally_tell(&node->delivery.losses, now_ms);
    tally_tell(&node->attacks, now_ms);
}

static void on_sweep(uv_timer_t *t) {
    struct node *node = &((struct server *)t->data)->node;
    tell_manager(t->data, clock_mono_ms());
    handshakes_sweep(&node->handshakes, clock_mono_ms());
    lingers_sweep(&node->lingers, clock_mono_ms());
    sessions_sweep(&node->sessions, clock_mono_ms(), node->set->ping_interval,
                   node->set->sign_in_timeout);
    keeper_sweep(&node->addresses.keeper, clock_mono_ms());
    keeper_sweep(&node->accounts.keeper, clock_mono_ms());
    presence_sweep(&node->presence, clock_mono_ms());
    repair_check_quiet(&node->repairs);
    bus_settle(&node->bus);
    probe_tick(&node->probe);
    tell_tallies(node, clock_mono_ms());
}

/* --- The end --- */

static void go_away(struct session *s, void *arg) {
    struct node *node = arg;
    uint64_t spread = RETURN_FLOOR_MS + node->sessions.count * RETURN_EACH_MS;
    uint32_t max = (uint32_t)(spread < RETURN_MAX_MS ? spread : RETURN_MAX_MS);
    struct buf *b = frame_scratch();
    response_encode_sys_go_away(b, RETURN_FLOOR_MS + secret_uniform(max));
    session_push_json(s, b);
}

static void close_if_idle(struct session *s, void *arg) {
    bool *all_over = arg;
    if (!s->op_head)
        session_close(s, CLOSE_GOING_AWAY);
    *all_over &= session_is_over(s);
}

static void server_leave(struct server *v) {
    v->phase = LEAVING;
    v->deadline_ms = clock_mono_ms() + LAST_WORDS_MS;
    presence_stop(&v->node.presence);
}

static void on_drain(uv_timer_t *t) {
    struct server *v = t->data;
    struct node *node = &v->node;
    bool late = clock_mono_ms() >= v->deadline_ms, all_over = true;
    if (v->phase == DRAINING) {
        sessions_each(&node->sessions, close_if_idle, &all_over);
        if (all_over || late)
            server_leave(v);
    } else if (late || !redis_pool_up(node->redis.pool) ||
               redis_pool_in_flight(node->redis.pool) == 0) {
        v->phase = ENDED;
        uv_stop(&v->loop);
    }
}

static void server_stop(struct server *v, const char *why) {
    if (v->phase >= DRAINING) { /* the second time: now */
        v->phase = ENDED;
        uv_stop(&v->loop);
        return;
    }
    log_info("stopping", "reason=%s connections=%llu", why,
             (unsigned long long)v->node.sessions.count);
    notify_stopping(v->node.set->drain_timeout + LAST_WORDS_MS + REDIS_ENDS_MS);
    v->phase = DRAINING;
    v->node.draining = true;
    listener_close(v->listener);
    v->listener = NULL;
    handshakes_close(&v->node.handshakes);
    kdf_cancel(v->node.kdf);
    sessions_each(&v->node.sessions, go_away, &v->node);
    v->deadline_ms = clock_mono_ms() + v->node.set->drain_timeout;
    uv_timer_start(&v->drain, on_drain, 0, DRAIN_STEP_MS);
}

static void server_on_signal(uv_signal_t *h, int number) {
    server_stop(h->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* --- Reloading --- */

/* Descriptors that a connection takes. */
static rlim_t files_each(const struct chatd_settings *set) {
    return *set->tls_cert ? 3 : 1;
}

static void raise_fd_limit(const struct chatd_settings *set) {
    static rlim_t told; /* the limit of which it was said that it is too low */
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    rlim_t wanted = set->max_connections * files_each(set) + FILES_RESERVED;
    r.rlim_cur = wanted < r.rlim_max ? wanted : r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur < wanted && r.rlim_cur != told)
        log_warn("few_files", "limit=%llu wanted=%llu", (unsigned long long)r.rlim_cur,
                 (unsigned long long)wanted);
    told = r.rlim_cur < wanted ? r.rlim_cur : 0;
}

/* For how many connections there is room: descriptors are reserved for the links to Redis, for
 * files, /healthz, and to tell some of the others that there is none. */
static uint64_t room(const struct chatd_settings *set) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
        return set->max_connections;
    rlim_t reserved = r.rlim_cur / 2 < FILES_RESERVED ? r.rlim_cur / 2 : FILES_RESERVED;
    rlim_t fit = (r.rlim_cur - reserved) / files_each(set);
    return fit < set->max_connections ? fit : set->max_connections;
}

static void say_expiry(const struct node *node) {
    int64_t days = node->tls ? (tls_expiry_s(node->tls) - clock_wall_ms() / 1000) / 86400 : 0;
    if (node->tls && days < EXPIRY_DAYS)
        log_warn("certificate_expires", "days=%lld", (long long)days);
}

static void limit_sessions(struct node *node) {
    const struct chatd_settings *set = node->set;
    node->sessions.max_outbound = set->max_outbound;
    node->sessions.resume_below = (uint32_t)(set->max_requests / 2 + 1);
    node->sessions.policed = set->max_rate > 0;
    node->addresses.connect_rate = set->max_connects_address;
    node->sessions.policed_loopback = set->limit_loopback;
}

/* Applies those settings that aren't read where they are needed. */
static void server_apply(struct server *v, struct tls_keys *keys) {
    struct node *node = &v->node;
    const struct chatd_settings *set = node->set;
    char why[512];
    settings_apply_log(set);
    raise_fd_limit(set);
    networks_parse(&node->proxies, set->trusted_proxy, why, sizeof why); /* it was checked */
    node->limits.frame_bytes = (uint32_t)set->max_frame;
    limit_sessions(node);
    node->handshakes.room = room(set);
    if (node->tls && keys)
        tls_use(node->tls, keys);
    else
        tls_drop(keys); /* turning TLS on needs a restart */
    say_expiry(node);
    kdf_set_cost(node->kdf, set->argon2_passes, set->argon2_memory);
}

static void on_reload_end(struct server *v, bool refused) {
    v->node.reload_refused = refused;
    if (v->phase == SERVING)
        notify_ready();
}

static void server_on_reload_taken(struct tls_keys *keys, void *arg) {
    server_apply(arg, keys);
    on_reload_end(arg, false);
}

static void server_on_reload_refused(void *arg) {
    on_reload_end(arg, true);
}

static void server_on_hup(uv_signal_t *h, int number) {
    struct server *v = h->data;
    (void)number;
    notify_reloading();
    reload_ask(&v->reload);
}

/* --- Redis --- */

/* All of Redis is there for the first time: clients may come. */
static void server_on_ready(void *arg) {
    struct node *node = arg;
    struct server *v = server_of(node);
    if (v->phase != STARTING)
        return;
    v->phase = SERVING;
    listener_start(v->listener, &node->handshakes);
    notify_ready();
    log_info("serving", "address=%s node=%s", listener_address(v->listener), node->redis.node_id);
    char line[128];
    snprintf(line, sizeof line, "chatd: serving %s://%s/ws\n", node->tls ? "wss" : "ws",
             listener_address(v->listener));
    if (!sink_say(STDOUT_FILENO, line) && node->set->worker)
        server_stop(v, "no supervisor"); /* died before supervisor_bind_life */
}

static void on_store_up(void *arg, uint16_t shard) {
    struct node *node = arg;
    node->count.store_ups++;
    log_info("redis_up", "shard=%u", shard);
    presence_store_up(&node->presence, shard);
    repair_store_up(&node->repairs, shard);
}

static void on_store_down(void *arg, uint16_t shard) {
    struct node *node = arg;
    repair_store_down(&node->repairs, shard);
}

static void server_on_bus_up(void *arg, uint16_t shard) {
    struct node *node = arg;
    bus_up(&node->bus, shard);
}

static void server_on_bus_down(void *arg, uint16_t shard) {
    struct node *node = arg;
    bus_down(&node->bus, shard);
}

static void server_on_push(const struct redisReply *reply, void *arg, uint16_t shard) {
    struct node *node = arg;
    bus_push(&node->bus, shard, reply);
}

static void server_on_moved(void *arg) {
    struct node *node = arg;
    bus_moved(&node->bus);
}

static void server_on_refused(const char *why, void *arg) {
    struct server *v = server_of(arg);
    char quoted[200];
    log_error("redis_refused", "reason=%s", log_quote(quoted, sizeof quoted, why, strlen(why)));
    if (v->phase != STARTING)
        return; /* it was right once: an operator may mend it while we try again */
    v->status = 1;
    v->phase = ENDED;
    uv_stop(&v->loop);
}

/* Later it was right once, and is started again. */
static void server_on_redis_died(const char *why, void *arg) {
    struct server *v = arg;
    if (v->phase != STARTING)
        return;
    v->status = server_fail(why);
    v->phase = ENDED;
    uv_stop(&v->loop);
}

/* --- The beginning --- */

static void make_id(char out[NODE_ID_TEXT + 1]) {
    uint8_t b[NODE_ID_TEXT / 2];
    secret_random(b, sizeof b);
    for (size_t i = 0; i < sizeof b; i++)
        snprintf(out + 2 * i, 3, "%02x", b[i]);
}

static void session_gone(struct session *s) {
    struct server *v = container_of(s->all, struct server, node.sessions);
    account_leave(&v->node.accounts, s);
    addresses_leave(&v->node.addresses, s->address);
}

static void account_came(struct account *acc, void *arg) {
    struct node *node = arg;
    bus_user(&node->bus, acc, true);
    presence_online(&node->presence, acc);
}

static void account_went(struct account *acc, void *arg) {
    struct node *node = arg;
    bus_user(&node->bus, acc, false);
    presence_offline(&node->presence, acc);
}

/* As many as there are cores, less what the other workers have. */
static unsigned hash_threads(const struct chatd_settings *set) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned share = (unsigned)(cores > 0 ? cores : 1) / supervisor_workers(set);
    if (set->kdf_threads)
        return (unsigned)set->kdf_threads;
    return share ? share : 1;
}

/* Gives each module what it works with. */
static void wire_modules(struct node *node) {
    struct redis *redis = &node->redis;
    struct hub *hub = &node->hub;
    struct counters *count = &node->count;
    const struct chatd_settings *set = node->set;
    uv_loop_t *loop = node->loop;
    node->accounts = (struct accounts){.redis = redis,
                                       .hub = hub,
                                       .names = &node->names,
                                       .came = account_came,
                                       .went = account_went,
                                       .arg = node};
    node->ops = (struct ops){
        .redis = redis, .hub = hub, .count = count, .set = set, .loop = loop, .node = node};
    node->delivery = (struct delivery){.hub = hub,
                                       .count = count,
                                       .new_epochs = {.event = "new_epoch"},
                                       .losses = {.event = "data_lost"}};
    node->attacks = (struct tally){.event = "sign_in_attack"};
    node->appends = (struct appends){
        .redis = redis, .delivery = &node->delivery, .count = count, .set = set, .loop = loop};
    node->repairs =
        (struct repairs){.redis = redis, .hub = hub, .delivery = &node->delivery, .count = count};
    node->bus = (struct bus){.redis = redis,
                             .hub = hub,
                             .accounts = &node->accounts,
                             .delivery = &node->delivery,
                             .probe = &node->probe,
                             .count = count};
    node->readings = (struct readings){.redis = redis, .count = count};
    node->presence = (struct presence){.redis = redis,
                                       .accounts = &node->accounts,
                                       .hub = hub,
                                       .sessions = &node->sessions,
                                       .set = set};
    node->probe = (struct probe){.redis = redis};
}

static bool make_modules(struct server *v, const struct chatd_settings *set) {
    struct node *node = &v->node;
    const struct redis_pool_hooks hooks = {.ready = server_on_ready,
                                           .shards = {.up = on_store_up,
                                                      .down = on_store_down,
                                                      .bus_up = server_on_bus_up,
                                                      .bus_down = server_on_bus_down,
                                                      .push = server_on_push,
                                                      .moved = server_on_moved,
                                                      .refused = server_on_refused,
                                                      .arg = node}};
    wire_modules(node);
    if (!addresses_init(&node->addresses) || !accounts_init(&node->accounts) ||
        !names_init(&node->names) ||
        !hub_init(&node->hub, bus_channel_opened, bus_channel_closed, &node->bus) ||
        !sessions_init(&node->sessions, set->max_outbound, session_gone))
        return false;
    limit_sessions(node);
    node->kdf = kdf_new(&v->loop, hash_threads(set), set->kdf_queue, set->argon2_passes,
                        set->argon2_memory);
    node->redis.pool = redis_pool_new(&v->loop, &v->uri, &node->redis.keys, node->redis.node_id,
                                      v->durability, &hooks);
    bool presence = presence_init(&node->presence, &v->loop);
    repairs_init(&node->repairs, &v->loop);
    bus_init(&node->bus);
    return presence && node->kdf && node->redis.pool && appends_init(&node->appends);
}

static bool ready(void *arg, char *text, size_t size) {
    const struct server *v = arg;
    const struct probe *p = &v->node.probe;
    if (v->phase == STARTING)
        snprintf(text, size, "starting");
    else if (v->phase != SERVING)
        snprintf(text, size, "draining");
    else if (probe_age_ms(p) > PROBE_FRESH_MS)
        snprintf(text, size, "no round trip through Redis of late");
    else {
        snprintf(text, size, "ready; round trip through Redis %.3f ms, %llu ms ago",
                 (double)p->last_ns * 1e-6, (unsigned long long)probe_age_ms(p));
        return true;
    }
    return false;
}

static void give_metrics(void *arg, struct buf *out) {
    const struct server *v = arg;
    metrics_write(&(struct metrics_of){.node = &v->node,
                                       .embedded = v->embedded,
                                       .started_s = v->node.started_s},
                  out);
}

static int start_http(struct server *v) {
    char why[256];
    const struct chatd_settings *set = v->node.set;
    unsigned shift = set->worker ? (unsigned)set->worker - 1 : 0;
    int fd = http_listen(set->http, shift, set->worker > 0, why, sizeof why);
    if (fd < 0)
        return *why ? server_fail(why) : 0;
    const struct http_hooks hooks = {.ready = ready, .metrics = give_metrics, .arg = v};
    v->http = http_open(&v->loop, fd, &hooks);
    if (!v->http)
        return server_fail("http: out of memory");
    v->node.probe.on = true;
    return 0;
}

static void server_init_handles(struct server *v) {
    uv_prepare_init(&v->loop, &v->prepare);
    uv_check_init(&v->loop, &v->check);
    uv_idle_init(&v->loop, &v->gather);
    uv_timer_init(&v->loop, &v->sweep);
    uv_timer_init(&v->loop, &v->drain);
    uv_signal_init(&v->loop, &v->on_term);
    uv_signal_init(&v->loop, &v->on_int);
    uv_signal_init(&v->loop, &v->on_hup);
    v->prepare.data = v->check.data = v->sweep.data = v->drain.data = v;
    v->on_term.data = v->on_int.data = v->on_hup.data = v;
}

static void start_handles(struct server *v) {
    uv_prepare_start(&v->prepare, on_prepare);
    uv_check_start(&v->check, on_check);
    uv_timer_start(&v->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_signal_start(&v->on_term, server_on_signal, SIGTERM);
    uv_signal_start(&v->on_int, server_on_signal, SIGINT);
    uv_signal_start(&v->on_hup, server_on_hup, SIGHUP);
}

static int server_start(struct server *v, const struct chatd_settings *set) {
    char why[1400];
    struct node *node = &v->node;
    node->set = set;
    node->loop = &v->loop;
    node->limits = (struct server_limits){.frame_bytes = (uint32_t)set->max_frame,
                                          .message_chars = MESSAGE_MAX_CHARS,
                                          .message_bytes = MESSAGE_MAX_BYTES,
                                          .history_page = HISTORY_PAGE_MAX,
                                          .users_page = USERS_PAGE_MAX,
                                          .resume_messages = RESUME_MESSAGES};
    make_id(node->redis.node_id);
    node->started_s = (uint64_t)(clock_wall_ms() / 1000);
    log_info("versions", "chatd=%s %s", CHATD_VERSION, versions_log());
    raise_fd_limit(set);
    if (!make_modules(v, set))
        return server_fail("out of memory");
    networks_parse(&node->proxies, set->trusted_proxy, why, sizeof why); /* it was checked */
    if (*set->tls_cert) {
        node->tls = tls_new(&v->loop, set->tls_cert, set->tls_key, why, sizeof why);
        if (!node->tls)
            return server_fail(why);
        say_expiry(node);
    }
    int fd = activation_socket(ACTIVATION_LISTEN, set->worker > 0);
    if (fd < 0)
        fd = net_listen("listen", set->listen, set->worker > 0, why, sizeof why);
    if (fd < 0)
        return server_fail(why);
    if (!node->tls && !set->insecure_plaintext && !net_is_local(fd)) {
        snprintf(why, sizeof why, "listen %s: " SETTINGS_EXPOSED, set->listen);
        server_fail(why);
        return 2;
    }
    v->listener = listener_open(&v->loop, fd);
    if (!v->listener)
        return server_fail("out of memory");
    snprintf(node->presence.listen, sizeof node->presence.listen, "%s",
             listener_address(v->listener));
    node->lingers.loop = &v->loop;
    v->ws = ws_new(&v->loop, node, &node->addresses, set, &node->count);
    if (!v->ws || start_http(v) != 0)
        return 1;
    node->handshakes = (struct handshakes){.to = v->ws,
                                           .tls = node->tls,
                                           .addresses = &node->addresses,
                                           .lingers = &node->lingers,
                                           .room = room(set),
                                           .proxies = &node->proxies,
                                           .count = &node->count,
                                           .set = set,
                                           .loop = &v->loop};
    if (v->uri.kind == REDIS_EMBEDDED) {
        const struct embedded_hooks hooks = {.died = server_on_redis_died, .arg = v};
        v->embedded = embedded_start(&v->loop, &v->uri, v->durability, &hooks, why, sizeof why);
        if (!v->embedded)
            return server_fail(why);
    }
    start_handles(v);
    redis_pool_start(node->redis.pool);
    return 0;
}

static void server_close_handle(uv_handle_t *h) {
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Links first: pending commands end as lost. Then the sockets, then the loop runs out of handles;
 * password hashes that are being computed are waited for, since their threads write into our
 * memory. */
static void server_finish(struct server *v) {
    struct node *node = &v->node;
    listener_close(v->listener);
    handshakes_close(&node->handshakes);
    redis_pool_free(node->redis.pool);
    node->redis.pool = NULL;
    http_close(v->http);
    ws_close(v->ws);
    lingers_close(&node->lingers);
    tls_close(node->tls);
    embedded_stop(v->embedded);
    server_close_handle((uv_handle_t *)&v->prepare);
    server_close_handle((uv_handle_t *)&v->check);
    server_close_handle((uv_handle_t *)&v->gather);
    server_close_handle((uv_handle_t *)&v->sweep);
    server_close_handle((uv_handle_t *)&v->drain);
    server_close_handle((uv_handle_t *)&v->on_term);
    server_close_handle((uv_handle_t *)&v->on_int);
    server_close_handle((uv_handle_t *)&v->on_hup);
    reload_close(&v->reload);
    server_close_handle((uv_handle_t *)&node->presence.beat);
    server_close_handle((uv_handle_t *)&node->repairs.timer);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    ws_free(v->ws);
    tls_free(node->tls);
    if (uv_loop_close(&v->loop) != 0)
        log_warn("handles_left", "phase=%d", (int)v->phase);
    kdf_free(node->kdf);
    hub_free(&node->hub);
    names_free(&node->names);
    accounts_free(&node->accounts);
    addresses_free(&node->addresses);
    sessions_free(&node->sessions);
    appends_free(&node->appends);
    presence_free(&node->presence);
    cmd_free(&node->redis.cmd);
    frame_scratch_free();
}

int server_run(struct chatd_settings *set, int argc, char **argv) {
    static struct server server; /* one a process; stays reachable when start fails half-way */
    struct server *v = &server;
    const struct reload_hooks hooks = {
        .taken = server_on_reload_taken, .refused = server_on_reload_refused, .arg = v};
    char why[256];
    if (!secret_init())
        return server_fail("no randomness");
    if (!keyspace_init(&v->node.redis.keys, set->prefix) ||
        !redis_uri_parse(set->redis, &v->uri, why, sizeof why)) /* they were checked */
        return 2;
    durability_parse(set->durability, &v->durability);
    signal(SIGPIPE, SIG_IGN);
    if (set->worker)
        supervisor_bind_life();
    v->set = set;
    v->watchdog_ms = notify_watchdog_ms();
    uv_loop_init(&v->loop);
    server_init_handles(v);
    reload_init(&v->reload, &v->loop, set, argc, argv, &hooks);
    cmd_init(&v->node.redis.cmd);
    int status = server_start(v, set);
    if (status)
        exit(status); /* nothing was served: the system takes everything back */
    uv_run(&v->loop, UV_RUN_DEFAULT);
    server_finish(v);
    tell_tallies(&v->node, UINT64_MAX);
    log_info("stopped", "messages=%llu deliveries=%llu gaps=%llu",
             (unsigned long long)v->node.count.messages,
             (unsigned long long)v->node.count.deliveries, (unsigned long long)v->node.count.gaps);
    return v->status;
}
