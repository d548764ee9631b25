/* net - see net.h. */
#include "chattui/io/net.h"

#include "common/base/secret.h"
#include "common/client/wsclient.h"
#include "common/proto/request.h"
#include "common/proto/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (256u << 10) /* of ours */

struct tui_net {
    struct wsclient *ws;
    tui_event_fn *fn;
    void *arg;
    uv_timer_t *broken; /* active: a frame could not be sent, and so the connection was closed */
};

/* --- What comes --- */

static void on_opened(void *arg) {
    struct tui_net *n = arg;
    struct event e = {.kind = EV_NET_OPEN};
    n->fn(&e, n->arg);
}

/* A frame that can't be understood is told as a response that is to be ignored. */
static void on_text(const char *text, size_t len, void *arg) {
    struct tui_net *n = arg;
    struct response response;
    struct err why;
    struct event e = {.kind = EV_RESPONSE, .u.response = &response};
    if (response_decode(text, len, &response, &why) != ERR_OK)
        response = (struct response){.kind = RESPONSE_UNKNOWN};
    n->fn(&e, n->arg);
    response_free(&response);
}

static void on_closed(unsigned code, bool final, const char *reason, void *arg) {
    struct tui_net *n = arg;
    struct event e = {.kind = EV_NET_CLOSED, .u.closed = {code, final, reason}};
    n->fn(&e, n->arg);
}

/* --- What goes --- */

static void on_broken(uv_timer_t *timer) {
    on_closed(0, false, "too much waits to be sent", timer->data);
}

static void send_request(struct tui_net *n, const struct request *r) {
    struct buf b;
    buf_init(&b, FRAME_MAX);
    request_encode(&b, r);
    bool ok = !b.failed && wsclient_send(n->ws, b.data, b.len);
    if (b.data)
        secret_wipe(b.data, b.len);
    buf_free(&b);
    if (ok)
        return;
    wsclient_close(n->ws);
    uv_timer_start(n->broken, on_broken, 0, 0);
}

bool tui_net_carry_out(struct tui_net *n, const struct effect *fx) {
    switch (fx->kind) {
    case EFFECT_CONNECT:
        uv_timer_stop(n->broken);
        wsclient_open(n->ws, fx->text);
        return true;
    case EFFECT_CLOSE:
        uv_timer_stop(n->broken);
        wsclient_close(n->ws);
        return true;
    case EFFECT_SEND:
        send_request(n, fx->request);
        return true;
    default:
        return false;
    }
}

/* --- The whole --- */

struct tui_net *tui_net_new(uv_loop_t *loop, const char *ca_file, tui_event_fn *fn, void *arg,
                            char *why, size_t size) {
    static const struct wsclient_hooks HOOKS = {on_opened, on_text, on_closed};
    const struct wsclient_options options = {.ca_file = ca_file};
    struct tui_net *n = calloc(1, sizeof *n);
    uv_timer_t *broken = calloc(1, sizeof *broken);
    if (n && broken)
        n->ws = wsclient_new(loop, &options, &HOOKS, n, why, size);
    else
        snprintf(why, size, "out of memory");
    if (!n || !n->ws) {
        free(n);
        free(broken);
        return NULL;
    }
    n->fn = fn;
    n->arg = arg;
    n->broken = broken;
    uv_timer_init(loop, broken);
    broken->data = n;
    return n;
}

static void free_timer(uv_handle_t *timer) {
    free(timer);
}

void tui_net_end(struct tui_net *n) {
    uv_close((uv_handle_t *)n->broken, free_timer);
    wsclient_end(n->ws);
}

void tui_net_free(struct tui_net *n) {
    if (n)
        wsclient_free(n->ws);
    free(n);
}
