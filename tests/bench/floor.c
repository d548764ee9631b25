/* floor - what the kernel alone costs: a WebSocket broadcaster that does nothing else. No library,
 * no JSON, no storage, no names; one thread, epoll, non-blocking sockets.
 *
 *   floor PORT [-b]
 *
 * GET /room/N makes a member of room N, who gets each frame that is published there, the own ones
 * too; GET /pub/N one that only publishes. A frame is built once for all members. Without -b each
 * member gets each frame in a send of its own (floor A); with it, the frames that one turn of the
 * loop brought go out in one send a member (floor B). A measure, not a server: it trusts its
 * clients.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOMS 65536
#define READ_BYTES (256 * 1024)
#define EVENTS 512
#define FRAME_MAX (1 << 20)

struct conn {
    int fd, room;
    bool open;      /* the handshake is over */
    int place;      /* in the room; -1: not a member */
    char *in, *out; /* an incomplete frame; what the socket didn't take */
    size_t in_len, out_len;
};

struct room {
    struct conn **members;
    int n, cap;
    char *frames; /* to be delivered at the end of the turn */
    size_t len, size;
    bool waits;
};

static struct room *rooms;
static int waiting[ROOMS], waiting_n; /* rooms with frames to deliver */
static int poller;
static bool coalesces;
static char bytes[READ_BYTES];

static void *grow(void *p, size_t size) {
    p = realloc(p, size);
    if (!p) {
        fputs("floor: no memory\n", stderr);
        exit(1);
    }
    return p;
}

/* --- SHA-1 (RFC 3174) and base64, for Sec-WebSocket-Accept --- */

static uint32_t rol(uint32_t v, unsigned n) {
    return v << n | v >> (32 - n);
}

static void sha1_block(const unsigned char *p, uint32_t h[5]) {
    static const uint32_t K[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (size_t i = 16; i < 80; i++)
        w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (size_t i = 0; i < 80; i++) {
        uint32_t f = i < 20        ? (b & c) | (~b & d)
                     : i / 20 == 2 ? (b & c) | (b & d) | (c & d)
                                   : b ^ c ^ d;
        uint32_t t = rol(a, 5) + f + e + K[i / 20] + w[i];
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* Of at most 119 bytes. */
static void sha1(const char *text, size_t n, unsigned char out[21]) {
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    unsigned char block[128] = {0};
    size_t size = n < 56 ? 64 : 128;
    memcpy(block, text, n);
    block[n] = 0x80;
    block[size - 2] = (unsigned char)(n >> 5);
    block[size - 1] = (unsigned char)(n << 3);
    for (size_t i = 0; i < size; i += 64)
        sha1_block(block + i, h);
    for (size_t i = 0; i < 20; i++)
        out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
    out[20] = 0;
}

/* 20 bytes, and a zero behind them: 28 characters, the last of which is the padding. */
static void base64(const unsigned char in[21], char out[29]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < 7; i++) {
        uint32_t v = (uint32_t)in[3 * i] << 16 | (uint32_t)in[3 * i + 1] << 8 | in[3 * i + 2];
        for (size_t k = 0; k < 4; k++)
            out[4 * i + k] = digits[v >> (18 - 6 * k) & 63];
    }
    out[27] = '=';
    out[28] = '\0';
}

/* --- Output --- */

static void poll_for(struct conn *c, int op, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(poller, op, c->fd, &e);
}

static void put(struct conn *c, const char *p, size_t n) {
    ssize_t done = 0;
    if (!c->out_len) {
        done = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done == (ssize_t)n || (done < 0 && errno != EAGAIN))
            return;
        done = done < 0 ? 0 : done;
        poll_for(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    n -= (size_t)done;
    c->out = grow(c->out, c->out_len + n);
    memcpy(c->out + c->out_len, p + done, n);
    c->out_len += n;
}

static void writable(struct conn *c) {
    ssize_t n = send(c->fd, c->out, c->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0)
        return;
    memmove(c->out, c->out + n, c->out_len -= (size_t)n);
    if (!c->out_len)
        poll_for(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* The heart: the same bytes to every member. */
static void deliver(struct room *r) {
    for (int i = 0; i < r->n; i++)
        put(r->members[i], r->frames, r->len);
    r->len = 0;
}

static void publish(int number, const char *p, size_t n) {
    struct room *r = &rooms[number];
    char head[4] = {(char)0x81, (char)n};
    size_t head_len = 2;
    if (n >= 126) {
        head[1] = 126;
        head[2] = (char)(n >> 8);
        head[3] = (char)n;
        head_len = 4;
    }
    if (r->len + head_len + n > r->size)
        r->frames = grow(r->frames, r->size = 2 * (r->len + head_len + n));
    memcpy(r->frames + r->len, head, head_len);
    memcpy(r->frames + r->len + head_len, p, n);
    r->len += head_len + n;
    if (!coalesces)
        deliver(r);
    else if (!r->waits) {
        r->waits = true;
        waiting[waiting_n++] = number;
    }
}

/* --- Input --- */

static void drop(struct conn *c) {
    if (c->place >= 0) {
        struct room *r = &rooms[c->room];
        r->members[c->place] = r->members[--r->n];
        r->members[c->place]->place = c->place;
    }
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
}

static void unmask(char *p, size_t n, const char key[4]) {
    uint32_t k;
    memcpy(&k, key, 4);
    uint64_t wide = (uint64_t)k << 32 | k, v;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&v, p + i, 8);
        v ^= wide;
        memcpy(p + i, &v, 8);
    }
    for (; i < n; i++)
        p[i] = (char)(p[i] ^ key[i & 3]);
}

/* Publishes the whole frames in p; returns the bytes used, or -1: goodbye. */
static ssize_t take_frames(struct conn *c, char *p, size_t n) {
    size_t used = 0;
    while (n - used >= 2) {
        unsigned char *h = (unsigned char *)p + used;
        size_t len = h[1] & 127u, head = 2;
        if (len == 126) {
            if (n - used < 4)
                break;
            len = (size_t)h[2] << 8 | h[3];
            head = 4;
        }
        if (!(h[1] & 128) || len == 127 || len > FRAME_MAX || (h[0] & 15) == 8)
            return -1;
        if (n - used < head + 4 + len)
            break;
        char *payload = (char *)h + head + 4;
        unmask(payload, len, payload - 4);
        publish(c->room, payload, len);
        used += head + 4 + len;
    }
    return (ssize_t)used;
}

static void enter(struct conn *c) {
    struct room *r = &rooms[c->room];
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 4;
        r->members = grow(r->members, (size_t)r->cap * sizeof(struct conn *));
    }
    c->place = r->n;
    r->members[r->n++] = c;
}

/* Answers the handshake; returns its bytes, 0 when it isn't whole, -1: goodbye. */
static ssize_t shake_hands(struct conn *c, char *p, size_t n) {
    char text[100], accept[29], answer[200];
    unsigned char hash[21];
    char *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    *end = '\0';
    char *key = strcasestr(p, "\r\nSec-WebSocket-Key: ");
    bool member = strncmp(p, "GET /room/", 10) == 0;
    c->room = atoi(p + (member ? 10 : 9));
    if (!key || c->room < 0 || c->room >= ROOMS)
        return -1;
    int len = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 21);
    sha1(text, (size_t)len, hash);
    base64(hash, accept);
    len = snprintf(answer, sizeof answer,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    put(c, answer, (size_t)len);
    c->open = true;
    if (member)
        enter(c);
    return end + 4 - p;
}

static void readable(struct conn *c) {
    if (c->in_len)
        memcpy(bytes, c->in, c->in_len);
    ssize_t got = recv(c->fd, bytes + c->in_len, READ_BYTES - c->in_len, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    size_t n = c->in_len + (size_t)(got > 0 ? got : 0), used = 0;
    ssize_t k = got > 0 ? 0 : -1;
    if (k == 0 && !c->open)
        k = shake_hands(c, bytes, n);
    used = (size_t)(k > 0 ? k : 0);
    if (k >= 0 && c->open)
        k = take_frames(c, bytes + used, n - used);
    if (k < 0) {
        drop(c);
        return;
    }
    used += c->open ? (size_t)k : 0;
    c->in_len = n - used;
    if (c->in_len) {
        c->in = grow(c->in, c->in_len);
        memcpy(c->in, bytes + used, c->in_len);
    }
}

/* --- The loop --- */

static void accept_all(int listener) {
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = grow(NULL, sizeof *c);
        *c = (struct conn){.fd = fd, .place = -1};
        poll_for(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void turn(int listener) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (!c) {
            accept_all(listener);
            continue;
        }
        if (events[i].events & EPOLLOUT)
            writable(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            readable(c);
    }
    for (int i = 0; i < waiting_n; i++) {
        rooms[waiting[i]].waits = false;
        deliver(&rooms[waiting[i]]);
    }
    waiting_n = 0;
}

static int listen_at(int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0) {
        perror("floor: listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    struct rlimit r;
    if (argc < 2) {
        fputs("usage: floor PORT [-b]\n", stderr);
        return 2;
    }
    coalesces = argc > 2 && strcmp(argv[2], "-b") == 0;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    rooms = calloc(ROOMS, sizeof *rooms);
    int listener = listen_at(atoi(argv[1]));
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    if (!rooms || poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e) != 0)
        return 1;
    printf("floor: serving\n");
    fflush(stdout);
    for (;;)
        turn(listener);
}
