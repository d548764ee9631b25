/* aside - see aside.h. Both threads hold it; who is the last to leave drops the job. */
#include "common/base/aside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 64 /* what hangs must not gather more */

static atomic_uint aside_threads;

struct aside {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned holders;
    bool over;
    struct aside_job j;
};

/* Unlocks, and frees it behind the last holder. */
static void aside_leave(struct aside *a) {
    bool last = --a->holders == 0;
    pthread_mutex_unlock(&a->lock);
    if (!last)
        return;
    pthread_cond_destroy(&a->ended);
    pthread_mutex_destroy(&a->lock);
    a->j.drop(a->j.job);
    free(a);
}

static void *aside_run(void *arg) {
    struct aside *a = arg;
    a->j.work(a->j.job);
    atomic_fetch_sub(&aside_threads, 1);
    pthread_mutex_lock(&a->lock);
    a->over = true;
    if (a->j.done)
        a->j.done(a->j.arg);
    pthread_cond_signal(&a->ended);
    aside_leave(a);
    return NULL;
}

/* Signals are for the threads that wait for them. */
static int aside_start(struct aside *a) {
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, &attr, aside_run, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

static struct aside *aside_new(const struct aside_job *j) {
    struct aside *a = calloc(1, sizeof *a);
    pthread_condattr_t attr;
    if (!a)
        return NULL;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->ended, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&a->lock, NULL);
    a->holders = 2;
    a->j = *j;
    return a;
}

struct aside *aside_begin(const struct aside_job *j) {
    bool room = atomic_fetch_add(&aside_threads, 1) < THREADS_MAX;
    struct aside *a = room ? aside_new(j) : NULL;
    if (a && aside_start(a) == 0)
        return a;
    atomic_fetch_sub(&aside_threads, 1);
    free(a);
    return NULL;
}

static struct timespec aside_until(unsigned ms) {
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

bool aside_wait(struct aside *a, unsigned ms) {
    const struct timespec until = aside_until(ms);
    pthread_mutex_lock(&a->lock);
    while (!a->over && ms && pthread_cond_timedwait(&a->ended, &a->lock, &until) != ETIMEDOUT)
        continue;
    bool over = a->over;
    pthread_mutex_unlock(&a->lock);
    return over;
}

void aside_free(struct aside *a) {
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->j.done = NULL;
    aside_leave(a);
}
