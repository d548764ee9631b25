/* client - see client.h. */
#include "chattui/app/client.h"

#include "chattui/base/alarm.h"
#include "chattui/io/password.h"
#include "chattui/update/update.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOODBYE_MS 1000 /* for the closing handshake, when the program ends */

/* --- Effects --- */

static void on_event(struct event *e, void *arg) {
    client_event(arg, e);
}

static void on_wake(uv_timer_t *timer) {
    struct event e = {.kind = EV_TICK};
    client_event(timer->data, &e);
}

void client_trouble(struct client *c, const char *text) {
    struct event e = {.kind = EV_TROUBLE, .u.input = {.text = text, .len = strlen(text)}};
    client_event(c, &e);
}

void client_end(struct client *c, int status) {
    if (c->ended)
        return;
    c->ended = true;
    c->status = status;
    uv_stop(&c->loop);
}

static void read_password(struct client *c) {
    struct event e = {.kind = EV_PASSWORD, .u.input = {.text = "out of memory"}};
    if (!tui_password_read(&c->loop, c->settings, on_event, c))
        client_event(c, &e);
}

void client_load(struct client *c) {
    struct event e = {.kind = EV_LOADED};
    tui_journal_load(c->journal, &e);
    e.u.loaded.has_password = tui_password_has(c->settings);
    client_event(c, &e);
}

static void carry_out_here(struct client *c, const struct effect *fx) {
    switch (fx->kind) {
    case EFFECT_LOAD:
        client_load(c);
        break;
    case EFFECT_READ_PASSWORD:
        read_password(c);
        break;
    case EFFECT_WAKE:
        alarm_at(&c->wake, on_wake, fx->at_ms);
        break;
    case EFFECT_QUIT:
        client_end(c, fx->status);
        break;
    default:
        c->frontend->carry_out(fx, c->arg);
        break;
    }
}

static void carry_out(struct client *c, const struct effect *fx) {
    const char *trouble;
    if (!tui_journal_carry_out(c->journal, fx, on_event, c) && !tui_net_carry_out(c->net, fx))
        carry_out_here(c, fx);
    if ((trouble = tui_journal_trouble(c->journal))) {
        snprintf(c->unsaved, sizeof c->unsaved, "%s", trouble);
        client_trouble(c, trouble);
    }
}

/* --- Events --- */

void client_event(struct client *c, struct event *e) {
    e->now_ms = clock_mono_ms();
    e->wall_ms = clock_wall_ms();
    if (c->frontend->coming)
        c->frontend->coming(e, c->arg);
    update(&c->model, e, &c->fx);
    if (c->carrying_out) /* it came of an effect: its own are behind those under way */
        return;
    c->carrying_out = true;
    if (!c->ended)
        *c->unsaved = '\0';
    for (size_t i = 0; i < c->fx.n; i++)
        carry_out(c, &c->fx.items[i]);
    c->carrying_out = false;
    effects_clear(&c->fx);
    c->frontend->done(c->arg);
}

/* --- Beginning and end --- */

void client_init(struct client *c, const struct tui_settings *settings,
                 const struct frontend *frontend, void *arg) {
    c->settings = settings;
    c->frontend = frontend;
    c->arg = arg;
    c->status = EXIT_FAILURE;
    uv_loop_init(&c->loop);
    effects_init(&c->fx);
}

bool client_open(struct client *c, char *why, size_t size) {
    struct uuid random = uuid_make();
    struct model_options options = {
        .server = c->settings->server, .user = c->settings->user, .plain = c->frontend->plain};
    memcpy(&options.seed, random.b, sizeof options.seed);
    tui_settings_tuning(c->settings, &options.tuning);
    if (!model_init(&c->model, &options))
        return false;
    c->journal = tui_journal_open(c->settings, why, size);
    if (c->journal)
        c->net = tui_net_new(&c->loop, c->settings->ca, on_event, c, why, size);
    return c->net;
}

void client_start(struct client *c) {
    uv_timer_init(&c->loop, &c->wake);
    uv_timer_init(&c->loop, &c->patience);
    c->wake.data = c;
}

static void on_impatience(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

void client_finish(struct client *c) {
    tui_net_end(c->net);
    uv_close((uv_handle_t *)&c->wake, NULL);
    uv_timer_start(&c->patience, on_impatience, GOODBYE_MS, 0);
    uv_unref((uv_handle_t *)&c->patience);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&c->patience, NULL);
    uv_run(&c->loop, UV_RUN_NOWAIT);
}

void client_abandon(struct client *c) {
    if (!c->net)
        return;
    tui_net_end(c->net);
    uv_run(&c->loop, UV_RUN_DEFAULT);
}

void client_free(struct client *c) {
    tui_net_free(c->net);
    tui_journal_close(c->journal);
    model_free(&c->model);
    effects_free(&c->fx);
    uv_loop_close(&c->loop);
}
