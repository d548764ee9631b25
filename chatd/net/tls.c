/* tls - see tls.h.
 *
 * A tunnel has two sockets: `net` to the client, which OpenSSL reads and writes, and `pair`, whose
 * other end is chatd's. Bytes are moved until neither direction gets on. What one side gives and
 * the other doesn't take is kept, at most one piece in each direction, and that side isn't read
 * until it is gone: so back-pressure goes through. The tunnel ends when chatd closes its end and
 * what it wrote is sent, or when the client's side is broken. */
#include "chatd/net/tls.h"

#include "chatd/net/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (16 * 1024)      /* of one read; a record of TLS holds no more */
#define PAIR_BYTES (64 * 1024) /* what the pair may hold: the rest waits in the session's queue */

/* Bytes that the other side didn't take yet. */
struct rest {
    char *bytes; /* NULL: none */
    size_t len, sent;
};

struct tunnel {
    struct tls *tls;
    struct tunnel *prev, *next;
    SSL *ssl;
    int net, pair, handles;
    uv_poll_t net_poll, pair_poll;
    struct rest in, out;      /* from the client, to it */
    bool in_ended, out_ended; /* the client has no more to say; chatd hasn't */
    bool wants_write;         /* OpenSSL waits for room in the client's socket */
    bool broken, closing;
};

struct tls {
    uv_loop_t *loop;
    SSL_CTX *ctx;
    int64_t expiry_s;
    uint64_t failures;
    struct tunnel *tunnels;
};

/* --- The end --- */

static void tls_on_closed(uv_handle_t *h) {
    struct tunnel *t = h->data;
    if (--t->handles == 0)
        free(t);
}

static void forget(struct rest *r) {
    free(r->bytes);
    r->bytes = NULL;
}

static void tls_end(struct tunnel *t) {
    if (t->closing)
        return;
    t->closing = true;
    *(t->prev ? &t->prev->next : &t->tls->tunnels) = t->next;
    if (t->next)
        t->next->prev = t->prev;
    if (!SSL_is_init_finished(t->ssl))
        t->tls->failures++;
    else if (!t->broken)
        SSL_shutdown(t->ssl); /* says goodbye, doesn't wait for the answer */
    ERR_clear_error();
    uv_poll_stop(&t->net_poll);
    uv_poll_stop(&t->pair_poll);
    uv_close((uv_handle_t *)&t->net_poll, tls_on_closed);
    uv_close((uv_handle_t *)&t->pair_poll, tls_on_closed);
    SSL_free(t->ssl);
    close(t->net);
    close(t->pair);
    forget(&t->in);
    forget(&t->out);
}

/* --- Moving bytes: each returns whether it got on --- */

static void tls_keep(struct tunnel *t, struct rest *r, const char *bytes, size_t len) {
    r->bytes = malloc(len);
    r->len = len;
    r->sent = 0;
    if (r->bytes)
        memcpy(r->bytes, bytes, len);
    else
        t->broken = true;
}

/* Says what to do after an operation of OpenSSL that did not succeed. */
static void tls_judge(struct tunnel *t, int result, bool *ended) {
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_WANT_WRITE:
        t->wants_write = true;
        break;
    case SSL_ERROR_ZERO_RETURN:
        *ended = true;
        break;
    default:
        t->broken = true;
    }
    ERR_clear_error();
}

/* How many of them chatd's end takes. */
static size_t to_pair(struct tunnel *t, const char *bytes, size_t len) {
    ssize_t n = send(t->pair, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        t->out_ended = true; /* chatd closed: nobody wants the rest */
        return len;
    }
    return n > 0 ? (size_t)n : 0;
}

static size_t to_net(struct tunnel *t, const char *bytes, size_t len) {
    bool ended = false;
    int n = SSL_write(t->ssl, bytes, (int)len);
    if (n > 0)
        return (size_t)n;
    tls_judge(t, n, &ended);
    t->broken |= ended;
    return 0;
}

/* False: something is left, and the side that gave it must wait. */
static bool tls_flush(struct tunnel *t, struct rest *r,
                      size_t (*to)(struct tunnel *t, const char *bytes, size_t len)) {
    while (r->bytes && !t->broken) {
        size_t n = to(t, r->bytes + r->sent, r->len - r->sent);
        r->sent += n;
        if (r->sent == r->len)
            forget(r);
        else if (n == 0)
            return false;
    }
    return !t->broken;
}

static bool move_in(struct tunnel *t, char *bytes) {
    if (!tls_flush(t, &t->in, to_pair) || t->in_ended)
        return false;
    int n = SSL_read(t->ssl, bytes, PIECE);
    if (n <= 0) {
        tls_judge(t, n, &t->in_ended);
        if (t->in_ended)
            shutdown(t->pair, SHUT_WR);
        return false;
    }
    size_t taken = to_pair(t, bytes, (size_t)n);
    if (taken < (size_t)n)
        tls_keep(t, &t->in, bytes + taken, (size_t)n - taken);
    return true;
}

static bool move_out(struct tunnel *t, char *bytes) {
    if (!tls_flush(t, &t->out, to_net) || t->out_ended)
        return false;
    ssize_t n = recv(t->pair, bytes, PIECE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        t->out_ended = true;
        return false;
    }
    size_t taken = to_net(t, bytes, (size_t)n);
    if (taken < (size_t)n)
        tls_keep(t, &t->out, bytes + taken, (size_t)n - taken);
    return true;
}

static void move(struct tunnel *t) {
    static char bytes[PIECE];
    bool more = true;
    t->wants_write = false;
    while (more && !t->broken) {
        bool in = move_in(t, bytes);
        more = move_out(t, bytes) || in;
    }
}

/* --- The loop --- */

static void tls_on_ready(uv_poll_t *p, int status, int events);

static void watch(uv_poll_t *p, bool read, bool write) {
    const struct tunnel *t = p->data;
    int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0) |
                 (p == &t->pair_poll ? UV_DISCONNECT : 0);
    if (events)
        uv_poll_start(p, events, tls_on_ready);
    else
        uv_poll_stop(p);
}

/* chatd closed its end, after the client's goodbye or when that was late: a client that doesn't
 * take what is left now doesn't read. */
static bool is_over(const struct tunnel *t, bool closed) {
    return t->broken || (t->out_ended && !t->out.bytes) || (closed && t->out.bytes);
}

static void tls_on_ready(uv_poll_t *p, int status, int events) {
    struct tunnel *t = p->data;
    t->broken |= status < 0;
    move(t);
    if (is_over(t, p == &t->pair_poll && (events & UV_DISCONNECT))) {
        tls_end(t);
        return;
    }
    watch(&t->net_poll, !t->in.bytes && !t->in_ended, t->wants_write || t->out.bytes);
    watch(&t->pair_poll, !t->out.bytes, t->in.bytes != NULL);
}

/* --- The beginning --- */

static struct tunnel *open_tunnel(struct tls *tls, int fd, int pair) {
    struct tunnel *t = calloc(1, sizeof *t);
    SSL *ssl = t ? SSL_new(tls->ctx) : NULL;
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        free(t);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    t->tls = tls;
    t->ssl = ssl;
    t->net = fd;
    t->pair = pair;
    t->next = tls->tunnels;
    if (t->next)
        t->next->prev = t;
    tls->tunnels = t;
    uv_poll_init(tls->loop, &t->net_poll, fd);
    uv_poll_init(tls->loop, &t->pair_poll, pair);
    t->net_poll.data = t->pair_poll.data = t;
    t->handles = 2;
    watch(&t->net_poll, true, false);
    watch(&t->pair_poll, true, false);
    return t;
}

int tls_accept(struct tls *t, int fd) {
    int ends[2], size = PAIR_BYTES;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (open_tunnel(t, fd, ends[0]))
        return ends[1];
    close(fd);
    close(ends[0]);
    close(ends[1]);
    return -1;
}

/* --- Certificates --- */

struct tls_keys {
    SSL_CTX *ctx;
};

struct tls_keys *tls_load(const char *cert, const char *key, char *why, size_t size) {
    struct tls_keys *k = malloc(sizeof *k);
    if (!k)
        snprintf(why, size, "tls: out of memory");
    else if (!(k->ctx = tls_context(cert, key, why, size))) {
        free(k);
        k = NULL;
    }
    return k;
}

void tls_drop(struct tls_keys *k) {
    if (k)
        SSL_CTX_free(k->ctx);
    free(k);
}

bool tls_check(const char *cert, const char *key, char *why, size_t size) {
    struct tls_keys *k = tls_load(cert, key, why, size);
    tls_drop(k);
    return k != NULL;
}

void tls_use(struct tls *t, struct tls_keys *k) {
    SSL_CTX_free(t->ctx); /* connections that began with it hold it */
    t->ctx = k->ctx;
    t->expiry_s = tls_context_expiry_s(t->ctx);
    free(k);
}

struct tls *tls_new(uv_loop_t *loop, const char *cert, const char *key, char *why, size_t size) {
    struct tls_keys *k = tls_load(cert, key, why, size);
    struct tls *t = k ? calloc(1, sizeof *t) : NULL;
    if (!t) {
        tls_drop(k);
        return NULL;
    }
    t->loop = loop;
    tls_use(t, k);
    return t;
}

int64_t tls_expiry_s(const struct tls *t) {
    return t->expiry_s;
}

uint64_t tls_failures(const struct tls *t) {
    return t->failures;
}

const char *tls_library(void) {
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

void tls_close(struct tls *t) {
    while (t && t->tunnels) {
        move(t->tunnels); /* the close frames that were written last */
        tls_end(t->tunnels);
    }
}

void tls_free(struct tls *t) {
    if (t)
        SSL_CTX_free(t->ctx);
    free(t);
}
