/* listener - see listener.h. */
#include "chatd/listener.h"

#include "chatd/node.h"
#include "common/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPT_PER_TURN 128 /* so that a storm of connections doesn't starve those that are there  \
                             */
#define NO_FDS_PAUSE_MS 200 /* out of file descriptors: try again after that */

struct listener {
    struct node *node;
    struct ws *to;
    int fd, handles;
    uv_poll_t poll;
    uv_timer_t pause;
    char address[LISTENER_TEXT];
};

/* --- Opening --- */

/* Splits HOST:PORT. An empty host or * is every address. */
static bool split(const char *address, char *host, size_t host_size, char *port, size_t port_size) {
    const char *colon = strrchr(address, ':');
    if (!colon)
        return false;
    size_t n = (size_t)(colon - address);
    if (n >= 2 && *address == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (n >= host_size || colon[1] < '0' || colon[1] > '9' || *end || number > 65535)
        return false;
    memcpy(host, address, n);
    host[n] = '\0';
    if (strcmp(host, "*") == 0)
        host[0] = '\0';
    snprintf(port, port_size, "%lu", number);
    return true;
}

static bool set_flag(int fd, int option) {
    int one = 1;
    return setsockopt(fd, SOL_SOCKET, option, &one, sizeof one) == 0;
}

static int bind_one(const struct addrinfo *ai, bool shared) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_flag(fd, SO_REUSEADDR);
    if ((!shared || set_flag(fd, SO_REUSEPORT)) && bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void name_address(int fd, char out[LISTENER_TEXT]) {
    struct sockaddr_storage sa;
    socklen_t size = sizeof sa;
    char host[64] = "?", port[8] = "?";
    if (getsockname(fd, (struct sockaddr *)&sa, &size) == 0)
        getnameinfo((struct sockaddr *)&sa, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    bool v6 = strchr(host, ':') != NULL;
    snprintf(out, LISTENER_TEXT, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* A socket bound at the first of the address' meanings that can be, or -1. */
static int bind_at(const char *address, bool shared, char *why, size_t size) {
    char host[256], port[8];
    if (!split(address, host, sizeof host, port, sizeof port)) {
        snprintf(why, size, "listen: expected HOST:PORT with a port of 0 to 65535");
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (rc != 0) {
        snprintf(why, size, "listen %s: %s", address, gai_strerror(rc));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
        fd = bind_one(ai, shared);
    freeaddrinfo(found);
    if (fd < 0)
        snprintf(why, size, "listen %s: %s", address, strerror(errno));
    return fd;
}

/* It was bound without SO_REUSEPORT, so that another's port is an error; from here on it lets the
 * workers' sockets in beside it. */
int listener_reserve(const char *address, char shown[LISTENER_TEXT], char *why, size_t size) {
    int fd = bind_at(address, false, why, size);
    if (fd < 0)
        return -1;
    set_flag(fd, SO_REUSEPORT);
    name_address(fd, shown);
    return fd;
}

struct listener *listener_open(struct node *node, const char *address, char *why, size_t size) {
    int fd = bind_at(address, node->set->worker > 0, why, size);
    if (fd < 0)
        return NULL;
    struct listener *l = listen(fd, BACKLOG) == 0 ? calloc(1, sizeof *l) : NULL;
    if (!l) {
        snprintf(why, size, "listen %s: %s", address, strerror(errno));
        close(fd);
        return NULL;
    }
    l->node = node;
    l->fd = fd;
    name_address(fd, l->address);
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
    if (node->addresses.connections < node->set->max_connections)
        from = addresses_enter(&node->addresses, sa, node->set->max_per_address,
                               node->set->limit_loopback);
    if (!from) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
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
