/* internal - what the files of terminal share; see terminal.h. */
#ifndef CHATTUI_APP_INTERNAL_H
#define CHATTUI_APP_INTERNAL_H

#include "chattui/app/client.h"
#include "chattui/base/grid.h"
#include "chattui/io/editor.h"
#include "chattui/model/keymap.h"
#include "chattui/term/tty.h"
#include "chattui/view/view.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#define TERMINAL_SIGNALS 6

struct terminal {
    struct client client;

    struct keymap keymap;
    struct tty tty;
    struct editor *editor; /* NULL: the terminal is ours */
    bool setting;          /* the line is changed by us, not by the user: no EV_DRAFT */
    bool draft_changed;    /* by the user, and update() was not told yet */

    struct grid grid;
    struct view_state view;
    bool stale, urgent; /* to be drawn; at once, since a key was pressed */
    uint64_t drawn_ns, drawn_version;
    const struct conversation
        *filled;             /* asked to load more, since there is room: in this channel … */
    uint32_t filled_version; /* … with these rows */

    uv_prepare_t prepare;
    uv_timer_t frame;
    uv_signal_t signals[TERMINAL_SIGNALS];
};

/* --- terminal_draw.c --- */

/* Something that is drawn has changed; urgent: because of a key. */
void terminal_stale(struct terminal *t, bool urgent);
void terminal_draw_start(struct terminal *t); /* from here on the loop draws what is stale */
void terminal_draw_stop(struct terminal *t);
struct layout terminal_layout(const struct terminal *t);
void terminal_resize(struct terminal *t); /* takes the size, which may have changed */

/* --- terminal_draft.c: the line that is edited --- */

void terminal_enter(const char *text, void *arg); /* the hooks of input */
void terminal_draft_changed(void *arg);
void terminal_tell_draft(struct terminal *t); /* EV_DRAFT, if the user has changed it */
void terminal_set_draft(struct terminal *t, const char *text, size_t cursor);
void terminal_complete(struct terminal *t, bool back);
/* Opens $EDITOR on a text. */
void terminal_edit(struct terminal *t, const char *text);

/* --- terminal_keys.c --- */

void terminal_token(const struct token *token, void *arg); /* a token_fn */

#endif
