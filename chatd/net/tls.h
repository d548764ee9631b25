/* tls - TLS for clients: TLS 1.2 with AEAD ciphers, or 1.3; ALPN http/1.1 and nothing else.
 *
 * A connection is a tunnel: OpenSSL on the client's socket, the plain bytes in a socket pair, whose
 * other end is handled as a client's socket without TLS is. So everything behind it - the strict
 * handshake, back-pressure, the close codes - is the same code, and what lws would do by itself
 * with TLS doesn't matter. It costs two more descriptors a connection, and a copy. Loop thread
 * only. */
#ifndef CHATD_NET_TLS_H
#define CHATD_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct tls;
struct tls_keys;

/* Reads certificate chain and key (PEM) and checks that they match, are valid now, and that others
 * can't read the key. */
bool tls_check(const char *cert, const char *key, char *why, size_t size);

/* NULL: `why` says what is wrong. */
struct tls *tls_new(uv_loop_t *loop, const char *cert, const char *key, char *why, size_t size);
/* A certificate with its key, read and checked: in any thread. NULL: `why` says what is wrong. */
struct tls_keys *tls_load(const char *cert, const char *key, char *why, size_t size);
void tls_drop(struct tls_keys *k); /* NULL is fine */
/* For new connections; those that are open keep the certificate they began with. Takes `k` over. */
void tls_use(struct tls *t, struct tls_keys *k);
/* When the certificate expires, since 1970. */
int64_t tls_expiry_s(const struct tls *t);
uint64_t tls_failures(const struct tls *t); /* connections that did not get through the handshake */
const char *tls_library(void);              /* the version of OpenSSL */

/* Takes over a client's socket. Returns one that has the plain bytes, to be closed by the caller;
 * closing it ends the client's connection, once what was written is sent. -1: out of descriptors or
 * memory; `fd` is closed. */
int tls_accept(struct tls *t, int fd);
/* Sends what can be sent, and closes all. */
void tls_close(struct tls *t);
/* When the loop has closed the handles. NULL is fine. */
void tls_free(struct tls *t);

#endif
