/* doctor - see doctor.h. It opens the Redis by itself, since what would keep every other command
 * out is what it is there to explain. What it may not look at is a warning: a least-privilege user
 * has no business in CONFIG. */
#include "chatctl/doctor.h"

#include "chatctl/ask.h"
#include "chatctl/settings.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_WARN_MS 1000
#define CLOCK_FAIL_MS 60000
#define PUBSUB_MIN (8 << 20) /* bytes: a burst of a busy second */
#define NOTHING "::"         /* a name that nobody can have: its key never exists */

struct visit {
    struct invocation *in;
    unsigned failed;
};

static const struct column COLUMNS[] = {
    {"check", COLUMN_TEXT}, {"result", COLUMN_TEXT}, {"detail", COLUMN_TEXT}, {NULL, COLUMN_TEXT}};

enum finding { OK, WARN, FAIL };

static void report(struct visit *v, enum finding f, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void report(struct visit *v, enum finding f, const char *check, const char *fmt, ...) {
    static const char *const WORDS[] = {"ok", "warn", "fail"};
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    output_text(v->in->out, check, strlen(check));
    output_text(v->in->out, WORDS[f], strlen(WORDS[f]));
    output_text(v->in->out, text, strlen(text));
    v->failed += f == FAIL;
}

/* --- What Redis says about itself --- */

/* The value of "name:value" in a section of INFO. False: not said, or not permitted. */
static bool info(struct visit *v, const char *section, const char *name, char *out, size_t size) {
    struct cmd *c = store_cmd(v->in->store);
    const char *text;
    size_t len;
    struct err e;
    cmd_begin(c, "INFO");
    cmd_literal(c, section);
    if (reply_str(store_do(v->in->store, &e), &text, &len, &e) || !text)
        return false;
    size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += n)
        if ((at == text || at[-1] == '\n') && at[n] == ':') {
            snprintf(out, size, "%.*s", (int)strcspn(at + n + 1, "\r\n"), at + n + 1);
            return true;
        }
    return false;
}

static bool config(struct visit *v, const char *name, char *out, size_t size) {
    struct cmd *c = store_cmd(v->in->store);
    const struct redisReply *r;
    const char *text;
    size_t n, len;
    struct err e;
    cmd_begin(c, "CONFIG");
    cmd_literal(c, "GET");
    cmd_literal(c, name);
    r = store_do(v->in->store, &e);
    if (reply_array(r, &n, &e) || n != 2 || reply_str(reply_item(r, 1), &text, &len, &e) || !text)
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

/* --- The checks --- */

static void check_version(struct visit *v) {
    char version[32];
    struct err e;
    if (store_version(v->in->store, version, sizeof version, &e))
        report(v, FAIL, "version", "%s", e.detail);
    else if (atoi(version) < 7)
        report(v, FAIL, "version", "Redis %s: 7.0 or later is needed",
               *version ? version : "before 6.2");
    else
        report(v, OK, "version", "Redis %s", version);
}

static void check_role(struct visit *v) {
    char role[16], cluster[8];
    if (!info(v, "replication", "role", role, sizeof role))
        report(v, WARN, "role", "not permitted to look (INFO)");
    else if (strcmp(role, "master") != 0)
        report(v, FAIL, "role", "a %s takes no writes: name the master", role);
    else if (info(v, "cluster", "cluster_enabled", cluster, sizeof cluster) && *cluster == '1')
        report(v, FAIL, "role", "a Redis Cluster: not supported yet");
    else
        report(v, OK, "role", "master");
}

static void check_schema(struct visit *v) {
    const char *s;
    size_t len;
    struct err e;
    const struct keyspace *ks = store_keys(v->in->store);
    cmd_schema_get(store_cmd(v->in->store), ks);
    if (reply_str(store_do(v->in->store, &e), &s, &len, &e))
        report(v, FAIL, "schema", "%s", e.detail);
    else if (!s)
        report(v, OK, "schema", "nothing under prefix %s yet", ks->prefix);
    else if (strcmp(s, SCHEMA_VERSION) != 0)
        report(v, FAIL, "schema", "the data under prefix %s has schema %.40s, not %s", ks->prefix,
               s, SCHEMA_VERSION);
    else
        report(v, OK, "schema", "%s", SCHEMA_VERSION);
}

static void check_clock(struct visit *v) {
    const struct redisReply *r;
    int64_t seconds = 0, micros = 0, before = clock_wall_ms();
    size_t n;
    struct err e;
    cmd_begin(store_cmd(v->in->store), "TIME");
    r = store_do(v->in->store, &e);
    if (reply_array(r, &n, &e) || n != 2 || reply_i64(reply_item(r, 0), 0, &seconds, &e) ||
        reply_i64(reply_item(r, 1), 0, &micros, &e)) {
        report(v, WARN, "clock", "can't be asked (TIME): %s", e.detail);
        return;
    }
    int64_t here = (before + clock_wall_ms()) / 2;
    int64_t apart = llabs(seconds * 1000 + micros / 1000 - here);
    report(v,
           apart > CLOCK_FAIL_MS   ? FAIL
           : apart > CLOCK_WARN_MS ? WARN
                                   : OK,
           "clock", "%" PRId64 " ms apart from this machine's", apart);
}

static void check_persistence(struct visit *v) {
    char aof[16], fsync[32], failing[16];
    if (!info(v, "persistence", "aof_enabled", aof, sizeof aof)) {
        report(v, WARN, "persistence", "not permitted to look (INFO)");
        return;
    }
    if (*aof != '1') {
        report(v, WARN, "persistence",
               "no append-only file: messages are lost when Redis ends (appendonly yes)");
        return;
    }
    if (info(v, "persistence", "aof_last_write_status", failing, sizeof failing) &&
        strcmp(failing, "ok") != 0)
        report(v, FAIL, "persistence", "the append-only file can't be written");
    else if (!config(v, "appendfsync", fsync, sizeof fsync))
        report(v, OK, "persistence", "append-only file on; appendfsync can't be looked at");
    else if (strcmp(fsync, "no") == 0)
        report(v, WARN, "persistence", "appendfsync no: a power cut loses up to 30 s");
    else
        report(v, OK, "persistence", "append-only file, appendfsync %s", fsync);
}

static void check_memory(struct visit *v) {
    char policy[32], max[32], used[32];
    if (!info(v, "memory", "maxmemory_policy", policy, sizeof policy) ||
        !info(v, "memory", "maxmemory", max, sizeof max) ||
        !info(v, "memory", "used_memory", used, sizeof used)) {
        report(v, WARN, "memory", "not permitted to look (INFO)");
        return;
    }
    long long limit = atoll(max), now = atoll(used);
    if (limit && strcmp(policy, "noeviction") != 0)
        report(v, FAIL, "memory", "maxmemory-policy %s throws data away: noeviction is needed",
               policy);
    else if (limit && now > limit / 10 * 9)
        report(v, WARN, "memory", "%lld of %lld MiB used", now >> 20, limit >> 20);
    else if (strcmp(policy, "noeviction") != 0)
        report(v, WARN, "memory", "maxmemory-policy %s would throw data away with a maxmemory",
               policy);
    else
        report(v, OK, "memory", "%lld MiB used, %s", now >> 20, limit ? "limited" : "no limit");
}

static void check_pubsub(struct visit *v) {
    char limits[256];
    if (!config(v, "client-output-buffer-limit", limits, sizeof limits)) {
        report(v, WARN, "pubsub", "not permitted to look (CONFIG GET)");
        return;
    }
    const char *at = strstr(limits, "pubsub ");
    long long hard = at ? atoll(at + strlen("pubsub ")) : 0;
    if (hard && hard < PUBSUB_MIN)
        report(v, WARN, "pubsub",
               "client-output-buffer-limit pubsub %lld: nodes are cut off in a busy second", hard);
    else
        report(v, OK, "pubsub", "%s", at ? at : "no limit");
}

/* --- Permissions --- */

/* Every command that chatd and chatctl send, in a form that changes nothing: %k is a key that
 * doesn't exist, %c the name of a bus. */
/* clang-format off */
static const char *const NEEDED[] = {
    "PING", "TIME", "GET %k", "SET %k 1 XX", "TTL %k", "PTTL %k", "EXPIRE %k 1", "PEXPIRE %k 1",
    "PEXPIREAT %k 1", "PERSIST %k", "DEL %k", "UNLINK %k", "EXISTS %k", "TYPE %k", "HGET %k f",
    "HMGET %k f", "HGETALL %k", "HDEL %k f", "ZADD %k XX 1 m", "ZREM %k m", "ZCARD %k",
    "ZCOUNT %k 0 1", "ZRANGE %k 0 1", "ZREVRANGE %k 0 1", "ZRANGEBYSCORE %k 0 1", "ZSCORE %k m",
    "ZMSCORE %k m", "ZREMRANGEBYSCORE %k 0 1", "ZREMRANGEBYRANK %k 0 1", "SREM %k m",
    "SPOP %k 1", "SCARD %k", "SISMEMBER %k m", "ZPOPMIN %k", "XREAD COUNT 1 STREAMS %k 0",
    "MEMORY USAGE %k", "XADD %k NOMKSTREAM * f v", "XLEN %k", "XRANGE %k - + COUNT 1",
    "XREVRANGE %k + - COUNT 1", "XTRIM %k MAXLEN 0", "XDEL %k 1-0", "RENAME %k %k",
    "SCAN 0 MATCH %k COUNT 1", "SPUBLISH %c -", NULL};
/* These would leave something behind, or need something to be there: asked for, not tried. */
static const char *const NEEDED_ASKED[] = {
    "HSET %k f v", "HSETNX %k f v", "HINCRBY %k f 1", "MULTI", "EXEC", "INCR %k", "SADD %k m",
    "ZINCRBY %k 1 m", "XSETID %k 1-0", "SSUBSCRIBE %c", "SUNSUBSCRIBE %c",
    "EVALSHA 0000000000000000000000000000000000000000 1 %k", "SCRIPT LOAD return",
    "XINFO STREAM %k", "CLIENT SETNAME c", NULL};
/* clang-format on */

/* Builds a row behind what is in the scratch already. */
static void build(struct visit *v, const char *row, bool first) {
    struct cmd *c = store_cmd(v->in->store);
    const struct keyspace *ks = store_keys(v->in->store);
    char key[KEY_MAX + 1];
    size_t key_len = key_tailed(ks, KEY_NAME, NOTHING, strlen(NOTHING), key);
    for (size_t len; *row; row += len + (row[len] == ' ')) {
        len = strcspn(row, " ");
        bool is_key = len == 2 && row[0] == '%';
        if (first)
            cmd_begin(c, "");
        if (first)
            c->argc = 0;
        first = false;
        if (is_key)
            cmd_copy(c, key, key_len);
        else
            cmd_copy(c, row, len);
    }
}

enum answer { ALLOWED, DENIED, UNKNOWN };

static enum answer dry_run(struct visit *v, const char *user, const char *row) {
    struct cmd *c = store_cmd(v->in->store);
    const char *text;
    size_t len;
    struct err e;
    cmd_begin(c, "ACL");
    cmd_literal(c, "DRYRUN");
    cmd_literal(c, user);
    build(v, row, false);
    if (reply_str(store_do(v->in->store, &e), &text, &len, &e) || !text)
        return UNKNOWN;
    return strcmp(text, "OK") == 0 ? ALLOWED : DENIED;
}

static enum answer try(struct visit *v, const char *row) {
    struct err e;
    build(v, row, true);
    const struct redisReply *r = store_do(v->in->store, &e);
    if (!r)
        return UNKNOWN;
    return reply_is_error(r, "NOPERM") ? DENIED : ALLOWED;
}

static void ask_rows(struct visit *v, const char *user, bool dry, const char *const *rows,
                     char *denied, size_t size, unsigned *unknown) {
    for (; *rows; rows++) {
        enum answer a = dry ? dry_run(v, user, *rows) : try(v, *rows);
        size_t len = strlen(denied), word = strcspn(*rows, " ");
        if (a == DENIED && len + word + 2 < size)
            snprintf(denied + len, size - len, "%s%.*s", len ? " " : "", (int)word, *rows);
        *unknown += a == UNKNOWN;
    }
}

static void check_acl(struct visit *v) {
    const char *user = *v->in->set->uri.user ? v->in->set->uri.user : "default";
    char denied[400] = "";
    unsigned unknown = 0;
    bool dry = dry_run(v, user, "PING") != UNKNOWN;
    ask_rows(v, user, dry, NEEDED, denied, sizeof denied, &unknown);
    if (dry)
        ask_rows(v, user, dry, NEEDED_ASKED, denied, sizeof denied, &unknown);
    if (*denied)
        report(v, FAIL, "acl", "user %s may not: %s", user, denied);
    else if (unknown)
        report(v, WARN, "acl", "%u commands could not be asked about", unknown);
    else
        report(v, OK, "acl", "user %s may do all that is needed%s", user,
               dry ? "" : ", as far as could be tried");
}

/* --- All of them --- */

static void check_all(struct visit *v) {
    check_version(v);
    check_role(v);
    check_schema(v);
    check_clock(v);
    check_persistence(v);
    check_memory(v);
    check_pubsub(v);
    check_acl(v);
}

enum status doctor(struct invocation *in) {
    struct visit v = {.in = in};
    struct err e = {0};
    const struct settings *set = in->set;
    in->store = store_connect(&set->uri, &set->keys, (unsigned)set->timeout, &e);
    output_begin(in->out, COLUMNS, false);
    if (!in->store) {
        report(&v, FAIL, "connection", "%s", e.detail);
        return STATUS_UNAVAILABLE;
    }
    char where[640];
    report(&v, OK, "connection", "%s", redis_uri_show(&set->uri, where, sizeof where));
    check_all(&v);
    store_close(in->store);
    in->store = NULL;
    return v.failed ? STATUS_FAILED : STATUS_DONE;
}
