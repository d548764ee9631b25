/* handshake - see handshake.h. */
#include "chatd/handshake.h"

#include "chatd/node.h"
#include "chatd/ws.h"
#include "common/clock.h"

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

static void refuse(struct handshake *h) {
    detach(h);
    close(h->fd);
    addresses_leave(&h->node->addresses, h->from);
}

/* The length of the head up to and with its empty line; 0: it isn't all there. */
static size_t head_length(const char *bytes, size_t len) {
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* lws takes any version, and none. */
static bool is_http_1_1(const char *head, size_t len) {
    static const char version[] = " HTTP/1.1\r\n";
    const char *line_end = memmem(head, len, "\r\n", 2);
    size_t n = sizeof version - 1, line = line_end ? (size_t)(line_end - head) + 2 : 0;
    return line >= n && memcmp(head + line - n, version, n) == 0;
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
        refuse(h);
        return;
    }
    size_t total = h->len + (size_t)n, head = head_length(bytes, total);
    size_t take = (head ? head : total) - h->len;
    if (recv(h->fd, bytes + h->len, take, 0) != (ssize_t)take || (!head && total == sizeof bytes) ||
        (head && !is_http_1_1(bytes, head))) {
        refuse(h);
        return;
    }
    if (head) {
        detach(h);
        ws_adopt(h->to, h->fd, h->from, bytes, head);
        return;
    }
    if (!h->head)
        h->head = malloc(HEAD_MAX);
    if (!h->head) {
        refuse(h);
        return;
    }
    memcpy(h->head, bytes, total);
    h->len = total;
}

void handshake_begin(struct node *node, struct ws *to, int fd, struct address *from) {
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
    h->since_ms = clock_mono_ms();
    h->prev = all->last;
    *(all->last ? &all->last->next : &all->first) = h;
    all->last = h;
    uv_poll_start(&h->poll, UV_READABLE, on_readable);
}

const struct handshake *handshake_next(const struct handshake *h) {
    return h->next;
}

void handshakes_sweep(struct node *node, uint64_t now_ms) {
    struct handshakes *all = &node->handshakes;
    while (all->first && all->first->since_ms + node->set->handshake_timeout <= now_ms)
        refuse(all->first);
}

void handshakes_close(struct node *node) {
    while (node->handshakes.first)
        refuse(node->handshakes.first);
}
