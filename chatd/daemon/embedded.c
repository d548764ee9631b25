/* embedded - see embedded.h. */
#include "chatd/daemon/embedded.h"

#include "common/base/log.h"
#include "common/base/private_dir.h"
#include "common/redis/advice.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS 100       /* how often the server, or the lock of another's, is looked at */
#define RESTART_MIN_MS 100 /* until it is started again; doubled each time it dies young */
#define RESTART_MAX_MS 5000
#define YOUNG_MS 10000
#define STOP_MS 3000
#define NO_PROGRAM 127 /* the status of a child that could not become redis-server */

struct embedded {
    uv_loop_t *loop;
    uv_timer_t watch;
    struct embedded_hooks hooks;
    char dir[512], socket[512], log[560];
    off_t log_from;    /* its length when the server was started */
    int lock;          /* -1: another chatd has it */
    pid_t pid;         /* 0: not running */
    const char *fsync; /* appendfsync */
    uint64_t started_ms, next_ms, delay_ms;
    uint64_t starts;
};

/* --- The directory --- */

/* The lock is inherited by the server, so that it is free only when both are gone: two servers must
 * never write one append-only file. */
static bool try_lock(struct embedded *e) {
    char path[560];
    snprintf(path, sizeof path, "%s/lock", e->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        e->lock = fd;
    else
        close(fd);
    return true;
}

/* What the server's log says last, since byte `from`; "" when it says nothing new. */
static void read_log(const char *path, off_t from, char *out, size_t size) {
    char text[512] = "";
    FILE *f = fopen(path, "re");
    *out = '\0';
    if (!f)
        return;
    off_t end = fseeko(f, 0, SEEK_END) == 0 ? ftello(f) : 0;
    if (end > from) {
        const off_t most = sizeof text - 1;
        fseeko(f, end - from > most ? end - most : from, SEEK_SET);
        size_t n = fread(text, 1, sizeof text - 1, f);
        while (n && text[n - 1] == '\n')
            text[--n] = '\0';
        const char *line = strrchr(text, '\n');
        snprintf(out, size, "%s", line ? line + 1 : text);
    }
    fclose(f);
}

/* --- The server --- */

static void become_redis(const struct embedded *e) {
    char node_bytes[16];
    snprintf(node_bytes, sizeof node_bytes, "%d", ADVICE_NODE_BYTES);
    const char *argv[] = {"redis-server",
                          "--port",
                          "0",
                          "--unixsocket",
                          e->socket,
                          "--unixsocketperm",
                          "700",
                          "--dir",
                          e->dir,
                          "--appendonly",
                          "yes",
                          "--appendfsync",
                          e->fsync,
                          "--save",
                          "",
                          "--daemonize",
                          "no",
                          "--logfile",
                          e->log,
                          "--maxmemory-policy",
                          "noeviction",
                          "--stream-node-max-bytes",
                          node_bytes,
                          NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    umask(077);
    setsid(); /* Ctrl-C is chatd's to handle */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    execvp(argv[0], (char *const *)argv);
    _exit(NO_PROGRAM);
}

static void start_server(struct embedded *e) {
    struct stat st;
    e->log_from = stat(e->log, &st) == 0 ? st.st_size : 0;
    pid_t pid = fork();
    if (pid == 0)
        become_redis(e);
    if (pid < 0) {
        log_error("embedded_redis_failed", "errno=%d", errno);
        return;
    }
    e->pid = pid;
    e->starts++;
    e->started_ms = uv_now(e->loop);
    log_info("embedded_redis_started", "pid=%d", (int)pid);
}

/* Tells the owner, unless somebody killed it. */
static void tell_death(const struct embedded *e, int status) {
    char why[2000], last[600];
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM)
        snprintf(why, sizeof why,
                 "embedded:%s: can't run redis-server: is it installed? (apt install redis-server)",
                 e->dir);
    else {
        read_log(e->log, e->log_from, last, sizeof last);
        snprintf(why, sizeof why, "embedded:%s: redis-server ended by itself, see %s%s%s", e->dir,
                 e->log, *last ? ": " : "", last);
    }
    e->hooks.died(why, e->hooks.arg);
}

static void reap_server(struct embedded *e) {
    int status;
    char log[600];
    if (waitpid(e->pid, &status, WNOHANG) != e->pid)
        return;
    uint64_t now = uv_now(e->loop);
    bool young = now - e->started_ms < YOUNG_MS;
    e->delay_ms = young && e->delay_ms ? e->delay_ms * 2 : RESTART_MIN_MS;
    if (e->delay_ms > RESTART_MAX_MS)
        e->delay_ms = RESTART_MAX_MS;
    e->next_ms = now + e->delay_ms;
    log_error("embedded_redis_died", "pid=%d status=%d restart_ms=%d log=%s", (int)e->pid,
              WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), (int)e->delay_ms,
              log_quote(log, sizeof log, e->log, strlen(e->log)));
    e->pid = 0;
    tell_death(e, status);
}

static void on_watch(uv_timer_t *t) {
    struct embedded *e = t->data;
    if (e->lock < 0)
        try_lock(e);
    if (e->lock < 0)
        return;
    if (e->pid)
        reap_server(e);
    else if (uv_now(e->loop) >= e->next_ms)
        start_server(e);
}

/* --- What it takes --- */

static uint64_t resident_of(pid_t pid) {
    char path[32];
    unsigned long long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%*s %llu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Redis' own folder for the append-only file, which is a few files. */
static uint64_t aof_bytes(const char *dir) {
    char path[560];
    uint64_t sum = 0;
    struct stat st;
    snprintf(path, sizeof path, "%s/appendonlydir", dir);
    DIR *d = opendir(path);
    for (const struct dirent *entry; d && (entry = readdir(d));)
        if (fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
    if (d)
        closedir(d);
    return sum;
}

static uint64_t memory_max(void) {
    uint64_t all = uv_get_total_memory(), ours = uv_get_constrained_memory();
    return ours && ours < all ? ours : all;
}

bool embedded_look(const struct embedded *e, struct embedded_usage *out) {
    struct statvfs disk;
    if (!e || e->lock < 0)
        return false;
    *out = (struct embedded_usage){.running = e->pid != 0,
                                   .restarts = e->starts ? e->starts - 1 : 0,
                                   .memory_bytes = e->pid ? resident_of(e->pid) : 0,
                                   .memory_max = memory_max(),
                                   .aof_bytes = aof_bytes(e->dir)};
    if (statvfs(e->dir, &disk) == 0)
        out->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return true;
}

/* --- Life --- */

/* Fills in the paths, and takes the lock if it is free. */
static bool settle_dir(struct embedded *e, const char *given, char *why, size_t size) {
    char reason[700];
    if (!private_dir_make(given, e->dir, sizeof e->dir, reason, sizeof reason)) {
        snprintf(why, size, "embedded:%s: %s (or another: --redis embedded:DIR)", given, reason);
        return false;
    }
    int n = snprintf(e->socket, sizeof e->socket, "%s/redis.sock", e->dir);
    if ((size_t)n >= sizeof((struct sockaddr_un *)0)->sun_path) {
        snprintf(why, size, "embedded: the path of the socket in this directory is too long (%d)",
                 n);
        return false;
    }
    snprintf(e->log, sizeof e->log, "%s/redis.log", e->dir);
    if (!try_lock(e)) {
        snprintf(why, size, "embedded:%s/lock: %s", e->dir, strerror(errno));
        return false;
    }
    return true;
}

struct embedded *embedded_start(uv_loop_t *loop, struct redis_uri *uri, enum durability durability,
                                const struct embedded_hooks *hooks, char *why, size_t size) {
    struct embedded *e = calloc(1, sizeof *e);
    char given[512];
    snprintf(given, sizeof given, "%s", uri->path);
    if (!e || (!*given && !redis_uri_default_dir(given, sizeof given))) {
        snprintf(why, size, "embedded: no directory: give one as embedded:DIR");
        free(e);
        return NULL;
    }
    e->lock = -1;
    if (!settle_dir(e, given, why, size)) {
        free(e);
        return NULL;
    }
    e->loop = loop;
    e->hooks = *hooks;
    e->fsync = durability >= DURABILITY_ALWAYS ? "always" : "everysec";
    *uri = (struct redis_uri){.kind = REDIS_UNIX, .db = uri->db};
    memcpy(uri->path, e->socket, sizeof uri->path);
    uv_timer_init(loop, &e->watch);
    e->watch.data = e;
    uv_timer_start(&e->watch, on_watch, WATCH_MS, WATCH_MS);
    on_watch(&e->watch);
    return e;
}

static bool ended_within(pid_t pid, unsigned ms) {
    const struct timespec step = {.tv_nsec = 10000000};
    for (unsigned waited = 0; waited < ms; waited += 10) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return true;
        nanosleep(&step, NULL);
    }
    return false;
}

static void embedded_on_closed(uv_handle_t *h) {
    free(h->data);
}

void embedded_stop(struct embedded *e) {
    if (!e)
        return;
    if (e->pid) {
        kill(e->pid, SIGTERM);
        if (!ended_within(e->pid, STOP_MS)) {
            kill(e->pid, SIGKILL);
            waitpid(e->pid, NULL, 0);
        }
    }
    if (e->lock >= 0)
        close(e->lock);
    uv_close((uv_handle_t *)&e->watch, embedded_on_closed);
}
