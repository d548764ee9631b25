/* redis_uri - see redis_uri.h. No message repeats any of the text: a password that holds an
 * unescaped '/' or '@' ends up in what looks like the host, the port or the database. */
#include "common/redis/redis_uri.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#define FORMS                                                                                      \
    "redis://[user:pass@]host[:port][/db], unix://[user:pass@]path[?db=N], embedded[:DIR], "       \
    "sentinel://[user:pass@]host[:port],…/name[/db] or cluster://[user:pass@]host[:port],…"
#define DB_MAX 65535
#define SYSTEM_DIR "/var/lib/chatd"

static bool uri_refuse(char *why, size_t size, const char *text) {
    snprintf(why, size, "%s", text);
    return false;
}

static bool copy(const char *s, size_t len, char *out, size_t size) {
    if (len >= size || memchr(s, '\0', len))
        return false;
    memcpy(out, s, len);
    out[len] = '\0';
    return true;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdefABCDEF", *p = c ? strchr(digits, c) : NULL;
    int v = p ? (int)(p - digits) : -1;
    return v < 16 ? v : v - 6;
}

/* RFC 3986 section 2.1. False: a bad escape, an escaped NUL, or too long. */
static bool percent_decode(const char *s, size_t len, char *out, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool uri_number(const char *s, size_t len, unsigned max, unsigned *out) {
    unsigned long v = 0;
    if (len == 0 || len > 9)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (unsigned long)(s[i] - '0');
    }
    *out = (unsigned)v;
    return v <= max;
}

static bool parse_credentials(const char *s, size_t len, struct redis_uri *u, char *why,
                              size_t size) {
    const char *colon = memchr(s, ':', len);
    if (!colon)
        return uri_refuse(why, size, "expected user:password@ or :password@ before the host");
    const char *password = colon + 1;
    if (!percent_decode(s, (size_t)(colon - s), u->user, sizeof u->user) ||
        !percent_decode(password, (size_t)(s + len - password), u->password, sizeof u->password))
        return uri_refuse(why, size, "the user or the password is too long or has a bad %XX in it");
    return true;
}

static bool is_host_name(const char *s) {
    return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")];
}

/* host, host:port, [v6] or [v6]:port; without a port `out` keeps the one it has */
static bool parse_address(const char *s, size_t len, struct redis_address *out, char *why,
                          size_t size) {
    const char *end = s + len, *port;
    if (len && *s == '[') {
        const char *close = memchr(s, ']', len);
        struct in6_addr v6;
        if (!close || !copy(s + 1, (size_t)(close - s - 1), out->host, sizeof out->host) ||
            inet_pton(AF_INET6, out->host, &v6) != 1)
            return uri_refuse(why, size, "not an IPv6 address between the brackets");
        port = close + 1;
    } else {
        port = memchr(s, ':', len);
        if (!port)
            port = end;
        if (!copy(s, (size_t)(port - s), out->host, sizeof out->host) || !is_host_name(out->host))
            return uri_refuse(
                why, size,
                "the host is missing or not a host name (in a password write @ as %40, "
                "/ as %2F, : as %3A)");
    }
    if (port == end)
        return true;
    if (*port != ':' || !uri_number(port + 1, (size_t)(end - port - 1), 65535, &out->port) ||
        !out->port)
        return uri_refuse(why, size, "the port must be a number from 1 to 65535");
    return true;
}

/* Takes user:password@ off the front of *s, if it is there. */
static bool take_credentials(const char **s, size_t *len, struct redis_uri *u, char *why,
                             size_t size) {
    const char *at = memrchr(*s, '@', *len);
    if (!at)
        return true;
    if (!parse_credentials(*s, (size_t)(at - *s), u, why, size))
        return false;
    *len -= (size_t)(at + 1 - *s);
    *s = at + 1;
    return true;
}

static bool parse_db(const char *db, struct redis_uri *u, char *why, size_t size) {
    if (*db && !uri_number(db, strlen(db), DB_MAX, &u->db))
        return uri_refuse(why, size, "the database after the / must be a number from 0 to 65535");
    return true;
}

static bool parse_tcp(const char *s, struct redis_uri *u, char *why, size_t size) {
    size_t len = strcspn(s, "/");
    const char *db = s[len] ? s + len + 1 : "";
    struct redis_address at = {.port = 6379};
    u->kind = REDIS_TCP;
    if (!take_credentials(&s, &len, u, why, size) || !parse_address(s, len, &at, why, size))
        return false;
    memcpy(u->host, at.host, sizeof u->host);
    u->port = at.port;
    return parse_db(db, u, why, size);
}

/* host[:port],host[:port],… */
static bool parse_seeds(const char *s, size_t len, unsigned port, struct redis_uri *u, char *why,
                        size_t size) {
    for (const char *end = s + len;; s++) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        size_t n = (size_t)((comma ? comma : end) - s);
        if (u->seed_count == REDIS_SEEDS_MAX)
            return uri_refuse(why, size, "more than 16 hosts: any few of them will do");
        u->seeds[u->seed_count].port = port;
        if (!parse_address(s, n, &u->seeds[u->seed_count++], why, size))
            return false;
        s += n;
        if (!comma)
            return true;
    }
}

static bool is_master_name(const char *s) { /* what Sentinel takes for one */
    return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")];
}

static bool parse_sentinel(const char *s, struct redis_uri *u, char *why, size_t size) {
    size_t len = strcspn(s, "/");
    const char *name = s[len] ? s + len + 1 : "";
    size_t name_len = strcspn(name, "/");
    const char *db = name[name_len] ? name + name_len + 1 : "";
    u->kind = REDIS_SENTINEL;
    if (!take_credentials(&s, &len, u, why, size) || !parse_seeds(s, len, 26379, u, why, size))
        return false;
    if (!copy(name, name_len, u->name, sizeof u->name) || !is_master_name(u->name))
        return uri_refuse(
            why, size,
            "after the sentinels /NAME must follow, as they call the master (A-Z a-z 0-9 "
            "- . _)");
    return parse_db(db, u, why, size);
}

static bool parse_cluster(const char *s, struct redis_uri *u, char *why, size_t size) {
    size_t len = strcspn(s, "/");
    u->kind = REDIS_CLUSTER;
    if (s[len] && s[len + 1])
        return uri_refuse(why, size,
                          "a Cluster has no numbered databases: nothing may follow the hosts");
    return take_credentials(&s, &len, u, why, size) && parse_seeds(s, len, 6379, u, why, size);
}

static bool parse_unix(const char *s, struct redis_uri *u, char *why, size_t size) {
    size_t host = strcspn(s, "/"); /* there is none, but whoever one is may stand before it */
    const char *at = memrchr(s, '@', host);
    u->kind = REDIS_UNIX;
    if (at) {
        if (!parse_credentials(s, (size_t)(at - s), u, why, size))
            return false;
        s = at + 1;
    }
    size_t len = strcspn(s, "?");
    if (len == 0)
        return uri_refuse(why, size, "the socket's path is missing");
    if (len >= sizeof((struct sockaddr_un *)0)->sun_path || !copy(s, len, u->path, sizeof u->path))
        return uri_refuse(why, size, "the socket's path is longer than the system allows");
    const char *query = s + len;
    if (!*query)
        return true;
    if (strncmp(query, "?db=", 4) != 0 || !uri_number(query + 4, strlen(query + 4), DB_MAX, &u->db))
        return uri_refuse(why, size, "after the path only ?db=N may follow, N from 0 to 65535");
    return true;
}

static bool parse_embedded(const char *s, struct redis_uri *u, char *why, size_t size) {
    u->kind = REDIS_EMBEDDED;
    if (!*s)
        return true;
    if (!s[1] || !copy(s + 1, strlen(s + 1), u->path, sizeof u->path))
        return uri_refuse(why, size, "the directory after embedded: is missing or too long");
    return true;
}

static bool uri_starts(const char *text, const char *scheme) {
    return !strncasecmp(text, scheme, strlen(scheme));
}

static bool parse(const char *text, struct redis_uri *out, char *why, size_t size) {
    if (uri_starts(text, "redis://"))
        return parse_tcp(text + strlen("redis://"), out, why, size);
    if (uri_starts(text, "unix://"))
        return parse_unix(text + strlen("unix://"), out, why, size);
    if (uri_starts(text, "embedded") && (!text[8] || text[8] == ':'))
        return parse_embedded(text + strlen("embedded"), out, why, size);
    if (uri_starts(text, "sentinel://"))
        return parse_sentinel(text + strlen("sentinel://"), out, why, size);
    if (uri_starts(text, "cluster://"))
        return parse_cluster(text + strlen("cluster://"), out, why, size);
    if (uri_starts(text, "rediss://"))
        return uri_refuse(why, size, "rediss:// is not there yet; expected " FORMS);
    return uri_refuse(why, size, "expected " FORMS);
}

bool redis_uri_parse(const char *text, struct redis_uri *out, char *why, size_t size) {
    *out = (struct redis_uri){0};
    if (parse(text, out, why, size))
        return true;
    *out = (struct redis_uri){0}; /* no half of a password stays behind */
    return false;
}

bool redis_address_eq(const struct redis_address *a, const struct redis_address *b) {
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void show_address(const char *host, unsigned port, char *out, size_t size) {
    const char *v6 = strchr(host, ':');
    snprintf(out, size, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static void show_seeds(const struct redis_uri *u, const char *scheme, char *out, size_t size) {
    size_t n = (size_t)snprintf(out, size, "%s://", scheme);
    for (unsigned i = 0; i < u->seed_count && n + 1 < size; i++) {
        if (i)
            snprintf(out + n, size - n, ",");
        n += strlen(out + n);
        show_address(u->seeds[i].host, u->seeds[i].port, out + n, size - n);
        n += strlen(out + n);
    }
    if (u->kind == REDIS_SENTINEL && n + 1 < size)
        snprintf(out + n, size - n, "/%s/%u", u->name, u->db);
}

const char *redis_uri_show(const struct redis_uri *u, char *out, size_t size) {
    char at[300];
    switch (u->kind) {
    case REDIS_TCP:
        show_address(u->host, u->port, at, sizeof at);
        snprintf(out, size, "redis://%s/%u", at, u->db);
        break;
    case REDIS_UNIX:
        if (u->db)
            snprintf(out, size, "unix://%s?db=%u", u->path, u->db);
        else
            snprintf(out, size, "unix://%s", u->path);
        break;
    case REDIS_EMBEDDED:
        snprintf(out, size, "embedded%s%s", *u->path ? ":" : "", u->path);
        break;
    case REDIS_SENTINEL:
        show_seeds(u, "sentinel", out, size);
        break;
    case REDIS_CLUSTER:
        show_seeds(u, "cluster", out, size);
        break;
    }
    return out;
}

/* Whether this process, as whom it acts, may write in `dir`. */
static bool writable(const char *dir) {
    return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
}

bool redis_uri_default_dir(char *out, size_t size) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = -1;
    /* the XDG base directory specification: a relative path is to be ignored */
    if (state && *state == '/')
        n = snprintf(out, size, "%s/chatd", state);
    else if (writable(SYSTEM_DIR) || (errno == ENOENT && writable("/var/lib")))
        n = snprintf(out, size, "%s", SYSTEM_DIR);
    else if (home && *home == '/')
        n = snprintf(out, size, "%s/.local/state/chatd", home);
    return n >= 0 && (size_t)n < size;
}
