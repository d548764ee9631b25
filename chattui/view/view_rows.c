/* view_rows - a row of the timeline as lines: see internal.h.
 *
 *     ── Wednesday 2026-11-25 ───────────────
 *     12:01        alice │ a message whose text goes on
 *                        │ in further lines
 *     12:02            * │ bob waves
 *     12:03        alice … a message on its way
 */
#include "chattui/view/internal.h"

#include "chattui/base/match.h"
#include "chattui/base/text.h"
#include "chattui/base/wrap.h"
#include "chattui/update/describe.h"
#include "common/base/sanitize.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define LINE_SIZE 256
#define RULE 0x2500u /* ─ */
#define FOLDED "a long message goes on: Alt+w shows it"

/* The part drawn before the text of a row. */
struct head {
    const char *nick; /* foreign */
    size_t nick_len;
    enum style nick_style, text_style;
    const char *mark;
    enum style mark_style;
};

/* --- Measures --- */

void view_rows_init(struct rows *r, const struct model *m, const struct conversation *c,
                    const struct layout *l) {
    *r = (struct rows){.m = m, .c = c, .col = l->timeline.col, .cols = l->timeline.cols};
    r->time_cols = m->tuning.seconds ? 8 : 5;
    r->nick_cols = l->nick_cols;
    r->text_col = r->col + r->time_cols + 1 + r->nick_cols + 3;
    r->text_cols = r->cols - (r->text_col - r->col);
    buf_init(&r->text, VIEW_TEXT_MAX);
}

void view_rows_free(struct rows *r) {
    buf_free(&r->text);
}

/* --- What a row says --- */

static const struct outbox_entry *pending_entry(const struct rows *r, const struct row *row) {
    return row->kind == ROW_PENDING ? outbox_find(&r->m->outbox, &row->u.message.uuid) : NULL;
}

static bool is_failed(const struct rows *r, const struct row *row) {
    const struct outbox_entry *entry = pending_entry(r, row);
    return entry && entry->state == OUT_FAILED;
}

/* Is there more to say of a pending row than that it is on its way? */
static bool is_stuck(const struct rows *r, const struct row *row) {
    const struct outbox_entry *entry = pending_entry(r, row);
    return entry &&
           (entry->state == OUT_FAILED || entry->state == OUT_WAIT || entry->state == OUT_CHECK);
}

static bool is_rule(const struct row *row) {
    return row->kind == ROW_GAP || row->kind == ROW_EPOCH;
}

/* The text of a message, notice or pending row, sanitized, into r->text. An action's has the name
 * before it. */
static void set_text(struct rows *r, const struct row *row) {
    const char *text = row_text(row);
    size_t len = row->text_len;
    const char *action =
        row->kind == ROW_MESSAGE || row->kind == ROW_PENDING ? describe_action(text, len) : NULL;
    buf_reset(&r->text);
    if (action) {
        size_t sender_len;
        const char *sender = row_sender(row, &sender_len);
        sanitize(&r->text, sender, sender_len, false);
        buf_char(&r->text, ' ');
        len -= (size_t)(action - text);
        text = action;
    }
    while (len && text[len - 1] == '\n')
        len--;
    sanitize(&r->text, text, len, true);
    if (!*buf_cstr(&r->text)) /* no memory: an empty line */
        r->text.len = 0;
}

static enum style notice_style(const struct row *row) {
    static const enum style STYLES_OF[] = {[NOTICE_INFO] = STYLE_NOTICE,
                                           [NOTICE_PRESENCE] = STYLE_PRESENCE,
                                           [NOTICE_WARNING] = STYLE_WARNING,
                                           [NOTICE_ERROR] = STYLE_FAILED};
    return STYLES_OF[row->level];
}

static struct head notice_head(const struct row *row) {
    struct head h = {.nick = "--", .mark = "│", .mark_style = STYLE_BORDER};
    h.nick_len = strlen(h.nick);
    h.nick_style = h.text_style = notice_style(row);
    if (row->level >= NOTICE_WARNING) {
        h.nick = "!!";
        h.nick_style = STYLE_WARNING;
    }
    return h;
}

static struct head message_head(const struct rows *r, const struct row *row) {
    struct head h = {.mark = "│"};
    h.nick = row_sender(row, &h.nick_len);
    bool pending = row->kind == ROW_PENDING;
    h.mark_style = STYLE_BORDER;
    h.text_style = pending ? STYLE_PENDING : STYLE_TEXT;
    h.nick_style = STYLE_TEXT;
    if (row_is_server(row))
        h.nick_style = STYLE_WARNING;
    else if (row->flags & ROW_MINE)
        h.nick_style = STYLE_NICK_SELF;
    else if (row->flags & ROW_MENTION)
        h.nick_style = STYLE_MENTION;
    else if (r->m->tuning.colors)
        h.nick_style = theme_nick(h.nick, h.nick_len);
    if (is_failed(r, row)) {
        h.mark = "!";
        h.mark_style = STYLE_FAILED;
    } else if (pending) {
        h.mark = "…";
        h.mark_style = STYLE_PENDING;
    } else if (row->flags & ROW_MENTION) {
        h.mark = "@";
        h.mark_style = STYLE_MENTION;
    }
    if (describe_action(row_text(row), row->text_len)) {
        h.nick = "*";
        h.nick_len = 1;
    }
    return h;
}

/* --- Lines before a row --- */

static int day_of(int64_t ms) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    return tm.tm_year * 400 + tm.tm_yday;
}

/* The newest time at or before row i - 1; 0: none. */
static int64_t time_before(const struct rows *r, size_t i) {
    size_t first = timeline_first(&r->c->timeline);
    while (i-- > first) {
        const struct row *row = timeline_row(&r->c->timeline, i);
        if (row->time_ms)
            return row->time_ms;
    }
    return 0;
}

static bool begins_day(const struct rows *r, size_t i) {
    const struct row *row = timeline_row(&r->c->timeline, i);
    if (!row->time_ms)
        return false;
    int64_t before = time_before(r, i);
    return !before || day_of(before) != day_of(row->time_ms);
}

static bool is_message(const struct row *row) {
    return row->kind == ROW_MESSAGE || row->kind == ROW_PENDING;
}

/* Is it the first message behind the unread line? */
static bool begins_unread(const struct rows *r, size_t i) {
    const struct timeline *t = &r->c->timeline;
    struct place unread = r->c->unread_after;
    if (place_cmp(unread, PLACE_NONE) == 0 || !is_message(timeline_row(t, i)) ||
        place_cmp(timeline_row(t, i)->place, unread) <= 0)
        return false;
    for (size_t first = timeline_first(t); i-- > first;)
        if (is_message(timeline_row(t, i)))
            return place_cmp(timeline_row(t, i)->place, unread) <= 0;
    return true;
}

static const char *top_text(const struct rows *r, size_t i) {
    const struct timeline *t = &r->c->timeline;
    return i == timeline_first(t) && i == 0 ? describe_top(timeline_top(t)) : "";
}

/* --- Drawing --- */

/* `── text ─────────` over the whole width; what is longer goes on in a line below. */
static void draw_rule(const struct rows *r, struct grid *g, int row, enum style style,
                      const char *text, size_t len) {
    int end = r->col + r->cols;
    grid_fill(g, row, r->col, end, (uint8_t)style, RULE);
    if (!len)
        return;
    int col = grid_str(g, row, r->col + 2, end, (uint8_t)style, " ");
    col = foreign_put(g, row, col, end - 1, (uint8_t)style, text, len);
    grid_str(g, row, col, end, (uint8_t)style, " ");
}

static void draw_day(const struct rows *r, struct grid *g, int row, int64_t ms) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    char text[LINE_SIZE];
    localtime_r(&t, &tm);
    size_t n = strftime(text, sizeof text, "%A %F", &tm);
    draw_rule(r, g, row, STYLE_DAY, text, n);
}

static void draw_time(const struct rows *r, struct grid *g, int row, int64_t ms) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    char text[LINE_SIZE];
    if (!ms)
        return;
    localtime_r(&t, &tm);
    strftime(text, sizeof text, r->m->tuning.seconds ? "%H:%M:%S" : "%H:%M", &tm);
    grid_str(g, row, r->col, r->col + r->time_cols, STYLE_TIME, text);
}

static void draw_nick(const struct rows *r, struct grid *g, int row, const struct head *h) {
    struct buf nick;
    buf_init(&nick, LINE_SIZE * 4);
    int columns = foreign_add(&nick, h->nick, h->nick_len);
    int end = r->text_col - 3, start = end - r->nick_cols;
    if (columns < r->nick_cols)
        start = end - columns;
    grid_put_cut(g, row, start, end, (uint8_t)h->nick_style, buf_cstr(&nick), nick.len);
    buf_free(&nick);
}

/* Shows where a line has what is searched for. */
static void mark_found(const struct rows *r, struct grid *g, int row, const char *s, size_t len) {
    const char *word = r->m->search.text;
    size_t n = strlen(word);
    for (size_t i = 0; n && i + n <= len; i++) {
        if (!match_same(s + i, word, n))
            continue;
        int col = r->text_col + text_columns(s, i);
        grid_put(g, row, col, r->col + r->cols, STYLE_FOUND, s + i, n);
        i += n - 1;
    }
}

/* One line of a row's text; the first has time and nick before it. */
static void draw_line(const struct rows *r, struct grid *g, int row, const struct row *what,
                      const struct head *h, const struct wrap_line *line, bool first) {
    const char *text = r->text.data + line->start;
    int end = r->col + r->cols;
    if (first) {
        draw_time(r, g, row, what->time_ms);
        draw_nick(r, g, row, h);
    }
    grid_str(g, row, r->text_col - 2, end, (uint8_t)(first ? h->mark_style : STYLE_BORDER),
             first ? h->mark : "│");
    if (!line->len)
        return;
    grid_put(g, row, r->text_col, end, (uint8_t)h->text_style, text, line->len);
    if (is_message(what))
        mark_found(r, g, row, text, line->len);
}

/* --- All lines of a row --- */

#define RULE_SIDES 5 /* columns of a rule that its text can't have */

/* Goes through the lines in order: those from `first` on are drawn into rows `row` to `end` - 1. */
struct cursor {
    struct grid *g; /* NULL: only count */
    int first, row, end;
    int lines, drawn;
};

/* Takes the next line; the screen's row to draw it in, or -1. */
static int next_line(struct cursor *c) {
    int n = c->lines++;
    if (!c->g || n < c->first || c->row + c->drawn >= c->end)
        return -1;
    return c->row + c->drawn++;
}

static void lines_of_rule(const struct rows *r, struct cursor *c, const char *text, size_t len) {
    struct wrap w;
    struct wrap_line line;
    int at;
    wrap_init(&w, text, len, r->cols - RULE_SIDES);
    while (wrap_next(&w, &line))
        if ((at = next_line(c)) >= 0)
            draw_rule(r, c->g, at, STYLE_GAP, text + line.start, line.len);
}

static void lines_before(const struct rows *r, size_t i, struct cursor *c) {
    const struct row *row = timeline_row(&r->c->timeline, i);
    const char *top = top_text(r, i);
    int at;
    if (*top)
        lines_of_rule(r, c, top, strlen(top));
    if (begins_day(r, i) && (at = next_line(c)) >= 0)
        draw_day(r, c->g, at, row->time_ms);
    if (begins_unread(r, i) && (at = next_line(c)) >= 0)
        draw_rule(r, c->g, at, STYLE_UNREAD, "unread", strlen("unread"));
}

/* How many lines a row may have: nobody need fill the screens of others. The message that a search
 * has found is whole. */
static int most_lines(const struct rows *r, const struct row *row) {
    const struct model *m = r->m;
    bool found = *m->search.text && place_cmp(row->place, m->search.at) == 0;
    return m->tuning.fold_lines == 0 || m->show_whole || found || !is_message(row)
               ? INT_MAX
               : m->tuning.fold_lines;
}

/* What is to be said below a row: "└ " and the text, as many lines as it takes. */
static void lines_below(const struct rows *r, struct cursor *c, enum style style, const char *text,
                        size_t len) {
    struct wrap w;
    struct wrap_line line;
    int at, end = r->col + r->cols;
    wrap_init(&w, text, len, r->text_cols);
    for (bool first = true; wrap_next(&w, &line); first = false) {
        if ((at = next_line(c)) < 0)
            continue;
        if (first)
            grid_str(c->g, at, r->text_col - 2, end, (uint8_t)style, "└");
        grid_put(c->g, at, r->text_col, end, (uint8_t)style, text + line.start, line.len);
    }
}

/* The reason why a message is not sent. */
static void lines_of_trouble(struct rows *r, const struct row *row, struct cursor *c) {
    struct buf why;
    buf_init(&why, LINE_SIZE * 4);
    describe_pending(&why, r->m, row);
    buf_reset(&r->text);
    foreign_add(&r->text, buf_cstr(&why), why.len);
    buf_free(&why);
    const char *text = buf_cstr(&r->text);
    lines_below(r, c, is_failed(r, row) ? STYLE_FAILED : STYLE_PENDING, text, strlen(text));
}

static void lines_of_text(struct rows *r, const struct row *row, struct cursor *c) {
    struct wrap w;
    struct wrap_line line;
    int at, left = most_lines(r, row);
    bool first = true;
    struct head h = row->kind == ROW_NOTICE ? notice_head(row) : message_head(r, row);
    set_text(r, row);
    wrap_init(&w, r->text.data, r->text.len, r->text_cols);
    while (left-- > 0 && wrap_next(&w, &line)) {
        if ((at = next_line(c)) >= 0)
            draw_line(r, c->g, at, row, &h, &line, first);
        first = false;
    }
    if (left < 0 && wrap_next(&w, &line))
        lines_below(r, c, STYLE_NOTICE, FOLDED, strlen(FOLDED));
    if (is_stuck(r, row))
        lines_of_trouble(r, row, c);
}

static void lines_of_gap(struct rows *r, const struct row *row, struct cursor *c) {
    buf_reset(&r->text);
    describe_row(&r->text, row);
    lines_of_rule(r, c, buf_cstr(&r->text), r->text.failed ? 0 : r->text.len);
}

static void go_through(struct rows *r, size_t i, struct cursor *c) {
    const struct row *row = timeline_row(&r->c->timeline, i);
    lines_before(r, i, c);
    if (is_rule(row))
        lines_of_gap(r, row, c);
    else
        lines_of_text(r, row, c);
}

int view_rows_height(struct rows *r, size_t i) {
    struct cursor c = {0};
    go_through(r, i, &c);
    return c.lines;
}

int view_rows_draw(struct rows *r, struct grid *g, size_t i, int first, int row, int end) {
    struct cursor c = {.g = g, .first = first, .row = row, .end = end};
    go_through(r, i, &c);
    return c.drawn;
}
