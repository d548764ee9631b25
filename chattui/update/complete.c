/* complete - see complete.h. */
#include "chattui/update/complete.h"

#include "chattui/update/internal.h"
#include "chattui/update/slash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void complete_end(struct model *m, const char *text, size_t len) {
    struct completion *c = &m->completion;
    if (c->text && (len != c->len || memcmp(text, c->text, len) != 0))
        model_end_completion(m);
}

/* --- Gathering --- */

struct word {
    const char *text; /* as far as it was typed */
    size_t len;
    bool first; /* of the input: a name there is followed by a colon */
};

/* A name with a space in it is quoted as an argument of a command. */
static void offer(struct completion *c, const struct word *w, const char *before, const char *word,
                  const char *behind) {
    if (c->n == COMPLETIONS_MAX || !name_begins(word, w->text, w->len))
        return;
    for (size_t i = 0; i < c->n; i++)
        if (strstr(c->words[i], word) == c->words[i] + strlen(before) &&
            strlen(c->words[i]) == strlen(before) + strlen(word) + strlen(behind))
            return;
    size_t size = strlen(before) + strlen(word) + strlen(behind) + 1;
    char *text = malloc(size);
    if (!text)
        return;
    snprintf(text, size, "%s%s%s", before, word, behind);
    c->words[c->n++] = text;
}

static int later_spoke(const void *a, const void *b) {
    const struct person *x = *(struct person *const *)a, *y = *(struct person *const *)b;
    if (x->spoke != y->spoke)
        return x->spoke > y->spoke ? -1 : 1;
    return name_order(x->name, y->name);
}

/* The people of `from` that fit, the last to speak first. */
static void offer_people(struct model *m, const struct word *w, struct person *const *from,
                         size_t n, bool argument) {
    struct person *fit[COMPLETIONS_MAX];
    size_t k = 0;
    for (size_t i = 0; i < n && k < COMPLETIONS_MAX; i++)
        if (name_begins(from[i]->name, w->text, w->len) && !uuid_eq(&from[i]->uuid, &m->me))
            fit[k++] = from[i];
    qsort(fit, k, sizeof *fit, later_spoke);
    for (size_t i = 0; i < k; i++) {
        bool quoted = argument && strchr(fit[i]->name, ' ');
        const char *behind = w->first ? ": " : " ";
        offer(&m->completion, w, quoted ? "\"" : "", fit[i]->name, quoted ? "\" " : behind);
    }
}

static void offer_everybody(struct model *m, const struct word *w) {
    const struct conversation *c = model_current(m);
    offer_people(m, w, c->members.list, c->members.n, true);
    offer_people(m, w, m->roster.by_name, m->roster.n, true);
}

static void offer_commands(struct model *m, const struct word *w, const char *before) {
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++)
        offer(&m->completion, w, before, d->name, *d->args ? " " : "");
    for (size_t i = 0; i < m->naliases; i++)
        offer(&m->completion, w, before, m->aliases[i].name, " ");
}

static void offer_words(struct model *m, const struct word *w, const char *words) {
    char word[32];
    for (const char *s = words; s && *s; s += strcspn(s, "|"), s += *s == '|') {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(s, "|"), s);
        offer(&m->completion, w, "", word, "");
    }
}

static void offer_value(struct model *m, const struct word *w, const struct slash_def *d,
                        unsigned which) {
    const struct tuning_def *t;
    switch (d->values[which]) {
    case SLASH_TEXT:
    case SLASH_USER: /* by offer_argument */
        break;
    case SLASH_CHANNEL:
        for (size_t i = 0; i < m->nconversations; i++)
            offer(&m->completion, w, "", m->conversations[i]->name, "");
        break;
    case SLASH_SETTING:
        for (size_t i = 0; (t = tuning_def(i)); i++)
            offer(&m->completion, w, "", t->name, " ");
        break;
    case SLASH_COMMAND:
        offer_commands(m, w, "");
        break;
    case SLASH_ALIAS:
        for (size_t i = 0; i < m->naliases; i++)
            offer(&m->completion, w, "", m->aliases[i].name, " ");
        break;
    case SLASH_WORDS:
        offer_words(m, w, d->words);
        break;
    }
}

/* --- Where the cursor is --- */

static size_t word_start(const char *text, size_t cursor) {
    size_t i = cursor;
    while (i > 0 && text[i - 1] != ' ' && text[i - 1] != '\n')
        i--;
    return i;
}

/* Where the argument begins that the cursor is in, and which it is. One in quotes may have blanks.
 */
static size_t argument_start(const char *text, size_t cursor, unsigned most, unsigned *which) {
    size_t at = strcspn(text, " ");
    for (*which = 0;; ++*which) {
        while (at < cursor && text[at] == ' ')
            at++;
        const char *quote = text[at] == '"' ? strchr(text + at + 1, '"') : NULL;
        size_t end = at + strcspn(text + at, " ");
        if (text[at] == '"')
            end = quote ? (size_t)(quote - text) + 1 : cursor;
        if (end >= cursor || *which + 1 >= most)
            return at;
        at = end;
    }
}

/* Names in a text: behind an @ or a bracket, too, and over several words, if somebody is called
 * that. The longest fits best. */
static void offer_in_text(struct model *m, const char *text, size_t from, size_t cursor) {
    struct completion *c = &m->completion;
    const struct conversation *ch = model_current(m);
    size_t last = word_start(text, cursor);
    size_t at = cursor > from + NAME_MAX_BYTES ? cursor - NAME_MAX_BYTES : from;
    for (; at <= last && c->n == 0; at++) {
        if (at > from && text[at - 1] != ' ' && text[at - 1] != '\n')
            continue;
        c->start = at;
        while (c->start < cursor && strchr("@([{<\"'", text[c->start]))
            c->start++;
        struct word w = {.text = text + c->start, .len = cursor - c->start, .first = c->start == 0};
        offer_people(m, &w, ch->members.list, ch->members.n, false);
    }
}

/* A user's name, as far as it was typed: in quotes, or with blanks and without them. */
static void offer_user(struct model *m, const char *text, size_t start, size_t cursor) {
    size_t from = start + (start < cursor && text[start] == '"');
    struct word w = {.text = text + from, .len = cursor - from};
    m->completion.start = start;
    offer_everybody(m, &w);
}

/* Is the first word somebody else's name by itself, so that what follows is a text? */
static bool is_whole_name(const struct model *m, const char *text, size_t start) {
    const struct person *p = roster_find(&m->roster, text + start, strcspn(text + start, " "));
    return text[start] == '"' || (p && !uuid_eq(&p->uuid, &m->me));
}

static void offer_argument(struct model *m, const struct slash_def *d, const char *text,
                           size_t cursor) {
    unsigned which, first;
    size_t start = argument_start(text, cursor, d->most, &which);
    size_t name = argument_start(text, cursor, 1, &first);
    if (d->values[0] == SLASH_USER && which == 1 && !is_whole_name(m, text, name))
        offer_user(m, text, name, cursor);
    if (m->completion.n > 0)
        return;
    m->completion.start = start;
    struct word w = {.text = text + start, .len = cursor - start};
    if (d->values[which] == SLASH_TEXT)
        offer_in_text(m, text, start, cursor);
    else if (d->values[which] == SLASH_USER)
        offer_user(m, text, start, cursor);
    else
        offer_value(m, &w, d, which);
}

static void gather(struct model *m, const char *text, size_t cursor) {
    struct completion *c = &m->completion;
    bool command = text[0] == '/' && text[1] != '/';
    c->start = 0;
    c->end = cursor;
    if (!command) {
        offer_in_text(m, text, 0, cursor);
    } else if (word_start(text, cursor) == 0) {
        struct word w = {.text = text + 1, .len = cursor > 0 ? cursor - 1 : 0};
        offer_commands(m, &w, "/");
    } else {
        const struct slash_def *d = slash_find(text + 1, strcspn(text + 1, " \n"));
        if (d && d->most > 0)
            offer_argument(m, d, text, cursor);
    }
}

/* --- Tab --- */

static bool begin(struct model *m, const struct event *e) {
    struct completion *c = &m->completion;
    model_end_completion(m);
    c->base = strndup(e->u.input.text, e->u.input.len);
    if (!c->base)
        return false;
    size_t cursor = strlen(c->base);
    gather(m, c->base, e->u.input.cursor < cursor ? e->u.input.cursor : cursor);
    return c->n > 0;
}

/* The input with the word at hand in place. */
static void show_word(struct model *m, struct effects *fx) {
    struct completion *c = &m->completion;
    const char *word = c->words[c->at];
    size_t size = c->start + strlen(word) + strlen(c->base + c->end) + 1;
    char *text = malloc(size);
    if (!text)
        return;
    snprintf(text, size, "%.*s%s%s", (int)c->start, c->base, word, c->base + c->end);
    free(c->text);
    c->text = text;
    c->len = strlen(text);
    effects_set_input(fx, text, c->len, c->start + strlen(word));
}

void complete_next(struct model *m, const struct event *e, struct effects *fx) {
    struct completion *c = &m->completion;
    if (!model_current(m))
        return;
    complete_end(m, e->u.input.text, e->u.input.len);
    if (c->text)
        c->at = (c->at + (e->u.input.back ? c->n - 1 : 1)) % c->n;
    else if (!begin(m, e))
        return;
    else if (e->u.input.back)
        c->at = c->n - 1;
    show_word(m, fx);
}
