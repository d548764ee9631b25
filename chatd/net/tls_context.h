/* tls_context - certificate, key and what is allowed, as OpenSSL wants it. Part of tls. */
#ifndef CHATD_NET_TLS_CONTEXT_H
#define CHATD_NET_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* NULL: `why` says what is wrong. Free with SSL_CTX_free. */
SSL_CTX *tls_context(const char *cert, const char *key, char *why, size_t size);
/* When its certificate expires, since 1970. */
int64_t tls_context_expiry_s(const SSL_CTX *ctx);

#endif
