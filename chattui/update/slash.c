/* slash - see slash.h: the table, and taking a line apart. What the commands do is in slash_talk.c
 * (channels and messages), and slash_self.c (the program itself).
 */
#include "chattui/update/slash.h"

#include "chattui/update/internal.h"
#include "chattui/update/slash_run.h"
#include "common/base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT SLASH_TEXT
#define NONE SLASH_TEXT

static const struct slash_def TABLE[] = {
    {"join",
     "NAME",
     "open the conversation with somebody, or `public`",
     1,
     1,
     {SLASH_USER},
     NULL,
     run_join},
    {"msg",
     "NAME TEXT",
     "send somebody a private message",
     2,
     2,
     {SLASH_USER, TEXT},
     NULL,
     run_msg},
    {"part",
     "[NAME]",
     "leave this conversation, or the one named",
     0,
     1,
     {SLASH_CHANNEL},
     NULL,
     run_part},
    {"me", "TEXT", "say what you do: `* alice TEXT`", 1, 1, {TEXT}, NULL, run_me},
    {"buffer",
     "TEXT",
     "go to the channel whose name has these letters in this order",
     1,
     1,
     {SLASH_CHANNEL},
     NULL,
     run_buffer},
    {"list", "", "the channels, with what is new in them", 0, 0, {NONE}, NULL, run_list},
    {"names", "", "the members of this channel", 0, 0, {NONE}, NULL, run_names},
    {"users", "[online]", "the users of this server", 0, 1, {SLASH_WORDS}, "online", run_users},
    {"search",
     "[TEXT]",
     "find a text in this channel, case apart; without: stop searching",
     0,
     1,
     {TEXT},
     NULL,
     run_search},
    {"clear",
     "[off]",
     "hide what is on the screen (it is not deleted), or show it again",
     0,
     1,
     {SLASH_WORDS},
     "off",
     run_clear},
    {"read", "", "mark everything everywhere as read", 0, 0, {NONE}, NULL, run_read},
    {"mute",
     "[on|off]",
     "no activity and bell from this channel, but for mentions",
     0,
     1,
     {SLASH_WORDS},
     "on|off",
     run_mute},
    {"pin",
     "[on|off]",
     "keep this channel at the head of the list",
     0,
     1,
     {SLASH_WORDS},
     "on|off",
     run_pin},
    {"url",
     "[N]",
     "the links of this channel, numbered from the newest; with N: open it",
     0,
     1,
     {NONE},
     NULL,
     run_url},
    {"edit", "[TEXT]", "write a message in $VISUAL or $EDITOR", 0, 1, {TEXT}, NULL, run_edit},
    {"retry",
     "[all]",
     "try the failed messages of this channel again",
     0,
     1,
     {SLASH_WORDS},
     "all",
     run_retry},
    {"discard",
     "[all]",
     "give up the failed messages of this channel",
     0,
     1,
     {SLASH_WORDS},
     "all",
     run_discard},
    {"connect",
     "[URL]",
     "connect now; another server is another chattui",
     0,
     1,
     {NONE},
     NULL,
     run_connect},
    {"reconnect", "", "close the connection and open it anew", 0, 0, {NONE}, NULL, run_reconnect},
    {"signout",
     "",
     "give up the access key, and ask for a password again",
     0,
     0,
     {NONE},
     NULL,
     run_signout},
    {"set",
     "[NAME [VALUE]]",
     "the settings, or one of them, until the program ends",
     0,
     2,
     {SLASH_SETTING, SLASH_WORDS},
     "on|off",
     run_set},
    {"alias",
     "[NAME [LINE]]",
     "call a line /NAME; what follows the name is added to it",
     0,
     2,
     {SLASH_ALIAS, SLASH_COMMAND},
     NULL,
     run_alias},
    {"unalias", "NAME", "forget an alias", 1, 1, {SLASH_ALIAS}, NULL, run_unalias},
    {"help",
     "[COMMAND]",
     "the keys and commands, or what one command does",
     0,
     1,
     {SLASH_COMMAND},
     NULL,
     run_help},
    {"quit",
     "[now]",
     "leave; `now`: without asking, though messages wait to be sent",
     0,
     1,
     {SLASH_WORDS},
     "now",
     run_quit},
};

const struct slash_def *slash_at(size_t i) {
    return i < sizeof TABLE / sizeof *TABLE ? &TABLE[i] : NULL;
}

const struct slash_def *slash_find(const char *name, size_t len) {
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++)
        if (strlen(d->name) == len && memcmp(d->name, name, len) == 0)
            return d;
    return NULL;
}

/* --- A line --- */

static const struct alias *find_alias(const struct model *m, const char *name, size_t len) {
    for (size_t i = 0; i < m->naliases; i++)
        if (strlen(m->aliases[i].name) == len && memcmp(m->aliases[i].name, name, len) == 0)
            return &m->aliases[i];
    return NULL;
}

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

/* Where the text ends without the blanks behind it, which completion leaves. */
static char *skip_back(const char *start, char *end) {
    while (end > start && end[-1] == ' ')
        *--end = '\0';
    return end;
}

/* Cuts `rest` into at most d->most arguments. False: too few or too many. A name may have a space
 * in it, so one that is quoted is one argument. */
static bool split(const struct slash_def *d, char *rest, struct slash_call *call) {
    unsigned n = 0;
    for (rest = skip_blanks(rest); *rest && n < d->most; n++) {
        bool is_last = n + 1 == d->most;
        char *end = *rest == '"' ? strchr(rest + 1, '"') : NULL;
        if (end && (!is_last || !*skip_blanks(end + 1)))
            rest++;
        else
            end = is_last ? skip_back(rest, rest + strlen(rest)) : rest + strcspn(rest, " ");
        call->arg[n] = rest;
        rest = *end ? end + 1 : end;
        *end = '\0';
        rest = skip_blanks(rest);
    }
    return n >= d->least && !*rest;
}

static bool run_line(struct model *m, const struct event *e, struct effects *fx, char *line) {
    size_t len = strcspn(line, " \n");
    const struct slash_def *d = slash_find(line, len);
    struct slash_call call = {
        .m = m, .e = e, .fx = fx, .channel = model_current(m), .arg = {"", ""}};
    if (!d) {
        say_unknown(m, line, len);
        return false;
    }
    if (!split(d, line + len, &call)) {
        model_say(m, true, "usage: /%s%s%s", d->name, *d->args ? " " : "", d->args);
        return false;
    }
    return d->run(&call);
}

/* The line with its alias in full; NULL: it has none. */
static char *expand(const struct model *m, const char *line) {
    size_t len = strcspn(line, " \n");
    const struct alias *a = slash_find(line, len) ? NULL : find_alias(m, line, len);
    if (!a)
        return NULL;
    size_t size = strlen(a->text) + strlen(line) + 1;
    char *full = malloc(size);
    if (full)
        snprintf(full, size, "%s%s", a->text, line + len);
    return full;
}

void slash_run(struct model *m, const struct event *e, struct effects *fx) {
    char *line = strndup(e->u.line.text + 1, e->u.line.len - 1);
    char *full = line ? expand(m, line) : NULL;
    bool done = false;
    if (full && *full != '/')
        done = outbox_enter(m, fx, model_current(m), &e->u.line.uuid, full, strlen(full));
    else if (full)
        done = run_line(m, e, fx, full + 1);
    else if (line)
        done = run_line(m, e, fx, line);
    if (!done)
        set_input(fx, e->u.line.text, e->u.line.len, e->u.line.len);
    free(full);
    free(line);
}
