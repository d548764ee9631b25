/* resp - see resp.h. */
#include "common/redis/resp.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 24 /* '*' or '$', a number, CR LF */

static char *put_line(char *p, char kind, size_t number) {
    char digits[20], *d = digits + sizeof digits;
    do
        *--d = (char)('0' + number % 10);
    while (number /= 10);
    size_t n = (size_t)(digits + sizeof digits - d);
    *p++ = kind;
    memcpy(p, d, n);
    p[n] = '\r';
    p[n + 1] = '\n';
    return p + n + 2;
}

char *resp_format(const struct cmd *c, size_t *len) {
    if (c->failed)
        return NULL;
    size_t room = HEAD_BYTES;
    for (size_t i = 0; i < c->argc; i++)
        room += HEAD_BYTES + c->argvlen[i] + 2;
    char *text = malloc(room);
    if (!text)
        return NULL;
    char *p = put_line(text, '*', c->argc);
    for (size_t i = 0; i < c->argc; i++) {
        p = put_line(p, '$', c->argvlen[i]);
        memcpy(p, c->argv[i], c->argvlen[i]);
        p += c->argvlen[i];
        *p++ = '\r';
        *p++ = '\n';
    }
    *len = (size_t)(p - text);
    return text;
}
