/* http - see http.h. */
#include "chatd/daemon/http.h"

#include "chatd/base/net.h"
#include "chatd/daemon/activation.h"
#include "chatd/net/head.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX 32
#define ADDRESS_MAX 8  /* of them from one address */
#define CLIENT_MS 5000 /* for its request and our answer */
#define REQUEST_MAX 4096
#define ANSWER_MAX ((size_t)256 * 1024)
#define BACKLOG 64

struct client {
    struct http *http;
    struct client *prev, *next;
    uv_tcp_t tcp;
    uv_timer_t deadline;
    uint64_t came_ms;
    struct sockaddr_storage from;
    int handles;
    bool closing, head_only;
    uv_write_t write;
    struct buf answer;
    size_t len;
    char request[REQUEST_MAX];
};

struct http {
    uv_tcp_t tcp;
    struct http_hooks hooks;
    struct client *clients;
    unsigned count;
    bool closed; /* the listener is */
};

/* --- The end of a client --- */

static void http_release(struct http *h) {
    if (h->closed && h->count == 0)
        free(h);
}

static void http_on_closed(uv_handle_t *handle) {
    struct client *c = handle->data;
    struct http *h = c->http;
    if (--c->handles > 0)
        return;
    buf_free(&c->answer);
    free(c);
    h->count--;
    http_release(h);
}

static void http_drop(struct client *c) {
    if (c->closing)
        return;
    c->closing = true;
    *(c->prev ? &c->prev->next : &c->http->clients) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    uv_close((uv_handle_t *)&c->tcp, http_on_closed);
    uv_close((uv_handle_t *)&c->deadline, http_on_closed);
}

/* --- Answers --- */

static void on_written(uv_write_t *w, int status) {
    (void)status;
    http_drop(w->data);
}

/* HEAD gets the head alone. */
static void send_answer(struct client *c, const char *status, const char *body, size_t len) {
    buf_fmt(&c->answer,
            "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
            status, len);
    if (!c->head_only)
        buf_add(&c->answer, body, len);
    uv_buf_t out = uv_buf_init(c->answer.data, (unsigned)c->answer.len);
    c->write.data = c;
    uv_read_stop((uv_stream_t *)&c->tcp);
    if (c->answer.failed || uv_write(&c->write, (uv_stream_t *)&c->tcp, &out, 1, on_written) != 0)
        http_drop(c);
}

static void send_text(struct client *c, const char *status, const char *text) {
    char line[256];
    int n = snprintf(line, sizeof line, "%s\n", text);
    send_answer(c, status, line, (size_t)n);
}

/* --- Pages: the loop is alive, or none of them would be answered --- */

static void healthz(struct client *c) {
    send_text(c, "200 OK", "alive");
}

static void readyz(struct client *c) {
    const struct http_hooks *hooks = &c->http->hooks;
    char text[128];
    bool ready = hooks->ready(hooks->arg, text, sizeof text);
    send_text(c, ready ? "200 OK" : "503 Service Unavailable", text);
}

static void metrics(struct client *c) {
    const struct http_hooks *hooks = &c->http->hooks;
    struct buf b;
    buf_init(&b, ANSWER_MAX / 2);
    hooks->metrics(hooks->arg, &b);
    if (b.failed)
        send_text(c, "500 Internal Server Error", "too much to say");
    else
        send_answer(c, "200 OK", b.data, b.len);
    buf_free(&b);
}

static const struct page {
    const char *path;
    void (*give)(struct client *c);
} PAGES[] = {{"/healthz", healthz}, {"/readyz", readyz}, {"/metrics", metrics}};

/* --- Requests --- */

/* The head has come whole. Of it only the request line matters; a query is ignored. */
static void http_answer(struct client *c) {
    struct head_line line;
    if (!head_line_read(c->request, c->len, &line)) {
        send_text(c, "400 Bad Request", "not HTTP/1");
        return;
    }
    c->head_only = line.method == HEAD_HEAD;
    if (line.method == HEAD_OTHER) {
        send_text(c, "405 Method Not Allowed", "GET and HEAD only");
        return;
    }
    for (size_t i = 0; i < sizeof PAGES / sizeof *PAGES; i++)
        if (strlen(PAGES[i].path) == line.path_len &&
            memcmp(PAGES[i].path, line.path, line.path_len) == 0) {
            PAGES[i].give(c);
            return;
        }
    send_text(c, "404 Not Found", "/healthz, /readyz, /metrics");
}

static void http_on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    struct client *c = handle->data;
    (void)suggested;
    *out = uv_buf_init(c->request + c->len, (unsigned)(sizeof c->request - c->len));
}

static void http_on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *bytes) {
    struct client *c = s->data;
    (void)bytes;
    if (n < 0) { /* its end, or no room for more of it */
        http_drop(c);
        return;
    }
    c->len += (size_t)n;
    if (head_length(c->request, c->len))
        http_answer(c);
}

static void on_deadline(uv_timer_t *t) {
    http_drop(t->data);
}

/* --- Room --- */

static bool same_address(const struct client *a, const struct client *b) {
    const struct sockaddr_in *a4 = (const void *)&a->from, *b4 = (const void *)&b->from;
    const struct sockaddr_in6 *a6 = (const void *)&a->from, *b6 = (const void *)&b->from;
    if (a4->sin_family != b4->sin_family)
        return false;
    return a4->sin_family == AF_INET ? a4->sin_addr.s_addr == b4->sin_addr.s_addr
                                     : IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

/* Makes room for one who has just come, if there are too many, by dropping the oldest: of the same
 * address if those are too many, else of all. Who asks for something is answered at once, so the
 * old ones are idle or don't read. But nobody goes in the turn in which he came: his request hasn't
 * been read yet. False: there is no room. */
static bool make_room(struct http *h, const struct client *newcomer, uint64_t now_ms) {
    struct client *oldest = NULL, *oldest_there = NULL;
    unsigned n = 0, there = 0;
    for (struct client *c = h->clients; c; c = c->next) { /* the newest first */
        bool same = same_address(c, newcomer);
        n++;
        there += same;
        if (c == newcomer || c->came_ms >= now_ms)
            continue;
        oldest = c;
        oldest_there = same ? c : oldest_there;
    }
    struct client *out = there > ADDRESS_MAX ? oldest_there : oldest;
    if (n <= CLIENTS_MAX && there <= ADDRESS_MAX)
        return true;
    if (out)
        http_drop(out);
    return out;
}

static bool http_accept(struct http *h, uv_stream_t *s, struct client *c) {
    int size = sizeof c->from;
    return uv_accept(s, (uv_stream_t *)&c->tcp) == 0 &&
           uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&c->from, &size) == 0 &&
           make_room(h, c, c->came_ms);
}

static void on_connection(uv_stream_t *s, int status) {
    struct http *h = s->data;
    struct client *c = status == 0 ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return;
    c->http = h;
    c->next = h->clients;
    if (c->next)
        c->next->prev = c;
    h->clients = c;
    h->count++;
    c->handles = 2;
    uv_tcp_init(s->loop, &c->tcp);
    uv_timer_init(s->loop, &c->deadline);
    c->tcp.data = c->deadline.data = c;
    c->came_ms = uv_now(s->loop);
    buf_init(&c->answer, ANSWER_MAX);
    if (!http_accept(h, s, c)) {
        http_drop(c);
        return;
    }
    uv_timer_start(&c->deadline, on_deadline, CLIENT_MS, 0);
    uv_read_start((uv_stream_t *)&c->tcp, http_on_room, http_on_read);
}

/* --- Life --- */

static void on_listener_closed(uv_handle_t *handle) {
    struct http *h = handle->data;
    h->closed = true;
    http_release(h);
}

void http_close(struct http *h) {
    if (!h)
        return;
    while (h->clients)
        http_drop(h->clients);
    uv_close((uv_handle_t *)&h->tcp, on_listener_closed);
}

int http_listen(const char *setting, unsigned shift, bool worker, char *why, size_t size) {
    char address[NET_NAME * 4];
    int fd = activation_socket(ACTIVATION_HTTP, worker);
    *why = '\0';
    if (fd >= 0 || !*setting)
        return fd;
    net_shift(setting, shift, address, sizeof address);
    return net_listen("http", address, false, why, size);
}

struct http *http_open(uv_loop_t *loop, int fd, const struct http_hooks *hooks) {
    char address[NET_NAME * 4];
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->hooks = *hooks;
    uv_tcp_init(loop, &h->tcp);
    h->tcp.data = h;
    if (uv_tcp_open(&h->tcp, fd) != 0 ||
        uv_listen((uv_stream_t *)&h->tcp, BACKLOG, on_connection) != 0) {
        http_close(h);
        return NULL;
    }
    net_name(fd, address);
    log_info("http", "address=%s", address);
    return h;
}
