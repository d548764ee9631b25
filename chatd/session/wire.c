/* wire - see wire.h and wires.h. */
#include "chatd/session/wire.h"

#include "chatd/session/wires.h"
#include "common/base/clock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- What is polled for --- */

static void wire_on_poll(uv_poll_t *poll, int status, int events);

static void watch_wire(struct wire *w) {
    bool reads = !w->paused && !w->ended && !w->killed;
    bool writes = (w->rest || w->wants) && !w->killed;
    int events = (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0);
    if (events == w->events)
        return;
    w->events = events;
    if (events)
        uv_poll_start(&w->poll, events, wire_on_poll);
    else
        uv_poll_stop(&w->poll);
}

/* --- The next turn --- */

static void wire_close_now(struct wire *w);

/* What comes to the list meanwhile is for the turn after it. */
static void on_later(uv_idle_t *h) {
    struct wires *all = h->data;
    struct wire *list = all->later;
    all->later = NULL;
    uv_idle_stop(h);
    while (list) {
        struct wire *w = list;
        list = w->later_next;
        w->later = false;
        bool again = w->again;
        w->again = false;
        if (w->killed || (w->leaves && !w->rest))
            wire_close_now(w);
        else if (again)
            all->resumed(w);
    }
}

static void wire_do_later(struct wire *w) {
    struct wires *all = w->all;
    if (w->later)
        return;
    w->later = true;
    w->later_next = all->later;
    all->later = w;
    uv_idle_start(&all->idle, on_later);
}

static void wire_again(struct wire *w) {
    w->again = true;
    wire_do_later(w);
}

void wire_kill(struct wire *w) {
    w->killed = true;
    watch_wire(w);
    wire_do_later(w);
}

void wire_leave(struct wire *w) {
    w->leaves = true;
    wire_stop_reading(w);
    if (!w->rest)
        wire_do_later(w);
}

/* --- Writing --- */

static bool wire_keep(struct wire *w, const char *bytes, size_t len) {
    size_t before = w->rest_len - w->rest_sent;
    char *rest = malloc(before + len);
    if (!rest)
        return false;
    if (before)
        memcpy(rest, w->rest + w->rest_sent, before);
    memcpy(rest + before, bytes, len);
    free(w->rest);
    w->rest = rest;
    w->rest_len = before + len;
    w->rest_sent = 0;
    watch_wire(w);
    return true;
}

/* How much of it the socket takes now; -1: it is broken. */
static ssize_t send_now(const struct wire *w, const char *bytes, size_t len) {
    ssize_t n = send(w->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM))
        return 0;
    return n;
}

enum wire_result wire_write(struct wire *w, const void *bytes, size_t len) {
    if (w->killed)
        return WIRE_DEAD;
    ssize_t n = w->rest ? 0 : send_now(w, bytes, len);
    if (n == (ssize_t)len)
        return WIRE_SENT;
    if (n < 0 || !wire_keep(w, (const char *)bytes + n, len - (size_t)n)) {
        wire_kill(w);
        return WIRE_DEAD;
    }
    return WIRE_CHOKED;
}

static void send_rest(struct wire *w) {
    ssize_t n = send_now(w, w->rest + w->rest_sent, w->rest_len - w->rest_sent);
    if (n < 0) {
        wire_kill(w);
        return;
    }
    w->rest_sent += (size_t)n;
    if (w->rest_sent < w->rest_len)
        return;
    free(w->rest);
    w->rest = NULL;
    w->rest_len = w->rest_sent = 0;
    if (w->leaves)
        wire_do_later(w);
}

void wire_want_writeable(struct wire *w) {
    w->wants = true;
    watch_wire(w);
}

enum wire_result wire_say_goodbye(struct wire *w, unsigned code, const char *reason) {
    unsigned char bytes[4 + 123] = {0x88}; /* FIN, close; RFC 6455 section 5.5.1 */
    size_t len = strlen(reason);
    if (code == 0)
        return wire_write(w, bytes, 2);
    bytes[1] = (unsigned char)(2 + len);
    bytes[2] = (unsigned char)(code >> 8);
    bytes[3] = (unsigned char)code;
    memcpy(bytes + 4, reason, len);
    return wire_write(w, bytes, 4 + len);
}

size_t wire_kept(const struct wire *w) {
    return w->rest_len - w->rest_sent;
}

size_t wire_kernel_bytes(const struct wire *w) {
    int bytes = 0;
    return ioctl(w->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

/* --- Reading --- */

ssize_t wire_read(struct wire *w, char *bytes, size_t size) {
    ssize_t n = recv(w->fd, bytes, size, MSG_DONTWAIT);
    if (n > 0)
        w->received += (uint64_t)n;
    return n;
}

uint64_t wire_received(const struct wire *w) {
    return w->received;
}

void wire_pause(struct wire *w, bool pause) {
    w->paused = pause;
    watch_wire(w);
    if (!pause)
        wire_again(w);
}

void wire_stop_reading(struct wire *w) {
    w->ended = true;
    watch_wire(w);
}

static void wire_on_poll(uv_poll_t *poll, int status, int events) {
    struct wire *w = poll->data;
    if (status < 0) {
        wire_kill(w);
        return;
    }
    if ((events & UV_WRITABLE) && w->rest)
        send_rest(w);
    if ((events & UV_WRITABLE) && !w->rest && w->wants && !w->killed) {
        w->wants = false;
        w->all->writeable(w);
    }
    if ((events & UV_READABLE) && !w->paused && !w->ended && !w->killed)
        w->all->readable(w);
    watch_wire(w);
}

/* --- Life --- */

void wires_init(struct wires *all) {
    uv_idle_init(all->loop, &all->idle);
    all->idle.data = all;
}

bool wire_open(struct wire *w, struct wires *all, int fd) {
    *w = (struct wire){.all = all, .fd = fd};
    if (uv_poll_init(all->loop, &w->poll, fd) != 0) {
        close(fd);
        return false;
    }
    w->poll.data = w;
    w->prev = all->last;
    *(all->last ? &all->last->next : &all->first) = w;
    all->last = w;
    watch_wire(w);
    return true;
}

static void wire_on_closed(uv_handle_t *h) {
    free(h->data);
}

static void wire_close_now(struct wire *w) {
    struct wires *all = w->all;
    all->closed(w);
    *(w->prev ? &w->prev->next : &all->first) = w->next;
    *(w->next ? &w->next->prev : &all->last) = w->prev;
    free(w->rest);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, wire_on_closed);
    if (w->leaves && !w->killed)
        linger_begin(all->lingers, w->fd);
    else
        close(w->fd);
}

void wire_close_within(struct wire *w, int seconds) {
    w->deadline_ms = clock_mono_ms() + (uint64_t)seconds * 1000;
}

void wires_sweep(struct wires *all, uint64_t now_ms) {
    for (struct wire *w = all->first; w; w = w->next)
        if (w->deadline_ms && w->deadline_ms <= now_ms)
            wire_kill(w);
}

void wires_close(struct wires *all) {
    uv_idle_stop(&all->idle);
    while (all->first)
        wire_close_now(all->first);
    uv_close((uv_handle_t *)&all->idle, NULL);
}
