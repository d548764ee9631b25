/* kdf - see kdf.h. */
#include "chatd/base/kdf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKER_NICE 10

struct job {
    uv_work_t work;
    struct kdf *kdf;
    struct job *next;
    bool verify;
    char hash[SECRET_HASH_MAX];
    kdf_fn fn;
    void *arg;
    struct kdf_result result;
    unsigned long long passes; /* the cost when it was asked for */
    size_t memory_kib;
    size_t len;
    char password[];
};

struct kdf {
    uv_loop_t *loop;
    unsigned threads, running;
    uint64_t done;
    size_t queue_max, queued;
    bool closed;
    unsigned long long passes;
    size_t memory_kib;
    struct job *first, *last;
};

struct kdf *kdf_new(uv_loop_t *loop, unsigned threads, size_t queue, unsigned long long passes,
                    size_t memory_bytes) {
    struct kdf *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->loop = loop;
    k->threads = threads;
    k->queue_max = queue;
    kdf_set_cost(k, passes, memory_bytes);
    char text[16];
    snprintf(text, sizeof text, "%u", k->threads);
    setenv("UV_THREADPOOL_SIZE", text, 1);
    return k;
}

void kdf_set_cost(struct kdf *k, unsigned long long passes, size_t memory_bytes) {
    k->passes = passes;
    k->memory_kib = memory_bytes / 1024;
}

static void kdf_finish(struct job *j) {
    j->fn(&j->result, j->arg);
    secret_wipe(j->password, j->len);
    free(j);
}

/* On a worker thread. */
static void on_work(uv_work_t *w) {
    struct job *j = w->data;
    static _Thread_local bool niced;
    if (!niced)
        setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE); /* Linux: of this thread alone */
    niced = true;
    if (j->verify && *j->hash)
        j->result.verdict =
            secret_verify_password(j->hash, j->password, j->len, j->passes, j->memory_kib);
    bool fresh = !j->verify || !*j->hash || j->result.verdict == SECRET_RIGHT_REHASH;
    if (fresh &&
        !secret_hash_password(j->password, j->len, j->passes, j->memory_kib, j->result.hash))
        j->result.hash[0] = '\0';
}

static void start_next(struct kdf *k);

static void on_done(uv_work_t *w, int status) {
    (void)status;
    struct job *j = w->data;
    struct kdf *k = j->kdf;
    k->running--;
    k->done++;
    start_next(k);
    kdf_finish(j);
}

static void start_next(struct kdf *k) {
    while (k->first && k->running < k->threads) {
        struct job *j = k->first;
        k->first = j->next;
        k->queued--;
        k->running++;
        uv_queue_work(k->loop, &j->work, on_work, on_done);
    }
}

static bool kdf_add(struct kdf *k, bool verify, const char *hash, const char *password, size_t len,
                    kdf_fn fn, void *arg) {
    struct job *j = k->queued < k->queue_max && !k->closed ? calloc(1, sizeof *j + len) : NULL;
    if (!j)
        return false;
    j->work.data = j;
    j->kdf = k;
    j->verify = verify;
    if (verify)
        memcpy(j->hash, hash, strlen(hash) + 1);
    j->fn = fn;
    j->arg = arg;
    j->passes = k->passes;
    j->memory_kib = k->memory_kib;
    j->len = len;
    memcpy(j->password, password, len);
    *(k->first ? &k->last->next : &k->first) = j;
    k->last = j;
    k->queued++;
    start_next(k);
    return true;
}

bool kdf_hash(struct kdf *k, const char *password, size_t len, kdf_fn fn, void *arg) {
    return kdf_add(k, false, "", password, len, fn, arg);
}

bool kdf_verify(struct kdf *k, const char *hash, const char *password, size_t len, kdf_fn fn,
                void *arg) {
    return kdf_add(k, true, hash, password, len, fn, arg);
}

struct kdf_load kdf_load(const struct kdf *k) {
    return (struct kdf_load){.done = k->done, .running = k->running, .queued = k->queued};
}

void kdf_cancel(struct kdf *k) {
    k->closed = true;
    while (k->first) {
        struct job *j = k->first;
        k->first = j->next;
        k->queued--;
        j->result.cancelled = true;
        kdf_finish(j);
    }
}

void kdf_free(struct kdf *k) {
    free(k);
}
