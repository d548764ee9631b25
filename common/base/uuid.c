/* uuid - libuuid makes them; reading and writing is done here, since uuid_parse and uuid_unparse of
 * libuuid go through sscanf and sprintf, which every message would pay for. */
#include "common/base/uuid.h"

#include "common/base/secret.h"

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

/* A digit's value + 1; 0: no digit. */
static const uint8_t NIBBLE[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

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
        unsigned hi = NIBBLE[(uint8_t)text[0]], lo = NIBBLE[(uint8_t)text[1]];
        if (!hi || !lo)
            return false;
        u.b[i] = (uint8_t)((hi - 1) << 4 | (lo - 1));
        text += 2;
    }
    *out = u;
    return true;
}

void uuid_write(const struct uuid *u, char out[UUID_TEXT]) {
    static const char pairs[] = /* the digits of each byte */
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
        "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
        "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
        "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
        "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    for (size_t i = 0; i < sizeof u->b; i++) {
        if (dash_at(i))
            *out++ = '-';
        memcpy(out, pairs + 2 * u->b[i], 2);
        out += 2;
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
