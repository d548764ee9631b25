/* proxy - see proxy.h. */
#include "chatd/net/proxy.h"

#include "chatd/net/head.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64 /* an address as text, with brackets and port */
#define V1_MAX 107  /* bytes of a version 1 header with its end */
#define V2_HEAD 16  /* bytes of version 2 before the addresses */

/* --- Addresses --- */

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:80", "[2001:db8::1]:80", "[2001:db8::1]". */
static bool read_address(const char *s, size_t len, union proxy_address *out) {
    char text[TEXT_MAX];
    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, s, len);
    text[len] = '\0';
    char *host = text, *colon = strchr(text, ':');
    if (*text == '[') {
        host = text + 1;
        char *end = strchr(host, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        *end = '\0';
    } else if (colon && colon == strrchr(text, ':'))
        *colon = '\0';
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->sa.sa_family = AF_INET;
        return true;
    }
    out->sa.sa_family = AF_INET6;
    return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
}

static bool as_v6(const struct sockaddr *sa, unsigned char ip[16]) {
    memset(ip, 0, 16);
    if (sa->sa_family == AF_INET) {
        ip[10] = ip[11] = 0xff;
        memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6)
        memcpy(ip, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    else
        return false;
    return true;
}

/* --- Networks --- */

static bool read_network(const char *s, size_t len, struct network *out) {
    const char *slash = memchr(s, '/', len);
    size_t host = slash ? (size_t)(slash - s) : len;
    union proxy_address at;
    if (memchr(s, '[', host) || !read_address(s, host, &at) || !as_v6(&at.sa, out->ip))
        return false;
    unsigned max = at.sa.sa_family == AF_INET ? 32 : 128;
    out->bits = max;
    if (slash) {
        char digits[4] = "";
        size_t n = len - host - 1;
        if (n == 0 || n >= sizeof digits || strspn(slash + 1, "0123456789") < n)
            return false;
        memcpy(digits, slash + 1, n);
        out->bits = (unsigned)strtoul(digits, NULL, 10);
    }
    if (out->bits > max)
        return false;
    out->bits += 128 - max;
    return true;
}

bool networks_parse(struct networks *out, const char *text, char *why, size_t size) {
    *out = (struct networks){.n = 0};
    for (const char *s = text; *s;) {
        size_t len = strcspn(s, ", ");
        if (len == 4 && memcmp(s, "unix", 4) == 0)
            out->local = true;
        else if (len && (out->n == NETWORKS_MAX || !read_network(s, len, &out->list[out->n++]))) {
            snprintf(why, size,
                     "trusted-proxy: %.*s: expected addresses and networks such as "
                     "192.0.2.0/24, or unix, %d at most",
                     (int)len, s, NETWORKS_MAX);
            return false;
        }
        s += len;
        s += strspn(s, ", ");
    }
    return true;
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

bool networks_hold(const struct networks *n, const struct sockaddr *sa) {
    unsigned char ip[16];
    if (!as_v6(sa, ip))
        return n->local;
    for (unsigned i = 0; i < n->n; i++)
        if (same_bits(ip, n->list[i].ip, n->list[i].bits))
            return true;
    return false;
}

/* --- The PROXY protocol, section 2.1: PROXY TCP4 192.0.2.1 192.0.2.2 4711 80 --- */

static enum proxy_verdict version_1(const char *bytes, size_t len, size_t *used,
                                    union proxy_address *out) {
    static const char magic[] = "PROXY ";
    const char *end = memmem(bytes, len < V1_MAX ? len : V1_MAX, "\r\n", 2);
    size_t n = sizeof magic - 1;
    if (memcmp(bytes, magic, len < n ? len : n) != 0)
        return PROXY_NONE;
    if (!end)
        return len < V1_MAX ? PROXY_MORE : PROXY_BAD;
    *used = (size_t)(end - bytes) + 2;
    const char *family = bytes + n;
    size_t left = (size_t)(end - family);
    if (left >= 7 && memcmp(family, "UNKNOWN", 7) == 0)
        return PROXY_NOT_SAID;
    if (left < 5 || (memcmp(family, "TCP4 ", 5) != 0 && memcmp(family, "TCP6 ", 5) != 0))
        return PROXY_BAD;
    const char *source = family + 5, *space = memchr(source, ' ', left - 5);
    int expected = family[3] == '4' ? AF_INET : AF_INET6;
    return space && read_address(source, (size_t)(space - source), out) &&
                   out->sa.sa_family == expected
               ? PROXY_FOUND
               : PROXY_BAD;
}

/* Section 2.2: a signature, version and command, family and protocol, length; then the addresses.
 */
static enum proxy_verdict version_2(const char *bytes, size_t len, size_t *used,
                                    union proxy_address *out) {
    static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
    const unsigned char *b = (const unsigned char *)bytes;
    if (memcmp(bytes, signature, len < sizeof signature ? len : sizeof signature) != 0)
        return PROXY_NONE;
    if (len < V2_HEAD)
        return PROXY_MORE;
    size_t size = (size_t)(b[14] << 8 | b[15]);
    if (b[12] >> 4 != 2 || (b[12] & 15) > 1 || size > PROXY_HEADER_MAX - V2_HEAD)
        return PROXY_BAD;
    *used = V2_HEAD + size;
    if (len < *used)
        return PROXY_MORE;
    memset(out, 0, sizeof *out);
    if ((b[12] & 15) == 0) /* LOCAL: a health check of the proxy */
        return PROXY_NOT_SAID;
    if (b[13] == 0x11 && size >= 12) {
        out->sa.sa_family = AF_INET;
        memcpy(&out->v4.sin_addr, b + V2_HEAD, 4);
        return PROXY_FOUND;
    }
    if (b[13] == 0x21 && size >= 36) {
        out->sa.sa_family = AF_INET6;
        memcpy(&out->v6.sin6_addr, b + V2_HEAD, 16);
        return PROXY_FOUND;
    }
    return b[13] == 0x11 || b[13] == 0x21 ? PROXY_BAD : PROXY_NOT_SAID;
}

enum proxy_verdict proxy_header(const char *bytes, size_t len, size_t *used,
                                union proxy_address *out) {
    enum proxy_verdict v = version_1(bytes, len, used, out);
    return v == PROXY_NONE ? version_2(bytes, len, used, out) : v;
}

/* --- X-Forwarded-For --- */

/* Only the last such line counts: the proxy that speaks to us wrote it. */
static const char *last_forwarded(const char *head, size_t len, size_t *n) {
    return head_last(head, len, "X-Forwarded-For", n);
}

bool proxy_is_forwarded(const char *head, size_t len) {
    size_t n;
    return last_forwarded(head, len, &n) != NULL;
}

bool proxy_forwarded(const char *head, size_t len, const struct networks *trusted,
                     union proxy_address *out) {
    size_t n = 0;
    const char *list = last_forwarded(head, len, &n);
    while (list && n > 0) {
        size_t from = n;
        while (from > 0 && list[from - 1] != ',')
            from--;
        const char *s = list + from;
        size_t size = n - from;
        head_trim(&s, &size);
        if (!read_address(s, size, out))
            return false;
        if (!networks_hold(trusted, &out->sa))
            return true;
        n = from ? from - 1 : 0;
    }
    return false;
}
