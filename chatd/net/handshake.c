/* handshake - see handshake.h. */
#include "chatd/net/handshake.h"

#include "chatd/base/list.h"
#include "chatd/net/head.h"
#include "chatd/net/upgrade.h"
#include "chatd/net/ws.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_FIRST 1024    /* room for a head in pieces, at first */
#define HEAD_LARGE 4096    /* a large one takes more … */
#define LARGE_MAX 256      /* … and so many may wait for their ends */
#define TURNED_MAX 32      /* that are told that there is no room; more are hung up on */
#define TURNED_MS 2000     /* for their heads to come */
#define RETRY_FULL_S 5     /* Retry-After: somebody may have left … */
#define RETRY_ADDRESS_S 30 /* … and somebody from there */

struct handshake {
    uv_poll_t poll;
    struct handshakes *all;
    struct handshake_list *list; /* that it is in */
    struct address *from;        /* NULL: it is turned away, and not counted in */
    struct refusal turned;       /* .status: what it is told when its head has come; 0: nothing */
    int fd;
    uint64_t since_ms;
    bool proxied;       /* from a trusted proxy, which may say for whom */
    bool may_be_header; /* … by a PROXY header, which hasn't come yet */
    struct {
        struct handshake *prev, *next;
    } order;
    size_t len, cap;
    char *head; /* what has come so far; NULL until a head comes in pieces */
};

static void handshake_on_closed(uv_handle_t *handle) {
    struct handshake *h = handle->data;
    free(h->head);
    free(h);
}

/* Out of the list and off the loop; the socket stays open. */
static void detach(struct handshake *h) {
    struct handshake_list *list = h->list;
    LIST_REMOVE(list, h, order);
    list->count--;
    h->all->large -= h->cap > HEAD_LARGE;
    uv_poll_stop(&h->poll);
    uv_close((uv_handle_t *)&h->poll, handshake_on_closed);
}

static void hang_up(struct handshake *h) {
    detach(h);
    close(h->fd);
    addresses_leave(h->all->addresses, h->from);
}

static const char *handshake_address(const struct handshake *h) {
    return h->from ? h->from->text : "";
}

/* The whole answer comes to the client, also when not all of the head was read. */
static void handshake_refuse(struct handshake *h, const struct refusal *r) {
    char answer[UPGRADE_ANSWER_MAX];
    size_t len = upgrade_refuse(r, answer);
    if (r != &h->turned) /* which has been told */
        log_client("handshake_refused", "address=%s status=%u reason=\"%s\"", handshake_address(h),
                   r->status, r->why);
    send(h->fd, answer, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    detach(h);
    linger_begin(h->all->lingers, h->fd);
    addresses_leave(h->all->addresses, h->from);
}

/* Keeps what has come so far, for when there is more. */
static bool handshake_keep(struct handshake *h, const char *bytes, size_t len) {
    size_t cap = h->cap ? h->cap : HEAD_FIRST;
    while (cap < len)
        cap *= 2;
    if (cap > h->cap) {
        char *head = realloc(h->head, cap);
        if (!head)
            return false;
        h->all->large += cap > HEAD_LARGE && h->cap <= HEAD_LARGE;
        h->head = head;
        h->cap = cap;
    }
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

/* Why it can't be let in, as it is told once its head has come. */
static struct refusal turn_away(struct handshakes *all, const struct sockaddr *sa, bool full) {
    char text[64] = "unix";
    const char *why = full ? "too many connections" : "too many connections from your address";
    uv_ip_name(sa, text, sizeof text);
    log_client("connection_refused", "address=%s reason=\"%s\"", text, why);
    *(full ? &all->count->refused_full : &all->count->refused_address) += 1;
    return full ? (struct refusal){503, why, RETRY_FULL_S}
                : (struct refusal){429, why, RETRY_ADDRESS_S};
}

/* The client's limits hold from here on. One over them is turned away. */
static void handshake_becomes(struct handshake *h, const union proxy_address *who) {
    struct handshakes *all = h->all;
    h->proxied = networks_hold(all->proxies, &who->sa); /* a proxy's proxy */
    if (h->turned.status)
        return;
    struct address *from = enter(all, &who->sa, h->proxied);
    if (!from) {
        h->turned = turn_away(all, &who->sa, false);
        return;
    }
    addresses_leave(all->addresses, h->from);
    h->from = from;
}

/* X-Forwarded-For that nobody trusts: all clients of that proxy share its limits, or have none. */
static void warn_once(struct handshake *h, const char *head, size_t len) {
    struct handshakes *all = h->all;
    if (all->warned_forwarded || !h->from || !h->from->loopback || !proxy_is_forwarded(head, len))
        return;
    all->warned_forwarded = true;
    log_warn("untrusted_proxy", "address=%s hint=\"trusted-proxy\"", h->from->text);
}

static struct handshake *handshake_add(struct handshakes *all, int fd, struct address *from,
                                       bool proxied, bool may_be_header);

/* Behind a PROXY header comes TLS, if that is on. */
static void go_secure(struct handshake *h) {
    int fd;
    detach(h);
    fd = tls_accept(h->all->tls, h->fd);
    struct handshake *next = fd < 0 ? NULL : handshake_add(h->all, fd, h->from, h->proxied, false);
    if (next)
        next->turned = h->turned;
    else
        addresses_leave(h->all->addresses, h->from);
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
        (v == PROXY_NONE && h->all->tls && h->len)) {
        hang_up(h);
        return false;
    }
    if (v == PROXY_FOUND)
        handshake_becomes(h, &who);
    if (found)
        h->len = 0;
    if (h->all->tls)
        go_secure(h);
    return v == PROXY_NONE && !h->all->tls;
}

/* --- The request --- */

static void pass_on(struct handshake *h, const char *head, size_t len) {
    union proxy_address who;
    char answer[UPGRADE_ANSWER_MAX];
    if (h->proxied && proxy_forwarded(head, len, h->all->proxies, &who))
        handshake_becomes(h, &who);
    else if (!h->proxied)
        warn_once(h, head, len);
    struct refusal r = upgrade_judge(head, len, h->all->set->origin);
    if (h->turned.status)
        handshake_refuse(h, &h->turned);
    else if (r.status != 101)
        handshake_refuse(h, &r);
    else {
        detach(h);
        len = upgrade_accept(head, len, answer);
        ws_adopt(h->all->to, h->fd, h->from, answer, len);
    }
}

/* The fault of what has come so far, with a whole head of `head` bytes or none (0); .status 0: all
 * is well. */
static struct refusal problem(const struct handshake *h, const char *bytes, size_t total,
                              size_t head) {
    const char *why = NULL;
    bool crowded = h->cap <= HEAD_LARGE && h->all->large >= LARGE_MAX;
    if (head)
        why = head_problem(bytes, head);
    else if (!head_may_begin(*bytes))
        why = "not HTTP";
    else if (total == HEAD_MAX || (total > HEAD_LARGE && crowded))
        return (struct refusal){431, "head too long", 0};
    return why ? (struct refusal){400, why, 0} : (struct refusal){0, NULL, 0};
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
    struct refusal fault = problem(h, bytes, total, head);
    if (!handshake_take(h, bytes, head ? head : total))
        hang_up(h);
    else if (fault.status)
        handshake_refuse(h, &fault);
    else if (head)
        pass_on(h, bytes, head);
    else if (!handshake_keep(h, bytes, total))
        hang_up(h);
}

/* --- The beginning --- */

/* NULL: no memory, the socket is closed. */
static struct handshake *handshake_add(struct handshakes *all, int fd, struct address *from,
                                       bool proxied, bool may_be_header) {
    struct handshake *h = calloc(1, sizeof *h);
    if (!h || uv_poll_init(all->loop, &h->poll, fd) != 0) {
        free(h);
        close(fd);
        return NULL;
    }
    h->poll.data = h;
    h->all = all;
    h->list = from ? &all->waiting : &all->turned;
    h->fd = fd;
    h->from = from;
    h->proxied = proxied;
    h->may_be_header = may_be_header;
    h->since_ms = clock_mono_ms();
    LIST_APPEND(h->list, h, order);
    h->list->count++;
    uv_poll_start(&h->poll, UV_READABLE, handshake_on_readable);
    return h;
}

void handshake_begin(struct handshakes *all, int fd, const struct sockaddr *sa) {
    bool proxied = networks_hold(all->proxies, sa);
    bool full = all->addresses->connections >= all->room;
    struct address *from = full ? NULL : enter(all, sa, proxied);
    struct refusal turned = {0, NULL, 0};
    if (!from)
        turned = turn_away(all, sa, full);
    if (!from && all->turned.count >= TURNED_MAX) {
        close(fd);
        return;
    }
    if (all->tls && !proxied)
        fd = tls_accept(all->tls, fd);
    struct handshake *h = fd < 0 ? NULL : handshake_add(all, fd, from, proxied, proxied);
    if (h)
        h->turned = turned;
    else
        addresses_leave(all->addresses, from);
}

const struct handshake *handshake_next(const struct handshake *h) {
    return h->order.next;
}

void handshakes_sweep(struct handshakes *all, uint64_t now_ms) {
    struct handshake *h;
    while ((h = all->turned.first) && h->since_ms + TURNED_MS <= now_ms)
        hang_up(h);
    while ((h = all->waiting.first) && h->since_ms + all->set->handshake_timeout <= now_ms) {
        log_client("handshake_refused", "address=%s reason=\"too slow\"", handshake_address(h));
        hang_up(h);
    }
}

void handshakes_close(struct handshakes *all) {
    while (all->waiting.first)
        hang_up(all->waiting.first);
    while (all->turned.first)
        hang_up(all->turned.first);
}
