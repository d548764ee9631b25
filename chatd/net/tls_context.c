/* tls_context - see tls_context.h. */
#include "chatd/net/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20" /* all of 1.3 are AEAD */
static const unsigned char HTTP_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

/* A client that offers protocols must offer ours: HTTP/2 is out of reach (RFC 7301 section 3.2). */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg) {
    (void)ssl;
    (void)arg;
    unsigned char *found;
    if (SSL_select_next_proto(&found, out_len, HTTP_1_1, sizeof HTTP_1_1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase is refused, rather than asked for on a terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg) {
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static SSL_CTX *tls_context_make(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    return ctx;
}

static bool say(char *why, size_t size, const char *option, const char *file, const char *what) {
    snprintf(why, size, "%s: %s: %s", option, file, what);
    return false;
}

/* Whatever else could keep its reader waiting, and is empty when it is read again. */
static bool is_file(const char *option, const char *path, char *why, size_t size) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true;
    return say(why, size, option, path,
               S_ISDIR(st.st_mode) ? "is a directory" : "is no regular file");
}

/* The reason that OpenSSL gives, or errno where the file can't be read at all. */
static bool say_why(char *why, size_t size, const char *option, const char *file) {
    unsigned long e = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(e);
    FILE *f = fopen(file, "re");
    bool missing = !f;
    int saved = errno;
    if (f)
        fclose(f);
    ERR_clear_error();
    if (missing)
        reason = strerror(saved);
    return say(why, size, option, file, reason ? reason : "can't be used");
}

static bool key_is_private(const char *key, char *why, size_t size) {
    struct stat st;
    if (stat(key, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0007))
        return say(why, size, "tls-key", key, "must not be readable by others: chmod o-rwx");
    return true;
}

static bool is_valid_now(const SSL_CTX *ctx, const char *cert, char *why, size_t size) {
    const X509 *x = SSL_CTX_get0_certificate(ctx);
    if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
        return say(why, size, "tls-cert", cert, "is not valid yet");
    if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
        return say(why, size, "tls-cert", cert, "has expired");
    return true;
}

static bool load(SSL_CTX *ctx, const char *cert, const char *key, char *why, size_t size) {
    if (!is_file("tls-cert", cert, why, size) || !is_file("tls-key", key, why, size))
        return false;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return say_why(why, size, "tls-cert", cert);
    if (!key_is_private(key, why, size))
        return false;
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
        return other ? say(why, size, "tls-key", key, "is not the key of the certificate")
                     : say_why(why, size, "tls-key", key);
    }
    if (SSL_CTX_check_private_key(ctx) != 1)
        return say(why, size, "tls-key", key, "is not the key of the certificate");
    return is_valid_now(ctx, cert, why, size);
}

SSL_CTX *tls_context(const char *cert, const char *key, char *why, size_t size) {
    SSL_CTX *ctx = tls_context_make();
    ERR_clear_error();
    if (!ctx)
        snprintf(why, size, "tls: out of memory");
    if (ctx && load(ctx, cert, key, why, size))
        return ctx;
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return NULL;
}

int64_t tls_context_expiry_s(const SSL_CTX *ctx) {
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm);
}
