/* peer - see peer.h. hiredis in its blocking form: the socket's own time-outs bound every wait. */
#include "common/redis/peer.h"

#include "common/base/clock.h"
#include "common/base/private_dir.h"
#include "common/base/resolve.h"
#include "common/redis/reply.h"
#include "common/redis/resp.h"
#include "common/redis/topology.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENT_NAME "chatctl"
#define AGAIN_MS 100 /* until the sentinels are asked again */

struct peer {
    redisContext *ctx;
    struct cmd cmd;
    unsigned timeout_ms;
    char where[300];
};

const char *peer_where(const struct peer *p) {
    return p->where;
}

/* --- Sending and receiving --- */

/* Tells what went wrong with the connection, which is of no use from here on. */
static enum err_code lost(const struct peer *p, struct err *e) {
    const redisContext *c = p->ctx;
    if (c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT))
        return err_set(e, ERR_UNAVAILABLE, "%.100s: no answer in %u ms", p->where, p->timeout_ms);
    return err_set(e, ERR_UNAVAILABLE, "%.100s: %s", p->where,
                   c->err ? c->errstr : "the connection was lost");
}

enum err_code peer_send(struct peer *p, const char *text, size_t len, struct err *e) {
    if (p->ctx->err)
        return lost(p, e);
    if (redisAppendFormattedCommand(p->ctx, text, len) != REDIS_OK)
        return err_set(e, ERR_INTERNAL, "out of memory");
    return ERR_OK;
}

enum err_code peer_send_cmd(struct peer *p, const struct cmd *c, struct err *e) {
    size_t len;
    char *text = resp_format(c, &len);
    if (!text)
        return err_set(e, ERR_INTERNAL, "out of memory");
    enum err_code code = peer_send(p, text, len, e);
    free(text);
    return code;
}

void peer_free_reply(redisReply *r) {
    if (r)
        freeReplyObject(r);
}

redisReply *peer_receive(struct peer *p, struct err *e) {
    void *reply = NULL;
    e->code = ERR_OK;
    errno = 0;
    if (p->ctx->err || redisGetReply(p->ctx, &reply) != REDIS_OK || !reply) {
        lost(p, e);
        return NULL;
    }
    return reply;
}

redisReply *peer_do(struct peer *p, const struct cmd *c, struct err *e) {
    return peer_send_cmd(p, c, e) ? NULL : peer_receive(p, e);
}

/* No reply is due: anything that can be read now is the end, or noise. */
bool peer_alive(const struct peer *p) {
    struct pollfd fd = {.fd = p->ctx->fd, .events = POLLIN};
    return !p->ctx->err && poll(&fd, 1, 0) == 0;
}

/* --- Opening --- */

static bool peer_starts(const char *s, const char *word) {
    return strncmp(s, word, strlen(word)) == 0;
}

/* An error in the handshake, told by its kind; Redis quotes no password in these. */
static enum err_code greeting_error(const struct peer *p, const redisReply *r, struct err *e) {
    if (peer_starts(r->str, "NOAUTH"))
        return err_set(e, ERR_NOT_AUTHORIZED, "%.100s wants a password", p->where);
    if (peer_starts(r->str, "WRONGPASS") || peer_starts(r->str, "ERR invalid password") ||
        peer_starts(r->str, "ERR AUTH"))
        return err_set(e, ERR_NOT_AUTHORIZED, "%.100s refuses this user or password", p->where);
    if (peer_starts(r->str, "NOPERM"))
        return err_set(e, ERR_NOT_AUTHORIZED, "%.50s: %.100s", p->where, r->str);
    if (reply_ok(r, e) == ERR_UNAVAILABLE)
        return err_set(e, ERR_UNAVAILABLE, "%.100s: %.50s", p->where, r->str);
    return err_set(e, ERR_INTERNAL, "%.50s: %.100s", p->where, r->str);
}

/* Sends the scratch command; an error reply is an error. */
static enum err_code peer_greet(struct peer *p, struct err *e) {
    redisReply *r = peer_do(p, &p->cmd, e);
    if (!r)
        return e->code;
    enum err_code code = r->type == REDIS_REPLY_ERROR ? greeting_error(p, r, e) : ERR_OK;
    freeReplyObject(r);
    return code;
}

static enum err_code log_in(struct peer *p, const struct redis_uri *uri, struct err *e) {
    if (*uri->password) {
        cmd_auth(&p->cmd, uri->user, uri->password);
        if (peer_greet(p, e))
            return e->code;
    }
    if (uri->db) {
        cmd_select(&p->cmd, uri->db);
        if (peer_greet(p, e))
            return e->code;
    }
    /* No PING: a Redis that can't write to its disk refuses it (MISCONF), and can be read. A user
     * who may not say its name may go on. */
    cmd_client_name(&p->cmd, CLIENT_NAME);
    redisReply *r = peer_do(p, &p->cmd, e);
    if (!r)
        return e->code;
    bool refused = r->type == REDIS_REPLY_ERROR && !peer_starts(r->str, "NOPERM");
    enum err_code code = refused ? greeting_error(p, r, e) : ERR_OK;
    freeReplyObject(r);
    return code;
}

/* The socket of a running embedded server, in a directory where nobody else could have put one. */
static bool embedded_socket(struct peer *p, const struct redis_uri *uri, char *out, size_t size,
                            struct err *e) {
    char dir[512], real[512], why[700];
    if (*uri->path)
        snprintf(dir, sizeof dir, "%s", uri->path);
    else if (!redis_uri_default_dir(dir, sizeof dir)) {
        err_set(e, ERR_UNAVAILABLE, "embedded: no directory: give one as embedded:DIR");
        return false;
    }
    snprintf(p->where, sizeof p->where, "embedded:%.280s", dir);
    errno = 0;
    bool good = private_dir_find(dir, real, sizeof real, why, sizeof why);
    if (!good && errno == ENOENT)
        err_set(e, ERR_UNAVAILABLE, "%.100s: its server isn't running (chatd starts it)", p->where);
    else if (!good)
        err_set(e, ERR_NOT_AUTHORIZED, "%.50s: %.105s", p->where, why);
    snprintf(out, size, "%s/redis.sock", real);
    return good;
}

static struct timeval to_timeval(uint64_t ms) {
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static bool look_up_in_time(const char *host, unsigned timeout_ms, struct resolved *out) {
    if (resolve_is_number(host, out))
        return true;
    struct resolve *l = resolve_begin(host, NULL, NULL);
    if (!l || !resolve_take(l, timeout_ms, out))
        *out = (struct resolved){.why = "its name can't be looked up in time"};
    resolve_free(l);
    return out->n > 0;
}

/* The addresses of a name in turn, each with its part of the time that is left. */
static void dial_host(struct peer *p, const char *host, unsigned port, struct err *e) {
    uint64_t deadline = clock_mono_ms() + p->timeout_ms;
    struct resolved found;
    if (!look_up_in_time(host, p->timeout_ms, &found)) {
        err_set(e, ERR_UNAVAILABLE, "%.100s: %s", p->where, found.why);
        return;
    }
    for (unsigned i = 0; i < found.n; i++) {
        uint64_t now = clock_mono_ms(), left = deadline > now ? deadline - now : 0;
        if (p->ctx)
            redisFree(p->ctx);
        errno = 0;
        p->ctx = redisConnectWithTimeout(found.address[i], (int)port,
                                         to_timeval(left / (found.n - i) + 1));
        if (!p->ctx || !p->ctx->err)
            return;
    }
}

static void dial(struct peer *p, const struct redis_uri *uri, const struct redis_address *at,
                 struct err *e) {
    char path[560];
    errno = 0;
    if (at)
        dial_host(p, at->host, at->port, e);
    else if (uri->kind == REDIS_TCP)
        dial_host(p, uri->host, uri->port, e);
    else if (uri->kind == REDIS_UNIX)
        p->ctx = redisConnectUnixWithTimeout(uri->path, to_timeval(p->timeout_ms));
    else if (embedded_socket(p, uri, path, sizeof path, e))
        p->ctx = redisConnectUnixWithTimeout(path, to_timeval(p->timeout_ms));
}

static enum err_code connect_to(struct peer *p, const struct redis_uri *uri,
                                const struct redis_address *at, struct err *e) {
    dial(p, uri, at, e);
    if (e->code)
        return e->code;
    if (!p->ctx)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (p->ctx->err) {
        int error = errno;
        const char *why = p->ctx->errstr;
        if (uri->kind == REDIS_EMBEDDED && (error == ENOENT || error == ECONNREFUSED))
            why = "its server isn't running (chatd starts it)";
        else if (error == EINPROGRESS || error == ETIMEDOUT)
            why = "no connection in time";
        return err_set(e, ERR_UNAVAILABLE, "%.100s: %s", p->where, why);
    }
    redisSetTimeout(p->ctx, to_timeval(p->timeout_ms));
    return ERR_OK;
}

static struct peer *begin(const struct redis_uri *uri, const struct redis_address *at,
                          unsigned timeout_ms, struct err *e) {
    struct peer *p = calloc(1, sizeof *p);
    if (!p) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    p->timeout_ms = timeout_ms ? timeout_ms : 1;
    cmd_init(&p->cmd);
    if (at)
        snprintf(p->where, sizeof p->where, "%s:%u", at->host, at->port);
    else
        redis_uri_show(uri, p->where, sizeof p->where);
    e->code = ERR_OK;
    if (connect_to(p, uri, at, e) == ERR_OK)
        return p;
    peer_close(p);
    return NULL;
}

struct peer *peer_open(const struct redis_uri *uri, const struct redis_address *at,
                       unsigned timeout_ms, struct err *e) {
    struct peer *p = begin(uri, at, timeout_ms, e);
    if (p && log_in(p, uri, e)) {
        peer_close(p);
        return NULL;
    }
    return p;
}

void peer_close(struct peer *p) {
    if (!p)
        return;
    if (p->ctx)
        redisFree(p->ctx);
    cmd_free(&p->cmd);
    free(p);
}

/* --- Sentinel --- */

static struct peer *open_sentinel(const struct redis_uri *uri, const struct redis_address *at,
                                  unsigned timeout_ms, struct err *e) {
    struct peer *p = begin(uri, at, timeout_ms, e);
    if (p && *uri->password) { /* of the Redis: what a sentinel says to it is no matter */
        cmd_auth(&p->cmd, uri->user, uri->password);
        peer_free_reply(peer_do(p, &p->cmd, e));
    }
    return p;
}

static enum err_code ask_sentinel(const struct redis_uri *uri, const struct redis_address *at,
                                  unsigned timeout_ms, struct redis_address *out, struct err *e) {
    struct peer *p = open_sentinel(uri, at, timeout_ms, e);
    if (!p)
        return e->code;
    cmd_sentinel_master(&p->cmd, uri->name);
    redisReply *r = peer_do(p, &p->cmd, e);
    enum err_code code = r ? topology_master(r, out, e) : e->code;
    peer_free_reply(r);
    peer_close(p);
    return code;
}

static struct peer *open_if_master(const struct redis_uri *uri, const struct redis_address *at,
                                   unsigned timeout_ms, struct err *e) {
    struct peer *p = peer_open(uri, at, timeout_ms, e);
    if (!p)
        return NULL;
    cmd_role(&p->cmd);
    redisReply *r = peer_do(p, &p->cmd, e);
    bool good = r && topology_is_master(r);
    peer_free_reply(r);
    if (good)
        return p;
    if (r)
        err_set(e, ERR_UNAVAILABLE, "%.100s is no master", p->where);
    peer_close(p);
    return NULL;
}

struct peer *peer_open_master(const struct redis_uri *uri, unsigned timeout_ms, struct err *e) {
    const struct timespec again = {.tv_nsec = AGAIN_MS * 1000000L};
    uint64_t deadline = clock_mono_ms() + timeout_ms;
    unsigned each = timeout_ms / 3 + 1; /* one that hangs must not take all the time */
    for (;;) {
        for (unsigned i = 0; i < uri->seed_count; i++) {
            struct redis_address at = {0};
            struct peer *p = NULL;
            if (ask_sentinel(uri, &uri->seeds[i], each, &at, e) == ERR_OK)
                p = open_if_master(uri, &at, timeout_ms, e);
            if (p || e->code == ERR_NOT_AUTHORIZED)
                return p;
        }
        if (clock_mono_ms() + AGAIN_MS >= deadline)
            break;
        nanosleep(&again, NULL);
    }
    if (e->code == ERR_NOT_FOUND)
        e->code = ERR_UNAVAILABLE;
    return NULL;
}
