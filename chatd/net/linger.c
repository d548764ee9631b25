/* linger - see linger.h. */
#include "chatd/net/linger.h"

#include "chatd/base/list.h"
#include "common/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGERS_MAX 32      /* descriptors */
#define LINGER_MS 2000      /* for the peer to read, and to say that it ends */
#define LINGER_BYTES 262144 /* that are read for that, and dropped */

struct lingering {
    uv_poll_t poll;
    struct lingers *all;
    struct {
        struct lingering *prev, *next;
    } order;
    int fd;
    uint64_t since_ms;
    size_t dropped;
};

static void linger_on_closed(uv_handle_t *h) {
    free(h->data);
}

static void linger_end(struct lingering *l) {
    struct lingers *all = l->all;
    LIST_REMOVE(all, l, order);
    all->count--;
    uv_poll_stop(&l->poll);
    uv_close((uv_handle_t *)&l->poll, linger_on_closed);
    close(l->fd);
}

static void linger_on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    static char bytes[16 * 1024];
    struct lingering *l = poll->data;
    ssize_t n = recv(l->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (status == 0 && n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    l->dropped += n > 0 ? (size_t)n : 0;
    if (n <= 0 || l->dropped > LINGER_BYTES)
        linger_end(l);
}

void linger_begin(struct lingers *all, int fd) {
    struct lingering *l = all->count < LINGERS_MAX ? calloc(1, sizeof *l) : NULL;
    shutdown(fd, SHUT_WR);
    if (!l || uv_poll_init(all->loop, &l->poll, fd) != 0) {
        free(l);
        close(fd);
        return;
    }
    l->poll.data = l;
    l->all = all;
    l->fd = fd;
    l->since_ms = clock_mono_ms();
    LIST_APPEND(all, l, order);
    all->count++;
    uv_poll_start(&l->poll, UV_READABLE, linger_on_readable);
}

void lingers_sweep(struct lingers *all, uint64_t now_ms) {
    while (all->first && all->first->since_ms + LINGER_MS <= now_ms)
        linger_end(all->first);
}

void lingers_close(struct lingers *all) {
    while (all->first)
        linger_end(all->first);
}
