/* secret - passwords, access keys, randomness. libsodium is used only here. */
#ifndef COMMON_BASE_SECRET_H
#define COMMON_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_HASH_MAX 128 /* an encoded Argon2id hash with its NUL */
#define ACCESS_KEY_TEXT 43  /* 32 random bytes in unpadded base64url */
#define KEY_HASH_TEXT 43    /* BLAKE2b-256 of the key, likewise */

/* Once, before anything else here. False: no randomness, the program must not go on. */
bool secret_init(void);
const char *secret_library(void); /* the version of libsodium that runs */

/* Argon2id (RFC 9106). `mem_kib` and `ops` are the cost. May run on any thread; takes 30 ms and up.
 * False: out of memory. */
bool secret_hash_password(const char *password, size_t len, unsigned long long ops, size_t mem_kib,
                          char out[SECRET_HASH_MAX]);

enum secret_verdict { SECRET_WRONG, SECRET_RIGHT, SECRET_RIGHT_REHASH, SECRET_REFUSED };
/* SECRET_RIGHT_REHASH: right, but hashed with another cost than the given one. SECRET_REFUSED: not
 * a hash of ours, or one whose cost is absurd (over 16 x the given one, at least 256 MiB): never
 * computed; or there was no memory to compute it. Any thread. */
enum secret_verdict secret_verify_password(const char *hash, const char *password, size_t len,
                                           unsigned long long ops, size_t mem_kib);

void secret_make_key(char out[ACCESS_KEY_TEXT + 1]); /* a fresh access key */
/* The hash of a key, as it is stored: nobody can sign in with it. */
void secret_hash_key(const char *key, size_t len, char out[KEY_HASH_TEXT + 1]);
/* What is kept of the place that a user signs in from: nobody reads an address in it at a glance.
 */
#define PLACE_TEXT 16
void secret_place(const char *user, const char *address, char out[PLACE_TEXT + 1]);
bool secret_eq(const void *a, const void *b, size_t len); /* constant time */
void secret_wipe(void *p, size_t len);
void secret_random(void *p, size_t len);
uint32_t secret_uniform(uint32_t below); /* 0 … below-1 */
/* A keyed hash (SipHash) for hash tables; the key is fresh in each process. */
uint64_t secret_table_hash(const void *p, size_t len);

#endif
