/* buf - see buf.h. Growth doubles, so that appending n bytes costs O(n). */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256 /* bytes of the first allocation */

void buf_init(struct buf *b, size_t cap) {
    *b = (struct buf){.cap = cap};
}

void buf_free(struct buf *b) {
    free(b->data);
    buf_init(b, b->cap);
}

void buf_reset(struct buf *b) {
    b->len = 0;
    b->failed = false;
}

bool buf_reserve(struct buf *b, size_t n) {
    if (b->failed || n > b->cap - b->len) {
        b->failed = true;
        return false;
    }
    if (b->size - b->len >= n)
        return true;
    size_t size = b->size ? b->size : BUF_FIRST;
    while (size < b->len + n)
        size *= 2;
    if (size > b->cap)
        size = b->cap;
    char *data = realloc(b->data, size);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->size = size;
    return true;
}

void buf_add(struct buf *b, const void *data, size_t n) {
    if (n == 0 || !buf_reserve(b, n))
        return;
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

void buf_str(struct buf *b, const char *s) {
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c) {
    buf_add(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v) {
    char digits[20], *p = digits + sizeof digits;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

void buf_fmt(struct buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    /* vsnprintf writes a NUL too: room for it is asked for, and not counted */
    if (n < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)n + 1)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_cstr(struct buf *b) {
    if (!buf_reserve(b, 1))
        return "";
    b->data[b->len] = '\0';
    return b->data;
}
