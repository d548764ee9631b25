/* kdf - password hashing on worker threads, behind a bounded queue; never on the loop.
 *
 * Those who wait take turns by owner, who is whoever the caller counts as one. And an owner may
 * have no more in the queue than is left free: one alone fills half of it, two a third each, and
 * whoever comes with his first finds room.
 *
 * The workers run at a lower priority, so that a burst of sign-ins does not slow the chat down.
 * Callbacks come on the loop thread, once each. */
#ifndef CHATD_BASE_KDF_H
#define CHATD_BASE_KDF_H

#include "common/base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct kdf;

#define KDF_OWNER 16 /* bytes */

struct kdf_result {
    bool cancelled;              /* the node is going down */
    enum secret_verdict verdict; /* of a verification */
    char hash[SECRET_HASH_MAX]; /* a fresh hash: asked for, or because of SECRET_RIGHT_REHASH; or ""
                                 */
};
typedef void (*kdf_fn)(const struct kdf_result *result, void *arg);

/* Hashes `threads` (1 or more) at once, lets `queue` more wait. Must come before anything else
 * uses libuv's thread pool. NULL: no memory. */
struct kdf *kdf_new(uv_loop_t *loop, unsigned threads, size_t queue, unsigned long long passes,
                    size_t memory_bytes);
/* The cost from here on; a hash made at another is renewed when it is next verified. */
void kdf_set_cost(struct kdf *k, unsigned long long passes, size_t memory_bytes);
/* Ever hashed, and how many run and wait now. */
struct kdf_load {
    uint64_t done;
    size_t running, queued;
};
struct kdf_load kdf_load(const struct kdf *k);
/* In how many ms the queue of now is done, as long as a hash has lately taken. */
uint32_t kdf_wait_ms(const struct kdf *k);
/* Cancels what waits and takes no more; returns at once, what runs is finished and called back. */
void kdf_cancel(struct kdf *k);
void kdf_free(struct kdf *k); /* nothing may be running */

/* Hashes a password. False: the queue is full, or that of this owner, or cancelled; `fn` will not
 * be called. Copies the password. `owner`: KDF_OWNER bytes. */
bool kdf_hash(struct kdf *k, const void *owner, const char *password, size_t len, kdf_fn fn,
              void *arg);
/* Verifies it against a hash; with hash "" it does the same work and finds it wrong, so that the
 * time does not tell whether there is such a user. */
bool kdf_verify(struct kdf *k, const void *owner, const char *hash, const char *password,
                size_t len, kdf_fn fn, void *arg);

#endif
