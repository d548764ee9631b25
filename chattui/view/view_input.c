/* view_input - see view_input.h. */
#include "chattui/view/view_input.h"

#include "chattui/base/text.h"
#include "chattui/model/theme.h"
#include "common/base/sanitize.h"

#include <stdbool.h>
#include <string.h>

#define PIECE_MAX 128

/* The place of the next character. */
struct pen {
    int row, col, cols;
};

/* One step of the draft: how many bytes, and what is seen of them (a line feed: nothing). */
struct piece {
    size_t used;
    const char *shown;
    size_t len;
    int columns;
    bool ends_row;
};

/* `out` holds what is shown if it is not the text itself. */
static struct piece next_piece(const char *s, size_t len, struct buf *out) {
    struct piece p = {.used = 1, .shown = s, .len = 1, .columns = 1};
    bool alone = len == 1 || (unsigned char)s[1] < 0x80; /* no mark may follow */
    if (*s == '\n') {
        p.len = 0;
        p.columns = 0;
        p.ends_row = true;
    } else if ((unsigned char)*s < ' ' || *s == 0x7f || !alone || (unsigned char)*s >= 0x80) {
        buf_reset(out);
        p.used = text_cluster(s, len, &p.columns);
        p.columns = (int)sanitize(out, s, p.used, false);
        p.shown = buf_cstr(out);
        p.len = strlen(p.shown);
    }
    return p;
}

static void place(struct pen *pen, const struct piece *p) {
    if (pen->col + p->columns > pen->cols && pen->col > 0) {
        pen->row++;
        pen->col = 0;
    }
}

static void advance(struct pen *pen, const struct piece *p) {
    pen->col += p->columns;
    if (p->ends_row) {
        pen->row++;
        pen->col = 0;
    }
}

/* A cursor behind the last column of a row is on the next. */
static struct pen cursor_place(struct pen pen) {
    if (pen.col >= pen.cols) {
        pen.row++;
        pen.col = 0;
    }
    return pen;
}

/* Goes through the draft from `pen` on and returns where the cursor is; draws the rows from `first`
 * on if there is a grid. *last: the last row. */
static struct pen walk(struct grid *g, struct area a, int first, struct pen pen,
                       const struct input_look *look, int *last) {
    struct pen cursor = cursor_place(pen);
    struct buf out;
    buf_init(&out, PIECE_MAX);
    for (size_t i = 0; i < look->len;) {
        struct piece p = next_piece(look->text + i, look->len - i, &out);
        place(&pen, &p);
        if (look->cursor >= i && look->cursor < i + p.used)
            cursor = pen;
        if (g && pen.row >= first && pen.row < first + a.rows)
            grid_put(g, a.row + pen.row - first, a.col + pen.col, a.col + a.cols, STYLE_INPUT,
                     p.shown, p.len);
        advance(&pen, &p);
        i += p.used;
    }
    if (look->cursor >= look->len)
        cursor = cursor_place(pen);
    *last = pen.row > cursor.row ? pen.row : cursor.row;
    buf_free(&out);
    return cursor;
}

/* The prompt leaves at least half of the row to the draft. */
static int prompt_columns(const char *prompt, int cols) {
    int n = text_columns(prompt, strlen(prompt));
    return n <= cols / 2 ? n : cols / 2;
}

int view_input_rows(const struct input_look *look, const char *prompt, int cols, int most) {
    int last;
    struct pen pen = {.col = prompt_columns(prompt, cols), .cols = cols};
    walk(NULL, (struct area){0}, 0, pen, look, &last);
    return last + 1 < most ? last + 1 : most;
}

void view_input(struct grid *g, struct area a, const struct input_look *look, const char *prompt) {
    int last;
    struct pen pen = {.col = prompt_columns(prompt, a.cols), .cols = a.cols};
    struct pen cursor = walk(NULL, a, 0, pen, look, &last);
    int first = cursor.row - a.rows + 1;
    if (first < 0)
        first = 0;
    if (first == 0)
        grid_put_cut(g, a.row, a.col, a.col + pen.col, STYLE_PROMPT, prompt, strlen(prompt));
    walk(g, a, first, pen, look, &last);
    g->cursor_row = a.row + cursor.row - first;
    g->cursor_col = a.col + cursor.col;
    g->cursor_on = true;
}
