/* head - what chatd itself reads in the head of an HTTP request: where it ends, its version, which
 * page is asked for, and whose web page it comes from. Pure. (The WebSocket's own headers are
 * lws'.) */
#ifndef CHATD_NET_HEAD_H
#define CHATD_NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the head up to and with its empty line; 0: it isn't all there. */
size_t head_length(const char *bytes, size_t len);

/* Can a request begin so? Else it is TLS, a binary protocol or nothing at all. */
bool head_may_begin(char first);

/* The fault of a whole head, or NULL. lws takes any version and none, any Upgrade, and what it
 * makes of a body, a folded line, two hosts or a NUL is better not found out: a client that asks
 * for a WebSocket sends none of them. */
const char *head_problem(const char *head, size_t len);

/* The value of the last header line of that name, in any case, and its length in *n; NULL: there is
 * none. Of one that may stand there several times the last was written by the nearest proxy. */
const char *head_last(const char *head, size_t len, const char *name, size_t *n);

/* Without the white space around it (RFC 9110 section 5.6.3: blanks and tabs). */
void head_trim(const char **s, size_t *len);

enum head_method { HEAD_GET, HEAD_HEAD, HEAD_OTHER };
struct head_line {
    enum head_method method;
    const char *path; /* inside the head, without its query */
    size_t path_len;
};
/* The request line. False: it is none of HTTP/1. */
bool head_line_read(const char *head, size_t len, struct head_line *out);

/* May a page of this Origin connect? Those in `list` may (by comma; "*" is any), those of the
 * loopback, and those of the host that was asked (`host`, the Host header; "": not said). */
bool head_origin_allowed(const char *origin, const char *host, const char *list);

#endif
