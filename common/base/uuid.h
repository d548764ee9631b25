/* uuid - RFC 4122 UUIDs as 16 bytes, written in lower case. */
#ifndef COMMON_BASE_UUID_H
#define COMMON_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT 36 /* length of the text form, without a NUL */

struct uuid {
    uint8_t b[16];
};

struct uuid uuid_make(void); /* random (version 4), by libuuid */
/* The same from randomness drawn in advance, for what is made thousands of times a second: libuuid
 * spends seven system calls on each. Loop thread only. */
struct uuid uuid_make_quick(void);

/* Named uuid_read, since libuuid has a uuid_parse. Strict 8-4-4-4-12 hex of either case, exactly
 * len bytes. False leaves *out as it was. */
bool uuid_read(const char *text, size_t len, struct uuid *out);

void uuid_write(const struct uuid *u, char out[UUID_TEXT]);      /* no NUL */
void uuid_format(const struct uuid *u, char out[UUID_TEXT + 1]); /* with NUL */
bool uuid_eq(const struct uuid *a, const struct uuid *b);
int uuid_cmp(const struct uuid *a, const struct uuid *b); /* byte order = text order */
bool uuid_is_nil(const struct uuid *u);                   /* all zero: used as "none" */

#endif
