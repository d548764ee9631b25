/* uuid - libuuid makes them; reading and writing is done here, since uuid_parse and uuid_unparse of
 * libuuid go through sscanf and sprintf, which every message would pay for. */
#include "common/uuid.h"

#include "common/secret.h"

#include <string.h>
#include <uuid/uuid.h>

#define POOL 64 /* UUIDs that one draw of randomness is for */

struct uuid uuid_make(void) {
    struct uuid u;
    uuid_generate_random(u.b);
    return u;
}

struct uuid uuid_make_quick(void) {
    static struct uuid pool[POOL];
    static size_t left;
    if (left == 0) {
        secret_random(pool, sizeof pool);
        left = POOL;
    }
    struct uuid u = pool[--left];
    secret_wipe(&pool[left], sizeof pool[left]);
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40); /* version 4, RFC 4122 section 4.4 */
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

static int hex(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool dash_at(size_t byte) {
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool uuid_read(const char *text, size_t len, struct uuid *out) {
    if (len != UUID_TEXT)
        return false;
    struct uuid u;
    for (size_t i = 0; i < sizeof u.b; i++) {
        if (dash_at(i) && *text++ != '-')
            return false;
        int hi = hex(text[0]), lo = hex(text[1]);
        if (hi < 0 || lo < 0)
            return false;
        u.b[i] = (uint8_t)(hi << 4 | lo);
        text += 2;
    }
    *out = u;
    return true;
}

void uuid_write(const struct uuid *u, char out[UUID_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof u->b; i++) {
        if (dash_at(i))
            *out++ = '-';
        *out++ = digits[u->b[i] >> 4];
        *out++ = digits[u->b[i] & 15];
    }
}

void uuid_format(const struct uuid *u, char out[UUID_TEXT + 1]) {
    uuid_write(u, out);
    out[UUID_TEXT] = '\0';
}

bool uuid_eq(const struct uuid *a, const struct uuid *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

int uuid_cmp(const struct uuid *a, const struct uuid *b) {
    return memcmp(a, b, sizeof *a);
}

bool uuid_is_nil(const struct uuid *u) {
    static const struct uuid nil;
    return uuid_eq(u, &nil);
}
