/* ws_url - see ws_url.h. */
#include "common/client/ws_url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PORT_WS 80
#define PORT_WSS 443
#define PORT_LOCAL 8080 /* chatd's own default */
#define PATH_DEFAULT "/ws"

static bool url_fail(char *why, size_t size, const char *what) {
    snprintf(why, size, "%s", what);
    return false;
}

static bool url_begins(const char *text, const char *prefix) {
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Nothing that could end a header line, or be taken for something else by a reader. */
static bool is_clean(const char *text) {
    for (const char *c = text; *c; c++)
        if (*c <= 0x20 || *c >= 0x7F || *c == '#' || *c == '\\' || *c == '"')
            return false;
    return true;
}

static bool is_loopback(const struct ws_url *u) {
    struct in_addr v4;
    struct in6_addr v6;
    if (u->v6)
        return inet_pton(AF_INET6, u->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    if (inet_pton(AF_INET, u->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcasecmp(u->host, "localhost") == 0;
}

static bool is_name(const char *host) {
    for (const char *c = host; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9') &&
            !strchr("-._", *c))
            return false;
    return *host && *host != '.' && *host != '-';
}

/* HOST or [V6] at `text`, of n bytes. */
static bool read_host(const char *text, size_t n, struct ws_url *out, char *why, size_t size) {
    struct in6_addr v6;
    out->v6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (out->v6) {
        text++;
        n -= 2;
    }
    if (n > WS_URL_HOST_MAX)
        return url_fail(why, size, "the host's name is too long");
    memcpy(out->host, text, n);
    out->host[n] = '\0';
    if (out->v6)
        return inet_pton(AF_INET6, out->host, &v6) == 1 ||
               url_fail(why, size, "what stands in brackets is no IPv6 address");
    return is_name(out->host) || url_fail(why, size, "there is no host's name in it");
}

/* Digits up to the end of n bytes. */
static bool read_port(const char *text, size_t n, uint16_t *port, char *why, size_t size) {
    unsigned v = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || v > UINT16_MAX)
            return url_fail(why, size, "the port is no number");
        v = 10 * v + (unsigned)(text[i] - '0');
    }
    if (n == 0 || v == 0 || v > UINT16_MAX)
        return url_fail(why, size, "the port is not from 1 to 65535");
    *port = (uint16_t)v;
    return true;
}

bool ws_url_parse(const char *text, struct ws_url *out, char *why, size_t size) {
    bool ws = url_begins(text, "ws://"), wss = url_begins(text, "wss://");
    *out = (struct ws_url){.tls = wss};
    if (!is_clean(text))
        return url_fail(why, size, "only printable ASCII, without spaces and #, makes an address");
    if (!ws && !wss && strstr(text, "://"))
        return url_fail(why, size, "an address begins with ws:// or wss://");
    text += ws || wss ? strcspn(text, "/") + 2 : 0;
    size_t authority = strcspn(text, "/?");
    if (memchr(text, '@', authority))
        return url_fail(why, size, "names and passwords have no place in an address");
    size_t host = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/?");
    if (host > authority)
        return url_fail(why, size, "a bracket is missing");
    if (!read_host(text, host, out, why, size))
        return false;
    out->local = is_loopback(out);
    if (!ws && !wss)
        out->tls = !out->local;
    out->port = ws ? PORT_WS : PORT_LOCAL;
    if (out->tls)
        out->port = PORT_WSS;
    if (host < authority && text[host] != ':')
        return url_fail(why, size, "something stands between host and port");
    if (host < authority &&
        !read_port(text + host + 1, authority - host - 1, &out->port, why, size))
        return false;
    const char *path = text + authority;
    if (strlen(path) > WS_URL_PATH_MAX - 1)
        return url_fail(why, size, "the path is too long");
    snprintf(out->path, sizeof out->path, "%s%s", *path == '?' ? "/" : "",
             *path && strcmp(path, "/") != 0 ? path : PATH_DEFAULT);
    return true;
}

void ws_url_format(const struct ws_url *u, char out[WS_URL_TEXT]) {
    char port[8] = "";
    if (u->port != (u->tls ? PORT_WSS : PORT_WS))
        snprintf(port, sizeof port, ":%u", u->port);
    snprintf(out, WS_URL_TEXT, "%s://%s%s%s%s%s", u->tls ? "wss" : "ws", u->v6 ? "[" : "", u->host,
             u->v6 ? "]" : "", port, u->path);
}
