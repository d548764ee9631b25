/* view_dialog - drawn above the timeline: the sign-in dialogue, the help, a question. See
 * internal.h. */
#include "chattui/view/internal.h"

#include "chattui/base/text.h"
#include "chattui/base/wrap.h"
#include "chattui/update/describe.h"
#include "common/base/sanitize.h"

#include <string.h>

#define BOX_COLS 60
#define LABEL_COLS 13
#define HELP_MAX (64u << 10)
#define NARROW_INDENT 4
#define HINT_COLS 50 /* of all that the dialogue's keys do */

/* --- Sign-in --- */

/* One line of the error, as many as it takes; returns the row behind. */
static int draw_error(struct grid *g, const char *error, int row, int col, int cols, int end) {
    struct buf text;
    struct wrap w;
    struct wrap_line line;
    buf_init(&text, STATUS_MAX * 4);
    sanitize(&text, error, strlen(error), false);
    const char *s = buf_cstr(&text);
    for (wrap_init(&w, s, strlen(s), cols); row < end && wrap_next(&w, &line); row++)
        grid_put(g, row, col, col + cols, STYLE_FAILED, s + line.start, line.len);
    buf_free(&text);
    return row;
}

/* A field as it is shown: a password as dots. */
static void field_text(const struct dialog *d, enum field f, struct buf *out) {
    if (f == FIELD_REGISTER)
        buf_str(out, d->sign_up ? "[x] yes: a name that nobody has yet"
                                : "[ ] no: asks first if nobody has the name");
    else if (f != FIELD_PASSWORD)
        sanitize(out, d->text[f], strlen(d->text[f]), false);
    else
        for (size_t i = 0, n = strlen(d->text[f]), used; i < n; i += used) {
            text_char(d->text[f] + i, n - i, &used);
            buf_str(out, "•");
        }
}

/* The end of the text that fits, since it is written there. */
static const char *tail(const char *s, int cols) {
    size_t len = strlen(s);
    while (text_columns(s, len) > cols) {
        int columns;
        size_t n = text_cluster(s, len, &columns);
        s += n;
        len -= n;
    }
    return s;
}

static void draw_field(struct grid *g, const struct dialog *d, enum field f, int row, int col,
                       int end) {
    struct buf text;
    bool has_focus = d->focus == f && d->state == DIALOG_EDITING;
    uint8_t style = has_focus ? STYLE_FIELD_FOCUS : STYLE_FIELD;
    buf_init(&text, FIELD_MAX * 4);
    field_text(d, f, &text);
    grid_str(g, row, col, col + LABEL_COLS, STYLE_DIALOG, model_field_label(f));
    col += LABEL_COLS;
    if (f != FIELD_REGISTER)
        grid_fill(g, row, col, end, style, ' ');
    int at = grid_str(g, row, col, end, style, tail(buf_cstr(&text), end - col - 1));
    if (has_focus) {
        g->cursor_row = row;
        g->cursor_col = at < end ? at : end - 1;
        if (f == FIELD_REGISTER)
            g->cursor_col = col + 1;
        g->cursor_on = true;
    }
    secret_wipe(text.data, text.size);
    buf_free(&text);
}

void view_dialog(struct grid *g, const struct model *m, struct area a) {
    const struct dialog *d = &m->dialog;
    int cols = a.cols - 4 < BOX_COLS ? a.cols - 4 : BOX_COLS;
    int col = a.col + (a.cols - cols) / 2, end = col + cols;
    int row = a.row + (a.rows > 12 ? (a.rows - 12) / 2 : 0), last = a.row + a.rows;
    for (int r = a.row; r < last; r++)
        grid_fill(g, r, a.col, a.col + a.cols, STYLE_DIALOG, ' ');
    bool roomy = a.rows >= 9;
    grid_str(g, row, col, end, STYLE_DIALOG_TITLE,
             d->sign_up ? "New account" : "Sign in to a chat");
    row += roomy ? 2 : 1;
    if (*d->error)
        row = draw_error(g, d->error, row, col, cols, last - FIELDS) + (roomy ? 1 : 0);
    for (enum field f = 0; f < FIELDS; f++)
        draw_field(g, d, f, row++, col, end);
    row += roomy ? 1 : 0;
    const char *hint = "Tab next · Enter go on · Space yes/no · Esc back";
    if (d->state == DIALOG_BUSY)
        hint = "Signing in …";
    else if (cols < HINT_COLS)
        hint = "Tab next · Enter go on · Esc back";
    grid_str(g, row, col, end, STYLE_NOTICE, hint);
}

/* --- Help --- */

/* The beginning of the words behind the last gap of a line; 0: there is no gap. */
static size_t words_behind(const char *s, size_t len) {
    size_t at = 0;
    for (size_t i = 2; i < len; i++)
        if (s[i] != ' ' && s[i - 1] == ' ' && s[i - 2] == ' ')
            at = i;
    return at;
}

/* One line of the help as lines of the screen, those that are in the window drawn: the words stand
 * beside the key, or, where that is too narrow, below it. Returns how many. */
static int help_line(struct grid *g, struct area a, int row, const char *s, size_t len) {
    size_t at = words_behind(s, len);
    bool below = at > (size_t)a.cols / 2;
    int indent = below ? NARROW_INDENT : (int)at, n = below ? 1 : 0;
    struct wrap w;
    struct wrap_line line;
    if (g && row >= a.row && row < a.row + a.rows)
        grid_put(g, row, a.col, a.col + a.cols, STYLE_KEY, s, at);
    wrap_init(&w, s + at, len - at, a.cols - indent);
    for (; wrap_next(&w, &line); n++)
        if (g && row + n >= a.row && row + n < a.row + a.rows)
            grid_put(g, row + n, a.col + indent, a.col + a.cols, STYLE_TEXT, s + at + line.start,
                     line.len);
    return n;
}

/* All of it, from `row` on; returns the lines. Without a grid they are only counted. */
static int help_lines(struct grid *g, struct area a, int row, const char *s) {
    int n = 0;
    for (size_t len; *s; s += len + (s[len] == '\n')) {
        len = strcspn(s, "\n");
        n += help_line(g, a, row + n, s, len);
    }
    return n;
}

void view_help(struct grid *g, struct area a, struct view_state *state) {
    struct buf text;
    int rows = a.rows - 1;
    struct area page = {a.row, a.col + 1, rows, a.cols - 2};
    buf_init(&text, HELP_MAX);
    describe_help(&text, state->keymap);
    const char *s = buf_cstr(&text);
    int n = help_lines(NULL, page, 0, s), most = n > rows ? n - rows : 0;
    if (state->help_top > most)
        state->help_top = most;
    if (state->help_top < 0)
        state->help_top = 0;
    help_lines(g, page, a.row - state->help_top, s);
    grid_fill(g, a.row + rows, a.col, a.col + a.cols, STYLE_MORE, ' ');
    const char *hint = "PgUp PgDn: more · F1 or Esc: back to the chat";
    if (!most)
        hint = "F1 or Esc: back to the chat";
    else if (a.cols < HINT_COLS)
        hint = "PgUp PgDn: more · Esc: back";
    grid_str(g, a.row + rows, a.col + 1, a.col + a.cols, STYLE_MORE, hint);
    buf_free(&text);
}

/* --- Questions --- */

#define QUESTION_SIDES 3 /* a blank on both sides, and the cursor */

int view_question_rows(const struct model *m, int cols) {
    struct buf text;
    buf_init(&text, VIEW_TEXT_MAX);
    foreign_add(&text, m->question.text, strlen(m->question.text));
    const char *s = buf_cstr(&text);
    int rows = wrap_count(s, strlen(s), cols - QUESTION_SIDES);
    buf_free(&text);
    return rows;
}

void view_question(struct grid *g, const struct model *m, struct area a) {
    struct buf text;
    struct wrap w;
    struct wrap_line line;
    int end = a.col + a.cols, col = a.col + 1, row = a.row;
    buf_init(&text, VIEW_TEXT_MAX);
    foreign_add(&text, m->question.text, strlen(m->question.text));
    const char *s = buf_cstr(&text);
    wrap_init(&w, s, strlen(s), a.cols - QUESTION_SIDES);
    for (; row < a.row + a.rows && wrap_next(&w, &line); row++) {
        grid_fill(g, row, a.col, end, STYLE_MORE, ' ');
        col = grid_put(g, row, a.col + 1, end - 1, STYLE_MORE, s + line.start, line.len);
    }
    buf_free(&text);
    g->cursor_row = row - 1;
    g->cursor_col = col < end ? col : end - 1;
    g->cursor_on = true;
}
