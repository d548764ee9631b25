/* head - see head.h. */
#include "chatd/net/head.h"

#include <string.h>
#include <strings.h>

#define HEADERS_MAX 100

size_t head_length(const char *bytes, size_t len) {
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

void head_trim(const char **s, size_t *len) {
    for (; *len && (**s == ' ' || **s == '\t'); --*len)
        ++*s;
    while (*len && ((*s)[*len - 1] == ' ' || (*s)[*len - 1] == '\t'))
        --*len;
}

/* Without its CR LF; all there is, if none has come. */
static size_t line_length(const char *head, size_t len) {
    const char *end = memmem(head, len, "\r\n", 2);
    return end ? (size_t)(end - head) : len;
}

bool head_may_begin(char first) {
    return (first >= 'A' && first <= 'Z') || first == '\r' || first == '\n';
}

static bool is_http_1_1(const char *line, size_t len) {
    static const char version[] = " HTTP/1.1";
    size_t n = sizeof version - 1;
    return len >= n && memcmp(line + len - n, version, n) == 0;
}

static bool is_plain(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
            return false;
    return true;
}

/* The length of the name that a header line begins with; 0: it has none (RFC 9110 section 5.6.2).
 */
static size_t name_length(const char *line, size_t len) {
    size_t n = 0;
    while (n < len && line[n] > ' ' && line[n] < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", line[n]))
        n++;
    return n < len && line[n] == ':' ? n : 0;
}

static bool is_word(const char *s, size_t len, const char *word) {
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

static bool is_named(const char *line, size_t len, const char *name) {
    return strlen(name) == len && strncasecmp(line, name, len) == 0;
}

/* The value behind the name, without white space around it. */
static const char *value_at(const char *line, size_t len, size_t name, size_t *size) {
    const char *value = line + name + 1;
    *size = len - name - 1;
    head_trim(&value, size);
    return value;
}

static const char *line_problem(const char *line, size_t len) {
    size_t name = name_length(line, len), size;
    if (name == 0 || !is_plain(line, len))
        return "malformed header";
    const char *value = value_at(line, len, name, &size);
    if (is_named(line, name, "Transfer-Encoding") ||
        (is_named(line, name, "Content-Length") && !is_word(value, size, "0")))
        return "a body";
    if (is_named(line, name, "Upgrade") && !is_named(value, size, "websocket"))
        return "another protocol";
    return NULL;
}

const char *head_problem(const char *head, size_t len) {
    const char *end = head + len - 2; /* the empty line */
    size_t size = line_length(head, len), lines = 0, hosts = 0;
    if (!is_plain(head, size) || !is_http_1_1(head, size))
        return "not HTTP/1.1";
    for (const char *line = head + size + 2; line < end; line += size + 2) {
        size = line_length(line, (size_t)(end - line));
        const char *problem = line_problem(line, size);
        if (problem)
            return problem;
        hosts += size >= 5 && is_named(line, 5, "Host:");
        lines++;
    }
    if (lines > HEADERS_MAX)
        return "too many headers";
    return hosts != 1 ? "not one Host" : NULL;
}

size_t head_count(const char *head, size_t len, const char *name) {
    const char *end = head + len;
    size_t size, named = strlen(name), count = 0;
    for (const char *line = head; line < end; line += size + 2) {
        size = line_length(line, (size_t)(end - line));
        count += size > named && line[named] == ':' && is_named(line, named, name);
    }
    return count;
}

const char *head_last(const char *head, size_t len, const char *name, size_t *n) {
    const char *found = NULL, *end = head + len;
    size_t size, named = strlen(name);
    for (const char *line = head; line < end; line += size + 2) {
        size = line_length(line, (size_t)(end - line));
        if (size <= named || line[named] != ':' || !is_named(line, named, name))
            continue;
        found = line + named + 1;
        *n = size - named - 1;
    }
    return found;
}

static const char *listed_word(const char *list, size_t len, const char *word) {
    while (len) {
        const char *comma = memchr(list, ',', len), *item = list;
        size_t n = comma ? (size_t)(comma - list) : len, used = n + (comma != NULL);
        head_trim(&item, &n);
        if (is_named(item, n, word))
            return item;
        list += used;
        len -= used;
    }
    return NULL;
}

const char *head_lists(const char *head, size_t len, const char *name, const char *word) {
    const char *end = head + len, *found = NULL;
    size_t size, named = strlen(name);
    for (const char *line = head; line < end && !found; line += size + 2) {
        size = line_length(line, (size_t)(end - line));
        if (size > named && line[named] == ':' && is_named(line, named, name))
            found = listed_word(line + named + 1, size - named - 1, word);
    }
    return found;
}

static size_t length_until(const char *s, size_t len, char end) {
    const char *found = memchr(s, end, len);
    return found ? (size_t)(found - s) : len;
}

/* "http://host/path", which a server has to take as well (RFC 9112 section 3.2.2), to "/path". */
static void skip_authority(const char **target, size_t *size) {
    static const char scheme[] = "http://", secure[] = "https://";
    size_t n = 0;
    if (*size >= sizeof scheme - 1 && strncasecmp(*target, scheme, sizeof scheme - 1) == 0)
        n = sizeof scheme - 1;
    else if (*size >= sizeof secure - 1 && strncasecmp(*target, secure, sizeof secure - 1) == 0)
        n = sizeof secure - 1;
    if (n == 0)
        return;
    while (n < *size && !strchr("/?", (*target)[n]))
        n++;
    *target += n;
    *size -= n;
}

bool head_line_read(const char *head, size_t len, struct head_line *out) {
    static const char version[] = " HTTP/1.";
    size_t line = line_length(head, len), method = length_until(head, line, ' ');
    const char *target = head + method + (method < line);
    size_t left = line - (size_t)(target - head), size = length_until(target, left, ' ');
    if (left - size < sizeof version - 1 || memcmp(target + size, version, sizeof version - 1) != 0)
        return false;
    out->method = HEAD_OTHER;
    if (is_word(head, method, "GET"))
        out->method = HEAD_GET;
    else if (is_word(head, method, "HEAD"))
        out->method = HEAD_HEAD;
    skip_authority(&target, &size);
    out->path = target;
    out->path_len = length_until(target, size, '?');
    out->query = out->path_len < size;
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
    return is_named(from, from_len, "localhost") || is_named(from, from_len, "127.0.0.1") ||
           is_named(from, from_len, "[::1]") ||
           (from_len > 0 && from_len == to_len && strncasecmp(from, to, to_len) == 0);
}
