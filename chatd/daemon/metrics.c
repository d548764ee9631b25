/* metrics - see metrics.h. */
#include "chatd/daemon/metrics.h"

#include "chatd/daemon/node.h"
#include "chatd/daemon/versions.h"
#include "common/base/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS 1e-9

/* --- Metrics of more than one value --- */

static void put_build_info(const struct node *node, struct buf *out) {
    (void)node;
    struct library lib;
    buf_str(out, "chatd_build_info{version=\"" CHATD_VERSION "\"");
    for (size_t i = 0; (lib = versions_library(i)).name; i++)
        buf_fmt(out, ",%s=\"%s\"", lib.name, lib.version);
    buf_str(out, "} 1\n");
}

/* All of them from the start, so that a rate has something to begin at. */
static void put_errors(const struct node *node, struct buf *out) {
    for (unsigned i = 0; err_at(i) != ERR_OK; i++)
        buf_fmt(out, "chatd_errors_total{name=\"%s\"} %" PRIu64 "\n", err_name(err_at(i)),
                node->count.errors[err_at(i)]);
}

static void put_links(const struct node *node, struct buf *out) {
    buf_fmt(out, "chatd_redis_up{link=\"store\"} %d\nchatd_redis_up{link=\"bus\"} %d\n",
            redis_pool_up(node->redis.pool), redis_pool_bus_up(node->redis.pool, node->bus.link));
}

static void put_connects(const struct node *node, struct buf *out) {
    buf_fmt(out,
            "chatd_redis_connects_total{link=\"store\"} %" PRIu64 "\n"
            "chatd_redis_connects_total{link=\"bus\"} %" PRIu64 "\n",
            node->count.store_ups, node->count.bus_ups);
}

static void put_round_trips(const struct node *node, struct buf *out) {
    const struct probe *p = &node->probe;
    buf_fmt(out,
            "chatd_redis_round_trip_seconds_sum %.9f\n"
            "chatd_redis_round_trip_seconds_count %" PRIu64 "\n",
            (double)p->sum_ns * NS, p->count);
}

/* Nothing without TLS: an alert must not take that for an expired one. */
static void put_expiry(const struct node *node, struct buf *out) {
    if (node->tls)
        buf_fmt(out, "chatd_tls_certificate_expiry_seconds %" PRId64 "\n", tls_expiry_s(node->tls));
}

/* --- Single values --- */

static double queued_bytes(const struct node *node) {
    double sum = 0;
    for (const struct session *s = node->sessions.heard.first; s; s = s->heard.next)
        sum += s->out_bytes;
    return sum;
}

static double handshakes(const struct node *node) {
    double n = 0;
    for (const struct handshake *h = node->handshakes.first; h; h = handshake_next(h))
        n++;
    return n;
}

static double cpu_seconds(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static double resident_bytes(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double files_max(void) {
    struct rlimit r;
    return getrlimit(RLIMIT_NOFILE, &r) == 0 ? (double)r.rlim_cur : 0;
}

/* --- The table --- */

/* VALUE(name, type, help, an expression of `n`, the node); SERIES(name, type, help, function). */
#define METRICS(VALUE, SERIES)                                                                     \
    SERIES(chatd_build_info, gauge, "Versions of chatd and its libraries; always 1.",              \
           put_build_info)                                                                         \
    VALUE(chatd_draining, gauge, "1 once it was told to stop.", n->draining)                       \
    VALUE(chatd_connections, gauge, "Connections that are open, handshakes included.",             \
          n->addresses.connections)                                                                \
    VALUE(chatd_handshakes, gauge, "Connections that have not sent their HTTP request yet.",       \
          handshakes(n))                                                                           \
    VALUE(chatd_sessions, gauge, "WebSocket sessions, signed in or not.", n->sessions.count)       \
    VALUE(chatd_users, gauge, "Users signed in at this node.", n->accounts.table.count)            \
    VALUE(chatd_channels, gauge, "Channels with members at this node.", n->hub.channels.count)     \
    VALUE(chatd_connections_total, counter, "WebSocket sessions ever opened.",                     \
          n->count.connections)                                                                    \
    VALUE(chatd_refused_connections_total, counter,                                                \
          "Connections closed at once: too many, in all or from their address.", n->count.refused) \
    VALUE(chatd_slow_consumers_total, counter, "Sessions cut off since they read too slowly.",     \
          n->sessions.slow)                                                                        \
    VALUE(chatd_requests_total, counter, "Frames received from clients.", n->count.requests)       \
    SERIES(chatd_errors_total, counter, "Error answers, by name.", put_errors)                     \
    VALUE(chatd_messages_total, counter, "Messages of clients of this node that were stored.",     \
          n->count.messages)                                                                       \
    VALUE(chatd_deliveries_total, counter, "Messages given to sessions.", n->count.deliveries)     \
    VALUE(chatd_received_bytes_total, counter, "Bytes of clients' frames, without their heads.",   \
          n->count.received_bytes)                                                                 \
    VALUE(chatd_sent_bytes_total, counter, "Bytes of frames written to clients.",                  \
          n->sessions.sent_bytes)                                                                  \
    VALUE(chatd_outbound_queue_bytes, gauge, "Bytes that wait for clients to read.",               \
          queued_bytes(n))                                                                         \
    SERIES(chatd_tls_certificate_expiry_seconds, gauge,                                            \
           "When the certificate expires, since 1970; not there without TLS.", put_expiry)         \
    VALUE(chatd_tls_failures_total, counter, "Connections that did not get through TLS.",          \
          n->tls ? tls_failures(n->tls) : 0)                                                       \
    SERIES(chatd_redis_up, gauge, "1 if there is a link to Redis.", put_links)                     \
    SERIES(chatd_redis_connects_total, counter, "Times that a link to Redis came up.",             \
           put_connects)                                                                           \
    VALUE(chatd_redis_in_flight, gauge, "Commands that Redis has not answered yet.",               \
          redis_pool_in_flight(n->redis.pool))                                                     \
    SERIES(chatd_redis_round_trip_seconds, summary,                                                \
           "Round trips through Redis, published and heard, one every 2 s.", put_round_trips)      \
    VALUE(chatd_redis_round_trip_last_seconds, gauge, "How long the last round trip took.",        \
          (double)n->probe.last_ns *NS)                                                            \
    VALUE(chatd_redis_round_trip_age_seconds, gauge,                                               \
          "Time since the last round trip; +Inf before the first.", probe_age(n))                  \
    VALUE(chatd_gap_repairs_total, counter,                                                        \
          "Times that messages missed on the bus were read "                                       \
          "from the stream.",                                                                      \
          n->count.gaps)                                                                           \
    VALUE(chatd_epochs_total, counter, "Epochs that channels entered: Redis lost messages.",       \
          n->count.epochs)                                                                         \
    VALUE(chatd_bad_entries_total, counter, "Entries of streams that were skipped as malformed.",  \
          n->count.bad_entries)                                                                    \
    VALUE(chatd_bad_events_total, counter, "Payloads on the bus that were dropped as foreign.",    \
          n->count.bad_events)                                                                     \
    VALUE(chatd_kdf_running, gauge, "Passwords that are being hashed.", kdf_load(n->kdf).running)  \
    VALUE(chatd_kdf_queue, gauge, "Passwords that wait to be hashed.", kdf_load(n->kdf).queued)    \
    VALUE(chatd_kdf_total, counter, "Passwords hashed.", kdf_load(n->kdf).done)                    \
    VALUE(chatd_log_lines_dropped_total, counter,                                                  \
          "Lines of the log that nobody took, since its reader stood still.", log_dropped())       \
    VALUE(process_cpu_seconds_total, counter, "CPU time.", cpu_seconds())                          \
    VALUE(process_resident_memory_bytes, gauge, "Memory.", resident_bytes())                       \
    VALUE(process_max_fds, gauge, "Limit of open files.", files_max())                             \
    VALUE(process_start_time_seconds, gauge, "When it started, since 1970.", n->started_s)

static double probe_age(const struct node *n) {
    uint64_t ms = probe_age_ms(&n->probe);
    return ms == UINT64_MAX ? HUGE_VAL : (double)ms / 1000;
}

#define VALUE(name, type, help, expression)                                                        \
    static void put_##name(const struct node *n, struct buf *out) {                                \
        (void)n;                                                                                   \
        put_value(out, #name, (double)(expression));                                               \
    }
#define SERIES(name, type, help, function)

/* Integers are exact up to 2^53; a rate is what matters beyond. */
static void put_value(struct buf *out, const char *name, double v) {
    if (isinf(v))
        buf_fmt(out, "%s +Inf\n", name);
    else if (v < 9e15 && v == (double)(int64_t)v)
        buf_fmt(out, "%s %.0f\n", name, v);
    else
        buf_fmt(out, "%s %.6f\n", name, v);
}

METRICS(VALUE, SERIES)
#undef VALUE
#undef SERIES

static const struct metric {
    const char *name, *type, *help;
    void (*put)(const struct node *node, struct buf *out);
} TABLE[] = {
#define VALUE(name, type, help, expression) {#name, #type, help, put_##name},
#define SERIES(name, type, help, function) {#name, #type, help, function},
    METRICS(VALUE, SERIES)
#undef VALUE
#undef SERIES
};

void metrics_write(const struct node *node, struct buf *out) {
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        const struct metric *m = &TABLE[i];
        buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
        m->put(node, out);
    }
}

void metrics_list(struct buf *out) {
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        buf_fmt(out, "%s\t%s\t%s\n", TABLE[i].name, TABLE[i].type, TABLE[i].help);
}
