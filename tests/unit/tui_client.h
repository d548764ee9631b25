/* tui_client - a model with its effects and a clock, for tests of chattui: events in, and what was
 * asked for as text. Frames of the server are encoded and decoded as the real ones are. Include it
 * in one file of a program.
 */
#ifndef TESTS_UNIT_TUI_CLIENT_H
#define TESTS_UNIT_TUI_CLIENT_H

#include "chattui/update/update.h"
#include "common/base/buf.h"
#include "common/proto/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
    struct model m;
    struct effects fx;
    uint64_t now_ms;
    int64_t wall_ms;
    unsigned uuids; /* made so far */
    uint8_t run;    /* part of the uuids, so that another run makes others */
    void (*carry_out)(struct client *c, const struct effect *e, void *arg);
    void *arg;
};

static inline struct uuid client_uuid(struct client *c) {
    struct uuid u = {{0xc1, c->run}};
    c->uuids++;
    memcpy(u.b + 4, &c->uuids, sizeof c->uuids);
    return u;
}

static inline void client_event(struct client *c, struct event *e) {
    e->now_ms = c->now_ms;
    e->wall_ms = c->wall_ms;
    struct effects *fx = malloc(sizeof *fx); /* its own: carrying out may cause events */
    if (!fx)
        abort();
    effects_init(fx);
    update(&c->m, e, fx);
    if (fx->overrun)
        abort();
    for (size_t i = 0; i < fx->n; i++)
        c->carry_out(c, &fx->items[i], c->arg);
    effects_free(fx);
    free(fx);
}

static inline void client_begin(struct client *c, const char *user) {
    struct model_options options = {.server = "ws://127.0.0.1:8080/ws", .user = user, .seed = 7};
    tuning_defaults(&options.tuning);
    if (!model_init(&c->m, &options))
        abort();
}

static inline void client_line(struct client *c, const char *text) {
    struct event e = {.kind = EV_ENTER};
    e.u.input.text = text;
    e.u.input.len = strlen(text);
    e.u.input.uuid = client_uuid(c);
    client_event(c, &e);
}

static inline void client_action(struct client *c, enum action action) {
    struct event e = {.kind = EV_ACTION, .u.action = action};
    client_event(c, &e);
}

static inline void client_tick(struct client *c, uint64_t ms) {
    struct event e = {.kind = EV_TICK};
    c->now_ms += ms;
    c->wall_ms += (int64_t)ms;
    client_event(c, &e);
}

static inline void client_closed(struct client *c, unsigned code, const char *reason) {
    struct event e = {.kind = EV_NET_CLOSED};
    e.u.closed.code = code;
    e.u.closed.reason = reason;
    client_event(c, &e);
}

static inline void client_open(struct client *c) {
    struct event e = {.kind = EV_NET_OPEN};
    client_event(c, &e);
}

static inline void client_persisted(struct client *c, const struct uuid *uuid) {
    struct event e = {.kind = EV_PERSISTED};
    e.u.input.text = "";
    e.u.input.uuid = *uuid;
    e.u.input.yes = true;
    client_event(c, &e);
}

/* A frame of the server. False: it was refused when decoded. */
static inline bool client_frame(struct client *c, const char *text, size_t len) {
    struct response a;
    struct err err = {.code = ERR_OK};
    struct event e = {.kind = EV_RESPONSE, .u.answer = &a};
    if (response_decode(text, len, &a, &err) != ERR_OK)
        return false;
    client_event(c, &e);
    response_free(&a);
    return true;
}

#endif
