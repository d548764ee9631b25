/* conn - see load.h. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define EVENTS 512

static const unsigned char MASK[4] = {0x5a, 0xc3, 0x3c, 0xa5};
static int poller;
static char *bytes; /* READ_BYTES: what one read brought */
uint64_t last_read;

void conn_init(void) {
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    prctl(PR_SET_TIMERSLACK, 1);
    poller = epoll_create1(0);
    bytes = malloc(READ_BYTES);
    if (poller < 0 || !bytes)
        die("no memory");
}

/* --- Writing --- */

static void poll_for(struct conn *c, int op, bool out) {
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0u), .data.ptr = c};
    c->polling_out = out;
    epoll_ctl(poller, op, c->fd, &e);
}

char *conn_room(struct conn *c, size_t n) {
    if (c->out_len + n > c->out_cap) {
        c->out_cap = 2 * (c->out_len + n) + 256;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out)
            die("no memory");
    }
    char *p = c->out + c->out_len;
    c->out_len += n;
    return p;
}

void conn_flush(struct conn *c) {
    size_t done = 0;
    while (c->state != GONE && done < c->out_len) {
        ssize_t n = send(c->fd, c->out + done, c->out_len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done)
        memmove(c->out, c->out + done, c->out_len -= done);
    if (c->state != GONE && c->polling_out != (c->out_len > 0))
        poll_for(c, EPOLL_CTL_MOD, c->out_len > 0);
}

size_t frame_head(char *h, int opcode, size_t len) {
    size_t n = 2;
    h[0] = (char)(0x80 | opcode);
    if (len < 126)
        h[1] = (char)(0x80 | len);
    else {
        h[1] = (char)(0x80 | 126);
        h[2] = (char)(len >> 8);
        h[3] = (char)len;
        n = 4;
    }
    memcpy(h + n, MASK, 4);
    return n + 4;
}

void mask(char *p, size_t n, size_t phase) {
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(p[i] ^ MASK[(phase + i) & 3]);
}

void conn_send_frame(struct conn *c, int opcode, const char *payload, size_t len) {
    char head[14];
    size_t n = frame_head(head, opcode, len);
    char *out = conn_room(c, n + len);
    memcpy(out, head, n);
    memcpy(out + n, payload, len);
    mask(out + n, len, 0);
    conn_flush(c);
}

/* --- Opening and closing --- */

void conn_open(struct conn *c, int port) {
    int one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    c->state = CONNECTING;
    poll_for(c, EPOLL_CTL_ADD, true);
}

void conn_close(struct conn *c) {
    if (c->state == GONE || c->state == UNUSED)
        return;
    close(c->fd);
    chat_closed(c);
    c->state = GONE;
    c->out_len = c->part_len = 0;
    c->head_len = 0;
    c->in_frame = false;
}

/* --- Reading --- */

/* Takes bytes of the header until it is whole; returns how many, sets c->len and in_frame. */
static size_t take_head(struct conn *c, const char *p, size_t n) {
    size_t used = 0, need = 2;
    for (;;) {
        while (c->head_len < need && used < n)
            c->head[c->head_len++] = (unsigned char)p[used++];
        if (c->head_len < need)
            return used;
        unsigned len = c->head[1] & 127u;
        need = len == 126 ? 4 : len == 127 ? 10 : 2;
        if (c->head_len == need)
            break;
    }
    if (c->head[0] & 0x70 || c->head[1] & 0x80)
        die("connection %d: bad frame header %02x %02x", c->index, c->head[0], c->head[1]);
    c->opcode = c->head[0] & 15;
    c->len = c->head[1] & 127;
    if (need > 2)
        c->len = 0;
    for (size_t i = 2; i < need; i++)
        c->len = c->len << 8 | c->head[i];
    c->head_len = 0;
    c->left = c->len;
    c->in_frame = true;
    c->part_len = 0;
    return used;
}

static void keep(struct conn *c, const char *p, size_t n) {
    if (!c->part)
        c->part = malloc(PART_BYTES);
    if (!c->part)
        die("no memory");
    if (n > PART_BYTES - c->part_len)
        n = PART_BYTES - c->part_len;
    memcpy(c->part + c->part_len, p, n);
    c->part_len += n;
}

static void frame(struct conn *c, const char *p, size_t n) {
    c->in_frame = false;
    if (c->opcode == OP_CLOSE)
        conn_close(c);
    else if (c->opcode == OP_PING)
        conn_send_frame(c, OP_PONG, p, n);
    else if (c->opcode == OP_TEXT)
        chat_frame(c, p, n);
}

static void take_frames(struct conn *c, const char *p, size_t n) {
    while (n && c->state != GONE) {
        if (!c->in_frame) {
            size_t used = take_head(c, p, n);
            p += used;
            n -= used;
            if (!c->in_frame)
                return;
        }
        size_t k = c->left < n ? (size_t)c->left : n;
        bool whole = k == c->len;
        if (!whole && chat_wants(c))
            keep(c, p, k);
        c->left -= k;
        if (c->left == 0)
            frame(c, whole ? p : c->part, whole ? k : c->part_len);
        p += k;
        n -= k;
    }
}

/* The answer to the handshake gathers in `part`; what is behind it are frames. */
static void take_answer(struct conn *c, const char *p, size_t n) {
    size_t before = c->part_len;
    keep(c, p, n);
    char *end = memmem(c->part, c->part_len, "\r\n\r\n", 4);
    if (!end)
        return;
    if (memcmp(c->part, "HTTP/1.1 101", 12) != 0)
        die("upgrade refused: %.*s", (int)(end - c->part), c->part);
    size_t used = (size_t)(end - c->part) + 4 - before;
    c->part_len = 0;
    c->state = WAITING;
    chat_upgraded(c);
    take_frames(c, p + used, n - used);
}

static void readable(struct conn *c) {
    ssize_t n = recv(c->fd, bytes, READ_BYTES, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        conn_close(c);
        return;
    }
    if (n < 0)
        return;
    last_read = now();
    tally.bytes += (uint64_t)n;
    if (c->state == UPGRADING)
        take_answer(c, bytes, (size_t)n);
    else
        take_frames(c, bytes, (size_t)n);
}

static void writable(struct conn *c) {
    int error = 0;
    socklen_t size = sizeof error;
    if (c->state != CONNECTING) {
        conn_flush(c);
        return;
    }
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        die("connect: %s", strerror(error));
    c->state = UPGRADING;
    chat_connected(c);
}

/* --- Turns --- */

void turn(uint64_t wait_ns) {
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / SECOND),
                            .tv_nsec = (long)(wait_ns % SECOND)};
    int n = epoll_pwait2(poller, events, EVENTS, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (c->state != GONE && events[i].events & EPOLLOUT)
            writable(c);
        if (c->state != GONE && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            readable(c);
    }
}

void turn_for(double seconds) {
    for (uint64_t end = now() + (uint64_t)(seconds * (double)SECOND); now() < end;)
        turn(SECOND / 100);
}

void settle(unsigned quiet_ms) {
    for (last_read = now(); now() - last_read < quiet_ms * (SECOND / 1000);)
        turn(SECOND / 100);
}
