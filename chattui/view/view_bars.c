/* view_bars - the title above and the status line below the timeline: see internal.h. */
#include "chattui/view/internal.h"

#include "chattui/base/text.h"
#include "chattui/update/describe.h"

#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 128
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

/* Adds a part to the line, with a separator before it unless it is the first. */
static int add_part(struct grid *g, struct area a, int col, enum style style, const char *text) {
    int end = a.col + a.cols;
    if (col + PART_MIN > end)
        return col;
    if (col > a.col + 1)
        col = grid_str(g, a.row, col, end, STYLE_STATUS, SEPARATOR);
    return foreign_put(g, a.row, col, end, (uint8_t)style, text, strlen(text));
}

static enum style activity_style(enum activity a) {
    if (a == ACTIVITY_MENTION)
        return STYLE_STATUS_MENTION;
    return a == ACTIVITY_PRIVATE ? STYLE_STATUS_PRIVATE : STYLE_STATUS_MESSAGE;
}

/* "2:bob+1": news elsewhere, the most urgent first. */
static int add_activity(struct grid *g, const struct model *m, struct area a, int col) {
    static const char *const MARKS[] = {"", ":", "+", "@"};
    int end = a.col + a.cols, at = col;
    for (int level = ACTIVITY_MENTION; level > ACTIVITY_NONE; level--) {
        for (size_t i = 0; i < m->nconversations; i++) {
            const struct conversation *c = m->conversations[i];
            char text[TEXT_SIZE + NAME_MAX_BYTES];
            if (c->activity != (enum activity)level || i == m->current)
                continue;
            at = at == col ? add_part(g, a, col, STYLE_STATUS, "new: ")
                           : grid_str(g, a.row, at, end, STYLE_STATUS, " ");
            snprintf(text, sizeof text, "%zu %s%s%u", i + 1, c->name, MARKS[level], c->unread);
            at = foreign_put(g, a.row, at, end, (uint8_t)activity_style(c->activity), text,
                             strlen(text));
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

/* The most important part first; the trouble of a connection may be long. */
void view_status(struct grid *g, const struct model *m, struct area a, bool more_below) {
    int col = a.col + 1;
    grid_fill(g, a.row, a.col, a.col + a.cols, STYLE_STATUS, ' ');
    if (more_below)
        a = add_below(g, model_current(m), a);
    if (!*m->status || m->conn.state != CONN_ONLINE) {
        col = add_net(g, m, a, col);
        col = add_outbox(g, m, a, col);
    }
    if (*m->status) {
        add_part(g, a, col, m->status_error ? STYLE_STATUS_WARN : STYLE_STATUS_MESSAGE, m->status);
        return;
    }
    col = add_activity(g, m, a, col);
    if (*describe_trouble(m))
        add_part(g, a, col, STYLE_STATUS_WARN, describe_trouble(m));
}
