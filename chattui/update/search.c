/* search - a text in the current channel, and mentions of the user, step by step. */
#include "chattui/base/match.h"
#include "chattui/update/internal.h"

#include <stdio.h>
#include <string.h>

typedef bool row_fn(const struct model *m, const struct row *r);

static bool is_match(const struct model *m, const struct row *r) {
    return r->kind == ROW_MESSAGE && match_text(row_text(r), r->text_len, m->search.text);
}

static bool is_mention(const struct model *m, const struct row *r) {
    (void)m;
    return r->kind == ROW_MESSAGE && (r->flags & ROW_MENTION);
}

/* The next row from `from` on that fits; NULL = none. PLACE_NONE is behind the newest. */
static const struct row *next_row(const struct model *m, const struct timeline *t,
                                  struct place from, bool older, row_fn *fits) {
    size_t i = from.epoch == 0 ? t->n : timeline_seek(t, from), first = timeline_first(t);
    if (!older) {
        i += i < t->n && place_cmp(t->rows[i]->place, from) == 0;
        while (i < t->n && !fits(m, t->rows[i]))
            i++;
        return timeline_row(t, i);
    }
    while (i > first && !fits(m, t->rows[i - 1]))
        i--;
    return i > first ? t->rows[i - 1] : NULL;
}

static bool can_load(const struct timeline *t) {
    enum timeline_top top = timeline_top(t);
    return top == TOP_MORE || top == TOP_LOADING;
}

static void found(struct model *m, struct conversation *c, const struct row *r) {
    m->search.at = r->place;
    m->search.loading = false;
    conversation_jump(m, c, r->place);
}

static void search_older(struct model *m, struct conversation *c) {
    const struct row *r = next_row(m, &c->timeline, m->search.at, true, is_match);
    if (r) {
        found(m, c, r);
    } else if (can_load(&c->timeline) && m->search.pages > 0) {
        m->search.pages--;
        m->search.loading = true;
        if (c->pages_wanted == 0)
            c->pages_wanted = 1;
        model_say(m, false, "searching older messages ...");
    } else {
        m->search.loading = false;
        model_say(m, false, "no older match for \"%s\"", m->search.text);
    }
}

void search_begin(struct model *m, const char *text) {
    struct search *s = &m->search;
    memset(s, 0, sizeof *s);
    snprintf(s->text, sizeof s->text, "%s", text);
    s->pages = (unsigned)m->tuning.history_pages;
    m->version++;
    if (*s->text)
        search_older(m, model_current(m));
}

void search_step(struct model *m, bool older) {
    struct conversation *c = model_current(m);
    if (!*m->search.text) {
        model_say(m, false, "nothing was searched for: /search TEXT");
    } else if (older) {
        m->search.pages = (unsigned)m->tuning.history_pages;
        search_older(m, c);
    } else {
        const struct row *r = next_row(m, &c->timeline, m->search.at, false, is_match);
        if (r && m->search.at.epoch > 0)
            found(m, c, r);
        else
            model_say(m, false, "no newer match for \"%s\"", m->search.text);
    }
}

void search_more(struct model *m, struct conversation *c) {
    if (m->search.loading && c == model_current(m))
        search_older(m, c);
}

void search_mention(struct model *m, bool older) {
    struct conversation *c = model_current(m);
    struct place from = c->scroll.edge == SCROLL_FOLLOW ? PLACE_NONE : c->scroll.at;
    const struct row *r = NULL;
    if (older || from.epoch > 0)
        r = next_row(m, &c->timeline, from, older, is_mention);
    if (r)
        conversation_jump(m, c, r->place);
    else
        model_say(m, false, "no %s mention of you is loaded", older ? "older" : "newer");
}
