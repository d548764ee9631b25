/* listener - see listener.h. */
#include "chatd/net/listener.h"

#include "chatd/base/net.h"
#include "chatd/daemon/node.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each soon has more to ask than to be accepted: a storm of connections must not make turns so long
 * that those who are there wait. */
#define ACCEPT_PER_TURN 8
#define NO_FDS_PAUSE_MS 200 /* out of file descriptors: try again after that */

struct listener {
    struct node *node;
    struct ws *to;
    int fd, handles;
    uv_poll_t poll;
    uv_timer_t pause;
    char address[NET_NAME];
};

/* --- Life --- */

struct listener *listener_open(struct node *node, int fd) {
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->node = node;
    l->fd = fd;
    net_name(fd, l->address);
    uv_timer_init(node->loop, &l->pause);
    uv_poll_init(node->loop, &l->poll, fd);
    l->pause.data = l->poll.data = l;
    l->handles = 2;
    return l;
}

const char *listener_address(const struct listener *l) {
    return l->address;
}

/* --- Accepting --- */

static void take(struct listener *l, int fd, const struct sockaddr *sa) {
    struct node *node = l->node;
    int one = 1;
    struct address *from = NULL;
    bool proxy = networks_hold(&node->proxies, sa);
    if (node->addresses.connections < node->set->max_connections)
        from =
            addresses_enter(&node->addresses, sa, proxy ? UINT64_MAX : node->set->max_per_address,
                            node->set->limit_loopback);
    if (!from) {
        char text[64] = "unix";
        uv_ip_name(sa, text, sizeof text);
        log_client("connection_refused", "address=%s reason=\"too many connections\"", text);
        node->count.refused++;
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (proxy)
        handshake_begin_proxied(node, l->to, fd, from);
    else
        handshake_begin(node, l->to, fd, from);
}

static void on_readable(uv_poll_t *p, int status, int events);

static void on_pause_over(uv_timer_t *t) {
    struct listener *l = t->data;
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *p, int status, int events) {
    (void)status;
    (void)events;
    struct listener *l = p->data;
    for (int i = 0; i < ACCEPT_PER_TURN; i++) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof sa;
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(l, fd, (struct sockaddr *)&sa);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("accept_failed", "errno=%d hint=\"raise the limit of open files\"", errno);
            uv_poll_stop(&l->poll);
            uv_timer_start(&l->pause, on_pause_over, NO_FDS_PAUSE_MS, 0);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

void listener_start(struct listener *l, struct ws *to) {
    l->to = to;
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void on_closed(uv_handle_t *h) {
    struct listener *l = h->data;
    if (--l->handles == 0)
        free(l);
}

void listener_close(struct listener *l) {
    if (!l)
        return;
    uv_poll_stop(&l->poll);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->pause, on_closed);
    close(l->fd);
}
