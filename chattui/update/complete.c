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
    const struct conversation *c = model_current(m);
    switch (d->values[which]) {
    case SLASH_TEXT:
        offer_people(m, w, c->members.list, c->members.n, false);
        break;
    case SLASH_USER:
        offer_everybody(m, w);
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

static unsigned words_before(const char *text, size_t start) {
    unsigned n = 0;
    for (size_t i = 0; i < start; i++)
        n += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
    return n;
}

static void gather(struct model *m, const char *text, size_t cursor) {
    struct completion *c = &m->completion;
    c->start = word_start(text, cursor);
    c->end = cursor;
    struct word w = {.text = text + c->start, .len = cursor - c->start, .first = c->start == 0};
    bool command = text[0] == '/' && text[1] != '/';
    if (command && c->start == 0) {
        w.text++;
        w.len--;
        offer_commands(m, &w, "/");
        return;
    }
    const struct slash_def *d = command ? slash_find(text + 1, strcspn(text + 1, " \n")) : NULL;
    unsigned which = d ? words_before(text, c->start) - 1 : 0;
    if (d && d->most > 0) {
        offer_value(m, &w, d, which < d->most ? which : d->most - 1);
    } else if (!command) {
        const struct conversation *ch = model_current(m);
        offer_people(m, &w, ch->members.list, ch->members.n, false);
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
