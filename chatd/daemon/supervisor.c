/* supervisor - see supervisor.h.
 *
 * A worker is started by exec, not by fork alone: it begins with a loop of its own, and with the
 * program and the settings file as they are now. The first goes ahead and the others follow when it
 * serves, so that what is wrong with the settings or Redis is said once. Its stdout is a pipe to
 * here: the line there says that it serves.
 *
 * With --http it has a port behind those of the workers, for what only it knows: how many serve,
 * and how many died.
 *
 * The end: SIGTERM to all workers, which drain; then the embedded Redis; then the exit.
 */
#include "chatd/daemon/supervisor.h"

#include "chatd/base/net.h"
#include "chatd/daemon/activation.h"
#include "chatd/daemon/embedded.h"
#include "chatd/daemon/http.h"
#include "chatd/daemon/metrics.h"
#include "chatd/daemon/notify.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/sink.h"
#include "common/redis/redis_uri.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#define RESTART_MIN_MS 100 /* until a worker is started again; doubled each time it dies young */
#define RESTART_MAX_MS 5000
#define YOUNG_MS 10000
#define LATE_MS 3000 /* behind the drain timeout: then a worker is killed */
#define EXTRA_ARGS 3

struct worker {
    struct supervisor *all;
    unsigned number; /* from 1 */
    struct life *life;
    uv_timer_t again; /* runs while it is to be started again */
    uint64_t delay_ms;
};

/* One process of a worker. Its own allocation: the handles close after the next has begun. */
struct life {
    struct worker *worker; /* NULL: the process is gone */
    uv_process_t process;
    uv_pipe_t words; /* its stdout */
    unsigned handles;
    uint64_t since_ms;
    bool serves;
    size_t len;
    char line[256]; /* what it said */
};

struct supervisor {
    const struct chatd_settings *set;
    uv_loop_t loop;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t late, watchdog;
    struct redis_uri uri;
    struct embedded *embedded;
    struct http *http; /* NULL: nobody asked for it */
    uint64_t started_s;
    uint64_t deaths; /* of workers, unasked */
    int port;        /* the bound socket */
    bool activated;  /* it was handed over by the service manager and listens: workers inherit it */
    unsigned n;
    struct worker *workers;
    bool served; /* all of them, once */
    bool ending;
    int status;
    char **argv; /* a worker's */
    char program[4096], number[32], listen[128], redis[600];
};

static void start_worker(struct worker *w);

unsigned supervisor_workers(const struct chatd_settings *set) {
    if (set->workers)
        return (unsigned)set->workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 1 ? (unsigned)cores : 1;
}

void supervisor_bind_life(void) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    unsetenv("NOTIFY_SOCKET"); /* the supervisor speaks for all */
}

/* --- The end --- */

static unsigned serving(const struct supervisor *v) {
    unsigned n = 0;
    for (unsigned i = 0; i < v->n; i++)
        n += v->workers[i].life && v->workers[i].life->serves;
    return n;
}

static unsigned running(const struct supervisor *v) {
    unsigned n = 0;
    for (unsigned i = 0; i < v->n; i++)
        n += v->workers[i].life != NULL;
    return n;
}

static void signal_workers(struct supervisor *v, int number) {
    for (unsigned i = 0; i < v->n; i++)
        if (v->workers[i].life)
            uv_process_kill(&v->workers[i].life->process, number);
}

static void on_late(uv_timer_t *t) {
    struct supervisor *v = t->data;
    log_error("workers_killed", "running=%u", running(v));
    v->status = v->status ? v->status : 1;
    signal_workers(v, SIGKILL);
}

/* A second signal goes through as well: then the workers end at once. */
static void stop(struct supervisor *v, const char *why) {
    log_info("stopping", "reason=%s workers=%u", why, running(v));
    notify_stopping(v->set->drain_timeout + LATE_MS);
    v->ending = true;
    for (unsigned i = 0; i < v->n; i++)
        uv_timer_stop(&v->workers[i].again);
    signal_workers(v, SIGTERM);
    uv_timer_start(&v->late, on_late, v->set->drain_timeout + LATE_MS, 0);
    if (running(v) == 0)
        uv_stop(&v->loop);
}

static int fail(const char *why) {
    char line[2100];
    snprintf(line, sizeof line, "chatd: %s\n", why);
    sink_say(STDERR_FILENO, line);
    return 1;
}

static void on_redis_died(const char *why, void *arg) {
    struct supervisor *v = arg;
    if (v->served || v->ending)
        return;
    v->status = fail(why);
    stop(v, "no Redis");
}

static void on_signal(uv_signal_t *h, int number) {
    stop(h->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void on_reload(uv_signal_t *h, int number) {
    notify_reloading();
    signal_workers(h->data, number);
    notify_ready();
}

static void on_watchdog(uv_timer_t *t) {
    (void)t;
    notify_alive();
}

/* --- A worker's life --- */

static void on_life_closed(uv_handle_t *h) {
    struct life *life = h->data;
    if (--life->handles == 0)
        free(life);
}

static void on_again(uv_timer_t *t) {
    start_worker(t->data);
}

static void start_later(struct worker *w, uint64_t lived_ms) {
    bool young = lived_ms < YOUNG_MS;
    w->delay_ms = young && w->delay_ms ? w->delay_ms * 2 : RESTART_MIN_MS;
    if (w->delay_ms > RESTART_MAX_MS)
        w->delay_ms = RESTART_MAX_MS;
    log_error("worker_restarts", "worker=%u restart_ms=%d", w->number, (int)w->delay_ms);
    uv_timer_start(&w->again, on_again, w->delay_ms, 0);
}

/* The end of a worker may be part of ours, a reason to end, or one to start it again. */
static void judge(struct worker *w, int64_t status, int number, uint64_t lived_ms) {
    struct supervisor *v = w->all;
    if (v->ending) {
        if (v->status == 0 && (status || (number && number != SIGTERM)))
            v->status = 1;
        if (running(v) == 0)
            uv_stop(&v->loop);
    } else if (status && !v->served) {
        v->status = (int)status;
        stop(v, "a worker failed");
    } else {
        v->deaths++;
        start_later(w, lived_ms);
    }
}

static void on_worker_exit(uv_process_t *process, int64_t status, int number) {
    struct life *life = process->data;
    struct worker *w = life->worker;
    life->worker = NULL;
    w->life = NULL;
    log_info("worker_ended", "worker=%u pid=%d status=%d signal=%d", w->number, process->pid,
             (int)status, number);
    uv_close((uv_handle_t *)&life->process, on_life_closed);
    uv_close((uv_handle_t *)&life->words, on_life_closed);
    judge(w, status, number, uv_now(&w->all->loop) - life->since_ms);
}

/* --- What a worker says --- */

static void all_serve(struct supervisor *v, const char *line) {
    v->served = true;
    notify_ready();
    sink_say(STDOUT_FILENO, line);
    log_info("workers_serving", "workers=%u", v->n);
}

static void on_serving(struct life *life) {
    struct supervisor *v = life->worker->all;
    if (v->served || v->ending)
        return;
    if (serving(v) == v->n)
        all_serve(v, life->line);
    for (unsigned i = 1; i < v->n; i++) /* the first went ahead */
        if (!v->workers[i].life && !uv_is_active((uv_handle_t *)&v->workers[i].again))
            start_worker(&v->workers[i]);
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *out) {
    struct life *life = h->data;
    (void)suggested;
    *out = uv_buf_init(life->line + life->len, (unsigned)(sizeof life->line - 1 - life->len));
}

static void on_words(uv_stream_t *s, ssize_t n, const uv_buf_t *bytes) {
    struct life *life = s->data;
    (void)bytes;
    if (n < 0) { /* on_worker_exit follows */
        uv_read_stop(s);
        return;
    }
    life->len += (size_t)n;
    if (life->serves || !life->worker || !memchr(life->line, '\n', life->len))
        return;
    life->serves = true;
    on_serving(life);
}

/* --- Starting a worker --- */

static struct life *life_new(struct worker *w) {
    struct life *life = calloc(1, sizeof *life);
    if (!life)
        return NULL;
    life->worker = w;
    life->process.data = life->words.data = life;
    life->handles = 2;
    life->since_ms = uv_now(&w->all->loop);
    uv_pipe_init(&w->all->loop, &life->words, 0);
    return life;
}

/* In a session of its own, since Ctrl-C is the supervisor's to handle. */
static int spawn(struct worker *w, struct life *life) {
    struct supervisor *v = w->all;
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&life->words},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [ACTIVATION_FIRST] = {.flags = UV_INHERIT_FD, .data.fd = v->port}};
    snprintf(v->number, sizeof v->number, "--worker=%u", w->number);
    uv_process_options_t options = {.exit_cb = on_worker_exit,
                                    .file = v->program,
                                    .args = v->argv,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = v->activated ? 4 : 3};
    return uv_spawn(&v->loop, &life->process, &options);
}

static void start_worker(struct worker *w) {
    struct life *life = life_new(w);
    int rc = life ? spawn(w, life) : UV_ENOMEM;
    if (rc != 0) {
        log_error("worker_failed", "worker=%u reason=%s", w->number, uv_err_name(rc));
        if (life) {
            uv_close((uv_handle_t *)&life->process, on_life_closed);
            uv_close((uv_handle_t *)&life->words, on_life_closed);
        }
        start_later(w, 0);
        return;
    }
    w->life = life;
    log_info("worker_started", "worker=%u pid=%d", w->number, life->process.pid);
    uv_read_start((uv_stream_t *)&life->words, on_room, on_words);
}

/* --- What it tells --- */

static bool all_are_ready(void *arg, char *text, size_t size) {
    const struct supervisor *v = arg;
    unsigned n = serving(v);
    if (v->ending)
        snprintf(text, size, "draining");
    else
        snprintf(text, size, "%u of %u workers serve", n, v->n);
    return !v->ending && n == v->n;
}

static void tell_metrics(void *arg, struct buf *out) {
    const struct supervisor *v = arg;
    const struct worker_counts workers = {
        .wanted = v->n, .serving = serving(v), .ended = v->deaths};
    metrics_write(&(struct metrics_of){.workers = &workers,
                                       .embedded = v->embedded,
                                       .started_s = v->started_s},
                  out);
}

/* Behind the workers' ports. */
static int supervisor_start_http(struct supervisor *v) {
    char why[256];
    int fd = http_listen(v->set->http, v->n, false, why, sizeof why);
    if (fd < 0)
        return *why ? fail(why) : 0;
    const struct http_hooks hooks = {.ready = all_are_ready, .metrics = tell_metrics, .arg = v};
    v->http = http_open(&v->loop, fd, &hooks);
    if (!v->http)
        return fail("http: out of memory");
    return 0;
}

/* --- Beginning and end --- */

/* Ours, and behind it what a worker does differently: the last of two flags counts. */
static bool make_argv(struct supervisor *v, int argc, char **argv) {
    size_t n = (size_t)argc, size = sizeof v->program;
    v->argv = calloc(n + EXTRA_ARGS + 1, sizeof *v->argv);
    if (!v->argv || uv_exepath(v->program, &size) != 0)
        return false;
    memcpy(v->argv, argv, n * sizeof *argv);
    v->argv[n++] = v->number;
    v->argv[n++] = v->listen;
    if (v->embedded)
        v->argv[n] = v->redis;
    return true;
}

static int prepare(struct supervisor *v, int argc, char **argv) {
    char why[1400], text[560];
    if (!redis_uri_parse(v->set->redis, &v->uri, why, sizeof why))
        return 2; /* it was checked */
    v->port = activation_socket(ACTIVATION_LISTEN, false);
    v->activated = v->port >= 0;
    if (supervisor_start_http(v) != 0)
        return 1;
    if (v->activated)
        activation_hand_on();
    else
        v->port = net_reserve("listen", v->set->listen, why, sizeof why);
    if (v->port < 0)
        return fail(why);
    net_name(v->port, text);
    snprintf(v->listen, sizeof v->listen, "--listen=%.80s", text);
    if (v->uri.kind == REDIS_EMBEDDED) {
        enum durability durability = DURABILITY_REDIS;
        durability_parse(v->set->durability, &durability);
        const struct embedded_hooks hooks = {.died = on_redis_died, .arg = v};
        v->embedded = embedded_start(&v->loop, &v->uri, durability, &hooks, why, sizeof why);
        if (!v->embedded)
            return fail(why);
        snprintf(v->redis, sizeof v->redis, "--redis=%s",
                 redis_uri_show(&v->uri, text, sizeof text));
    }
    return make_argv(v, argc, argv) ? 0 : fail("out of memory");
}

static void init_handles(struct supervisor *v) {
    uv_signal_init(&v->loop, &v->on_term);
    uv_signal_init(&v->loop, &v->on_int);
    uv_signal_init(&v->loop, &v->on_hup);
    uv_timer_init(&v->loop, &v->late);
    uv_timer_init(&v->loop, &v->watchdog);
    v->on_term.data = v->on_int.data = v->on_hup.data = v->late.data = v;
    uint64_t watched = notify_watchdog_ms();
    if (watched)
        uv_timer_start(&v->watchdog, on_watchdog, watched, watched);
    uv_signal_start(&v->on_term, on_signal, SIGTERM);
    uv_signal_start(&v->on_int, on_signal, SIGINT);
    uv_signal_start(&v->on_hup, on_reload, SIGHUP);
    for (unsigned i = 0; i < v->n; i++) {
        struct worker *w = &v->workers[i];
        w->all = v;
        w->number = i + 1;
        uv_timer_init(&v->loop, &w->again);
        w->again.data = w;
    }
}

static void close_handle(uv_handle_t *h, void *arg) {
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void supervisor_finish(struct supervisor *v) {
    http_close(v->http);
    embedded_stop(v->embedded);
    uv_walk(&v->loop, close_handle, NULL);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    uv_loop_close(&v->loop);
    close(v->port);
    free(v->argv);
    free(v->workers);
}

int supervisor_run(const struct chatd_settings *set, int argc, char **argv) {
    static struct supervisor supervisor; /* one a process; stays reachable when it fails half-way */
    struct supervisor *v = &supervisor;
    signal(SIGPIPE, SIG_IGN);
    v->set = set;
    v->n = supervisor_workers(set);
    v->started_s = (uint64_t)(clock_wall_ms() / 1000);
    v->workers = calloc(v->n, sizeof *v->workers);
    if (!v->workers)
        return fail("out of memory");
    uv_loop_init(&v->loop);
    int status = prepare(v, argc, argv);
    if (status)
        exit(status); /* nothing runs yet but perhaps Redis, which ends with us */
    init_handles(v);
    start_worker(&v->workers[0]);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    supervisor_finish(v);
    log_info("stopped", "status=%d", v->status);
    return v->status;
}
