/* metrics - see metrics.h. */
#include "chatd/daemon/metrics.h"

#include "chatd/daemon/embedded.h"
#include "chatd/daemon/node.h"
#include "chatd/daemon/versions.h"
#include "common/base/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

static void put_refused(const struct node *node, struct buf *out) {
    buf_fmt(out,
            "chatd_refused_connections_total{limit=\"total\"} %" PRIu64 "\n"
            "chatd_refused_connections_total{limit=\"address\"} %" PRIu64 "\n",
            node->count.refused_full, node->count.refused_address);
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

static void put_histogram(const char *name, const struct histogram *h, struct buf *out) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++)
        buf_fmt(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, HISTOGRAM_MS[i] / 1000.0,
                sum += h->count[i]);
    sum += h->count[HISTOGRAM_BOUNDS];
    buf_fmt(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.3f\n%s_count %" PRIu64 "\n", name,
            sum, name, (double)h->sum_ms / 1000, name, sum);
}

static void put_acknowledged(const struct node *node, struct buf *out) {
    put_histogram("chatd_acknowledgement_seconds", &node->count.acknowledged, out);
}

static void put_turns(const struct node *node, struct buf *out) {
    put_histogram("chatd_loop_turn_seconds", &node->count.turns, out);
}

/* --- Single values --- */

static double queued_bytes(const struct node *node) {
    double sum = 0;
    for (const struct session *s = node->sessions.heard.first; s; s = s->heard.next)
        sum += (double)session_unread(s);
    return sum;
}

static double slow_readers(const struct node *node) {
    double n = 0;
    for (const struct session *s = node->sessions.heard.first; s; s = s->heard.next)
        n += s->choked;
    return n;
}

static double handshakes(const struct node *node) {
    double n = 0;
    for (const struct handshake *h = node->handshakes.waiting.first; h; h = handshake_next(h))
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

/* Kernels from 6.2 on say how many there are; older ones only list them, which takes too long where
 * there are many: then those of the connections. */
static double files_open(const struct node *node) {
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (double)st.st_size;
    return (double)node->addresses.connections * (node->tls ? 3 : 1);
}

static double files_max(void) {
    struct rlimit r;
    return getrlimit(RLIMIT_NOFILE, &r) == 0 ? (double)r.rlim_cur : 0;
}

/* --- The table --- */

/* VALUE(name, type, help, an expression of `n`, the node, or of what the section has);
 * SERIES(name, type, help, function). */
#define NODE_METRICS(VALUE, SERIES)                                                                \
    VALUE(chatd_draining, gauge, "1 once it was told to stop.", n->draining)                       \
    VALUE(chatd_connections, gauge, "Connections that are open, handshakes included.",             \
          n->addresses.connections)                                                                \
    VALUE(chatd_handshakes, gauge, "Connections that have not sent their HTTP request yet.",       \
          handshakes(n))                                                                           \
    VALUE(chatd_sessions, gauge, "WebSocket sessions, signed in or not.", n->sessions.count)       \
    VALUE(chatd_users, gauge, "Users signed in at this node.", n->accounts.table.count)            \
    VALUE(chatd_channels, gauge, "Channels with members at this node.", n->hub.channels.count)     \
    VALUE(chatd_max_connections, gauge,                                                            \
          "Limit of connections: the setting, or what fits under that of open files.",             \
          n->handshakes.room)                                                                      \
    VALUE(chatd_connections_total, counter, "WebSocket sessions ever opened.",                     \
          n->count.connections)                                                                    \
    SERIES(chatd_refused_connections_total, counter,                                               \
           "Connections refused: too many, in all or from their address.", put_refused)            \
    VALUE(chatd_slow_consumers_total, counter, "Sessions cut off since they read too slowly.",     \
          n->sessions.slow)                                                                        \
    VALUE(chatd_requests_total, counter, "Frames received from clients.", n->count.requests)       \
    SERIES(chatd_errors_total, counter, "Error answers, by name.", put_errors)                     \
    VALUE(chatd_messages_total, counter, "Messages of clients of this node that were stored.",     \
          n->count.messages)                                                                       \
    SERIES(chatd_acknowledgement_seconds, histogram,                                               \
           "From a message's arrival until its sender is given it, stored.", put_acknowledged)     \
    SERIES(chatd_loop_turn_seconds, histogram,                                                     \
           "Turns of the loop, in which everything else waits.", put_turns)                        \
    VALUE(chatd_deliveries_total, counter, "Messages given to sessions.", n->count.deliveries)     \
    VALUE(chatd_received_bytes_total, counter, "Bytes of clients' frames, without their heads.",   \
          n->count.received_bytes)                                                                 \
    VALUE(chatd_sent_bytes_total, counter, "Bytes of frames written to clients.",                  \
          n->sessions.sent_bytes)                                                                  \
    VALUE(chatd_slow_readers, gauge, "Sessions whose sockets take nothing more just now.",         \
          slow_readers(n))                                                                         \
    VALUE(chatd_outbound_queue_bytes, gauge,                                                       \
          "Bytes that wait for clients to read, with what the kernel holds for slow readers.",     \
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
           "Round trips through Redis, published and heard, one every 0.5 s.", put_round_trips)    \
    VALUE(chatd_redis_round_trip_last_seconds, gauge, "How long the last round trip took.",        \
          (double)n->probe.last_ns *NS)                                                            \
    VALUE(chatd_redis_round_trip_age_seconds, gauge,                                               \
          "Time since the last round trip; +Inf before the first.", probe_age(n))                  \
    VALUE(chatd_gap_repairs_total, counter,                                                        \
          "Times that messages missed on the bus were read "                                       \
          "from the stream.",                                                                      \
          n->count.gaps)                                                                           \
    VALUE(chatd_epochs_total, counter,                                                             \
          "Epochs that channels entered: Redis was restarted or promoted.", n->count.epochs)       \
    VALUE(chatd_losses_total, counter,                                                             \
          "Epochs that channels entered and that don't follow: messages were lost.",               \
          n->count.losses)                                                                         \
    VALUE(chatd_bad_entries_total, counter, "Entries of streams that were skipped as malformed.",  \
          n->count.bad_entries)                                                                    \
    VALUE(chatd_bad_events_total, counter, "Payloads on the bus that were dropped as foreign.",    \
          n->count.bad_events)                                                                     \
    VALUE(chatd_kdf_running, gauge, "Passwords that are being hashed.", kdf_load(n->kdf).running)  \
    VALUE(chatd_kdf_queue, gauge, "Passwords that wait to be hashed.", kdf_load(n->kdf).queued)    \
    VALUE(chatd_kdf_queue_max, gauge, "How many may wait.", n->set->kdf_queue)                     \
    VALUE(chatd_kdf_total, counter, "Passwords hashed.", kdf_load(n->kdf).done)                    \
    VALUE(chatd_reload_refused, gauge,                                                             \
          "1 if the settings of the last SIGHUP were refused: those before them are in use.",      \
          n->reload_refused)                                                                       \
    VALUE(process_open_fds, gauge, "Open files.", files_open(n))                                   \
    VALUE(process_max_fds, gauge, "Limit of open files.", files_max())

#define WORKER_METRICS(VALUE)                                                                      \
    VALUE(chatd_workers, gauge, "Workers that there should be.", w->wanted)                        \
    VALUE(chatd_workers_serving, gauge, "Workers that serve.", w->serving)                         \
    VALUE(chatd_worker_deaths_total, counter, "Workers that ended unasked, and were replaced.",    \
          w->ended)

/* Of the chatd that runs the server, or the supervisor that does. */
#define EMBEDDED_METRICS(VALUE)                                                                    \
    VALUE(chatd_embedded_redis_up, gauge, "1 if it runs.", e->running)                             \
    VALUE(chatd_embedded_redis_restarts_total, counter, "Times that it had to be started again.",  \
          e->restarts)                                                                             \
    VALUE(chatd_embedded_redis_memory_bytes, gauge, "Memory that it takes.", e->memory_bytes)      \
    VALUE(chatd_embedded_redis_memory_max_bytes, gauge, "Memory of the machine or the group.",     \
          e->memory_max)                                                                           \
    VALUE(chatd_embedded_redis_aof_bytes, gauge, "Size of its append-only files.", e->aof_bytes)   \
    VALUE(chatd_embedded_redis_disk_free_bytes, gauge, "What is left on their disk.",              \
          e->disk_free_bytes)

#define PROCESS_METRICS(VALUE, SERIES)                                                             \
    SERIES(chatd_build_info, gauge, "Versions of chatd and its libraries; always 1.",              \
           put_build_info)                                                                         \
    VALUE(chatd_log_lines_dropped_total, counter,                                                  \
          "Lines of the log that nobody took, since its reader stood still.", log_dropped())       \
    VALUE(process_cpu_seconds_total, counter, "CPU time.", cpu_seconds())                          \
    VALUE(process_resident_memory_bytes, gauge, "Memory.", resident_bytes())                       \
    VALUE(process_start_time_seconds, gauge, "When it started, since 1970.", from->started_s)

static double probe_age(const struct node *n) {
    uint64_t ms = probe_age_ms(&n->probe);
    return ms == UINT64_MAX ? HUGE_VAL : (double)ms / 1000;
}

/* Integers are exact up to 2^53; a rate is what matters beyond. */
static void put_value(struct buf *out, const char *name, double v) {
    if (isinf(v))
        buf_fmt(out, "%s +Inf\n", name);
    else if (v < 9e15 && v == (double)(int64_t)v)
        buf_fmt(out, "%s %.0f\n", name, v);
    else
        buf_fmt(out, "%s %.6f\n", name, v);
}

/* What a row is written from: the parts of metrics_of, and what was looked up once for all. */
struct source {
    const struct node *n;
    const struct worker_counts *w;
    const struct embedded_usage *e;
    uint64_t started_s;
};

#define VALUE(name, type, help, expression)                                                        \
    static void put_##name(const struct source *from, struct buf *out) {                           \
        const struct node *n = from->n;                                                            \
        const struct worker_counts *w = from->w;                                                   \
        const struct embedded_usage *e = from->e;                                                  \
        (void)n, (void)w, (void)e;                                                                 \
        put_value(out, #name, (double)(expression));                                               \
    }
#define SERIES(name, type, help, function)                                                         \
    static void put_##name(const struct source *from, struct buf *out) {                           \
        function(from->n, out);                                                                    \
    }
NODE_METRICS(VALUE, SERIES)
WORKER_METRICS(VALUE)
EMBEDDED_METRICS(VALUE)
PROCESS_METRICS(VALUE, SERIES)
#undef VALUE
#undef SERIES

struct metric {
    const char *name, *type, *help;
    void (*put)(const struct source *from, struct buf *out);
};

#define VALUE(name, type, help, expression) {#name, #type, help, put_##name},
#define SERIES(name, type, help, function) {#name, #type, help, put_##name},
static const struct metric OF_NODE[] = {NODE_METRICS(VALUE, SERIES){0}};
static const struct metric OF_WORKERS[] = {WORKER_METRICS(VALUE){0}};
static const struct metric OF_EMBEDDED[] = {EMBEDDED_METRICS(VALUE){0}};
static const struct metric OF_PROCESS[] = {PROCESS_METRICS(VALUE, SERIES){0}};
#undef VALUE
#undef SERIES

static void put_all(const struct metric *m, const struct source *from, struct buf *out) {
    for (; m->name; m++) {
        buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
        m->put(from, out);
    }
}

void metrics_write(const struct metrics_of *of, struct buf *out) {
    struct embedded_usage usage;
    const struct source from = {
        .n = of->node, .w = of->workers, .e = &usage, .started_s = of->started_s};
    if (from.n)
        put_all(OF_NODE, &from, out);
    if (from.w)
        put_all(OF_WORKERS, &from, out);
    if (embedded_look(of->embedded, &usage))
        put_all(OF_EMBEDDED, &from, out);
    put_all(OF_PROCESS, &from, out);
}

void metrics_list(struct buf *out) {
    static const struct metric *const sections[] = {OF_NODE, OF_WORKERS, OF_EMBEDDED, OF_PROCESS};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        for (const struct metric *m = sections[i]; m->name; m++)
            buf_fmt(out, "%s\t%s\t%s\n", m->name, m->type, m->help);
}
