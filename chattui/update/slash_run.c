/* slash_run - see slash_run.h. The commands themselves are in slash_talk.c (channels and messages)
 * and slash_self.c (the program itself).
 */
#include "chattui/update/slash_run.h"

#include "chattui/update/internal.h"
#include "common/base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool (*const RUN[])(struct slash_call *call) = {
#define X(name, ...) slash_##name,
    SLASH_TABLE(X)
#undef X
};

/* --- A line --- */

static void say_unknown(struct model *m, const char *name, size_t len) {
    struct suggest s = suggest_begin(name, len);
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++)
        suggest_try(&s, d->name);
    int shown = len < 40 ? (int)len : 40;
    if (s.best)
        model_say(m, true, "no command /%.*s: did you mean /%s?", shown, name, s.best);
    else
        model_say(m, true, "no command /%.*s: /help; //%.*s says it", shown, name, shown, name);
}

static char *skip_blanks(char *s) {
    while (*s == ' ')
        s++;
    return s;
}

/* The end of the text without the blanks behind it, which completion leaves. */
static char *skip_back(const char *start, char *end) {
    while (end > start && end[-1] == ' ')
        *--end = '\0';
    return end;
}

/* Cuts `rest` into at most d->most arguments. False: too few or too many, or an empty one. A name
 * may have a space in it, so one that is quoted is one argument. */
static bool split(const struct slash_def *d, char *rest, struct slash_call *call) {
    unsigned n = 0;
    for (rest = skip_blanks(rest); *rest && n < d->most; n++) {
        bool last = n + 1 == d->most;
        char *end = *rest == '"' ? strchr(rest + 1, '"') : NULL;
        if (end && (!last || !*skip_blanks(end + 1)))
            rest++;
        else
            end = last ? skip_back(rest, rest + strlen(rest)) : rest + strcspn(rest, " ");
        if (end == rest) /* nobody is called "" */
            return false;
        call->arg[n] = rest;
        rest = *end ? end + 1 : end;
        *end = '\0';
        rest = skip_blanks(rest);
    }
    return n >= d->least && !*rest;
}

/* A pasted text that begins like a command is none, but where a text is what the command takes. */
static bool takes_lines(const struct slash_def *d) {
    return d->most > 0 && d->values[d->most - 1] == SLASH_TEXT;
}

static void cut_line_ends(char *text) {
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
}

static bool run_command(struct model *m, const struct event *e, struct effects *fx, char *command) {
    size_t len = strcspn(command, " \n");
    const struct slash_def *d = slash_find(command, len);
    struct slash_call call = {
        .m = m, .e = e, .fx = fx, .conversation = model_current(m), .arg = {"", ""}};
    if (!d) {
        say_unknown(m, command, len);
        return false;
    }
    if (strchr(command, '\n') && !takes_lines(d)) {
        model_say(m, true, "/%s is one line, and more stand behind it: nothing is done", d->name);
        return false;
    }
    if (!split(d, command + len, &call)) {
        model_say(m, true, "usage: /%s%s%s", d->name, *d->args ? " " : "", d->args);
        return false;
    }
    return RUN[d - slash_at(0)](&call);
}

/* The line with its alias in full; NULL: it has none. */
static char *expand(struct model *m, const char *command) {
    size_t len = strcspn(command, " \n");
    const struct alias *a = slash_find(command, len) ? NULL : model_alias(m, command, len);
    if (!a)
        return NULL;
    size_t size = strlen(a->text) + strlen(command) + 1;
    char *full = malloc(size);
    if (full)
        snprintf(full, size, "%s%s", a->text, command + len);
    return full;
}

void slash_run(struct model *m, const struct event *e, struct effects *fx) {
    char *command = strndup(e->u.input.text + 1, e->u.input.len - 1);
    if (command)
        cut_line_ends(command);
    char *full = command ? expand(m, command) : NULL;
    bool done = false;
    if (full && *full != '/')
        done = outbox_enter(m, fx, model_current(m), &e->u.input.uuid, full, strlen(full));
    else if (full)
        done = run_command(m, e, fx, full + 1);
    else if (command)
        done = run_command(m, e, fx, command);
    if (!done)
        effects_set_input(fx, e->u.input.text, e->u.input.len, e->u.input.len);
    free(full);
    free(command);
}
