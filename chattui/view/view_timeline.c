/* view_timeline - the window on a channel's rows: see internal.h. struct scroll (place.h) places it
 * by a row at its top or bottom, so that messages that come in elsewhere don't move it. Only the
 * rows that are seen are looked at, however many there are.
 */
#include "chattui/view/internal.h"

#include "chattui/base/wrap.h"
#include "chattui/update/describe.h"

#include <string.h>

#define NEAR_TOP 3 /* lines: the window is near the first row */

/* A line of the timeline. */
struct spot {
    size_t row;
    int line;
};

struct window {
    struct spot top, bottom; /* the first and last line that is seen */
    int lines;               /* in between, both included; fewer than the window has: that is all */
};

/* Moves up by at most `lines` lines; returns how many it was. */
static int move_up(struct rows *r, struct spot *s, int lines) {
    size_t first = timeline_first(&r->c->timeline);
    int done = 0;
    while (done < lines) {
        int step = s->line < lines - done ? s->line : lines - done;
        s->line -= step;
        done += step;
        if (done == lines || s->row == first)
            break;
        s->row--;
        s->line = view_rows_height(r, s->row) - 1;
        done++;
    }
    return done;
}

static int move_down(struct rows *r, struct spot *s, int lines) {
    int done = 0;
    while (done < lines) {
        int below = view_rows_height(r, s->row) - 1 - s->line;
        int step = below < lines - done ? below : lines - done;
        s->line += step;
        done += step;
        if (done == lines || s->row + 1 == r->c->timeline.n)
            break;
        s->row++;
        s->line = 0;
        done++;
    }
    return done;
}

static int clamp_skip(int v, int most) {
    if (v < 0)
        return 0;
    return v > most ? most : v;
}

static struct spot newest_line(struct rows *r) {
    size_t last = r->c->timeline.n - 1;
    return (struct spot){last, view_rows_height(r, last) - 1};
}

/* The row that a scroll is about; the last one if it and all behind it have gone. */
static size_t scroll_row(const struct rows *r) {
    const struct timeline *t = &r->c->timeline;
    size_t i = timeline_seek(t, r->c->scroll.at), first = timeline_first(t);
    if (i >= t->n)
        return t->n - 1;
    return i < first ? first : i;
}

static struct window window_up_from(struct rows *r, struct spot bottom, int height) {
    struct window w = {.top = bottom, .bottom = bottom};
    w.lines = move_up(r, &w.top, height - 1) + 1;
    return w;
}

/* Fills up from below what does not reach the top, and the other way round. */
static struct window make_window(struct rows *r, int height) {
    struct window w;
    struct scroll s = r->c->scroll;
    if (s.edge == SCROLL_FOLLOW)
        return window_up_from(r, newest_line(r), height);
    size_t row = scroll_row(r);
    int most = view_rows_height(r, row) - 1;
    if (s.edge == SCROLL_TOP) {
        w.top = w.bottom = (struct spot){row, clamp_skip(s.skip, most)};
        w.lines = move_down(r, &w.bottom, height - 1) + 1;
        return w.lines < height ? window_up_from(r, w.bottom, height) : w;
    }
    w = window_up_from(r, (struct spot){row, most - clamp_skip(s.skip, most)}, height);
    if (w.lines < height)
        w.lines += move_down(r, &w.bottom, height - w.lines);
    return w;
}

static bool has_rows(const struct conversation *c) {
    return c && timeline_first(&c->timeline) < c->timeline.n;
}

/* --- Scrolling --- */

static bool is_newest(struct rows *r, struct spot s) {
    return s.row + 1 == r->c->timeline.n && s.line + 1 == view_rows_height(r, s.row);
}

static bool is_near_top(struct rows *r, struct spot top) {
    return move_up(r, &top, NEAR_TOP) < NEAR_TOP;
}

struct scroll view_scroll(const struct model *m, const struct layout *l, int lines) {
    struct conversation *c = model_current(m);
    struct rows r;
    if (!has_rows(c) || l->timeline.rows < 1)
        return (struct scroll){.at_top = true};
    view_rows_init(&r, m, c, l);
    struct window w = make_window(&r, l->timeline.rows);
    if (lines < 0)
        move_up(&r, &w.bottom, move_up(&r, &w.top, -lines));
    else
        move_down(&r, &w.bottom, lines);
    struct scroll s = {.edge = SCROLL_BOTTOM, .at_top = is_near_top(&r, w.top)};
    if (is_newest(&r, w.bottom))
        s.edge = SCROLL_FOLLOW;
    else {
        s.at = timeline_row(&c->timeline, w.bottom.row)->place;
        s.skip = view_rows_height(&r, w.bottom.row) - 1 - w.bottom.line;
    }
    view_rows_free(&r);
    return s;
}

bool view_shows_top(const struct model *m, const struct layout *l) {
    struct conversation *c = model_current(m);
    struct rows r;
    if (!has_rows(c) || l->timeline.rows < 1)
        return true;
    view_rows_init(&r, m, c, l);
    struct window w = make_window(&r, l->timeline.rows);
    bool near = is_near_top(&r, w.top);
    view_rows_free(&r);
    return near;
}

/* --- Drawing --- */

/* Nothing has been said, or nothing is known, or all of it was cleared away. */
static void draw_empty(struct grid *g, const struct conversation *c, struct area a) {
    bool cleared = c->timeline.n > 0;
    const char *text =
        cleared ? "cleared: /clear off shows it again" : describe_top(timeline_top(&c->timeline));
    struct wrap w;
    struct wrap_line line;
    size_t len = strlen(text);
    int row = a.row + a.rows - wrap_count(text, len, a.cols - 1);
    wrap_init(&w, text, len, a.cols - 1);
    for (; wrap_next(&w, &line); row++)
        if (row >= a.row)
            grid_put(g, row, a.col + 1, a.col + a.cols, STYLE_NOTICE, text + line.start, line.len);
}

bool view_timeline(struct grid *g, const struct model *m, const struct layout *l) {
    struct conversation *c = model_current(m);
    struct area a = l->timeline;
    struct rows r;
    if (!c || a.rows < 1)
        return false;
    if (!has_rows(c)) {
        draw_empty(g, c, a);
        return false;
    }
    view_rows_init(&r, m, c, l);
    struct window w = make_window(&r, a.rows);
    int row = a.row + a.rows - w.lines, end = a.row + a.rows, first = w.top.line;
    for (size_t i = w.top.row; i <= w.bottom.row && row < end; i++) {
        row += view_rows_draw(&r, g, i, first, row, end);
        first = 0;
    }
    bool more = !is_newest(&r, w.bottom);
    view_rows_free(&r);
    return more;
}
