/* keys - see keys.h. Written by hand instead of snprintf: every append names four of them. */
#include "common/keys.h"

#include <string.h>

static const char *const CHANNEL_SUFFIX[] = {
#define X(sym, suffix, type, holds) suffix,
    CHANNEL_KEYS(X)
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
static char *put(char *at, const char *s, size_t len) {
    memcpy(at, s, len);
    at[len] = '\0';
    return at + len;
}

static char *put_str(char *at, const char *s) {
    return put(at, s, strlen(s));
}

static char *put_channel(const struct keyspace *ks, const struct channel_id *c, char *out) {
    char *p = put(out, ks->prefix, ks->len);
    p = put(p, "{c:", 3);
    p += channel_format(c, p);
    return put(p, "}:", 2);
}

size_t key_channel(const struct keyspace *ks, const struct channel_id *c, enum channel_key k,
                   char *out) {
    return (size_t)(put_str(put_channel(ks, c, out), CHANNEL_SUFFIX[k]) - out);
}

size_t key_sent(const struct keyspace *ks, const struct channel_id *c, const struct uuid *message,
                char *out) {
    char *p = put(put_channel(ks, c, out), "sent:", 5);
    uuid_format(message, p);
    return (size_t)(p + UUID_TEXT - out);
}

size_t key_user(const struct keyspace *ks, const struct uuid *u, enum user_key k, char *out) {
    char *p = put(out, ks->prefix, ks->len);
    p = put(p, "{u:", 3);
    uuid_write(u, p);
    p = put(p + UUID_TEXT, "}", 1);
    if (*USER_SUFFIX[k])
        p = put_str(put(p, ":", 1), USER_SUFFIX[k]);
    return (size_t)(p - out);
}

size_t key_global(const struct keyspace *ks, enum global_key k, char *out) {
    return (size_t)(put_str(put(out, ks->prefix, ks->len), GLOBAL_TEXT[k]) - out);
}

size_t key_tailed(const struct keyspace *ks, enum tailed_key k, const char *tail, size_t len,
                  char *out) {
    char *p = put_str(put(out, ks->prefix, ks->len), TAILED_TEXT[k]);
    size_t room = KEY_MAX - (size_t)(p - out);
    return (size_t)(put(p, tail, len < room ? len : room) - out);
}

/* Strips `<prefix><open>` from the front and `<close>` from the back; what is left, or NULL. */
static const char *between(const struct keyspace *ks, const char *key, size_t len,
                           const char *open, const char *close, size_t *inner) {
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
