/* app_parts - what the files of app share; see app.h. */
#ifndef CHATTUI_APP_INTERNAL_H
#define CHATTUI_APP_INTERNAL_H

#include "chattui/base/grid.h"
#include "chattui/io/editor.h"
#include "chattui/io/journal.h"
#include "chattui/io/net.h"
#include "chattui/io/settings.h"
#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/model/keymap.h"
#include "chattui/model/model.h"
#include "chattui/term/tty.h"
#include "chattui/view/view.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#define APP_SIGNALS 6

struct app {
    const struct tui_settings *settings;
    uv_loop_t loop;
    struct model model;
    struct effects fx;
    bool is_carrying; /* effects are being carried out: what comes is appended to them */
    struct tui_net *net;
    struct tui_journal *journal;

    struct keymap keymap;
    struct tty tty;
    struct editor *editor; /* NULL: the terminal is ours */
    bool is_setting;       /* the line is changed by us, not by the user: no EV_DRAFT */
    bool has_changed;      /* the user has changed the line, and update() was not told yet */

    struct grid grid;
    struct view_state view;
    bool is_stale, is_urgent; /* to be drawn; at once, since a key was pressed */
    uint64_t drawn_ns, drawn_version;
    const struct channel *filled; /* asked to load more, since there is room: in this channel … */
    uint32_t filled_version;      /* … with these rows */

    uv_prepare_t prepare;
    uv_timer_t frame, wake, patience; /* patience: with the network, at the end */
    uv_signal_t signals[APP_SIGNALS];

    bool is_ending;
    int status;
};

/* --- app.c --- */

/* Fills in the time, updates the model, and carries out what comes of it. */
void app_event(struct app *app, struct event *e);
/* Something that is drawn has changed; urgent: because of a key. */
void app_stale(struct app *app, bool urgent);
/* The program ends, with this status, when the loop comes round. */
void app_end(struct app *app, int status);
struct layout app_layout(const struct app *app);
void app_suspend(struct app *app);
void app_take_size(struct app *app); /* of the terminal, which may have changed */
/* Loads older history if the window has room for it. */
void app_fill(struct app *app);

/* --- app_keys.c --- */

void app_token(const struct token *t, void *arg); /* a token_fn */
void app_line(const char *text, void *arg);       /* the hooks of input */
void app_line_changed(void *arg);
void app_tell_draft(struct app *app); /* EV_DRAFT, if the user has changed the line */

/* --- app_effects.c --- */

void app_carry_out(struct app *app, const struct effect *fx);
/* Opens $EDITOR on a text. */
void app_edit(struct app *app, const char *text);

#endif
