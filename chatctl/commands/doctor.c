/* doctor - see doctor.h. It opens the Redis by itself, since it is there to explain what would keep
 * every other command out. A setting that it may not look at is a warning: a least-privilege user
 * has no business in CONFIG. */
#include "chatctl/commands/doctor.h"

#include "chatctl/ops/ask.h"
#include "chatctl/table/settings.h"
#include "common/base/clock.h"
#include "common/redis/advice.h"
#include "common/redis/grants.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_WARN_MS 1000
#define CLOCK_FAIL_MS 60000
#define PUBSUB_MIN (8 << 20) /* bytes: a burst of a busy second */

struct visit {
    struct invocation *in;
    unsigned failed;
    char server[300]; /* of several: the one that is looked at, "host:port: " */
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
    int n = snprintf(text, sizeof text, "%s", v->server);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    output_text(v->in->out, check, strlen(check));
    output_text(v->in->out, WORDS[f], strlen(WORDS[f]));
    output_text(v->in->out, text, strlen(text));
    v->failed += f == FAIL;
}

/* --- What Redis says about itself --- */

/* The value of "name:value" in a section of INFO. False: not said, or not permitted. */
static bool info(struct visit *v, const char *section, const char *name, char *out, size_t size) {
    struct cmd *c = redis_sync_cmd(v->in->redis);
    const char *text;
    size_t len;
    struct err e;
    cmd_begin(c, "INFO");
    cmd_literal(c, section);
    if (reply_str(redis_sync_do(v->in->redis, &e), &text, &len, &e) || !text)
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
    struct cmd *c = redis_sync_cmd(v->in->redis);
    const struct redisReply *r;
    const char *text;
    size_t n, len;
    struct err e;
    cmd_begin(c, "CONFIG");
    cmd_literal(c, "GET");
    cmd_literal(c, name);
    r = redis_sync_do(v->in->redis, &e);
    if (reply_array(r, &n, &e) || n != 2 || reply_str(reply_item(r, 1), &text, &len, &e) || !text)
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

/* --- The checks --- */

static void check_version(struct visit *v) {
    char version[32];
    struct err e;
    if (redis_sync_version(v->in->redis, version, sizeof version, &e))
        report(v, FAIL, "version", "%s", e.detail);
    else if (atoi(version) < 7)
        report(v, FAIL, "version", "Redis %s: 7.0 or later is needed",
               *version ? version : "before 6.2");
    else
        report(v, OK, "version", "Redis %s", version);
}

/* A Sentinel or Cluster needs a replica to promote. */
static void check_replicas(struct visit *v) {
    char slaves[16] = "0", wanted[16] = "0", fsync[32] = "?";
    info(v, "replication", "connected_slaves", slaves, sizeof slaves);
    config(v, "min-replicas-to-write", wanted, sizeof wanted);
    config(v, "appendfsync", fsync, sizeof fsync);
    if (atoi(slaves) == 0)
        report(v, WARN, "role", "master without a replica: nothing takes over from it");
    else
        report(v, OK, "role", "master of %s%s", slaves,
               atoi(wanted) > 0 && strcmp(fsync, "always") == 0 ? ", fit for durability replicated"
                                                                : "");
}

static void check_role(struct visit *v) {
    char role[16], cluster[8];
    if (!info(v, "replication", "role", role, sizeof role))
        report(v, WARN, "role", "not permitted to look (INFO)");
    else if (strcmp(role, "master") != 0)
        report(v, FAIL, "role", "a %s takes no writes: name the master", role);
    else if (info(v, "cluster", "cluster_enabled", cluster, sizeof cluster) && *cluster == '1' &&
             v->in->set->uri.kind != REDIS_CLUSTER)
        report(v, FAIL, "role", "a node of a Redis Cluster: name it as cluster://");
    else if (strcmp(redis_sync_history(v->in->redis), HISTORY_ASKED) != 0)
        report(v, OK, "role", "master");
    else
        check_replicas(v);
}

static void check_schema(struct visit *v) {
    const char *s;
    size_t len;
    struct err e;
    const struct keyspace *ks = redis_sync_keys(v->in->redis);
    cmd_schema_get(redis_sync_cmd(v->in->redis), ks);
    if (reply_str(redis_sync_do(v->in->redis, &e), &s, &len, &e))
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
    int64_t there = 0, before = clock_wall_ms();
    struct err e;
    cmd_begin(redis_sync_cmd(v->in->redis), "TIME");
    r = redis_sync_do(v->in->redis, &e);
    if (reply_time(r, &there, &e)) {
        report(v, WARN, "clock", "can't be asked (TIME): %s", e.detail);
        return;
    }
    int64_t here = (before + clock_wall_ms()) / 2;
    int64_t apart = llabs(there - here);
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

static void check_streams(struct visit *v) {
    char bytes[32];
    if (!config(v, "stream-node-max-bytes", bytes, sizeof bytes))
        return; /* nothing depends on it */
    long long now = atoll(bytes);
    if (now == 0 || now > ADVICE_NODE_BYTES)
        report(v, OK, "streams",
               "stream-node-max-bytes %lld: with %d each private channel takes less memory", now,
               ADVICE_NODE_BYTES);
    else
        report(v, OK, "streams", "stream-node-max-bytes %lld", now);
}

/* --- Permissions --- */

/* All in one go, as grants.h says; those refused are named in `denied`. False: no answers. */
static bool ask_grants(struct visit *v, char *denied, size_t size) {
    struct redis_sync *s = v->in->redis;
    struct err e;
    *denied = '\0';
    for (const struct grant *g = grant_next(NULL, GRANT_CHATCTL); g;
         g = grant_next(g, GRANT_CHATCTL)) {
        grant_ask(redis_sync_cmd(s), redis_sync_keys(s), g);
        if (redis_sync_queue(s, &e))
            return false;
    }
    for (const struct grant *g = grant_next(NULL, GRANT_CHATCTL); g;
         g = grant_next(g, GRANT_CHATCTL)) {
        const struct redisReply *r = redis_sync_next(s, &e);
        size_t len = strlen(denied);
        if (!r)
            return false;
        if (reply_is_denied(r) && !grant_is_repeated(g))
            snprintf(denied + len, size - len, "%s%s", len ? " " : "", g->command);
    }
    return true;
}

static void check_acl(struct visit *v) {
    const char *user = *v->in->set->uri.user ? v->in->set->uri.user : "default";
    char denied[400];
    if (!ask_grants(v, denied, sizeof denied))
        report(v, FAIL, "acl", "no answer");
    else if (*denied)
        report(v, FAIL, "acl", "user %s may not: %s", user, denied);
    else
        report(v, OK, "acl", "user %s may do all that chatctl does", user);
}

/* --- Other users --- */

/* Can a pattern of channels (Redis' globs) match one of ours? Told by what it begins with. */
static bool may_match(const char *pattern, const char *prefix) {
    size_t fixed = strcspn(pattern, "*?[\\"), len = strlen(prefix);
    return strncmp(pattern, prefix, fixed < len ? fixed : len) == 0 &&
           (pattern[fixed] || fixed >= len);
}

/* What the words of an ACL say so far: may this be published, and on our channels? */
struct acl_rights {
    bool publishes, ours;
};

static void acl_read_word(struct acl_rights *a, const char *word, const char *prefix) {
    static const char *const GROUPS[] = {"@all", "@pubsub", "@fast", "spublish"};
    if (*word == '&')
        a->ours |= may_match(word + 1, prefix);
    for (size_t i = 0; (*word == '+' || *word == '-') && i < sizeof GROUPS / sizeof *GROUPS; i++)
        if (strcmp(word + 1, GROUPS[i]) == 0)
            a->publishes = *word == '+';
}

/* "user NAME on … ~* &* +@all (… selectors …)", which it takes apart. */
static bool acl_reaches_us(char *line, const char *prefix, bool *open) {
    struct acl_rights rights = {false, false};
    bool on = false, reaches = false;
    char *at;
    *open = false;
    for (char *w = strtok_r(line, " ", &at); w; w = strtok_r(NULL, " ", &at)) {
        on |= strcmp(w, "on") == 0;
        *open |= strcmp(w, "nopass") == 0;
        if (*w == '(') { /* rights beside those before it */
            reaches |= rights.publishes && rights.ours;
            rights = (struct acl_rights){false, false};
            w++;
        }
        w[strcspn(w, ")")] = '\0';
        acl_read_word(&rights, w, prefix);
    }
    return on && (reaches || (rights.publishes && rights.ours));
}

static void check_user_line(struct visit *v, const char *text, size_t len, char *names,
                            size_t size) {
    const struct redis_uri *uri = &v->in->set->uri;
    const char *own = *uri->user ? uri->user : "default";
    char *line = strndup(text, len), name[128] = "";
    bool open, ours, reaches;
    if (!line || sscanf(line, "user %127s", name) != 1) {
        free(line);
        return;
    }
    ours = strcmp(name, own) == 0 || strcmp(name, "chatd") == 0 || strcmp(name, "chatctl") == 0;
    reaches = acl_reaches_us(line, v->in->set->keys.prefix, &open);
    free(line);
    if (!reaches || (ours && (!open || uri->kind == REDIS_EMBEDDED)))
        return;
    size_t at = strlen(names);
    snprintf(names + at, size - at, "%s%s%s", at ? ", " : "", name, open ? " (no password)" : "");
}

/* Whoever may publish on our channels may speak to clients in anybody's name. An embedded Redis is
 * reached by its owner alone. */
static void check_others(struct visit *v) {
    struct cmd *c = redis_sync_cmd(v->in->redis);
    char names[400] = "";
    struct err e;
    size_t n;
    cmd_begin(c, "ACL");
    cmd_literal(c, "LIST");
    const struct redisReply *r = redis_sync_do(v->in->redis, &e);
    if (reply_array(r, &n, &e)) {
        report(v, WARN, "users", "not permitted to look (ACL LIST)");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        if (reply_str(reply_item(r, i), &text, &len, &e) == ERR_OK && text)
            check_user_line(v, text, len, names, sizeof names);
    }
    if (*names)
        report(v, WARN, "users", "may publish on our channels, in anybody's name: %s", names);
    else
        report(v, OK, "users", "nobody else may publish on our channels");
}

/* --- All of them --- */

static void check_server(struct visit *v, unsigned i) {
    bool several = redis_sync_servers(v->in->redis) > 1;
    snprintf(v->server, sizeof v->server, "%s%s", several ? redis_sync_server(v->in->redis, i) : "",
             several ? ": " : "");
    redis_sync_pin(v->in->redis, (int)i);
    check_version(v);
    check_role(v);
    if (i == 0) { /* there is one, wherever it is */
        redis_sync_pin(v->in->redis, -1);
        check_schema(v);
        redis_sync_pin(v->in->redis, (int)i);
    }
    check_clock(v);
    check_persistence(v);
    check_memory(v);
    check_pubsub(v);
    check_streams(v);
    check_acl(v);
    check_others(v);
}

static void check_all(struct visit *v) {
    for (unsigned i = 0; i < redis_sync_servers(v->in->redis); i++)
        check_server(v, i);
    redis_sync_pin(v->in->redis, -1);
}

enum status doctor(struct invocation *in) {
    struct visit v = {.in = in};
    struct err e = {0};
    const struct ctl_settings *set = in->set;
    in->redis = redis_sync_connect(&set->uri, &set->keys, (unsigned)set->timeout, &e);
    output_begin(in->out, COLUMNS, false);
    if (!in->redis) {
        report(&v, FAIL, "connection", "%s", e.detail);
        return STATUS_UNAVAILABLE;
    }
    char where[640];
    report(&v, OK, "connection", "%s", redis_uri_show(&set->uri, where, sizeof where));
    check_all(&v);
    redis_sync_close(in->redis);
    in->redis = NULL;
    return v.failed ? STATUS_FAILED : STATUS_DONE;
}
