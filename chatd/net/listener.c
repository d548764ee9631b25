/* listener - see listener.h. */
#include "chatd/net/listener.h"

#include "chatd/base/net.h"
#include "chatd/net/handshake.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each soon has more to ask than to be accepted: a storm of connections must not make turns so long
 * that those that are there wait. */
#define ACCEPT_PER_TURN 8
#define UNSENT_MAX (128 * 1024) /* bytes that the kernel holds for a reader who takes none */
#define NO_FDS_PAUSE_MS 200     /* out of file descriptors: try again after that … */
#define EPISODE_MS 60000        /* … and tell of it again when there were some for so long */

struct listener {
    struct handshakes *to;
    int fd, handles;
    uint64_t starved_ms; /* when the last try found no descriptor; 0: never */
    uv_poll_t poll;
    uv_timer_t pause;
    char address[NET_NAME];
};

/* --- Life --- */

/* Accepted sockets inherit these. The kernel would take up to 4 MB for one that nobody reads from,
 * of which no cap knows; what is on its way doesn't count here, so a long way is no slower. */
static void set_options(int fd) {
    int one = 1, max = UNSENT_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &max, sizeof max);
}

struct listener *listener_open(uv_loop_t *loop, int fd) {
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    set_options(fd);
    l->fd = fd;
    net_name(fd, l->address);
    uv_timer_init(loop, &l->pause);
    uv_poll_init(loop, &l->poll, fd);
    l->pause.data = l->poll.data = l;
    l->handles = 2;
    return l;
}

const char *listener_address(const struct listener *l) {
    return l->address;
}

/* --- Accepting --- */

static void listener_on_readable(uv_poll_t *p, int status, int events);

static void on_pause_over(uv_timer_t *t) {
    struct listener *l = t->data;
    uv_poll_start(&l->poll, UV_READABLE, listener_on_readable);
}

/* Whoever is waiting takes the next one that is free, so it comes again and again. */
static void starve(struct listener *l) {
    uint64_t now_ms = clock_mono_ms();
    if (l->starved_ms == 0 || l->starved_ms + EPISODE_MS <= now_ms)
        log_error("accept_failed", "errno=%d hint=\"raise the limit of open files\"", errno);
    l->starved_ms = now_ms;
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->pause, on_pause_over, NO_FDS_PAUSE_MS, 0);
}

static void listener_on_readable(uv_poll_t *p, int status, int events) {
    (void)status;
    (void)events;
    struct listener *l = p->data;
    for (int i = 0; i < ACCEPT_PER_TURN; i++) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof sa;
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            handshake_begin(l->to, fd, (struct sockaddr *)&sa);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            starve(l);
            return;
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

void listener_start(struct listener *l, struct handshakes *to) {
    l->to = to;
    uv_poll_start(&l->poll, UV_READABLE, listener_on_readable);
}

static void listener_on_closed(uv_handle_t *h) {
    struct listener *l = h->data;
    if (--l->handles == 0)
        free(l);
}

void listener_close(struct listener *l) {
    if (!l)
        return;
    uv_poll_stop(&l->poll);
    uv_close((uv_handle_t *)&l->poll, listener_on_closed);
    uv_close((uv_handle_t *)&l->pause, listener_on_closed);
    close(l->fd);
}
