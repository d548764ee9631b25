/* durability - see durability.h. */
#include "common/redis/durability.h"

#include "common/redis/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[] = {
#define X(sym, name, takes) name,
    DURABILITIES(X)
#undef X
};

bool durability_parse(const char *text, enum durability *out) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(text, NAMES[i]) != 0)
            continue;
        *out = (enum durability)i;
        return true;
    }
    return false;
}

const char *durability_name(enum durability d) {
    return NAMES[d];
}

static const struct persistence UNSEEN = {.min_replicas = -1};

bool durability_from_config(const struct redisReply *r, struct persistence *out) {
    size_t n, name_len, len;
    const char *name, *value;
    struct err e;
    *out = UNSEEN;
    if (reply_array(r, &n, &e))
        return false;
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply_str(reply_item(r, i), &name, &name_len, &e) ||
            reply_str(reply_item(r, i + 1), &value, &len, &e) || !name || !value)
            return false;
        if (strcmp(name, "appendonly") == 0) {
            out->seen = true;
            out->aof = strcmp(value, "yes") == 0;
        } else if (strcmp(name, "appendfsync") == 0)
            snprintf(out->fsync, sizeof out->fsync, "%s", value);
        else if (strcmp(name, "min-replicas-to-write") == 0)
            out->min_replicas = atol(value);
    }
    return out->seen;
}

bool durability_from_info(const struct redisReply *r, struct persistence *out) {
    static const char field[] = "aof_enabled:";
    const char *text;
    size_t len;
    struct err e;
    *out = UNSEEN;
    if (reply_str(r, &text, &len, &e) || !text)
        return false;
    const char *at = strstr(text, field);
    out->seen = at != NULL;
    out->aof = at && at[sizeof field - 1] == '1';
    return out->seen;
}

/* The value of a field that begins a line of INFO; "" if there is none. */
static void info_field(const char *text, const char *field, char *out, size_t size) {
    const char *at = strstr(text, field);
    *out = '\0';
    if (at > text && at[-1] == '\n')
        snprintf(out, size, "%.*s", (int)strcspn(at + strlen(field), "\r\n"), at + strlen(field));
}

bool durability_evicts(const struct redisReply *r, char *policy, size_t size) {
    const char *text;
    char limit[24];
    size_t len;
    struct err e;
    *policy = '\0';
    if (reply_str(r, &text, &len, &e) || !text)
        return false;
    info_field(text, "maxmemory:", limit, sizeof limit);
    info_field(text, "maxmemory_policy:", policy, size);
    return *policy && strcmp(policy, "noeviction") != 0 && strtoull(limit, NULL, 10) > 0;
}

static bool durability_refuse(char *why, size_t size, const char *what) {
    snprintf(why, size, "%s", what);
    return false;
}

bool durability_kept(enum durability d, const struct persistence *p, char *why, size_t size) {
    if (d == DURABILITY_REDIS)
        return true;
    if (!p->seen)
        return durability_refuse(
            why, size, "Redis can't be looked at: allow the user CONFIG GET (+config|get)");
    if (!p->aof)
        return durability_refuse(why, size, "Redis has no append-only file: set appendonly yes");
    if (strcmp(p->fsync, "no") == 0)
        return durability_refuse(why, size,
                                 "Redis has appendfsync no: set appendfsync everysec or always");
    if (d == DURABILITY_EVERYSEC)
        return true;
    if (!*p->fsync)
        return durability_refuse(
            why, size, "appendfsync can't be looked at: allow the user CONFIG GET (+config|get)");
    if (strcmp(p->fsync, "always") != 0)
        return durability_refuse(why, size,
                                 "Redis has appendfsync everysec: set appendfsync always");
    if (d == DURABILITY_REPLICATED && p->min_replicas < 1)
        return durability_refuse(why, size,
                                 "Redis has min-replicas-to-write 0: set min-replicas-to-write 1");
    return true;
}
