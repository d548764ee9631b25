/* keys - see keys.h. Written by hand instead of snprintf: every append names four of them. */
#include "common/redis/keys.h"

#include <string.h>

static const char *const CHANNEL_SUFFIX[] = {
#define X(sym, suffix, type, holds) suffix,
    CHANNEL_KEYS(X)
#undef X
};
static const char *const PURGE_SUFFIX[] = {
#define X(sym, suffix, type, holds) suffix,
    PURGE_KEYS(X)
#undef X
};
static const char *const USER_SUFFIX[] = {
#define X(sym, suffix, type, holds) suffix,
    USER_KEYS(X)
#undef X
};
static const char *const GLOBAL_TEXT[] = {
#define X(sym, text, type, holds) text,
    GLOBAL_KEYS(X)
#undef X
};
static const char *const TAILED_TEXT[] = {
#define X(sym, text, type, holds) text,
    TAILED_KEYS(X)
#undef X
};

bool keyspace_init(struct keyspace *ks, const char *prefix) {
    size_t len = strlen(prefix);
    if (len == 0 || len > PREFIX_MAX)
        return false;
    if (strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:") != len)
        return false;
    memcpy(ks->prefix, prefix, len + 1);
    ks->len = len;
    return true;
}

/* Appends to the key at *at; the last call leaves a NUL behind. */
static char *key_put(char *at, const char *s, size_t len) {
    memcpy(at, s, len);
    at[len] = '\0';
    return at + len;
}

static char *put_str(char *at, const char *s) {
    return key_put(at, s, strlen(s));
}

static char *put_channel(const struct keyspace *ks, const struct channel_id *c, char *out) {
    char *p = key_put(out, ks->prefix, ks->len);
    p = key_put(p, "{c:", 3);
    p += channel_format(c, p);
    return key_put(p, "}:", 2);
}

size_t key_channel(const struct keyspace *ks, const struct channel_id *c, enum channel_key k,
                   char *out) {
    return (size_t)(put_str(put_channel(ks, c, out), CHANNEL_SUFFIX[k]) - out);
}

size_t key_sent(const struct keyspace *ks, const struct channel_id *c, const struct uuid *message,
                char *out) {
    char *p = key_put(put_channel(ks, c, out), "sent:", 5);
    uuid_format(message, p);
    return (size_t)(p + UUID_TEXT - out);
}

size_t key_purge(const struct keyspace *ks, const struct channel_id *c, enum purge_key k,
                 const struct uuid *purge, char *out) {
    char *p = put_str(put_channel(ks, c, out), PURGE_SUFFIX[k]);
    uuid_format(purge, p);
    return (size_t)(p + UUID_TEXT - out);
}

size_t key_user(const struct keyspace *ks, const struct uuid *u, enum user_key k, char *out) {
    char *p = key_put(out, ks->prefix, ks->len);
    p = key_put(p, "{u:", 3);
    uuid_write(u, p);
    p = key_put(p + UUID_TEXT, "}", 1);
    if (*USER_SUFFIX[k])
        p = put_str(key_put(p, ":", 1), USER_SUFFIX[k]);
    return (size_t)(p - out);
}

size_t key_global(const struct keyspace *ks, enum global_key k, char *out) {
    return (size_t)(put_str(key_put(out, ks->prefix, ks->len), GLOBAL_TEXT[k]) - out);
}

size_t key_tailed(const struct keyspace *ks, enum tailed_key k, const char *tail, size_t len,
                  char *out) {
    char *p = put_str(key_put(out, ks->prefix, ks->len), TAILED_TEXT[k]);
    size_t room = KEY_MAX - (size_t)(p - out);
    return (size_t)(key_put(p, tail, len < room ? len : room) - out);
}

/* Strips `<prefix><open>` from the front and `<close>` from the back; what is left, or NULL. */
static const char *between(const struct keyspace *ks, const char *key, size_t len, const char *open,
                           const char *close, size_t *inner) {
    size_t o = strlen(open), c = strlen(close);
    if (len < ks->len + o + c || memcmp(key, ks->prefix, ks->len) != 0 ||
        memcmp(key + ks->len, open, o) != 0 || memcmp(key + len - c, close, c) != 0)
        return NULL;
    *inner = len - ks->len - o - c;
    return key + ks->len + o;
}

bool key_parse_channel_bus(const struct keyspace *ks, const char *key, size_t len,
                           struct channel_id *out) {
    size_t n;
    const char *id = between(ks, key, len, "{c:", "}:bus", &n);
    return id && channel_parse(id, n, out);
}

bool key_parse_user_bus(const struct keyspace *ks, const char *key, size_t len, struct uuid *out) {
    size_t n;
    const char *id = between(ks, key, len, "{u:", "}:bus", &n);
    return id && uuid_read(id, n, out);
}

/* --- Every key --- */

/* clang-format off */
#define TYPES(TABLE) {TABLE(TYPE)}
/* clang-format on */
#define TYPE(sym, text, type, holds) type,

static const char *const CHANNEL_TYPES[] = TYPES(CHANNEL_KEYS);
static const char *const PURGE_TYPES[] = TYPES(PURGE_KEYS);
static const char *const USER_TYPES[] = TYPES(USER_KEYS);
static const char *const GLOBAL_TYPES[] = TYPES(GLOBAL_KEYS);
static const char *const TAILED_TYPES[] = TYPES(TAILED_KEYS);

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static bool is(const char *s, size_t len, const char *word) {
    return len == strlen(word) && memcmp(s, word, len) == 0;
}

static bool key_begins(const char *s, size_t len, const char *word) {
    return len >= strlen(word) && memcmp(s, word, strlen(word)) == 0;
}

static bool parse_channel_key(const char *rest, size_t len, struct key_name *out) {
    for (out->which = 0; out->which < COUNT(CHANNEL_SUFFIX); out->which++)
        if (is(rest, len, CHANNEL_SUFFIX[out->which])) {
            out->family = FAMILY_CHANNEL;
            out->type = CHANNEL_TYPES[out->which];
            return out->which != CHANNEL_BUS;
        }
    for (out->which = 0; out->which < COUNT(PURGE_SUFFIX); out->which++) {
        size_t n = strlen(PURGE_SUFFIX[out->which]);
        if (key_begins(rest, len, PURGE_SUFFIX[out->which])) {
            out->family = FAMILY_PURGE;
            out->type = PURGE_TYPES[out->which];
            return uuid_read(rest + n, len - n, &out->uuid);
        }
    }
    out->family = FAMILY_SENT;
    out->type = "string, TTL";
    return key_begins(rest, len, "sent:") && uuid_read(rest + 5, len - 5, &out->uuid);
}

static bool parse_user_key(const char *rest, size_t len, struct key_name *out) {
    out->family = FAMILY_USER;
    for (out->which = 0; out->which < COUNT(USER_SUFFIX); out->which++) {
        out->type = USER_TYPES[out->which];
        const char *suffix = USER_SUFFIX[out->which];
        if (*suffix ? len > 0 && *rest == ':' && is(rest + 1, len - 1, suffix) : len == 0)
            return out->which != USER_USER_BUS;
    }
    return false;
}

static bool parse_plain_key(const char *rest, size_t len, struct key_name *out) {
    for (out->which = 0; out->which < COUNT(GLOBAL_TEXT); out->which++)
        if (is(rest, len, GLOBAL_TEXT[out->which])) {
            out->family = FAMILY_GLOBAL;
            out->type = GLOBAL_TYPES[out->which];
            return out->which != KEY_ALL_BUS;
        }
    out->family = FAMILY_TAILED;
    for (out->which = 0; out->which < COUNT(TAILED_TEXT); out->which++) {
        size_t n = strlen(TAILED_TEXT[out->which]);
        if (key_begins(rest, len, TAILED_TEXT[out->which])) {
            out->type = TAILED_TYPES[out->which];
            out->tail = rest + n;
            out->tail_len = len - n;
            return out->tail_len > 0;
        }
    }
    return false;
}

bool key_parse(const struct keyspace *ks, const char *key, size_t len, struct key_name *out) {
    memset(out, 0, sizeof *out);
    if (len < ks->len || memcmp(key, ks->prefix, ks->len) != 0)
        return false;
    const char *rest = key + ks->len, *end = key + len;
    const char *close = memchr(rest, '}', (size_t)(end - rest));
    size_t inner = close ? (size_t)(close - rest) : 0;
    if (inner > 3 && memcmp(rest, "{c:", 3) == 0)
        return channel_parse(rest + 3, inner - 3, &out->channel) && end - close > 2 &&
               close[1] == ':' && parse_channel_key(close + 2, (size_t)(end - close - 2), out);
    if (inner > 3 && memcmp(rest, "{u:", 3) == 0)
        return uuid_read(rest + 3, inner - 3, &out->uuid) &&
               parse_user_key(close + 1, (size_t)(end - close - 1), out);
    return parse_plain_key(rest, (size_t)(end - rest), out);
}
