/* view - the model as a picture: draws into a grid. Pure: no input or output, no clock.
 *
 * Foreign text (names, messages, what a server says) passes sanitize() here, on its way into the
 * grid, and nowhere else: see foreign_put() and view_rows_draw(). The files: view_timeline.c
 * the window on a channel's rows, view_rows.c one row as lines, view_lists.c channels and members,
 * view_bars.c title and status, view_dialog.c what lies above: sign-in, help, a question.
 */
#ifndef CHATTUI_VIEW_VIEW_H
#define CHATTUI_VIEW_VIEW_H

#include "chattui/base/grid.h"
#include "chattui/model/keymap.h"
#include "chattui/model/model.h"
#include "chattui/term/input.h"
#include "chattui/view/layout.h"

#include <stdbool.h>
#include <stddef.h>

/* The frontend's own part. */
struct view_state {
    const struct keymap *keymap; /* for the help; NULL: without keys */
    int help_top;                /* first line of the help that is shown; clamped when drawn */
};

/* Draws all of it; the grid has the screen's size. */
void view_draw(struct grid *g, const struct model *m, const struct input_look *look,
               struct view_state *state);

/* The layout that view_draw uses for that size. */
struct layout view_layout(const struct model *m, const struct input_look *look, int rows, int cols);

/* The current channel's window, moved by so many lines (up: negative), for
 * EV_SCROLL. `area` is the layout's timeline. */
struct scroll view_scroll(const struct model *m, const struct layout *l, int lines);
/* Does the window show the very first row, so that there is room for older ones? */
bool view_shows_top(const struct model *m, const struct layout *l);

/* The channel in that row of the screen's channel list; -1: none. */
int view_channel_at(const struct model *m, const struct layout *l, int row, int col);

#endif
