/* head - what is read in the head of an HTTP request: where it ends, its version, which page is
 * asked for, and whose web page it comes from. Pure. */
#ifndef CHATD_NET_HEAD_H
#define CHATD_NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the head up to and with its empty line; 0: it isn't all there. */
size_t head_length(const char *bytes, size_t len);

/* Can a request begin so? Else it is TLS, a binary protocol or nothing at all. */
bool head_may_begin(char first);

/* The fault of a whole head, or NULL. It is strict: a client that asks for a WebSocket sends no
 * body, folded line, second host or NUL, and no proxy can make something else of what is left. */
const char *head_problem(const char *head, size_t len);

/* How many header lines have that name. */
size_t head_count(const char *head, size_t len, const char *name);

/* The value of the last header line of that name, in any case, and its length in *n; NULL: there is
 * none. Of one that may stand there several times the last was written by the nearest proxy. */
const char *head_last(const char *head, size_t len, const char *name, size_t *n);

/* The first of the items that the lines of that name list, by comma, that is this word in any case;
 * NULL: none is. */
const char *head_lists(const char *head, size_t len, const char *name, const char *word);

/* Without the white space around it (RFC 9110 section 5.6.3: blanks and tabs). */
void head_trim(const char **s, size_t *len);

enum head_method { HEAD_GET, HEAD_HEAD, HEAD_OTHER };
struct head_line {
    enum head_method method;
    const char *path; /* inside the head, without its query; of an absolute URI too */
    size_t path_len;
    bool query; /* there is one, perhaps empty */
};
/* The request line. False: it is none of HTTP/1. */
bool head_line_read(const char *head, size_t len, struct head_line *out);

/* May a page of this Origin connect? Those in `list` may (by comma; "*" is any), those of the
 * loopback, and those of the host that was asked (`host`, the Host header; "": not said). */
bool head_origin_allowed(const char *origin, const char *host, const char *list);

#endif
