/* view_lists - the panes at the sides, channels and members: see internal.h. */
#include "chattui/view/internal.h"

#include "chattui/base/text.h"

#include <stdio.h>
#include <string.h>

#define COUNT_SIZE 16

/* --- Channels --- */

/* The first channel that is shown: so that the current one is. */
static size_t first_channel(const struct model *m, int rows) {
    size_t height = rows > 0 ? (size_t)rows : 1;
    return m->current < height ? 0 : m->current - height + 1;
}

static enum style channel_style(const struct model *m, size_t i) {
    const struct conversation *c = m->conversations[i];
    static const enum style STYLES_OF[] = {[ACTIVITY_NONE] = STYLE_CHANNEL,
                                           [ACTIVITY_MESSAGE] = STYLE_CHANNEL_MESSAGE,
                                           [ACTIVITY_PRIVATE] = STYLE_CHANNEL_PRIVATE,
                                           [ACTIVITY_MENTION] = STYLE_CHANNEL_MENTION};
    if (i == m->current)
        return STYLE_CHANNEL_CURRENT;
    if (c->activity == ACTIVITY_NONE && (c->muted || c->join == JOIN_NONE))
        return STYLE_CHANNEL_MUTED;
    return STYLES_OF[c->activity];
}

/* "@3": three unread, one of which speaks to you. Not by colour alone. */
static void count_text(const struct conversation *c, char out[COUNT_SIZE]) {
    static const char *const MARKS[] = {[ACTIVITY_NONE] = "",
                                        [ACTIVITY_MESSAGE] = "",
                                        [ACTIVITY_PRIVATE] = "+",
                                        [ACTIVITY_MENTION] = "@"};
    out[0] = '\0';
    if (c->unread || c->activity != ACTIVITY_NONE)
        snprintf(out, COUNT_SIZE, "%s%u%s", MARKS[c->activity], c->unread,
                 c->unread >= UNREAD_MAX ? "+" : "");
}

static void draw_channel(struct grid *g, const struct model *m, size_t i, int row, struct area a) {
    const struct conversation *c = m->conversations[i];
    int end = a.col + a.cols;
    uint8_t style = (uint8_t)channel_style(m, i);
    char count[COUNT_SIZE], number[COUNT_SIZE];
    count_text(c, count);
    char mark = c->muted ? '-' : ' ';
    if (c->pinned)
        mark = '^';
    snprintf(number, sizeof number, "%2zu%c", i + 1, mark);
    if (i == m->current)
        grid_fill(g, row, a.col, end, style, ' ');
    int col = grid_str(g, row, a.col, end, style, number);
    int room = end - (*count ? (int)strlen(count) + 1 : 0);
    foreign_put(g, row, col, room, style, c->name, strlen(c->name));
    grid_str(g, row, end - (int)strlen(count), end, style, count);
}

void view_channels(struct grid *g, const struct model *m, struct area a) {
    size_t first = first_channel(m, a.rows);
    for (int i = 0; i < a.rows && first + (size_t)i < m->nconversations; i++)
        draw_channel(g, m, first + (size_t)i, a.row + i, a);
    size_t last = first + (size_t)a.rows - 1;
    if (last + 1 < m->nconversations && last != m->current)
        grid_str(g, a.row + a.rows - 1, a.col, a.col + 2, STYLE_BORDER, "↓ ");
    if (first > 0)
        grid_str(g, a.row, a.col, a.col + 2, STYLE_BORDER, "↑ ");
}

int view_channel_at(const struct model *m, const struct layout *l, int row, int col) {
    struct area a = l->channels;
    if (a.cols == 0 || row < a.row || row >= a.row + a.rows || col < a.col || col >= a.col + a.cols)
        return -1;
    size_t i = first_channel(m, a.rows) + (size_t)(row - a.row);
    return i < m->nconversations ? (int)i : -1;
}

/* --- Members --- */

static void draw_member(struct grid *g, const struct person *p, bool online, int row,
                        struct area a) {
    int end = a.col + a.cols;
    enum style style = online ? STYLE_MEMBER_ON : STYLE_MEMBER_OFF;
    int col = grid_str(g, row, a.col, end, STYLE_MEMBER_OFF, online ? "• " : "  ");
    foreign_put(g, row, col, end, (uint8_t)style, p->name, strlen(p->name));
}

void view_members(struct grid *g, const struct model *m, struct area a) {
    const struct conversation *c = model_current(m);
    char text[64];
    if (!c)
        return;
    size_t rows = a.rows > 1 ? (size_t)a.rows - 1 : 0, shown = c->members.n;
    if (c->members.total == 0)
        return;                               /* not known yet */
    bool told = m->conn.state == CONN_ONLINE; /* else nobody knows who is there */
    snprintf(text, sizeof text, "%zu/%llu online", members_online(&c->members),
             (unsigned long long)c->members.total);
    grid_str(g, a.row, a.col, a.col + a.cols, STYLE_BORDER, told ? text : "were here:");
    if (shown > rows && rows)
        shown = rows - 1;
    for (size_t i = 0; i < shown; i++)
        draw_member(g, c->members.list[i], told && c->members.list[i]->online, a.row + 1 + (int)i,
                    a);
    if (shown < c->members.total && rows > shown) {
        snprintf(text, sizeof text, "  %llu more", (unsigned long long)(c->members.total - shown));
        grid_str(g, a.row + 1 + (int)shown, a.col, a.col + a.cols, STYLE_BORDER, text);
    }
}
