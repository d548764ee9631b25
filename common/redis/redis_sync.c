/* redis_sync - see store.h.
 *
 * One server, or the masters of a Cluster, each with a connection once it is needed. There, what is
 * queued keeps its bytes until it is answered for good: behind MOVED, ASK and TRYAGAIN it is sent
 * again over a connection of its own, since the others owe answers.
 */
#include "common/redis/redis_sync.h"

#include "common/base/clock.h"
#include "common/redis/peer.h"
#include "common/redis/reply.h"
#include "common/redis/resp.h"
#include "common/redis/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REDIS_MAJOR_MIN 7
#define LATER_MS 30    /* until a command is sent again behind TRYAGAIN */
#define REFRESH_MS 100 /* until the Cluster is asked again who has what */

/* A command that was sent and not answered. */
struct owed {
    char *text;
    size_t len;
    enum script script;
    uint16_t slot;
    unsigned server;
};

struct redis_sync {
    const struct redis_uri *uri;
    struct keyspace keys;
    struct cmd cmd, load;     /* load: SCRIPT LOAD, while `cmd` waits to be sent again */
    struct redisReply *reply; /* the last one given out */
    unsigned timeout_ms;
    struct peer *peers[CLUSTER_MASTERS_MAX]; /* of one server: the first */
    struct topology *map;                    /* NULL: it is no Cluster */
    int pinned;        /* the server that is talked to; -1: the one that has the key */
    struct owed *owed; /* of a Cluster */
    size_t head, tail, cap;
    bool clock_known;
    int64_t clock_ahead_ms; /* of the monotonic one */
    char where[640];        /* for messages: never with a password */
};

const struct keyspace *redis_sync_keys(const struct redis_sync *s) {
    return &s->keys;
}

const char *redis_sync_history(const struct redis_sync *s) {
    bool promoted = s->uri->kind == REDIS_SENTINEL || s->uri->kind == REDIS_CLUSTER;
    return promoted ? HISTORY_ASKED : HISTORY_EITHER;
}

struct cmd *redis_sync_cmd(struct redis_sync *s) {
    return &s->cmd;
}

unsigned redis_sync_servers(const struct redis_sync *s) {
    return s->map ? (unsigned)s->map->n : 1;
}

const char *redis_sync_server(const struct redis_sync *s, unsigned server) {
    return s->peers[server] ? peer_where(s->peers[server]) : s->where;
}

void redis_sync_pin(struct redis_sync *s, int server) {
    s->pinned = server;
}

static void pause_ms(unsigned ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void drop_reply(struct redis_sync *s) {
    peer_free_reply(s->reply);
    s->reply = NULL;
}

/* --- Which server has which slot --- */

static void drop_peer(struct redis_sync *s, unsigned i) {
    peer_close(s->peers[i]);
    s->peers[i] = NULL;
}

static enum err_code ask_slots(struct redis_sync *s, const struct redis_address *at,
                               struct topology *out, struct err *e) {
    struct peer *p = peer_open(s->uri, at, s->timeout_ms, e);
    if (!p)
        return e->code;
    cmd_cluster_slots(&s->load);
    struct redisReply *r = peer_do(p, &s->load, e);
    enum err_code code = r ? topology_read(r, at, out, e) : e->code;
    if (code == ERR_OK && out->n == 0)
        code = err_set(e, ERR_UNAVAILABLE, "%.100s: nobody has any slots", s->where);
    peer_free_reply(r);
    peer_close(p);
    return code;
}

/* Nothing may be owed: the servers get other numbers. */
static enum err_code read_map(struct redis_sync *s, struct err *e) {
    struct topology *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return err_set(e, ERR_INTERNAL, "out of memory");
    enum err_code code = ERR_UNAVAILABLE;
    for (size_t i = 0; code && s->map && i < s->map->n; i++)
        code = ask_slots(s, &s->map->masters[i], fresh, e);
    for (unsigned i = 0; code && i < s->uri->seed_count; i++)
        code = ask_slots(s, &s->uri->seeds[i], fresh, e);
    if (code) {
        free(fresh);
        return code;
    }
    for (unsigned i = 0; i < CLUSTER_MASTERS_MAX; i++)
        drop_peer(s, i);
    free(s->map);
    s->map = fresh;
    return ERR_OK;
}

static unsigned server_of(const struct redis_sync *s, uint16_t slot) {
    if (s->pinned >= 0)
        return (unsigned)s->pinned;
    uint16_t owner = s->map ? s->map->owner[slot] : 0;
    return owner == NO_MASTER ? 0 : owner;
}

static struct peer *open_peer(struct redis_sync *s, unsigned server, struct err *e) {
    if (s->map)
        return peer_open(s->uri, &s->map->masters[server], s->timeout_ms, e);
    if (s->uri->kind == REDIS_SENTINEL)
        return peer_open_master(s->uri, s->timeout_ms, e);
    return peer_open(s->uri, NULL, s->timeout_ms, e);
}

/* The connection to the server of the slot; in a Cluster that has just lost a master, once there is
 * another one. NULL: `e` says why. */
static struct peer *reach(struct redis_sync *s, uint16_t slot, unsigned *server, struct err *e) {
    uint64_t deadline = clock_mono_ms() + s->timeout_ms;
    for (;;) {
        unsigned i = *server = server_of(s, slot);
        if (!s->peers[i])
            s->peers[i] = open_peer(s, i, e);
        if (s->peers[i])
            return s->peers[i];
        if (!s->map || s->pinned >= 0 || s->head != s->tail || e->code != ERR_UNAVAILABLE ||
            clock_mono_ms() >= deadline)
            return NULL;
        struct err ignored;
        pause_ms(REFRESH_MS);
        read_map(s, &ignored);
    }
}

/* --- Sending and receiving --- */

static enum err_code remember(struct redis_sync *s, const struct owed *o, struct err *e) {
    if (s->head == s->tail)
        s->head = s->tail = 0;
    if (s->tail == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct owed *more = realloc(s->owed, cap * sizeof *more);
        if (!more)
            return err_set(e, ERR_INTERNAL, "out of memory");
        s->owed = more;
        s->cap = cap;
    }
    s->owed[s->tail++] = *o;
    return ERR_OK;
}

enum err_code redis_sync_queue(struct redis_sync *s, struct err *e) {
    const struct cmd *c = &s->cmd;
    struct owed o = {.script = c->script};
    if (s->map && c->key)
        o.slot = topology_slot(c->argv[c->key], c->argvlen[c->key]);
    struct peer *p = reach(s, o.slot, &o.server, e);
    if (!p)
        return e->code;
    if (!s->map)
        return peer_send_cmd(p, c, e);
    o.text = resp_format(c, &o.len);
    enum err_code code =
        o.text ? peer_send(p, o.text, o.len, e) : err_set(e, ERR_INTERNAL, "out of memory");
    if (code == ERR_OK)
        code = remember(s, &o, e);
    if (code)
        free(o.text);
    return code;
}

static struct redisReply *load_and_repeat(struct redis_sync *s, struct peer *p,
                                          const struct owed *o, struct err *e) {
    cmd_script_load(&s->load, o->script);
    struct redisReply *r = peer_do(p, &s->load, e);
    enum err_code code = r ? reply_ok(r, e) : e->code;
    peer_free_reply(r);
    return code || peer_send(p, o->text, o->len, e) ? NULL : peer_receive(p, e);
}

/* Over a connection of its own. */
static struct redisReply *send_aside(struct redis_sync *s, const struct owed *o,
                                     const struct redis_address *at, bool asking, struct err *e) {
    struct peer *p = peer_open(s->uri, at, s->timeout_ms, e);
    struct redisReply *r = NULL;
    if (!p)
        return NULL;
    cmd_asking(&s->load);
    if (asking)
        peer_free_reply(peer_do(p, &s->load, e));
    if (peer_send(p, o->text, o->len, e) == ERR_OK)
        r = peer_receive(p, e);
    if (r && o->script != SCRIPT_NONE && reply_is_noscript(r)) {
        peer_free_reply(r);
        r = load_and_repeat(s, p, o, e);
    }
    peer_close(p);
    return r;
}

/* Goes where the answers send it, until somebody carries it out or the time is over. */
static struct redisReply *follow(struct redis_sync *s, const struct owed *o, struct redisReply *r,
                                 struct err *e) {
    uint64_t deadline = clock_mono_ms() + s->timeout_ms;
    struct redis_address at = s->map->masters[o->server];
    struct redirect to;
    while (r && topology_redirect(r, &to) && clock_mono_ms() < deadline) {
        peer_free_reply(r);
        if (to.kind == REDIRECT_LATER)
            pause_ms(LATER_MS);
        else if (*to.to.host)
            at = to.to;
        else
            at.port = to.to.port;
        r = send_aside(s, o, &at, to.kind == REDIRECT_ASK, e);
        if (to.kind == REDIRECT_ASK) /* this once */
            at = s->map->masters[o->server];
    }
    return r;
}

/* One connection is lost, and with it the order of what is owed. */
static void abandon(struct redis_sync *s) {
    while (s->head < s->tail)
        free(s->owed[s->head++].text);
    for (unsigned i = 0; i < CLUSTER_MASTERS_MAX; i++)
        drop_peer(s, i);
}

static const struct redisReply *next_of_cluster(struct redis_sync *s, struct err *e) {
    if (s->head == s->tail) { /* abandoned, or nothing was asked */
        err_set(e, ERR_UNAVAILABLE, "%.100s: the connection was lost", s->where);
        return NULL;
    }
    struct owed o = s->owed[s->head++];
    struct peer *p = s->peers[o.server];
    struct redirect to;
    s->reply = peer_receive(p, e);
    if (!s->reply)
        abandon(s);
    bool moved = s->reply && s->pinned < 0 && topology_redirect(s->reply, &to);
    if (moved)
        s->reply = follow(s, &o, s->reply, e);
    free(o.text);
    if (moved && s->head == s->tail) { /* the map is old */
        struct err ignored;
        read_map(s, &ignored);
    }
    return s->reply;
}

const struct redisReply *redis_sync_next(struct redis_sync *s, struct err *e) {
    drop_reply(s);
    e->code = ERR_OK;
    if (s->map)
        return next_of_cluster(s, e);
    s->reply = peer_receive(s->peers[0], e);
    return s->reply;
}

static enum err_code load_at(struct redis_sync *s, unsigned server, enum script script,
                             struct err *e) {
    if (!s->peers[server])
        s->peers[server] = open_peer(s, server, e);
    if (!s->peers[server])
        return e->code;
    cmd_script_load(&s->load, script);
    struct redisReply *r = peer_do(s->peers[server], &s->load, e);
    enum err_code code = r ? reply_ok(r, e) : e->code;
    peer_free_reply(r);
    return code;
}

static enum err_code load_everywhere(struct redis_sync *s, enum script script, struct err *e) {
    for (unsigned i = 0; i < redis_sync_servers(s); i++)
        if (load_at(s, i, script, e))
            return e->code;
    return ERR_OK;
}

const struct redisReply *redis_sync_do(struct redis_sync *s, struct err *e) {
    if (redis_sync_queue(s, e) || !redis_sync_next(s, e))
        return NULL;
    if (s->cmd.script == SCRIPT_NONE || !reply_is_noscript(s->reply))
        return s->reply;
    if (load_everywhere(s, s->cmd.script, e) || redis_sync_queue(s, e))
        return NULL;
    return redis_sync_next(s, e);
}

bool redis_sync_alive(const struct redis_sync *s) {
    for (unsigned i = 0; i < redis_sync_servers(s); i++)
        if (s->peers[i] && !peer_alive(s->peers[i]))
            return false;
    return true;
}

/* --- Opening --- */

/* Sends the scratch command; an error reply is an error. */
static enum err_code sync_greet(struct redis_sync *s, struct err *e) {
    const char *text = redis_sync_do(s, e) ? reply_error(s->reply) : "";
    if (!s->reply)
        return e->code;
    if (!text)
        return ERR_OK;
    if (strncmp(text, "NOPERM", 6) == 0)
        return err_set(e, ERR_NOT_AUTHORIZED, "%.50s: %.100s", s->where, text);
    if (strncmp(text, "WRONGTYPE", 9) == 0)
        return err_set(e, ERR_INTERNAL, "store: WRONGTYPE");
    if (reply_ok(s->reply, e) == ERR_UNAVAILABLE)
        return err_set(e, ERR_UNAVAILABLE, "%.100s: %.50s", s->where, text);
    return err_set(e, ERR_INTERNAL, "%.50s: %.100s", s->where, text);
}

/* HELLO is open to every user, unlike INFO; a server that doesn't know it is too old anyway. */
enum err_code redis_sync_version(struct redis_sync *s, char *out, size_t size, struct err *e) {
    *out = '\0';
    cmd_begin(&s->cmd, "HELLO");
    if (!redis_sync_do(s, e))
        return e->code;
    size_t n, len;
    const char *name, *value;
    struct err odd;
    if (reply_array(s->reply, &n, &odd))
        n = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        if (!reply_str(reply_item(s->reply, i), &name, &len, &odd) && name &&
            strcmp(name, "version") == 0 &&
            !reply_str(reply_item(s->reply, i + 1), &value, &len, &odd) && value)
            snprintf(out, size, "%s", value);
    return ERR_OK;
}

enum err_code redis_sync_check(struct redis_sync *s, struct err *e) {
    char version[32];
    if (redis_sync_version(s, version, sizeof version, e))
        return e->code;
    if (atoi(version) < REDIS_MAJOR_MIN)
        return err_set(e, ERR_INTERNAL, "%.80s is Redis %s: %d.0 or later is needed", s->where,
                       *version ? version : "before 6.2", REDIS_MAJOR_MIN);
    cmd_schema_get(&s->cmd, &s->keys);
    if (sync_greet(s, e))
        return e->code;
    const char *schema;
    size_t len;
    if (reply_str(s->reply, &schema, &len, e))
        return e->code;
    if (schema && strcmp(schema, SCHEMA_VERSION) != 0)
        return err_set(e, ERR_INTERNAL, "the data under prefix %s has schema %.20s, not %s",
                       s->keys.prefix, schema, SCHEMA_VERSION);
    return ERR_OK;
}

static enum err_code connect_all(struct redis_sync *s, struct err *e) {
    if (s->uri->kind == REDIS_CLUSTER && read_map(s, e))
        return e->code;
    for (unsigned i = 0; i < redis_sync_servers(s); i++)
        if (!(s->peers[i] = open_peer(s, i, e)))
            return e->code;
    return ERR_OK;
}

enum err_code redis_sync_reopen(struct redis_sync *s, struct err *e) {
    drop_reply(s);
    abandon(s);
    e->code = ERR_OK;
    return connect_all(s, e) ? e->code : redis_sync_check(s, e);
}

struct redis_sync *redis_sync_connect(const struct redis_uri *uri, const struct keyspace *ks,
                                      unsigned timeout_ms, struct err *e) {
    struct redis_sync *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    s->uri = uri;
    s->keys = *ks;
    s->pinned = -1;
    s->timeout_ms = timeout_ms ? timeout_ms : 1;
    cmd_init(&s->cmd);
    cmd_init(&s->load);
    redis_uri_show(uri, s->where, sizeof s->where);
    e->code = ERR_OK;
    if (connect_all(s, e)) {
        redis_sync_close(s);
        return NULL;
    }
    return s;
}

static void ask_time(struct redis_sync *s) {
    int64_t now_ms;
    struct err e = {0};
    uint64_t asked = clock_mono_ms();
    cmd_begin(&s->cmd, "TIME");
    s->clock_known = !reply_time(redis_sync_do(s, &e), &now_ms, &e);
    if (s->clock_known)
        s->clock_ahead_ms = now_ms - (int64_t)(asked + (clock_mono_ms() - asked) / 2);
}

int64_t redis_sync_now(const struct redis_sync *s) {
    return s->clock_known ? (int64_t)clock_mono_ms() + s->clock_ahead_ms : clock_wall_ms();
}

struct redis_sync *redis_sync_open(const struct redis_uri *uri, const struct keyspace *ks,
                                   unsigned timeout_ms, struct err *e) {
    struct redis_sync *s = redis_sync_connect(uri, ks, timeout_ms, e);
    if (s && redis_sync_check(s, e)) {
        redis_sync_close(s);
        return NULL;
    }
    if (s)
        ask_time(s);
    return s;
}

void redis_sync_close(struct redis_sync *s) {
    if (!s)
        return;
    drop_reply(s);
    for (unsigned i = 0; i < CLUSTER_MASTERS_MAX; i++)
        drop_peer(s, i);
    while (s->head < s->tail)
        free(s->owed[s->head++].text);
    free(s->owed);
    free(s->map);
    cmd_free(&s->cmd);
    cmd_free(&s->load);
    free(s);
}
