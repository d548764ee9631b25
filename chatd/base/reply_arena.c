/* reply_arena - see reply_arena.h. */
#include "chatd/base/reply_arena.h"

#include <hiredis/hiredis.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE                                                                                 \
    ((size_t)32 * 1024) /* a larger piece of an answer gets a chunk of its own size */

/* hiredis 1.0 counts the elements of an array in another type. */
#if HIREDIS_MAJOR >= 1
typedef size_t count;
#else
typedef int count;
#endif

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) char mem[];
};

struct reply_arena {
    struct chunk *chunks; /* the last one stays */
};

static struct chunk *chunk_new(size_t size, struct chunk *next) {
    struct chunk *k = malloc(sizeof *k + size);
    if (k)
        *k = (struct chunk){.next = next, .size = size};
    return k;
}

struct reply_arena *reply_arena_new(void) {
    struct reply_arena *a = calloc(1, sizeof *a);
    if (a)
        a->chunks = chunk_new(CHUNK_SIZE, NULL);
    if (a && a->chunks)
        return a;
    free(a);
    return NULL;
}

void reply_arena_reset(struct reply_arena *a) {
    while (a->chunks->next) {
        struct chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    a->chunks->used = 0;
}

void reply_arena_free(struct reply_arena *a) {
    if (!a)
        return;
    reply_arena_reset(a);
    free(a->chunks);
    free(a);
}

static void *arena_take(struct reply_arena *a, size_t n) {
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (a->chunks->size - a->chunks->used < n) {
        struct chunk *k = chunk_new(n > CHUNK_SIZE ? n : CHUNK_SIZE, a->chunks);
        if (!k)
            return NULL;
        a->chunks = k;
    }
    void *p = a->chunks->mem + a->chunks->used;
    a->chunks->used += n;
    return p;
}

/* --- What hiredis calls. NULL: it ends with "out of memory" --- */

/* An answer with `extra` bytes behind it, put into its place in the one that it is part of. */
static redisReply *arena_make(const redisReadTask *task, size_t extra) {
    redisReply *r = arena_take(task->privdata, sizeof *r + extra);
    if (!r)
        return NULL;
    *r = (redisReply){.type = task->type};
    if (task->parent)
        ((redisReply *)task->parent->obj)->element[task->idx] = r;
    return r;
}

static void *make_string(const redisReadTask *task, char *text, size_t len) {
    redisReply *r = arena_make(task, len + 1);
    if (!r)
        return NULL;
    r->str = (char *)(r + 1);
    r->len = len;
    memcpy(r->str, text, len);
    r->str[len] = '\0';
    return r;
}

static void *make_array(const redisReadTask *task, count n) {
    redisReply *r = arena_make(task, (size_t)n * sizeof(redisReply *));
    if (!r)
        return NULL;
    r->elements = (size_t)n;
    r->element = (redisReply **)(r + 1);
    memset(r->element, 0, (size_t)n * sizeof(redisReply *));
    return r;
}

static void *make_integer(const redisReadTask *task, long long value) {
    redisReply *r = arena_make(task, 0);
    if (r)
        r->integer = value;
    return r;
}

static void *make_nil(const redisReadTask *task) {
    redisReply *r = arena_make(task, 0);
    if (r)
        r->type = REDIS_REPLY_NIL; /* the task's is that of the string or array there might be */
    return r;
}

static void arena_leave(void *reply) {
    (void)reply; /* goes with the arena */
}

void reply_arena_attach(struct reply_arena *a, struct redisReader *reader) {
    static redisReplyObjectFunctions functions = {.createString = make_string,
                                                  .createArray = make_array,
                                                  .createInteger = make_integer,
                                                  .createNil = make_nil,
                                                  .freeObject = arena_leave};
    reader->fn = &functions;
    reader->privdata = a;
}
