/* resolve - see resolve.h. Both sides hold it; who is the last to leave frees it. */
#include "common/base/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define THREADS_MAX 64 /* a resolver that hangs must not gather more */

static atomic_uint threads;

struct resolve {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned holders;
    bool over;
    void (*done)(void *arg);
    void *arg;
    struct resolved found;
    char host[];
};

static void resolve_keep(struct resolved *out, const struct addrinfo *a) {
    char *to = out->address[out->n];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, to, RESOLVE_ADDRESS, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    for (unsigned i = 0; i < out->n; i++)
        if (strcmp(out->address[i], to) == 0)
            return;
    out->n++;
}

/* As getaddrinfo sorts them: RFC 6724. */
static int resolve_ask(const char *host, int flags, struct resolved *out) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list = NULL;
    out->n = 0;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    for (const struct addrinfo *a = rc ? NULL : list; a && out->n < RESOLVE_MAX; a = a->ai_next)
        resolve_keep(out, a);
    snprintf(out->why, sizeof out->why, "%s",
             rc == EAI_NONAME || rc == EAI_NODATA ? "there is no host of this name"
             : rc                                 ? gai_strerror(rc)
                                                  : "it has no address");
    if (rc == 0)
        freeaddrinfo(list);
    return rc;
}

bool resolve_is_number(const char *host, struct resolved *out) {
    return resolve_ask(host, AI_NUMERICHOST, out) == 0 && out->n > 0;
}

/* Unlocks, and frees it behind the last holder. */
static void resolve_leave(struct resolve *l) {
    bool last = --l->holders == 0;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    pthread_cond_destroy(&l->ended);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void *resolve_thread(void *arg) {
    struct resolve *l = arg;
    struct resolved found;
    resolve_ask(l->host, 0, &found);
    atomic_fetch_sub(&threads, 1);
    pthread_mutex_lock(&l->lock);
    l->found = found;
    l->over = true;
    if (l->done)
        l->done(l->arg);
    pthread_cond_signal(&l->ended);
    resolve_leave(l);
    return NULL;
}

/* Signals are for the threads that wait for them. */
static int resolve_start(struct resolve *l) {
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    if (atomic_fetch_add(&threads, 1) >= THREADS_MAX) {
        atomic_fetch_sub(&threads, 1);
        return EAGAIN;
    }
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, &attr, resolve_thread, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc != 0)
        atomic_fetch_sub(&threads, 1);
    return rc;
}

struct resolve *resolve_begin(const char *host, void (*done)(void *arg), void *arg) {
    struct resolve *l = calloc(1, sizeof *l + strlen(host) + 1);
    if (!l)
        return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->ended, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&l->lock, NULL);
    memcpy(l->host, host, strlen(host) + 1);
    l->holders = 2;
    l->done = done;
    l->arg = arg;
    if (resolve_start(l) == 0)
        return l;
    l->holders = 1;
    resolve_free(l);
    return NULL;
}

const char *resolve_host(const struct resolve *l) {
    return l->host;
}

static struct timespec resolve_until(unsigned ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

bool resolve_take(struct resolve *l, unsigned wait_ms, struct resolved *out) {
    const struct timespec until = resolve_until(wait_ms);
    pthread_mutex_lock(&l->lock);
    while (!l->over && wait_ms && pthread_cond_timedwait(&l->ended, &l->lock, &until) != ETIMEDOUT)
        continue;
    bool over = l->over;
    if (over)
        *out = l->found;
    pthread_mutex_unlock(&l->lock);
    return over;
}

void resolve_free(struct resolve *l) {
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->done = NULL;
    resolve_leave(l);
}
