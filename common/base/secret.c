/* secret - see secret.h. Thin over libsodium; our own part is the look at a stored hash before it
 * is computed: its cost comes from Redis, and a forged record could ask for gigabytes or hours. */
#include "common/base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SECRET_HASH_MAX == crypto_pwhash_STRBYTES, "the size of an encoded hash");

#define KEY_BYTES 32
#define DIGEST_BYTES 32 /* of an Argon2id hash, as libsodium writes it */
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define COST_FACTOR 16               /* how far a stored cost may be above the given one */
#define COST_FLOOR_KIB (256u * 1024) /* up to here any memory cost is taken */

static unsigned char table_key[crypto_shorthash_KEYBYTES];

bool secret_init(void) {
    int r = sodium_init();
    if (r == 0) /* the first time: tables must go on with the key they began with */
        crypto_shorthash_keygen(table_key);
    return r >= 0;
}

bool secret_hash_password(const char *password, size_t len, unsigned long long ops, size_t mem_kib,
                          char out[SECRET_HASH_MAX]) {
    if (mem_kib <= SIZE_MAX / 1024 && crypto_pwhash_str_alg(out, password, len, ops, mem_kib * 1024,
                                                            crypto_pwhash_ALG_ARGON2ID13) == 0)
        return true;
    out[0] = '\0';
    return false;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$salt$digest", taken apart. */
struct stored {
    unsigned long long mem_kib, ops;
    unsigned char salt[crypto_pwhash_SALTBYTES], digest[DIGEST_BYTES];
};

/* Decodes exactly `size` bytes of base64 followed by `after`; returns what is behind that. */
static const char *read_base64(const char *text, unsigned char *out, size_t size, char after) {
    size_t len = 0;
    const char *end = NULL;
    if (!text ||
        sodium_base642bin(out, size, text, strlen(text), NULL, &len, &end,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING) ||
        len != size || *end != after)
        return NULL;
    return end + (after != '\0');
}

/* Only the one form that secret_hash_password writes. */
static bool read_hash(const char *hash, struct stored *out) {
    char mem[11], ops[11];
    int end = 0;
    if (strnlen(hash, SECRET_HASH_MAX) == SECRET_HASH_MAX ||
        sscanf(hash, "$argon2id$v=19$m=%10[0-9],t=%10[0-9],p=1$%n", mem, ops, &end) != 2 ||
        end == 0)
        return false;
    out->mem_kib = strtoull(mem, NULL, 10);
    out->ops = strtoull(ops, NULL, 10);
    const char *digest = read_base64(hash + end, out->salt, sizeof out->salt, '$');
    return read_base64(digest, out->digest, sizeof out->digest, '\0') != NULL;
}

/* The memory may be COST_FACTOR times the given one, or COST_FLOOR_KIB if that is more; by as much
 * as a hash stays below that, it may have more passes. */
static bool cost_is_sane(const struct stored *s, unsigned long long ops, size_t mem_kib) {
    unsigned long long most;
    if (__builtin_mul_overflow(mem_kib, COST_FACTOR, &most) || most < COST_FLOOR_KIB)
        most = COST_FLOOR_KIB;
    return s->mem_kib > 0 && s->ops <= most / s->mem_kib * ops;
}

/* Not crypto_pwhash_str_verify: it calls a password wrong when there was no memory to look. */
enum secret_verdict secret_verify_password(const char *hash, const char *password, size_t len,
                                           unsigned long long ops, size_t mem_kib) {
    struct stored s;
    unsigned char digest[DIGEST_BYTES];
    if (!read_hash(hash, &s) || !cost_is_sane(&s, ops, mem_kib) ||
        crypto_pwhash(digest, sizeof digest, password, len, s.salt, s.ops, s.mem_kib * 1024,
                      crypto_pwhash_ALG_ARGON2ID13))
        return SECRET_REFUSED;
    bool right = sodium_memcmp(digest, s.digest, sizeof digest) == 0;
    sodium_memzero(digest, sizeof digest);
    if (!right)
        return SECRET_WRONG;
    return s.ops == ops && s.mem_kib == mem_kib ? SECRET_RIGHT : SECRET_RIGHT_REHASH;
}

static void to_text(const unsigned char bytes[KEY_BYTES], char out[ACCESS_KEY_TEXT + 1]) {
    sodium_bin2base64(out, ACCESS_KEY_TEXT + 1, bytes, KEY_BYTES, BASE64);
}

void secret_make_key(char out[ACCESS_KEY_TEXT + 1]) {
    unsigned char bytes[KEY_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    to_text(bytes, out);
    sodium_memzero(bytes, sizeof bytes);
}

void secret_hash_key(const char *key, size_t len, char out[KEY_HASH_TEXT + 1]) {
    unsigned char digest[KEY_BYTES];
    crypto_generichash(digest, sizeof digest, (const unsigned char *)key, len, NULL, 0);
    to_text(digest, out);
}

void secret_place(const char *user, const char *address, char out[PLACE_TEXT + 1]) {
    char hash[KEY_HASH_TEXT + 1], text[128];
    int n = snprintf(text, sizeof text, "%s %s", user, address);
    secret_hash_key(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, hash);
    memcpy(out, hash, PLACE_TEXT);
    out[PLACE_TEXT] = '\0';
}

bool secret_eq(const void *a, const void *b, size_t len) {
    return sodium_memcmp(a, b, len) == 0;
}

void secret_wipe(void *p, size_t len) {
    sodium_memzero(p, len);
}

void secret_random(void *p, size_t len) {
    randombytes_buf(p, len);
}

uint32_t secret_uniform(uint32_t below) {
    return randombytes_uniform(below);
}

uint64_t secret_table_hash(const void *p, size_t len) {
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "one word");
    crypto_shorthash((unsigned char *)&hash, p, len, table_key);
    return hash;
}

const char *secret_library(void) {
    return sodium_version_string();
}
