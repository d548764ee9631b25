/* kdf - see kdf.h. */
#include "chatd/base/kdf.h"

#include "common/base/clock.h"
#include "common/base/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKER_NICE 10
#define HASH_MS 50 /* before there was one */
#define WAIT_MIN_MS 100u
#define WAIT_MAX_MS 60000u

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
    uint64_t took_ms;
    size_t len;
    char password[];
};

/* The jobs of an owner that wait; there is none without any. */
struct queue {
    struct table_node node;
    unsigned char owner[KDF_OWNER];
    size_t jobs;
    struct job *first, *last;
    struct queue *next; /* whose turn is after this one's */
};

struct kdf {
    uv_loop_t *loop;
    unsigned threads, running;
    uint64_t done;
    size_t queue_max, queued;
    bool closed;
    unsigned long long passes;
    size_t memory_kib;
    uint64_t hash_ms; /* as long as a hash took of late */
    struct table queues;
    struct queue *first, *last; /* the next turn first */
};

struct kdf *kdf_new(uv_loop_t *loop, unsigned threads, size_t queue, unsigned long long passes,
                    size_t memory_bytes) {
    struct kdf *k = calloc(1, sizeof *k);
    if (!k || !table_init(&k->queues)) {
        free(k);
        return NULL;
    }
    k->loop = loop;
    k->threads = threads;
    k->queue_max = queue;
    k->hash_ms = HASH_MS;
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
    uint64_t began_ms = clock_mono_ms();
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
    j->took_ms = clock_mono_ms() - began_ms;
}

/* --- The queue --- */

static struct queue *queue_of(const struct kdf *k, const void *owner) {
    struct table_node *n = table_find(&k->queues, owner, KDF_OWNER);
    return n ? container_of(n, struct queue, node) : NULL;
}

/* Behind all others. */
static void queue_line_up(struct kdf *k, struct queue *q) {
    q->next = NULL;
    *(k->first ? &k->last->next : &k->first) = q;
    k->last = q;
}

static struct queue *queue_new(struct kdf *k, const void *owner) {
    struct queue *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    memcpy(q->owner, owner, KDF_OWNER);
    table_add(&k->queues, &q->node, q->owner, KDF_OWNER);
    queue_line_up(k, q);
    return q;
}

static bool queue_put(struct kdf *k, const void *owner, struct job *j) {
    struct queue *q = queue_of(k, owner);
    if (!q && !(q = queue_new(k, owner)))
        return false;
    *(q->first ? &q->last->next : &q->first) = j;
    q->last = j;
    q->jobs++;
    k->queued++;
    return true;
}

/* The next one's; there is one. Whoever has more lines up again. */
static struct job *queue_take(struct kdf *k) {
    struct queue *q = k->first;
    struct job *j = q->first;
    k->first = q->next;
    q->first = j->next;
    q->jobs--;
    k->queued--;
    if (q->first) {
        queue_line_up(k, q);
    } else {
        table_remove(&k->queues, &q->node);
        free(q);
    }
    return j;
}

static bool has_room(const struct kdf *k, const void *owner) {
    const struct queue *q = queue_of(k, owner);
    return !k->closed && k->queued < k->queue_max && (q ? q->jobs : 0) < k->queue_max - k->queued;
}

static void start_next(struct kdf *k);

static void on_done(uv_work_t *w, int status) {
    (void)status;
    struct job *j = w->data;
    struct kdf *k = j->kdf;
    k->running--;
    k->hash_ms = k->done > 0 ? (k->hash_ms * 7 + j->took_ms + 7) / 8 : j->took_ms;
    k->done++;
    start_next(k);
    kdf_finish(j);
}

static void start_next(struct kdf *k) {
    while (k->first && k->running < k->threads) {
        struct job *j = queue_take(k);
        k->running++;
        uv_queue_work(k->loop, &j->work, on_work, on_done);
    }
}

static bool kdf_add(struct kdf *k, const void *owner, bool verify, const char *hash,
                    const char *password, size_t len, kdf_fn fn, void *arg) {
    struct job *j = has_room(k, owner) ? calloc(1, sizeof *j + len) : NULL;
    if (!j || !queue_put(k, owner, j)) {
        free(j);
        return false;
    }
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
    start_next(k);
    return true;
}

bool kdf_hash(struct kdf *k, const void *owner, const char *password, size_t len, kdf_fn fn,
              void *arg) {
    return kdf_add(k, owner, false, "", password, len, fn, arg);
}

bool kdf_verify(struct kdf *k, const void *owner, const char *hash, const char *password,
                size_t len, kdf_fn fn, void *arg) {
    return kdf_add(k, owner, true, hash, password, len, fn, arg);
}

struct kdf_load kdf_load(const struct kdf *k) {
    return (struct kdf_load){.done = k->done, .running = k->running, .queued = k->queued};
}

uint32_t kdf_wait_ms(const struct kdf *k) {
    uint64_t ms = (k->queued + k->running) * k->hash_ms / k->threads;
    return ms < WAIT_MIN_MS ? WAIT_MIN_MS : ms > WAIT_MAX_MS ? WAIT_MAX_MS : (uint32_t)ms;
}

void kdf_cancel(struct kdf *k) {
    k->closed = true;
    while (k->first) {
        struct job *j = queue_take(k);
        j->result.cancelled = true;
        kdf_finish(j);
    }
}

void kdf_free(struct kdf *k) {
    if (k)
        table_free(&k->queues);
    free(k);
}
