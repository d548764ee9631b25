/* view_bars - the title above and the status line below the timeline: see internal.h. */
#include "chattui/view/internal.h"

#include "chattui/base/text.h"
#include "chattui/base/wrap.h"
#include "chattui/update/describe.h"

#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 128
#define BELOW_COLS 32 /* at most, of the hint that there is more below */
#define SEPARATOR " │ "
#define PART_MIN 6 /* columns, the separator included, below which a part says nothing */
#define WIDE 60    /* columns from which on there is room to say how */

/* --- Title --- */

static int title_private(struct grid *g, const struct model *m, const struct conversation *c,
                         struct area a, int col, int end) {
    const struct person *p = roster_get(&m->roster, &c->to.user);
    const char *text = p && p->online ? "online" : "offline";
    if (c->self)
        text = "notes to yourself";
    else if (m->conn.state != CONN_ONLINE)
        text = "";
    return grid_str(g, a.row, col, end, STYLE_TITLE_MORE, text);
}

static int title_public(struct grid *g, const struct model *m, const struct conversation *c,
                        struct area a, int col, int end) {
    char text[TEXT_SIZE];
    if (!c->members.n || m->conn.state != CONN_ONLINE)
        return col; /* the members are not known now */
    snprintf(text, sizeof text, "%llu member%s, %zu online", (unsigned long long)c->members.total,
             c->members.total == 1 ? "" : "s", members_online(&c->members));
    return grid_str(g, a.row, col, end, STYLE_TITLE_MORE, text);
}

/* The right end: the server, and the key for help. */
static void title_right(struct grid *g, const struct model *m, struct area a, int from) {
    static const char HELP[] = "F1 help ";
    int end = a.col + a.cols, col = end - (int)strlen(HELP);
    if (col <= from + 1)
        return;
    grid_str(g, a.row, col, end, STYLE_TITLE_MORE, HELP);
    int columns = text_columns(m->url, strlen(m->url));
    if (col - columns - 2 > from)
        foreign_put(g, a.row, col - columns - 2, col - 2, STYLE_TITLE_MORE, m->url, strlen(m->url));
}

void view_title(struct grid *g, const struct model *m, struct area a) {
    const struct conversation *c = model_current(m);
    int end = a.col + a.cols, col = a.col + 1;
    grid_fill(g, a.row, a.col, end, STYLE_TITLE, ' ');
    if (c) {
        col = foreign_put(g, a.row, col, end, STYLE_TITLE, c->name, strlen(c->name));
        col = grid_str(g, a.row, col, end, STYLE_TITLE, "  ");
        col =
            c->to.public ? title_public(g, m, c, a, col, end) : title_private(g, m, c, a, col, end);
    }
    title_right(g, m, a, col);
}

/* --- Status --- */

/* As foreign_put; without a grid it only measures. */
static int put_bar_text(struct grid *g, struct area a, int col, enum style style,
                        const char *text) {
    int end = a.col + a.cols;
    struct buf clean;
    if (g)
        return foreign_put(g, a.row, col, end, (uint8_t)style, text, strlen(text));
    buf_init(&clean, VIEW_TEXT_MAX);
    col += foreign_add(&clean, text, strlen(text));
    buf_free(&clean);
    return col < end ? col : end;
}

/* Adds a part to the line, with a separator before it unless it is the first. */
static int add_part(struct grid *g, struct area a, int col, enum style style, const char *text) {
    if (col + PART_MIN > a.col + a.cols)
        return col;
    if (col > a.col + 1)
        col = put_bar_text(g, a, col, STYLE_STATUS, SEPARATOR);
    return put_bar_text(g, a, col, style, text);
}

static enum style activity_style(enum activity a) {
    if (a == ACTIVITY_MENTION)
        return STYLE_STATUS_MENTION;
    return a == ACTIVITY_PRIVATE ? STYLE_STATUS_PRIVATE : STYLE_STATUS_MESSAGE;
}

/* "2:bob+1": news elsewhere, the most urgent first. */
static int add_activity(struct grid *g, const struct model *m, struct area a, int col) {
    static const char *const MARKS[] = {"", ":", "+", "@"};
    int at = col;
    for (int level = ACTIVITY_MENTION; level > ACTIVITY_NONE; level--) {
        for (size_t i = 0; i < m->nconversations; i++) {
            const struct conversation *c = m->conversations[i];
            char text[TEXT_SIZE + NAME_MAX_BYTES];
            if (c->activity != (enum activity)level || i == m->current)
                continue;
            at = at == col ? add_part(g, a, col, STYLE_STATUS, "new: ")
                           : put_bar_text(g, a, at, STYLE_STATUS, " ");
            snprintf(text, sizeof text, "%zu %s%s%u", i + 1, c->name, MARKS[level], c->unread);
            at = put_bar_text(g, a, at, activity_style(c->activity), text);
        }
    }
    return at;
}

static int add_outbox(struct grid *g, const struct model *m, struct area a, int col) {
    char text[TEXT_SIZE];
    size_t failed = outbox_count(&m->outbox, NULL, true);
    size_t waiting = outbox_count(&m->outbox, NULL, false);
    if (waiting) {
        snprintf(text, sizeof text, "%zu unsent", waiting);
        col = add_part(g, a, col, STYLE_STATUS_WARN, text);
    }
    if (failed) {
        snprintf(text, sizeof text, "%zu failed: /retry", failed);
        col = add_part(g, a, col, STYLE_STATUS_WARN, text);
    }
    return col;
}

static int add_net(struct grid *g, const struct model *m, struct area a, int col) {
    struct buf text;
    buf_init(&text, STATUS_MAX * 4);
    describe_conn_state(&text, m);
    enum style style = m->conn.state == CONN_ONLINE ? STYLE_STATUS : STYLE_STATUS_WARN;
    col = add_part(g, a, col, style, buf_cstr(&text));
    buf_free(&text);
    return col;
}

/* At the right end: the window is scrolled up, and how to get back. Returns what is left. */
static struct area add_below(struct grid *g, const struct conversation *c, struct area a) {
    const char *how = a.cols < WIDE ? "" : " · Alt+End";
    char text[TEXT_SIZE];
    if (c->below)
        snprintf(text, sizeof text, " ↓ %u%s new below%s ", c->below,
                 c->below >= UNREAD_MAX ? "+" : "", how);
    else
        snprintf(text, sizeof text, " ↓ more below%s ", how);
    int columns = text_columns(text, strlen(text)), end = a.col + a.cols;
    grid_str(g, a.row, end - columns, end, STYLE_MORE, text);
    a.cols -= columns;
    return a;
}

/* The most important part first. */
static int add_parts(struct grid *g, const struct model *m, struct area a) {
    int col = a.col + 1;
    if (!*m->status || m->conn.state != CONN_ONLINE) {
        col = add_net(g, m, a, col);
        col = add_outbox(g, m, a, col);
    }
    return *m->status ? col : add_activity(g, m, a, col);
}

/* What is said behind the parts: it may be long, and stands in lines of its own then. */
static const char *last_part(const struct model *m) {
    return *m->status ? m->status : describe_trouble(m);
}

static bool is_fitting(struct area a, int col, const char *text) {
    int from = col > a.col + 1 ? col + text_columns(SEPARATOR, strlen(SEPARATOR)) : col;
    return !*text || (col + PART_MIN <= a.col + a.cols &&
                      put_bar_text(NULL, a, from, STYLE_STATUS, text) < a.col + a.cols);
}

/* Room for the hint that there is more below is left where the window doesn't follow: whether there
 * is any is known only when the timeline has been drawn. */
int view_status_rows(const struct model *m, int cols, int most) {
    const struct conversation *c = model_current(m);
    bool scrolled = c && c->scroll.edge != SCROLL_FOLLOW;
    struct area a = {0, 0, 1, cols - (scrolled ? BELOW_COLS : 0)};
    const char *text = last_part(m);
    int col = add_parts(NULL, m, a);
    if (is_fitting(a, col, text))
        return 1;
    struct buf clean;
    buf_init(&clean, VIEW_TEXT_MAX);
    foreign_add(&clean, text, strlen(text));
    const char *s = buf_cstr(&clean);
    int rows = wrap_count(s, strlen(s), cols - 2) + (scrolled || col > 1);
    buf_free(&clean);
    return rows < most ? rows : most;
}

static void draw_lines(struct grid *g, struct area a, enum style style, const char *text) {
    struct wrap w;
    struct wrap_line line;
    struct buf clean;
    buf_init(&clean, VIEW_TEXT_MAX);
    foreign_add(&clean, text, strlen(text));
    const char *s = buf_cstr(&clean);
    size_t len = strlen(s);
    wrap_init(&w, s, len, a.cols - 2);
    for (int i = 0; i < a.rows && wrap_next(&w, &line); i++) /* the last one has all that is left */
        grid_put_cut(g, a.row + i, a.col + 1, a.col + a.cols, (uint8_t)style, s + line.start,
                     i + 1 < a.rows ? line.len : len - line.start);
    buf_free(&clean);
}

void view_status(struct grid *g, const struct model *m, struct area a, bool more_below) {
    enum style style = m->status_error || !*m->status ? STYLE_STATUS_WARN : STYLE_STATUS_MESSAGE;
    struct area first = {a.row, a.col, 1, a.cols};
    for (int row = a.row; row < a.row + a.rows; row++)
        grid_fill(g, row, a.col, a.col + a.cols, STYLE_STATUS, ' ');
    if (more_below)
        first = add_below(g, model_current(m), first);
    int col = add_parts(g, m, first);
    const char *text = last_part(m);
    if (a.rows == 1 || is_fitting(first, col, text)) {
        if (*text)
            add_part(g, first, col, style, text);
        return;
    }
    if (more_below || col > a.col + 1) {
        a.row++;
        a.rows--;
    }
    draw_lines(g, a, style, text);
}
