/* head - see head.h. */
#include "chatd/head.h"

#include <string.h>
#include <strings.h>

size_t head_length(const char *bytes, size_t len) {
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* Without its CR LF; all there is, if none has come. */
static size_t line_length(const char *head, size_t len) {
    const char *end = memmem(head, len, "\r\n", 2);
    return end ? (size_t)(end - head) : len;
}

bool head_is_http_1_1(const char *head, size_t len) {
    static const char version[] = " HTTP/1.1";
    size_t n = sizeof version - 1, line = line_length(head, len);
    return line < len && line >= n && memcmp(head + line - n, version, n) == 0;
}

static size_t length_until(const char *s, size_t len, char end) {
    const char *found = memchr(s, end, len);
    return found ? (size_t)(found - s) : len;
}

static bool is_word(const char *s, size_t len, const char *word) {
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

bool head_line_read(const char *head, size_t len, struct head_line *out) {
    static const char version[] = " HTTP/1.";
    size_t line = line_length(head, len), method = length_until(head, line, ' ');
    const char *target = head + method + (method < line);
    size_t left = line - (size_t)(target - head), size = length_until(target, left, ' ');
    if (left - size < sizeof version - 1 || memcmp(target + size, version, sizeof version - 1) != 0)
        return false;
    out->method = is_word(head, method, "GET")    ? HEAD_GET
                  : is_word(head, method, "HEAD") ? HEAD_HEAD
                                                  : HEAD_OTHER;
    out->path = target;
    out->path_len = length_until(target, size, '?');
    return true;
}

/* --- Origin (RFC 6454) --- */

/* The host in "scheme://host[:port]" or "host[:port]": *s moves on to it. */
static size_t host_part(const char **s) {
    const char *scheme = strstr(*s, "://");
    if (scheme)
        *s = scheme + 3;
    size_t n = **s == '[' ? strcspn(*s, "]") : strcspn(*s, ":/");
    return n + (**s == '[' && (*s)[n]);
}

static bool host_is(const char *host, size_t len, const char *name) {
    return len > 0 && strlen(name) == len && strncasecmp(host, name, len) == 0;
}

static bool listed(const char *list, const char *origin) {
    size_t n = strlen(origin);
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ",");
        if ((len == 1 && *p == '*') || (len > 0 && len == n && strncasecmp(p, origin, n) == 0))
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

bool head_origin_allowed(const char *origin, const char *host, const char *list) {
    if (listed(list, origin))
        return true;
    if (!strstr(origin, "://"))
        return false; /* "null": a sandboxed page, whose it may ever be */
    const char *from = origin, *to = host;
    size_t from_len = host_part(&from), to_len = host_part(&to);
    return host_is(from, from_len, "localhost") || host_is(from, from_len, "127.0.0.1") ||
           host_is(from, from_len, "[::1]") ||
           (from_len > 0 && from_len == to_len && strncasecmp(from, to, to_len) == 0);
}
