/* grants - see grants.h. */
#include "common/redis/grants.h"

#include <string.h>

#define NOBODY "::" /* a name that nobody can have: its key never exists */

/* clang-format off */
static const struct grant GRANTS[] = {
    /* An empty transaction, since EXEC can be asked for in no other way; then the one that
     * everything behind it is queued in. */
    {"multi", "", GRANT_BOTH},             {"exec", "", GRANT_BOTH},
    {"multi", "", GRANT_BOTH},
    {"ping", "", GRANT_CHATD},             {"select", "0", GRANT_BOTH},
    {"client|setname", "chat", GRANT_BOTH}, {"time", "", GRANT_BOTH},
    {"script|load", "return", GRANT_BOTH},
    {"evalsha", "0000000000000000000000000000000000000000 1 %k", GRANT_BOTH},
    {"info", "memory", GRANT_BOTH},        {"role", "", GRANT_BOTH},
    {"cluster|slots", "", GRANT_BOTH},     {"asking", "", GRANT_BOTH},
    {"wait", "0 1", GRANT_CHATD},          {"dbsize", "", GRANT_CHATCTL},
    {"scan", "0 MATCH %k COUNT 1", GRANT_CHATCTL},
    {"type", "%k", GRANT_CHATCTL},         {"memory|usage", "%k", GRANT_CHATCTL},

    {"get", "%k", GRANT_BOTH},             {"set", "%k 1 XX", GRANT_BOTH},
    {"incr", "%k", GRANT_CHATD},
    {"del", "%k", GRANT_BOTH},             {"unlink", "%k", GRANT_CHATCTL},
    {"exists", "%k", GRANT_BOTH},          {"rename", "%k %k", GRANT_CHATCTL},
    {"ttl", "%k", GRANT_BOTH},             {"pttl", "%k", GRANT_CHATCTL},
    {"expire", "%k 1", GRANT_BOTH},        {"pexpire", "%k 1", GRANT_BOTH},
    {"pexpireat", "%k 1", GRANT_BOTH},     {"persist", "%k", GRANT_BOTH},

    {"hget", "%k f", GRANT_BOTH},          {"hmget", "%k f", GRANT_BOTH},
    {"hgetall", "%k", GRANT_CHATCTL},      {"hset", "%k f v", GRANT_BOTH},
    {"hsetnx", "%k f v", GRANT_CHATCTL},   {"hincrby", "%k f 1", GRANT_CHATCTL},
    {"hdel", "%k f", GRANT_CHATCTL},

    {"sadd", "%k m", GRANT_CHATD},         {"srem", "%k m", GRANT_CHATD},
    {"scard", "%k", GRANT_CHATCTL},        {"sismember", "%k m", GRANT_CHATCTL},
    {"spop", "%k 1", GRANT_BOTH},

    {"zadd", "%k XX 1 m", GRANT_BOTH},     {"zincrby", "%k 1 m", GRANT_BOTH},
    {"zrem", "%k m", GRANT_BOTH},          {"zpopmin", "%k", GRANT_CHATCTL},
    {"zcard", "%k", GRANT_BOTH},           {"zcount", "%k 0 1", GRANT_CHATCTL},
    {"zscore", "%k m", GRANT_BOTH},        {"zmscore", "%k m", GRANT_BOTH},
    {"zrange", "%k 0 1", GRANT_BOTH},      {"zrevrange", "%k 0 1", GRANT_BOTH},
    {"zrangebyscore", "%k 0 1", GRANT_BOTH},
    {"zremrangebyscore", "%k 0 1", GRANT_BOTH},
    {"zremrangebyrank", "%k 0 1", GRANT_CHATD},

    {"xadd", "%k NOMKSTREAM * f v", GRANT_BOTH},
    {"xlen", "%k", GRANT_BOTH},            {"xrange", "%k - + COUNT 1", GRANT_BOTH},
    {"xrevrange", "%k + - COUNT 1", GRANT_BOTH},
    {"xread", "COUNT 1 STREAMS %k 0", GRANT_CHATCTL},
    {"xdel", "%k 1-0", GRANT_BOTH},        {"xtrim", "%k MAXLEN 0", GRANT_CHATCTL},
    {"xsetid", "%k 1-0", GRANT_CHATCTL},   {"xinfo|stream", "%k", GRANT_BOTH},

    {"spublish", "%c -", GRANT_BOTH},
    {"ssubscribe", "%c", GRANT_CHATD},     {"sunsubscribe", "%c", GRANT_CHATD},
    {"discard", "", GRANT_BOTH},
    {"del", "%k", GRANT_BOTH}, /* of what was made, if there was no transaction */
};
/* clang-format on */

#define GRANT_COUNT (sizeof GRANTS / sizeof *GRANTS)

const struct grant *grant_next(const struct grant *after, enum grant_who who) {
    for (size_t i = after ? (size_t)(after - GRANTS) + 1 : 0; i < GRANT_COUNT; i++)
        if (GRANTS[i].who & who)
            return &GRANTS[i];
    return NULL;
}

static void add_word(struct cmd *c, const struct keyspace *ks, const char *word, size_t len) {
    if (len == 2 && word[0] == '%' && word[1] == 'k')
        cmd_tailed_key(c, ks, KEY_NAME, NOBODY, strlen(NOBODY));
    else if (len == 2 && word[0] == '%' && word[1] == 'c')
        cmd_global_key(c, ks, KEY_ALL_BUS);
    else
        cmd_copy(c, word, len);
}

void grant_ask(struct cmd *c, const struct keyspace *ks, const struct grant *g) {
    cmd_begin(c, ""); /* its name follows, in parts */
    c->argc = 0;
    for (const char *p = g->command; *p; p += p[strcspn(p, "|")] ? strcspn(p, "|") + 1 : strlen(p))
        cmd_copy(c, p, strcspn(p, "|"));
    for (const char *p = g->args; *p; p += p[strcspn(p, " ")] ? strcspn(p, " ") + 1 : strlen(p))
        add_word(c, ks, p, strcspn(p, " "));
}

bool grant_is_repeated(const struct grant *g) {
    for (const struct grant *before = GRANTS; before < g; before++)
        if (strcmp(before->command, g->command) == 0)
            return true;
    return false;
}

static void print_user(struct buf *out, const struct keyspace *ks, const char *name,
                       enum grant_who who) {
    buf_fmt(out, "user %s reset on ~%s* &%s* -@all", name, ks->prefix, ks->prefix);
    for (const struct grant *g = grant_next(NULL, who); g; g = grant_next(g, who))
        if (!grant_is_repeated(g))
            buf_fmt(out, " +%s", g->command);
    buf_char(out, '\n');
}

void grants_print(struct buf *out, const struct keyspace *ks) {
    print_user(out, ks, "chatd", GRANT_CHATD);
    print_user(out, ks, "chatctl", GRANT_CHATCTL);
}
