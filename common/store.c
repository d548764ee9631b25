/* store - see store.h. hiredis in its blocking form: the socket's own time-outs bound every wait.
 */
#include "common/store.h"

#include "common/clock.h"
#include "common/reply.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIS_MAJOR_MIN 7
#define CLIENT_NAME "chatctl"

struct store {
    redisContext *ctx;
    const struct redis_uri *uri;
    struct keyspace keys;
    struct cmd cmd, load; /* load: SCRIPT LOAD, while `cmd` waits to be sent again */
    redisReply *reply;    /* the last one given out */
    unsigned timeout_ms;
    char where[640]; /* for messages: never with a password */
};

const struct keyspace *store_keys(const struct store *s) {
    return &s->keys;
}

const char *store_history(const struct store *s) {
    bool promoted = s->uri->kind == REDIS_SENTINEL || s->uri->kind == REDIS_CLUSTER;
    return promoted ? HISTORY_ASKED : HISTORY_SURE;
}

struct cmd *store_cmd(struct store *s) {
    return &s->cmd;
}

/* --- Sending and receiving --- */

/* What went wrong with the connection, which is of no use from here on. */
static enum err_code lost(const struct store *s, struct err *e) {
    const redisContext *c = s->ctx;
    if (c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT))
        return err_set(e, ERR_UNAVAILABLE, "%.100s: no answer in %u ms", s->where, s->timeout_ms);
    return err_set(e, ERR_UNAVAILABLE, "%.100s: %s", s->where,
                   c->err ? c->errstr : "the connection was lost");
}

static enum err_code append(struct store *s, const struct cmd *c, struct err *e) {
    if (c->failed)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (s->ctx->err)
        return lost(s, e);
    if (redisAppendCommandArgv(s->ctx, (int)c->argc, (const char **)c->argv, c->argvlen) !=
        REDIS_OK)
        return err_set(e, ERR_INTERNAL, "out of memory");
    return ERR_OK;
}

static void drop_reply(struct store *s) {
    if (s->reply)
        freeReplyObject(s->reply);
    s->reply = NULL;
}

const struct redisReply *store_next(struct store *s, struct err *e) {
    drop_reply(s);
    void *reply = NULL;
    e->code = ERR_OK;
    errno = 0;
    if (s->ctx->err || redisGetReply(s->ctx, &reply) != REDIS_OK || !reply) {
        lost(s, e);
        return NULL;
    }
    s->reply = reply;
    return s->reply;
}

enum err_code store_queue(struct store *s, struct err *e) {
    return append(s, &s->cmd, e);
}

enum err_code store_load(struct store *s, enum script script, struct err *e) {
    cmd_script_load(&s->load, script);
    if (append(s, &s->load, e) || !store_next(s, e))
        return e->code;
    return reply_ok(s->reply, e);
}

const struct redisReply *store_do(struct store *s, struct err *e) {
    if (append(s, &s->cmd, e) || !store_next(s, e))
        return NULL;
    if (s->cmd.script == SCRIPT_NONE || !reply_is_noscript(s->reply))
        return s->reply;
    if (store_load(s, s->cmd.script, e) || append(s, &s->cmd, e))
        return NULL;
    return store_next(s, e);
}

/* --- Waiting for what is pushed --- */

/* A reply that has been read already, or NULL. False: the connection is gone. */
static bool buffered(struct store *s, void **reply) {
    *reply = NULL;
    return redisGetReplyFromReader(s->ctx, reply) == REDIS_OK;
}

/* Sends what is queued: redisGetReply would do it, but it would wait as well. */
static bool send_all(struct store *s) {
    int done = 0;
    while (!done)
        if (redisBufferWrite(s->ctx, &done) != REDIS_OK)
            return false;
    return true;
}

const struct redisReply *store_wait(struct store *s, unsigned ms, struct err *e) {
    void *reply = NULL;
    uint64_t deadline = clock_mono_ms() + ms;
    drop_reply(s);
    e->code = ERR_OK;
    errno = 0;
    if (s->ctx->err || !send_all(s) || !buffered(s, &reply)) {
        lost(s, e);
        return NULL;
    }
    while (!reply) {
        uint64_t now = clock_mono_ms();
        struct pollfd fd = {.fd = s->ctx->fd, .events = POLLIN};
        int n = now < deadline ? poll(&fd, 1, (int)(deadline - now)) : 0;
        if (n <= 0) /* time is over, or a signal came: the caller looks */
            return NULL;
        if (redisBufferRead(s->ctx) != REDIS_OK || !buffered(s, &reply)) {
            lost(s, e);
            return NULL;
        }
    }
    s->reply = reply;
    return s->reply;
}

/* Nothing is owed to us: what can be read now is the end, or noise. */
bool store_alive(const struct store *s) {
    struct pollfd fd = {.fd = s->ctx->fd, .events = POLLIN};
    return !s->ctx->err && poll(&fd, 1, 0) == 0;
}

/* --- Opening --- */

static bool starts(const char *s, const char *word) {
    return strncmp(s, word, strlen(word)) == 0;
}

/* An error in the handshake, told by its kind; Redis quotes no password in these. */
static enum err_code greeting_error(const struct store *s, const redisReply *r, struct err *e) {
    if (starts(r->str, "NOAUTH"))
        return err_set(e, ERR_NOT_AUTHORIZED, "%.100s wants a password", s->where);
    if (starts(r->str, "WRONGPASS") || starts(r->str, "ERR invalid password") ||
        starts(r->str, "ERR AUTH"))
        return err_set(e, ERR_NOT_AUTHORIZED, "%.100s refuses this user or password", s->where);
    if (starts(r->str, "NOPERM"))
        return err_set(e, ERR_NOT_AUTHORIZED, "%.50s: %.100s", s->where, r->str);
    if (reply_ok(r, e) == ERR_UNAVAILABLE)
        return err_set(e, ERR_UNAVAILABLE, "%.100s: %.50s", s->where, r->str);
    return err_set(e, ERR_INTERNAL, "%.50s: %.100s", s->where, r->str);
}

/* Sends the scratch command; an error reply is an error. */
static enum err_code greet(struct store *s, struct err *e) {
    if (!store_do(s, e))
        return e->code;
    return s->reply->type == REDIS_REPLY_ERROR ? greeting_error(s, s->reply, e) : ERR_OK;
}

static enum err_code log_in(struct store *s, const struct redis_uri *uri, struct err *e) {
    if (*uri->password) {
        cmd_auth(&s->cmd, uri->user, uri->password);
        if (greet(s, e))
            return e->code;
    }
    if (uri->db) {
        cmd_select(&s->cmd, uri->db);
        if (greet(s, e))
            return e->code;
    }
    cmd_client_name(&s->cmd, CLIENT_NAME);
    if (!store_do(s, e)) /* a user who may not say its name may go on */
        return e->code;
    cmd_ping(&s->cmd);
    return greet(s, e);
}

/* HELLO is open to every user, unlike INFO; a server that doesn't know it is too old anyway. */
enum err_code store_version(struct store *s, char *out, size_t size, struct err *e) {
    *out = '\0';
    cmd_begin(&s->cmd, "HELLO");
    if (!store_do(s, e))
        return e->code;
    const redisReply *r = s->reply;
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
        if (r->element[i]->str && strcmp(r->element[i]->str, "version") == 0 &&
            r->element[i + 1]->str)
            snprintf(out, size, "%s", r->element[i + 1]->str);
    return ERR_OK;
}

enum err_code store_check(struct store *s, struct err *e) {
    char version[32];
    if (store_version(s, version, sizeof version, e))
        return e->code;
    if (atoi(version) < REDIS_MAJOR_MIN)
        return err_set(e, ERR_INTERNAL, "%.80s is Redis %s: %d.0 or later is needed", s->where,
                       *version ? version : "before 6.2", REDIS_MAJOR_MIN);
    cmd_schema_get(&s->cmd, &s->keys);
    if (greet(s, e))
        return e->code;
    const redisReply *r = s->reply;
    if (r->type == REDIS_REPLY_STRING && strcmp(r->str, SCHEMA_VERSION) != 0)
        return err_set(e, ERR_INTERNAL, "the data under prefix %s has schema %.20s, not %s",
                       s->keys.prefix, r->str, SCHEMA_VERSION);
    return ERR_OK;
}

/* The socket of a running embedded server. False: no directory can be named. */
static bool embedded_socket(const struct redis_uri *uri, char *out, size_t size) {
    char dir[512];
    if (*uri->path)
        snprintf(dir, sizeof dir, "%s", uri->path);
    else if (!redis_uri_default_dir(dir, sizeof dir))
        return false;
    int n = snprintf(out, size, "%s/redis.sock", dir);
    return n > 0 && (size_t)n < size;
}

static redisContext *dial(const struct redis_uri *uri, unsigned timeout_ms) {
    struct timeval wait = {.tv_sec = timeout_ms / 1000,
                           .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    char path[560];
    if (uri->kind == REDIS_TCP)
        return redisConnectWithTimeout(uri->host, (int)uri->port, wait);
    if (uri->kind == REDIS_UNIX)
        return redisConnectUnixWithTimeout(uri->path, wait);
    if (!embedded_socket(uri, path, sizeof path))
        return NULL;
    return redisConnectUnixWithTimeout(path, wait);
}

static enum err_code connect_to(struct store *s, const struct redis_uri *uri, struct err *e) {
    struct timeval wait = {.tv_sec = s->timeout_ms / 1000,
                           .tv_usec = (suseconds_t)(s->timeout_ms % 1000) * 1000};
    errno = 0;
    s->ctx = dial(uri, s->timeout_ms);
    if (!s->ctx)
        return err_set(e, ERR_UNAVAILABLE, "%.100s: no such server", s->where);
    if (s->ctx->err) {
        int error = errno;
        const char *why = s->ctx->errstr;
        if (uri->kind == REDIS_EMBEDDED && (error == ENOENT || error == ECONNREFUSED))
            why = "its server isn't running (chatd starts it)";
        else if (error == EINPROGRESS || error == ETIMEDOUT)
            why = "no connection in time";
        return err_set(e, ERR_UNAVAILABLE, "%.100s: %s", s->where, why);
    }
    redisSetTimeout(s->ctx, wait);
    return log_in(s, uri, e);
}

struct store *store_connect(const struct redis_uri *uri, const struct keyspace *ks,
                            unsigned timeout_ms, struct err *e) {
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    s->keys = *ks;
    s->uri = uri;
    s->timeout_ms = timeout_ms ? timeout_ms : 1;
    cmd_init(&s->cmd);
    cmd_init(&s->load);
    redis_uri_show(uri, s->where, sizeof s->where);
    e->code = ERR_OK;
    if (connect_to(s, uri, e)) {
        store_close(s);
        return NULL;
    }
    return s;
}

struct store *store_open(const struct redis_uri *uri, const struct keyspace *ks,
                         unsigned timeout_ms, struct err *e) {
    struct store *s = store_connect(uri, ks, timeout_ms, e);
    if (s && store_check(s, e)) {
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s) {
    if (!s)
        return;
    drop_reply(s);
    if (s->ctx)
        redisFree(s->ctx);
    cmd_free(&s->cmd);
    cmd_free(&s->load);
    free(s);
}
