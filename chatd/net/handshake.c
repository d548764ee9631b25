/* handshake - see handshake.h. */
#include "chatd/net/handshake.h"

#include "chatd/net/head.h"
#include "chatd/net/ws.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct handshake {
    uv_poll_t poll;
    struct handshakes *all;
    struct address *from;
    int fd;
    uint64_t since_ms;
    bool proxied;       /* from a trusted proxy, which may say for whom */
    bool may_be_header; /* … by a PROXY header, which hasn't come yet */
    struct handshake *prev, *next;
    size_t len;
    char *head; /* what has come so far; NULL until a head comes in pieces */
};

static void handshake_on_closed(uv_handle_t *handle) {
    struct handshake *h = handle->data;
    free(h->head);
    free(h);
}

/* Out of the list and off the loop; the socket stays open. */
static void detach(struct handshake *h) {
    struct handshakes *all = h->all;
    *(h->prev ? &h->prev->next : &all->first) = h->next;
    *(h->next ? &h->next->prev : &all->last) = h->prev;
    uv_poll_stop(&h->poll);
    uv_close((uv_handle_t *)&h->poll, handshake_on_closed);
}

static void hang_up(struct handshake *h) {
    detach(h);
    close(h->fd);
    addresses_leave(h->all->addresses, h->from);
}

static void handshake_refuse(struct handshake *h, const char *why) {
    static const char bad[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    log_client("handshake_refused", "address=%s reason=\"%s\"", h->from->text, why);
    send(h->fd, bad, sizeof bad - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    hang_up(h);
}

/* Keeps what has come so far, for when there is more. */
static bool handshake_keep(struct handshake *h, const char *bytes, size_t len) {
    if (!h->head)
        h->head = malloc(HEAD_MAX);
    if (!h->head)
        return false;
    memcpy(h->head, bytes, len);
    h->len = len;
    return true;
}

/* Takes from the socket what was looked at, up to `len` bytes of the whole. */
static bool handshake_take(const struct handshake *h, char *bytes, size_t len) {
    return len <= h->len || recv(h->fd, bytes + h->len, len - h->len, 0) == (ssize_t)(len - h->len);
}

/* --- The address, the client's if a proxy comes for it --- */

static struct address *enter(struct handshakes *all, const struct sockaddr *sa, bool proxied) {
    return addresses_enter(all->addresses, sa, proxied ? UINT64_MAX : all->set->max_per_address,
                           all->set->limit_loopback);
}

/* False: there are too many from there. */
static bool becomes(struct handshake *h, const union proxy_address *who) {
    struct handshakes *all = h->all;
    h->proxied = networks_hold(all->proxies, &who->sa); /* a proxy's proxy */
    struct address *from = enter(all, &who->sa, h->proxied);
    if (!from) {
        all->count->refused++;
        return false;
    }
    addresses_leave(all->addresses, h->from);
    h->from = from;
    return true;
}

/* X-Forwarded-For that nobody trusts: all clients of that proxy share its limits, or have none. */
static void warn_once(struct handshake *h, const char *head, size_t len) {
    struct handshakes *all = h->all;
    if (all->warned_forwarded || !h->from->loopback || !proxy_is_forwarded(head, len))
        return;
    all->warned_forwarded = true;
    log_warn("untrusted_proxy", "address=%s hint=\"trusted-proxy\"", h->from->text);
}

static void handshake_add(struct handshakes *all, int fd, struct address *from, bool proxied,
                          bool may_be_header);

/* Behind a PROXY header comes TLS, if that is on. */
static void go_secure(struct handshake *h) {
    int fd;
    detach(h);
    fd = tls_accept(h->all->tls, h->fd);
    if (fd < 0)
        addresses_leave(h->all->addresses, h->from);
    else
        handshake_add(h->all, fd, h->from, h->proxied, false);
}

/* True: the HTTP request begins here. Else all was done that can be done now. */
static bool pass_header(struct handshake *h, char *bytes, size_t total) {
    union proxy_address who;
    size_t used = 0;
    enum proxy_verdict v = proxy_header(bytes, total, &used, &who);
    if (v == PROXY_MORE) {
        if (!handshake_take(h, bytes, total) || !handshake_keep(h, bytes, total))
            hang_up(h);
        return false;
    }
    h->may_be_header = false;
    bool found = v == PROXY_FOUND || v == PROXY_NOT_SAID;
    if (v == PROXY_BAD || (found && !handshake_take(h, bytes, used)) ||
        (v == PROXY_FOUND && !becomes(h, &who)) || (v == PROXY_NONE && h->all->tls && h->len)) {
        hang_up(h);
        return false;
    }
    if (found)
        h->len = 0;
    if (h->all->tls)
        go_secure(h);
    return v == PROXY_NONE && !h->all->tls;
}

/* --- The request --- */

static void pass_on(struct handshake *h, const char *head, size_t len) {
    union proxy_address who;
    if (h->proxied && proxy_forwarded(head, len, h->all->proxies, &who)) {
        if (!becomes(h, &who)) {
            hang_up(h);
            return;
        }
    } else if (!h->proxied)
        warn_once(h, head, len);
    detach(h);
    ws_adopt(h->all->to, h->fd, h->from, head, len);
}

/* The reason to refuse what has come so far, with a whole head of `head` bytes or none (0); NULL:
 * all is well. */
static const char *problem(const char *bytes, size_t total, size_t head) {
    if (head)
        return head_problem(bytes, head);
    if (!head_may_begin(*bytes))
        return "not HTTP";
    return total == HEAD_MAX ? "head too long" : NULL;
}

/* Takes from the socket what was looked at, but nothing behind the head. */
static void handshake_on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct handshake *h = poll->data;
    if (status < 0) { /* reset: nobody is there, and libuv says so only once */
        hang_up(h);
        return;
    }
    char bytes[HEAD_MAX];
    if (h->len)
        memcpy(bytes, h->head, h->len);
    ssize_t n = recv(h->fd, bytes + h->len, sizeof bytes - h->len, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(h);
        return;
    }
    size_t total = h->len + (size_t)n;
    if (h->may_be_header && !pass_header(h, bytes, total))
        return;
    size_t head = head_length(bytes, total);
    const char *why = problem(bytes, total, head);
    if (!handshake_take(h, bytes, head ? head : total))
        hang_up(h);
    else if (why)
        handshake_refuse(h, why);
    else if (head)
        pass_on(h, bytes, head);
    else if (!handshake_keep(h, bytes, total))
        hang_up(h);
}

/* --- The beginning --- */

static void handshake_add(struct handshakes *all, int fd, struct address *from, bool proxied,
                          bool may_be_header) {
    struct handshake *h = calloc(1, sizeof *h);
    if (!h || uv_poll_init(all->loop, &h->poll, fd) != 0) {
        free(h);
        close(fd);
        addresses_leave(all->addresses, from);
        return;
    }
    h->poll.data = h;
    h->all = all;
    h->fd = fd;
    h->from = from;
    h->proxied = proxied;
    h->may_be_header = may_be_header;
    h->since_ms = clock_mono_ms();
    h->prev = all->last;
    *(all->last ? &all->last->next : &all->first) = h;
    all->last = h;
    uv_poll_start(&h->poll, UV_READABLE, handshake_on_readable);
}

void handshake_begin(struct handshakes *all, int fd, const struct sockaddr *sa) {
    int one = 1;
    bool proxied = networks_hold(all->proxies, sa);
    bool room = all->addresses->connections < all->set->max_connections;
    struct address *from = room ? enter(all, sa, proxied) : NULL;
    if (!from) {
        char text[64] = "unix";
        uv_ip_name(sa, text, sizeof text);
        log_client("connection_refused", "address=%s reason=\"too many connections\"", text);
        all->count->refused++;
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (all->tls && !proxied)
        fd = tls_accept(all->tls, fd);
    if (fd < 0)
        addresses_leave(all->addresses, from);
    else
        handshake_add(all, fd, from, proxied, proxied);
}

const struct handshake *handshake_next(const struct handshake *h) {
    return h->next;
}

void handshakes_sweep(struct handshakes *all, uint64_t now_ms) {
    while (all->first && all->first->since_ms + all->set->handshake_timeout <= now_ms) {
        log_client("handshake_refused", "address=%s reason=\"too slow\"", all->first->from->text);
        hang_up(all->first);
    }
}

void handshakes_close(struct handshakes *all) {
    while (all->first)
        hang_up(all->first);
}
