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

struct tui_client {
    struct model m;
    struct effects fx;
    uint64_t now_ms;
    int64_t wall_ms;
    unsigned uuids; /* made so far */
    uint8_t run;    /* part of the uuids, so that another run makes others */
    void (*carry_out)(struct tui_client *c, const struct effect *e, void *arg);
    void *arg;
};

static inline struct uuid tui_client_uuid(struct tui_client *c) {
    struct uuid u = {{0xc1, c->run}};
    c->uuids++;
    memcpy(u.b + 4, &c->uuids, sizeof c->uuids);
    return u;
}

static inline void tui_client_event(struct tui_client *c, struct event *e) {
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

static inline void tui_client_begin(struct tui_client *c, const char *user) {
    struct model_options options = {.server = "ws://127.0.0.1:8080/ws", .user = user, .seed = 7};
    tuning_defaults(&options.tuning);
    if (!model_init(&c->m, &options))
        abort();
}

static inline void tui_client_enter(struct tui_client *c, const char *text) {
    struct event e = {.kind = EV_ENTER};
    e.u.input.text = text;
    e.u.input.len = strlen(text);
    e.u.input.uuid = tui_client_uuid(c);
    tui_client_event(c, &e);
}

static inline void tui_client_action(struct tui_client *c, enum action action) {
    struct event e = {.kind = EV_ACTION, .u.action = action};
    tui_client_event(c, &e);
}

static inline void tui_client_tick(struct tui_client *c, uint64_t ms) {
    struct event e = {.kind = EV_TICK};
    c->now_ms += ms;
    c->wall_ms += (int64_t)ms;
    tui_client_event(c, &e);
}

static inline void tui_client_closed(struct tui_client *c, unsigned code, const char *reason) {
    struct event e = {.kind = EV_NET_CLOSED};
    e.u.closed.code = code;
    e.u.closed.reason = reason;
    tui_client_event(c, &e);
}

static inline void tui_client_open(struct tui_client *c) {
    struct event e = {.kind = EV_NET_OPEN};
    tui_client_event(c, &e);
}

static inline void tui_client_persisted(struct tui_client *c, const struct uuid *uuid) {
    struct event e = {.kind = EV_PERSISTED};
    e.u.input.text = "";
    e.u.input.uuid = *uuid;
    e.u.input.yes = true;
    tui_client_event(c, &e);
}

/* A frame of the server. False: it was refused when decoded. */
static inline bool tui_client_frame(struct tui_client *c, const char *text, size_t len) {
    struct response a;
    struct err err = {.code = ERR_OK};
    struct event e = {.kind = EV_RESPONSE, .u.response = &a};
    if (response_decode(text, len, &a, &err) != ERR_OK)
        return false;
    tui_client_event(c, &e);
    response_free(&a);
    return true;
}

#endif
