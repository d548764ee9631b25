/* buf - a growing byte buffer with a hard cap.
 *
 * The cap is fixed at init. An append that would pass it, or that finds no memory, changes nothing
 * but the `failed` flag, which sticks: a writer may append many times and check once, at the end.
 */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* not terminated */
    size_t len, size, cap;
    bool failed;
};

void buf_init(struct buf *b, size_t cap);  /* allocates nothing; cap in bytes */
void buf_free(struct buf *b);              /* back to the state after buf_init */
void buf_reset(struct buf *b);             /* len = 0, failed = false; keeps the memory */
bool buf_reserve(struct buf *b, size_t n); /* room for n more bytes; false sets failed */
void buf_add(struct buf *b, const void *data, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v); /* decimal */
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds a terminating NUL (not counted in len) and returns the data; "" when failed. */
const char *buf_cstr(struct buf *b);

#endif
