/* handshake - see handshake.h. */
#include "chatd/net/handshake.h"

#include "chatd/daemon/node.h"
#include "chatd/net/head.h"
#include "chatd/net/ws.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct handshake {
    uv_poll_t poll;
    struct node *node;
    struct ws *to;
    struct address *from;
    int fd;
    uint64_t since_ms;
    bool proxied;       /* from a trusted proxy, which may say for whom */
    bool may_be_header; /* … by a PROXY header, which hasn't come yet */
    struct handshake *prev, *next;
    size_t len;
    char *head; /* what has come so far; NULL until a head comes in pieces */
};

static void on_closed(uv_handle_t *handle) {
    struct handshake *h = handle->data;
    free(h->head);
    free(h);
}

/* Out of the list and off the loop; the socket stays open. */
static void detach(struct handshake *h) {
    struct handshakes *all = &h->node->handshakes;
    *(h->prev ? &h->prev->next : &all->first) = h->next;
    *(h->next ? &h->next->prev : &all->last) = h->prev;
    uv_poll_stop(&h->poll);
    uv_close((uv_handle_t *)&h->poll, on_closed);
}

static void hang_up(struct handshake *h) {
    detach(h);
    close(h->fd);
    addresses_leave(&h->node->addresses, h->from);
}

static void refuse(struct handshake *h, const char *why) {
    static const char bad[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    log_client("handshake_refused", "address=%s reason=\"%s\"", h->from->text, why);
    send(h->fd, bad, sizeof bad - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    hang_up(h);
}

/* Keeps what has come so far, for when there is more. */
static bool keep(struct handshake *h, const char *bytes, size_t len) {
    if (!h->head)
        h->head = malloc(HEAD_MAX);
    if (!h->head)
        return false;
    memcpy(h->head, bytes, len);
    h->len = len;
    return true;
}

/* Takes from the socket what was looked at, up to `len` bytes of the whole. */
static bool take(const struct handshake *h, char *bytes, size_t len) {
    return len <= h->len || recv(h->fd, bytes + h->len, len - h->len, 0) == (ssize_t)(len - h->len);
}

/* --- Who it is, if a proxy comes for somebody --- */

/* False: there are too many from there. */
static bool becomes(struct handshake *h, const union proxy_address *who) {
    struct node *node = h->node;
    h->proxied = networks_hold(&node->proxies, &who->sa); /* a proxy's proxy */
    struct address *from = addresses_enter(&node->addresses, &who->sa,
                                           h->proxied ? UINT64_MAX : node->set->max_per_address,
                                           node->set->limit_loopback);
    if (!from) {
        node->count.refused++;
        return false;
    }
    addresses_leave(&node->addresses, h->from);
    h->from = from;
    return true;
}

/* X-Forwarded-For that nobody trusts: all clients of that proxy share its limits, or have none. */
static void warn_once(struct handshake *h, const char *head, size_t len) {
    struct node *node = h->node;
    if (node->warned_forwarded || !h->from->loopback || !proxy_is_forwarded(head, len))
        return;
    node->warned_forwarded = true;
    log_warn("untrusted_proxy", "address=%s hint=\"trusted-proxy\"", h->from->text);
}

static void begin(struct node *node, struct ws *to, int fd, struct address *from, bool proxied,
                  bool may_be_header);

/* What is behind a PROXY header is TLS, if that is on. */
static void go_secure(struct handshake *h) {
    int fd;
    detach(h);
    fd = tls_accept(h->node->tls, h->fd);
    if (fd < 0)
        addresses_leave(&h->node->addresses, h->from);
    else
        begin(h->node, h->to, fd, h->from, h->proxied, false);
}

/* True: the HTTP request begins here. Else all was done that can be done now. */
static bool pass_header(struct handshake *h, char *bytes, size_t total) {
    union proxy_address who;
    size_t used = 0;
    enum proxy_verdict v = proxy_header(bytes, total, &used, &who);
    if (v == PROXY_MORE) {
        if (!take(h, bytes, total) || !keep(h, bytes, total))
            hang_up(h);
        return false;
    }
    h->may_be_header = false;
    bool found = v == PROXY_FOUND || v == PROXY_NOT_SAID;
    if (v == PROXY_BAD || (found && !take(h, bytes, used)) ||
        (v == PROXY_FOUND && !becomes(h, &who)) || (v == PROXY_NONE && h->node->tls && h->len)) {
        hang_up(h);
        return false;
    }
    if (found)
        h->len = 0;
    if (h->node->tls)
        go_secure(h);
    return v == PROXY_NONE && !h->node->tls;
}

/* --- The request --- */

static void pass_on(struct handshake *h, const char *head, size_t len) {
    union proxy_address who;
    if (h->proxied && proxy_forwarded(head, len, &h->node->proxies, &who)) {
        if (!becomes(h, &who)) {
            hang_up(h);
            return;
        }
    } else if (!h->proxied)
        warn_once(h, head, len);
    detach(h);
    ws_adopt(h->to, h->fd, h->from, head, len);
}

/* Why it is refused, of which so much has come; NULL: all is well so far. */
static const char *problem(const char *bytes, size_t total, size_t head) {
    if (head)
        return head_problem(bytes, head);
    return !head_may_begin(*bytes) ? "not HTTP" : total == HEAD_MAX ? "head too long" : NULL;
}

/* Takes from the socket what was looked at, but nothing behind the head. */
static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct handshake *h = poll->data;
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
    if (!take(h, bytes, head ? head : total))
        hang_up(h);
    else if (why)
        refuse(h, why);
    else if (head)
        pass_on(h, bytes, head);
    else if (!keep(h, bytes, total))
        hang_up(h);
}

/* --- The beginning --- */

static void begin(struct node *node, struct ws *to, int fd, struct address *from, bool proxied,
                  bool may_be_header) {
    struct handshakes *all = &node->handshakes;
    struct handshake *h = calloc(1, sizeof *h);
    if (!h || uv_poll_init(node->loop, &h->poll, fd) != 0) {
        free(h);
        close(fd);
        addresses_leave(&node->addresses, from);
        return;
    }
    h->poll.data = h;
    h->node = node;
    h->to = to;
    h->fd = fd;
    h->from = from;
    h->proxied = proxied;
    h->may_be_header = may_be_header;
    h->since_ms = clock_mono_ms();
    h->prev = all->last;
    *(all->last ? &all->last->next : &all->first) = h;
    all->last = h;
    uv_poll_start(&h->poll, UV_READABLE, on_readable);
}

void handshake_begin(struct node *node, struct ws *to, int fd, struct address *from) {
    if (node->tls)
        fd = tls_accept(node->tls, fd);
    if (fd < 0)
        addresses_leave(&node->addresses, from);
    else
        begin(node, to, fd, from, false, false);
}

void handshake_begin_proxied(struct node *node, struct ws *to, int fd, struct address *from) {
    begin(node, to, fd, from, true, true);
}

const struct handshake *handshake_next(const struct handshake *h) {
    return h->next;
}

void handshakes_sweep(struct node *node, uint64_t now_ms) {
    struct handshakes *all = &node->handshakes;
    while (all->first && all->first->since_ms + node->set->handshake_timeout <= now_ms) {
        log_client("handshake_refused", "address=%s reason=\"too slow\"", all->first->from->text);
        hang_up(all->first);
    }
}

void handshakes_close(struct node *node) {
    while (node->handshakes.first)
        hang_up(node->handshakes.first);
}
