/* view - see view.h. */
#include "chattui/view/view.h"

#include "chattui/base/text.h"
#include "chattui/view/internal.h"
#include "chattui/view/view_input.h"

#include <stdio.h>
#include <string.h>

#define PROMPT_SIZE 256
#define NAME_ROOM 60 /* columns from which on the prompt has the name */

/* --- The input line --- */

/* Readline's own prompt while it asks for something, else who speaks. */
static void make_prompt(const struct model *m, const struct input_look *look, int cols,
                        struct buf *out) {
    if (*look->prompt)
        foreign_add(out, look->prompt, strlen(look->prompt));
    else {
        if (look->command)
            buf_str(out, "(cmd) ");
        if (cols >= NAME_ROOM && *m->user) {
            buf_char(out, '[');
            foreign_add(out, m->user, strlen(m->user));
            buf_str(out, "] ");
        } else
            buf_str(out, "> ");
    }
}

static bool is_above(const struct model *m) {
    return m->dialog.state != DIALOG_CLOSED || m->show_help;
}

struct layout view_layout(const struct model *m, const struct input_look *look, int rows,
                          int cols) {
    struct buf prompt;
    buf_init(&prompt, PROMPT_SIZE);
    make_prompt(m, look, cols, &prompt);
    int input_rows = 1;
    if (m->question.kind != QUESTION_NONE)
        input_rows = view_question_rows(m, cols);
    else if (!is_above(m))
        input_rows = view_input_rows(look, buf_cstr(&prompt), cols, layout_input_rows_max(rows));
    buf_free(&prompt);
    int status_rows = view_status_rows(m, cols, layout_status_rows_max(rows));
    return layout_make(rows, cols, m->show_members, input_rows, status_rows);
}

static void draw_input(struct grid *g, const struct model *m, const struct input_look *look,
                       struct area a) {
    struct buf prompt;
    buf_init(&prompt, PROMPT_SIZE);
    make_prompt(m, look, g->cols, &prompt);
    view_input(g, a, look, buf_cstr(&prompt));
    buf_free(&prompt);
}

/* --- The whole --- */

static void draw_too_small(struct grid *g) {
    char text[64];
    snprintf(text, sizeof text, "needs %dx%d", LAYOUT_MIN_COLS, LAYOUT_MIN_ROWS);
    int col = (g->cols - (int)strlen(text)) / 2;
    grid_str(g, g->rows / 2, col > 0 ? col : 0, g->cols, STYLE_WARNING, text);
}

static void draw_border(struct grid *g, int row, int rows, int col) {
    for (int r = row; r < row + rows; r++)
        grid_str(g, r, col, g->cols, STYLE_BORDER, "│");
}

/* Returns whether there is more below what is seen of the timeline. */
static bool draw_panes(struct grid *g, const struct model *m, const struct layout *l) {
    if (l->channels.cols) {
        view_channels(g, m, l->channels);
        draw_border(g, l->channels.row, l->channels.rows, l->channels.cols);
    }
    if (l->members.cols) {
        view_members(g, m, l->members);
        draw_border(g, l->members.row, l->members.rows, l->members.col - 1);
    }
    return view_timeline(g, m, l);
}

void view_draw(struct grid *g, const struct model *m, const struct input_look *look,
               struct view_state *state) {
    struct layout l = view_layout(m, look, g->rows, g->cols);
    struct area middle = {1, 0, l.timeline.rows, g->cols};
    grid_clear(g);
    if (l.too_small) {
        draw_too_small(g);
        return;
    }
    bool more_below = false;
    view_title(g, m, l.title);
    if (m->dialog.state != DIALOG_CLOSED)
        view_dialog(g, m, middle);
    else if (m->show_help)
        view_help(g, middle, state);
    else
        more_below = draw_panes(g, m, &l);
    view_status(g, m, l.status, more_below);
    if (m->question.kind != QUESTION_NONE)
        view_question(g, m, l.input);
    else if (!is_above(m))
        draw_input(g, m, look, l.input);
}
