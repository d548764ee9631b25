/* find - looking for things: a name in a text, a text in a channel, links, a user by name. */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* --- In a text --- */

static bool is_word_byte(char c) {
    unsigned char u = (unsigned char)c;
    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') ||
           (u >= 'A' && u <= 'Z') || u == '_';
}

static unsigned char lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same(const char *a, const char *b, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool text_mentions(const char *text, size_t len, const char *name) {
    size_t n = strlen(name);
    if (n == 0)
        return false;
    unsigned char first = lower(name[0]);
    for (size_t i = 0; i + n <= len; i++)
        if (lower(text[i]) == first && same(text + i, name, n) &&
            (i == 0 || !is_word_byte(text[i - 1])) && (i + n == len || !is_word_byte(text[i + n])))
            return true;
    return false;
}

/* The next character, folded as the locale has it; what is no UTF-8 stands for itself. */
static wint_t next_folded(const char **s, size_t *len) {
    wchar_t c;
    mbstate_t state = {0};
    if ((unsigned char)**s < 0x80) {
        c = lower(**s);
        ++*s;
        --*len;
        return (wint_t)c;
    }
    size_t n = mbrtowc(&c, *s, *len, &state);
    if (n == 0 || n > *len) {
        c = (wchar_t)(0x110000 + (unsigned char)**s);
        n = 1;
    }
    *s += n;
    *len -= n;
    return n > 1 ? towlower((wint_t)c) : (wint_t)c;
}

static bool begins_with(const char *text, size_t len, const char *what, size_t n) {
    while (n > 0) {
        if (len == 0 || next_folded(&text, &len) != next_folded(&what, &n))
            return false;
    }
    return true;
}

bool text_has(const char *text, size_t len, const char *what) {
    size_t n = strlen(what);
    while (n > 0 && len > 0) {
        if (begins_with(text, len, what, n))
            return true;
        next_folded(&text, &len);
    }
    return false;
}

#define LINK_MAX 2000

static size_t link_length(const char *s, size_t len) {
    size_t n = 0;
    while (n < len && n < LINK_MAX && s[n] > ' ' && s[n] < 0x7f && !strchr("<>\"`{}|\\^", s[n]))
        n++;
    while (n > 0 && strchr(".,;:!?)'", s[n - 1]))
        n--; /* of the sentence, not of the link */
    return n;
}

const char *text_link(const char *text, size_t len, size_t *at, size_t *link_len) {
    for (size_t i = *at; i < len; i++) {
        size_t rest = len - i;
        size_t head = rest > 8 && same(text + i, "https://", 8)  ? 8
                      : rest > 7 && same(text + i, "http://", 7) ? 7
                                                                 : 0;
        size_t n = head > 0 ? link_length(text + i, rest) : 0;
        if (n > head) {
            *at = i + n;
            *link_len = n;
            return text + i;
        }
    }
    *at = len;
    return NULL;
}

/* --- In a channel --- */

typedef bool row_fn(const struct model *m, const struct row *r);

static bool is_match(const struct model *m, const struct row *r) {
    return r->kind == ROW_MESSAGE && text_has(row_text(r), r->text_len, m->search.text);
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

static void found(struct model *m, struct channel *c, const struct row *r) {
    m->search.at = r->place;
    m->search.is_loading = false;
    channel_jump(m, c, r->place);
}

static void search_older(struct model *m, struct channel *c) {
    const struct row *r = next_row(m, &c->timeline, m->search.at, true, is_match);
    if (r) {
        found(m, c, r);
    } else if (can_load(&c->timeline) && m->search.pages > 0) {
        m->search.pages--;
        m->search.is_loading = true;
        if (c->pages_wanted == 0)
            c->pages_wanted = 1;
        model_say(m, false, "searching older messages ...");
    } else {
        m->search.is_loading = false;
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
    struct channel *c = model_current(m);
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

void search_more(struct model *m, struct channel *c) {
    if (m->search.is_loading && c == model_current(m))
        search_older(m, c);
}

void mention_step(struct model *m, bool older) {
    struct channel *c = model_current(m);
    struct place from = c->scroll.edge == SCROLL_FOLLOW ? PLACE_NONE : c->scroll.at;
    const struct row *r = NULL;
    if (older || from.epoch > 0)
        r = next_row(m, &c->timeline, from, older, is_mention);
    if (r)
        channel_jump(m, c, r->place);
    else
        model_say(m, false, "no %s mention of you is loaded", older ? "older" : "newer");
}

/* --- A user --- */

#define LOOKUP_PAGES 50

void lookup_end(struct model *m) {
    free(m->lookup.text);
    memset(&m->lookup, 0, sizeof m->lookup);
}

static void found_user(struct model *m, struct effects *fx, const struct person *p) {
    struct recipient to = {.user = p->uuid};
    struct lookup *l = &m->lookup;
    struct channel *c = l->text ? model_open(m, &to, p->name) : NULL;
    if (!l->text) {
        channel_talk_to(m, fx, &to, p->name);
    } else if (!c) {
        model_say(m, true, "there is no room for another channel: /part one of the list");
    } else {
        if (c->join == JOIN_NONE || c->join == JOIN_REFUSED)
            c->join = JOIN_WANTED;
        if (!outbox_enter(m, fx, c, &l->uuid, l->text, strlen(l->text)))
            channel_set_draft(m, c, l->text, strlen(l->text), strlen(l->text));
        else
            model_say(m, false, "to %s: see channel %zu", p->name, model_index(m, c) + 1);
        channel_changed(m, c);
    }
    lookup_end(m);
}

void lookup_begin(struct model *m, struct effects *fx, const char *name, const char *text,
                  const struct uuid *uuid) {
    struct lookup *l = &m->lookup;
    lookup_end(m);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->text = text ? strdup(text) : NULL;
    l->uuid = *uuid;
    const struct person *p = roster_find(&m->roster, name, strlen(name));
    if (p) {
        found_user(m, fx, p);
    } else if (m->net.state != NET_ONLINE || !ask_users(m, fx, ASK_LOOKUP, 0)) {
        model_say(m, true, "%s is not known here, and the server can't be asked now", name);
        lookup_end(m);
    }
}

void lookup_users(struct model *m, const struct response *a, struct effects *fx) {
    struct lookup *l = &m->lookup;
    if (!*l->name)
        return;
    const struct person *p = roster_find(&m->roster, l->name, strlen(l->name));
    uint64_t seen = l->offset + a->u.users.n;
    if (p) {
        found_user(m, fx, p);
    } else if (a->u.users.n > 0 && seen < a->u.users.total &&
               seen < (uint64_t)LOOKUP_PAGES * USERS_PAGE_MAX) {
        l->offset = (uint32_t)seen;
        if (!ask_users(m, fx, ASK_LOOKUP, l->offset))
            lookup_end(m);
    } else {
        model_say(m, true, "there is no user %s", l->name);
        lookup_end(m);
    }
}
