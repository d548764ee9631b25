/* load - see load.h. A run: accounts sign in with a password; the other connections come in with a
 * key, as returning clients do, and are measured doing so; then the shape. What was measured is
 * printed as one line of JSON.
 *
 *   load --shape broadcast|pairs|mesh|history|storm|drain|passwords|idle --port P [options]
 */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLED 64 /* connections whose messages' times are read */
#define SETUP (300 * SECOND)

struct options opt = {.connections = 100,
                      .window = 16,
                      .seconds = 2,
                      .warm = 0.3,
                      .size = 128,
                      .at_once = 64,
                      .pids = "",
                      .redis = ""};
struct conn *conns;
int total;

uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

void die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("load: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* --- Samples --- */

void sample(struct samples *s, uint64_t ns) {
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 4096;
        s->at = realloc(s->at, s->cap * sizeof *s->at);
        if (!s->at)
            die("no memory");
    }
    s->at[s->n++] = ns;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

double percentile(struct samples *s, double q) {
    if (s->n == 0)
        return 0;
    qsort(s->at, s->n, sizeof *s->at, compare);
    return (double)s->at[(size_t)(q * (double)(s->n - 1))] / 1000;
}

/* --- Connecting --- */

static void do_nothing(struct conn *c) {
    (void)c;
}

static void come_back(struct conn *c) {
    chat_use_account(c, &conns[c->index % opt.users]);
    chat_join(c);
}

static void wait_for(const int *count, int wanted, const char *what) {
    uint64_t deadline = now() + SETUP;
    while (*count < wanted) {
        turn(SECOND / 100);
        if (tally.gone)
            die("the server closed a connection: %d of %d %s", *count, wanted, what);
        if (now() > deadline)
            die("%d of %d %s in time", *count, wanted, what);
    }
}

/* Opens connections [from, to), at most `at_once` of them on their way to what is counted. */
static void open_all(int from, int to, const int *count, const char *what) {
    int base = *count;
    for (int i = from; i < to; i++) {
        bool elsewhere = opt.other_port && i >= opt.connections;
        if (i - from - (*count - base) >= opt.at_once)
            wait_for(count, base + i - from - opt.at_once + 1, what);
        conn_open(&conns[i], elsewhere ? opt.other_port : opt.port);
    }
    wait_for(count, base + to - from, what);
}

static void open_accounts(void) {
    on_greeted = chat_sign_in;
    open_all(0, opt.users, &tally.signed_in, "signed in");
    open_all(opt.connections, total, &tally.signed_in, "signed in");
    for (int i = 0; i < total; i++)
        if (conns[i].state == SIGNED)
            chat_join(&conns[i]);
    wait_for(&tally.ready, opt.users + total - opt.connections, "joined");
}

static void connect_all(struct report *r) {
    int from = opt.floor ? 0 : opt.users, to = opt.floor ? total : opt.connections;
    if (!opt.floor)
        open_accounts();
    settle(300);
    struct usage u0 = usage_of(opt.pids);
    if (opt.shape == PASSWORDS) {
        on_greeted = do_nothing;
        open_all(0, opt.connections, &tally.greeted, "greeted");
        return;
    }
    on_greeted = come_back;
    open_all(from, to, &tally.ready, "joined");
    settle(500);
    struct usage u1 = usage_of(opt.pids);
    if (to > from) {
        r->connect_us = (u1.cpu_us - u0.cpu_us) / (to - from);
        r->bytes_per_conn = (u1.resident - u0.resident) / (to - from);
    }
}

/* --- Options --- */

static enum shape shape_named(const char *name) {
    static const char *const names[] = {"broadcast", "pairs", "mesh",      "history",
                                        "storm",     "drain", "passwords", "idle"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return (enum shape)i;
    die("unknown shape %s", name);
}

static void read_options(int argc, char **argv) {
    enum {
        FLOOR = 256,
        SHAPE,
        PORT,
        OTHER,
        CHANNELS,
        USERS,
        WINDOW,
        RATE,
        SECONDS,
        WARM,
        AT_ONCE,
        PROBE,
        VICTIM,
        PIDS,
        REDIS
    };
    static const struct option longs[] = {{"floor", no_argument, NULL, FLOOR},
                                          {"shape", required_argument, NULL, SHAPE},
                                          {"port", required_argument, NULL, PORT},
                                          {"other-port", required_argument, NULL, OTHER},
                                          {"channels", required_argument, NULL, CHANNELS},
                                          {"users", required_argument, NULL, USERS},
                                          {"window", required_argument, NULL, WINDOW},
                                          {"rate", required_argument, NULL, RATE},
                                          {"seconds", required_argument, NULL, SECONDS},
                                          {"warm", required_argument, NULL, WARM},
                                          {"at-once", required_argument, NULL, AT_ONCE},
                                          {"probe", required_argument, NULL, PROBE},
                                          {"victim", required_argument, NULL, VICTIM},
                                          {"pids", required_argument, NULL, PIDS},
                                          {"redis", required_argument, NULL, REDIS},
                                          {NULL, 0, NULL, 0}};
    for (int o; (o = getopt_long(argc, argv, "n:s:", longs, NULL)) != -1;)
        switch (o) {
        case 'n':
            opt.connections = atoi(optarg);
            break;
        case 's':
            opt.size = atoi(optarg);
            break;
        case FLOOR:
            opt.floor = true;
            break;
        case SHAPE:
            opt.shape = shape_named(optarg);
            break;
        case PORT:
            opt.port = atoi(optarg);
            break;
        case OTHER:
            opt.other_port = atoi(optarg);
            break;
        case CHANNELS:
            opt.channels = atoi(optarg);
            break;
        case USERS:
            opt.users = atoi(optarg);
            break;
        case WINDOW:
            opt.window = atoi(optarg);
            break;
        case RATE:
            opt.rate = atof(optarg);
            break;
        case SECONDS:
            opt.seconds = atof(optarg);
            break;
        case WARM:
            opt.warm = atof(optarg);
            break;
        case AT_ONCE:
            opt.at_once = atoi(optarg);
            break;
        case PROBE:
            opt.probe_ms = atoi(optarg);
            break;
        case VICTIM:
            opt.victim = atoi(optarg);
            break;
        case PIDS:
            opt.pids = optarg;
            break;
        case REDIS:
            opt.redis = optarg;
            break;
        default:
            exit(2);
        }
}

/* Behind the receivers comes a publisher, where there is one, and then the probe. */
static void make_conns(void) {
    bool publishes =
        opt.shape == BROADCAST || opt.shape == HISTORY || opt.shape == STORM || opt.shape == DRAIN;
    if (opt.shape == PAIRS)
        opt.connections = 2 * opt.channels;
    if (opt.shape == PAIRS || opt.shape == MESH)
        opt.users = opt.connections;
    if (opt.shape != PASSWORDS && opt.users == 0)
        opt.users = opt.connections < 50 ? opt.connections : 50;
    total = opt.connections + publishes + (opt.probe_ms > 0);
    conns = calloc((size_t)total, sizeof *conns);
    if (!conns || opt.port == 0 || opt.connections < 1)
        die("--port and -n are needed");
    int every = opt.connections / SAMPLED > 0 ? opt.connections / SAMPLED : 1;
    for (int i = 0; i < total; i++) {
        conns[i].index = i;
        conns[i].sampled = i < opt.connections ? i % every == 0 : opt.probe_ms && i == total - 1;
    }
}

/* --- The report --- */

static void print_report(const struct report *r) {
    double units = r->units ? (double)r->units : 1,
           messages = r->messages ? (double)r->messages : 1;
    printf("{\"connect_us\": %.1f, \"bytes_per_conn\": %.0f, \"units\": %llu, \"messages\": %llu, "
           "\"lost\": %llu, \"seconds\": %.4f, ",
           r->connect_us, r->bytes_per_conn, (unsigned long long)r->units,
           (unsigned long long)r->messages, (unsigned long long)r->lost, r->seconds);
    printf("\"server_us\": %.0f, \"us_per_unit\": %.4f, \"busiest_us_per_unit\": %.4f, "
           "\"redis_us_per_message\": %.2f, \"own_us_per_unit\": %.4f, \"units_per_s\": %.0f, ",
           r->server_us, r->server_us / units, r->busiest_us / units, r->redis_us / messages,
           r->own_us / units, (double)r->units / (r->seconds > 0 ? r->seconds : 1));
    printf("\"p50_us\": %.0f, \"p99_us\": %.0f, \"probe_p50_us\": %.0f, \"probe_p99_us\": %.0f, "
           "\"probes\": %zu, \"errors\": %llu}\n",
           percentile(&latency, 0.5), percentile(&latency, 0.99), percentile(&probe_times, 0.5),
           percentile(&probe_times, 0.99), probe_times.n, (unsigned long long)tally.errors);
}

int main(int argc, char **argv) {
    struct report report = {0};
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    make_conns();
    conn_init();
    connect_all(&report);
    run_shape(&report);
    print_report(&report);
    return 0;
}
